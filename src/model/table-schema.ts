import type { Schema } from './schema.ts';

/** A table of the source: its database (catalog) and its name, in the server's spelling. */
export interface TableId {
  readonly database: string;
  readonly table: string;
}

/** `database.table`, for messages, filters and map keys. */
export function formatTableId(id: TableId): string {
  return `${id.database}.${id.table}`;
}

/**
 * One version of one table, compiled. Identity (`===`) is the cache key of every encoder, decoder,
 * transform and SQL statement: a DDL produces a new object, nothing is ever mutated.
 */
export interface TableSchema {
  readonly id: TableId;
  readonly topic: string;
  /** Struct of the key's columns; null when the table has no key. */
  readonly key: Schema | null;
  /** Struct of the row's columns (optional, as Debezium's `…Value`). A `Row` has one entry per field. */
  readonly value: Schema;
  /** What a message holds: the Debezium envelope for shape 'envelope', else the same object as `value`. */
  readonly envelope: Schema;
  readonly shape: 'envelope' | 'row';
  /** For each field of `key`, its ordinal within a `Row`; empty when the table has no key. */
  readonly keyOrdinals: readonly number[];
  /**
   * For each field of `value` the source's type where the field's schema says less than it: `TIME(3)`, `VECTOR(2)`; null elsewhere.
   * Absent when it is not known (rows read from Kafka). Never part of a message's schema.
   */
  readonly sourceTypes?: readonly (string | null)[];
}
