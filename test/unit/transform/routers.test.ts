import assert from 'node:assert/strict';
import { test } from 'node:test';
import { primitive } from '../../../src/model/schema.ts';
import type { ChangeRecord } from '../../../src/transform/change-record.ts';
import { recordsOfRows } from '../../../src/transform/change-record.ts';
import { rowsOf, tableOf } from '../sink/builders.ts';
import { fieldsOf, headersOf, named, recordsOf, rows, SOURCE, single } from './builders.ts';

const ROUTER = 'io.debezium.transforms.ByLogicalTableRouter';
const OUTBOX = 'io.debezium.transforms.outbox.EventRouter';
const text = primitive('string');
const optional = primitive('string', { optional: true });

test('ByLogicalTableRouter puts the old topic into the key and renames the schemas', () => {
  const [made] = recordsOf(rows('c', [[1, 'Ann', null]])).map(
    single(ROUTER, { 'topic.regex': '(.*)\\.customers', 'topic.replacement': '$1.all' }),
  );
  assert.equal(made?.topic, 's.shop.all');
  assert.deepEqual(named(made?.keySchema ?? null, made?.key), { id: 1, __dbz__physicalTableIdentifier: 's.shop.customers' });
  assert.equal(made?.keySchema?.name, 's.shop.all.Key');
  assert.equal(made?.valueSchema?.name, 's.shop.all.Envelope');
  assert.deepEqual(
    made?.valueSchema?.fields.slice(0, 2).map((f) => [f.schema.name, f.schema.optional]),
    [
      ['s.shop.all.Value', true],
      ['s.shop.all.Value', true],
    ],
  );
});

test('its key field can have a part of the topic, another name, or be left out', () => {
  const record = recordsOf(rows('c', [[1, 'Ann', null]]));
  const settings = {
    'topic.regex': '.*',
    'topic.replacement': 'x',
    'key.field.regex': '.*\\.(.*)',
    'key.field.replacement': '$1',
    'key.field.name': 'from',
  };
  assert.deepEqual(
    record.map(single(ROUTER, settings)).map((r) => named(r?.keySchema ?? null, r?.key)),
    [{ id: 1, from: 'customers' }],
  );
  const plain = { 'topic.regex': '.*', 'topic.replacement': 'x', 'key.enforce.uniqueness': 'false' };
  assert.deepEqual(
    record.map(single(ROUTER, plain)).map((r) => named(r?.keySchema ?? null, r?.key)),
    [{ id: 1 }],
  );
});

const outbox = tableOf(
  'shop',
  'outbox',
  [
    ['id', text],
    ['aggregatetype', text],
    ['aggregateid', text],
    ['type', text],
    ['payload', optional],
    ['part', primitive('int32')],
  ],
  ['id'],
);
const event = (op: 'c' | 'u' | 'd', payload: string | null): readonly ChangeRecord[] =>
  recordsOfRows(
    rowsOf(outbox, op, [['e1', 'Order', '7', 'Created', payload, 3]], { source: SOURCE, processedUs: 5_000_000, tombstones: true }),
    [],
  );
const route = (settings: Record<string, string>, op: 'c' | 'u' | 'd' = 'c', payload: string | null = '{"a":1}') =>
  event(op, payload).map(single(OUTBOX, settings));

test('an inserted outbox row becomes its event', () => {
  const [made] = route({ 'table.fields.additional.placement': 'type:header:eventType,part:partition' });
  assert.deepEqual(
    [made?.topic, made?.key, made?.value, made?.partition, made?.timestamp],
    ['outbox.event.Order', '7', '{"a":1}', 3, 5000],
  );
  assert.deepEqual(headersOf(made as ChangeRecord), [
    ['id', 'e1'],
    ['eventType', 'Created'],
  ]);
});

test('deletes, their tombstones and updates of the outbox are left out; updates may be an error', () => {
  assert.deepEqual(route({}, 'd'), [null, null]);
  assert.deepEqual(route({}, 'u'), [null]);
  assert.throws(() => route({ 'table.op.invalid.behavior': 'fatal' }, 'u'), { code: 'CDC_TRANSFORM' });
});

test('columns in the envelope make the value a struct named after the route', () => {
  const [made] = route({ 'table.fields.additional.placement': 'type:envelope:kind' });
  assert.deepEqual(fieldsOf(made as ChangeRecord), { payload: '{"a":1}', kind: 'Created' });
  assert.equal(made?.valueSchema?.name, 's.shop.outbox.Order.Value');
});

test('an empty payload can be a tombstone', () => {
  const [made] = route({ 'route.tombstone.on.empty.payload': 'true' }, 'c', '');
  assert.deepEqual([made?.valueSchema, made?.value], [null, null]);
});

test('a JSON payload is expanded; one that cannot be is sent as it is', () => {
  const settings = { 'table.expand.json.payload': 'true' };
  const [made] = route(settings, 'c', '{"2":1,"b":12345678901,"c":[1.5],"n":null,"o":{"x":"y"},"e":[],"1":true}');
  assert.deepEqual(fieldsOf(made as ChangeRecord), { 2: 1, b: 12345678901, c: [1.5], o: { x: 'y' }, 1: true });
  assert.deepEqual(
    made?.valueSchema?.fields.map((f) => [f.name, f.schema.type]),
    [
      ['2', 'int32'],
      ['b', 'int64'],
      ['c', 'array'],
      ['o', 'struct'],
      ['1', 'boolean'],
    ],
  );
  for (const payload of ['plain', '[1]', '{"a":[1,"x"]}', '{"a":1', '{"a":123456789012345678901}'])
    assert.deepEqual(
      route(settings, 'c', payload).map((r) => r?.value),
      [payload],
    );
});

test('RegexRouter matches whole names and knows Java’s replacements', () => {
  const [record] = recordsOf(rows('c', [[1, 'Ann', null]])) as [ChangeRecord];
  const topic = (regex: string, replacement: string) =>
    single('org.apache.kafka.connect.transforms.RegexRouter', { regex, replacement })(record)?.topic;
  assert.equal(topic('(.*)\\.(?<t>.*)', '${t}-$1\\$'), 'customers-s.shop$');
  assert.equal(topic('shop', 'x'), 's.shop.customers');
  assert.equal(topic('(?i)S\\.SHOP\\.(.*)', '$10'), 'customers0');
});
