import mysql from 'mysql2/promise';
import { compareTable, plainColumn } from './compare-tables.ts';
import type { DatabendProbe } from './databend.ts';
import { Random } from './random.ts';
import { until } from './until.ts';

const TABLES = ['accounts', 'orders', 'items'] as const;
/** Has no key, and equal rows. */
const KEYLESS = 'readings';
/** Its columns come and go. */
const CHANGING = 'changing';
const COLUMNS = ['id', 'owner', 'amount', 'note', 'changed_at'] as const;

export interface WorkloadOptions {
  readonly port: number;
  readonly database: string;
  readonly seed: number;
  /** Row changes to make after `prepare`. */
  readonly changes: number;
  /** Rows per table that the snapshot finds. */
  readonly initialRows: number;
  /** DDL statements, spread evenly. Default 12. */
  readonly ddl?: number;
}

/**
 * Inserts, updates, deletes, key changes and rollbacks in transactions of random size over three tables and one without key; a fifth
 * gains, renames and loses columns and is truncated, `ddl` times over the run. Survives server restarts.
 */
export class Workload {
  readonly #o: WorkloadOptions;
  readonly #random: Random;
  #done = 0;
  #nextId: number;
  #nextDdl = 0;
  #columnsMade = 0;
  /** Columns of the changing table behind its key; null = to be asked for. */
  #extra: string[] | null = null;

  constructor(options: WorkloadOptions) {
    this.#o = options;
    this.#random = new Random(options.seed);
    this.#nextId = options.initialRows;
  }

  get done(): number {
    return this.#done;
  }

