import { array, map, primitive, type Schema, type SchemaOptions, struct } from '../../model/schema.ts';
import {
  CONNECT_DATE,
  CONNECT_TIME,
  CONNECT_TIMESTAMP,
  DECIMAL,
  MICRO_TIME,
  MICRO_TIMESTAMP,
  NANO_TIMESTAMP,
  UUID,
} from '../../model/semantic-types.ts';
import { decodeError } from '../convert-error.ts';
import { readUnscaled } from '../decimal-bytes.ts';
import type { JsonValue } from '../json/json-parse.ts';
import { DEFAULT_PRECISION, DEFAULT_RECORD, MAP_ENTRY, PRECISION_PARAMETER, SCALE_PARAMETER } from './avro-schema.ts';
import type { AvroType } from './avro-type.ts';

/** Struct name of a union of several types, and the parameters of enums, as AvroData has them. */
export const UNION = 'io.confluent.connect.avro.Union';
const ENUM_PARAMETER = 'io.confluent.connect.avro.Enum';
const FIXED_SIZE_PARAMETER = 'connect.fixed.size';

/**
 * The Connect schema of an Avro schema, as AvroData.toConnectSchema: `[null, T]` is an optional T, other
 * unions a struct with one optional field per branch, enums strings, fixed bytes. Beyond AvroData,
 * Avro's micro- and nanosecond logical types get Debezium's names, so that sinks know what they are.
 * Throws CDC_MESSAGE_DECODE for what Connect cannot hold (recursive types, a lone null).
 */
export function connectFromAvro(type: AvroType): Schema {
  return convert(type, false, undefined, new Set());
}

/** True for the record that carries one entry of a map whose keys are not strings. */
export function isMapEntry(type: AvroType): boolean {
  return type.kind === 'record' && (type.fullName === MAP_ENTRY || type.attributes['connect.internal.type'] === 'MapEntry');
}

/** The other branch of a union of null and one type, or null. */
export function nullableBranch(type: AvroType): AvroType | null {
  if (type.kind !== 'union' || type.branches.length !== 2) return null;
  const [a, b] = type.branches as readonly [AvroType, AvroType];
  if (a.kind === 'null') return b;
  return b.kind === 'null' ? a : null;
}

function convert(type: AvroType, optional: boolean, fieldDefault: JsonValue | undefined, open: Set<AvroType>): Schema {
  if (type.kind === 'union') {
    const only = type.branches.length === 1 ? (type.branches[0] as AvroType) : null;
    if (only !== null) return convert(only, optional, fieldDefault, open);
    const branch = nullableBranch(type);
    // A union's default is of its first branch; null there means none.
    if (branch !== null) return convert(branch, true, type.branches[0] === branch ? fieldDefault : undefined, open);
    const members = type.branches.filter((b) => b.kind !== 'null');
    const fields = members.map((b) => [branchName(b), convert(b, true, undefined, open)] as const);
    if (new Set(fields.map(([name]) => name)).size !== fields.length)
      throw decodeError('Avro schema', 'two branches of a union have the same name');
    return struct(fields, { name: UNION, optional: optional || members.length < type.branches.length });
  }
  if (open.has(type)) throw decodeError('Avro schema', `type "${type.fullName}" is recursive, which rows cannot be`);
  if (type.kind === 'record') open.add(type);
  const plain = base(type, open);
  open.delete(type);
  return annotate(plain, type, optional, fieldDefault);
}

/** Name of a union branch's field: the record's simple name, or the type's. */
export function branchName(type: AvroType): string {
  if (type.fullName !== null) return type.fullName.slice(type.fullName.lastIndexOf('.') + 1);
  return type.kind;
}

const INT_TYPES = { int8: 'int8', int16: 'int16' } as const;

function base(type: AvroType, open: Set<AvroType>): Schema {
  const logical = String(type.attributes['logicalType'] ?? '').toLowerCase();
  switch (type.kind) {
    case 'boolean':
      return primitive('boolean');
    case 'int': {
      if (logical === 'date') return primitive('int32', { name: CONNECT_DATE, version: 1 });
      if (logical === 'time-millis') return primitive('int32', { name: CONNECT_TIME, version: 1 });
      const narrow = type.attributes['connect.type'];
      return primitive(narrow === 'int8' || narrow === 'int16' ? INT_TYPES[narrow] : 'int32');
    }
    case 'long':
      return primitive('int64', longName(logical));
    case 'float':
      return primitive('float32');
    case 'double':
      return primitive('float64');
    case 'bytes':
    case 'fixed':
      return bytes(type, logical);
    case 'string':
      return primitive('string', logical === 'uuid' ? { name: UUID, version: 1 } : {});
    case 'enum':
      return primitive('string', { parameters: enumParameters(type) });
    case 'array': {
      const items = type.items as AvroType;
      if (!isMapEntry(items)) return array(convert(items, false, undefined, open));
      const [key, value] = ['key', 'value'].map((name) => items.fields.find((f) => f.name === name));
      if (key === undefined || value === undefined) throw decodeError('Avro schema', 'a map entry lacks "key" or "value"');
      return map(convert(key.type, false, undefined, open), convert(value.type, false, undefined, open));
    }
    case 'map':
      return map(primitive('string'), convert(type.items as AvroType, false, undefined, open));
    case 'record':
      return struct(type.fields.map((f) => [f.name, convert(f.type, false, f.defaultValue, open)] as const));
    default:
      throw decodeError('Avro schema', `a lone "${type.kind}" is not a value`);
  }
}

