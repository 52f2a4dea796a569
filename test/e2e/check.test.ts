/** Bad configurations and servers as a user meets them: everything in one go, each with its key; nothing is changed. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import mysql from 'mysql2/promise';
import { type Stack, startStack } from '../stack/stack.ts';
import { freePort } from '../support/free-port.ts';
import { databendDsn, kafkaBootstrap, mysqlPort, registryUrl } from '../support/servers.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SECRET = 'top-SECRET-word';
const dir = mkdtempSync(join(tmpdir(), 'riverbend-check-'));
const user = `chk_${process.pid}`;
let bare: Stack;
let admin: mysql.Connection;

before(async () => {
  const extra = { mysql: ['--skip-log-bin', '--gtid-mode=OFF', '--enforce-gtid-consistency=OFF', '--binlog-row-image=MINIMAL'] };
  bare = await startStack({ dir: join(dir, 'stack'), portBase: 'auto', services: ['mysql'], extra });
  admin = await mysql.createConnection({ host: '127.0.0.1', port: mysqlPort(), user: 'root', multipleStatements: true });
});
after(async () => {
  await admin?.query(`DROP USER IF EXISTS ${user}@'%'`);
  await admin?.end();
  await bare?.clean();
  rmSync(dir, { recursive: true, force: true });
});

interface Found {
  readonly code: number;
  readonly findings: readonly { severity: string; code: string; kind: string; key: string; message: string; hint: string }[];
}

function riverbend(args: readonly string[]): Promise<{ code: number; text: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['--disable-warning=TimeoutNegativeWarning', join(ROOT, 'src', 'main.ts'), ...args],
      { cwd: dir, timeout: 30_000 },
      (_e, out, err) => resolve({ code: child.exitCode ?? -1, text: out + err }),
    );
  });
}

/** What `check --json` finds; `run` must refuse with the same keys and the same exit code, and neither may leave anything behind. */
async function findings(name: string, text: string): Promise<Found> {
  const file = join(dir, name);
  writeFileSync(file, text);
  const files = readdirSync(dir).sort();
  const startedAt = performance.now();
  const checked = await riverbend(['check', file, '--json']);
  assert.ok(performance.now() - startedAt < 12_000, `check took ${Math.round(performance.now() - startedAt)} ms`);
  const all = (JSON.parse(checked.text) as { findings: Found['findings'] }).findings;
  const errors = all.filter((f) => f.severity === 'error');
  assert.ok(errors.length > 0, checked.text);
  const ran = await riverbend(['run', file]);
  assert.equal(ran.code, checked.code, ran.text);
  for (const { key, code, hint } of errors) {
    assert.ok(ran.text.includes(`${code}  ${key}\n`), `run names ${key}:\n${ran.text}`);
    assert.notEqual(hint, '', key);
  }
  assert.deepEqual(readdirSync(dir).sort(), files, 'nothing was written');
  for (const shown of [checked.text, ran.text]) {
    assert.doesNotMatch(shown, /\n\s+at .*\(.*:\d+:\d+\)/, 'no stack traces');
    assert.ok(!shown.includes(SECRET), 'no secrets');
  }
  return { code: checked.code, findings: all };
}

const errorsOf = (f: Found): string[] => f.findings.filter((x) => x.severity === 'error').map((x) => `${x.code} ${x.key}`);

function source(port: number, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    'connector.class': 'io.debezium.connector.mysql.MySqlConnector',
    'database.hostname': '127.0.0.1',
    'database.port': String(port),
    'database.user': 'root',
    'database.server.id': String(95_000 + (process.pid % 1000)),
    'topic.prefix': user,
    'schema.history.internal': 'file',
    'schema.history.internal.file.filename': join(dir, 'history.jsonl'),
    ...more,
  };
}

function properties(of: Readonly<Record<string, string>>, more: Readonly<Record<string, string>> = {}): string {
  const all = { ...Object.fromEntries(Object.entries(of).map(([k, v]) => [`debezium.source.${k}`, v])), ...more };
  return Object.entries(all)
    .map(([k, v]) => `${k}=${v}\n`)
    .join('');
}

