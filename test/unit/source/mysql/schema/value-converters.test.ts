import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { CdcError } from '../../../../../src/model/errors.ts';
import { fieldOf } from '../../../../../src/model/schema.ts';
import type { Column, Table } from '../../../../../src/relational/table.ts';
import { type CodecOptions, compileTable, defaultCodecOptions, fieldCodecs } from '../../../../../src/source/mysql/schema/table-codec.ts';
import {
  convertDate,
  convertDatetime,
  convertTime,
  convertTimestamp,
  daysFromCivil,
  type FieldCodec,
  joinSet,
} from '../../../../../src/source/mysql/schema/value-converters.ts';

function column(typeName: string, o: Partial<Column> = {}): Column {
  return {
    name: 'c',
    position: 1,
    jdbcType: 0,
    typeName,
    typeExpression: typeName,
    charsetName: null,
    collation: null,
    length: null,
    scale: null,
    optional: true,
    autoIncremented: false,
    generated: false,
    computed: null,
    invisible: false,
    srid: null,
    comment: null,
    hasDefault: false,
    defaultValueExpression: null,
    enumValues: null,
    ...o,
  };
}

function tableOf(c: Column): Table {
  const rest = { primaryKeyColumnNames: [], uniqueIndexes: [], defaultCharsetName: null, defaultCollation: null, comment: null };
  return { id: { database: 'd', table: 't' }, columns: [c], ...rest };
}

function codec(c: Column, options: Partial<CodecOptions> = {}): FieldCodec {
  return fieldCodecs(compileTable(tableOf(c), { ...defaultCodecOptions('p'), ...options }))[0] as FieldCodec;
}

function defaultOf(typeName: string, text: string, o: Partial<Column> = {}, options: Partial<CodecOptions> = {}): unknown {
  const c = column(typeName, { hasDefault: true, defaultValueExpression: text, ...o });
  return fieldOf(compileTable(tableOf(c), { ...defaultCodecOptions('p'), ...options }).value, 'c')?.schema.defaultValue;
}

const refused = (e: unknown): boolean => e instanceof CdcError && e.code === 'CDC_VALUE_CONVERT' && e.kind === 'data';

test('days are those of the calendar', () => {
  fc.assert(
    fc.property(fc.date({ min: new Date('0000-01-01T00:00:00Z'), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true }), (d) => {
      const day = Math.floor(d.getTime() / 86_400_000);
      assert.equal(daysFromCivil(d.getUTCFullYear(), d.getUTCMonth() + 1, d.getUTCDate()), day);
    }),
  );
});

describe('temporal modes', () => {
  const datetime = (mode: CodecOptions['timePrecision'], fraction: number): FieldCodec =>
    codec(column('DATETIME', { length: fraction }), { timePrecision: mode });
  const time = (mode: CodecOptions['timePrecision']): FieldCodec => codec(column('TIME', { length: 6 }), { timePrecision: mode });

  test('DATETIME before 1970 rounds to the past', () => {
    assert.equal(convertDatetime(datetime('connect', 6), 1969, 12, 31, 86_399, 999_999), -1);
    assert.equal(convertDatetime(datetime('adaptive_time_microseconds', 6), 1969, 12, 31, 86_399, 999_999), -1);
    assert.equal(convertDatetime(datetime('adaptive_time_microseconds', 3), 1969, 12, 31, 86_399, 999_000), -1);
  });
  test('microseconds beyond 2^53 are exact', () => {
    assert.equal(convertDatetime(datetime('microseconds', 0), 9999, 12, 31, 86_399, 0), 253402300799000000n);
    assert.equal(convertDatetime(datetime('microseconds', 6), 2255, 1, 1, 0, 1), 8993721600000001);
  });
  test('nanoseconds outside 1677 … 2262 are refused', () => {
    assert.equal(convertDatetime(datetime('nanoseconds', 6), 2024, 1, 1, 0, 1), 1704067200000001000n);
    assert.throws(() => convertDatetime(datetime('nanoseconds', 6), 2263, 1, 1, 0, 0), refused);
  });
  test('ISO texts have as many digits as needed', () => {
    assert.equal(convertDatetime(datetime('isostring', 6), 2018, 6, 20, 64_264, 777_000), '2018-06-20T17:51:04.777Z');
    assert.equal(convertDate(codec(column('DATE'), { timePrecision: 'isostring' }), 2018, 6, 20), '2018-06-20Z');
    assert.equal(convertTime(time('isostring'), 64_264_777_000), '17:51:04.777Z');
  });
  test('a TIME that is no time of day is kept where there is room, refused where there is none', () => {
    assert.equal(convertTime(time('adaptive_time_microseconds'), -3_020_399_000_000), -3_020_399_000_000);
    assert.equal(convertTime(time('nanoseconds'), -1), -1000);
    assert.throws(() => convertTime(time('connect'), -1), refused);
    assert.throws(() => convertTime(time('isostring'), 86_400_000_000), refused);
    assert.equal(convertTime(time('connect'), 86_399_999_999), 86_399_999);
  });
  test('zero dates are null where null is allowed, else the epoch', () => {
    assert.equal(convertDate(codec(column('DATE')), 2018, 0, 1), null);
    assert.equal(convertDate(codec(column('DATE', { optional: false })), 2018, 1, 0), 0);
    assert.equal(convertTimestamp(codec(column('TIMESTAMP', { length: 3 })), 0, 0), null);
    assert.equal(convertTimestamp(codec(column('TIMESTAMP', { length: 3, optional: false })), 0, 0), '1970-01-01T00:00:00.000Z');
  });
  test('a date that does not exist is refused', () => {
    assert.throws(() => convertDate(codec(column('DATE')), 2023, 2, 29), refused);
    assert.equal(convertDate(codec(column('DATE')), 2024, 2, 29), 19_782);
  });
  test('TIMESTAMPs of changing days keep their own', () => {
    const c = codec(column('TIMESTAMP', { length: 6 }));
    assert.equal(convertTimestamp(c, 1, 1), '1970-01-01T00:00:01.000001Z');
    assert.equal(convertTimestamp(c, 2_147_483_647, 499_999), '2038-01-19T03:14:07.499999Z');
    assert.equal(convertTimestamp(c, 4_294_967_295, 0), '2106-02-07T06:28:15.000000Z');
    assert.equal(convertTimestamp(c, 86_399, 0), '1970-01-01T23:59:59.000000Z');
  });
});

