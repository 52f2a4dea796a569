import { CdcError } from '../../../model/errors.ts';
import { decodeDecimal } from './binary-decimal.ts';
import { TYPE } from './column-binlog-type.ts';

/**
 * MySQL's binary JSON as compact text: keys in the server's order, numbers and opaque values spelled as the server
 * spells them in a SELECT, so that snapshot and stream agree. Layout: mysql-server, sql-common/json_binary.h.
 */

const SMALL_OBJECT = 0;
const LARGE_OBJECT = 1;
const SMALL_ARRAY = 2;
const LARGE_ARRAY = 3;
const LITERAL = 4;
const INT16 = 5;
const UINT16 = 6;
const INT32 = 7;
const UINT32 = 8;
const INT64 = 9;
const UINT64 = 10;
const DOUBLE = 11;
const STRING = 12;
const OPAQUE = 15;

/** Text of the document in `buf[start, end)`. Throws CDC_ROW_DECODE (fatal). No bytes at all are JSON null, as for the server. */
export function decodeJson(buf: Buffer, start: number, end: number): string {
  if (end === start) return 'null';
  try {
    return value(buf, buf[start] as number, start + 1, end);
  } catch (cause) {
    if (cause instanceof CdcError) throw cause;
    throw malformed('it ends within a value', cause);
  }
}

function malformed(what: string, cause?: unknown): CdcError {
  return new CdcError('CDC_ROW_DECODE', 'fatal', `binary JSON is malformed: ${what}`, { cause });
}

function value(buf: Buffer, type: number, pos: number, end: number): string {
  switch (type) {
    case SMALL_OBJECT:
      return container(buf, pos, end, 2, true);
    case LARGE_OBJECT:
      return container(buf, pos, end, 4, true);
    case SMALL_ARRAY:
      return container(buf, pos, end, 2, false);
    case LARGE_ARRAY:
      return container(buf, pos, end, 4, false);
    case LITERAL:
      return literal(buf[pos] as number);
    case INT16:
      return String(buf.readInt16LE(pos));
    case UINT16:
      return String(buf.readUInt16LE(pos));
    case INT32:
      return String(buf.readInt32LE(pos));
    case UINT32:
      return String(buf.readUInt32LE(pos));
    case INT64:
      return buf.readBigInt64LE(pos).toString();
    case UINT64:
      return buf.readBigUInt64LE(pos).toString();
    case DOUBLE:
      return formatJsonDouble(buf.readDoubleLE(pos));
    case STRING: {
      const length = variableLength(buf, pos);
      const from = pos + lengthBytes(buf, pos);
      if (from + length > end) throw malformed('a string runs past the end');
      return JSON.stringify(buf.utf8Slice(from, from + length));
    }
    case OPAQUE: {
      const length = variableLength(buf, pos + 1);
      const from = pos + 1 + lengthBytes(buf, pos + 1);
      if (from + length > end) throw malformed('an opaque value runs past the end');
      return opaque(buf, buf[pos] as number, from, length);
    }
    default:
      throw malformed(`type ${type} is not known`);
  }
}

function literal(code: number): string {
  if (code === 0) return 'null';
  if (code === 1) return 'true';
  if (code === 2) return 'false';
  throw malformed(`literal ${code} is not known`);
}

/** `pos` is where the container's offsets count from. */
function container(buf: Buffer, pos: number, end: number, size: 2 | 4, keyed: boolean): string {
  const large = size === 4;
  const count = large ? buf.readUInt32LE(pos) : buf.readUInt16LE(pos);
  const bytes = large ? buf.readUInt32LE(pos + 4) : buf.readUInt16LE(pos + 2);
  if (pos + bytes > end) throw malformed('a container runs past the end');
  let key = pos + 2 * size;
  let entry = key + (keyed ? count * (size + 2) : 0);
  let text = keyed ? '{' : '[';
  for (let i = 0; i < count; i++) {
    if (i > 0) text += ',';
    if (keyed) {
      const from = pos + (large ? buf.readUInt32LE(key) : buf.readUInt16LE(key));
      text += `${JSON.stringify(buf.utf8Slice(from, from + buf.readUInt16LE(key + size)))}:`;
      key += size + 2;
    }
    const type = buf[entry] as number;
    const inline = type === LITERAL || type === INT16 || type === UINT16 || (large && (type === INT32 || type === UINT32));
    const at = inline ? entry + 1 : pos + (large ? buf.readUInt32LE(entry + 1) : buf.readUInt16LE(entry + 1));
    text += value(buf, type, at, end);
    entry += size + 1;
  }
  return text + (keyed ? '}' : ']');
}

