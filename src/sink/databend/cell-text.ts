import { CdcError } from '../../model/errors.ts';

/** What happens to a date or time Databend cannot hold: `value.range.policy`. */
export type RangePolicy = 'fail' | 'clamp' | 'null';

const DAY_MS = 86_400_000;
const DAY_US = 86_400_000_000;
const DAY_US_BIG = 86_400_000_000n;
/** 0001-01-01 and 9999-12-31 in days since the epoch. */
const FIRST_DAY = -719_162;
const LAST_DAY = 2_932_896;
export const FIRST_TIMESTAMP = '0001-01-01 00:00:00.000000';
/** Databend's last timestamp leaves room for any time zone. */
export const LAST_TIMESTAMP = '9999-12-30 21:59:59.999999';
/** Microseconds into 9999-12-30. */
const LAST_US_OF_DAY = 79_199_999_999;

const TWO: readonly string[] = Array.from({ length: 100 }, (_, i) => String(i).padStart(2, '0'));

/** `YYYY-MM-DD` of a day within Databend's years (civil-from-days, proleptic Gregorian). */
export function dayText(days: number): string {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const doe = z - era * 146_097;
  const yoe = Math.floor((doe - Math.floor(doe / 1460) + Math.floor(doe / 36_524) - Math.floor(doe / 146_096)) / 365);
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100));
  const mp = Math.floor((5 * doy + 2) / 153);
  const day = doy - Math.floor((153 * mp + 2) / 5) + 1;
  const month = mp < 10 ? mp + 3 : mp - 9;
  const year = yoe + era * 400 + (month <= 2 ? 1 : 0);
  return `${String(year).padStart(4, '0')}-${TWO[month]}-${TWO[day]}`;
}

/** Microseconds of a day as `HH:MM:SS.ffffff`. */
function clockText(us: number): string {
  const seconds = Math.floor(us / 1_000_000);
  const h = Math.floor(seconds / 3600);
  const m = Math.floor(seconds / 60) % 60;
  return `${TWO[h]}:${TWO[m]}:${TWO[seconds % 60]}.${String(us % 1_000_000).padStart(6, '0')}`;
}

/** Thrown as a data error; the caller names the column. */
export class CellOutOfRange extends Error {
  override readonly name = 'CellOutOfRange';
}

function outside(policy: RangePolicy, limit: string): string | null {
  if (policy === 'fail') throw new CellOutOfRange();
  return policy === 'null' ? null : limit;
}

export function dateText(days: number, policy: RangePolicy): string | null {
  if (days < FIRST_DAY) return outside(policy, '0001-01-01');
  if (days > LAST_DAY) return outside(policy, '9999-12-31');
  return dayText(days);
}

function timestampText(day: number, us: number, policy: RangePolicy): string | null {
  if (day < FIRST_DAY) return outside(policy, FIRST_TIMESTAMP);
  if (day > LAST_DAY - 1 || (day === LAST_DAY - 1 && us > LAST_US_OF_DAY)) return outside(policy, LAST_TIMESTAMP);
  return `${dayText(day)} ${clockText(us)}`;
}

export function millisText(value: number | bigint, policy: RangePolicy): string | null {
  const ms = Number(value);
  const day = Math.floor(ms / DAY_MS);
  return timestampText(day, (ms - day * DAY_MS) * 1000, policy);
}

export function microsText(value: number | bigint, policy: RangePolicy): string | null {
  if (typeof value === 'number') {
    const day = Math.floor(value / DAY_US);
    return timestampText(day, value - day * DAY_US, policy);
  }
  let day = value / DAY_US_BIG;
  if (value < 0n && day * DAY_US_BIG !== value) day -= 1n;
  return timestampText(Number(day), Number(value - day * DAY_US_BIG), policy);
}

/** Databend has microseconds; a nanosecond that is not one of them cannot arrive exactly. */
export function nanosText(value: number | bigint, policy: RangePolicy): string | null {
  const ns = BigInt(value);
  if (ns % 1000n !== 0n)
    throw new CdcError('CDC_VALUE_CONVERT', 'data', 'a timestamp has nanoseconds, Databend keeps microseconds', {
      hint: 'use a time precision mode of microseconds or less',
    });
  return microsText(ns / 1000n, policy);
}

const ISO = /^([+-]?\d{4,})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?$/;

