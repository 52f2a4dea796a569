import mysql from 'mysql2/promise';
import { compareTable, plainColumn } from './compare-tables.ts';
import type { DatabendProbe } from './databend.ts';
import { Random } from './random.ts';
import { until } from './until.ts';

/** What a statement may fail with because another connection changed the table meanwhile. */
const OVERTAKEN = new Set([
  'ER_BAD_FIELD_ERROR',
  'ER_CHECKREAD',
  'ER_DUP_ENTRY',
  'ER_LOCK_DEADLOCK',
  'ER_LOCK_WAIT_TIMEOUT',
  'ER_NO_SUCH_TABLE',
  'ER_TABLE_DEF_CHANGED',
  'ER_WRONG_VALUE_COUNT_ON_ROW',
]);

/** Changes of definitions in order; each follows upon writes of every connection. `a` evolves, `b` moves, `c` goes and comes. */
const CHANGES = [
  "ALTER TABLE a ADD COLUMN c1 VARCHAR(40) NOT NULL DEFAULT 'as added'",
  'ALTER TABLE a ADD COLUMN c2 INT NULL FIRST',
  'RENAME TABLE b TO b2',
  'CREATE TABLE b LIKE c',
  'ALTER TABLE a RENAME COLUMN c1 TO d1',
  'TRUNCATE TABLE c',
  'ALTER TABLE a MODIFY COLUMN c2 BIGINT NULL AFTER note',
  'DROP TABLE c',
  'CREATE TABLE c (id BIGINT PRIMARY KEY, note VARCHAR(60), fresh INT DEFAULT 7)',
  'RENAME TABLE b TO swap, b2 TO b, swap TO b2',
  'ALTER TABLE a DROP COLUMN d1, ADD COLUMN c3 DECIMAL(12,2) DEFAULT 1.5',
  'ALTER TABLE a MODIFY COLUMN note VARCHAR(200), RENAME COLUMN c2 TO e2',
  'TRUNCATE TABLE a',
  'DROP TABLE b2',
  'CREATE TABLE b2 (id BIGINT PRIMARY KEY, note VARCHAR(60), other DATETIME(3))',
  'ALTER TABLE c DROP COLUMN fresh',
  'ALTER TABLE a DROP COLUMN e2',
  "ALTER TABLE a ADD COLUMN e2 VARCHAR(10) DEFAULT 'again'",
] as const;

/** Three connections write to tables whose definitions a fourth one changes all the while. */
export class DdlWorkload {
  readonly #database: string;
  readonly #port: number;
  readonly #seed: number;
  #writes = 0;
  #changed = 0;

  constructor(port: number, database: string, seed: number) {
    this.#port = port;
    this.#database = database;
    this.#seed = seed;
  }

  /** Changes of definitions made. */
  get changed(): number {
    return this.#changed;
  }

  async prepare(): Promise<void> {
    const c = await this.#connect(false);
    await c.query(`DROP DATABASE IF EXISTS ${this.#database}`);
    await c.query(`CREATE DATABASE ${this.#database} CHARACTER SET utf8mb4`);
    await c.query(`USE ${this.#database}`);
    for (const table of ['a', 'b', 'c']) {
      await c.query(`CREATE TABLE ${table} (id BIGINT PRIMARY KEY, note VARCHAR(60))`);
      await c.query(`INSERT INTO ${table} VALUES ${Array.from({ length: 300 }, (_, i) => `(${i}, 'first ${i}')`).join(',')}`);
    }
    await c.end();
  }

