import { array, primitive, type Schema, struct } from '../model/schema.ts';
import { OPTIONAL_STRING } from './change-record.ts';
import { basicsOf } from './structs.ts';

export interface JsonPayloadOptions {
  /** A null is kept as optional bytes; otherwise its field is left out. */
  readonly nullAsBytes: boolean;
  /** An empty array is kept as one of strings; otherwise its field is left out. */
  readonly emptyArrayAsStrings: boolean;
}

/** Numbers keep their text: whether one is an int or a double is told by how it is written. */
class Num {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Json = null | boolean | string | Num | Json[] | Map<string, Json>;

const INT32 = primitive('int32', { optional: true });
const INT64 = primitive('int64', { optional: true });
const FLOAT64 = primitive('float64', { optional: true });
const BOOLEAN = primitive('boolean', { optional: true });
const BYTES = primitive('bytes', { optional: true });

class Unexpandable extends Error {}

/** The outbox's `table.expand.json.payload`: an object's text as a struct, its schema derived from it. A sentence says why not. */
export function expandJson(
  key: string,
  text: string,
  options: JsonPayloadOptions,
): { readonly schema: Schema; readonly value: unknown } | string {
  if (!text.startsWith('{')) return text.startsWith('[') ? 'it is an array' : 'it is neither an object nor an array';
  try {
    const json = parse(text);
    const schema = schemaOf(key, json, options);
    return schema === null ? 'it is null' : { schema: interned(schema), value: payloadValue(json, schema) };
  } catch (error) {
    if (error instanceof Unexpandable || error instanceof SyntaxError) return error.message;
    throw error;
  }
}

/** Equal payload schemas give one object: converters cache by identity. */
const known = new Map<string, Schema>();
function interned(schema: Schema): Schema {
  const text = JSON.stringify(schema);
  const same = known.get(text);
  if (same !== undefined) return same;
  if (known.size >= 1000) known.delete(known.keys().next().value as string);
  known.set(text, schema);
  return schema;
}

function schemaOf(key: string | null, json: Json, o: JsonPayloadOptions): Schema | null {
  if (json === null) return o.nullAsBytes ? BYTES : null;
  if (typeof json === 'string') return OPTIONAL_STRING;
  if (typeof json === 'boolean') return BOOLEAN;
  if (json instanceof Num) return numberSchema(json.text);
  if (Array.isArray(json)) {
    if (json.length === 0) return o.emptyArrayAsStrings ? array(OPTIONAL_STRING, { optional: true }) : null;
    return array(elementSchema(key, json, o), { optional: true });
  }
  const fields: [string, Schema][] = [];
  for (const [name, value] of json) {
    const schema = schemaOf(key === null || key.trim() === '' ? name : `${key}.${name}`, value, o);
    if (schema !== null) fields.push([name, schema]);
  }
  return struct(fields, { name: key, optional: true });
}

function numberSchema(text: string): Schema {
  if (!/^-?\d+$/.test(text)) return FLOAT64;
  const n = BigInt(text);
  if (BigInt.asIntN(32, n) === n) return INT32;
  if (BigInt.asIntN(64, n) === n) return INT64;
  throw new Unexpandable('it holds a whole number beyond 64 bits');
}

function kindOf(json: Json): string {
  if (json === null) return 'NULL';
  if (json instanceof Num) return 'NUMBER';
  if (Array.isArray(json)) return 'ARRAY';
  return json instanceof Map ? 'OBJECT' : typeof json === 'string' ? 'STRING' : 'BOOLEAN';
}

/** Arrays are of one kind; the structs of an array of objects are merged. */
function elementSchema(key: string | null, items: readonly Json[], o: JsonPayloadOptions): Schema {
  const present = items.filter((i) => i !== null);
  const first = present[0] ?? null;
  for (const item of present) {
    if (kindOf(item) !== kindOf(first)) throw new Unexpandable(`an array holds ${kindOf(first)} and ${kindOf(item)}`);
    if (item instanceof Num && numberSchema(item.text) !== numberSchema((first as Num).text))
      throw new Unexpandable('an array holds numbers of different types');
  }
  if (!(first instanceof Map)) {
    const schema = schemaOf(null, first, o);
    if (schema === null) throw new Unexpandable('the type of the elements of an array is not known');
    return schema;
  }
  return present.map((item) => schemaOf(key, item, o) as Schema).reduce(merged);
}

function merged(left: Schema, right: Schema): Schema {
  if (JSON.stringify(left) === JSON.stringify(right)) return left;
  const fields = new Map(left.fields.map((f) => [f.name, f.schema]));
  for (const f of right.fields) {
    const old = fields.get(f.name);
    if (old === undefined || (old.type === 'bytes' && f.schema.type !== 'bytes')) fields.set(f.name, f.schema);
  }
  return struct([...fields], basicsOf(left));
}

function payloadValue(json: Json | undefined, schema: Schema): unknown {
  if (json === null || json === undefined) return null;
  if (json instanceof Num) {
    if (schema.type === 'float64' || schema.type === 'int32') return Number(json.text);
    const n = BigInt(json.text);
    return Number.isSafeInteger(Number(n)) ? Number(n) : n;
  }
  if (Array.isArray(json)) return json.map((item) => payloadValue(item, schema.items as Schema));
  if (json instanceof Map) return schema.fields.map((f) => payloadValue(json.get(f.name), f.schema));
  return json;
}

/** JSON with the order of an object's members kept, which JSON.parse loses for names that are numbers. */
function parse(text: string): Json {
  const token = /\s*([{}[\]:,]|"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)\s*/y;
  const next = (): string => {
    const at = token.lastIndex;
    const found = token.exec(text)?.[1];
    if (found === undefined) throw new SyntaxError(`it is not JSON at character ${at}`);
    return found;
  };
  const value = (t: string): Json => {
    if (t === '{') return members();
    if (t === '[') return items();
    if (t.startsWith('"')) return JSON.parse(t) as string;
    if (t === 'true' || t === 'false') return t === 'true';
    if (t === 'null') return null;
    if (/[{}[\]:,]/.test(t)) throw new SyntaxError(`unexpected ${t}`);
    return new Num(t);
  };
  const members = (): Json => {
    const out = new Map<string, Json>();
    for (let t = next(); t !== '}'; t = next()) {
      if (out.size > 0 && t !== ',') throw new SyntaxError(`unexpected ${t}`);
      const name = out.size > 0 ? next() : t;
      if (!name.startsWith('"') || next() !== ':') throw new SyntaxError('a member has no name');
      out.set(JSON.parse(name) as string, value(next()));
    }
    return out;
  };
  const items = (): Json => {
    const out: Json[] = [];
    for (let t = next(); t !== ']'; t = next()) {
      if (out.length > 0 && t !== ',') throw new SyntaxError(`unexpected ${t}`);
      out.push(value(out.length > 0 ? next() : t));
    }
    return out;
  };
  const parsed = value(next());
  if (token.lastIndex !== text.length) throw new SyntaxError('something follows the JSON');
  return parsed;
}
