/** Memory does not grow with what waits in the binlog: one large transaction, and a target that is slow to take it. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import mysql from 'mysql2/promise';
import { DatabendProbe } from '../support/databend.ts';
import { Pipeline } from '../support/pipeline.ts';
import { databendDsn, mysqlPort } from '../support/servers.ts';
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

const SNAPSHOT_ROWS = 200_000;
const SNAPSHOT_PEAK_MIB = 300;

test(`a snapshot of ${SNAPSHOT_ROWS} rows straight into Databend stays below ${SNAPSHOT_PEAK_MIB} MiB`, { timeout: 60_000 }, async (t) => {
  const name = `rb_memory_databend_${process.pid}`;
  const dir = mkdtempSync(join(tmpdir(), 'riverbend-memory-'));
  const source = await mysql.createConnection({ host: '127.0.0.1', port: mysqlPort(), user: 'root', password: '' });
  const target = await DatabendProbe.open(databendDsn());
  t.after(async () => {
    await source.query(`DROP DATABASE IF EXISTS ${name}`);
    await source.end();
    await target.exec(`DROP DATABASE IF EXISTS ${name}`);
    await target.close();
    rmSync(dir, { recursive: true, force: true });
  });
  await source.query(`CREATE DATABASE ${name}`);
  await source.query(`USE ${name}`);
  await source.query(
    'CREATE TABLE wide (id INT PRIMARY KEY, a INT NOT NULL, b BIGINT, c DECIMAL(12,2), d DATETIME(3), e TIMESTAMP(6) NULL, f VARCHAR(100), g VARCHAR(200), h TINYINT, i DOUBLE)',
  );
  await source.query('CREATE TABLE digits (n INT PRIMARY KEY)');
  await source.query('INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)');
  const number = 'a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n + 100000 * f.n';
  await source.query(`INSERT INTO wide SELECT x, x % 1000, x * 1000000, x / 100, '2024-01-01 10:00:00.123' + INTERVAL x SECOND,
    '2024-02-01 10:00:00.123456' + INTERVAL x SECOND, CONCAT('name ', x), REPEAT(CHAR(97 + x % 26), 60), x % 100, x / 7
    FROM (SELECT ${number} x FROM digits a, digits b, digits c, digits d, digits e, (SELECT 0 n UNION ALL SELECT 1) f) q`);

  const pipeline = await Pipeline.create({
    server: 'mysql',
    mode: 'embedded',
    port: mysqlPort(),
    name,
    databases: name,
    dir,
    serverId: 60_000 + (process.pid % 5000),
    // the dearest setting: as many rows wait in the source as in the sink
    source: { 'max.batch.size': '50000', 'table.include.list': `${name}.wide` },
  });
  const daemon = pipeline.start();
  t.after(() => daemon.kill9());
  await until(`${SNAPSHOT_ROWS} rows in Databend`, 30_000, async () => {
    assert.ok(daemon.running, `riverbend ended: ${daemon.log().slice(-2000)}`);
    return (await target.count(name, 'wide')) >= SNAPSHOT_ROWS;
  });
  assert.equal(await target.count(name, 'wide'), SNAPSHOT_ROWS);
  const peak = peakRssMib(daemon.pid);
  t.diagnostic(`peak ${Math.round(peak)} MiB`);
  assert.ok(peak < SNAPSHOT_PEAK_MIB, `the process took ${Math.round(peak)} MiB`);
  assert.ok(await daemon.stop());
});
