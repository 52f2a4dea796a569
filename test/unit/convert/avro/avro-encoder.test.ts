import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AvroDecoder } from '../../../../src/convert/avro/avro-decoder.ts';
import { encodeValue, sizeBound } from '../../../../src/convert/avro/avro-encoder.ts';
import { compilePlan, type PlanNode } from '../../../../src/convert/avro/avro-plan.ts';
import { avroFromConnect } from '../../../../src/convert/avro/avro-schema.ts';
import { parseAvro } from '../../../../src/convert/avro/avro-type.ts';
import { CdcError } from '../../../../src/model/errors.ts';
import { array, map, primitive, type Schema, struct } from '../../../../src/model/schema.ts';
import { decimal } from '../chunks.ts';

function planOf(schema: Schema, replaceNullWithDefault = false): PlanNode {
  return compilePlan(parseAvro(avroFromConnect(schema)), schema, { where: 'table a.b', replaceNullWithDefault });
}

function encode(plan: PlanNode, value: unknown): Buffer {
  const bound = sizeBound(plan, value, null);
  const buf = Buffer.alloc(bound);
  const end = encodeValue(plan, value, buf, 0, null);
  assert.ok(end <= bound, `wrote ${end} bytes where ${bound} were reserved`);
  return buf.subarray(0, end);
}

/** Zig-zag varint by BigInt alone. */
function zigzag(n: bigint): string {
  let u = BigInt.asUintN(64, (n << 1n) ^ (n >> 63n));
  const bytes: number[] = [];
  while (u > 127n) {
    bytes.push(Number(u & 127n) | 128);
    u >>= 7n;
  }
  bytes.push(Number(u));
  return Buffer.from(bytes).toString('hex');
}

const int64 = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: -(2n ** 32n), max: 2n ** 32n }));
const asValue = (n: bigint): number | bigint => (Number.isSafeInteger(Number(n)) ? Number(n) : n);

test('every 64-bit integer is written as its zig-zag varint and reads back: a number when safe, else a bigint', () => {
  const plan = planOf(primitive('int64'));
  const check = (n: bigint): void => {
    assert.equal(encode(plan, asValue(n)).toString('hex'), zigzag(n), String(n));
    assert.equal(encode(plan, n).toString('hex'), zigzag(n), `${n}n`);
    assert.equal(new AvroDecoder(plan).decode(encode(plan, n), 0), asValue(n));
  };
  fc.assert(fc.property(int64, check), { numRuns: 2000 });
  for (let bit = 0n; bit < 63n; bit++) for (const d of [-1n, 0n, 1n]) for (const n of [(1n << bit) + d, -(1n << bit) + d]) check(n);
  check(2n ** 63n - 1n);
  check(-(2n ** 63n));
});

test('every string is written as its UTF-8 bytes, at every length where the length takes one byte more', () => {
  const plan = planOf(primitive('string'));
  const check = (s: string): void => {
    const bytes = Buffer.from(s);
    const written = encode(plan, s);
    assert.equal(written.toString('hex'), zigzag(BigInt(bytes.length)) + bytes.toString('hex'));
    assert.equal(new AvroDecoder(plan).decode(written, 0), bytes.toString());
  };
  fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), check), { numRuns: 1000 });
  for (const length of [0, 1, 20, 21, 23, 24, 25, 31, 32, 62, 63, 64, 65, 8190, 8191, 8192, 8193]) {
    check('a'.repeat(length));
    check('é'.repeat(length));
    check('€'.repeat(length));
    check(`${'a'.repeat(length)}😀`);
  }
});

const leaf: fc.Arbitrary<readonly [Schema, fc.Arbitrary<unknown>]> = fc.constantFrom<readonly [Schema, fc.Arbitrary<unknown>]>(
  [primitive('int8'), fc.integer({ min: -128, max: 127 })],
  [primitive('int16'), fc.integer({ min: -32_768, max: 32_767 })],
  [primitive('int32'), fc.integer()],
  [primitive('int64'), int64.map(asValue)],
  [primitive('float32'), fc.float({ noNaN: true })],
  [primitive('float64'), fc.double({ noNaN: true })],
  [primitive('boolean'), fc.boolean()],
  [primitive('string'), fc.string({ unit: 'grapheme', maxLength: 80 })],
  [primitive('bytes'), fc.uint8Array({ maxLength: 80 }).map((b) => Buffer.from(b))],
  [
    decimal(3),
    fc
      .bigInt({ min: -(10n ** 30n), max: 10n ** 30n })
      .map((n) => `${n < 0n ? '-' : ''}${(n < 0n ? -n : n) / 1000n}.${String((n < 0n ? -n : n) % 1000n).padStart(3, '0')}`),
  ],
);

