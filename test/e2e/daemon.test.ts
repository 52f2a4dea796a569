/** A running process as its operator sees it: health, status, metrics and log while its server goes away and comes back. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import mysql from 'mysql2/promise';
import { type Stack, startStack } from '../stack/stack.ts';
import { freePort } from '../support/free-port.ts';
import { Riverbend } from '../support/riverbend.ts';
import { until } from '../support/until.ts';

const SECRET = 'top-SECRET-word';
const MARKER = 'marker-VALUE-of-a-row';
const dir = mkdtempSync(join(tmpdir(), 'riverbend-daemon-'));
let own: Stack;
let riverbend: Riverbend | null = null;

before(async () => {
  own = await startStack({ dir: join(dir, 'stack'), portBase: 'auto', services: ['mysql'] });
});
after(async () => {
  await riverbend?.kill9();
  await own?.clean();
  rmSync(dir, { recursive: true, force: true });
});

async function sql(text: string): Promise<void> {
  const admin = await mysql.createConnection({ host: '127.0.0.1', port: own.mysql.port, user: 'root', multipleStatements: true });
  await admin.query(text);
  await admin.end();
}

test('a server that dies makes the task RESTARTING and not ready; when it is back all goes on; nothing secret is logged', async () => {
  await sql(`CREATE USER op@'%' IDENTIFIED BY '${SECRET}'; GRANT ALL ON *.* TO op@'%';
    CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v VARCHAR(40)); INSERT INTO d.t VALUES (1, '${MARKER}')`);
  const httpPort = await freePort();
  const out = join(dir, 'out.jsonl');
  const file = join(dir, 'application.properties');
  writeFileSync(
    file,
    `debezium.source.name=inventory
debezium.source.connector.class=io.debezium.connector.mysql.MySqlConnector
debezium.source.database.hostname=127.0.0.1
debezium.source.database.port=${own.mysql.port}
debezium.source.database.user=op
debezium.source.database.password=${SECRET}
debezium.source.database.server.id=96001
debezium.source.topic.prefix=p
debezium.source.database.include.list=d
debezium.source.offset.storage.file.filename=${join(dir, 'offsets.dat')}
debezium.source.schema.history.internal=file
debezium.source.schema.history.internal.file.filename=${join(dir, 'history.jsonl')}
debezium.sink.type=file
debezium.sink.file.path=${out}
debezium.format.value.schemas.enable=false
quarkus.log.level=DEBUG
quarkus.http.port=${httpPort}
`,
  );
  const daemon = new Riverbend(['run', file], { logFile: join(dir, 'log'), httpPort });
  riverbend = daemon;
  const rows = (): number => (existsSync(out) ? readFileSync(out, 'utf8').split(MARKER).length - 1 : 0);
  const taskState = async (): Promise<string | undefined> => {
    const { tasks } = JSON.parse((await daemon.get('/connectors/inventory/status')).text) as { tasks: { state: string }[] };
    return tasks[0]?.state;
  };
  await daemon.ready();
  await until('the snapshot', 10_000, () => rows() === 1);
  assert.equal(await taskState(), 'RUNNING');
  assert.equal((await daemon.get('/health/live')).status, 200);

  await own.kill9('mysql');
  await until('not ready', 20_000, async () => (await daemon.get('/health/ready')).status === 503);
  await until('RESTARTING', 20_000, async () => (await taskState()) === 'RESTARTING');
  const down = JSON.parse((await daemon.get('/q/health/ready')).text) as { status: string; checks: { data: { reason: string } }[] };
  assert.equal(down.status, 'DOWN');
  assert.match(down.checks[0]?.data.reason ?? '', /CDC_MYSQL_/);
  assert.equal((await daemon.get('/health/live')).status, 200);

  await own.start('mysql');
  await sql(`INSERT INTO d.t VALUES (2, '${MARKER}')`);
  await until('the row written after the outage', 60_000, () => rows() === 2);
  await until('ready again', 10_000, async () => (await daemon.get('/health/ready')).status === 200);
  assert.equal(await taskState(), 'RUNNING');

  const { text } = await daemon.get('/metrics');
  const value = (name: string): number => Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
  assert.ok(value('riverbend_task_restarts_total') + value('riverbend_source_reconnects_total') >= 1, text);
  assert.ok(value('riverbend_rows_total') >= 1);
  assert.ok(value('riverbend_source_bytes_total') > 0);
  assert.equal(value('riverbend_task_running'), 1);
  for (const name of [
    'riverbend_source_lag_seconds',
    'riverbend_batches_in_flight',
    'riverbend_offset_commits_total',
    'riverbend_task_restarts_total',
    'riverbend_snapshot_rows_done',
    'riverbend_snapshot_rows_expected',
    'riverbend_last_commit_timestamp_seconds',
    'nodejs_eventloop_lag_seconds',
    'process_resident_memory_bytes',
  ])
    assert.ok(!Number.isNaN(value(name)), name);

  const config = (await daemon.get('/connectors/inventory')).text;
  assert.ok(!config.includes(SECRET), 'REST masks the password');
  assert.equal(await daemon.stop(), true);
  assert.equal(daemon.exitCode, 0, daemon.log());
  const log = daemon.log();
  assert.match(log, /; reconnecting"/);
  for (const line of log.trim().split('\n')) assert.doesNotThrow(() => JSON.parse(line), `not JSON: ${line}`);
  assert.ok(!log.includes(SECRET), 'no secret in the log');
  assert.ok(!log.includes(MARKER), 'no row value in the log');
});
