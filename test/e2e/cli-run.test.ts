/** `riverbend run`, `check` and `offsets` as a user starts them: exit codes, findings, files, health, signals. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import mysql from 'mysql2/promise';
import { freePort } from '../support/free-port.ts';
import { Riverbend } from '../support/riverbend.ts';
import { mysqlPort } from '../support/servers.ts';
import { until } from '../support/until.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const dir = mkdtempSync(join(tmpdir(), 'riverbend-cli-'));
after(() => rmSync(dir, { recursive: true, force: true }));

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function riverbend(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [join(ROOT, 'src', 'main.ts'), ...args],
      { cwd: dir, env: { ...process.env, ...env }, timeout: 60_000 },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

function write(name: string, keys: Readonly<Record<string, string>>): string {
  const path = join(dir, name);
  writeFileSync(
    path,
    Object.entries(keys)
      .map(([k, v]) => `${k}=${v}\n`)
      .join(''),
  );
  return path;
}

function sourceKeys(name: string, httpPort: number): Record<string, string> {
  const source = {
    'connector.class': 'io.debezium.connector.mysql.MySqlConnector',
    'database.hostname': '127.0.0.1',
    'database.port': String(mysqlPort()),
    'database.user': 'root',
    'database.password': '',
    'database.server.id': String(91_000 + (process.pid % 1000)),
    'database.ssl.mode': 'disabled',
    'topic.prefix': name,
    'database.include.list': name,
    'offset.storage.file.filename': join(dir, `${name}.offsets`),
    'schema.history.internal': 'io.debezium.storage.file.history.FileSchemaHistory',
    'schema.history.internal.file.filename': join(dir, `${name}.history`),
  };
  return {
    ...Object.fromEntries(Object.entries(source).map(([k, v]) => [`debezium.source.${k}`, v])),
    'debezium.sink.type': 'file',
    'debezium.sink.file.path': join(dir, `${name}.jsonl`),
    'debezium.format.key.schemas.enable': 'false',
    'debezium.format.value.schemas.enable': 'false',
    'quarkus.http.port': String(httpPort),
  };
}

test('a wrong configuration ends with 2 and every finding at once', async () => {
  const path = write('wrong.properties', {
    'debezium.source.connector.class': 'io.debezium.connector.mysql.MySqlConnector',
    'debezium.source.database.port': 'many',
    'debezium.source.databse.user': 'x',
    'debezium.source.errors.max.retries': 'no',
    'debezium.sink.type': 'file',
    'debezium.source.database.password': '${env:NOT_SET_ANYWHERE}',
  });
  for (const command of ['run', 'check']) {
    const { code, stdout, stderr } = await riverbend([command, path]);
    const text = stdout + stderr;
    assert.equal(code, 2, text);
    for (const key of [
      'database.port',
      'databse.user',
      'errors.max.retries',
      'topic.prefix',
      'database.hostname',
      'debezium.sink.file.path',
      'NOT_SET_ANYWHERE',
    ])
      assert.ok(text.includes(key), `${command}: ${key} in\n${text}`);
    assert.match(text, /did you mean "debezium\.source\.database\.user"/);
  }
});

test('a server that cannot be reached ends with 3 and says which', async () => {
  const port = await freePort();
  const path = write('unreachable.properties', { ...sourceKeys('unreachable', 0), 'debezium.source.database.port': String(port) });
  for (const command of ['run', 'check']) {
    const { code, stdout, stderr } = await riverbend([command, path]);
    assert.equal(code, 3, stdout + stderr);
    assert.match(stdout + stderr, /ERROR\s+CDC_MYSQL_/);
  }
});

test('check as JSON is one document with everything found', async () => {
  const { code, stdout } = await riverbend(['check', write('json.properties', { 'debezium.sink.type': 'nowhere' }), '--json']);
  const report = JSON.parse(stdout) as { ok: boolean; findings: { key: string; code: string; file: string }[] };
  assert.equal(code, 2);
  assert.equal(report.ok, false);
  assert.ok(report.findings.some((f) => f.key === 'debezium.sink.type' && f.code === 'CDC_CONFIG_INVALID'));
});

test('commands that do not exist, are not there yet, or lack a file end with 2 and say so', async () => {
  for (const [args, text] of [
    [['nonsense'], /there is no command "nonsense"/],
    [['verify', 'x'], /not available in this version/],
    [['connect-standalone', 'x'], /not available in this version/],
    [['run', 'missing.properties'], /cannot be read/],
    [['run'], /no configuration file given/],
    [['check'], /name at least one file/],
    [['run', '--nope'], /nope/],
  ] as const) {
    const { code, stderr } = await riverbend(args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, text);
  }
});

test('rows go from MySQL into the file; SIGTERM drains with 0; the next start goes on where the last ended', async () => {
  const name = `cli_${process.pid}`;
  const admin = await mysql.createConnection({ host: '127.0.0.1', port: mysqlPort(), user: 'root', multipleStatements: true });
  const httpPort = await freePort();
  const path = write('run.properties', sourceKeys(name, httpPort));
  const out = join(dir, `${name}.jsonl`);
  const rows = (): { topic: string; value: { op: string; after: { id: number } } | null }[] =>
    existsSync(out)
      ? readFileSync(out, 'utf8')
          .split('\n')
          .filter((l) => l !== '')
          .map((l) => JSON.parse(l))
          .filter((l) => l.topic === `${name}.${name}.t`)
      : [];
  const started: Riverbend[] = [];
  const start = (): Riverbend => {
    const riverbend = new Riverbend(['run', path], { logFile: join(dir, `${name}.log`), httpPort });
    started.push(riverbend);
    return riverbend;
  };
  try {
    await admin.query(
      `CREATE DATABASE ${name}; CREATE TABLE ${name}.t (id INT PRIMARY KEY, v VARCHAR(20)); INSERT INTO ${name}.t VALUES (1, 'a'), (2, 'b')`,
    );
    const first = start();
    await first.ready();
    assert.equal(first.running, true, first.log());
    // Ready says that streaming began; the last rows of the snapshot may still be on their way to the file.
    await until('the snapshot', 10_000, () => rows().length >= 2);
    assert.deepEqual(
      rows().map((r) => [r.value?.op, r.value?.after.id]),
      [
        ['r', 1],
        ['r', 2],
      ],
    );
    await admin.query(`INSERT INTO ${name}.t VALUES (3, 'c')`);
    await until('row 3', 10_000, () => rows().length === 3);
    assert.match((await first.get('/metrics')).text, new RegExp(`riverbend_rows_total\\{connector="${name}",task="0"\\} 3`));
    await first.stop();
    assert.equal(first.exitCode, 0, first.log());

    await admin.query(`INSERT INTO ${name}.t VALUES (4, 'd')`);
    const second = start();
    await second.ready();
    await until('row 4', 10_000, () => rows().length === 4);
    assert.deepEqual(
      rows().map((r) => [r.value?.op, r.value?.after.id]),
      [
        ['r', 1],
        ['r', 2],
        ['c', 3],
        ['c', 4],
      ],
    );
    const running = await riverbend(['offsets', 'reset', path]);
    assert.equal(running.code, 2, 'offsets of a running connector are not touched');
    await second.stop();
    assert.equal(second.exitCode, 0, second.log());

    const shown = await riverbend(['offsets', 'show', path]);
    assert.deepEqual(
      (JSON.parse(shown.stdout) as { offsets: { partition: object }[] }).offsets.map((o) => o.partition),
      [{ server: name }],
    );
    assert.equal((await riverbend(['offsets', 'reset', path, '--dry-run'])).code, 0);
    assert.equal((await riverbend(['offsets', 'list', path])).stdout, `${name}\t1\n`);
    assert.equal((await riverbend(['offsets', 'reset', path])).code, 0);
    assert.equal((await riverbend(['offsets', 'list', path])).stdout, '');
  } finally {
    for (const riverbend of started) await riverbend.kill9();
    await admin.query(`DROP DATABASE IF EXISTS ${name}`);
    await admin.end();
  }
});

test('a snapshot-only connector ends by itself with 0', async () => {
  const name = `cli_once_${process.pid}`;
  const admin = await mysql.createConnection({ host: '127.0.0.1', port: mysqlPort(), user: 'root', multipleStatements: true });
  try {
    await admin.query(`CREATE DATABASE ${name}; CREATE TABLE ${name}.t (id INT PRIMARY KEY); INSERT INTO ${name}.t VALUES (1), (2)`);
    const path = write('once.properties', { ...sourceKeys(name, 0), 'debezium.source.snapshot.mode': 'initial_only' });
    const { code, stdout, stderr } = await riverbend(['run', path]);
    assert.equal(code, 0, stdout + stderr);
    assert.equal(
      readFileSync(join(dir, `${name}.jsonl`), 'utf8')
        .split('\n')
        .filter((l) => l.includes(`"${name}.${name}.t"`)).length,
      2,
    );
  } finally {
    await admin.query(`DROP DATABASE IF EXISTS ${name}`);
    await admin.end();
  }
});

test('environment variables override the file', async () => {
  const path = write('env.properties', { 'debezium.sink.type': 'nowhere', 'debezium.source.connector.class': 'nowhere' });
  const { code, stderr } = await riverbend(['run', path], {
    DEBEZIUM_SINK_TYPE: 'log',
    DEBEZIUM_SOURCE_CONNECTOR_CLASS: 'com.example.Nope',
  });
  assert.equal(code, 2);
  assert.match(stderr, /com\.example\.Nope/);
  assert.doesNotMatch(stderr, /debezium\.sink\.type/);
});
