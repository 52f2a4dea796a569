/** DECIMAL's binary form: groups of nine digits in four bytes, big-endian, sign bit flipped, negatives inverted. */
const BYTES_OF_DIGITS = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];

/** Bytes a DECIMAL(precision, scale) takes. */
export function decimalBytes(precision: number, scale: number): number {
  const whole = precision - scale;
  return ((whole / 9) | 0) * 4 + (BYTES_OF_DIGITS[whole % 9] as number) + ((scale / 9) | 0) * 4 + (BYTES_OF_DIGITS[scale % 9] as number);
}

function group(buf: Buffer, pos: number, bytes: number, mask: number): number {
  let value = 0;
  for (let i = 0; i < bytes; i++) value = value * 256 + ((buf[pos + i] as number) ^ mask);
  return value;
}

const NINE_ZEROS = '000000000';

function padded(value: number, digits: number): string {
  const text = String(value);
  return text.length >= digits ? text : NINE_ZEROS.slice(0, digits - text.length) + text;
}

/** The exact text with `scale` fraction digits: `-12.50`. Zero has no sign. */
export function decodeDecimal(buf: Buffer, start: number, precision: number, scale: number): string {
  const negative = ((buf[start] as number) & 0x80) === 0;
  const mask = negative ? 0xff : 0;
  const whole = precision - scale;
  let pos = start;
  const leading = whole % 9;
  let text = '';
  let signMask = mask ^ 0x80;
  if (leading > 0) {
    const bytes = BYTES_OF_DIGITS[leading] as number;
    let value = (buf[pos] as number) ^ signMask;
    for (let i = 1; i < bytes; i++) value = value * 256 + ((buf[pos + i] as number) ^ mask);
    signMask = mask;
    if (value !== 0) text = String(value);
    pos += bytes;
  }
  for (let i = (whole / 9) | 0; i > 0; i--, pos += 4) {
    let value = (buf[pos] as number) ^ signMask;
    for (let j = 1; j < 4; j++) value = value * 256 + ((buf[pos + j] as number) ^ mask);
    signMask = mask;
    if (text !== '') text += padded(value, 9);
    else if (value !== 0) text = String(value);
  }
  if (text === '') text = '0';
  if (scale > 0) {
    text += '.';
    // DECIMAL(n, n) has no whole digits: the sign bit sits on the first fraction byte.
    let first = signMask;
    for (let i = (scale / 9) | 0; i > 0; i--, pos += 4) {
      let value = (buf[pos] as number) ^ first;
      for (let j = 1; j < 4; j++) value = value * 256 + ((buf[pos + j] as number) ^ mask);
      first = mask;
      text += padded(value, 9);
    }
    const trailing = scale % 9;
    if (trailing > 0) {
      const bytes = BYTES_OF_DIGITS[trailing] as number;
      const value =
        bytes === 1
          ? (buf[pos] as number) ^ first
          : ((buf[pos] as number) ^ first) * 256 ** (bytes - 1) + group(buf, pos + 1, bytes - 1, mask);
      text += padded(value, trailing);
    }
  }
  return negative && !isZero(text) ? `-${text}` : text;
}

function isZero(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c !== 48 && c !== 46) return false;
  }
  return true;
}
