import { primitive, struct } from '../../../../../src/model/schema.ts';
import { formatTableId, type TableId, type TableSchema } from '../../../../../src/model/table-schema.ts';
import type { Table } from '../../../../../src/relational/table.ts';
import { effectiveKey } from '../../../../../src/relational/table-change.ts';
import { DatabaseSchema, type DatabaseSchemaOptions } from '../../../../../src/source/mysql/schema/database-schema.ts';

/** A compiled table with the columns' names and nothing else: what DatabaseSchema needs of a compiler. */
export function compileNames(table: Table): TableSchema {
  const field = primitive('string', { optional: true });
  const value = struct(table.columns.map((c) => [c.name, field] as const));
  const keyOrdinals = effectiveKey(table).map((n) => table.columns.findIndex((c) => c.name === n));
  const topic = formatTableId(table.id);
  return { id: table.id, topic, key: null, value, envelope: value, shape: 'row', keyOrdinals };
}

/** A schema over utf8mb4 that captures everything outside the system databases, unless told otherwise. */
export function newSchema(o: Partial<DatabaseSchemaOptions> & { readonly only?: readonly string[] } = {}): DatabaseSchema {
  const { only, ...rest } = o;
  const captured = (id: TableId): boolean => (only === undefined ? id.database !== 'mysql' : only.includes(formatTableId(id)));
  const connector = o.connector ?? 'mysql';
  return new DatabaseSchema({
    connector,
    compile: compileNames,
    captured,
    databaseCaptured: (d) => (only === undefined ? d !== 'mysql' : only.some((t) => t.startsWith(`${d}.`))),
    lowerCaseTableNames: 0,
    serverCharset: 'utf8mb4',
    serverCollation: connector === 'mysql' ? 'utf8mb4_0900_ai_ci' : 'utf8mb4_general_ci',
    storeOnlyCapturedTables: false,
    skipUnparseable: false,
    ...rest,
  });
}
