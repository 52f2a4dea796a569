import { defineConfig } from '../config/config-def.ts';
import { UNAVAILABLE } from '../model/chunk.ts';
import { primitive, type Schema, type SchemaType } from '../model/schema.ts';
import { CONNECT_DATE, CONNECT_TIME, CONNECT_TIMESTAMP, DECIMAL } from '../model/semantic-types.ts';
import { REQUIRED } from '../spi/config-def.ts';
import { formatDate } from './date-format.ts';
import type { TransformPlugin } from './plugin.ts';
import { basicsOf, partOf, requireStruct, SchemaMemo, structOf, transformError, valueOrDefault, withPart } from './structs.ts';

const PACKAGE = 'org.apache.kafka.connect.transforms';

interface MaskFieldKeys {
  readonly fields: readonly string[];
  readonly replacement: string | null;
  readonly 'replace.null.with.default': boolean;
}

/** Fields' values become the null value of their type, or a fixed one. */
export const maskField: TransformPlugin<MaskFieldKeys> = {
  names: [`${PACKAGE}.MaskField`],
  parts: true,
  config: defineConfig<MaskFieldKeys>({
    fields: { type: 'list', default: REQUIRED, importance: 'high', group: 'MaskField', doc: 'The fields to mask.' },
    replacement: { type: 'string', default: null, importance: 'low', group: 'MaskField', doc: 'What they become, of numbers and text.' },
    'replace.null.with.default': {
      type: 'boolean',
      default: true,
      importance: 'medium',
      group: 'MaskField',
      doc: "A NULL becomes its field's default, as in Kafka Connect. Off: it stays null.",
    },
  }),
  create(c, { part }) {
    return (record) => {
      const { schema, values } = requireStruct(record, part);
      const masked = schema.fields.map((f) => {
        const value = c['replace.null.with.default'] ? valueOrDefault(f, values) : (values[f.index] ?? null);
        return value === null || !c.fields.includes(f.name) ? value : mask(f.schema, f.name, c.replacement);
      });
      return withPart(record, part, schema, masked);
    };
  },
};

function mask(schema: Schema, name: string, replacement: string | null): unknown {
  const logical = schema.name === CONNECT_DATE || schema.name === CONNECT_TIME || schema.name === CONNECT_TIMESTAMP;
  if (replacement === null) {
    if (schema.name === DECIMAL) return '0';
    switch (schema.type) {
      case 'boolean':
        return false;
      case 'string':
        return '';
      case 'array':
        return [];
      case 'map':
        return new Map();
      case 'struct':
      case 'bytes':
        throw transformError(`the field ${name} is of type ${schema.type}, which cannot be masked`);
      default:
        return 0;
    }
  }
  if (schema.type === 'string') return replacement;
  if (logical || ['boolean', 'array', 'map', 'struct'].includes(schema.type) || (schema.type === 'bytes' && schema.name !== DECIMAL))
    throw transformError(`the field ${name} is of type ${schema.name ?? schema.type}, for which there is no replacement`);
  if (!/^[+-]?\d+(?:\.\d+)?$/.test(replacement) || (schema.type.startsWith('int') && replacement.includes('.')))
    throw transformError(`the replacement is no value for the field ${name} of type ${schema.type}`);
  if (schema.name === DECIMAL) return replacement;
  return schema.type === 'int64' ? integer(BigInt(replacement)) : Number(replacement);
}

function integer(n: bigint): number | bigint {
  const number = Number(n);
  return Number.isSafeInteger(number) ? number : n;
}

interface CastKeys {
  readonly spec: readonly string[];
  readonly 'replace.null.with.default': boolean;
}

const TARGETS: readonly string[] = ['int8', 'int16', 'int32', 'int64', 'float32', 'float64', 'boolean', 'string'];

/** Fields, or a whole key or value, as another type. */
export const cast: TransformPlugin<CastKeys> = {
  names: [`${PACKAGE}.Cast`],
  parts: true,
  config: defineConfig<CastKeys>({
    spec: {
      type: 'list',
      default: REQUIRED,
      importance: 'high',
      group: 'Cast',
      doc: 'field:type pairs, or one type for the whole.',
      validate: (list) => {
        const wrong = list.find((s) => !TARGETS.includes((s.split(':').at(-1) as string).trim().toLowerCase()) || s.split(':').length > 2);
        if (wrong !== undefined) return `"${wrong}" is not field:type with a type of ${TARGETS.join(', ')}`;
        return list.length > 1 && list.some((s) => !s.includes(':')) ? 'a type for the whole stands alone' : null;
      },
    },
    'replace.null.with.default': {
      type: 'boolean',
      default: true,
      importance: 'medium',
      group: 'Cast',
      doc: "A NULL becomes its field's default, as in Kafka Connect. Off: it stays null.",
    },
  }),
  create(c, { part }) {
    const whole = c.spec.find((s) => !s.includes(':'))?.toLowerCase() as SchemaType | undefined;
    const types = new Map(c.spec.filter((s) => s.includes(':')).map((s) => s.split(':').map((x) => x.trim()) as [string, SchemaType]));
    const memo = new SchemaMemo();
    const castSchema = (schema: Schema, type: SchemaType): Schema =>
      primitive(type as 'int32', {
        optional: schema.optional,
        defaultValue:
          schema.defaultValue === undefined || schema.defaultValue === null ? undefined : castValue(schema, schema.defaultValue, type),
      });
    return (record) => {
      const { schema, value } = partOf(record, part);
      if (value === null || schema === null) return record;
      if (whole !== undefined)
        return withPart(
          record,
          part,
          memo.get(schema, '', () => castSchema(schema, whole)),
          castValue(schema, value, whole),
        );
      const { values } = requireStruct(record, part);
      const made = memo.get(schema, '', () =>
        structOf(
          schema.fields.map((f) => {
            const type = types.get(f.name)?.toLowerCase() as SchemaType | undefined;
            return [f.name, type === undefined ? f.schema : castSchema(f.schema, type)];
          }),
          { ...basicsOf(schema), optional: schema.optional },
        ),
      );
      const out = schema.fields.map((f) => {
        const type = types.get(f.name)?.toLowerCase() as SchemaType | undefined;
        const v = c['replace.null.with.default'] ? valueOrDefault(f, values) : (values[f.index] ?? null);
        return type === undefined ? v : castValue(f.schema, v, type);
      });
      return withPart(record, part, made, out);
    };
  },
};

