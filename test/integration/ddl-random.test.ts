/**
 * Random ALTER TABLE statements of several actions: whatever the server accepts, our model follows, or refuses
 * aloud; it is never silently different. The seed is in the
 * failure message; RIVERBEND_TEST_SEED tries another.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import mysql, { type RowDataPacket } from 'mysql2/promise';
import type { DatabaseSchema } from '../../src/source/mysql/schema/database-schema.ts';
import { mariadbPort, mysqlPort } from '../support/servers.ts';
import { newSchema } from '../unit/source/mysql/schema/new-schema.ts';

const DATABASE = 'ddl_random';
const ACCEPTED = 150;
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
const TYPES = [
  'INT',
  'BIGINT NOT NULL',
  'VARCHAR(10)',
  'CHAR(3) CHARACTER SET latin1',
  'TEXT',
  'DATETIME(3)',
  'DECIMAL(5,1) DEFAULT 1',
  "ENUM('x','y') NOT NULL",
];

/** A source of ALTER TABLE statements, the same for the same seed. */
function statements(seed: number): () => string {
  let state = seed;
  const random = (n: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) % n;
  };
  const pick = <T>(from: readonly T[]): T => from[random(from.length)] as T;
  const name = (): string => pick(NAMES);
  const place = (): string => pick(['', '', '', ' FIRST', ` AFTER ${name()}`]);
  const actions: readonly (() => string)[] = [
    () => `ADD ${name()} ${pick(TYPES)}${place()}`,
    () => `DROP ${name()}`,
    () => `MODIFY ${name()} ${pick(TYPES)}${place()}`,
    () => `CHANGE ${name()} ${name()} ${pick(TYPES)}${place()}`,
    () => `RENAME COLUMN ${name()} TO ${name()}`,
    () => `ADD PRIMARY KEY (${name()})`,
    () => 'DROP PRIMARY KEY',
    () => `ADD UNIQUE (${name()}, ${name()})`,
    () => `ADD UNIQUE u${random(3)} (${name()})`,
    () => `DROP INDEX u${random(3)}`,
    () => `CONVERT TO CHARACTER SET ${pick(['latin1', 'utf8mb4', 'utf8mb3'])}`,
    () => `DEFAULT CHARSET ${pick(['latin1', 'utf8mb4'])}`,
    () => `ALTER ${name()} SET DEFAULT 3`,
  ];
  return () => `ALTER TABLE t ${Array.from({ length: 1 + random(4) }, () => pick(actions)()).join(', ')}`;
}

/** What DDL decides about the table, without MariaDB's display widths. */
function view(schema: DatabaseSchema, server: string): unknown {
  const t = schema.tables.get({ database: DATABASE, table: 't' });
  return {
    columns: t?.columns.map((c) => [
      c.name,
      // The size TEXT grows to by CONVERT differs from version to version; no value depends on it.
      c.typeName.replace(/^(TINY|MEDIUM|LONG)TEXT$/, 'TEXT'),
      c.charsetName,
      /INT/.test(c.typeName) ? null : c.length,
      c.optional,
      // MariaDB without strict mode invents defaults for columns that become NOT NULL.
      server === 'mysql' ? c.hasDefault : null,
    ]),
    key: t?.primaryKeyColumnNames,
    unique: t?.uniqueIndexes.map((u) => `${u.name}(${u.columns.join()})`).sort(),
    charset: t?.defaultCharsetName,
  };
}

for (const server of ['mysql', 'mariadb'] as const) {
  describe(`random ALTER TABLE on ${server}`, () => {
    let connection: mysql.Connection;
    before(async () => {
      connection = await mysql.createConnection({
        host: '127.0.0.1',
        port: server === 'mysql' ? mysqlPort() : mariadbPort(),
        user: 'root',
      });
      for (const sql of [
        `DROP DATABASE IF EXISTS ${DATABASE}`,
        `CREATE DATABASE ${DATABASE} CHARACTER SET utf8mb4`,
        `USE ${DATABASE}`,
        "SET sql_mode=''",
      ]) {
        await connection.query(sql);
      }
    });
    after(async () => {
      await connection?.query(`DROP DATABASE IF EXISTS ${DATABASE}`);
      await connection?.end();
    });

    test(`${ACCEPTED} accepted statements leave model and server the same`, async () => {
      const seed = Number(process.env['RIVERBEND_TEST_SEED'] ?? 4);
      const next = statements(seed);
      let refused = 0;
      const schema = newSchema({ connector: server });
      const rows = async (sql: string): Promise<RowDataPacket[]> => (await connection.query<RowDataPacket[]>(sql))[0];
      const create = 'CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(5), c TEXT, d INT NOT NULL)';
      await connection.query(create);
      for (const ddl of [`CREATE DATABASE ${DATABASE} CHARACTER SET utf8mb4`, create]) schema.applyDdl(ddl, { database: DATABASE });
      for (let accepted = 0, tried = 0; accepted < ACCEPTED; tried++) {
        assert.ok(tried < ACCEPTED * 20, `seed ${seed}: the server refuses nearly everything`);
        const sql = next();
        try {
          await connection.query(sql);
        } catch {
          continue;
        }
        accepted++;
        try {
          schema.applyDdl(sql, { database: DATABASE });
        } catch (error) {
          // MariaDB takes statements that add a column and change it again; refusing those aloud is what we promise.
          refused++;
          assert.ok(server === 'mariadb' && refused <= ACCEPTED / 20, `seed ${seed}: ${sql}: ${(error as Error).message}`);
          schema.applyDdl('DROP TABLE t', { database: DATABASE });
          schema.applyDdl(String((await rows('SHOW CREATE TABLE t'))[0]?.['Create Table']), { database: DATABASE });
          continue;
        }
        const shown = newSchema({ connector: server });
        shown.applyDdl(String((await rows('SHOW CREATE TABLE t'))[0]?.['Create Table']), { database: DATABASE });
        assert.deepEqual(view(schema, server), view(shown, server), `seed ${seed}: ${sql}`);
        const columns = await rows(
          `SELECT column_name AS n, is_nullable AS o, character_set_name AS c FROM information_schema.columns WHERE table_schema='${DATABASE}' ORDER BY ordinal_position`,
        );
        assert.deepEqual(
          schema.tables.get({ database: DATABASE, table: 't' })?.columns.map((c) => [c.name, c.optional, c.charsetName]),
          columns.map((r) => [r['n'], r['o'] === 'YES', r['c']]),
          `seed ${seed}: ${sql}`,
        );
      }
    });
  });
}
