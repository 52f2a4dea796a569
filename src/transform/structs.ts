import { CdcError } from '../model/errors.ts';
import { type Field, type Schema, type SchemaOptions, struct } from '../model/schema.ts';
import type { ChangeRecord } from './change-record.ts';

/** A record does not fit what a transform needs of it. Never names values. */
export function transformError(message: string, cause?: unknown): CdcError {
  return new CdcError('CDC_TRANSFORM', 'data', message, {
    cause,
    hint: 'correct the transform, or exclude such records from it with a predicate',
  });
}

/** SchemaUtil.copySchemaBasics: name, version, doc and parameters; neither optional nor the default. */
export function basicsOf(schema: Schema): SchemaOptions {
  return { name: schema.name, version: schema.version, doc: schema.doc, parameters: schema.parameters };
}

/** A struct of these fields with another's basics. Throws on a name used twice. */
export function structOf(fields: readonly (readonly [string, Schema])[], options: SchemaOptions): Schema {
  const seen = new Set<string>();
  for (const [name] of fields) {
    if (seen.has(name)) throw transformError(`the field "${name}" would be in the struct twice`);
    seen.add(name);
  }
  return struct(fields, options);
}

export function fieldPairs(schema: Schema): readonly (readonly [string, Schema])[] {
  return schema.fields.map((f) => [f.name, f.schema] as const);
}

/** `Struct.get`: the field's value, its default for a null. */
export function valueOrDefault(field: Field, values: readonly unknown[]): unknown {
  const value = values[field.index];
  return (value === null || value === undefined) && field.schema.defaultValue !== undefined ? field.schema.defaultValue : (value ?? null);
}

/** Schemas made of schemas: equal input gives the same object, which is what converters cache by. */
export class SchemaMemo<T = Schema> {
  readonly #known = new WeakMap<Schema, Map<string, T>>();

  get(schema: Schema, variant: string, make: () => T): T {
    let variants = this.#known.get(schema);
    if (variants === undefined) {
      variants = new Map();
      this.#known.set(schema, variants);
    }
    let made = variants.get(variant);
    if (made === undefined) {
      made = make();
      variants.set(variant, made);
    }
    return made;
  }
}

/** Which part of a record a transform works on: the `$Key` or the `$Value` of its class. */
export type Part = 'key' | 'value';

export function partOf(record: ChangeRecord, part: Part): { readonly schema: Schema | null; readonly value: unknown } {
  return part === 'key' ? { schema: record.keySchema, value: record.key } : { schema: record.valueSchema, value: record.value };
}

export function withPart(record: ChangeRecord, part: Part, schema: Schema | null, value: unknown): ChangeRecord {
  return part === 'key' ? { ...record, keySchema: schema, key: value } : { ...record, valueSchema: schema, value };
}

/** The part as a struct, which is all that rows, keys and Debezium's own messages are. */
export function requireStruct(record: ChangeRecord, part: Part): { readonly schema: Schema; readonly values: readonly unknown[] } {
  const { schema, value } = partOf(record, part);
  if (schema?.type !== 'struct' || !Array.isArray(value))
    throw transformError(`the ${part} of a record of topic ${record.topic} is not a struct`);
  return { schema, values: value };
}
