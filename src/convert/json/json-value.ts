import { UNAVAILABLE } from '../../model/chunk.ts';
import type { Schema } from '../../model/schema.ts';
import { DECIMAL } from '../../model/semantic-types.ts';
import { valueError } from '../convert-error.ts';
import { formatUnscaled, readUnscaled, unscaledBound, unscaledOf, writeUnscaled } from '../decimal-bytes.ts';
import type { JsonValue } from './json-parse.ts';
import { formatDouble, formatFloat, quote } from './json-text.ts';

/** How values become JSON; the defaults are those of JsonConverter but for `replaceNullWithDefault`. */
export interface JsonFormat {
  /** `decimal.format`: unscaled bytes in base64, or a number. */
  readonly decimals: 'BASE64' | 'NUMERIC';
  /** Write a field's default for its null, as JsonConverter does. Off: a NULL stays a null. */
  readonly replaceNullWithDefault: boolean;
  /** What a column absent from the row image becomes (text and bytes only). */
  readonly unavailablePlaceholder: string;
}

export const DEFAULT_FORMAT: JsonFormat = {
  decimals: 'BASE64',
  replaceNullWithDefault: false,
  unavailablePlaceholder: '__debezium_unavailable_value',
};

/** Writes one value as JSON text. */
export type JsonWriter = (value: unknown) => string;

/** The value as JSON text, as Connect's JsonConverter writes it. Throws CDC_VALUE_CONVERT when it does not fit its schema. */
export function valueToJson(schema: Schema, value: unknown): string {
  return compileWriter(schema, DEFAULT_FORMAT, schema.name ?? 'value', '')(value);
}

/** Compiles the writer of a schema: made once per table version, called once per value. `where` and `path` are for errors. */
export function compileWriter(schema: Schema, format: JsonFormat, where: string, path: string): JsonWriter {
  const write = present(schema, format, where, path);
  const fallback = format.replaceNullWithDefault ? schema.defaultValue : undefined;
  if (fallback !== undefined && fallback !== null) {
    const text = write(fallback);
    return (value) => (value === null || value === undefined ? text : write(value));
  }
  if (schema.optional) return (value) => (value === null || value === undefined ? 'null' : write(value));
  return (value) => {
    if (value === null || value === undefined) throw valueError(where, path, 'is null, but not optional');
    return write(value);
  };
}

const INT_LIMITS = { int8: 0x7f, int16: 0x7fff, int32: 0x7fffffff } as const;

/** Writer of values that are not null. */
function present(schema: Schema, format: JsonFormat, where: string, path: string): JsonWriter {
  const unfit = (value: unknown): Error =>
    valueError(
      where,
      path,
      value === UNAVAILABLE ? 'is missing from the row image, and its type has no placeholder' : `does not fit type ${schema.type}`,
    );
  switch (schema.type) {
    case 'int8':
    case 'int16':
    case 'int32': {
      const limit = INT_LIMITS[schema.type];
      return (v) => {
        if (typeof v !== 'number' || v > limit || v < -limit - 1 || !Number.isInteger(v)) throw unfit(v);
        return String(v);
      };
    }
    case 'int64':
      return (v) => {
        if (typeof v === 'number' ? !Number.isSafeInteger(v) : typeof v !== 'bigint' || BigInt.asIntN(64, v) !== v) throw unfit(v);
        return String(v);
      };
    case 'float32':
    case 'float64': {
      const print = schema.type === 'float32' ? formatFloat : formatDouble;
      return (v) => {
        if (typeof v !== 'number') throw unfit(v);
        return print(v);
      };
    }
    case 'boolean':
      return (v) => {
        if (typeof v !== 'boolean') throw unfit(v);
        return v ? 'true' : 'false';
      };
    case 'string': {
      const placeholder = quote(format.unavailablePlaceholder);
      return (v) => {
        if (typeof v === 'string') return quote(v);
        if (v === UNAVAILABLE) return placeholder;
        throw unfit(v);
      };
    }
    case 'bytes':
      return schema.name === DECIMAL ? decimalWriter(schema, format, where, path, unfit) : bytesWriter(format, unfit);
    case 'array': {
      const item = compileWriter(schema.items as Schema, format, where, path);
      return (v) => {
        if (!Array.isArray(v)) throw unfit(v);
        let text = '[';
        for (let i = 0; i < v.length; i++) text += i === 0 ? item(v[i]) : `,${item(v[i])}`;
        return `${text}]`;
      };
    }
    case 'map':
      return mapWriter(schema, format, where, path, unfit);
    case 'struct':
      return structWriter(schema, format, where, path, unfit);
    default:
      return schema.type satisfies never;
  }
}

