import { createHash } from 'node:crypto';
import type mysql from 'mysql2/promise';
import type { ComparedColumn } from '../support/compare-tables.ts';
import { compareTable, plainColumn } from '../support/compare-tables.ts';
import type { DatabendProbe } from '../support/databend.ts';

/** Both sides of one table. Equal only when `differences` is empty. */
export interface SidesOfTable {
  readonly table: string;
  readonly sourceRows: number;
  readonly targetRows: number;
  readonly sourceChecksum: string;
  readonly targetChecksum: string;
  readonly differences: readonly string[];
}

/**
 * Compares a table in MySQL with the one in Databend: columns, rows and every value as text, by riverbend's neither code nor driver connections.
 * A table that is not there yet counts as different.
 */
export async function compareSides(
  source: mysql.Connection,
  target: DatabendProbe,
  database: string,
  table: string,
): Promise<SidesOfTable> {
  const columns = await sourceColumns(source, database, table);
  const there = await targetColumns(target, database, table);
  const asked = columns.map((c) => c.name);
  if (asked.join() !== there.toSorted((a, b) => asked.indexOf(a) - asked.indexOf(b)).join()) {
    const what = there.length === 0 ? 'is not in Databend' : `has columns ${asked.join(', ')} in MySQL, ${there.join(', ')} in Databend`;
    return { table, sourceRows: -1, targetRows: -1, sourceChecksum: '', targetChecksum: '', differences: [`${database}.${table} ${what}`] };
  }
  const compared = await compareTable(source, target, { database, table, keys: ['id'], columns });
  const [rows] = (await source.query({
    sql: `SELECT ${columns.map((c) => c.source).join(', ')} FROM \`${database}\`.\`${table}\``,
    rowsAsArray: true,
  })) as unknown as [unknown[][]];
  const targetRows = await target.rows(`SELECT ${columns.map((c) => c.target).join(', ')} FROM "${database}"."${table}"`);
  const sourceChecksum = checksum(rows);
  const targetChecksum = checksum(targetRows);
  const differences = [...compared.differences];
  if (differences.length === 0 && sourceChecksum !== targetChecksum) differences.push(`${database}.${table}: the checksums differ`);
  return { table, sourceRows: rows.length, targetRows: targetRows.length, sourceChecksum, targetChecksum, differences };
}

async function sourceColumns(source: mysql.Connection, database: string, table: string): Promise<ComparedColumn[]> {
  const [rows] = (await source.query({
    sql: 'SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION',
    values: [database, table],
    rowsAsArray: true,
  })) as unknown as [string[][]];
  return rows.map(([name = '', type = '']) => {
    if (type !== 'timestamp' && type !== 'datetime') return plainColumn(name);
    // Databend prints microseconds always
    return { ...plainColumn(name), source: `DATE_FORMAT(\`${name}\`, '%Y-%m-%d %H:%i:%s.%f')` };
  });
}

async function targetColumns(target: DatabendProbe, database: string, table: string): Promise<string[]> {
  const rows = await target.rows(
    `SELECT name FROM system.columns WHERE database = '${database.replaceAll("'", "''")}' AND table = '${table.replaceAll("'", "''")}'`,
  );
  return rows.map((row) => String(row[0]));
}

/** SHA-256 over the rows in the order of their first column, a number; each value with its length before it, NULL unlike any text. First 16 hex digits. */
function checksum(rows: readonly (readonly unknown[])[]): string {
  const hash = createHash('sha256');
  for (const row of rows.toSorted((a, b) => Number(a[0]) - Number(b[0]))) {
    for (const value of row) {
      if (value === null || value === undefined) {
        hash.update('-1\n');
        continue;
      }
      const text = Buffer.isBuffer(value) ? value : Buffer.from(String(value));
      hash.update(`${text.length}\n`).update(text);
    }
    hash.update('\n');
  }
  return hash.digest('hex').slice(0, 16);
}
