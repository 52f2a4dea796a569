import type { RowChunk } from '../model/chunk.ts';
import type { Schema } from '../model/schema.ts';
import type { TableSchema } from '../model/table-schema.ts';
import type { ByteWriter } from '../util/byte-writer.ts';

export type MessagePart = 'key' | 'value';

/** Synchronous and allocation-light: the compiled encoder of one part of one table version. */
export interface ChunkEncoder {
  /** Appends one message part per row of the chunk to `into`; null where there is none (no key). Buffers are views into `out`. */
  encode(chunk: RowChunk, out: ByteWriter, into: (Buffer | null)[]): void;
}

/** A message part read back: its schema (null for schemaless data, then `value` is plain parsed JSON) and its value. */
export interface Decoded {
  readonly schema: Schema | null;
  readonly value: unknown;
}

/** Bytes ↔ Connect values, as Kafka Connect's converters of the same class name. One instance serves keys or values, not both. */
export interface Converter {
  /** Slow path, once per table version: registers the schema, compiles the encoder. */
  prepare(table: TableSchema): Promise<ChunkEncoder>;
  /** Fast path: what `prepare` compiled, or undefined. Never does I/O. */
  encoder(table: TableSchema): ChunkEncoder | undefined;
  /** One value that is not a row (schema changes, heartbeats, dead letters). */
  fromConnect(topic: string, schema: Schema | null, value: unknown): Promise<Buffer | null>;
  /**
   * One message part. Synchronous when the schema is known, a promise when it must be fetched first.
   * The same writer schema always yields the same `schema` object (identity is a cache key).
   */
  toConnect(topic: string, data: Buffer | null): Decoded | Promise<Decoded>;
}
