import { CdcError } from '../../../model/errors.ts';
import type { Schema } from '../../../model/schema.ts';
import { formatTableId, type TableId } from '../../../model/table-schema.ts';
import type { TextMask } from '../../../relational/column-masks.ts';
import type { Column } from '../../../relational/table.ts';
import type { CodecOptions } from './codec-options.ts';
import type { ColumnType } from './column-types.ts';

/**
 * From the parts of a MySQL value (days, microseconds, bytes) to the representation model/schema.ts defines, by the
 * column's handling mode. The binlog and the snapshot reader take values apart; both end here, so they cannot differ.
 */

/** How a temporal column comes out; small integers, because the decoders switch on them. */
export const TEMPORAL = { days: 0, millis: 1, micros: 2, nanos: 3, iso: 4, connectTime: 5, zoned: 6, none: 7 } as const;

/** One field of the row: what both decoders need to know of it. Mutable only in its caches. */
export interface FieldCodec {
  readonly table: TableId;
  readonly column: Column;
  readonly type: ColumnType;
  readonly schema: Schema;
  readonly ordinal: number;
  readonly temporal: number;
  /** Stands for a zero date: null where the column is nullable, else the epoch. */
  readonly zero: unknown;
  /** Turns the plain value into the emitted one (masks, decimal and binary handling); null = as is. */
  readonly post: ((value: unknown) => unknown) | null;
  /** The mask also replaces NULL. */
  readonly nullValue: unknown;
  readonly options: CodecOptions;
  /** The last day a timestamp was formatted for, and its text to the `T`: rows of one time follow each other. */
  lastDay: number;
  lastText: string;
}

export function createFieldCodec(
  table: TableId,
  column: Column,
  type: ColumnType,
  schema: Schema,
  ordinal: number,
  options: CodecOptions,
  mask: TextMask | null,
): FieldCodec {
  const temporal = temporalForm(type, options);
  return {
    table,
    column,
    type,
    schema,
    ordinal,
    temporal,
    zero: schema.optional ? null : epoch(temporal, type),
    post: postOf(column, type, options, mask),
    nullValue: mask === null ? null : mask.apply(null, column.length),
    options,
    lastDay: -1,
    lastText: '',
  };
}

function temporalForm(type: ColumnType, options: CodecOptions): number {
  const mode = options.timePrecision;
  switch (type.kind) {
    case 'date':
      return mode === 'isostring' ? TEMPORAL.iso : TEMPORAL.days;
    case 'time':
      if (mode === 'isostring') return TEMPORAL.iso;
      if (mode === 'connect') return TEMPORAL.connectTime;
      return mode === 'nanoseconds' ? TEMPORAL.nanos : TEMPORAL.micros;
    case 'datetime':
      if (mode === 'isostring') return TEMPORAL.iso;
      if (mode === 'connect') return TEMPORAL.millis;
      if (mode === 'nanoseconds') return TEMPORAL.nanos;
      return mode === 'microseconds' || type.fraction > 3 ? TEMPORAL.micros : TEMPORAL.millis;
    case 'timestamp':
      return TEMPORAL.zoned;
    default:
      return TEMPORAL.none;
  }
}

function epoch(temporal: number, type: ColumnType): unknown {
  if (temporal === TEMPORAL.zoned) return `1970-01-01T00:00:00${fractionText(0, type.fraction)}Z`;
  if (temporal !== TEMPORAL.iso) return 0;
  return type.kind === 'date' ? '1970-01-01Z' : '1970-01-01T00:00:00Z';
}

function postOf(column: Column, type: ColumnType, options: CodecOptions, mask: TextMask | null): ((value: unknown) => unknown) | null {
  if (mask !== null) return (value) => mask.apply(value as string | null, column.length);
  if (type.kind === 'decimal' && options.decimalHandling === 'double') return (value) => Number(value as string);
  if (type.kind !== 'binary') return null;
  switch (options.binaryHandling) {
    case 'bytes':
      return null;
    case 'hex':
      return (value) => (value as Buffer).toString('hex');
    case 'base64':
      return (value) => (value as Buffer).toString('base64');
    case 'base64-url-safe':
      // Java's URL encoder keeps the padding, Node's leaves it out.
      return (value) => (value as Buffer).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
  }
}

/**
 * A value that has no place in its target type. Throws CDC_VALUE_CONVERT (data), or, as the handling mode says,
 * warns and gives null; a column that cannot be null always throws.
 */
