import { CdcError } from '../../model/errors.ts';
import { equalSchemas, type Schema } from '../../model/schema.ts';
import { CONNECT_DATE, CONNECT_TIME, CONNECT_TIMESTAMP, DECIMAL } from '../../model/semantic-types.ts';
import { unscaledBound, writeUnscaled } from '../decimal-bytes.ts';
import { formatDouble, formatFloat, quoteText as quote } from '../json/json-text.ts';

/** Name of a struct without a name (AvroData.DEFAULT_SCHEMA_NAME). */
export const DEFAULT_RECORD = 'io.confluent.connect.avro.ConnectDefault';
/** Record that carries one entry of a map whose keys are not strings. */
export const MAP_ENTRY = 'io.confluent.connect.avro.MapEntry';
/** Parameter with a decimal's precision; 64 when absent, as AvroData has it. */
export const PRECISION_PARAMETER = 'connect.decimal.precision';
export const DEFAULT_PRECISION = 64;
export const SCALE_PARAMETER = 'scale';

interface Context {
  /** What each full name was defined as: the second use is written as a reference. */
  readonly named: Map<string, Schema>;
  unnamed: number;
}

/**
 * The Avro schema of a Connect schema as Confluent's AvroData (7.6, default options) builds it and
 * Avro's Schema.toString prints it: same names, same attribute order, same text, so that subjects can be
 * shared with Debezium. Throws CDC_AVRO_SCHEMA for what Avro cannot name.
 */
export function avroFromConnect(schema: Schema): string {
  return optionalOf(schema, { named: new Map(), unnamed: 0 }, null);
}

/** The type, wrapped in a union with null where it is optional; null comes first unless there is a default. */
function optionalOf(schema: Schema, context: Context, space: string | null): string {
  const base = baseOf(schema, context, space);
  if (!schema.optional) return base;
  return schema.defaultValue === undefined || schema.defaultValue === null || schema.type === 'struct'
    ? `["null",${base}]`
    : `[${base},"null"]`;
}

/** The type without its optionality. `space` is the namespace of the enclosing record. */
function baseOf(schema: Schema, context: Context, space: string | null): string {
  switch (schema.type) {
    case 'struct':
      return record(schema, context, space);
    case 'array': {
      const items = optionalOf(schema.items as Schema, context, space);
      return `{"type":"array","items":${items}${attributes(schema)}}`;
    }
    case 'map':
      return map(schema, context, space);
    default: {
      const extra = (schema.name === DECIMAL ? decimalAttributes(schema) : '') + attributes(schema);
      const type = AVRO_TYPES[schema.type];
      return extra === '' ? `"${type}"` : `{"type":"${type}"${extra}}`;
    }
  }
}

const AVRO_TYPES = {
  int8: 'int',
  int16: 'int',
  int32: 'int',
  int64: 'long',
  float32: 'float',
  float64: 'double',
  boolean: 'boolean',
  string: 'string',
  bytes: 'bytes',
} as const;

function decimalAttributes(schema: Schema): string {
  return `,"scale":${scaleOf(schema)},"precision":${schema.parameters?.[PRECISION_PARAMETER] ?? DEFAULT_PRECISION}`;
}

/** Scale of a `Decimal` schema. */
export function scaleOf(schema: Schema): number {
  const scale = schema.parameters?.[SCALE_PARAMETER];
  if (scale === undefined || !/^-?\d{1,5}$/.test(scale))
    throw new CdcError('CDC_AVRO_SCHEMA', 'fatal', `schema ${DECIMAL} has no valid parameter "${SCALE_PARAMETER}"`);
  return Number(scale);
}

/** Connect's metadata in the order AvroData adds it, then Avro's logical type. */
function attributes(schema: Schema): string {
  let text = '';
  if (schema.doc !== null) text += `,"connect.doc":${quote(schema.doc)}`;
  if (schema.version !== null) text += `,"connect.version":${schema.version}`;
  if (schema.parameters !== null && Object.keys(schema.parameters).length > 0) {
    const entries = Object.entries(schema.parameters).map(([k, v]) => `${quote(k)}:${quote(v)}`);
    text += `,"connect.parameters":{${entries.join(',')}}`;
  }
  if (schema.defaultValue !== undefined && schema.defaultValue !== null && !(schema.type === 'struct' && schema.optional))
    text += `,"connect.default":${defaultText(schema, schema.defaultValue)}`;
  if (schema.name !== null) text += `,"connect.name":${quote(schema.name)}`;
  if (schema.type === 'int8' || schema.type === 'int16') text += `,"connect.type":"${schema.type}"`;
  const logical = logicalType(schema);
  return logical === null ? text : `${text},"logicalType":"${logical}"`;
}

