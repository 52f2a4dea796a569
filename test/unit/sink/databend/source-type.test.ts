import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeSchemaOperations, encodeSchemaOperations } from '../../../../src/kafka/schema-change-header.ts';
import { CdcError } from '../../../../src/model/errors.ts';
import { array, primitive } from '../../../../src/model/schema.ts';
import * as names from '../../../../src/model/semantic-types.ts';
import type { TableSchema } from '../../../../src/model/table-schema.ts';
import type { TargetColumn } from '../../../../src/sink/databend/dialect.ts';
import { compilePlan, rowText } from '../../../../src/sink/databend/row-plan.ts';
import { commentFor, sourceTypeOf, wantedColumn } from '../../../../src/sink/databend/source-type.ts';
import { changeTimeDigits } from '../../../../src/sink/databend/time-digits.ts';
import { sourceOf, tableOf } from '../builders.ts';

const time = primitive('int64', { name: names.MICRO_TIME, optional: true });
const vector = array(primitive('float32'), { name: names.FLOAT_VECTOR, optional: true });
const bare = tableOf(
  'd',
  't',
  [
    ['t', time],
    ['v', vector],
  ],
  [],
);
const told: TableSchema = { ...bare, sourceTypes: ['TIME(3)', 'VECTOR(2)'] };
const [t, v] = bare.value.fields as [(typeof bare.value.fields)[0], (typeof bare.value.fields)[0]];
const column = (type: string, comment: string | null = null): TargetColumn => ({ name: 'x', type, nullable: true, comment });

test("the source's word counts before the target's COMMENT, and that before nothing", () => {
  assert.equal(sourceTypeOf(told, t, column('VARCHAR', 'TIME(6)')), 'TIME(3)');
  assert.equal(sourceTypeOf(bare, t, column('VARCHAR', 'TIME(6)')), 'TIME(6)');
  assert.equal(sourceTypeOf(bare, t, column('VARCHAR', 'when it began')), null);
  assert.equal(sourceTypeOf(bare, t, undefined), null);
});

test('a vector has the length the source or the target column says; one that came as ARRAY stays one', () => {
  assert.equal(wantedColumn(told, v, false, undefined).type, 'VECTOR(2)');
  assert.equal(wantedColumn(bare, v, false, column('VECTOR(4)')).type, 'VECTOR(4)');
  assert.equal(wantedColumn(bare, v, false, undefined).type, 'ARRAY(FLOAT)');
  assert.equal(wantedColumn(told, v, false, column('ARRAY(FLOAT)')).type, 'ARRAY(FLOAT)');
});

test("only a TIME's type is noted as COMMENT, and never over somebody else's", () => {
  const wanted = wantedColumn(told, t, false, undefined);
  assert.deepEqual(wanted, { name: 't', type: 'VARCHAR', nullable: true, comment: 'TIME(3)' });
  assert.equal(wantedColumn(told, v, false, undefined).comment, null);
  assert.equal(commentFor(column('VARCHAR'), wanted), 'TIME(3)');
  assert.equal(commentFor(column('VARCHAR', 'TIME(0)'), wanted), 'TIME(3)');
  assert.equal(commentFor(column('VARCHAR', 'TIME(3)'), wanted), null);
  assert.equal(commentFor(column('VARCHAR', 'when it began'), wanted), null);
});

test("a TIME is written with its column's digits", () => {
  const text = (sourceType: string | null, us: number) =>
    rowText(compilePlan('t', [{ field: t, name: 't', key: false, sourceType }], 'fail'), [us]);
  assert.equal(text('TIME(3)', 3_661_000_000), ',"01:01:01.000"');
  assert.equal(text('TIME(3)', -1000), ',"-00:00:00.001"');
  assert.equal(text('TIME(0)', -3_020_399_000_000), ',"-838:59:59"');
  assert.equal(text('TIME(6)', 0), ',"00:00:00.000000"');
  assert.equal(text(null, 1_500_000), ',"00:00:01.500000"');
});

test('the digits of stored values change only with a TIME column whose digits changed', () => {
  assert.equal(changeTimeDigits(column('VARCHAR', 'TIME(3)'), 'TIME(3)'), null);
  assert.equal(changeTimeDigits(column('VECTOR(2)'), 'VECTOR(2)'), null);
  assert.match(changeTimeDigits(column('VARCHAR', 'TIME(3)'), 'TIME(6)') ?? '', /^"x" = concat\(/);
});

test('source types travel in the header of a schema change, where they are known', () => {
  const through = (schema: TableSchema) => {
    const header = encodeSchemaOperations(sourceOf(schema), [{ kind: 'createTable', table: schema.id, schema }]);
    const [operation] = decodeSchemaOperations(header).operations;
    return operation?.kind === 'createTable' ? operation.schema.sourceTypes : 'no schema';
  };
  assert.deepEqual(through(told), ['TIME(3)', 'VECTOR(2)']);
  assert.equal(through(bare), undefined);
});

test('a vector of another length than its column is refused, by the name of the column', () => {
  const plan = compilePlan('d.t', [{ field: v, name: 'v', key: false, sourceType: 'VECTOR(2)' }], 'fail');
  assert.equal(rowText(plan, [null, [1, 0.5]]), ',"[1,0.5]"');
  assert.throws(
    () => rowText(plan, [null, [1]]),
    (e) =>
      e instanceof CdcError &&
      e.code === 'CDC_VALUE_CONVERT' &&
      e.message === 'column d.t.v: a vector has 1 entries, the column is VECTOR(2)',
  );
});
