import type { Row } from '../../../model/chunk.ts';
import { CdcError } from '../../../model/errors.ts';
import { formatTableId, type TableSchema } from '../../../model/table-schema.ts';
import type { Table } from '../../../relational/table.ts';
import { type Charset, charsetOf } from '../charsets.ts';
import type { CodecOptions } from '../schema/codec-options.ts';
import { labelsOf } from '../schema/column-types.ts';
import { fieldCodecs } from '../schema/table-codec.ts';
import {
  conversionFailure,
  convertBigUnsigned,
  convertBit,
  convertDate,
  convertDatetime,
  convertGeometry,
  convertTime,
  convertVector,
  copyOf,
  type FieldCodec,
  joinSet,
  paddedCopy,
  safeInteger,
} from '../schema/value-converters.ts';
import { compactJson } from '../streaming/json-binary.ts';

/**
 * What a session must have set before it runs a select list of `compileSnapshotReader`: text in each column's own character
 * set (as the binlog has it), TIMESTAMPs in UTC, CHARs without padding. The rows themselves carry the proof that it was.
 */
export const SNAPSHOT_SESSION: readonly string[] = ["SET time_zone = '+00:00'", 'SET character_set_results = binary', "SET sql_mode = ''"];

/** NULL when the session is set up; sent with every row of tables it matters to. */
const SESSION_PROOF =
  "IF(@@character_set_results = 'binary' AND @@time_zone IN ('+00:00', 'UTC') AND NOT FIND_IN_SET('PAD_CHAR_TO_FULL_LENGTH', @@sql_mode), NULL, 'x')";

export interface SnapshotReader {
  /** Expressions for the SELECT, in the order of `schema.value.fields` (and a proof of the session's settings). */
  readonly selectList: string;
  /** How many expressions that is. */
  readonly columns: number;
  /**
   * One row packet of the text protocol, from `offset`. The values are those the binlog decoder gives for the same row.
   * Throws CDC_VALUE_CONVERT (data), CDC_ROW_DECODE (fatal).
   */
  decodeRow(packet: Buffer, offset: number): Row;
}

const OP = {
  integer: 0,
  unsigned64: 1,
  double: 2,
  decimal: 3,
  boolean: 4,
  utf8: 5,
  charset: 6,
  bytes: 7,
  json: 8,
  geometry: 9,
  vector: 10,
  enum: 11,
  set: 12,
  bit: 13,
  date: 14,
  time: 15,
  datetime: 16,
  timestamp: 17,
  proof: 18,
} as const;

interface Plan {
  readonly op: Uint8Array;
  readonly codecs: readonly FieldCodec[];
  readonly charsets: readonly (Charset | null)[];
  readonly labels: readonly (readonly string[])[];
  readonly posts: readonly FieldCodec[];
  readonly proven: boolean;
}

/** Compiles the reader of one table version. `table` and `schema` as given to and made by compileTable. */
export function compileSnapshotReader(_table: Table, schema: TableSchema, _options: CodecOptions): SnapshotReader {
  const codecs = fieldCodecs(schema);
  const charsets = codecs.map((c) => (c.type.kind === 'text' ? charsetOf(c.column.charsetName ?? 'utf8mb4') : null));
  const proven = codecs.some((c) => c.type.kind === 'text' || c.type.kind === 'timestamp');
  const plan: Plan = {
    op: Uint8Array.from(codecs, (codec, i) => opOf(codec, charsets[i] ?? null)),
    codecs,
    charsets,
    labels: codecs.map((c) => (c.type.kind === 'enum' || c.type.kind === 'set' ? labelsOf(c.column) : [])),
    posts: codecs.filter((c) => c.post !== null),
    proven,
  };
  const list = codecs.map(expression);
  // A table all of whose columns are excluded still has rows.
  if (proven || list.length === 0) list.push(SESSION_PROOF);
  return {
    selectList: list.join(', '),
    columns: list.length,
    decodeRow: (packet, offset) => decodeRow(plan, packet, offset),
  };
}

function expression(codec: FieldCodec): string {
  const name = `\`${codec.column.name.replaceAll('`', '``')}\``;
  switch (codec.type.kind) {
    case 'float':
      // As text a FLOAT is rounded to six digits, and FLOAT(M,D) to D; as a DOUBLE it is exact.
      return `${name} * 1e0`;
    case 'double':
      return codec.column.scale === null ? name : `${name} * 1e0`;
    case 'enum':
    case 'set':
      return `CAST(${name} AS UNSIGNED)`;
    default:
      return name;
  }
}

