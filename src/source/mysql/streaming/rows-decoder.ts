import { type Row, UNAVAILABLE } from '../../../model/chunk.ts';
import { CdcError } from '../../../model/errors.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import type { Table } from '../../../relational/table.ts';
import type { CodecOptions } from '../schema/codec-options.ts';
import {
  conversionFailure,
  convertBigUnsigned,
  convertBit,
  convertGeometry,
  convertVector,
  copyOf,
  type FieldCodec,
  joinSet,
  paddedCopy,
  safeInteger,
} from '../schema/value-converters.ts';
import { decimalBytes, decodeDecimal } from './binary-decimal.ts';
import { decodeBinaryTemporal } from './binary-temporal.ts';
import { decodeJson } from './json-binary.ts';
import { applyJsonDiffs } from './json-diff.ts';
import { inflateColumn } from './mariadb-compression.ts';
import { formatInet4, formatInet6, formatUuid } from './mariadb-types.ts';
import { compileRowsPlan, OP, type RowsPlan, temporalBytes } from './rows-plan.ts';
import type { TableMap } from './table-map.ts';

export { inflateMariadbRows, isMariadbCompressed } from './mariadb-compression.ts';
export { rowsEventTableId } from './table-map.ts';

export interface DecodedRows {
  /** null = the event has no such images. */
  readonly before: Row[] | null;
  readonly after: Row[] | null;
  readonly count: number;
}

export interface RowsDecoder {
  /**
   * Decodes the body of a rows event (`buf[start, end)`: after the 19-byte header, without checksum) of type WRITE (23, 30),
   * UPDATE (24, 31), DELETE (25, 32) or PARTIAL_UPDATE (39). Rows are positional, in the order of `schema.value.fields`;
   * nothing in them points into `buf`. Throws CDC_ROW_DECODE and CDC_ROW_SCHEMA_MISMATCH (fatal), CDC_VALUE_CONVERT (data).
   */
  decode(buf: Buffer, start: number, end: number, eventType: number): DecodedRows;
}

const PARTIAL_UPDATE_ROWS = 39;

/** Compiles the decoder of one table version as one table map describes it; keep it as long as both are the same. */
export function compileRowsDecoder(map: TableMap, table: Table, schema: TableSchema, options: CodecOptions): RowsDecoder {
  const plan = compileRowsPlan(map, table, schema, options.connector);
  return { decode: (buf, start, end, eventType) => decodeEvent(plan, buf, start, end, eventType) };
}

function decodeEvent(plan: RowsPlan, buf: Buffer, start: number, end: number, eventType: number): DecodedRows {
  try {
    return decodeRows(plan, buf, start, end, eventType);
  } catch (cause) {
    if (cause instanceof CdcError) throw cause;
    throw failure(plan, 'the event ends within a value', cause);
  }
}

function failure(plan: RowsPlan, what: string, cause?: unknown): CdcError {
  return new CdcError('CDC_ROW_DECODE', 'fatal', `rows of ${plan.where}: ${what}`, { cause, context: { table: plan.where } });
}