const offsetFile = { 'offset.storage.file.filename': join(dir, 'offsets.dat') };
const fileSink = { 'debezium.sink.type': 'file', 'debezium.sink.file.path': join(dir, 'out.jsonl'), 'quarkus.http.port': '0' };

test('wrong keys, wrong passwords and servers that are down are all told at once, in the names of the file', async () => {
  const nobody = await freePort();
  const databend = new URL(databendDsn());
  const found = await findings(
    'a.properties',
    properties(
      source(mysqlPort(), {
        ...offsetFile,
        'database.user': 'cdc',
        'database.password': SECRET,
        'database.include.list': 'a',
        'database.exclude.list': 'b',
        'snapshot.fetch.size': 'many',
        'tabel.include.list': 'x.y',
        'connect.keep.alive': 'false',
      }),
      {
        'debezium.sink.type': 'databend',
        'debezium.sink.databend.connection.url': `jdbc:databend://${databend.host}/${user}`,
        'debezium.sink.databend.connection.username': databend.username,
        'debezium.sink.databend.connection.password': SECRET,
        'debezium.sink.databend.batch.size': 'big',
        'quarkus.http.port': 'eighty',
      },
    ),
  );
  assert.equal(found.code, 2);
  assert.deepEqual(errorsOf(found).sort(), [
    'CDC_CONFIG_INVALID debezium.sink.databend.batch.size',
    'CDC_CONFIG_INVALID debezium.source.connect.keep.alive',
    'CDC_CONFIG_INVALID debezium.source.database.exclude.list',
    'CDC_CONFIG_INVALID debezium.source.database.include.list',
    'CDC_CONFIG_INVALID debezium.source.snapshot.fetch.size',
    'CDC_CONFIG_INVALID quarkus.http.port',
    'CDC_DATABEND_AUTH debezium.sink.databend.connection.password',
    'CDC_MYSQL_PRIVILEGE debezium.source.database.password',
  ]);
  const typo = found.findings.find((f) => f.code === 'CDC_CONFIG_UNKNOWN_KEY');
  assert.match(typo?.hint ?? '', /"debezium\.source\.table\.include\.list"/);

  const kafka = await findings(
    'k.properties',
    properties(source(nobody, offsetFile), {
      'debezium.sink.type': 'kafka',
      'debezium.sink.kafka.producer.bootstrap.servers': `127.0.0.1:${nobody}`,
      'debezium.sink.kafka.producer.buffer.memory': 'lots',
      'debezium.format.value': 'avro',
      'debezium.format.value.schema.registry.url': `http://127.0.0.1:${nobody}`,
    }),
  );
  assert.deepEqual(errorsOf(kafka).sort(), [
    'CDC_CONFIG_INVALID debezium.sink.kafka.producer.buffer.memory',
    'CDC_KAFKA_UNAVAILABLE debezium.sink.kafka.producer.bootstrap.servers',
    'CDC_MYSQL_UNREACHABLE debezium.source.database.hostname',
    'CDC_REGISTRY_UNAVAILABLE debezium.format.value.schema.registry.url',
  ]);
});