function opOf(codec: FieldCodec, charset: Charset | null): number {
  switch (codec.type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int':
    case 'year':
      return OP.integer;
    case 'bigint':
      return codec.type.unsigned ? OP.unsigned64 : OP.integer;
    case 'boolean':
      return OP.boolean;
    case 'float':
    case 'double':
      return OP.double;
    case 'decimal':
      return OP.decimal;
    case 'bit':
      return OP.bit;
    case 'date':
      return OP.date;
    case 'time':
      return OP.time;
    case 'datetime':
      return OP.datetime;
    case 'timestamp':
      return OP.timestamp;
    case 'text':
      return charset?.utf8 === true ? OP.utf8 : OP.charset;
    case 'uuid':
    case 'inet4':
    case 'inet6':
      return OP.utf8;
    case 'binary':
      return OP.bytes;
    case 'enum':
      return OP.enum;
    case 'set':
      return OP.set;
    case 'json':
      return OP.json;
    case 'geometry':
    case 'point':
      return OP.geometry;
    case 'vector':
      return OP.vector;
    default:
      return codec.type.kind satisfies never;
  }
}

function decodeRow(plan: Plan, buf: Buffer, offset: number): Row {
  const { op, codecs } = plan;
  const count = op.length;
  const row: unknown[] = new Array(count);
  let pos = offset;
  for (let i = 0; i < count; i++) {
    let length = buf[pos++] as number;
    if (length === 0xfb) {
      row[i] = null;
      continue;
    }
    if (length > 0xfb) {
      const bytes = length === 0xfc ? 2 : length === 0xfd ? 3 : 8;
      length = bytes === 8 ? Number(buf.readBigUInt64LE(pos)) : buf.readUIntLE(pos, bytes);
      pos += bytes;
    }
    const end = pos + length;
    switch (op[i]) {
      case OP.integer:
        row[i] = integer(buf, pos, end);
        break;
      case OP.utf8:
        row[i] = buf.utf8Slice(pos, end);
        break;
      case OP.decimal:
        row[i] = decimal(buf, pos, end);
        break;
      case OP.double:
        row[i] = Number(buf.latin1Slice(pos, end));
        break;
      case OP.datetime:
        row[i] = datetime(codecs[i] as FieldCodec, buf, pos, end);
        break;
      case OP.timestamp:
        // The session's time zone is UTC, and the text has the column's fraction digits.
        row[i] =
          buf[pos] === 0x30 && buf.latin1Slice(pos, pos + 4) === '0000'
            ? (codecs[i] as FieldCodec).zero
            : `${buf.latin1Slice(pos, pos + 10)}T${buf.latin1Slice(pos + 11, end)}Z`;
        break;
      case OP.enum: {
        const index = integer(buf, pos, end) as number;
        row[i] = index === 0 ? '' : (plan.labels[i]?.[index - 1] ?? noLabel(codecs[i] as FieldCodec));
        break;
      }
      default:
        row[i] = other(plan, i, buf, pos, end);
    }
    pos = end;
  }
  if (pos > buf.length) throw failure(plan, 'the packet ends within a value');
  if (plan.proven && buf[pos] !== 0xfb) throw failure(plan, 'the session lacks the settings of SNAPSHOT_SESSION');
  for (const codec of plan.posts) {
    const value = row[codec.ordinal];
    row[codec.ordinal] = value === null ? codec.nullValue : (codec.post as (value: unknown) => unknown)(value);
  }
  return row;
}

function failure(plan: Plan, what: string): CdcError {
  const where = plan.codecs[0] === undefined ? '' : formatTableId(plan.codecs[0].table);
  return new CdcError('CDC_ROW_DECODE', 'fatal', `snapshot row of ${where}: ${what}`, { context: { table: where } });
}