/** A schema with an arbitrary value of it: nested, optional and not. */
const pair: fc.Arbitrary<{ readonly schema: Schema; readonly value: unknown }> = fc
  .letrec<{ node: readonly [Schema, fc.Arbitrary<unknown>] }>((tie) => ({
    node: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc
        .tuple(leaf, fc.boolean())
        .map(([[schema, values], optional]) =>
          optional ? ([{ ...schema, optional }, fc.option(values)] as const) : ([schema, values] as const),
        ),
      tie('node').map(([schema, values]) => [array(schema), fc.array(values, { maxLength: 4 })] as const),
      tie('node').map(
        ([schema, values]) =>
          [
            map(primitive('string'), schema),
            fc.array(fc.tuple(fc.string({ maxLength: 5 }), values), { maxLength: 4 }).map((e) => new Map(e)),
          ] as const,
      ),
      tie('node').map(
        ([schema, values]) =>
          [map(primitive('int32'), schema), fc.array(fc.tuple(fc.integer(), values), { maxLength: 4 }).map((e) => new Map(e))] as const,
      ),
    ),
  }))
  .node.chain(([schema, values]) => values.map((value) => ({ schema, value })));

test('whatever fits its schema reads back the same, in the room reserved for it', () => {
  fc.assert(
    fc.property(fc.array(pair, { minLength: 1, maxLength: 12 }), (columns) => {
      // One map with other than string keys per record: its entry record has a fixed name in Avro.
      fc.pre(columns.filter((c) => JSON.stringify(c.schema).includes('"keys":{"type":"int32"')).length === 0 || columns.length === 1);
      const schema = struct(
        columns.map((c, i) => [`c${i}`, c.schema] as const),
        { name: 'a.b.Value' },
      );
      let plan: PlanNode;
      try {
        plan = planOf(schema);
      } catch (error) {
        assert.ok(error instanceof CdcError && error.code === 'CDC_AVRO_SCHEMA', String(error));
        return;
      }
      const value = columns.map((c) => c.value);
      assert.deepEqual(new AvroDecoder(plan).decode(encode(plan, value), 0), value);
    }),
    { numRuns: 500 },
  );
});

test('a message that ends anywhere too early is refused, whatever is cut off', () => {
  const schema = struct([
    ['a', primitive('string', { optional: true })],
    ['b', primitive('int64')],
    ['c', array(primitive('int32'))],
    ['d', map(primitive('string'), primitive('float64'))],
    ['e', decimal(2)],
  ]);
  const plan = planOf(schema);
  const whole = encode(plan, ['text', 2n ** 62n, [1, 2, 3], new Map([['k', 1.5]]), '-12345678901234567890.12']);
  const refused = (error: unknown): boolean => error instanceof CdcError && error.code === 'CDC_MESSAGE_DECODE';
  for (let length = 0; length < whole.length; length++)
    assert.throws(
      () => new AvroDecoder(plan).decode(Buffer.from(whole.subarray(0, length)), 0),
      refused,
      `${length} of ${whole.length} bytes`,
    );
  assert.throws(() => new AvroDecoder(plan).decode(Buffer.concat([whole, Buffer.from([0])]), 0), refused);
});

test('a NULL stays null where the column has a default, unless asked to write the default as AvroData does', () => {
  const schema = struct([['a', primitive('int32', { optional: true, defaultValue: 7 })]]);
  assert.equal(encode(planOf(schema), [null]).toString('hex'), '02');
  assert.equal(encode(planOf(schema), [7]).toString('hex'), '000e');
  assert.equal(encode(planOf(schema, true), [null]).toString('hex'), '000e');
});
