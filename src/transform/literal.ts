import { primitive, type Schema } from '../model/schema.ts';
import { CONNECT_DATE, CONNECT_TIME, CONNECT_TIMESTAMP } from '../model/semantic-types.ts';
import { STRING } from './change-record.ts';

const INTEGERS = [
  [8, primitive('int8')],
  [16, primitive('int16')],
  [32, primitive('int32')],
  [64, primitive('int64')],
] as const;

/** A value as Kafka Connect's `Values.parseString` reads it, or a sentence saying why not. */
export function parseLiteral(text: string): { readonly schema: Schema; readonly value: unknown } | string {
  const t = text.trim();
  if (t === '') return { schema: STRING, value: text };
  if (/^[[{]/.test(t)) return 'lists and maps are not supported';
  if (t === 'null') return 'null is not supported';
  if (t === 'true' || t === 'false') return { schema: primitive('boolean'), value: t === 'true' };
  if (/^\d{4}-\d{2}-\d{2}$/.test(t))
    return { schema: primitive('int32', { name: CONNECT_DATE, version: 1 }), value: Date.parse(t) / 86_400_000 };
  if (/^\d{2}:\d{2}:\d{2}\.\d{3}Z$/.test(t))
    return { schema: primitive('int32', { name: CONNECT_TIME, version: 1 }), value: Date.parse(`1970-01-01T${t}`) };
  if (/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/.test(t))
    return { schema: primitive('int64', { name: CONNECT_TIMESTAMP, version: 1 }), value: Date.parse(t) };
  return numberLiteral(t) ?? { schema: STRING, value: text };
}

/** The smallest type that holds the number exactly; fractions as float32. */
function numberLiteral(t: string): { readonly schema: Schema; readonly value: unknown } | string | null {
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(t)) return null;
  const whole = /^[+-]?(\d+)(?:\.0*)?$/.exec(t);
  if (whole !== null) {
    const n = BigInt(whole[1] as string) * (t.startsWith('-') ? -1n : 1n);
    const fit = INTEGERS.find(([bits]) => BigInt.asIntN(bits, n) === n);
    if (fit === undefined) return 'the number is too large';
    return { schema: fit[1], value: Number.isSafeInteger(Number(n)) ? Number(n) : n };
  }
  const float = Math.fround(Number(t));
  return Number.isFinite(float) ? { schema: primitive('float32'), value: float } : { schema: primitive('float64'), value: Number(t) };
}