export function conversionFailure(codec: FieldCodec, reason: string, hint?: string): null {
  const { options, column, table } = codec;
  const context = { table: formatTableId(table), column: column.name, type: column.typeName };
  const message = `column "${formatTableId(table)}.${column.name}": ${reason}`;
  if (options.convertFailure === 'fail' || !codec.schema.optional) {
    throw new CdcError('CDC_VALUE_CONVERT', 'data', message, {
      hint: hint ?? 'event.converting.failure.handling.mode=warn emits null for such values of nullable columns',
      context,
    });
  }
  if (options.convertFailure === 'warn') options.warn?.(message, context);
  return null;
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Days since 1970-01-01 of a date of the proleptic Gregorian calendar, years from 0. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yoe = y - era * 400;
  const doy = ((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) | 0;
  const doe = yoe * 365 + ((yoe / 4) | 0) - ((yoe / 100) | 0) + doy + day - 1;
  return era * 146097 + doe - 719468;
}

function isRealDate(year: number, month: number, day: number): boolean {
  if (month > 12) return false;
  if (day <= 28) return true;
  const leap = month === 2 && (year & 3) === 0 && (year % 100 !== 0 || year % 400 === 0) ? 1 : 0;
  return day <= (MONTH_DAYS[month - 1] as number) + leap;
}

const NOT_A_DATE = 'the value is no date of the calendar (ALLOW_INVALID_DATES)';

const pad2 = Array.from({ length: 100 }, (_, i) => String(i).padStart(2, '0'));

function dateText(year: number, month: number, day: number): string {
  return `${String(year).padStart(4, '0')}-${pad2[month]}-${pad2[day]}`;
}

function clockText(secondsOfDay: number): string {
  return `${pad2[(secondsOfDay / 3600) | 0]}:${pad2[((secondsOfDay / 60) | 0) % 60]}:${pad2[secondsOfDay % 60]}`;
}

const pad3 = Array.from({ length: 1000 }, (_, i) => String(i).padStart(3, '0'));

/** `.ffffff` cut to `digits`; empty for none. */
function fractionText(micros: number, digits: number): string {
  if (digits === 0) return '';
  const millis = (micros / 1000) | 0;
  if (digits === 3) return `.${pad3[millis]}`;
  const six = `.${pad3[millis]}${pad3[micros - millis * 1000]}`;
  return digits === 6 ? six : six.slice(0, digits + 1);
}

/** Java's ISO formatters: as many digits as needed. */
function shortFraction(micros: number): string {
  return micros === 0 ? '' : `.${String(micros).padStart(6, '0')}`.replace(/0+$/, '');
}

export function convertDate(codec: FieldCodec, year: number, month: number, day: number): unknown {
  if (month === 0 || day === 0) return codec.zero;
  if (!isRealDate(year, month, day)) return conversionFailure(codec, NOT_A_DATE);
  return codec.temporal === TEMPORAL.iso ? `${dateText(year, month, day)}Z` : daysFromCivil(year, month, day);
}

/** `micros`: signed, to ±838:59:59.999999. */
export function convertTime(codec: FieldCodec, micros: number): unknown {
  switch (codec.temporal) {
    case TEMPORAL.micros:
      return micros;
    case TEMPORAL.nanos:
      return micros * 1000;
  }
  if (micros < 0 || micros >= 86_400_000_000) {
    return conversionFailure(
      codec,
      `a TIME outside 00:00:00 … 23:59:59.999999 has no place in ${codec.schema.name}`,
      'time.precision.mode=adaptive_time_microseconds holds every TIME',
    );
  }
  if (codec.temporal === TEMPORAL.connectTime) return Math.floor(micros / 1000);
  const seconds = Math.floor(micros / 1_000_000);
  return `${clockText(seconds)}${shortFraction(micros - seconds * 1_000_000)}Z`;
}

/** A wall-clock time read as if it were UTC. */
export function convertDatetime(codec: FieldCodec, year: number, month: number, day: number, seconds: number, micros: number): unknown {
  if (month === 0 || day === 0) return codec.zero;
  if (day > 28 && !isRealDate(year, month, day)) return conversionFailure(codec, NOT_A_DATE);
  if (month > 12) return conversionFailure(codec, NOT_A_DATE);
  const epochSeconds = daysFromCivil(year, month, day) * 86_400 + seconds;
  switch (codec.temporal) {
    case TEMPORAL.millis:
      return epochSeconds * 1000 + Math.floor(micros / 1000);
    case TEMPORAL.micros:
      return scaled(epochSeconds, micros, 1_000_000);
    case TEMPORAL.nanos: {
      const nanos = BigInt(epochSeconds) * 1_000_000_000n + BigInt(micros * 1000);
      if (BigInt.asIntN(64, nanos) !== nanos) {
        return conversionFailure(
          codec,
          'a DATETIME outside 1677-09-21 … 2262-04-11 has no place in NanoTimestamp',
          'time.precision.mode=adaptive_time_microseconds holds every DATETIME',
        );
      }
      return safeInteger(nanos);
    }
    default:
      return `${dateText(year, month, day)}T${clockText(seconds)}${shortFraction(micros)}Z`;
  }
}

function scaled(seconds: number, micros: number, unit: number): number | bigint {
  // Beyond ±2^53 µs (years 1684 to 2255) doubles are no longer exact.
  if (seconds > -9_000_000_000 && seconds < 9_000_000_000) return seconds * unit + micros;
  return safeInteger(BigInt(seconds) * BigInt(unit) + BigInt(micros));
}

/** int64 as the model wants it: a number when exact, else a bigint. */
export function safeInteger(value: bigint): number | bigint {
  return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value;
}

/** An instant: UTC text with as many fraction digits as the column has. 0 is MySQL's zero timestamp. */
export function convertTimestamp(codec: FieldCodec, epochSeconds: number, micros: number): unknown {
  if (epochSeconds === 0 && micros === 0) return codec.zero;
  const day = Math.floor(epochSeconds / 86_400);
  if (day !== codec.lastDay) {
    codec.lastDay = day;
    codec.lastText = new Date(day * 86_400_000).toISOString().slice(0, 11);
  }
  const time = codec.lastText + clockText(epochSeconds - day * 86_400);
  return codec.type.fraction === 0 ? `${time}Z` : `${time}${fractionText(micros, codec.type.fraction)}Z`;
}

/** `value` is of BIGINT UNSIGNED, beyond int64's positive half. */
export function convertBigUnsigned(codec: FieldCodec, value: bigint): unknown {
  switch (codec.options.bigintUnsigned) {
    case 'precise':
      return value.toString();
    case 'long_wrap':
      return safeInteger(BigInt.asIntN(64, value));
    case 'long':
      return conversionFailure(
        codec,
        'an unsigned BIGINT above 9223372036854775807 does not fit int64',
        'bigint.unsigned.handling.mode=precise holds every value (long_wrap wraps around as Debezium does)',
      );
  }
}

/** Little-endian bytes of a BIT(n>1), from the server's big-endian ones; a boolean of BIT(1). */
export function convertBit(codec: FieldCodec, buf: Buffer, start: number, length: number): unknown {
  if (codec.schema.type === 'boolean') return buf[start + length - 1] !== 0;
  const bits = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) bits[i] = buf[start + length - 1 - i] as number;
  return bits;
}