function decodeRows(plan: RowsPlan, buf: Buffer, start: number, end: number, eventType: number): DecodedRows {
  let pos = start + 8;
  if (eventType >= 30) pos += buf.readUInt16LE(pos);
  let count = buf[pos++] as number;
  if (count >= 251) {
    const size = count === 252 ? 2 : 3;
    count = buf.readUIntLE(pos, size);
    pos += size;
  }
  if (count !== plan.count) throw failure(plan, `the event has ${count} columns, its table map ${plan.count}`);
  const bitmapBytes = (count + 7) >> 3;
  const partial = eventType === PARTIAL_UPDATE_ROWS;
  const update = partial || eventType === 24 || eventType === 31;
  const insert = eventType === 23 || eventType === 30;
  if (!update && !insert && eventType !== 25 && eventType !== 32) throw failure(plan, `event type ${eventType} is no rows event`);
  const firstBits = presentBits(buf, pos, count);
  pos += bitmapBytes;
  let secondBits: Uint8Array | null = null;
  if (update) {
    secondBits = presentBits(buf, pos, count);
    pos += bitmapBytes;
  }
  const first: Row[] = [];
  const second: Row[] = [];
  while (pos < end) {
    const row: unknown[] = new Array(plan.fieldCount);
    pos = readImage(plan, buf, pos, firstBits, row);
    if (plan.posts.length > 0) finish(plan, row);
    first.push(row);
    if (!update) continue;
    const after: unknown[] = new Array(plan.fieldCount);
    pos = partial ? readPartialImage(plan, buf, pos, secondBits, row, after) : readImage(plan, buf, pos, secondBits, after);
    if (plan.posts.length > 0) finish(plan, after);
    second.push(after);
  }
  if (pos !== end) throw failure(plan, 'the last row runs past the event');
  if (update) return { before: first, after: second, count: first.length };
  return insert ? { before: null, after: first, count: first.length } : { before: first, after: null, count: first.length };
}

/** null = every column is there, which is what binlog_row_image=FULL means; else a byte for each column. */
function presentBits(buf: Buffer, pos: number, count: number): Uint8Array | null {
  const present = new Uint8Array(count);
  let all = true;
  for (let i = 0; i < count; i++) {
    present[i] = ((buf[pos + (i >> 3)] as number) >> (i & 7)) & 1;
    if (present[i] === 0) all = false;
  }
  return all ? null : present;
}

function finish(plan: RowsPlan, row: unknown[]): void {
  for (const codec of plan.posts) {
    const value = row[codec.ordinal];
    if (value === null) row[codec.ordinal] = codec.nullValue;
    else if (value !== UNAVAILABLE) row[codec.ordinal] = (codec.post as (value: unknown) => unknown)(value);
  }
}

/**
 * Reads one row image at `pos` into `row` and returns the offset behind it. One flat loop over the plan
 * (0.46 µs of CPU for 10 mixed columns): no closure, no object but the values themselves.
 */
