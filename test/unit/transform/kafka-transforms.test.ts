import assert from 'node:assert/strict';
import { test } from 'node:test';
import { primitive, type Schema, struct } from '../../../src/model/schema.ts';
import { CONNECT_DATE, DECIMAL } from '../../../src/model/semantic-types.ts';
import type { ChangeRecord } from '../../../src/transform/change-record.ts';
import { fieldsOf, headersOf, named, recordsOf, rows, single } from './builders.ts';

const K = 'org.apache.kafka.connect.transforms.';
const schema = struct(
  [
    ['id', primitive('int32')],
    ['name', primitive('string', { optional: true, defaultValue: 'x' })],
    ['price', primitive('float64')],
    ['amount', primitive('bytes', { name: DECIMAL, parameters: { scale: '2' } })],
    ['day', primitive('int32', { name: CONNECT_DATE, version: 1 })],
    ['at', struct([['city', primitive('string')]], { optional: true })],
  ],
  { name: 'Row', optional: true },
);
const RECORD: ChangeRecord = {
  topic: 't',
  partition: null,
  keySchema: struct([['id', primitive('int32')]]),
  key: [1],
  valueSchema: schema,
  value: [1, null, 1e7, '12.50', 19_782, ['Ulm']],
  headers: [{ key: 'h', schema: primitive('string'), value: 'v' }],
  timestamp: Date.UTC(2024, 1, 29, 13, 5, 6, 7),
};
const run = (type: string, settings: Record<string, string>, record = RECORD): ChangeRecord =>
  single(K + type, settings)(record) as ChangeRecord;
const TOMBSTONE: ChangeRecord = { ...RECORD, valueSchema: null, value: null };

test('ReplaceField leaves out and renames; nulls become defaults unless told not to', () => {
  const made = run('ReplaceField$Value', { exclude: 'price,amount,day', renames: 'id:no' });
  assert.deepEqual(fieldsOf(made), { no: 1, name: 'x', at: { city: 'Ulm' } });
  assert.deepEqual([made.valueSchema?.name, made.valueSchema?.optional], ['Row', false]);
  assert.deepEqual(fieldsOf(run('ReplaceField$Value', { include: 'name', 'replace.null.with.default': 'false' })), { name: null });
  assert.equal(run('ReplaceField$Value', { include: 'name' }, TOMBSTONE), TOMBSTONE);
});

test('InsertField adds facts of the record; ! makes a field required', () => {
  const made = run('InsertField$Key', { 'topic.field': 'topic!', 'static.field': 's', 'static.value': 'v', 'timestamp.field': 'ts' });
  assert.deepEqual(named(made.keySchema, made.key), { id: 1, topic: 't', ts: RECORD.timestamp, s: 'v' });
  assert.deepEqual(
    made.keySchema?.fields.map((f) => f.schema.optional),
    [false, false, true, true],
  );
});

test('MaskField puts the null value of the type, or a replacement', () => {
  assert.deepEqual(fieldsOf(run('MaskField$Value', { fields: 'id,name,amount,day' })), {
    id: 0,
    name: '',
    price: 1e7,
    amount: '0',
    day: 0,
    at: { city: 'Ulm' },
  });
  assert.deepEqual((run('MaskField$Value', { fields: 'name', replacement: '***' }).value as unknown[])[1], '***');
  assert.throws(() => run('MaskField$Value', { fields: 'at' }), { code: 'CDC_TRANSFORM' });
  assert.throws(() => run('MaskField$Value', { fields: 'id', replacement: 'abc' }), { code: 'CDC_TRANSFORM' });
});

test('ValueToKey, ExtractField and HoistField change what the key is', () => {
  const keyed = run('ValueToKey', { fields: 'name,id' });
  assert.deepEqual(named(keyed.keySchema, keyed.key), { name: 'x', id: 1 });
  assert.throws(() => run('ValueToKey', { fields: 'id' }, TOMBSTONE), { code: 'CDC_TRANSFORM' });
  const extracted = run('ExtractField$Key', { field: 'id' });
  assert.deepEqual([extracted.keySchema?.type, extracted.key], ['int32', 1]);
  assert.deepEqual(run('ExtractField$Value', { field: 'at.city', 'field.syntax.version': 'V2' }).value, 'Ulm');
  assert.throws(() => run('ExtractField$Value', { field: 'nope' }), { code: 'CDC_TRANSFORM' });
  assert.deepEqual(named(run('HoistField$Key', { field: 'k' }).keySchema, run('HoistField$Key', { field: 'k' }).key), { k: { id: 1 } });
});