/** Seven bits a byte, lowest first. */
function variableLength(buf: Buffer, pos: number): number {
  let length = 0;
  for (let i = 0; i < 5; i++) {
    const byte = buf[pos + i] as number;
    length += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return length;
  }
  throw malformed('a length has more than five bytes');
}

function lengthBytes(buf: Buffer, pos: number): number {
  let i = 0;
  while ((buf[pos + i] as number) >= 0x80) i++;
  return i + 1;
}

/**
 * The server's spelling of a double (my_gcvt): shortest digits, plain for decimal exponents -14…15 (and beyond, where it has
 * a fraction), else `1e100`;
 * whole numbers keep `.0`, which tells them from integers.
 */
export function formatJsonDouble(x: number): string {
  const plain = String(x);
  if (!/[.e]/.test(plain) && Math.abs(x) < 1e15) return Object.is(x, -0) ? '-0.0' : `${plain}.0`;
  const [mantissa, exponent] = x.toExponential().split('e') as [string, string];
  const negative = mantissa.startsWith('-');
  const digits = mantissa.replace('-', '').replace('.', '');
  const point = Number(exponent) + 1;
  const sign = negative ? '-' : '';
  if (point < -14 || (point > 15 && digits.length <= point)) {
    const fraction = digits.slice(1);
    return `${sign}${digits[0]}${fraction === '' ? '' : `.${fraction}`}e${Number(exponent)}`;
  }
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (digits.length <= point) return `${sign}${digits.padEnd(point, '0')}.0`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

const two = (n: number): string => String(n).padStart(2, '0');

/** A value of a MySQL type inside the document: decimals, temporals, and anything else as base64. */
function opaque(buf: Buffer, type: number, start: number, length: number): string {
  switch (type) {
    case TYPE.NEWDECIMAL:
      return decodeDecimal(buf, start + 2, buf[start] as number, buf[start + 1] as number);
    case TYPE.DATE:
    case TYPE.NEWDATE:
    case TYPE.DATETIME:
    case TYPE.TIMESTAMP: {
      // Packed as in DATETIME2: 17 bits year * 13 + month, 5 day, 5 hour, 6 minute, 6 second, 24 microseconds.
      const packed = buf.readBigInt64LE(start);
      const micros = Number(packed & 0xffffffn);
      const whole = Number(packed >> 24n);
      const time = whole % 0x20000;
      const days = (whole - time) / 0x20000;
      const yearMonth = days >> 5;
      const date = `${String((yearMonth / 13) | 0).padStart(4, '0')}-${two(yearMonth % 13)}-${two(days & 31)}`;
      return type === TYPE.DATE || type === TYPE.NEWDATE ? `"${date}"` : `"${date} ${clock(time, micros)}"`;
    }
    case TYPE.TIME: {
      const packed = buf.readBigInt64LE(start);
      const negative = packed < 0n;
      const absolute = negative ? -packed : packed;
      return `"${negative ? '-' : ''}${clock(Number(absolute >> 24n), Number(absolute & 0xffffffn))}"`;
    }
    default:
      return `"base64:type${type}:${buf.toString('base64', start, start + length)}"`;
  }
}

function clock(time: number, micros: number): string {
  return `${two((time >> 12) & 0x3ff)}:${two((time >> 6) & 63)}:${two(time & 63)}.${String(micros).padStart(6, '0')}`;
}

/** The server's JSON text (`{"a": 1}`) without the spaces it puts between tokens. */
export function compactJson(text: string): string {
  let compact = '';
  let from = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (quoted) {
      if (c === 0x5c) i++;
      else if (c === 0x22) quoted = false;
    } else if (c === 0x22) quoted = true;
    else if (c === 0x20) {
      compact += text.slice(from, i);
      from = i + 1;
    }
  }
  return from === 0 ? text : compact + text.slice(from);
}
