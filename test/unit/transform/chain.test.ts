import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecordChunk } from '../../../src/model/chunk.ts';
import { primitive } from '../../../src/model/schema.ts';
import { transformBatch } from '../../../src/transform/chain.ts';
import { batchOf, schemaChange } from '../sink/builders.ts';
import { CONTEXT, chain, plan, rows, single } from './builders.ts';

const REGEX = 'org.apache.kafka.connect.transforms.RegexRouter';
const P = 'org.apache.kafka.connect.transforms.predicates.';

test('rows become records in order; only the last may be resumed behind', () => {
  const batch = {
    ...batchOf(
      [
        rows(
          'd',
          [
            [1, 'a', null],
            [2, 'b', null],
          ],
          { tombstones: true, offset: { pos: 9 } },
        ),
      ],
      9,
    ),
    headers: CONTEXT,
  };
  const out = transformBatch(batch, single(REGEX, { regex: '.*', replacement: 'x' }));
  const records = out.chunks as readonly RecordChunk[];
  assert.deepEqual(
    records.map((c) => [c.record.topic, c.record.key, c.record.value === null, c.offset]),
    [
      ['x', [1], false, null],
      ['x', [1], true, null],
      ['x', [2], false, null],
      ['x', [2], true, { pos: 9 }],
    ],
  );
  assert.deepEqual(records[0]?.record.headers, CONTEXT);
  assert.deepEqual([out.offsets, out.rowCount], [batch.offsets, batch.rowCount]);
});

test('chunks no transform touches stay chunks', () => {
  const batch = batchOf([rows('c', [[1, 'a', null]])], 9);
  const out = transformBatch(batch, single(REGEX, { regex: 'nothing', replacement: 'x' }));
  assert.equal(out.chunks[0], batch.chunks[0]);
});

test('a key change keeps its header before those of the batch', () => {
  const chunk = rows('d', [[1, 'a', null]], { otherKeys: [[2]] });
  const out = transformBatch({ ...batchOf([chunk], 9), headers: CONTEXT }, single(REGEX, { regex: '.*', replacement: 'x' }));
  assert.deepEqual(
    (out.chunks[0] as RecordChunk).record.headers?.map((h) => [h.key, h.value]),
    [
      ['__debezium.newkey', [2]],
      ['taskId', '0'],
    ],
  );
});

test('a schema change keeps its place and operations when its messages are dropped', () => {
  const record = { topic: 's', partition: 0, keySchema: null, key: null, valueSchema: primitive('string'), value: 'ddl' };
  const change = schemaChange([{ kind: 'dropDatabase', database: 'shop' }], 5, { records: [record] });
  const [out] = transformBatch(batchOf([change], 9), single('org.apache.kafka.connect.transforms.Filter')).chunks;
  assert.deepEqual(out, { ...change, records: [] });
});

test('predicates choose the records of a transform, or all others', () => {
  const config = (type: string, more: Record<string, string>) => ({
    transforms: 't',
    'transforms.t.type': REGEX,
    'transforms.t.regex': '.*',
    'transforms.t.replacement': 'x',
    'transforms.t.predicate': 'p',
    predicates: 'p',
    'predicates.p.type': P + type,
    ...more,
  });
  const batch = { ...batchOf([rows('d', [[1, 'a', null]], { tombstones: true })], 9), headers: CONTEXT };
  const topics = (c: Record<string, string>) => {
    const out = transformBatch(batch, chain(c)).chunks;
    return out[0]?.kind === 'rows' ? 'untouched' : (out as readonly RecordChunk[]).map((r) => r.record.topic);
  };
  const own = 's.shop.customers';
  assert.deepEqual(topics(config('RecordIsTombstone', {})), [own, 'x']);
  assert.deepEqual(topics(config('RecordIsTombstone', { 'transforms.t.negate': 'true' })), ['x', own]);
  assert.deepEqual(topics(config('TopicNameMatches', { 'predicates.p.pattern': 's\\.shop\\..*' })), ['x', 'x']);
  assert.equal(topics(config('TopicNameMatches', { 'predicates.p.pattern': 'shop' })), 'untouched');
  assert.deepEqual(topics(config('HasHeaderKey', { 'predicates.p.name': 'taskId' })), ['x', 'x']);
  assert.equal(topics(config('HasHeaderKey', { 'predicates.p.name': 'other' })), 'untouched');
});

test('every mistake of a configuration is found, under the name it is written with', () => {
  const { planned, messages } = plan({
    transforms: 'a,b,c,d',
    'transforms.a.type': 'com.example.Own',
    'transforms.b.type': REGEX,
    'transforms.b.regex': '(',
    'transforms.c.type': 'io.debezium.transforms.Filter',
    'transforms.d.type': 'org.apache.kafka.connect.transforms.Filter',
    'transforms.d.predicate': 'missing',
    'transforms.e.type': REGEX,
  });
  assert.equal(planned.length, 0);
  for (const start of [
    'debezium.transforms.e.type: the key',
    'debezium.transforms.a.type: Class com.example.Own could not be found.',
    'debezium.transforms.b.regex: Invalid value ( for configuration regex',
    'debezium.transforms.b.replacement: Missing required configuration "replacement"',
    'debezium.transforms.c.type: io.debezium.transforms.Filter is not supported: it runs scripts',
    'debezium.transforms.d.predicate: there is no predicate "missing"',
  ])
    assert.ok(
      messages.some((m) => m.startsWith(start)),
      `${start}\n${messages.join('\n')}`,
    );
});

test('a class that comes as $Key and $Value is not found without', () => {
  assert.match(
    plan({ transforms: 't', 'transforms.t.type': 'org.apache.kafka.connect.transforms.Flatten' }).messages.join(),
    /could not be found/,
  );
});

test('an error names the transform and the topic, no value', () => {
  const batch = batchOf([rows('c', [[1, 'secret', null]])], 9);
  const failing = single('org.apache.kafka.connect.transforms.ValueToKey', { fields: 'nope' });
  assert.throws(
    () => transformBatch(batch, failing),
    (error: Error & { code: string; kind: string }) => {
      assert.deepEqual([error.code, error.kind], ['CDC_TRANSFORM', 'data']);
      assert.equal(error.message, 'transform "t", topic s.shop.customers: Field does not exist: nope');
      return true;
    },
  );
});
