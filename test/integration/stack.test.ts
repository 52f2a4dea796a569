import assert from 'node:assert/strict';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import mysql from 'mysql2/promise';
import { isPortFree } from '../stack/options.ts';
import { statOf } from '../stack/processes.ts';
import type { Stack } from '../stack/stack.ts';
import { startStack } from '../stack/stack.ts';
import { DatabendProbe } from '../support/databend.ts';

const dir = mkdtempSync(join(tmpdir(), 'riverbend-stack-'));
let stack: Stack;

before(async () => {
  stack = await startStack({ dir, portBase: 'auto', services: ['mysql', 'databend'], extra: { mysql: ['--binlog-row-metadata=MINIMAL'] } });
});
after(() => stack?.clean());

const query = async (sql: string): Promise<unknown> => {
  const connection = await mysql.createConnection({ host: stack.mysql.host, port: stack.mysql.port, user: 'root' });
  try {
    return (await connection.query({ sql, rowsAsArray: true }))[0];
  } finally {
    await connection.end();
  }
};

test('MySQL keeps what it acknowledged, and its options, over kill -9', async () => {
  await query('CREATE DATABASE kept');
  await query('CREATE TABLE kept.t (id INT PRIMARY KEY)');
  await query('INSERT INTO kept.t VALUES (1), (2), (3)');
  await stack.kill9('mysql');
  assert.equal(stack.pid('mysql'), null);
  await stack.start('mysql');
  assert.deepEqual(await query('SELECT COUNT(*), @@global.binlog_row_metadata FROM kept.t'), [[3, 'MINIMAL']]);
});

test('Databend keeps what it acknowledged over kill -9', async () => {
  const before = await DatabendProbe.open(stack.databend.dsn);
  await before.exec('CREATE TABLE kept (id BIGINT)');
  await before.exec('INSERT INTO kept VALUES (1), (2), (3)');
  await stack.kill9('databend');
  await stack.start('databend');
  const probe = await DatabendProbe.open(stack.databend.dsn);
  assert.equal(await probe.count('default', 'kept'), 3);
  await probe.close();
});

test('a frozen server keeps its port but answers nobody until it is thawed', async () => {
  stack.freeze('databend');
  const url = `http://127.0.0.1:${stack.ports.databend}/v1/health`;
  await assert.rejects(fetch(url, { signal: AbortSignal.timeout(500) }));
  stack.thaw('databend');
  assert.equal((await fetch(url)).status, 200);
});

test('after clean no process, port or folder of the stack is left', async () => {
  const pids = (['mysql', 'databend'] as const).map((name) => stack.pid(name) ?? 0);
  assert.ok(pids.every((pid) => pid > 0));
  await stack.clean();
  for (const pid of pids) assert.ok(['gone', 'Z'].includes(statOf(pid)?.state ?? 'gone'), `process ${pid}`);
  for (const port of [stack.ports.mysql, stack.ports.databend]) assert.equal(await isPortFree(port), true, `port ${port}`);
  assert.equal(existsSync(dir), false);
});