test('a daemon file: every connector is looked at, the worker too, and none is started', async () => {
  const nobody = await freePort();
  const yaml = (of: Readonly<Record<string, string>>): string =>
    Object.entries(of)
      .map(([k, v]) => `    ${k}: '${v}'\n`)
      .join('');
  const avro = 'io.confluent.connect.avro.AvroConverter';
  const found = await findings(
    'c.yaml',
    `worker:
  bootstrap.servers: ${kafkaBootstrap()}
  listners: 'http://127.0.0.1:0'
  offset.flush.interval.ms: soon
  value.converter: ${avro}
  value.converter.schema.registry.url: 'http://127.0.0.1:${nobody}'
  offset.storage.file.filename: ${offsetFile['offset.storage.file.filename']}
connectors:
  src:
${yaml(source(bare.mysql.port, { 'key.converter': avro, 'key.converter.schema.registry.url': registryUrl() }))}
  snk:
${yaml({ 'connector.class': 'databend', topics: 'a', 'topics.regex': 'b', 'connection.url': `jdbc:databend://127.0.0.1:${nobody}/x`, 'insert.mode': 'upsrt' })}`,
  );
  assert.equal(found.code, 2);
  assert.deepEqual(errorsOf(found).sort(), [
    'CDC_CONFIG_INVALID connectors.snk.insert.mode',
    'CDC_CONFIG_INVALID connectors.snk.topics',
    'CDC_CONFIG_INVALID worker.offset.flush.interval.ms',
    'CDC_DATABEND_CONNECTION connectors.snk.connection.url',
    'CDC_MYSQL_BINLOG_DISABLED connectors.src.database.hostname',
    'CDC_MYSQL_ROW_IMAGE connectors.src.database.hostname',
    'CDC_REGISTRY_UNAVAILABLE worker.value.converter.schema.registry.url',
  ]);
});

test('a server without binlog, in statement format, frozen: each ends with 3 and says what to do', async () => {
  const text = properties(source(bare.mysql.port, offsetFile), fileSink);
  const off = await findings('off.properties', text);
  assert.equal(off.code, 3);
  assert.match(JSON.stringify(off.findings), /start the server with log_bin/);
  assert.match(JSON.stringify(off.findings), /SET GLOBAL binlog_row_image=FULL/);

  const own = await mysql.createConnection({ host: '127.0.0.1', port: bare.mysql.port, user: 'root' });
  await own.query("SET GLOBAL binlog_format = 'STATEMENT'");
  await own.end();
  assert.ok(errorsOf(await findings('off.properties', text)).includes('CDC_MYSQL_BINLOG_FORMAT debezium.source.database.hostname'));

  bare.freeze('mysql');
  try {
    const frozen = await findings('off.properties', text);
    assert.equal(frozen.code, 3);
    assert.deepEqual(errorsOf(frozen), ['CDC_MYSQL_UNREACHABLE debezium.source.database.hostname']);
  } finally {
    bare.thaw('mysql');
  }
});

test('missing privileges are named, each with its GRANT; so are tables that do not exist', async () => {
  await admin.query(`CREATE USER ${user}@'%' IDENTIFIED BY '${SECRET}'; GRANT SELECT ON *.* TO ${user}@'%'`);
  const file = properties(
    source(mysqlPort(), { ...offsetFile, 'database.user': user, 'database.password': SECRET, 'table.include.list': `${user}.nowhere` }),
    fileSink,
  );
  const weak = await findings('weak.properties', file);
  assert.equal(weak.code, 3);
  const text = JSON.stringify(weak.findings);
  for (const privilege of ['REPLICATION SLAVE', 'REPLICATION CLIENT']) assert.ok(text.includes(`GRANT ${privilege} ON *.*`), text);
  assert.match(text, new RegExp(`the table \\\\"${user}\\.nowhere\\\\" does not exist`));

  await admin.query(`GRANT REPLICATION SLAVE ON *.* TO ${user}@'%'`);
  assert.deepEqual(errorsOf(await findings('weak.properties', file)), ['CDC_MYSQL_PRIVILEGE debezium.source.database.user']);
});

test('a file that is missing, a folder, or no YAML ends with 2 and says where', async () => {
  assert.match((await riverbend(['check', 'nowhere.yaml'])).text, /CDC_CONFIG_FILE.*\n.*it does not exist/);
  assert.match((await riverbend(['check', `${dir}/`])).text, /CDC_CONFIG_FILE.*\n.*it is a folder/);
  const found = await findings('broken.yaml', 'worker:\n  a: [1, 2\nconnectors: x: y\n');
  assert.equal(found.code, 2);
  assert.match(found.findings[0]?.message ?? '', /broken\.yaml" line \d/);
});
