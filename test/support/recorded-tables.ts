import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Column, Table } from '../../src/relational/table.ts';

const CASES = join(import.meta.dirname, '../golden/cases');

type Obj = { [key: string]: unknown };

function lines(file: string): Obj[] {
  return readFileSync(join(CASES, file), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Obj);
}

/** Tables of a recording, from the `tableChanges` of its schema-change events; the last version of each. */
export function recordedTables(name: string, suffix = ''): Map<string, Table> {
  const tables = new Map<string, Table>();
  for (const event of lines(`${name}/events${suffix}.jsonl`)) {
    const value = (typeof event['value'] === 'string' ? JSON.parse(event['value']) : event['value']) as Obj | null;
    for (const change of (value?.['tableChanges'] ?? []) as Obj[]) {
      const table = change['table'] as Obj | null;
      if (table === null || table === undefined) continue;
      const [database, tableName] = (change['id'] as string).replaceAll('"', '').split('.') as [string, string];
      tables.set(`${database}.${tableName}`, {
        id: { database, table: tableName },
        columns: (table['columns'] as Obj[]).map(column),
        primaryKeyColumnNames: table['primaryKeyColumnNames'] as string[],
        uniqueIndexes: [],
        defaultCharsetName: table['defaultCharsetName'] as string | null,
        defaultCollation: null,
        comment: null,
      });
    }
  }
  return tables;
}

function column(o: Obj): Column {
  return {
    name: o['name'] as string,
    position: o['position'] as number,
    jdbcType: o['jdbcType'] as number,
    typeName: o['typeName'] as string,
    typeExpression: o['typeExpression'] as string,
    charsetName: o['charsetName'] as string | null,
    collation: null,
    length: o['length'] as number | null,
    scale: o['scale'] as number | null,
    optional: o['optional'] as boolean,
    autoIncremented: o['autoIncremented'] as boolean,
    generated: o['generated'] as boolean,
    computed: null,
    invisible: false,
    srid: null,
    comment: null,
    hasDefault: o['defaultValueExpression'] !== null,
    defaultValueExpression: o['defaultValueExpression'] as string | null,
    enumValues: o['enumValues'] as string[] | null,
  };
}

/** The recorded Connect schemas by name: `dbserver1.g_types.t_int.Envelope` → schema. */
export function recordedSchemas(name: string, suffix = ''): Map<string, unknown> {
  const schemas = new Map<string, unknown>();
  for (const line of lines(`${name}/schemas${suffix}.jsonl`)) {
    const schema = line['schema'] as Obj;
    if (typeof schema['name'] === 'string') schemas.set(schema['name'], schema);
  }
  return schemas;
}