function structWriter(schema: Schema, format: JsonFormat, where: string, path: string, unfit: (v: unknown) => Error): JsonWriter {
  const prefix = path === '' ? '' : `${path}.`;
  const fields = schema.fields.map((f, i) => ({
    key: `${i === 0 ? '{' : ','}${quote(f.name)}:`,
    write: compileWriter(f.schema, format, where, prefix + f.name),
  }));
  const count = fields.length;
  if (count === 0) return () => '{}';
  return (v) => {
    if (!Array.isArray(v) || v.length !== count) throw unfit(v);
    let text = '';
    for (let i = 0; i < count; i++) {
      const f = fields[i] as (typeof fields)[number];
      text += f.key + f.write(v[i]);
    }
    return `${text}}`;
  };
}

/** Maps with string keys are objects, others arrays of pairs. */
function mapWriter(schema: Schema, format: JsonFormat, where: string, path: string, unfit: (v: unknown) => Error): JsonWriter {
  const keys = schema.keys as Schema;
  const key = compileWriter(keys, format, where, path);
  const item = compileWriter(schema.items as Schema, format, where, path);
  const object = keys.type === 'string' && !keys.optional;
  return (v) => {
    if (!(v instanceof Map)) throw unfit(v);
    const entries = [...v].map(([k, x]) => (object ? `${key(k)}:${item(x)}` : `[${key(k)},${item(x)}]`));
    return object ? `{${entries.join(',')}}` : `[${entries.join(',')}]`;
  };
}

function bytesWriter(format: JsonFormat, unfit: (v: unknown) => Error): JsonWriter {
  const placeholder = quote(Buffer.from(format.unavailablePlaceholder).toString('base64'));
  return (v) => {
    if (Buffer.isBuffer(v)) return `"${v.toString('base64')}"`;
    if (v === UNAVAILABLE) return placeholder;
    throw unfit(v);
  };
}

function decimalWriter(schema: Schema, format: JsonFormat, where: string, path: string, unfit: (v: unknown) => Error): JsonWriter {
  const scale = Number(schema.parameters?.['scale'] ?? 0);
  let scratch = Buffer.allocUnsafe(64);
  return (v) => {
    if (typeof v !== 'string') throw unfit(v);
    if (format.decimals === 'NUMERIC') {
      const unscaled = unscaledOf(v, scale);
      if (typeof unscaled === 'string') throw valueError(where, path, unscaled);
      return formatUnscaled(unscaled, scale);
    }
    const bound = unscaledBound(v, scale);
    if (bound > scratch.length) scratch = Buffer.allocUnsafe(2 * bound);
    const length = writeUnscaled(v, scale, scratch, 0);
    if (typeof length === 'string') throw valueError(where, path, length);
    return `"${scratch.toString('base64', 0, length)}"`;
  };
}

/**
 * A parsed JSON value in the representation of model/schema.ts, as JsonConverter.toConnectData reads it;
 * a missing field is null, or its default. Throws CDC_VALUE_CONVERT naming the field.
 */
