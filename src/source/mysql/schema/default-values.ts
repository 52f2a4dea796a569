import { CdcError } from '../../../model/errors.ts';
import type { FieldCodec } from './value-converters.ts';
import { convertBigUnsigned, convertBit, convertDate, convertDatetime, convertTime, convertTimestamp } from './value-converters.ts';

const DATETIME = /^(\d{1,4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,6})\d*)?)?)?$/;
const TIME = /^(-)?(\d{1,3}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,6})\d*)?)?$/;
const NOW = /^(CURRENT_TIMESTAMP|NOW|LOCALTIME|LOCALTIMESTAMP)\b/i;

/**
 * A column's DEFAULT in the representation of its schema; `undefined` when it has none that Connect could carry
 * (expressions, and NULL, which is what optional means already). Masks do not touch it: it is no row's value.
 */
export function defaultValue(codec: FieldCodec): unknown {
  const { column } = codec;
  if (!column.hasDefault || column.defaultValueExpression === null) return undefined;
  const text = column.defaultValueExpression;
  let value: unknown;
  try {
    value = plainDefault(codec, text);
  } catch (error) {
    // No place for it in the target type: rows that have the value say so themselves.
    if (error instanceof CdcError && error.code === 'CDC_VALUE_CONVERT') return undefined;
    throw error;
  }
  if (value === undefined || value === null) return undefined;
  if (codec.type.kind !== 'binary' && codec.type.kind !== 'decimal') return value;
  // Everything but a mask is done to defaults too; masked columns are text.
  return codec.post === null ? value : codec.post(value);
}

function plainDefault(codec: FieldCodec, text: string): unknown {
  const { type, column } = codec;
  switch (type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int':
    case 'year': {
      const value = Number(booleanText(text));
      return text.trim() !== '' && Number.isInteger(value) ? value : undefined;
    }
    case 'boolean': {
      const value = booleanText(text);
      return /^-?\d+$/.test(value) ? Number(value) !== 0 : undefined;
    }
    case 'bigint': {
      if (!/^[+-]?\d+$/.test(text)) return undefined;
      const value = BigInt(text);
      if (type.unsigned && codec.schema.type === 'bytes') return value.toString();
      if (value > 9223372036854775807n) return codec.options.bigintUnsigned === 'long' ? undefined : convertBigUnsigned(codec, value);
      return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value;
    }
    case 'float': {
      const value = finite(text);
      return value === undefined ? undefined : codec.schema.type === 'float32' ? Math.fround(value) : value;
    }
    case 'double':
      return finite(text);
    case 'decimal':
      return decimalText(text, column.scale ?? 0);
    case 'bit':
      return bitDefault(codec, text);
    case 'date': {
      const m = DATETIME.exec(text);
      return m === null ? undefined : convertDate(codec, Number(m[1]), Number(m[2]), Number(m[3]));
    }
    case 'datetime':
    case 'timestamp':
      return datetimeDefault(codec, text);
    case 'time': {
      const m = TIME.exec(text);
      if (m === null) return undefined;
      const micros = (Number(m[2]) * 3600 + Number(m[3]) * 60 + Number(m[4] ?? 0)) * 1_000_000 + Number((m[5] ?? '').padEnd(6, '0'));
      return convertTime(codec, m[1] === '-' ? -micros : micros);
    }
    case 'binary':
      return binaryDefault(codec, text);
    case 'text':
    case 'enum':
    case 'set':
    case 'uuid':
    case 'inet4':
    case 'inet6':
      return text;
    case 'json':
    case 'geometry':
    case 'point':
    case 'vector':
      return undefined;
    default:
      return type.kind satisfies never;
  }
}

function booleanText(text: string): string {
  const upper = text.trim().toUpperCase();
  return upper === 'TRUE' ? '1' : upper === 'FALSE' ? '0' : text;
}

function finite(text: string): number | undefined {
  const value = Number(text);
  return text.trim() !== '' && Number.isFinite(value) ? value : undefined;
}

/** `1.5` with scale 3 → `1.500`; undefined when it is no plain decimal or would lose digits. */
function decimalText(text: string, scale: number): string | undefined {
  const m = /^([+-]?)0*(\d*)(?:\.(\d*))?$/.exec(text.trim());
  if (m === null) return undefined;
  const fraction = (m[3] ?? '').replace(/0+$/, '');
  if (fraction.length > scale) return undefined;
  const whole = m[2] === '' ? '0' : (m[2] as string);
  const digits = scale === 0 ? whole : `${whole}.${fraction.padEnd(scale, '0')}`;
  return m[1] === '-' && /[1-9]/.test(digits) ? `-${digits}` : digits;
}

/** Debezium's history has the binary digits alone; `b'101'`, `0b101` and plain numbers are understood too. */
function bitDefault(codec: FieldCodec, text: string): unknown {
  const m = /^(?:b'|0b)?([01]+)'?$/i.exec(text.trim());
  let bits: bigint;
  if (m !== null) bits = BigInt(`0b${m[1]}`);
  else if (/^\d+$/.test(text)) bits = BigInt(text);
  else if (/^(true|false)$/i.test(text)) bits = /^true$/i.test(text) ? 1n : 0n;
  else return undefined;
  const length = ((codec.column.length ?? 1) + 7) >> 3;
  if (bits >= 1n << BigInt(length * 8)) return undefined;
  const bytes = Buffer.from(bits.toString(16).padStart(length * 2, '0'), 'hex');
  return convertBit(codec, bytes, 0, length);
}

function datetimeDefault(codec: FieldCodec, text: string): unknown {
  if (NOW.test(text)) return codec.schema.optional ? undefined : codec.zero;
  const m = DATETIME.exec(text);
  if (m === null) return undefined;
  const [year, month, day] = [Number(m[1]), Number(m[2]), Number(m[3])];
  const seconds = Number(m[4] ?? 0) * 3600 + Number(m[5] ?? 0) * 60 + Number(m[6] ?? 0);
  const micros = Number((m[7] ?? '').padEnd(6, '0'));
  if (codec.type.kind === 'datetime') return convertDatetime(codec, year, month, day, seconds, micros);
  if (month === 0 || day === 0) return codec.zero;
  const epochSeconds = Date.UTC(year, month - 1, day) / 1000 + seconds;
  return convertTimestamp(codec, epochSeconds, micros);
}

/**
 * SHOW CREATE writes zero bytes as `\0`, and pads with them; the value the column takes is padded either way. Under
 * Debezium's own `event.converting.failure.handling.mode=warn` the default is the text as it is written, as Debezium
 * has it: a pipeline taken over from it keeps the schemas it has registered.
 */
function binaryDefault(codec: FieldCodec, text: string): Buffer {
  if (codec.options.convertFailure === 'warn') return Buffer.from(text.replaceAll('\0', '\\0'), 'utf8');
  const { padTo } = codec.type;
  const bytes = Buffer.from(text.replaceAll('\\0', '\0'), 'utf8');
  return bytes.length >= padTo ? bytes : Buffer.concat([bytes, Buffer.alloc(padTo - bytes.length)]);
}