function longName(logical: string): SchemaOptions {
  switch (logical) {
    case 'timestamp-millis':
    case 'local-timestamp-millis':
      return { name: CONNECT_TIMESTAMP, version: 1 };
    case 'timestamp-micros':
    case 'local-timestamp-micros':
      return { name: MICRO_TIMESTAMP, version: 1 };
    case 'timestamp-nanos':
    case 'local-timestamp-nanos':
      return { name: NANO_TIMESTAMP, version: 1 };
    case 'time-micros':
      return { name: MICRO_TIME, version: 1 };
    default:
      return {};
  }
}

function bytes(type: AvroType, logical: string): Schema {
  const parameters: Record<string, string> = {};
  const decimal = logical === 'decimal';
  if (decimal) {
    parameters[SCALE_PARAMETER] = String(type.attributes['scale'] ?? 0);
    const precision = type.attributes['precision'];
    if (precision !== undefined && precision !== DEFAULT_PRECISION) parameters[PRECISION_PARAMETER] = String(precision);
  }
  if (type.kind === 'fixed') parameters[FIXED_SIZE_PARAMETER] = String(type.size);
  const options = Object.keys(parameters).length > 0 ? { parameters } : {};
  return primitive('bytes', decimal ? { name: DECIMAL, version: 1, ...options } : options);
}

function enumParameters(type: AvroType): Record<string, string> {
  const parameters: Record<string, string> = { [ENUM_PARAMETER]: type.fullName as string };
  for (const symbol of type.symbols) parameters[`${ENUM_PARAMETER}.${symbol}`] = symbol;
  return parameters;
}

/** Adds what Connect wrote into the Avro schema (`connect.*`), the default and the name. */
function annotate(plain: Schema, type: AvroType, optional: boolean, fieldDefault: JsonValue | undefined): Schema {
  const a = type.attributes;
  const written = a['connect.parameters'];
  const parameters =
    written !== null && typeof written === 'object' && !Array.isArray(written)
      ? { ...(written as Record<string, string>), ...missing(plain.parameters, written as Record<string, string>) }
      : plain.parameters;
  const version = a['connect.version'];
  const doc = a['connect.doc'];
  const given = a['connect.name'];
  const named = type.kind === 'record' || type.kind === 'enum' || (type.kind === 'fixed' && plain.name === null);
  const name = typeof given === 'string' ? given : named ? type.fullName : plain.name;
  const schema: Schema = {
    ...plain,
    optional: optional || plain.optional,
    parameters,
    version: typeof version === 'number' ? version : plain.version,
    doc: typeof doc === 'string' ? doc : plain.doc,
    name: name?.startsWith(DEFAULT_RECORD) ? null : name,
  };
  const json = fieldDefault ?? a['connect.default'];
  return json === undefined || json === null ? schema : { ...schema, defaultValue: defaultOf(schema, json) };
}

function missing(have: Readonly<Record<string, string>> | null, written: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(have ?? {}).filter(([key]) => !(key in written)));
}

/** A default from Avro's JSON into Connect's value representation. */
function defaultOf(schema: Schema, json: JsonValue): unknown {
  if (json === null) return null;
  switch (schema.type) {
    case 'bytes': {
      const buf = Buffer.from(String(json), 'latin1');
      return schema.name === DECIMAL ? readUnscaled(buf, 0, buf.length, Number(schema.parameters?.[SCALE_PARAMETER] ?? 0)) : buf;
    }
    case 'array':
      return Array.isArray(json) ? json.map((v) => defaultOf(schema.items as Schema, v)) : undefined;
    case 'map':
      return mapDefault(schema, json);
    case 'struct': {
      if (typeof json !== 'object' || Array.isArray(json) || schema.name === UNION) return undefined;
      return schema.fields.map((f) => defaultOf(f.schema, json[f.name] ?? null));
    }
    default:
      return json;
  }
}

function mapDefault(schema: Schema, json: JsonValue): unknown {
  if (Array.isArray(json)) {
    const entries = json.filter(Array.isArray) as JsonValue[][];
    return new Map(entries.map(([k, v]) => [defaultOf(schema.keys as Schema, k ?? null), defaultOf(schema.items as Schema, v ?? null)]));
  }
  if (json === null || typeof json !== 'object') return undefined;
  return new Map(Object.entries(json).map(([k, v]) => [k, defaultOf(schema.items as Schema, v)]));
}