test('a lenient mode gives null and says so, but not for a column that cannot be null', () => {
  const warnings: string[] = [];
  const options: Partial<CodecOptions> = { timePrecision: 'connect', convertFailure: 'warn', warn: (m) => warnings.push(m) };
  assert.equal(convertTime(codec(column('TIME'), options), -1), null);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] as string, /d\.t\.c/);
  assert.throws(() => convertTime(codec(column('TIME', { optional: false }), options), -1), refused);
  assert.equal(convertTime(codec(column('TIME'), { timePrecision: 'connect', convertFailure: 'skip' }), -1), null);
});

test('SET members keep the order of the definition', () => {
  const labels = Array.from({ length: 64 }, (_, i) => `m${i}`);
  assert.equal(joinSet(labels, 0b101), 'm0,m2');
  assert.equal(joinSet(labels, (1n << 63n) | 1n), 'm0,m63');
  assert.equal(joinSet(['', 'a'], 3), ',a');
});

test('defaults are in the representation of their schema', () => {
  assert.equal(defaultOf('INT UNSIGNED', '4294967295'), 4_294_967_295);
  assert.equal(defaultOf('BIGINT', '-9223372036854775808'), -9223372036854775808n);
  assert.equal(defaultOf('BIGINT UNSIGNED', '18446744073709551615', {}, { bigintUnsigned: 'precise' }), '18446744073709551615');
  assert.equal(defaultOf('DECIMAL', '-1.5', { length: 10, scale: 3 }), '-1.500');
  assert.equal(defaultOf('DECIMAL', '1.5', { length: 10, scale: 3 }, { decimalHandling: 'double' }), 1.5);
  assert.equal(defaultOf('BOOLEAN', 'TRUE'), true);
  assert.deepEqual(defaultOf('BIT', '100000001', { length: 9 }), Buffer.from([1, 1]));
  assert.deepEqual(defaultOf('BINARY', 'ab\\0', { length: 3 }), Buffer.from('ab\0'));
  assert.deepEqual(defaultOf('BINARY', 'ab', { length: 3 }), Buffer.from('ab\0'));
  assert.deepEqual(defaultOf('BINARY', 'ab\\0', { length: 3 }, { convertFailure: 'warn' }), Buffer.from('ab\\0'));
  assert.deepEqual(defaultOf('BINARY', 'ab\0', { length: 3 }, { convertFailure: 'warn' }), Buffer.from('ab\\0'));
  assert.deepEqual(defaultOf('BINARY', 'ab', { length: 3 }, { convertFailure: 'warn' }), Buffer.from('ab'));
  assert.equal(defaultOf('VARBINARY', 'xyz', { length: 4 }, { binaryHandling: 'hex' }), '78797a');
  assert.equal(defaultOf('TIME', '-01:02:03.5', { length: 1 }), -3_723_500_000);
  assert.equal(defaultOf('DATETIME', '0000-00-00 00:00:00', { optional: false }), 0);
  assert.equal(defaultOf('DATETIME', 'CURRENT_TIMESTAMP', { optional: false }), 0);
  assert.equal(defaultOf('TIMESTAMP', 'CURRENT_TIMESTAMP(3)', { optional: true, length: 3 }), undefined);
  assert.equal(defaultOf('INT', '(rand() * 10)'), undefined);
  assert.equal(defaultOf('TIME', '-01:00:00', { optional: false }, { timePrecision: 'connect' }), undefined);
  assert.equal(defaultOf('DATETIME', '9999-12-31', { optional: false }, { timePrecision: 'nanoseconds' }), undefined);
});
