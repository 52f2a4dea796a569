import { schemaToJson } from '../convert/json/json-schema.ts';
import { valueToJson } from '../convert/json/json-value.ts';
import type { Header } from '../model/chunk.ts';
import type { Schema } from '../model/schema.ts';

/** Debezium's header on the delete half of an update that changed the key: the new key. */
export const NEW_KEY_HEADER = '__debezium.newkey';
/** … and on the create half: the old one. */
export const OLD_KEY_HEADER = '__debezium.oldkey';

/**
 * How header values become bytes. `simple`: Connect's SimpleHeaderConverter (strings as they are, structs as JSON
 * text), the default of Connect workers. `json`: JsonConverter with schemas, Debezium Server's default.
 */
export type HeaderFormat = 'simple' | 'json';

/** The value of one header, or null. */
export function encodeHeader(format: HeaderFormat, schema: Schema, value: unknown): Buffer | null {
  if (value === null || value === undefined) return null;
  if (format === 'simple') return Buffer.from(typeof value === 'string' ? value : valueToJson(schema, value));
  return Buffer.from(`{"schema":${schemaToJson(schema)},"payload":${valueToJson(schema, value)}}`);
}

export type MessageHeaders = Readonly<Record<string, Buffer>>;

/** The headers of a batch as every message carries them: one object, shared. Null values are left out (kafkajs cannot express them). */
export function encodeHeaders(format: HeaderFormat, headers: readonly Header[]): MessageHeaders {
  const out: Record<string, Buffer> = {};
  for (const { key, schema, value } of headers) {
    const bytes = encodeHeader(format, schema, value);
    if (bytes !== null) out[key] = bytes;
  }
  return out;
}
