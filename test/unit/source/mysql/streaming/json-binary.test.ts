import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CdcError } from '../../../../../src/model/errors.ts';
import { compactJson, decodeJson, formatJsonDouble } from '../../../../../src/source/mysql/streaming/json-binary.ts';
import { applyJsonDiffs } from '../../../../../src/source/mysql/streaming/json-diff.ts';

test('doubles are spelled as MySQL 9.7 spells them', () => {
  const spelled = [
    [1, '1.0'],
    [-0, '-0.0'],
    [0.1, '0.1'],
    [1e-14, '0.00000000000001'],
    [1e-15, '0.000000000000001'],
    [1e-16, '1e-16'],
    [1.5e-7, '0.00000015'],
    [1e14, '100000000000000.0'],
    [1e15, '1e15'],
    [1597385220189892.5, '1597385220189892.5'],
    [1e100, '1e100'],
    [-1.7976931348623157e308, '-1.7976931348623157e308'],
    [1.23e-18, '1.23e-18'],
  ] as const;
  for (const [x, text] of spelled) assert.equal(formatJsonDouble(x), text);
});

test('a spelled double reads back as itself and is never an integer', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (x) => {
      const text = formatJsonDouble(x);
      assert.ok(Object.is(Number(text), x), text);
      assert.match(text, /[.e]/);
    }),
  );
});

test('compacting removes the spaces between tokens and nothing else', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const spaced = JSON.stringify(JSON.parse(text), null, 1).replaceAll('\n', '');
      assert.equal(compactJson(spaced), JSON.stringify(JSON.parse(text)));
    }),
  );
});

test('an empty document is JSON null', () => {
  assert.equal(decodeJson(Buffer.alloc(0), 0, 0), 'null');
});

test('damaged binary JSON is an error', () => {
  const damaged = Buffer.from('00010020000b0001000c0c0061', 'hex');
  assert.throws(
    () => decodeJson(damaged, 0, damaged.length),
    (e) => e instanceof CdcError && e.code === 'CDC_ROW_DECODE',
  );
});

/** One difference: operation, path, and the value as a binary JSON int16. */
function diff(operation: number, path: string, value?: number): Buffer {
  const p = Buffer.from(path);
  const parts = [Buffer.from([operation, p.length]), p];
  if (value !== undefined) parts.push(Buffer.from([3, 5, value & 0xff, value >> 8]));
  return Buffer.concat(parts);
}

test('differences replace, insert and remove where their path says', () => {
  const apply = (before: string, ...diffs: Buffer[]): string => {
    const all = Buffer.concat(diffs);
    return applyJsonDiffs(before, all, 0, all.length);
  };
  assert.equal(apply('{"a":1,"b":[1,2]}', diff(0, '$.a', 5), diff(1, '$.b[1]', 9), diff(2, '$.b[0]')), '{"a":5,"b":[9,2]}');
  assert.equal(apply('{"a":1,"ccc":1.50}', diff(1, '$.bb', 7)), '{"a":1,"bb":7,"ccc":1.50}');
  assert.equal(apply('{"x y":{"q\\"":1}}', diff(0, '$."x y"."q\\""', 2)), '{"x y":{"q\\"":2}}');
  assert.equal(apply('[1]', diff(1, '$[5]', 2)), '[1,2]');
});

test('a difference that does not apply is an error, never ignored', () => {
  for (const bad of [diff(0, '$.missing', 1), diff(2, '$[3]'), diff(1, '$.a', 1), diff(7, '$.a', 1)]) {
    assert.throws(
      () => applyJsonDiffs('{"a":1}', bad, 0, bad.length),
      (e) => e instanceof CdcError && e.code === 'CDC_ROW_DECODE',
    );
  }
});
