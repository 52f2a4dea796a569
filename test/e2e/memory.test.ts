/** Memory does not grow with what waits in the binlog: one large transaction, and a target that is slow to take it. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import mysql from 'mysql2/promise';
import { mysqlPort } from '../support/servers.ts';
import { until } from '../support/until.ts';

const ROWS = 300_000;
const PEAK_MIB = 250;

function peakRssMib(pid: number): number {
  const kib = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kib === undefined) throw new Error('the process has no VmHWM');
  return Number(kib) / 1024;
}

test(`one transaction of ${ROWS} rows and a slow target stay below ${PEAK_MIB} MiB`, { timeout: 120_000 }, async (t) => {
  const name = `rb_memory_${process.pid}`;
  const dir = mkdtempSync(join(tmpdir(), 'riverbend-memory-'));
  const source = await mysql.createConnection({ host: '127.0.0.1', port: mysqlPort(), user: 'root', password: '' });
  t.after(async () => {
    await source.query(`DROP DATABASE IF EXISTS ${name}`);
    await source.end();
    rmSync(dir, { recursive: true, force: true });
  });
  await source.query(`CREATE DATABASE ${name}`);
  await source.query(`USE ${name}`);
  await source.query('CREATE TABLE big (id INT PRIMARY KEY, a INT NOT NULL, note VARCHAR(600) NOT NULL)');
  await source.query('CREATE TABLE digits (n INT PRIMARY KEY)');
  await source.query('INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)');

  const seen = { rows: 0, ready: false };
  const child = fork(join(import.meta.dirname, '..', 'support', 'slow-target.ts'), [name, String(mysqlPort()), dir], {
    execArgv: ['--max-semi-space-size=16'],
  });
  t.after(() => child.kill('SIGKILL'));
  child.on('message', (message: { rows: number; ready: boolean }) => Object.assign(seen, message));
  const alive = (): void => assert.equal(child.exitCode, null, 'the process with the slow target ended');
  let marker = 0;
  await until('streaming to begin', 30_000, async () => {
    alive();
    await source.query('INSERT INTO big VALUES (?, 0, ?)', [--marker, '']);
    return seen.ready;
  });

  const [before] = (await source.query('SHOW BINARY LOGS')) as unknown as [{ File_size: string }[]];
  const digits = 'digits a, digits b, digits c, digits d, digits e';
  const number = 'a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n';
  await source.beginTransaction();
  for (let part = 0; part < ROWS / 100_000; part++)
    await source.query(`INSERT INTO big SELECT ${part * 100_000} + ${number}, ${part}, REPEAT(CHAR(97 + a.n), 400) FROM ${digits}`);
  await source.commit();
  const [after] = (await source.query('SHOW BINARY LOGS')) as unknown as [{ File_size: string }[]];
  const size = (logs: readonly { File_size: string }[]): number => logs.reduce((sum, log) => sum + Number(log.File_size), 0);
  assert.ok(size(after) - size(before) >= 100e6, 'the transaction has less than 100 MB of binlog');

  await until(`${ROWS} rows`, 60_000, () => {
    alive();
    return seen.rows >= ROWS;
  });
  assert.equal(seen.rows, ROWS);
  const peak = peakRssMib(child.pid as number);
  t.diagnostic(`peak ${Math.round(peak)} MiB`);
  assert.ok(peak < PEAK_MIB, `the process took ${Math.round(peak)} MiB`);
});
