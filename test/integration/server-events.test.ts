/** What servers do while they are read: restarts, rotation, compression, large transactions, a second reader of the same id. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import mysql, { type Connection } from 'mysql2/promise';
import type { SourceOffset } from '../../src/model/offset.ts';
import { type Stack, startStack } from '../stack/stack.ts';
import { connectorOf, sourceConfig } from '../support/source-config.ts';
import { Run, type RunOptions } from '../support/source-run.ts';
import { until } from '../support/until.ts';

const DATABASE = 'server_events';
const dir = mkdtempSync(join(tmpdir(), 'riverbend-events-'));
let stack: Stack;
const runs: Run[] = [];

before(async () => {
  stack = await startStack({ dir: join(dir, 'stack'), portBase: 'auto', services: ['mysql', 'mariadb'] });
});
after(async () => {
  for (const run of runs) await run.stop();
  await stack?.clean();
  rmSync(dir, { recursive: true, force: true });
});

for (const server of ['mysql', 'mariadb'] as const) {
  const port = (): number => stack[server].port;
  const client = async (): Promise<Connection> => {
    const c = await mysql.createConnection({ host: '127.0.0.1', port: port(), user: 'root', multipleStatements: true });
    c.on('error', () => {});
    return c;
  };
  /** Statements on a connection of their own, so that global settings hold for them. */
  const query = async (text: string): Promise<void> => {
    const c = await client();
    await c.query(`CREATE DATABASE IF NOT EXISTS ${DATABASE}; USE ${DATABASE}; ${text}`);
    await c.end();
  };
  const run = async (
    history: string,
    from: SourceOffset | null,
    extra: Record<string, string> = {},
    options: RunOptions = {},
  ): Promise<Run> => {
    const place = { port: port(), database: DATABASE, history: join(dir, `${server}.${history}`) };
    const config = sourceConfig(server, place, { 'snapshot.mode': 'no_data', ...extra });
    const r = new Run(connectorOf(server), config, from, options);
    runs.push(r);
    return await r.start();
  };
  const streaming = (r: Run) =>
    until('the snapshot', 20_000, () => r.error !== null || (r.committed !== null && r.committed['snapshot'] === undefined));
  const fresh = (ddl: string) => query(`DROP DATABASE ${DATABASE}; CREATE DATABASE ${DATABASE}; USE ${DATABASE}; ${ddl}`);

  test(`${server}: a restart of the server is waited out, and nothing is lost or doubled`, { timeout: 120_000 }, async () => {
    await fresh('CREATE TABLE t (id INT PRIMARY KEY)');
    const r = await run('restart', null);
    await streaming(r);
    await query('INSERT INTO t VALUES (1)');
    await r.seen(1);
    await query('BEGIN; INSERT INTO t VALUES (2); INSERT INTO t VALUES (3); COMMIT');
    await stack.stop(server);
    await stack.start(server);
    await query('INSERT INTO t VALUES (4); ALTER TABLE t ADD COLUMN v INT; INSERT INTO t VALUES (5, 5)');
    await until('the rows', 60_000, () => r.error !== null || r.events.length >= 5);
    await r.stop();
    assert.ifError(r.error);
    assert.deepEqual(r.texts(), ['c t [1]', 'c t [2]', 'c t [3]', 'c t [4]', 'c t [5,5]']);
  });

  test(`${server}: a second reader of the same server id ends the first with a name for it`, { timeout: 60_000 }, async () => {
    await fresh('CREATE TABLE t (id INT PRIMARY KEY)');
    const id = { 'database.server.id': '4711' };
    const first = await run('first', null, id);
    await streaming(first);
    await query('INSERT INTO t VALUES (1)');
    await first.seen(1);
    const second = await run('second', null, id);
    await streaming(second);
    await query('INSERT INTO t VALUES (2)');
    await second.seen(1);
    await until('the end of the first', 20_000, () => first.error !== null);
    assert.equal((first.error as { code?: string }).code, 'CDC_MYSQL_SERVER_ID_IN_USE');
    await query('INSERT INTO t VALUES (3)');
    await second.seen(2);
    assert.deepEqual(second.texts(), ['c t [2]', 'c t [3]']);
    await second.stop();
  });

  test(`${server}: new binlog files amid transactions, and going on from every offset around them`, { timeout: 120_000 }, async () => {
    await fresh('CREATE TABLE t (id INT PRIMARY KEY, v INT)');
    const r = await run('rotate', null);
    await streaming(r);
    const open = await client();
    await open.query(`USE ${DATABASE}; BEGIN; INSERT INTO t VALUES (1, 1), (2, 2)`);
    await query('FLUSH BINARY LOGS; INSERT INTO t VALUES (3, 3)');
    await open.query('UPDATE t SET v = 0 WHERE id < 3; FLUSH BINARY LOGS');
    await open.query('INSERT INTO t VALUES (4, 4); COMMIT');
    await open.end();
    await query(
      'FLUSH BINARY LOGS; FLUSH BINARY LOGS; DELETE FROM t WHERE id = 3; FLUSH BINARY LOGS; ALTER TABLE t ADD COLUMN w INT; INSERT INTO t VALUES (5, 5, 5)',
    );
    await r.seen(8);
    await r.stop();
    const all = r.texts();
    assert.deepEqual(all.slice(-3), ['c t [4,4]', 'd t [3,3]', 'c t [5,5,5]']);
    for (const [i, { offset }] of r.events.entries()) {
      if (offset === null) continue;
      const again = await run('rotate', offset);
      await query(`UPDATE t SET v = ${100 + i} WHERE id = 4`);
      await until(
        'the last row',
        20_000,
        () =>
          again.error !== null ||
          again
            .texts()
            .at(-1)
            ?.includes(`,${100 + i},`) === true,
      );
      await again.stop();
      assert.ifError(again.error);
      assert.deepEqual(again.texts().slice(0, all.length - i - 1), all.slice(i + 1), `after row ${i}`);
    }
  });

  test(`${server}: compressed binlogs read like others`, { timeout: 60_000 }, async () => {
    await fresh('CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)');
    await query(
      server === 'mysql'
        ? 'SET GLOBAL binlog_transaction_compression = ON'
        : 'SET GLOBAL log_bin_compress = ON; SET GLOBAL log_bin_compress_min_len = 10',
    );
    try {
      const r = await run('compressed', null, {}, { named: true });
      await streaming(r);
      const long = 'é'.repeat(3000);
      await query(
        `INSERT INTO t VALUES (1, '${long}'), (2, 'x'); ALTER TABLE t ADD COLUMN added_under_compression INT DEFAULT 5 COMMENT '${'c'.repeat(500)}';
         UPDATE t SET v = CONCAT(v, 'y'); DELETE FROM t WHERE id = 1; BEGIN; INSERT INTO t VALUES (3, 'a', 1); INSERT INTO t VALUES (4, REPEAT('b', 100000), 2); COMMIT`,
      );
      await r.seen(7);
      await r.stop();
      const column = 'added_under_compression';
      const expected = [
        `c t {id:1,v:"${long}"}`,
        'c t {id:2,v:"x"}',
        `u t {id:1,v:"${long}",${column}:5} {id:1,v:"${long}y",${column}:5}`,
        `u t {id:2,v:"x",${column}:5} {id:2,v:"xy",${column}:5}`,
        `d t {id:1,v:"${long}y",${column}:5}`,
        `c t {id:3,v:"a",${column}:1}`,
        `c t {id:4,v:"${'b'.repeat(100_000)}",${column}:2}`,
      ];
      assert.deepEqual(r.texts(), expected);
      for (const [i, { offset }] of r.events.entries()) {
        if (offset === null || i === expected.length - 1) continue;
        const again = await run('compressed', offset, {}, { named: true });
        await again.seen(expected.length - i - 1);
        await again.stop();
        assert.deepEqual(again.texts(), expected.slice(i + 1), `after row ${i}`);
      }
    } finally {
      await query(server === 'mysql' ? 'SET GLOBAL binlog_transaction_compression = OFF' : 'SET GLOBAL log_bin_compress = OFF');
    }
  });

  test(`${server}: a transaction of 200 MB passes, and reading goes on from its middle`, { timeout: 180_000 }, async () => {
    await fresh('CREATE TABLE big (id INT PRIMARY KEY, v LONGBLOB)');
    const image = (row: readonly unknown[]): string => `${String(row[0])} ${(row[1] as Buffer).length}`;
    const r = await run('large', null, {}, { image });
    await streaming(r);
    const statements = Array.from({ length: 200 }, (_, i) => `INSERT INTO big VALUES (${i}, REPEAT('x', 1048576))`);
    await query(`BEGIN; ${statements.join(';')}; COMMIT; INSERT INTO big VALUES (200, 'end')`);
    await until('the rows', 120_000, () => r.error !== null || r.events.length >= 201);
    await r.stop();
    assert.ifError(r.error);
    const expected = [...statements.map((_, i) => `c big ${i} 1048576`), 'c big 200 3'];
    assert.deepEqual(r.texts(), expected);
    const middle = r.events[120]?.offset as SourceOffset;
    assert.ok(Number(middle['event']) > 0, 'inside the transaction');
    const again = await run('large', middle, {}, { image });
    await until('the rest', 120_000, () => again.error !== null || again.events.length >= 80);
    await again.stop();
    assert.ifError(again.error);
    assert.deepEqual(again.texts(), expected.slice(121));
  });
}