function other(plan: Plan, i: number, buf: Buffer, pos: number, end: number): unknown {
  const codec = plan.codecs[i] as FieldCodec;
  switch (plan.op[i]) {
    case OP.unsigned64:
      return unsigned64(codec, buf, pos, end);
    case OP.boolean:
      return integer(buf, pos, end) !== 0;
    case OP.charset:
      return text(codec, plan.charsets[i] as Charset, buf, pos, end);
    case OP.bytes:
      return paddedCopy(buf, pos, end, codec.type.padTo);
    case OP.json:
      return end === pos ? 'null' : compactJson(buf.utf8Slice(pos, end));
    case OP.geometry:
      return convertGeometry(codec, buf, pos, end);
    case OP.vector:
      return convertVector(copyOf(buf, pos, end), 0, end - pos);
    case OP.set:
      return joinSet(plan.labels[i] as readonly string[], integer(buf, pos, end));
    case OP.bit:
      return convertBit(codec, buf, pos, end - pos);
    case OP.date:
      return convertDate(codec, digits(buf, pos, 4), digits(buf, pos + 5, 2), digits(buf, pos + 8, 2));
    case OP.time:
      return time(codec, buf, pos, end);
    default:
      throw failure(plan, `operation ${plan.op[i]} is not known`);
  }
}

/** Zerofilled or not; a bigint when no longer exact as a number. */
function integer(buf: Buffer, start: number, end: number): number | bigint {
  if (end - start > 15) return safeInteger(BigInt(buf.latin1Slice(start, end)));
  const negative = buf[start] === 0x2d;
  let value = 0;
  for (let i = negative ? start + 1 : start; i < end; i++) value = value * 10 + (buf[i] as number) - 48;
  return negative ? -value : value;
}

function unsigned64(codec: FieldCodec, buf: Buffer, start: number, end: number): unknown {
  if (codec.schema.type === 'bytes') return BigInt(buf.latin1Slice(start, end)).toString();
  const value = integer(buf, start, end);
  return typeof value === 'bigint' && value > 0x7fffffffffffffffn ? convertBigUnsigned(codec, value) : value;
}

/** Without the zeros ZEROFILL puts in front. */
function decimal(buf: Buffer, start: number, end: number): string {
  let from = start;
  while (buf[from] === 0x30 && from + 1 < end && buf[from + 1] !== 0x2e) from++;
  return buf.latin1Slice(from, end);
}

function text(codec: FieldCodec, charset: Charset, buf: Buffer, start: number, end: number): unknown {
  const decoded = charset.decode(buf, start, end);
  if (!charset.replacementIsLoss || !decoded.includes('\uFFFD')) return decoded;
  return conversionFailure(codec, `the text has bytes that are no character of ${charset.name}`);
}

function noLabel(codec: FieldCodec): null {
  return conversionFailure(codec, 'the value is no member of the known definition');
}

function digits(buf: Buffer, pos: number, count: number): number {
  let value = 0;
  for (let i = pos; i < pos + count; i++) value = value * 10 + (buf[i] as number) - 48;
  return value;
}

/** Microseconds of the fraction digits from `pos` (behind the point) to `end`. */
function fraction(buf: Buffer, pos: number, end: number): number {
  let value = 0;
  let unit = 100_000;
  for (let i = pos; i < end; i++, unit /= 10) value += ((buf[i] as number) - 48) * unit;
  return value;
}

/** `YYYY-MM-DD HH:MM:SS[.ffffff]` */
function datetime(codec: FieldCodec, buf: Buffer, pos: number, end: number): unknown {
  const seconds = digits(buf, pos + 11, 2) * 3600 + digits(buf, pos + 14, 2) * 60 + digits(buf, pos + 17, 2);
  return convertDatetime(
    codec,
    digits(buf, pos, 4),
    digits(buf, pos + 5, 2),
    digits(buf, pos + 8, 2),
    seconds,
    fraction(buf, pos + 20, end),
  );
}

/** `[-]HH:MM:SS[.ffffff]`, hours of two or three digits. */
function time(codec: FieldCodec, buf: Buffer, start: number, end: number): unknown {
  const negative = buf[start] === 0x2d;
  let pos = negative ? start + 1 : start;
  let hours = 0;
  while (buf[pos] !== 0x3a) hours = hours * 10 + (buf[pos++] as number) - 48;
  const seconds = hours * 3600 + digits(buf, pos + 1, 2) * 60 + digits(buf, pos + 4, 2);
  const micros = seconds * 1_000_000 + fraction(buf, pos + 7, end);
  return convertTime(codec, negative ? -micros : micros);
}
