import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseStart } from '../../../src/kafka/assignment.ts';
import { clientKeys, jaasOption, parseConnection } from '../../../src/kafka/config.ts';
import { kafkaError } from '../../../src/kafka/errors.ts';
import { encodeHeader, encodeHeaders } from '../../../src/kafka/record-headers.ts';
import { decodeSchemaOperations, encodeSchemaOperations } from '../../../src/kafka/schema-change-header.ts';
import { parseTableId } from '../../../src/kafka/schema-change-reader.ts';
import { Subscription } from '../../../src/kafka/subscription.ts';
import { TopicCreation } from '../../../src/kafka/topics.ts';
import { CdcError } from '../../../src/model/errors.ts';
import { primitive, struct } from '../../../src/model/schema.ts';
import { testSource, testTable } from '../../support/kafka-rows.ts';

const refused = (code: string, pattern?: RegExp) => (e: unknown) =>
  e instanceof CdcError && e.code === code && (pattern?.test(e.message) ?? true);

test('client keys: the prefixed ones win, foreign ones stay out', () => {
  const raw = {
    'bootstrap.servers': 'a:1',
    'producer.client.id': 'p',
    'client.id': 'c',
    'producer.compression.type': 'zstd',
    'topic.prefix': 'x',
  };
  assert.deepEqual(clientKeys(raw, 'producer.'), { 'bootstrap.servers': 'a:1', 'client.id': 'p', 'compression.type': 'zstd' });
});

test('SASL over TLS is read from Kafka keys', () => {
  const jaas = 'org.apache.kafka.common.security.scram.ScramLoginModule required username="al\\"ice" password=\'s=3cr;t\';';
  const c = parseConnection({
    'bootstrap.servers': 'PLAINTEXT://a:1, b:2',
    'security.protocol': 'SASL_SSL',
    'sasl.mechanism': 'SCRAM-SHA-512',
    'sasl.jaas.config': jaas,
  });
  assert.deepEqual(c.brokers, ['a:1', 'b:2']);
  assert.deepEqual(c.sasl, { mechanism: 'scram-sha-512', username: 'al"ice', password: 's=3cr;t' });
  assert.deepEqual(c.ssl, {});
  assert.equal(jaasOption('x required password=bare;', 'password'), 'bare');
  assert.throws(
    () => parseConnection({ 'bootstrap.servers': 'a:1', 'security.protocol': 'SASL_SSL', 'sasl.mechanism': 'GSSAPI' }),
    refused('CDC_CONFIG_INVALID', /sasl.mechanism/),
  );
  assert.throws(() => parseConnection({ 'bootstrap.servers': 'a' }), refused('CDC_CONFIG_INVALID', /host:port/));
  assert.throws(
    () => parseConnection({ 'bootstrap.servers': 'a:1', 'security.protocol': 'SSL', 'ssl.truststore.location': '/x.jks' }),
    refused('CDC_CONFIG_INVALID', /JKS/),
  );
});

test('errors of kafkajs are told apart by type, through causes and aggregates', () => {
  const protocol = Object.assign(new Error('The request included a message larger'), {
    name: 'KafkaJSProtocolError',
    type: 'MESSAGE_TOO_LARGE',
    code: 10,
  });
  const kind = (e: unknown): string => kafkaError(e, 'x').kind;
  assert.equal(kafkaError(protocol, 'x').code, 'CDC_KAFKA_MESSAGE_TOO_LARGE');
  assert.equal(kind(Object.assign(new Error('retries'), { name: 'KafkaJSNumberOfRetriesExceeded', cause: protocol })), 'data');
  const factor = Object.assign(new Error('rf'), { type: 'INVALID_REPLICATION_FACTOR', topic: 't' });
  assert.equal(
    kafkaError(Object.assign(new Error('Topic creation errors'), { name: 'KafkaJSAggregateError', errors: [factor] }), 'x').code,
    'CDC_KAFKA_TOPIC',
  );
  assert.equal(
    kind(Object.assign(new Error('Connection error: connect ECONNREFUSED'), { name: 'KafkaJSNonRetriableError', retriable: false })),
    'retriable',
  );
  assert.equal(kind(Object.assign(new Error('auth'), { name: 'KafkaJSSASLAuthenticationError' })), 'environment');
  const ours = new CdcError('CDC_VALUE_CONVERT', 'data', 'y');
  assert.equal(kafkaError(ours, 'x'), ours);
});

test('topic.creation: the first including group wins, its gaps are the default group', () => {
  const creation = new TopicCreation({
    'topic.creation.default.partitions': '4',
    'topic.creation.default.replication.factor': '2',
    'topic.creation.groups': 'compacted, other',
    'topic.creation.compacted.include': 's\\.a\\..*, s\\.b',
    'topic.creation.compacted.exclude': 's\\.a\\.x',
    'topic.creation.compacted.cleanup.policy': 'compact',
    'topic.creation.compacted.partitions': '1',
    'topic.creation.other.include': 's\\..*',
  });
  assert.deepEqual(creation.of('s.a.t'), { partitions: 1, replicationFactor: 2, configs: { 'cleanup.policy': 'compact' } });
  assert.deepEqual(creation.of('s.a.x'), { partitions: 4, replicationFactor: 2, configs: {} });
  assert.equal(creation.of('zzz').partitions, 4);
  assert.deepEqual(new TopicCreation({}).of('t'), { partitions: 1, replicationFactor: -1, configs: {} });
  assert.throws(() => new TopicCreation({ 'topic.creation.default.partitions': '0' }), refused('CDC_CONFIG_INVALID'));
});