  async connect(): Promise<mysql.Connection> {
    const c = await mysql.createConnection({ host: '127.0.0.1', port: this.#o.port, user: 'root', dateStrings: true, timezone: 'Z' });
    c.on('error', () => {});
    return c;
  }

  async prepare(): Promise<void> {
    const c = await this.connect();
    const db = this.#o.database;
    await c.query(`DROP DATABASE IF EXISTS ${db}`);
    await c.query(`CREATE DATABASE ${db} CHARACTER SET utf8mb4`);
    for (const table of TABLES) {
      await c.query(
        `CREATE TABLE ${db}.${table} (id BIGINT PRIMARY KEY, owner VARCHAR(60) NOT NULL, amount DECIMAL(18,4), note TEXT, changed_at DATETIME(6))`,
      );
      for (let from = 1; from <= this.#o.initialRows; from += 1000) {
        const rows = [];
        for (let id = from; id < from + 1000 && id <= this.#o.initialRows; id++)
          rows.push(`(${id}, 'owner ${id}', ${id}.25, NULL, NOW(6))`);
        await c.query(`INSERT INTO ${db}.${table} VALUES ${rows.join(',')}`);
      }
    }
    await c.query(`CREATE TABLE ${db}.${KEYLESS} (sensor INT, reading VARCHAR(20))`);
    await c.query(`CREATE TABLE ${db}.${CHANGING} (id BIGINT PRIMARY KEY, first_note VARCHAR(60))`);
    const n = Math.min(2000, this.#o.initialRows);
    for (let i = 0; i < n; i += 500) {
      await c.query(
        `INSERT INTO ${db}.${KEYLESS} VALUES ${Array.from({ length: 500 }, (_, k) => `(${(i + k) % 300}, 'r${k % 7}')`).join(',')}`,
      );
      await c.query(`INSERT INTO ${db}.${CHANGING} VALUES ${Array.from({ length: 500 }, (_, k) => `(${i + k + 1}, 'first')`).join(',')}`);
    }
    await c.end();
  }

  /** Makes the changes; a lost connection is waited out and the transaction, whose fate is unknown, left behind. */
  async run(signal: AbortSignal): Promise<void> {
    let c: mysql.Connection | null = null;
    while (this.#done < this.#o.changes && !signal.aborted) {
      try {
        c ??= await this.connect();
        await this.#transaction(c);
        if (this.#done >= this.#nextDdl) {
          await this.#alter(c);
          this.#nextDdl += this.#o.changes / (this.#o.ddl ?? 12);
        }
      } catch (error) {
        c?.destroy();
        c = null;
        this.#extra = null;
        if (!isConnectionLoss(error)) throw error;
        await until('the source server to come back', 60_000, async () => {
          try {
            const probe = await this.connect();
            await probe.end();
            return true;
          } catch {
            return signal.aborted;
          }
        });
      }
    }
    await c?.end();
  }

  async #transaction(c: mysql.Connection): Promise<void> {
    const r = this.#random;
    const statements = 1 + r.below(6);
    const extra = (this.#extra ??= (await this.#columns(c)).filter((name) => name !== 'id'));
    await c.beginTransaction();
    let rows = 0;
    for (let i = 0; i < statements; i++) {
      const [result] = await c.query(this.#statement(extra));
      rows += (result as mysql.ResultSetHeader).affectedRows;
    }
    if (r.below(20) === 0) {
      await c.rollback();
      return;
    }
    await c.commit();
    this.#done += rows;
  }

  async #columns(c: mysql.Connection): Promise<string[]> {
    const [rows] = await c.query(
      'SELECT column_name AS name FROM information_schema.columns WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position',
      [this.#o.database, CHANGING],
    );
    return (rows as { name: string }[]).map((r) => r.name);
  }

  async #alter(c: mysql.Connection): Promise<void> {
    const r = this.#random;
    const table = `${this.#o.database}.${CHANGING}`;
    this.#extra = (await this.#columns(c)).filter((name) => name !== 'id');
    const column = this.#extra.length === 0 ? null : r.pick(this.#extra);
    const fresh = `c${++this.#columnsMade}`;
    switch (column === null ? 0 : r.below(5)) {
      case 0:
        await c.query(`ALTER TABLE ${table} ADD COLUMN ${fresh} VARCHAR(60) NOT NULL DEFAULT 'as added'`);
        break;
      case 1:
        await c.query(`ALTER TABLE ${table} ADD COLUMN ${fresh} VARCHAR(60) NULL FIRST`);
        break;
      case 2:
        await c.query(`ALTER TABLE ${table} RENAME COLUMN ${column} TO ${fresh}`);
        break;
      case 3:
        await c.query(`ALTER TABLE ${table} DROP COLUMN ${column}`);
        break;
      default:
        await c.query(`TRUNCATE TABLE ${table}`);
    }
    this.#extra = (await this.#columns(c)).filter((name) => name !== 'id');
  }

  #keylessStatement(): string {
    const r = this.#random;
    const table = `${this.#o.database}.${KEYLESS}`;
    const where = `sensor = ${r.below(300)}`;
    switch (r.below(4)) {
      case 0:
        return `DELETE FROM ${table} WHERE ${where} LIMIT ${1 + r.below(3)}`;
      case 1:
        return `UPDATE ${table} SET reading = 'u${r.below(5)}' WHERE ${where} LIMIT ${1 + r.below(3)}`;
      default:
        return `INSERT INTO ${table} VALUES ${Array.from({ length: 1 + r.below(20) }, () => `(${r.below(300)}, 'r${r.below(7)}')`).join(',')}`;
    }
  }

  #changingStatement(extra: readonly string[]): string {
    const r = this.#random;
    const table = `${this.#o.database}.${CHANGING}`;
    const some = 1 + r.below(Math.max(1, this.#nextId));
    if (r.below(4) === 0) return `DELETE FROM ${table} WHERE id BETWEEN ${some} AND ${some + 20}`;
    if (r.below(3) === 0 && extra.length > 0)
      return `UPDATE ${table} SET ${r.pick(extra)} = 'changed ${r.below(1000)}' WHERE id BETWEEN ${some} AND ${some + 500}`;
    const rows = Array.from(
      { length: 1 + r.below(10) },
      () => `(${[++this.#nextId, ...extra.map((e) => `'${e} ${r.below(100)}'`)].join(', ')})`,
    );
    return `INSERT INTO ${table} (${['id', ...extra].join(', ')}) VALUES ${rows.join(', ')}`;
  }

  #statement(extra: readonly string[]): string {
    switch (this.#random.below(12)) {
      case 0:
      case 1:
        return this.#keylessStatement();
      case 2:
      case 3:
        return this.#changingStatement(extra);
      default:
        return this.#keyedStatement();
    }
  }

  #keyedStatement(): string {
    const r = this.#random;
    const table = `${this.#o.database}.${r.pick(TABLES)}`;
    const some = 1 + r.below(Math.max(1, this.#nextId));
    switch (r.below(8)) {
      case 0:
        return `DELETE FROM ${table} WHERE id BETWEEN ${some} AND ${some + r.below(4)}`;
      case 1:
        // The key changes; the new one is free because ids only grow.
        this.#nextId++;
        return `UPDATE ${table} SET id = ${this.#nextId} WHERE id = ${some}`;
      case 2:
        return `REPLACE INTO ${table} VALUES (${some}, 'replaced ${r.below(1000)}', ${r.below(1000)}, REPEAT('é', ${r.below(30)}), NOW(6))`;
      case 3:
      case 4:
        return `UPDATE ${table} SET amount = amount + 1, changed_at = NOW(6) WHERE id BETWEEN ${some} AND ${some + r.below(60)}`;
      default: {
        const rows = [];
        const n = 1 + r.below(60);
        for (let i = 0; i < n; i++)
          rows.push(`(${++this.#nextId}, 'owner ${r.below(1e6)}', ${r.below(1e6)}.${r.below(9999)}, NULL, NOW(6))`);
        return `INSERT INTO ${table} VALUES ${rows.join(',')}`;
      }
    }
  }

  /** Differences between source and target; empty = equal and no key doubled. */
  async compare(target: DatabendProbe): Promise<string[]> {
    const c = await this.connect();
    try {
      const out: string[] = [];
      for (const table of TABLES) {
        const result = await compareTable(c, target, {
          database: this.#o.database,
          table,
          keys: ['id'],
          columns: COLUMNS.map(plainColumn),
        });
        out.push(...result.differences);
      }
      const names = await this.#columns(c);
      const there = await this.#targetColumns(target);
      if (there.join() !== names.toSorted().join())
        out.push(`${CHANGING}: columns ${names.toSorted()} in the source, ${there} in the target`);
      else {
        const columns = ['id', ...names.filter((n) => n !== 'id')].map(plainColumn);
        out.push(...(await compareTable(c, target, { database: this.#o.database, table: CHANGING, keys: ['id'], columns })).differences);
      }
      const here = new Map(await this.#keylessHere(c));
      for (const [row, count] of await this.#keylessThere(target)) {
        if (here.get(row) !== count) out.push(`${KEYLESS} ${row}: ${here.get(row) ?? 0} times in the source, ${count} in the target`);
        here.delete(row);
      }
      for (const [row, count] of here) out.push(`${KEYLESS} ${row}: ${count} times in the source, not in the target`);
      return out;
    } finally {
      await c.end();
    }
  }

  async #targetColumns(target: DatabendProbe): Promise<string[]> {
    const rows = await target.rows(
      `SELECT name FROM system.columns WHERE database = '${this.#o.database}' AND table = '${CHANGING}' ORDER BY name`,
    );
    return rows.map((r) => String(r[0]));
  }

  async #keylessHere(c: mysql.Connection): Promise<[string, number][]> {
    const [rows] = await c.query(
      `SELECT CONCAT(sensor, ' ', reading) AS t, COUNT(*) AS n FROM ${this.#o.database}.${KEYLESS} GROUP BY sensor, reading`,
    );
    return (rows as { t: string; n: number }[]).map((r) => [r.t, Number(r.n)]);
  }

  async #keylessThere(target: DatabendProbe): Promise<[string, number][]> {
    const rows = await target.rows(
      `SELECT concat("sensor"::string, ' ', "reading"), count(*)::string FROM "${this.#o.database}"."${KEYLESS}" GROUP BY "sensor", "reading"`,
    );
    return rows.map((r) => [String(r[0]), Number(r[1])]);
  }

  /** Cheap check used while waiting: counts, key sums and amounts agree. */
  async looksEqual(target: DatabendProbe): Promise<boolean> {
    const c = await this.connect();
    try {
      for (const table of TABLES) {
        const [rows] = (await c.query({
          sql: `SELECT CONCAT_WS(' ', COUNT(*), SUM(id), SUM(amount), MAX(changed_at)) FROM ${this.#o.database}.${table}`,
          rowsAsArray: true,
        })) as unknown as [[string][]];
        let there: unknown;
        try {
          const sums = `count(*)::string, sum("id")::string, sum("amount")::string, max("changed_at")::string`;
          there = (await target.rows(`SELECT concat_ws(' ', ${sums}) FROM "${this.#o.database}"."${table}"`))[0]?.[0];
        } catch {
          return false;
        }
        if (rows[0]?.[0] !== String(there)) return false;
      }
      for (const [table, sum] of [
        [KEYLESS, 'sensor'],
        [CHANGING, 'id'],
      ] as const) {
        const [rows] = (await c.query({
          sql: `SELECT CONCAT_WS(' ', COUNT(*), COALESCE(SUM(${sum}), 0)) FROM ${this.#o.database}.${table}`,
          rowsAsArray: true,
        })) as unknown as [[string][]];
        try {
          const text = `concat_ws(' ', count(*)::string, coalesce(sum("${sum}"), 0)::string)`;
          const there = (await target.rows(`SELECT ${text} FROM "${this.#o.database}"."${table}"`))[0]?.[0];
          if (rows[0]?.[0] !== String(there)) return false;
        } catch {
          return false;
        }
      }
      // The last statement may have been DDL, or an update of rows that were counted already.
      return (await this.compare(target)).length === 0;
    } finally {
      await c.end();
    }
  }
}

function isConnectionLoss(error: unknown): boolean {
  const code = (error as { code?: string }).code ?? '';
  return (
    /ECONNREFUSED|ECONNRESET|PROTOCOL_CONNECTION_LOST|EPIPE|ER_SERVER_SHUTDOWN|ER_QUERY_INTERRUPTED/.test(code) ||
    /closed state/.test(String(error))
  );
}
