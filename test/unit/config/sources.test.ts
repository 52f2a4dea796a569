import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environmentName, overrideByEnvironment, parseConfigFile } from '../../../src/config/sources.ts';
import type { CdcError } from '../../../src/model/errors.ts';

const values = (entries: ReadonlyMap<string, { value: string }>): Record<string, string> =>
  Object.fromEntries([...entries].map(([k, e]) => [k, e.value]));

test('properties, YAML and JSON give the same dotted keys', () => {
  const expected = {
    'debezium.sink.type': 'file',
    'debezium.source.database.port': '3306',
    'debezium.source.tombstones.on.delete': 'true',
    'debezium.source.table.include.list': 'a.b,a.c',
  };
  const texts = {
    'x.properties':
      'debezium.sink.type=file\ndebezium.source.database.port=3306\ndebezium.source.tombstones.on.delete=true\ndebezium.source.table.include.list=a.b,a.c',
    'x.yaml':
      'debezium:\n  sink:\n    type: file\n  source:\n    database.port: 3306\n    tombstones.on.delete: true\n    table.include.list: [a.b, a.c]\n',
    'x.json':
      '{"debezium":{"sink.type":"file","source":{"database":{"port":3306},"tombstones.on.delete":true,"table.include.list":["a.b","a.c"]}}}',
  };
  for (const [name, text] of Object.entries(texts)) assert.deepEqual(values(parseConfigFile(text, name).entries), expected, name);
});

test('scalars of YAML and JSON stay as they were written', () => {
  const { entries } = parseConfigFile('a: 1.10\nb: 0123\nc: 9007199254740993\nd: ~\ne: "1"\nf: 1e3\n', 'x.yml');
  assert.deepEqual(values(entries), { a: '1.10', b: '0123', c: '9007199254740993', d: '', e: '1', f: '1e3' });
});

test('connectors are kept apart by name, dots in names included', () => {
  const { connectors, entries } = parseConfigFile(
    'worker:\n  listeners: http://:1\nconnectors:\n  a.b:\n    connector.class: mysql\n    database: {hostname: h}\n',
    'x.yaml',
  );
  assert.deepEqual(values(entries), { 'worker.listeners': 'http://:1' });
  assert.deepEqual(values(connectors?.get('a.b') ?? new Map()), { 'connector.class': 'mysql', 'database.hostname': 'h' });
});

test('every entry knows file and line', () => {
  assert.equal(parseConfigFile('a:\n  b: 1\n  c: 2\n', 'x.yaml').entries.get('a.c')?.origin, 'x.yaml:3');
  assert.equal(parseConfigFile('\na=1', 'x.properties').entries.get('a')?.origin, 'x.properties:2');
});

test('a syntax error names file and line', () => {
  assert.throws(
    () => parseConfigFile('a: 1\na: 2\n', 'x.yaml'),
    (e: CdcError) => e.code === 'CDC_CONFIG_FILE' && /x\.yaml" line 2/.test(e.message),
  );
  assert.throws(() => parseConfigFile('- a\n', 'x.yaml'), /expected keys and values/);
  assert.throws(() => parseConfigFile('{}', 'x.toml'), /not known/);
});

test('environment variables override the file and remember it', () => {
  const file = parseConfigFile('debezium.source.driver.allowPublicKeyRetrieval=false\ndebezium.sink.type=log', 'x.properties').entries;
  const env = {
    DEBEZIUM_SOURCE_DRIVER_ALLOWPUBLICKEYRETRIEVAL: 'true',
    DEBEZIUM_SINK_TYPE: 'file',
    DEBEZIUM_SOURCE_DATABASE_HOSTNAME: 'db',
    QUARKUS_HTTP_PORT: '9',
    HOME: '/root',
  };
  const merged = overrideByEnvironment(file, env, ['DEBEZIUM_', 'QUARKUS_'], []);
  assert.deepEqual(values(merged), {
    'debezium.source.driver.allowPublicKeyRetrieval': 'true',
    'debezium.sink.type': 'file',
    'debezium.source.database.hostname': 'db',
    'quarkus.http.port': '9',
  });
  assert.equal(merged.get('debezium.sink.type')?.origin, 'env DEBEZIUM_SINK_TYPE');
});

test('a known key lends its spelling to the environment variable', () => {
  const merged = overrideByEnvironment(
    new Map(),
    { DEBEZIUM_SOURCE_SIGNAL_KAFKA_GROUPID: 'g' },
    ['DEBEZIUM_'],
    ['debezium.source.signal.kafka.groupId'],
  );
  assert.deepEqual(values(merged), { 'debezium.source.signal.kafka.groupId': 'g' });
  assert.equal(environmentName('a.b-c.dE'), 'A_B_C_DE');
});
