import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { primitive } from '../../../../src/model/schema.ts';
import * as names from '../../../../src/model/semantic-types.ts';
import {
  bitsText,
  dateText,
  dayText,
  ewkbHex,
  isoTimestampText,
  isoTimeText,
  microsText,
  millisText,
  nanosText,
  timeText,
} from '../../../../src/sink/databend/cell-text.ts';
import { fillValue } from '../../../../src/sink/databend/column-fill.ts';
import { typeAfterModify } from '../../../../src/sink/databend/ddl-applier.ts';
import { mergeStaged, quoteIdentifier, quoteLiteral } from '../../../../src/sink/databend/dialect.ts';
import { driverDsn, parseEndpoint } from '../../../../src/sink/databend/dsn.ts';
import { databendError } from '../../../../src/sink/databend/errors.ts';
import { stageName } from '../../../../src/sink/databend/stage.ts';
import { targetName } from '../../../../src/sink/databend/table-name.ts';
import { commonType, normalType } from '../../../../src/sink/databend/type-mapping.ts';

describe('dates and times', () => {
  test('days are the calendar days of Date, year 1 to 9999 (property)', () => {
    fc.assert(
      fc.property(fc.integer({ min: -719162, max: 2932896 }), (days) => {
        assert.equal(dayText(days), new Date(days * 86_400_000).toISOString().slice(0, 10));
      }),
    );
  });

  test('milli-, micro- and nanoseconds of one instant give one text (property)', () => {
    fc.assert(
      fc.property(fc.integer({ min: -62135596800000, max: 253402207199999 }), (ms) => {
        const text = `${new Date(ms).toISOString().replace('T', ' ').slice(0, 23)}000`;
        assert.equal(millisText(ms, 'fail'), text);
        assert.equal(microsText(BigInt(ms) * 1000n, 'fail'), text);
        assert.equal(nanosText(BigInt(ms) * 1_000_000n, 'fail'), text);
        assert.equal(isoTimestampText(new Date(ms).toISOString(), 'fail'), text);
        if (Number.isSafeInteger(ms * 1000)) assert.equal(microsText(ms * 1000, 'fail'), text);
      }),
    );
  });

  test('what Databend cannot hold fails, is clamped or becomes NULL', () => {
    assert.throws(() => millisText(253402207200000, 'fail'));
    assert.equal(millisText(253402207200000, 'clamp'), '9999-12-30 21:59:59.999999');
    assert.equal(millisText(-62135596800001, 'clamp'), '0001-01-01 00:00:00.000000');
    assert.equal(dateText(2932897, 'null'), null);
  });

  test('nanoseconds that are no microseconds are refused, never cut off', () => {
    assert.throws(() => nanosText(1n, 'fail'), { code: 'CDC_VALUE_CONVERT' });
    assert.throws(() => isoTimestampText('2024-01-01T00:00:00.1234567Z', 'fail'), { code: 'CDC_VALUE_CONVERT' });
  });

  test('offsets lead to UTC', () => {
    assert.equal(isoTimestampText('2024-03-01T00:30:00+01:00', 'fail'), '2024-02-29 23:30:00.000000');
    assert.equal(isoTimestampText('2024-02-29T23:30:00-0030', 'fail'), '2024-03-01 00:00:00.000000');
  });

  test('durations keep sign, hours beyond a day and the digits of the column', () => {
    assert.equal(timeText(-3020399999999, null), '-838:59:59.999999');
    assert.equal(timeText(0, 3), '00:00:00.000');
    assert.equal(timeText(-500_000, 1), '-00:00:00.5');
    assert.equal(timeText(123_456, 3), '00:00:00.123456');
    assert.equal(isoTimeText('12:34:56.5Z', null), '12:34:56.500000');
  });

  test('bits are little-endian, an SRID goes into the WKB', () => {
    assert.equal(bitsText(Buffer.from([0, 1])), '256');
    assert.equal(ewkbHex(Buffer.from('0101000000', 'hex'), 4326), '0101000020e6100000');
    assert.equal(ewkbHex(Buffer.from('0000000001', 'hex'), 1), '002000000100000001');
    assert.equal(ewkbHex(Buffer.from('0101000000', 'hex'), 0), '0101000000');
  });
});

describe('SQL text', () => {
  test('an identifier and a literal end where they should, whatever is in them', () => {
    assert.equal(quoteIdentifier('a"; DROP'), '"a""; DROP"');
    assert.equal(quoteLiteral("x'\\\0"), "'x''\\\\\\0'");
  });

  test('a merge names its columns and its operations', () => {
    const columns = [
      { name: 'id', expression: '$2::INT', key: true, nullable: false },
      { name: 'v', expression: '$3', key: false, nullable: true },
    ];
    assert.equal(
      mergeStaged({ database: 'd', table: 't' }, 'f.csv', columns, { deletes: true, writes: true, inserts: true, absent: false }),
      `MERGE INTO "d"."t" t USING (SELECT $1 AS op, $2::INT AS c0, $3 AS c1 FROM @~/f.csv (FILE_FORMAT => 'csv')) s ON t."id" = s.c0 ` +
        `WHEN MATCHED AND s.op = 'd' THEN DELETE WHEN MATCHED AND s.op <> 'd' THEN UPDATE SET "v" = s.c1 ` +
        `WHEN NOT MATCHED AND s.op <> 'd' THEN INSERT ("id", "v") VALUES (s.c0, s.c1)`,
    );
  });

  test('stage folders of different connectors differ, and need no quotes', () => {
    assert.equal(new Set(['a b', 'a.b', 'a/b', "a'b", 'ab', 'ü'].map(stageName)).size, 6);
    assert.match(stageName("a b'/../ü;"), /^[A-Za-z0-9._-]+$/);
  });
});