test('Flatten puts the fields of structs side by side; those of an optional one are optional', () => {
  const made = run('Flatten$Value', { delimiter: '_' });
  assert.deepEqual(Object.keys(fieldsOf(made) as object), ['id', 'name', 'price', 'amount', 'day', 'at_city']);
  assert.equal(made.valueSchema?.fields[5]?.schema.optional, true);
});

test('Cast converts as Java does', () => {
  const cast = (of: Schema, value: unknown, type: string): unknown =>
    run('Cast$Value', { spec: type }, { ...RECORD, valueSchema: of, value }).value;
  const [int, double, float, string] = (['int32', 'float64', 'float32', 'string'] as const).map((t) => primitive(t)) as [
    Schema,
    Schema,
    Schema,
    Schema,
  ];
  assert.equal(cast(int, 300, 'int8'), 44);
  assert.equal(cast(double, 1e20, 'int32'), 2_147_483_647);
  assert.equal(cast(double, -1.9, 'int64'), -1);
  assert.equal(cast(string, ' 12 ', 'int16'), 12);
  assert.equal(cast(int, 0, 'boolean'), false);
  for (const [n, text] of [
    [1e7, '1.0E7'],
    [123456.5, '123456.5'],
    [0.001, '0.001'],
    [0.0001, '1.0E-4'],
    [5, '5.0'],
    [-0, '-0.0'],
    [1.25e-7, '1.25E-7'],
  ] as const)
    assert.equal(cast(double, n, 'string'), text);
  assert.equal(cast(float, Math.fround(0.1), 'string'), '0.1');
  assert.throws(() => cast(string, '1.5', 'int32'), { code: 'CDC_TRANSFORM' });
  const made = run('Cast$Value', { spec: 'id:string,amount:string,day:string' });
  assert.deepEqual([made.value, made.valueSchema?.optional], [['1', 'x', 1e7, '12.50', '2024-02-29', ['Ulm']], true]);
});

test('SetSchemaMetadata changes name and version and nothing else', () => {
  const made = run('SetSchemaMetadata$Value', { 'schema.name': 'N', 'schema.version': '3' });
  assert.deepEqual([made.valueSchema?.name, made.valueSchema?.version, made.valueSchema?.optional], ['N', 3, true]);
});

test('headers are dropped, inserted and taken from fields', () => {
  assert.deepEqual(headersOf(run('DropHeaders', { headers: 'h' })), []);
  const inserted = ['12', '40000', '1.5', 'true', 'hello', '2024-02-29'].map(
    (text) => run('InsertHeader', { header: 'n', 'value.literal': text }).headers[1],
  );
  assert.deepEqual(
    inserted.map((h) => [h?.schema.type, h?.value]),
    [
      ['int8', 12],
      ['int32', 40000],
      ['float32', 1.5],
      ['boolean', true],
      ['string', 'hello'],
      ['int32', 19_782],
    ],
  );
  const moved = run('HeaderFrom$Value', { fields: 'id,price', headers: 'i,p', operation: 'move' });
  assert.deepEqual(headersOf(moved).slice(1), [
    ['i', 1],
    ['p', 1e7],
  ]);
  assert.deepEqual(Object.keys(fieldsOf(moved) as object), ['name', 'amount', 'day', 'at']);
});

test('TimestampRouter needs a timestamp', () => {
  assert.equal(run('TimestampRouter', { 'timestamp.format': "yyyy-MM-dd'T'HH" }).topic, 't-2024-02-29T13');
  assert.throws(() => run('TimestampRouter', {}, { ...RECORD, timestamp: null }), { code: 'CDC_TRANSFORM' });
});

