import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildBatch } from '../../../src/kafka/chunk-builder.ts';
import type { KafkaMessage } from '../../../src/kafka/client.ts';
import { type Incoming, MessageReader, type RowItem, type TopicPlace } from '../../../src/kafka/message-reader.ts';
import type { RowChunk } from '../../../src/model/chunk.ts';
import { CdcError } from '../../../src/model/errors.ts';
import { fieldOf, primitive, type Schema, struct } from '../../../src/model/schema.ts';
import type { Converter, Decoded } from '../../../src/spi/converter.ts';
import { testChunk, testSource, testTable } from '../../support/kafka-rows.ts';

/** A converter whose messages are numbers of prepared values. */
function prepared(values: readonly Decoded[]): Converter {
  const never = (): never => assert.fail('not for reading');
  return {
    prepare: never,
    encoder: never,
    fromConnect: never,
    toConnect: (_t, data) => (data === null ? { schema: null, value: null } : (values[Number(data)] as Decoded)),
  };
}

const table = testTable('s', 't');
const source = (pos: number): readonly unknown[] => testSource('s', 't', pos).values;
const envelope = (op: string, pos: number, before: unknown, after: unknown): Decoded => ({
  schema: table.envelope,
  value: [before, after, source(pos), null, op, 5, 5000, 5_000_000],
});
const key = (id: number): Decoded => ({ schema: table.key, value: [id] });

interface Sent {
  readonly key?: Decoded;
  readonly value?: Decoded;
}

function read(topic: string, sent: readonly Sent[], place: TopicPlace = 'data'): Incoming[] {
  const keys = sent.map((s) => s.key ?? { schema: null, value: null });
  const values = sent.map((s) => s.value ?? { schema: null, value: null });
  const reader = new MessageReader(prepared(keys), prepared(values));
  return sent.map((s, i) => {
    const at = Buffer.from(String(i));
    const message = {
      key: s.key === undefined ? null : at,
      value: s.value === undefined ? null : at,
      offset: String(i),
      timestamp: '7',
      attributes: 0,
      headers: {},
    };
    return reader.read(topic, message as unknown as KafkaMessage, place) as Incoming;
  });
}

test('Debezium envelopes become rows of their source table, with one TableSchema', () => {
  const [a, b, d, tombstone] = read(table.topic, [
    { key: key(1), value: envelope('c', 10, null, [1, 'x']) },
    { key: key(1), value: envelope('u', 11, [1, 'x'], [1, 'y']) },
    { key: key(1), value: envelope('d', 12, [1, 'y'], null) },
    { key: key(1) },
  ]) as [RowItem, RowItem, RowItem, Incoming];
  assert.deepEqual(a.table, table);
  assert.equal(a.table, b.table);
  assert.equal(a.table, d.table);
  assert.deepEqual([a.op, a.before, a.after], ['c', null, [1, 'x']]);
  assert.deepEqual([b.op, b.before, b.after], ['u', [1, 'x'], [1, 'y']]);
  assert.deepEqual([d.op, d.before, d.after], ['d', [1, 'y'], null]);
  assert.equal(a.position?.pos, 10);
  assert.equal(tombstone.kind, 'skip');
});

test('a truncate, which has no key, belongs to the table of the rows before it', () => {
  const [a, t] = read(table.topic, [
    { key: key(1), value: envelope('c', 10, null, [1, 'x']) },
    { value: envelope('t', 11, null, null) },
  ]) as [RowItem, RowItem];
  assert.equal(t.op, 't');
  assert.equal(t.table, a.table);
});

test('the source block, positions and row numbers come through in chunks', () => {
  const at = (pos: number, row: number): Decoded => ({
    schema: table.envelope,
    value: [null, [row, 'x'], source(pos).with(14, row), null, 'c', 5, 5000, 5],
  });
  const items = read(table.topic, [0, 1, 2].map((r) => ({ key: key(r), value: at(10, r) })).concat({ key: key(9), value: at(11, 0) }));
  const { chunks, rowCount } = buildBatch(items, []);
  assert.equal(rowCount, 4);
  const [first, second] = chunks as [RowChunk, RowChunk];
  const { values, ...info } = testSource('s', 't', 10);
  const { values: mine, ...got } = first.source;
  assert.deepEqual(got, info);
  assert.deepEqual(mine, values);
  assert.deepEqual([first.count, first.firstRow, first.op, second.source.pos], [3, 0, 'c', 11]);
  assert.deepEqual(first.after, [
    [0, 'x'],
    [1, 'x'],
    [2, 'x'],
  ]);
  assert.deepEqual(
    { ...first, table, after: 0, source: 0 },
    { ...testChunk(table, 'c', 10, []), count: 3, after: 0, source: 0, processedUs: 5000, before: null },
  );
});

test('plain rows are inserts of a table named as the topic; a null value deletes by key', () => {
  const plain: Schema = struct([
    ['id', primitive('int32')],
    ['v', primitive('string', { optional: true })],
  ]);
  const k: Schema = struct([['id', primitive('int32')]]);
  const [a, d] = read('orders', [
    { key: { schema: k, value: [1] }, value: { schema: plain, value: [1, 'x'] } },
    { key: { schema: k, value: [1] } },
  ]) as [RowItem, RowItem];
  assert.deepEqual(a.table.id, { database: '', table: 'orders' });
  assert.equal(a.table.shape, 'row');
  assert.deepEqual(a.table.keyOrdinals, [0]);
  assert.equal(d.op, 'd');
  assert.equal(d.table, a.table);
  assert.deepEqual(d.before, [1, null]);
});

test('a schemaless JSON key names key columns; a value without schema is refused', () => {
  const [a] = read(table.topic, [{ key: { schema: null, value: { id: 1 } }, value: envelope('c', 1, null, [1, 'x']) }]) as [RowItem];
  assert.deepEqual(a.table.keyOrdinals, [0]);
  assert.deepEqual(fieldOf(a.table.key as Schema, 'id')?.schema.type, 'int32');
  assert.throws(
    () => read('x', [{ value: { schema: null, value: { id: 1 } } }]),
    (e) => e instanceof CdcError && e.code === 'CDC_KAFKA_SCHEMALESS',
  );
});

test('a topic that only has the name of a schema-change topic is read as what it is', () => {
  const plain: Schema = struct([['id', primitive('int32')]]);
  const row = { value: { schema: plain, value: [1] } };
  assert.equal(read('orders', [row], 'both')[0]?.kind, 'row');
  assert.equal(read('orders', [row], 'schema')[0]?.kind, 'skip');
});

test('of a schema change Debezium wrote only the drop is taken, and not during a snapshot', () => {
  const change = (snapshot: string): Sent => ({
    value: {
      schema: null,
      value: {
        ddl: 'DROP TABLE t',
        databaseName: 'shop',
        source: { name: 's', file: 'b.1', pos: 4, ts_ms: 1, server_id: 1, snapshot },
        tableChanges: [
          { type: 'DROP', id: '"shop"."t"' },
          { type: 'ALTER', id: '"shop"."u"' },
        ],
      },
    },
  });
  const [streamed, inSnapshot] = read('s', [change('false'), change('true')], 'schema');
  assert.ok(streamed?.kind === 'schema' && inSnapshot?.kind === 'schema');
  assert.deepEqual(streamed.change.operations, [{ kind: 'dropTable', table: { database: 'shop', table: 't' } }]);
  assert.deepEqual(inSnapshot.change.operations, []);
});