export function valueFromJson(schema: Schema, json: JsonValue | undefined, where = schema.name ?? 'value', path = ''): unknown {
  if (json === null || json === undefined) {
    if (json === undefined && schema.defaultValue !== undefined) return schema.defaultValue;
    if (schema.optional) return null;
    if (schema.defaultValue !== undefined && schema.defaultValue !== null) return schema.defaultValue;
    throw valueError(where, path, 'is null, but not optional');
  }
  const unfit = (): Error => valueError(where, path, `does not fit type ${schema.type}`);
  switch (schema.type) {
    case 'int8':
    case 'int16':
    case 'int32':
      if (typeof json !== 'number' || !Number.isInteger(json)) throw unfit();
      return json;
    case 'int64':
      if (typeof json !== 'bigint' && !Number.isSafeInteger(json)) throw unfit();
      return json;
    case 'float32':
      return Math.fround(floatOf(json, unfit));
    case 'float64':
      return floatOf(json, unfit);
    case 'boolean':
      if (typeof json !== 'boolean') throw unfit();
      return json;
    case 'string':
      if (typeof json !== 'string') throw unfit();
      return json;
    case 'bytes':
      if (schema.name === DECIMAL) return decimalFromJson(json, Number(schema.parameters?.['scale'] ?? 0), where, path, unfit);
      if (typeof json !== 'string') throw unfit();
      return Buffer.from(json, 'base64');
    case 'array':
      if (!Array.isArray(json)) throw unfit();
      return json.map((v) => valueFromJson(schema.items as Schema, v, where, path));
    case 'map':
      return mapFromJson(schema, json, where, path, unfit);
    case 'struct': {
      if (typeof json !== 'object' || Array.isArray(json)) throw unfit();
      const prefix = path === '' ? '' : `${path}.`;
      return schema.fields.map((f) =>
        valueFromJson(f.schema, Object.hasOwn(json, f.name) ? json[f.name] : undefined, where, prefix + f.name),
      );
    }
    default:
      return schema.type satisfies never;
  }
}

function floatOf(json: JsonValue, unfit: () => Error): number {
  if (typeof json === 'number') return json;
  if (typeof json === 'bigint') return Number(json);
  if (json === 'NaN' || json === 'Infinity' || json === '-Infinity') return Number(json);
  throw unfit();
}

/** Base64 of the unscaled value, or a number (JsonConverter accepts both whatever `decimal.format` says). */
function decimalFromJson(json: JsonValue, scale: number, where: string, path: string, unfit: () => Error): string {
  if (typeof json === 'string') {
    const buf = Buffer.from(json, 'base64');
    return readUnscaled(buf, 0, buf.length, scale);
  }
  if (typeof json !== 'number' && typeof json !== 'bigint') throw unfit();
  const unscaled = unscaledOf(String(json), scale);
  if (typeof unscaled === 'string') throw valueError(where, path, unscaled);
  return formatUnscaled(unscaled, scale);
}

function mapFromJson(schema: Schema, json: JsonValue, where: string, path: string, unfit: () => Error): Map<unknown, unknown> {
  const values = schema.items as Schema;
  if (Array.isArray(json)) {
    return new Map(
      json.map((pair) => {
        if (!Array.isArray(pair) || pair.length !== 2) throw unfit();
        return [valueFromJson(schema.keys as Schema, pair[0], where, path), valueFromJson(values, pair[1], where, path)];
      }),
    );
  }
  if (json === null || typeof json !== 'object') throw unfit();
  return new Map(Object.entries(json).map(([k, v]) => [k, valueFromJson(values, v, where, path)]));
}

/** A value without schema as JSON: what `toConnect` gives for schemaless messages, and plain JS values. */
export function plainToJson(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  switch (typeof value) {
    case 'string':
      return quote(value);
    case 'number':
      return Number.isFinite(value) ? String(value) : formatDouble(value);
    case 'bigint':
    case 'boolean':
      return String(value);
    default:
      break;
  }
  if (Buffer.isBuffer(value)) return `"${value.toString('base64')}"`;
  if (Array.isArray(value)) return `[${value.map(plainToJson).join(',')}]`;
  const entries = value instanceof Map ? [...value] : Object.entries(value as object);
  return `{${entries.map(([k, v]) => `${quote(String(k))}:${plainToJson(v)}`).join(',')}}`;
}
