/**
 * Decimal text ↔ unscaled big-endian two's complement of minimal length, as Java's BigInteger.toByteArray
 * and Avro's `decimal` have it. Exact: BigInt only beyond 15 digits.
 */

/** Digits the plain-number path can hold exactly. */
const SAFE_DIGITS = 15;

/** What is wrong with a decimal text, for the message of the caller. */
export type DecimalProblem = 'is not a decimal number' | 'has more fraction digits than its scale';

/**
 * Writes the unscaled value of `text` at `scale` into `buf` from `pos` on and returns its length, or says
 * what is wrong. Needs room for `text.length + scale + 2` bytes. Zeros beyond the scale may be dropped, other digits not.
 */
export function writeUnscaled(text: string, scale: number, buf: Buffer, pos: number): number | DecimalProblem {
  if (scale < 0) return writeLarge(text, scale, buf, pos);
  const length = text.length;
  const first = text.charCodeAt(0);
  const negative = first === 45;
  let i = negative || first === 43 ? 1 : 0;
  let digits = 0;
  let fraction = -1;
  let n = 0;
  for (; i < length; i++) {
    const c = text.charCodeAt(i);
    if (c >= 48 && c <= 57) {
      if (fraction >= scale) {
        if (c !== 48) return writeLarge(text, scale, buf, pos);
        continue;
      }
      if (++digits > SAFE_DIGITS) return writeLarge(text, scale, buf, pos);
      n = n * 10 + (c - 48);
      if (fraction >= 0) fraction++;
    } else if (c === 46 && fraction < 0) {
      fraction = 0;
    } else {
      return c === 69 || c === 101 ? writeLarge(text, scale, buf, pos) : 'is not a decimal number';
    }
  }
  if (digits === 0 && !(fraction >= 0 && scale === 0)) return 'is not a decimal number';
  const missing = scale - Math.max(fraction, 0);
  if (missing > 0) {
    if (digits + missing > SAFE_DIGITS) return writeLarge(text, scale, buf, pos);
    n *= 10 ** missing;
  }
  return writeInteger(negative ? -n : n, buf, pos);
}

/** Minimal two's complement of a safe integer. */
function writeInteger(n: number, buf: Buffer, pos: number): number {
  if (n >= -0x80000000 && n < 0x80000000) {
    const v = n | 0;
    if (v >= -0x80 && v < 0x80) {
      buf[pos] = v;
      return 1;
    }
    if (v >= -0x8000 && v < 0x8000) {
      buf[pos] = v >> 8;
      buf[pos + 1] = v;
      return 2;
    }
    if (v >= -0x800000 && v < 0x800000) {
      buf[pos] = v >> 16;
      buf[pos + 1] = v >> 8;
      buf[pos + 2] = v;
      return 3;
    }
    buf[pos] = v >> 24;
    buf[pos + 1] = v >> 16;
    buf[pos + 2] = v >> 8;
    buf[pos + 3] = v;
    return 4;
  }
  const low = n >>> 0;
  let high = Math.floor(n / 0x100000000);
  let bytes = 5;
  while (bytes < 8 && (high < -(2 ** (8 * (bytes - 4) - 1)) || high >= 2 ** (8 * (bytes - 4) - 1))) bytes++;
  for (let i = bytes - 5; i >= 0; i--) {
    buf[pos + i] = high;
    high >>= 8;
  }
  buf[pos + bytes - 4] = low >>> 24;
  buf[pos + bytes - 3] = low >>> 16;
  buf[pos + bytes - 2] = low >>> 8;
  buf[pos + bytes - 1] = low;
  return bytes;
}

const DECIMAL_TEXT = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,5}))?$/;

/** The unscaled value of a decimal text at `scale`, or what is wrong with it. */
export function unscaledOf(text: string, scale: number): bigint | DecimalProblem {
  const m = DECIMAL_TEXT.exec(text);
  if (m === null || (m[2] === '' && (m[3] ?? '') === '')) return 'is not a decimal number';
  const fraction = m[3] ?? '';
  const digits = BigInt(`${m[2]}${fraction}`);
  const shift = scale - fraction.length + Number(m[4] ?? 0);
  let unscaled = digits;
  if (shift >= 0) unscaled *= 10n ** BigInt(shift);
  else {
    const divisor = 10n ** BigInt(-shift);
    if (unscaled % divisor !== 0n) return 'has more fraction digits than its scale';
    unscaled /= divisor;
  }
  return m[1] === '-' ? -unscaled : unscaled;
}

function writeLarge(text: string, scale: number, buf: Buffer, pos: number): number | DecimalProblem {
  const unscaled = unscaledOf(text, scale);
  if (typeof unscaled === 'string') return unscaled;
  let hex = (unscaled < 0n ? ~unscaled : unscaled).toString(16);
  if (hex.length % 2 === 1) hex = `0${hex}`;
  if (hex.charCodeAt(0) >= 56) hex = `00${hex}`; // '8'…'f': the sign bit would be set
  const length = hex.length / 2;
  // Only an exponent can make more digits than the text has.
  if (length > unscaledBound(text, scale)) return 'is not a decimal number';
  buf.write(hex, pos, 'hex');
  if (unscaled < 0n) for (let i = 0; i < length; i++) buf[pos + i] = ~(buf[pos + i] as number);
  return length;
}

/** Room `writeUnscaled` may need, bytes. */
export function unscaledBound(text: string, scale: number): number {
  return text.length + Math.max(scale, 0) + 10;
}

/** The decimal text of an unscaled two's complement: exactly `scale` fraction digits, as BigDecimal.toPlainString. */
export function readUnscaled(buf: Buffer, start: number, end: number, scale: number): string {
  const length = end - start;
  if (length === 0) return withScale('0', false, scale);
  if (length <= 6) {
    const n = buf.readIntBE(start, length);
    return withScale(String(Math.abs(n)), n < 0, scale);
  }
  let v = BigInt(`0x${buf.toString('hex', start, end)}`);
  if ((buf[start] as number) >= 128) v -= 1n << BigInt(8 * length);
  return withScale((v < 0n ? -v : v).toString(), v < 0n, scale);
}

/** The decimal text of an unscaled value. */
export function formatUnscaled(unscaled: bigint, scale: number): string {
  return withScale((unscaled < 0n ? -unscaled : unscaled).toString(), unscaled < 0n, scale);
}

function withScale(digits: string, negative: boolean, scale: number): string {
  const sign = negative ? '-' : '';
  if (scale === 0) return sign + digits;
  if (scale < 0) return digits === '0' ? '0' : sign + digits + '0'.repeat(-scale);
  const padded = digits.length > scale ? digits : digits.padStart(scale + 1, '0');
  return `${sign}${padded.slice(0, padded.length - scale)}.${padded.slice(padded.length - scale)}`;
}