describe('types', () => {
  test('the common type holds both, or there is none', () => {
    const cases: readonly (readonly [string, string, string | null])[] = [
      ['INT', 'BIGINT', 'BIGINT'],
      ['BIGINT', 'INT', 'BIGINT'],
      ['TINYINT UNSIGNED', 'TINYINT', 'SMALLINT'],
      ['BIGINT UNSIGNED', 'BIGINT', 'DECIMAL(20, 0)'],
      ['DECIMAL(5, 2)', 'DECIMAL(6, 4)', 'DECIMAL(7, 4)'],
      ['INT', 'DECIMAL(5, 2)', 'DECIMAL(12, 2)'],
      ['DECIMAL(76, 0)', 'DECIMAL(5, 2)', null],
      ['VARCHAR', 'INT', 'VARCHAR'],
      ['DATE', 'TIMESTAMP', 'TIMESTAMP'],
      ['DOUBLE', 'INT', null],
      ['BINARY', 'VARCHAR', null],
    ];
    for (const [a, b, c] of cases) assert.equal(commonType(a, b), c, `${a} and ${b}`);
  });

  test('catalog spellings are brought into one form', () => {
    assert.equal(normalType('Decimal(10,2)'), 'DECIMAL(10, 2)');
    assert.equal(normalType('ARRAY(FLOAT32 NULL)'), 'ARRAY(FLOAT)');
    assert.equal(normalType('string'), 'VARCHAR');
  });

  test('a MODIFY at the source widens, rounds decimals as MySQL does, and is refused where Databend would convert otherwise', () => {
    assert.equal(typeAfterModify('BIGINT', 'INT'), 'BIGINT');
    assert.equal(typeAfterModify('DECIMAL(10, 4)', 'DECIMAL(10, 2)'), 'DECIMAL(10, 2)');
    assert.equal(typeAfterModify('VARCHAR', 'VARIANT'), 'VARIANT');
    assert.equal(typeAfterModify('DOUBLE', 'INT'), null);
  });

  test('a new column is filled as MySQL fills it', () => {
    assert.equal(fillValue(primitive('string', { optional: true })), null);
    assert.equal(fillValue(primitive('string', { optional: true, defaultValue: "it's\\" })), "'it''s\\\\'");
    assert.equal(fillValue(primitive('int32')), "'0'::INT");
    assert.equal(fillValue(primitive('bytes', { optional: true, defaultValue: Buffer.from([255]) })), "unhex('ff')");
    assert.equal(fillValue(primitive('string', { name: names.ENUM, parameters: { allowed: 'a,b' } })), "'a'");
  });
});

describe('names and addresses', () => {
  test('a target is named by format; dots inside names stay in them', () => {
    const source = { id: { database: 'shop', table: 'a.b' }, topic: 'p.shop.t', shape: 'envelope' as const };
    assert.deepEqual(targetName(null, 'def', source), { database: 'shop', table: 'a.b' });
    assert.deepEqual(targetName(null, 'def', { ...source, shape: 'row' }), { database: 'def', table: 'p.shop.t' });
    assert.deepEqual(targetName('raw.x_${source.db}_${topic}', 'def', source), { database: 'raw', table: 'x_shop_p.shop.t' });
  });

  test('JDBC and driver URLs mean what they mean elsewhere', () => {
    const none = { user: null, password: null, database: null, ssl: null };
    const jdbc = parseEndpoint('jdbc:databend://h:8000/db?user=u', { ...none, password: 'p@:/' });
    assert.deepEqual([jdbc.tls, jdbc.user, jdbc.password, jdbc.database, jdbc.port], [false, 'u', 'p@:/', 'db', 8000]);
    assert.equal(parseEndpoint('jdbc:databend://h/db?ssl=true', none).tls, true);
    const dsn = parseEndpoint('databend://u:p%40@h/db', none);
    assert.deepEqual([dsn.tls, dsn.password, dsn.port], [true, 'p@', 443]);
    assert.match(driverDsn(jdbc), /^databend:\/\/u:p%40%3A%2F@h:8000\/default\?sslmode=disable/);
    assert.throws(() => parseEndpoint('mysql://h/db', none), { code: 'CDC_CONFIG_INVALID' });
  });
});

test('errors are told apart by code and carry no values', () => {
  const of = (text: string) => databendError(new Error(text), 'table x: merge');
  assert.equal(of('APIError: QueryFailed: [4001]Unresolvable conflict [v0.33.7]').kind, 'retriable');
  assert.equal(of('reqwest::Error: error sending request').kind, 'retriable');
  assert.equal(of('AuthFailure: [5100]Authenticate failed').kind, 'environment');
  const data = of('APIError: QueryFailed: [1006]cannot parse \'my secret\' as "my secret"\nmy secret [v0.33.7]');
  assert.equal(data.kind, 'data');
  assert.equal(data.code, 'CDC_DATABEND_VALUE');
  assert.doesNotMatch(`${data.message} ${data.cause}`, /secret/);
});