function readImage(plan: RowsPlan, buf: Buffer, start: number, present: Uint8Array | null, row: unknown[]): number {
  const { op, arg, ordinal, count } = plan;
  let nullAt = start;
  let nullBit = 1;
  let pos = start + ((present === null ? count + 7 : countOf(present) + 7) >> 3);
  for (let i = 0; i < count; i++) {
    const target = ordinal[i] as number;
    if (present !== null && present[i] === 0) {
      if (target >= 0) row[target] = UNAVAILABLE;
      continue;
    }
    const isNull = ((buf[nullAt] as number) & nullBit) !== 0;
    if (nullBit === 128) {
      nullBit = 1;
      nullAt++;
    } else nullBit <<= 1;
    if (isNull) {
      if (target >= 0) row[target] = null;
      continue;
    }
    const a = arg[i] as number;
    switch (op[i]) {
      case OP.int8:
        row[target] = ((buf[pos++] as number) << 24) >> 24;
        continue;
      case OP.uint8:
        row[target] = buf[pos++];
        continue;
      case OP.boolean:
        row[target] = buf[pos++] !== 0;
        continue;
      case OP.int16:
        row[target] = (((buf[pos] as number) | ((buf[pos + 1] as number) << 8)) << 16) >> 16;
        pos += 2;
        continue;
      case OP.uint16:
        row[target] = (buf[pos] as number) | ((buf[pos + 1] as number) << 8);
        pos += 2;
        continue;
      case OP.int24:
        row[target] = (((buf[pos] as number) | ((buf[pos + 1] as number) << 8) | ((buf[pos + 2] as number) << 16)) << 8) >> 8;
        pos += 3;
        continue;
      case OP.uint24:
        row[target] = (buf[pos] as number) | ((buf[pos + 1] as number) << 8) | ((buf[pos + 2] as number) << 16);
        pos += 3;
        continue;
      case OP.int32:
        row[target] = int32(buf, pos);
        pos += 4;
        continue;
      case OP.uint32:
        row[target] = int32(buf, pos) >>> 0;
        pos += 4;
        continue;
      case OP.int64: {
        const high = int32(buf, pos + 4);
        row[target] =
          high > -0x200000 && high < 0x200000 ? high * 4294967296 + (int32(buf, pos) >>> 0) : safeInteger(buf.readBigInt64LE(pos));
        pos += 8;
        continue;
      }
      case OP.uint64: {
        const high = int32(buf, pos + 4) >>> 0;
        row[target] =
          high < 0x200000 && !isPrecise(plan.codec[i]) ? high * 4294967296 + (int32(buf, pos) >>> 0) : uint64(plan.codec[i], buf, pos);
        pos += 8;
        continue;
      }
      case OP.float:
        row[target] = buf.readFloatLE(pos);
        pos += 4;
        continue;
      case OP.double:
        row[target] = buf.readDoubleLE(pos);
        pos += 8;
        continue;
      case OP.decimal:
        row[target] = decodeDecimal(buf, pos, a >> 8, a & 0xff);
        pos += decimalBytes(a >> 8, a & 0xff);
        continue;
      case OP.utf8Short: {
        const length = buf[pos++] as number;
        row[target] = buf.utf8Slice(pos, pos + length);
        pos += length;
        continue;
      }
      case OP.utf8Medium: {
        const length = (buf[pos] as number) | ((buf[pos + 1] as number) << 8);
        row[target] = buf.utf8Slice(pos + 2, pos + 2 + length);
        pos += 2 + length;
        continue;
      }
      case OP.enum: {
        const index = a === 1 ? (buf[pos] as number) : (buf[pos] as number) | ((buf[pos + 1] as number) << 8);
        row[target] = index === 0 ? '' : (plan.labels[i]?.[index - 1] ?? noLabel(plan.codec[i]));
        pos += a;
        continue;
      }
      case OP.set:
        row[target] = joinSet(plan.labels[i] as readonly string[], a <= 6 ? buf.readUIntLE(pos, a) : buf.readBigUInt64LE(pos));
        pos += a;
        continue;
      case OP.bit:
        row[target] = convertBit(plan.codec[i] as FieldCodec, buf, pos, a);
        pos += a;
        continue;
      case OP.year:
        row[target] = buf[pos] === 0 ? 0 : 1900 + (buf[pos] as number);
        pos++;
        continue;
      case OP.date:
      case OP.time2:
      case OP.datetime2:
      case OP.timestamp2:
      case OP.time:
      case OP.datetime:
      case OP.timestamp:
      case OP.hiresTime:
      case OP.hiresDatetime:
      case OP.hiresTimestamp:
        row[target] = decodeBinaryTemporal(op[i] as number, a, plan.codec[i] as FieldCodec, buf, pos);
        pos += temporalBytes(op[i] as number, a);
        continue;
      case OP.skipFixed:
        pos += a;
        continue;
    }
    // What is left has a length of `a` bytes in front.
    const length = lengthAt(buf, pos, a);
    const from = pos + a;
    pos = from + length;
    if (op[i] !== OP.skipVariable) row[target] = readVariable(plan, i, buf, from, pos);
  }
  if (pos > buf.length) throw failure(plan, 'a row runs past the event');
  return pos;
}

function int32(buf: Buffer, pos: number): number {
  return (buf[pos] as number) | ((buf[pos + 1] as number) << 8) | ((buf[pos + 2] as number) << 16) | ((buf[pos + 3] as number) << 24);
}

function countOf(present: Uint8Array): number {
  let n = 0;
  for (const bit of present) n += bit;
  return n;
}

function isPrecise(codec: FieldCodec | null | undefined): boolean {
  return codec?.schema.type === 'bytes';
}

function uint64(codec: FieldCodec | null | undefined, buf: Buffer, pos: number): unknown {
  const value = buf.readBigUInt64LE(pos);
  if (isPrecise(codec)) return value.toString();
  return value > 0x7fffffffffffffffn ? convertBigUnsigned(codec as FieldCodec, value) : safeInteger(value);
}

