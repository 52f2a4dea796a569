import { CdcError } from '../../../model/errors.ts';
import { tableChangeFromJson, tableChangeToJson } from '../../../relational/table-change.ts';
import type { HistoryRecord } from '../../../spi/schema-history.ts';
import type { DatabaseSchema, DdlContext } from './database-schema.ts';

/**
 * Applies one history record: its statement first (indexes and charsets have no table change), then its table
 * changes, which win wherever they differ. Debezium's records lack what our model has beyond theirs; where the statement
 * gave the same table, the statement's richer version stays.
 */
export function recoverRecord(schema: DatabaseSchema, record: HistoryRecord, apply: (ddl: string, context: DdlContext) => void): void {
  if (record.ddl !== '') apply(record.ddl, { database: record.databaseName });
  for (const json of record.tableChanges) {
    const change = tableChangeFromJson(json);
    if (change.type === 'DROP') {
      schema.tables.remove(change.id);
      continue;
    }
    if (change.table === null) {
      throw new CdcError('CDC_HISTORY_CORRUPT', 'fatal', `schema history: a ${change.type} of "${change.id.table}" has no table`, {
        hint: 'restore the schema history from a backup, or remove it and reset the offsets for a new snapshot',
      });
    }
    // Where the statement was understood, it has moved the table already.
    if (change.previousId !== null && !schema.tables.same(change.previousId, change.id)) schema.tables.remove(change.previousId);
    const parsed = schema.tables.get(change.id);
    if (parsed !== null && !change.exact) {
      const bare = JSON.stringify({ ...(tableChangeToJson({ ...change, table: parsed }) as object), comment: null });
      if (withoutAttributes(bare) === withoutAttributes(JSON.stringify({ ...(json as object), comment: null }))) continue;
    }
    schema.tables.put(change.table);
  }
}

function withoutAttributes(text: string): string {
  return JSON.stringify(JSON.parse(text), (key, value) => (key === 'attributes' ? [] : value));
}

/** One CREATE per table and database, at the position of the last record they replace. */
export function compactHistory(schema: DatabaseSchema, records: readonly HistoryRecord[]): readonly HistoryRecord[] {
  const last = records[records.length - 1];
  if (last === undefined) return [];
  const entry = (databaseName: string, ddl: string, tableChanges: HistoryRecord['tableChanges']): HistoryRecord => ({
    source: last.source,
    position: last.position,
    databaseName,
    ddl,
    tableChanges,
    tsMs: last.tsMs,
  });
  const charset = ({ charset, collation }: { charset: string | null; collation: string | null }): string =>
    `CHARSET ${charset}${collation === null ? '' : ` COLLATE ${collation}`}`;
  const server = schema.serverCharset;
  const collation = server.collation === null ? '' : `, collation_server=${server.collation}`;
  return [
    entry('', `SET character_set_server=${server.charset}${collation}`, []),
    ...schema.databases().map(([name, c]) => entry(name, `CREATE DATABASE \`${name.replaceAll('`', '``')}\` ${charset(c)}`, [])),
    ...schema.tables
      .list()
      .map((table) => entry(table.id.database, '', [tableChangeToJson({ type: 'CREATE', id: table.id, previousId: null, table })])),
  ];
}