const BITS: Readonly<Record<string, number>> = { int8: 8, int16: 16, int32: 32, int64: 64 };

/** As Java's conversions between its number types, and as its parsers of texts. */
function castValue(schema: Schema, value: unknown, type: SchemaType): unknown {
  if (value === null) return null;
  if (value === UNAVAILABLE) throw transformError(`a value missing from the row image cannot be cast to ${type}`);
  switch (type) {
    case 'boolean':
      if (typeof value === 'number' || typeof value === 'bigint') return Number(value) !== 0;
      if (typeof value === 'boolean') return value;
      if (typeof value === 'string' && schema.type === 'string') return value.trim().toLowerCase() === 'true';
      break;
    case 'string':
      return castText(schema, value);
    case 'float32':
    case 'float64': {
      const n =
        typeof value === 'string' ? parsedNumber(value, type) : typeof value === 'boolean' ? Number(value) : Number(value as number);
      if (typeof value === 'object') break;
      return type === 'float32' ? Math.fround(n) : n;
    }
    default:
      return castInteger(schema, value, type);
  }
  throw transformError(`a value of type ${schema.name ?? schema.type} cannot be cast to ${type}`);
}

function parsedNumber(text: string, type: string): number {
  const t = text.trim();
  if (!/^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|NaN|Infinity)$/.test(t))
    throw transformError(`a text that is no number cannot be cast to ${type}`);
  return Number(t);
}

function castInteger(schema: Schema, value: unknown, type: SchemaType): number | bigint {
  const bits = BITS[type] as number;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'string' && schema.name !== DECIMAL) {
    const t = value.trim();
    const n = /^[+-]?\d+$/.test(t) ? BigInt(t.replace(/^\+/, '')) : null;
    if (n === null || BigInt.asIntN(bits, n) !== n)
      throw transformError(`a text that is no whole number of its range cannot be cast to ${type}`);
    return integer(n);
  }
  if (typeof value === 'string') return integer(BigInt.asIntN(bits, BigInt(value.replace(/\..*$/, ''))));
  if (typeof value === 'bigint') return integer(BigInt.asIntN(bits, value));
  if (typeof value !== 'number') throw transformError(`a value of type ${schema.type} cannot be cast to ${type}`);
  if (!schema.type.startsWith('float')) return integer(BigInt.asIntN(bits, BigInt(value)));
  // Floats saturate at the borders of int and long; narrower types take the low bits of the int.
  if (Number.isNaN(value)) return 0;
  const width = bits === 64 ? 64 : 32;
  const limit = 2 ** (width - 1);
  if (value >= limit) return integer(BigInt.asIntN(bits, 2n ** BigInt(width - 1) - 1n));
  if (value < -limit) return integer(BigInt.asIntN(bits, -(2n ** BigInt(width - 1))));
  return integer(BigInt.asIntN(bits, BigInt(Math.trunc(value))));
}

function castText(schema: Schema, value: unknown): string {
  if (Buffer.isBuffer(value)) return value.toString('base64');
  if (schema.name === CONNECT_DATE) return formatDate(Number(value) * 86_400_000, 'yyyy-MM-dd');
  if (schema.name === CONNECT_TIME) return formatDate(Number(value), "HH:mm:ss.SSS'Z'");
  if (schema.name === CONNECT_TIMESTAMP) return formatDate(Number(value), "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'");
  if (typeof value === 'number' && schema.type.startsWith('float')) return javaDouble(value, schema.type === 'float32');
  if (typeof value === 'object') throw transformError(`a value of type ${schema.type} cannot be cast to string`);
  return String(value);
}

/** `Double.toString`, `Float.toString`. */
function javaDouble(n: number, single: boolean): string {
  if (!Number.isFinite(n)) return String(n);
  if (Object.is(n, -0)) return '-0.0';
  if (n === 0) return '0.0';
  const short = single ? shortestFloat(n) : String(n);
  const [mantissa = '', exponent = '0'] = Number(short).toExponential().split('e');
  const e = Number(exponent);
  if (e >= -3 && e < 7) {
    const plain = Number(short).toFixed(Math.max(1, (mantissa.replace(/^-?\d\.?/, '').length ?? 0) - e));
    return plain;
  }
  return `${mantissa.includes('.') ? mantissa : `${mantissa}.0`}E${e}`;
}

function shortestFloat(n: number): string {
  for (let digits = 1; digits <= 9; digits++) {
    const text = n.toPrecision(digits);
    if (Math.fround(Number(text)) === n) return text;
  }
  return String(n);
}