  /** Ends when every change is made and written after; `between` runs ahead of each change. */
  async run(between: (changed: number) => Promise<void> = async () => {}): Promise<void> {
    const stop = new AbortController();
    const writers = [1, 2, 3].map((n) => this.#write(n, stop.signal));
    const failed = Promise.race(writers.map((w) => w.then(() => new Promise<never>(() => {}))));
    const change = async (): Promise<void> => {
      const c = await this.#connect();
      for (const sql of CHANGES) {
        await this.#someWrites();
        await between(this.#changed);
        await c.query(sql);
        this.#changed++;
      }
      await this.#someWrites();
      await c.end();
    };
    try {
      await Promise.race([change(), failed]);
    } finally {
      stop.abort();
      await Promise.all(writers);
    }
  }

  /** Differences between source and target, also in which tables and columns there are; empty = equal. */
  async compare(target: DatabendProbe): Promise<readonly string[]> {
    const c = await this.#connect();
    try {
      const [rows] = await c.query(
        'SELECT table_name AS t, column_name AS c FROM information_schema.columns WHERE table_schema = ? ORDER BY table_name, column_name',
        [this.#database],
      );
      const here = (rows as { t: string; c: string }[]).map((r) => `${r.t}.${r.c}`);
      const there = await target.rows(
        `SELECT table, name FROM system.columns WHERE database = '${this.#database}' AND table NOT LIKE 'riverbend%' ORDER BY table, name`,
      );
      const names = there.map((r) => r.join('.'));
      if (names.join() !== here.join()) return [`columns in the source: ${here.join()}; in the target: ${names.join()}`];
      const out: string[] = [];
      for (const table of new Set((rows as { t: string }[]).map((r) => r.t))) {
        const columns = (rows as { t: string; c: string }[]).filter((r) => r.t === table).map((r) => plainColumn(r.c));
        const result = await compareTable(c, target, { database: this.#database, table, keys: ['id'], columns });
        out.push(...result.differences);
        if (result.sourceRows === 0) out.push(`${table}: has no rows to compare`);
      }
      return out;
    } finally {
      await c.end();
    }
  }

  async clean(): Promise<void> {
    const c = await this.#connect(false);
    await c.query(`DROP DATABASE IF EXISTS ${this.#database}`);
    await c.end();
  }

  async #someWrites(): Promise<void> {
    const from = this.#writes;
    await until('writes between two changes', 30_000, () => this.#writes >= from + 40, 5);
  }

  async #connect(inside = true): Promise<mysql.Connection> {
    return await mysql.createConnection({
      host: '127.0.0.1',
      port: this.#port,
      user: 'root',
      dateStrings: true,
      ...(inside ? { database: this.#database } : {}),
    });
  }

  async #write(writer: number, stop: AbortSignal): Promise<void> {
    const c = await this.#connect();
    const random = new Random(this.#seed * 10 + writer);
    // Ids of its own: three writers, all remainders.
    let last = 1000 * 3 + writer;
    while (!stop.aborted) {
      try {
        await c.query('BEGIN');
        for (let n = 1 + random.below(4); n > 0; n--) {
          last += 3;
          await c.query(statement(random, last));
        }
        await c.query('COMMIT');
        this.#writes++;
      } catch (error) {
        if (!OVERTAKEN.has((error as { code?: string }).code ?? '')) throw error;
        await c.query('ROLLBACK');
      }
    }
    await c.end();
  }
}

function statement(random: Random, fresh: number): string {
  const table = random.pick(['a', 'a', 'b', 'b2', 'c']);
  const id = random.below(2) === 0 ? random.below(300) : 3000 + random.below(fresh - 2990);
  switch (random.below(9)) {
    case 0:
      return `DELETE FROM ${table} WHERE id = ${id}`;
    case 1:
      return `UPDATE ${table} SET id = ${fresh} WHERE id = ${id}`;
    case 2:
      return `UPDATE ${table} SET note = 'range ${random.below(1e6)}' WHERE id BETWEEN ${id} AND ${id + 10}`;
    case 3: {
      const column = random.pick(["c1 = 'c1", "d1 = 'd1", "e2 = '1", "c2 = '2", "fresh = '3", "c3 = '4"]);
      return `UPDATE ${column.startsWith('fresh') ? 'c' : 'a'} SET ${column}${random.below(9)}' WHERE id BETWEEN ${id} AND ${id + 5}`;
    }
    case 4:
      return `UPDATE ${table} SET note = 'one ${random.below(1e6)}' WHERE id = ${id}`;
    default:
      return `INSERT INTO ${table} (id, note) VALUES (${fresh}, 'row ${fresh}'), (${fresh + 1_000_000}, REPEAT('é', ${random.below(20)}))`;
  }
}