function logicalType(schema: Schema): string | null {
  switch (schema.name) {
    case DECIMAL:
      return 'decimal';
    case CONNECT_DATE:
      return 'date';
    case CONNECT_TIME:
      return 'time-millis';
    case CONNECT_TIMESTAMP:
      return 'timestamp-millis';
    default:
      return null;
  }
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

function checkName(name: string, what: string): void {
  if (NAME.test(name)) return;
  throw new CdcError('CDC_AVRO_SCHEMA', 'config', `${what} "${name}" is not a valid Avro name`, {
    hint: 'set schema.name.adjustment.mode=avro and field.name.adjustment.mode=avro (or avro_unicode) on the connector',
    context: { name },
  });
}

function splitName(fullName: string): { readonly space: string | null; readonly name: string } {
  const dot = fullName.lastIndexOf('.');
  return dot < 0 ? { space: null, name: fullName } : { space: fullName.slice(0, dot), name: fullName.slice(dot + 1) };
}

/** A record definition, or a reference when this context has written the same one before. */
function define(fullName: string, schema: Schema, context: Context, space: string | null, body: (own: string | null) => string): string {
  const { space: own, name } = splitName(fullName);
  const known = context.named.get(fullName);
  if (known === undefined) {
    checkName(name, 'schema name');
    for (const part of own?.split('.') ?? []) checkName(part, 'schema namespace');
    context.named.set(fullName, schema);
    const namespace = own === space ? '' : `,"namespace":${quote(own ?? '')}`;
    return `{"type":"record","name":"${name}"${namespace}${body(own)}}`;
  }
  if (!equalSchemas(required(known), required(schema)))
    throw new CdcError('CDC_AVRO_SCHEMA', 'fatal', `two different schemas are named "${fullName}"; an Avro name can be defined once`, {
      context: { name: fullName },
    });
  return quote(own === space ? name : fullName);
}

function required(schema: Schema): Schema {
  return { ...schema, optional: false, defaultValue: undefined };
}

function record(schema: Schema, context: Context, space: string | null): string {
  let name = schema.name;
  if (name === null) {
    context.unnamed++;
    name = context.unnamed === 1 ? DEFAULT_RECORD : `${DEFAULT_RECORD}${context.unnamed}`;
  }
  return define(name, schema, context, space, (own) => {
    const fields = schema.fields.map((f) => field(f.name, f.schema, context, own));
    return `,"fields":[${fields.join(',')}]${attributes(schema)}`;
  });
}

function field(name: string, schema: Schema, context: Context, space: string | null): string {
  checkName(name, 'field name');
  const type = optionalOf(schema, context, space);
  let text = `{"name":"${name}","type":${type}`;
  if (schema.defaultValue !== undefined && schema.defaultValue !== null) text += `,"default":${defaultText(schema, schema.defaultValue)}`;
  else if (schema.optional) text += ',"default":null';
  return `${text}}`;
}

function map(schema: Schema, context: Context, space: string | null): string {
  const keys = schema.keys as Schema;
  const values = schema.items as Schema;
  if (keys.type === 'string' && !keys.optional) return `{"type":"map","values":${optionalOf(values, context, space)}${attributes(schema)}}`;
  const entry = define(schema.name ?? MAP_ENTRY, schema, context, space, (own) => {
    const fields = `,"fields":[${field('key', keys, context, own)},${field('value', values, context, own)}]`;
    return schema.name === null ? fields : `${fields},"connect.internal.type":"MapEntry"`;
  });
  return `{"type":"array","items":${entry}${attributes(schema)}}`;
}

/** A default as Avro's JSON has it: bytes as ISO-8859-1 text. */
function defaultText(schema: Schema, value: unknown): string {
  if (value === null || value === undefined) return 'null';
  switch (schema.type) {
    case 'string':
      return quote(value as string);
    case 'float32':
      return formatFloat(value as number);
    case 'float64':
      return formatDouble(value as number);
    case 'bytes':
      return quote((typeof value === 'string' ? decimalBytes(schema, value) : (value as Buffer)).toString('latin1'));
    case 'array':
      return `[${(value as unknown[]).map((v) => defaultText(schema.items as Schema, v)).join(',')}]`;
    case 'map': {
      const entries = [...(value as Map<unknown, unknown>)];
      const keys = schema.keys as Schema;
      const items = schema.items as Schema;
      return keys.type === 'string' && !keys.optional
        ? `{${entries.map(([k, v]) => `${quote(k as string)}:${defaultText(items, v)}`).join(',')}}`
        : `[${entries.map(([k, v]) => `[${defaultText(keys, k)},${defaultText(items, v)}]`).join(',')}]`;
    }
    case 'struct':
      return `{${schema.fields.map((f) => `${quote(f.name)}:${defaultText(f.schema, (value as unknown[])[f.index])}`).join(',')}}`;
    default:
      return String(value);
  }
}

function decimalBytes(schema: Schema, text: string): Buffer {
  const scale = scaleOf(schema);
  const buf = Buffer.alloc(unscaledBound(text, scale));
  const length = writeUnscaled(text, scale, buf, 0);
  if (typeof length === 'string') throw new CdcError('CDC_AVRO_SCHEMA', 'fatal', `default of a decimal column ${length}`);
  return buf.subarray(0, length);
}
