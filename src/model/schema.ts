export type SchemaType =
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'float32'
  | 'float64'
  | 'boolean'
  | 'string'
  | 'bytes'
  | 'array'
  | 'map'
  | 'struct';

/**
 * An immutable Kafka Connect schema. `name` carries the semantic type (`io.debezium.time.MicroTimestamp`).
 *
 * Values of a schema inside riverbend:
 * int8…int32, float32, float64: number · int64: number when safe, else bigint · boolean · string ·
 * bytes: Buffer, but a `Decimal` (`org.apache.kafka.connect.data.Decimal`) is its exact text ·
 * array: array · map: Map · struct: positional array, one entry per field · SQL NULL: null ·
 * a column absent from a minimal row image: `UNAVAILABLE` (model/chunk.ts).
 */
export interface Schema {
  readonly type: SchemaType;
  readonly name: string | null;
  readonly version: number | null;
  readonly optional: boolean;
  readonly doc: string | null;
  /** In the value representation above; `undefined` = no default. */
  readonly defaultValue: unknown;
  readonly parameters: Readonly<Record<string, string>> | null;
  /** Struct fields in order; empty otherwise. */
  readonly fields: readonly Field[];
  /** Element schema of an array, value schema of a map; null otherwise. */
  readonly items: Schema | null;
  /** Key schema of a map; null otherwise. */
  readonly keys: Schema | null;
}

export interface Field {
  readonly name: string;
  readonly index: number;
  readonly schema: Schema;
}

export interface SchemaOptions {
  readonly name?: string | null;
  readonly version?: number | null;
  readonly optional?: boolean;
  readonly doc?: string | null;
  readonly defaultValue?: unknown;
  readonly parameters?: Readonly<Record<string, string>> | null;
}

function build(type: SchemaType, o: SchemaOptions, fields: readonly Field[], items: Schema | null, keys: Schema | null): Schema {
  return {
    type,
    name: o.name ?? null,
    version: o.version ?? null,
    optional: o.optional ?? false,
    doc: o.doc ?? null,
    defaultValue: o.defaultValue,
    parameters: o.parameters ?? null,
    fields,
    items,
    keys,
  };
}

const NO_FIELDS: readonly Field[] = [];

/** A schema of a primitive type. */
export function primitive(type: Exclude<SchemaType, 'struct' | 'array' | 'map'>, o: SchemaOptions = {}): Schema {
  return build(type, o, NO_FIELDS, null, null);
}

/** A struct schema; `fields` keep their order. */
export function struct(fields: readonly (readonly [string, Schema])[], o: SchemaOptions = {}): Schema {
  return build(
    'struct',
    o,
    fields.map(([name, schema], index) => ({ name, index, schema })),
    null,
    null,
  );
}

export function array(items: Schema, o: SchemaOptions = {}): Schema {
  return build('array', o, NO_FIELDS, items, null);
}

export function map(keys: Schema, values: Schema, o: SchemaOptions = {}): Schema {
  return build('map', o, NO_FIELDS, values, keys);
}

export function withOptions(schema: Schema, o: SchemaOptions): Schema {
  return { ...schema, ...Object.fromEntries(Object.entries(o).filter(([, v]) => v !== undefined)) } as Schema;
}

/** The field of that name, or undefined. */
export function fieldOf(schema: Schema, name: string): Field | undefined {
  return schema.fields.find((f) => f.name === name);
}

/** Structural equality of two schemas, defaults and parameters included. */
export function equalSchemas(a: Schema, b: Schema): boolean {
  if (a === b) return true;
  if (a.type !== b.type || a.name !== b.name || a.version !== b.version || a.optional !== b.optional || a.doc !== b.doc) return false;
  if (!equalValues(a.defaultValue, b.defaultValue) || !equalValues(a.parameters, b.parameters)) return false;
  if (a.fields.length !== b.fields.length) return false;
  for (let i = 0; i < a.fields.length; i++) {
    const x = a.fields[i] as Field;
    const y = b.fields[i] as Field;
    if (x.name !== y.name || !equalSchemas(x.schema, y.schema)) return false;
  }
  return equalNullable(a.items, b.items) && equalNullable(a.keys, b.keys);
}

function equalNullable(a: Schema | null, b: Schema | null): boolean {
  return a === null || b === null ? a === b : equalSchemas(a, b);
}

function equalValues(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Buffer.isBuffer(a) && Buffer.isBuffer(b)) return a.equals(b);
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((k) => equalValues((a as Record<string, unknown>)[k], (b as Record<string, unknown>)[k]))
  );
}