/** SRID and WKB as MySQL stores them (4 bytes little-endian, then WKB): `[wkb, srid]`, for a POINT `[x, y, wkb, srid]`. */
export function convertGeometry(codec: FieldCodec, buf: Buffer, start: number, end: number): unknown {
  if (end - start < 9) return conversionFailure(codec, 'the geometry is shorter than its header');
  const srid = buf.readUInt32LE(start) | 0;
  const wkb = copyOf(buf, start + 4, end);
  const sridOrNull = srid === 0 ? null : srid;
  if (codec.type.kind !== 'point') return [wkb, sridOrNull];
  if (wkb.length < 21) return conversionFailure(codec, 'the point has no coordinates');
  const little = wkb[0] === 1;
  const x = little ? wkb.readDoubleLE(5) : wkb.readDoubleBE(5);
  const y = little ? wkb.readDoubleLE(13) : wkb.readDoubleBE(13);
  return [x, y, wkb, sridOrNull];
}

/** VECTOR: float32 little-endian. */
export function convertVector(buf: Buffer, start: number, end: number): number[] {
  const values: number[] = [];
  for (let i = start; i + 3 < end; i += 4) values.push(buf.readFloatLE(i));
  return values;
}

/** Rows outlive the packet they came in: a slice would pin all of it. */
export function copyOf(buf: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafe(end - start);
  buf.copy(copy, 0, start, end);
  return copy;
}

/** BINARY(n) comes without its trailing zero bytes. */
export function paddedCopy(buf: Buffer, start: number, end: number, padTo: number): Buffer {
  if (end - start >= padTo) return copyOf(buf, start, end);
  const copy = Buffer.alloc(padTo);
  buf.copy(copy, 0, start, end);
  return copy;
}

/** SET bits to labels joined by comma, in definition order. */
export function joinSet(labels: readonly string[], bits: number | bigint): string {
  const chosen: string[] = [];
  if (typeof bits === 'number' && bits < 0x80000000) {
    for (let i = 0, rest = bits; rest !== 0; i++, rest >>>= 1) if ((rest & 1) === 1) chosen.push(labels[i] as string);
  } else {
    for (let i = 0, rest = BigInt(bits); rest !== 0n; i++, rest >>= 1n) if ((rest & 1n) === 1n) chosen.push(labels[i] as string);
  }
  return chosen.join(',');
}
