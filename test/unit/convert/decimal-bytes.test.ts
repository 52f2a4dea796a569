import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatUnscaled, readUnscaled, unscaledBound, unscaledOf, writeUnscaled } from '../../../src/convert/decimal-bytes.ts';

/** Minimal two's complement by BigInt alone: what Java's BigInteger.toByteArray gives. */
function reference(n: bigint): string {
  let bytes = 1;
  while (BigInt.asIntN(8 * bytes, n) !== n) bytes++;
  return BigInt.asUintN(8 * bytes, n)
    .toString(16)
    .padStart(2 * bytes, '0');
}

function written(text: string, scale: number): string {
  const buf = Buffer.alloc(unscaledBound(text, scale) + 3);
  const length = writeUnscaled(text, scale, buf, 3);
  assert.equal(typeof length, 'number', `${text} at scale ${scale}: ${length}`);
  return buf.toString('hex', 3, 3 + (length as number));
}

const unscaled = fc.oneof(
  fc.bigInt({ min: -(10n ** 65n), max: 10n ** 65n }),
  fc.bigInt({ min: -70_000n, max: 70_000n }),
  fc.bigInt({ min: -(2n ** 54n), max: 2n ** 54n }),
);
const scales = fc.integer({ min: 0, max: 30 });

test("a decimal is written as its minimal two's complement and reads back as the same text", () => {
  fc.assert(
    fc.property(unscaled, scales, (n, scale) => {
      const text = formatUnscaled(n, scale);
      const hex = written(text, scale);
      assert.equal(hex, reference(n));
      const bytes = Buffer.from(`ff${hex}ff`, 'hex');
      assert.equal(readUnscaled(bytes, 1, bytes.length - 1, scale), text);
    }),
    { numRuns: 2000 },
  );
});

test('powers of two and their neighbours take the fewest bytes', () => {
  for (let bit = 0n; bit < 130n; bit++)
    for (const d of [-1n, 0n, 1n])
      for (const sign of [1n, -1n]) {
        const n = sign * (1n << bit) + d;
        assert.equal(written(String(n), 0), reference(n), String(n));
      }
});

test('fewer fraction digits are filled up, superfluous zeros dropped, other digits refused', () => {
  assert.equal(written('1.5', 4), reference(15_000n));
  assert.equal(written('-7', 2), reference(-700n));
  assert.equal(written('.5', 1), reference(5n));
  assert.equal(written('1.5000', 1), reference(15n));
  assert.equal(written('+00012.30', 2), reference(1230n));
  assert.equal(written('1.5e3', 0), reference(1500n));
  assert.equal(written('0.', 0), reference(0n));
  for (const [text, scale] of [
    ['1.25', 1],
    ['1e-3', 2],
    ['123456789012345678.901', 2],
  ] as const)
    assert.equal(writeUnscaled(text, scale, Buffer.alloc(64), 0), 'has more fraction digits than its scale');
  for (const text of ['', '-', '.', 'x', '1.2.3', '1 ', 'NaN', '--1', '0x10', '1e999'])
    assert.equal(writeUnscaled(text, 2, Buffer.alloc(64), 0), 'is not a decimal number', JSON.stringify(text));
});

test('negative scales multiply', () => {
  assert.equal(unscaledOf('1200', -2), 12n);
  assert.equal(written('1200', -2), '0c');
  assert.equal(written('0', -2), '00');
  assert.equal(formatUnscaled(12n, -2), '1200');
  assert.equal(formatUnscaled(0n, -2), '0');
  assert.equal(formatUnscaled(-5n, 3), '-0.005');
});