test('headers are plain text or JSON with schema', () => {
  const text = primitive('string');
  assert.equal(String(encodeHeader('simple', text, 'dbserver1')), 'dbserver1');
  assert.equal(String(encodeHeader('json', text, 'dbserver1')), '{"schema":{"type":"string","optional":false},"payload":"dbserver1"}');
  const key = struct([['id', primitive('int32')]]);
  assert.equal(String(encodeHeader('simple', key, [100])), '{"id":100}');
  assert.deepEqual(
    encodeHeaders('simple', [
      { key: 'a', schema: text, value: 'b' },
      { key: 'n', schema: text, value: null },
    ]),
    { a: Buffer.from('b') },
  );
});

test('schema operations survive their header, with each table schema once', () => {
  const t = testTable('s', 't', { extra: ['big'] });
  const source = testSource('s', 't', 77);
  const header = encodeSchemaOperations(source, [
    { kind: 'addColumn', table: t.id, column: 'big', schema: t },
    { kind: 'modifyColumn', table: t.id, column: 'v', schema: t },
    { kind: 'renameTable', table: t.id, to: { database: 'x', table: 'y' }, schema: null },
    { kind: 'dropDatabase', database: 'z' },
  ]);
  const decoded = decodeSchemaOperations(header);
  assert.deepEqual(decoded.source, { ...source, values: [] });
  const [add, modify, rename, drop] = decoded.operations;
  assert.ok(add?.kind === 'addColumn' && modify?.kind === 'modifyColumn');
  assert.equal(add.schema, modify.schema);
  assert.deepEqual(add.schema, t);
  assert.deepEqual(rename, { kind: 'renameTable', table: t.id, to: { database: 'x', table: 'y' }, schema: null });
  assert.deepEqual(drop, { kind: 'dropDatabase', database: 'z' });
  assert.throws(() => decodeSchemaOperations(Buffer.from('{}')), refused('CDC_KAFKA_MESSAGE'));
});

test('a subscription finds the schema-change topics of its sources, dots in the prefix included', () => {
  const s = new Subscription({ 'topics.regex': '(a|my\\.server)\\.shop\\..*' });
  const existing = ['a', 'a.shop.t', 'my.server', 'my', 'my.server.shop.t', 'b.shop.t', '__consumer_offsets'];
  const { topics, schemaTopics } = s.resolve(existing);
  assert.deepEqual(topics, ['a', 'a.shop.t', 'my', 'my.server', 'my.server.shop.t']);
  assert.deepEqual([...schemaTopics].sort(), ['a', 'my', 'my.server']);
  assert.deepEqual(new Subscription({ topics: 'a.shop.t , none' }).resolve(existing).topics, ['a', 'a.shop.t']);
  assert.throws(() => new Subscription({}), refused('CDC_CONFIG_INVALID', /Must configure one of topics or topics.regex/));
});

test('operations on tables that are not read are left out', () => {
  const s = new Subscription({ topics: 's.shop.t' });
  const t = testTable('s', 't');
  const u = testTable('s', 'u');
  const kept = s.relevant(
    's',
    [
      { kind: 'createTable', table: u.id, schema: u },
      { kind: 'addColumn', table: t.id, column: 'x', schema: t },
      { kind: 'dropTable', table: u.id },
      { kind: 'dropTable', table: t.id },
      { kind: 'dropDatabase', database: 'shop' },
      { kind: 'dropDatabase', database: 'crm' },
    ],
    () => false,
  );
  assert.deepEqual(
    kept.map((o) => o.kind),
    ['addColumn', 'dropTable', 'dropDatabase'],
  );
});

test('the stored offset wins over the group; outside the topic it is lost', () => {
  const c = { topic: 't', partition: 0, low: 10, high: 20, stored: -1, group: -1, reset: 'earliest' };
  assert.equal(chooseStart(c), 10);
  assert.equal(chooseStart({ ...c, reset: 'latest' }), 20);
  assert.equal(chooseStart({ ...c, group: 12 }), 12);
  assert.equal(chooseStart({ ...c, group: 12, stored: 15 }), 15);
  assert.equal(chooseStart({ ...c, stored: 20 }), 20);
  assert.throws(() => chooseStart({ ...c, stored: 9 }), refused('CDC_KAFKA_OFFSET_LOST', /removed/));
  assert.throws(() => chooseStart({ ...c, stored: 21 }), refused('CDC_KAFKA_OFFSET_LOST', /created anew/));
  assert.throws(() => chooseStart({ ...c, reset: 'none' }), refused('CDC_KAFKA_OFFSET_LOST'));
});

test('a Debezium table id is read with its quotes', () => {
  assert.deepEqual(parseTableId('"a""b"."c.d"'), { database: 'a"b', table: 'c.d' });
  assert.equal(parseTableId('a.b'), null);
});
