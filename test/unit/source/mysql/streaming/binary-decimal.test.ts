import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decimalBytes, decodeDecimal } from '../../../../../src/source/mysql/streaming/binary-decimal.ts';

/** The server's decimal2bin, for text with exactly the column's digits. */
function encode(whole: string, fraction: string, negative: boolean): Buffer {
  const bytesOf = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
  const groups: [digits: string, bytes: number][] = [];
  const lead = whole.length % 9;
  if (lead > 0) groups.push([whole.slice(0, lead), bytesOf[lead] as number]);
  for (let i = lead; i < whole.length; i += 9) groups.push([whole.slice(i, i + 9), 4]);
  for (let i = 0; i < fraction.length; i += 9) {
    const part = fraction.slice(i, i + 9);
    groups.push([part, bytesOf[part.length] as number]);
  }
  const out = Buffer.concat(
    groups.map(([digits, bytes]) => {
      const b = Buffer.alloc(bytes);
      b.writeUIntBE(Number(digits), 0, bytes);
      return b;
    }),
  );
  if (negative) for (let i = 0; i < out.length; i++) out[i] = ~(out[i] as number) & 0xff;
  out[0] = (out[0] as number) ^ 0x80;
  return out;
}

const digits = (n: number): fc.Arbitrary<string> => fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: n, maxLength: n });

test('every DECIMAL(p, s) decodes to its exact digits', () => {
  const shape = fc
    .tuple(fc.integer({ min: 0, max: 35 }), fc.integer({ min: 0, max: 30 }))
    .filter(([w, f]) => w + f > 0)
    .chain(([w, f]) => fc.tuple(digits(w), digits(f), fc.boolean()));
  fc.assert(
    fc.property(shape, ([whole, fraction, negative]) => {
      const zero = !/[1-9]/.test(whole + fraction);
      const encoded = encode(whole, fraction, negative && !zero);
      assert.equal(encoded.length, decimalBytes(whole.length + fraction.length, fraction.length));
      const text = `${whole.replace(/^0+/, '') || '0'}${fraction === '' ? '' : `.${fraction}`}`;
      const decoded = decodeDecimal(Buffer.concat([Buffer.from([9]), encoded]), 1, whole.length + fraction.length, fraction.length);
      assert.equal(decoded, negative && !zero ? `-${text}` : text);
    }),
    { numRuns: 2000 },
  );
});
