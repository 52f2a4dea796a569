import { decodeError } from '../convert-error.ts';
import { type JsonValue, parseJson } from '../json/json-parse.ts';

export type AvroKind =
  | 'null'
  | 'boolean'
  | 'int'
  | 'long'
  | 'float'
  | 'double'
  | 'bytes'
  | 'string'
  | 'fixed'
  | 'enum'
  | 'array'
  | 'map'
  | 'record'
  | 'union';

export interface AvroField {
  readonly name: string;
  readonly type: AvroType;
  /** As written; undefined = none. */
  readonly defaultValue: JsonValue | undefined;
}

/** An Avro schema, parsed: names resolved, `attributes` kept as written. */
export interface AvroType {
  readonly kind: AvroKind;
  /** Full name of a record, enum or fixed; null otherwise. */
  readonly fullName: string | null;
  readonly attributes: Readonly<Record<string, JsonValue>>;
  readonly fields: readonly AvroField[];
  /** Element type of an array, value type of a map. */
  readonly items: AvroType | null;
  readonly branches: readonly AvroType[];
  readonly symbols: readonly string[];
  /** Bytes of a fixed. */
  readonly size: number;
}

const PRIMITIVES = new Set(['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string']);
const NOTHING: Readonly<Record<string, JsonValue>> = {};

type Mutable = { -readonly [K in keyof AvroType]: AvroType[K] };

function blank(kind: AvroKind, attributes: Readonly<Record<string, JsonValue>>): Mutable {
  return { kind, fullName: null, attributes, fields: [], items: null, branches: [], symbols: [], size: 0 };
}

/**
 * Parses the text of an Avro schema; `references` are schemas it may name (registry references), each
 * after those it needs itself. Throws CDC_MESSAGE_DECODE when the text is no Avro schema.
 */
export function parseAvro(text: string, references: readonly string[] = []): AvroType {
  const named = new Map<string, AvroType>();
  for (const reference of references) build(readJson(reference), named, null);
  return build(readJson(text), named, null);
}

function readJson(text: string): JsonValue {
  try {
    return parseJson(text);
  } catch (cause) {
    // A registry may store a primitive schema without quotes.
    if (PRIMITIVES.has(text.trim())) return text.trim();
    throw decodeError('Avro schema', 'the text is not JSON', cause);
  }
}

function invalid(reason: string): Error {
  return decodeError('Avro schema', reason);
}

function build(json: JsonValue, named: Map<string, AvroType>, space: string | null): AvroType {
  if (typeof json === 'string') {
    if (PRIMITIVES.has(json)) return blank(json as AvroKind, NOTHING);
    const found = named.get(json.includes('.') || space === null ? json : `${space}.${json}`) ?? named.get(json);
    if (found === undefined) throw invalid(`type "${json}" is not defined`);
    return found;
  }
  if (Array.isArray(json)) {
    const union = blank('union', NOTHING);
    union.branches = json.map((branch) => build(branch, named, space));
    return union;
  }
  if (json === null || typeof json !== 'object') throw invalid('a type is neither a name, a union nor an object');
  const type = json['type'] as JsonValue;
  if (typeof type !== 'string') return build(type, named, space);
  switch (type) {
    case 'record':
    case 'error': {
      const record = blank('record', json);
      const own = define(record, json, named, space);
      if (!Array.isArray(json['fields'])) throw invalid(`record "${record.fullName}" has no fields`);
      record.fields = json['fields'].map((f) => field(f, named, own));
      return record;
    }
    case 'enum': {
      const symbols = json['symbols'];
      if (!Array.isArray(symbols)) throw invalid('an enum has no symbols');
      const type = blank('enum', json);
      type.symbols = symbols.map(String);
      define(type, json, named, space);
      return type;
    }
    case 'fixed': {
      const fixed = blank('fixed', json);
      if (typeof json['size'] !== 'number') throw invalid('a fixed has no size');
      fixed.size = json['size'];
      define(fixed, json, named, space);
      return fixed;
    }
    case 'array':
    case 'map': {
      const items = json[type === 'array' ? 'items' : 'values'];
      if (items === undefined) throw invalid(`type "${type}" lacks its items`);
      const collection = blank(type, json);
      collection.items = build(items, named, space);
      return collection;
    }
    default:
      return PRIMITIVES.has(type) ? blank(type as AvroKind, json) : build(type, named, space);
  }
}

/** Registers a named type and returns the namespace its parts live in. */
function define(type: Mutable, json: { [key: string]: JsonValue }, named: Map<string, AvroType>, space: string | null): string | null {
  const name = json['name'];
  if (typeof name !== 'string') throw invalid(`a ${type.kind} has no name`);
  const dot = name.lastIndexOf('.');
  const own = dot >= 0 ? name.slice(0, dot) : typeof json['namespace'] === 'string' ? json['namespace'] || null : space;
  type.fullName = dot >= 0 || own === null ? name : `${own}.${name}`;
  named.set(type.fullName, type);
  return own;
}

function field(json: JsonValue, named: Map<string, AvroType>, space: string | null): AvroField {
  if (json === null || typeof json !== 'object' || Array.isArray(json) || typeof json['name'] !== 'string')
    throw invalid('a record has a field without name');
  return { name: json['name'], type: build(json['type'] as JsonValue, named, space), defaultValue: json['default'] };
}
