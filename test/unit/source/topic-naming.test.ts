import assert from 'node:assert/strict';
import { test } from 'node:test';
import { topicNaming } from '../../../src/source/topic-naming.ts';

const base = {
  prefix: 'p',
  strategy: 'io.debezium.schema.DefaultTopicNamingStrategy',
  delimiter: '.',
  transaction: 'transaction',
  heartbeatPrefix: '__debezium-heartbeat',
  heartbeatName: null,
};

test('topics are named as Debezium names them', () => {
  const t = topicNaming(base);
  assert.equal(t.dataChangeTopic({ database: 'd', table: 't' }), 'p.d.t');
  assert.equal(t.dataChangeTopic({ database: 'd', table: 'a$b 表' }), 'p.d.a_b__');
  assert.equal(t.schemaChangeTopic(), 'p');
  assert.equal(t.heartbeatTopic(), '__debezium-heartbeat.p');
  assert.equal(t.transactionTopic(), 'p.transaction');
});

test('delimiter, heartbeat name and the Unicode strategy are honoured', () => {
  assert.equal(topicNaming({ ...base, delimiter: '-' }).dataChangeTopic({ database: 'd', table: 't' }), 'p-d-t');
  assert.equal(topicNaming({ ...base, heartbeatName: 'hb' }).heartbeatTopic(), 'hb');
  const unicode = topicNaming({ ...base, strategy: 'io.debezium.schema.DefaultUnicodeTopicNamingStrategy' });
  assert.equal(unicode.dataChangeTopic({ database: 'd', table: 'a_b' }), 'p.d.a_u005fb');
});

test('no name is longer than Kafka allows', () => {
  assert.equal(topicNaming(base).dataChangeTopic({ database: 'd'.repeat(64), table: 't'.repeat(300) }).length, 249);
});
