import mysql from 'mysql2/promise';
import { compareTable, plainColumn } from './compare-tables.ts';
import type { DatabendProbe } from './databend.ts';
import { Random } from './random.ts';
import { until } from './until.ts';

const TABLES = ['accounts', 'orders', 'items'] as const;
const COLUMNS = ['id', 'owner', 'amount', 'note', 'changed_at'] as const;

export interface WorkloadOptions {
  readonly port: number;
  readonly database: string;
  readonly seed: number;
  /** Row changes to make after `prepare`. */
  readonly changes: number;
  /** Rows per table that the snapshot finds. */
  readonly initialRows: number;
}

/** Inserts, updates, deletes, key changes and rollbacks in transactions of random size over three tables; survives server restarts. */
export class Workload {
  readonly #o: WorkloadOptions;
  readonly #random: Random;
  #done = 0;
  #nextId: number;

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
    await c.end();
  }

  /** Makes the changes; a lost connection is waited out and the transaction, whose fate is unknown, left behind. */
  async run(signal: AbortSignal): Promise<void> {
    let c: mysql.Connection | null = null;
    while (this.#done < this.#o.changes && !signal.aborted) {
      try {
        c ??= await this.connect();
        await this.#transaction(c);
      } catch (error) {
        c?.destroy();
        c = null;
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
    await c.beginTransaction();
    let rows = 0;
    for (let i = 0; i < statements; i++) {
      const [result] = await c.query(this.#statement());
      rows += (result as mysql.ResultSetHeader).affectedRows;
    }
    if (r.below(20) === 0) {
      await c.rollback();
      return;
    }
    await c.commit();
    this.#done += rows;
  }

  #statement(): string {
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
      return out;
    } finally {
      await c.end();
    }
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
      return true;
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
