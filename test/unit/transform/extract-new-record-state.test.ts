import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChangeRecord } from '../../../src/transform/change-record.ts';
import { chain, fieldsOf, headersOf, recordsOf, rows, single } from './builders.ts';

const UNWRAP = 'io.debezium.transforms.ExtractNewRecordState';
const ANN = [1, 'Ann', null];
const unwrap = (settings: Readonly<Record<string, string>> = {}) => single(UNWRAP, settings);
const run = (settings: Readonly<Record<string, string>>, records: readonly ChangeRecord[]) => records.map(unwrap(settings));
const deleted = () => recordsOf(rows('d', [ANN], { tombstones: true }));

test('a row takes the place of its envelope and its schema is no longer optional', () => {
  const [made] = run({}, recordsOf(rows('c', [ANN])));
  assert.deepEqual(fieldsOf(made as ChangeRecord), { id: 1, name: 'Ann', city: null });
  assert.equal(made?.valueSchema?.name, 's.shop.customers.Value');
  assert.equal(made?.valueSchema?.optional, false);
  assert.deepEqual(made?.key, [1]);
});

test('equal tables give one schema object, which converters cache by', () => {
  const transform = unwrap({ 'add.fields': 'op' });
  const [a, b] = recordsOf(rows('c', [ANN, [2, 'Bob', 'Rom']])).map(transform);
  assert.equal(a?.valueSchema, b?.valueSchema);
});

test('a delete becomes what its mode says', () => {
  const of = (mode: string) =>
    run({ 'delete.tombstone.handling.mode': mode }, deleted()).map((r) =>
      r === null ? 'dropped' : [r.valueSchema?.optional ?? 'no schema', fieldsOf(r)],
    );
  assert.deepEqual(of('drop'), ['dropped', 'dropped']);
  assert.deepEqual(of('tombstone'), [[true, null], 'dropped']);
  assert.deepEqual(of('delete-to-tombstone'), [['no schema', null], 'dropped']);
  const old = [false, { id: 1, name: 'Ann', city: 'Ulm', __deleted: 'true' }];
  assert.deepEqual(of('rewrite'), [old, 'dropped']);
  assert.deepEqual(of('rewrite-with-tombstone'), [old, ['no schema', null]]);
});

test('rewriting marks other rows too, and puts defaults for nulls unless told not to', () => {
  const settings = { 'delete.tombstone.handling.mode': 'rewrite' };
  const value = (more: Record<string, string>) => fieldsOf(run({ ...settings, ...more }, recordsOf(rows('u', [ANN])))[0] as ChangeRecord);
  assert.deepEqual(value({}), { id: 1, name: 'Ann', city: 'Ulm', __deleted: 'false' });
  assert.deepEqual(value({ 'replace.null.with.default': 'false' }), { id: 1, name: 'Ann', city: null, __deleted: 'false' });
});

test('added fields and headers come from the envelope, its source and its transaction; unknown ones are left out', () => {
  const settings = {
    'add.fields': 'op,table,source.ts_ms:src_ts,source.snapshot,total_order,nonsense',
    'add.headers': 'op,db',
    'add.headers.prefix': 'h_',
  };
  const [made] = run(settings, recordsOf(rows('c', [ANN], { transaction: { id: 'x', firstOrder: 7, firstCollectionOrder: 2 } })));
  assert.deepEqual(fieldsOf(made as ChangeRecord), {
    id: 1,
    name: 'Ann',
    city: null,
    __op: 'c',
    __table: 'customers',
    __src_ts: 1_700_000_000_000,
    __source_snapshot: null,
    __total_order: 7,
  });
  assert.ok(made?.valueSchema?.fields.slice(3).every((f) => f.schema.optional));
  assert.deepEqual(headersOf(made as ChangeRecord), [
    ['taskId', '0'],
    ['h_op', 'c'],
    ['h_db', 'shop'],
  ]);
});

test('a tombstone that is kept carries the operation header', () => {
  const [, tombstone] = run({ 'delete.tombstone.handling.mode': 'rewrite-with-tombstone', 'add.headers': 'op,db' }, deleted());
  assert.deepEqual(headersOf(tombstone as ChangeRecord).slice(1), [['__op', 'd']]);
});

test('route.by.field takes the topic from the row, of a delete from the old one', () => {
  const settings = { 'route.by.field': 'name', 'delete.tombstone.handling.mode': 'tombstone' };
  const topics = run(settings, [...recordsOf(rows('c', [ANN])), ...deleted()]).map((r) => r?.topic);
  assert.deepEqual(topics, ['Ann', 'Ann', undefined]);
  assert.throws(() => run({ 'route.by.field': 'id' }, recordsOf(rows('c', [ANN]))), { code: 'CDC_TRANSFORM' });
});

test('fields named in a header are dropped, optional ones only unless told otherwise', () => {
  const config = {
    transforms: 'changes,unwrap',
    'transforms.changes.type': 'io.debezium.transforms.ExtractChangedRecordState',
    'transforms.changes.header.unchanged.name': 'Same',
    'transforms.unwrap.type': UNWRAP,
    'transforms.unwrap.drop.fields.header.name': 'Same',
  };
  const update = recordsOf(rows('u', [[1, 'Ann', 'Rom']], { after: [[1, 'Anna', 'Rom']] }));
  assert.deepEqual(update.map(chain(config)).map(fieldsOf), [{ id: 1, name: 'Anna' }]);
  const strict = {
    ...config,
    'transforms.unwrap.drop.fields.keep.schema.compatible': 'false',
    'transforms.unwrap.drop.fields.from.key': 'true',
  };
  const [made] = update.map(chain(strict));
  assert.deepEqual([fieldsOf(made as ChangeRecord), made?.key], [{ name: 'Anna' }, []]);
});

test('truncates are dropped, other messages pass as they are', () => {
  const transform = unwrap();
  assert.deepEqual(recordsOf(rows('t', [])).map(transform), [null]);
  const [row] = recordsOf(rows('c', [ANN])) as [ChangeRecord];
  const other = {
    ...row,
    valueSchema: { ...(row.valueSchema as object), name: 'io.debezium.connector.mysql.SchemaChangeValue' },
  } as ChangeRecord;
  assert.equal(transform(other), other);
});