/** `2024-01-01T00:00:00.123456Z` as UTC wall clock; an offset is applied. Throws CDC_VALUE_CONVERT for other text. */
export function isoTimestampText(text: string, policy: RangePolicy): string | null {
  const m = ISO.exec(text);
  if (m === null) throw new CdcError('CDC_VALUE_CONVERT', 'data', 'a timestamp is not ISO 8601 text');
  const fraction = (m[7] ?? '').padEnd(6, '0');
  if (fraction.length > 6 && /[1-9]/.test(fraction.slice(6))) return nanosText(1n, policy);
  const zone = m[8];
  const year = Number(m[1]);
  const date = new Date(0);
  date.setUTCFullYear(year, Number(m[2]) - 1, Number(m[3]));
  let seconds = Number(m[4]) * 3600 + Number(m[5]) * 60 + Number(m[6] ?? 0);
  if (zone !== undefined && zone !== 'Z') {
    const offset = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
    seconds += zone[0] === '-' ? offset * 60 : -offset * 60;
  }
  const ms = date.getTime() + seconds * 1000;
  const day = Math.floor(ms / DAY_MS);
  return timestampText(day, (ms - day * DAY_MS) * 1000 + Number(fraction.slice(0, 6)), policy);
}

/** `2024-01-01` or `2024-01-01Z`. */
export function isoDateText(text: string, policy: RangePolicy): string | null {
  const m = /^([+-]?\d{4,})-(\d\d)-(\d\d)(?:Z|[+-]00:?00)?$/.exec(text);
  if (m === null) throw new CdcError('CDC_VALUE_CONVERT', 'data', 'a date is not ISO 8601 text');
  const date = new Date(0);
  date.setUTCFullYear(Number(m[1]), Number(m[2]) - 1, Number(m[3]));
  return dateText(Math.floor(date.getTime() / DAY_MS), policy);
}

/**
 * `[-]HH:MM:SS[.ffffff]` of a duration in microseconds. `digits` are the column's; when the schema does not
 * tell them a fraction is written with six digits, and none when there is no fraction.
 */
export function timeText(us: number, digits: number | null): string {
  const abs = Math.abs(us);
  const seconds = Math.floor(abs / 1_000_000);
  const h = Math.floor(seconds / 3600);
  const micros = abs % 1_000_000;
  const head = `${us < 0 ? '-' : ''}${h < 100 ? TWO[h] : h}:${TWO[Math.floor(seconds / 60) % 60]}:${TWO[seconds % 60]}`;
  const shown = digits ?? (micros === 0 ? 0 : 6);
  const fraction = String(micros).padStart(6, '0');
  if (/[1-9]/.test(fraction.slice(shown))) return `${head}.${fraction}`;
  return shown === 0 ? head : `${head}.${fraction.slice(0, shown)}`;
}

/** `12:34:56.5Z` as the wall clock it names. */
export function isoTimeText(text: string, digits: number | null): string {
  const m = /^(-)?(\d{2,}):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|[+-]00:?00)?$/.exec(text);
  if (m === null) throw new CdcError('CDC_VALUE_CONVERT', 'data', 'a time is not ISO 8601 text');
  const us = (Number(m[2]) * 3600 + Number(m[3]) * 60 + Number(m[4] ?? 0)) * 1_000_000 + Number((m[5] ?? '').padEnd(6, '0').slice(0, 6));
  return timeText(m[1] === '-' ? -us : us, digits);
}

/** Debezium's Bits: little-endian bytes. */
export function bitsText(bytes: Buffer): string {
  let n = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) n = (n << 8n) | BigInt(bytes[i] as number);
  return n.toString();
}

/** WKB and its SRID as EWKB hex: the flag and the number go between the type and the coordinates. */
export function ewkbHex(wkb: Buffer, srid: number | null): string {
  if (srid === null || srid === 0) return wkb.toString('hex');
  const out = Buffer.allocUnsafe(wkb.length + 4);
  wkb.copy(out, 0, 0, 5);
  wkb.copy(out, 9, 5);
  if (wkb[0] === 1) {
    out.writeUInt32LE((wkb.readUInt32LE(1) | 0x20000000) >>> 0, 1);
    out.writeUInt32LE(srid, 5);
  } else {
    out.writeUInt32BE((wkb.readUInt32BE(1) | 0x20000000) >>> 0, 1);
    out.writeUInt32BE(srid, 5);
  }
  return out.toString('hex');
}
