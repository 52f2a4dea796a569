/**
 * A power cut takes MySQL's last transactions (sync_binlog=0 and innodb_flush_log_at_trx_commit=0, a lying disk, an older backup): the server
 * comes back knowing fewer than were read. riverbend must say so and stop, whether it runs on or is started later; going on would mix two histories.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import mysql from 'mysql2/promise';
import { startStack } from '../stack/stack.ts';
import { DatabendProbe } from '../support/databend.ts';
import { Pipeline } from '../support/pipeline.ts';
import { databendDsn } from '../support/servers.ts';
import { until } from '../support/until.ts';

test('a server that lost its last transactions is named, by a running daemon and by one started later', { timeout: 180_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'riverbend-tail-'));
  const database = `lost_tail_${process.pid}`;
  const target = await DatabendProbe.open(databendDsn());
  const stack = await startStack({ dir: join(dir, 'stack'), services: ['mysql'], portBase: 'auto' });
  let pipeline: Pipeline | null = null;
  try {
    const { port } = stack.mysql;
    const run = async (sql: string): Promise<void> => {
      const c = await mysql.createConnection({ host: '127.0.0.1', port, user: 'root' });
      await c.query(sql);
      await c.end();
    };
    await run(`CREATE DATABASE ${database}`);
    await run(`CREATE TABLE ${database}.t (id INT PRIMARY KEY)`);
    const data = join(stack.folder('mysql'), 'data');
    const copy = join(dir, 'data-before');
    pipeline = await Pipeline.create({
      server: 'mysql',
      mode: 'embedded',
      port,
      name: database,
      databases: database,
      dir,
      serverId: 61_000,
    });
    const running = pipeline.start();
    await until('the snapshot', 60_000, async () => !running.running || (await target.count(database, 't')) === 0, 200);
    await run(`INSERT INTO ${database}.t VALUES (1)`);
    await stack.stop('mysql');
    cpSync(data, copy, { recursive: true });
    await stack.start('mysql');
    await run(`INSERT INTO ${database}.t VALUES (2)`);
    await until('both rows', 60_000, async () => !running.running || (await target.count(database, 't')) === 2, 200);
    assert.ok(running.running, running.log().slice(-2000));

    await stack.kill9('mysql');
    rmSync(data, { recursive: true });
    renameSync(copy, data);
    await stack.start('mysql');

    await until('the running daemon to end', 30_000, () => !running.running).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${running.log().slice(-3000)}`);
    });
    assert.match(running.log(), /CDC_MYSQL_POSITION_AHEAD/);
    const later = pipeline.start();
    assert.equal(await later.exited(), 3, 'environment: nothing a retry could mend');
    assert.equal((await target.rows(`SELECT count(*)::string FROM "${database}"."t"`))[0]?.[0], '2', 'nothing was written after that');
  } finally {
    await pipeline?.daemon.kill9();
    await stack.clean();
    await target.exec(`DROP DATABASE IF EXISTS "${database}"`);
    await target.close();
    rmSync(dir, { recursive: true, force: true });
  }
});
