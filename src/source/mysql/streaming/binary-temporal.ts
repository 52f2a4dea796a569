import { convertDate, convertDatetime, convertTime, convertTimestamp, type FieldCodec } from '../schema/value-converters.ts';
import { OP } from './rows-plan.ts';

/** Microseconds in a unit of a fraction of so many bytes. */
const FRACTION_UNIT = [0, 10_000, 100, 1];
const TWO_TO_THE = [1, 256, 65_536, 16_777_216];

function fraction(buf: Buffer, pos: number, bytes: number): number {
  switch (bytes) {
    case 0:
      return 0;
    case 1:
      return (buf[pos] as number) * 10_000;
    case 2:
      return (((buf[pos] as number) << 8) | (buf[pos + 1] as number)) * 100;
    default:
      return ((buf[pos] as number) << 16) | ((buf[pos + 1] as number) << 8) | (buf[pos + 2] as number);
  }
}

function uint32BE(buf: Buffer, pos: number): number {
  return (
    (((buf[pos] as number) << 24) | ((buf[pos + 1] as number) << 16) | ((buf[pos + 2] as number) << 8) | (buf[pos + 3] as number)) >>> 0
  );
}

/** A temporal value of a row image. `arg`: fraction bytes for the types of MySQL 5.6 and later, fraction digits for MariaDB's hires ones. */
export function decodeBinaryTemporal(op: number, arg: number, codec: FieldCodec, buf: Buffer, pos: number): unknown {
  switch (op) {
    case OP.date: {
      const packed = (buf[pos] as number) | ((buf[pos + 1] as number) << 8) | ((buf[pos + 2] as number) << 16);
      return convertDate(codec, packed >> 9, (packed >> 5) & 15, packed & 31);
    }
    case OP.datetime2: {
      const high = uint32BE(buf, pos);
      const time = ((high & 0x1ff) << 8) | (buf[pos + 4] as number);
      const days = (high & 0x7fffffff) >>> 9;
      const yearMonth = days >> 5;
      const seconds = (time >> 12) * 3600 + ((time >> 6) & 63) * 60 + (time & 63);
      return convertDatetime(codec, (yearMonth / 13) | 0, yearMonth % 13, days & 31, seconds, fraction(buf, pos + 5, arg));
    }
    case OP.timestamp2:
      // Unsigned: MariaDB 11.5 goes on to 2106.
      return convertTimestamp(codec, uint32BE(buf, pos), fraction(buf, pos + 4, arg));
    case OP.time2:
      return convertTime(codec, time2(buf, pos, arg));
    case OP.time: {
      const packed = (((buf[pos] as number) | ((buf[pos + 1] as number) << 8) | ((buf[pos + 2] as number) << 16)) << 8) >> 8;
      const n = Math.abs(packed);
      const micros = (((n / 10_000) | 0) * 3600 + (((n / 100) | 0) % 100) * 60 + (n % 100)) * 1_000_000;
      return convertTime(codec, packed < 0 ? -micros : micros);
    }
    case OP.datetime: {
      const n = Number(buf.readBigInt64LE(pos));
      const date = Math.floor(n / 1_000_000);
      const time = n - date * 1_000_000;
      const seconds = ((time / 10_000) | 0) * 3600 + (((time / 100) | 0) % 100) * 60 + (time % 100);
      return convertDatetime(codec, (date / 10_000) | 0, ((date / 100) | 0) % 100, date % 100, seconds, 0);
    }
    case OP.timestamp:
      return convertTimestamp(codec, buf.readUInt32LE(pos), 0);
    case OP.hiresTime: {
      const scale = 10 ** arg;
      const units = buf.readUIntBE(pos, [3, 4, 4, 5, 5, 5, 6][arg] as number) - 3_020_400 * scale;
      return convertTime(codec, units * 10 ** (6 - arg));
    }
    case OP.hiresDatetime: {
      let packed = 0n;
      for (let i = 0; i < ([5, 6, 6, 7, 7, 7, 8][arg] as number); i++) packed = (packed << 8n) | BigInt(buf[pos + i] as number);
      const scale = 10n ** BigInt(arg);
      const micros = Number(packed % scale) * 10 ** (6 - arg);
      let rest = Number(packed / scale);
      const take = (radix: number): number => {
        const part = rest % radix;
        rest = Math.floor(rest / radix);
        return part;
      };
      const seconds = take(60) + take(60) * 60 + take(24) * 3600;
      const day = take(32);
      const month = take(13);
      return convertDatetime(codec, rest, month, day, seconds, micros);
    }
    default: {
      const bytes = [0, 1, 1, 2, 2, 3, 3][arg] as number;
      const micros = bytes === 0 ? 0 : buf.readUIntBE(pos + 4, bytes) * 10 ** (6 - arg);
      return convertTimestamp(codec, uint32BE(buf, pos), micros);
    }
  }
}

/** One signed number of 24 + 8n bits around a bias; negative values are its complement as a whole, fraction included. */
function time2(buf: Buffer, pos: number, fractionBytes: number): number {
  const unit = TWO_TO_THE[fractionBytes] as number;
  let packed = ((buf[pos] as number) << 16) | ((buf[pos + 1] as number) << 8) | (buf[pos + 2] as number);
  for (let i = 0; i < fractionBytes; i++) packed = packed * 256 + (buf[pos + 3 + i] as number);
  packed -= 0x800000 * unit;
  const absolute = Math.abs(packed);
  const whole = Math.floor(absolute / unit);
  const seconds = ((whole >> 12) & 0x3ff) * 3600 + ((whole >> 6) & 63) * 60 + (whole & 63);
  const micros = seconds * 1_000_000 + (absolute - whole * unit) * (FRACTION_UNIT[fractionBytes] as number);
  return packed < 0 ? -micros : micros;
}
