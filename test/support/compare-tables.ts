import type mysql from 'mysql2/promise';
import type { DatabendProbe } from './databend.ts';

/** One column as both sides print it: SQL expressions that give the same text for the same value. */
export interface ComparedColumn {
  readonly name: string;
  readonly source: string;
  readonly target: string;
  /** Applied to both texts before they are compared. */
  readonly canonical?: (text: string) => string;
}

export function plainColumn(name: string): ComparedColumn {
  return { name, source: `CAST(\`${name}\` AS CHAR)`, target: `"${name}"::string` };
}

export interface TableComparison {
  readonly sourceRows: number;
  readonly targetRows: number;
  readonly duplicateKeys: number;
  /** The first differences, readable. */
  readonly differences: readonly string[];
}

/** Compares every row of a table on both sides by its key columns' text; the columns of `columns` starting with the key. */
export async function compareTable(
  source: mysql.Connection,
  target: DatabendProbe,
  table: {
    readonly database: string;
    readonly table: string;
    readonly keys: readonly string[];
    readonly columns: readonly ComparedColumn[];
  },
): Promise<TableComparison> {
  const [rows] = (await source.query({
    sql: `SELECT ${table.columns.map((c) => c.source).join(', ')} FROM \`${table.database}\`.\`${table.table}\``,
    rowsAsArray: true,
    // As the server's text: the client's own reading of numbers is not exact, nor is the server's CAST of a DOUBLE to CHAR.
    typeCast: (field: { string(): string | null }) => field.string(),
  })) as unknown as [unknown[][]];
  const targetRows = await target.rows(`SELECT ${table.columns.map((c) => c.target).join(', ')} FROM "${table.database}"."${table.table}"`);
  const keyOrdinals = table.keys.map((k) => table.columns.findIndex((c) => c.name === k));
  const canon = (row: readonly unknown[]) =>
    table.columns.map((c, i) => {
      const v = row[i];
      if (v === null || v === undefined) return null;
      const text = Buffer.isBuffer(v) ? v.toString('utf8') : String(v);
      return c.canonical === undefined ? text : c.canonical(text);
    });
  const byKey = new Map<string, (string | null)[]>();
  let duplicateKeys = 0;
  for (const row of targetRows) {
    const c = canon(row);
    const key = JSON.stringify(keyOrdinals.map((i) => c[i]));
    if (byKey.has(key)) duplicateKeys++;
    byKey.set(key, c);
  }
  const differences: string[] = [];
  const differ = (text: string) => {
    if (differences.length < 10) differences.push(`${table.database}.${table.table} ${text}`);
  };
  for (const row of rows) {
    const expected = canon(row);
    const key = JSON.stringify(keyOrdinals.map((i) => expected[i]));
    const actual = byKey.get(key);
    if (actual === undefined) {
      differ(`key ${key}: missing in the target`);
      continue;
    }
    byKey.delete(key);
    for (const [i, column] of table.columns.entries()) {
      if (expected[i] !== actual[i]) differ(`key ${key} column ${column.name}: source ${expected[i]} target ${actual[i]}`);
    }
  }
  for (const key of byKey.keys()) differ(`key ${key}: only in the target`);
  if (duplicateKeys > 0) differ(`${duplicateKeys} keys doubled in the target`);
  return { sourceRows: rows.length, targetRows: targetRows.length, duplicateKeys, differences };
}