function noLabel(codec: FieldCodec | null | undefined): unknown {
  return conversionFailure(codec as FieldCodec, 'the value is no member of the known definition');
}

function lengthAt(buf: Buffer, pos: number, bytes: number): number {
  switch (bytes) {
    case 1:
      return buf[pos] as number;
    case 2:
      return (buf[pos] as number) | ((buf[pos + 1] as number) << 8);
    default:
      return buf.readUIntLE(pos, bytes);
  }
}

function readVariable(plan: RowsPlan, i: number, buf: Buffer, from: number, to: number): unknown {
  if (to > buf.length) throw failure(plan, 'a value runs past the event');
  const codec = plan.codec[i] as FieldCodec;
  switch (plan.op[i]) {
    case OP.utf8Long:
      return buf.utf8Slice(from, to);
    case OP.charset:
      return decodeText(plan, i, buf, from, to);
    case OP.bytes:
      return paddedCopy(buf, from, to, codec.type.padTo);
    case OP.json:
      return decodeJson(buf, from, to);
    case OP.jsonDiffs:
      return patched(plan, i, buf, from, to);
    case OP.geometry:
      return convertGeometry(codec, buf, from, to);
    case OP.vector:
      return convertVector(buf, from, to);
    case OP.uuid:
      return formatUuid(paddedCopy(buf, from, to, 16));
    case OP.inet4:
      return formatInet4(paddedCopy(buf, from, to, 4));
    case OP.inet6:
      return formatInet6(paddedCopy(buf, from, to, 16));
    case OP.compressedText: {
      const value = inflateColumn(buf.subarray(from, to));
      return decodeText(plan, i, value, 0, value.length);
    }
    case OP.compressedBytes: {
      const value = inflateColumn(buf.subarray(from, to));
      return copyOf(value, 0, value.length);
    }
    default:
      throw failure(plan, `operation ${plan.op[i]} is not known`);
  }
}

function decodeText(plan: RowsPlan, i: number, buf: Buffer, from: number, to: number): unknown {
  const charset = plan.charset[i];
  if (charset == null) throw failure(plan, 'a text column has no character set');
  const text = charset.decode(buf, from, to);
  if (charset.replacementIsLoss && text.includes('\uFFFD')) return undefinedBytes(plan.codec[i] as FieldCodec, charset.name);
  return text;
}

function undefinedBytes(codec: FieldCodec, charset: string): null {
  return conversionFailure(codec, `the text has bytes that are no character of ${charset}`);
}

/**
 * The after image of PARTIAL_UPDATE_ROWS: options, a bit for each JSON column of the table that comes as differences, then an
 * image in which those have a 4-byte length and the differences (mysql-server, Rows_log_event::pack_row).
 */
function readPartialImage(
  plan: RowsPlan,
  buf: Buffer,
  start: number,
  present: Uint8Array | null,
  before: readonly unknown[],
  after: unknown[],
): number {
  const options = buf[start] as number;
  let pos = start + 1;
  if (options > 1) throw failure(plan, `row value options ${options} are not known`);
  if (options === 0) return readImage(plan, buf, pos, present, after);
  const partial = new Set(plan.jsonColumns.filter((_, k) => (((buf[pos + (k >> 3)] as number) >> (k & 7)) & 1) === 1));
  pos += (plan.jsonColumns.length + 7) >> 3;
  if (partial.size === 0) return readImage(plan, buf, pos, present, after);
  // Those columns have a 4-byte length and their differences where the others have their value.
  const op = Uint8Array.from(plan.op, (code, i) => (code === OP.json && partial.has(i) ? OP.jsonDiffs : code));
  return readImage({ ...plan, op, before }, buf, pos, present, after);
}

function patched(plan: RowsPlan, i: number, buf: Buffer, from: number, to: number): string {
  const old = plan.before?.[plan.ordinal[i] as number];
  if (typeof old !== 'string') throw failure(plan, 'a partial JSON update needs the whole value in the before image');
  return applyJsonDiffs(old, buf, from, to);
}