test('HeaderToValue fills fields, nested ones too', () => {
  const settings = { headers: 'h', fields: 'at.h', operation: 'move' };
  const made = single('io.debezium.transforms.HeaderToValue', settings)(RECORD) as ChangeRecord;
  assert.deepEqual([(fieldsOf(made) as { at: unknown }).at, made.headers], [{ city: 'Ulm', h: 'v' }, []]);
  const nested = single('io.debezium.transforms.HeaderToValue', { ...settings, fields: 'new.h', operation: 'copy' })(
    RECORD,
  ) as ChangeRecord;
  assert.deepEqual([(fieldsOf(nested) as { new: unknown }).new, nested.headers.length], [{ h: 'v' }, 1]);
});

test('ExtractChangedRecordState tells changed columns by value', () => {
  const names = { 'header.changed.name': 'C', 'header.unchanged.name': 'U' };
  const transform = single('io.debezium.transforms.ExtractChangedRecordState', names);
  const update = recordsOf(rows('u', [[1, 'a', null]], { after: [[1, 'b', null]] })).map(transform);
  assert.deepEqual(headersOf(update[0] ?? null).slice(1), [
    ['C', ['name']],
    ['U', ['id', 'city']],
  ]);
  assert.deepEqual(headersOf(recordsOf(rows('c', [[1, 'a', null]])).map(transform)[0] ?? null).slice(1), [
    ['C', []],
    ['U', []],
  ]);
});

test('SchemaChangeEventFilter goes by the first change; none is DATABASE', () => {
  const change = struct([['type', primitive('string')]]);
  const valueSchema = struct([['tableChanges', { ...primitive('string'), type: 'array', items: change }]], {
    name: 'io.debezium.connector.mysql.SchemaChangeValue',
  });
  const of = (...types: string[]): ChangeRecord => ({ ...RECORD, valueSchema, value: [types.map((t) => [t])] });
  const keep = single('io.debezium.transforms.SchemaChangeEventFilter', { 'schema.change.event.exclude.list': 'DROP, DATABASE' });
  assert.deepEqual(
    [of('CREATE'), of('DROP'), of()].map((r) => keep(r) !== null),
    [true, false, false],
  );
});

test('TimestampConverter goes between texts, Unix time and dates', () => {
  const of = (of: Schema, value: unknown, settings: Record<string, string>): unknown =>
    run('TimestampConverter$Value', settings, { ...RECORD, valueSchema: of, value }).value;
  const [string, long] = [primitive('string'), primitive('int64')];
  const format = 'yyyy-MM-dd HH:mm:ss.SSS';
  const ms = Date.UTC(2024, 1, 29, 13, 5, 6, 7);
  assert.equal(of(long, ms, { 'target.type': 'string', format }), '2024-02-29 13:05:06.007');
  assert.equal(of(string, '2024-02-29 13:05:06.007', { 'target.type': 'unix', format }), ms);
  assert.equal(of(string, '20240229T1305+0100', { 'target.type': 'Timestamp', format: "yyyyMMdd'T'HHmmX" }), Date.UTC(2024, 1, 29, 12, 5));
  assert.equal(of(long, -1, { 'target.type': 'Date' }), -1);
  assert.equal(of(long, ms * 1000, { 'target.type': 'Time', 'unix.precision': 'microseconds' }), ms % 86_400_000);
  assert.equal(
    of(string, '2024-02-29 13:05:06.007', { 'target.type': 'unix', 'unix.precision': 'nanoseconds', format }),
    BigInt(ms) * 1_000_000n,
  );
  assert.throws(() => of(string, 'yesterday', { 'target.type': 'unix', format }), { code: 'CDC_TRANSFORM' });
  assert.equal(run('TimestampConverter$Value', { 'target.type': 'unix', field: 'x' }, TOMBSTONE), TOMBSTONE);
});

test('ReadToInsertEvent turns r into c and leaves the rest', () => {
  const transform = single('io.debezium.connector.mysql.transforms.ReadToInsertEvent');
  const [read, updated] = recordsOf(rows('r', [[1, 'a', null]]), rows('u', [[1, 'a', null]])) as [ChangeRecord, ChangeRecord];
  assert.equal((fieldsOf(transform(read)) as { op: string }).op, 'c');
  assert.equal(transform(updated), updated);
});
