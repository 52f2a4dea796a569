import type { PartitionOffset, SourceOffset } from './offset.ts';
import type { Schema } from './schema.ts';
import type { SchemaOperation } from './schema-operation.ts';
import type { TableSchema } from './table-schema.ts';

/** Debezium's operations: create, update, delete, read (snapshot), truncate. */
export type Op = 'c' | 'u' | 'd' | 'r' | 't';

/** Column values in the order of `TableSchema.value.fields`, in the representation of model/schema.ts. */
export type Row = readonly unknown[];

/** The value of a column that a minimal row image left out; never the same as NULL. */
export const UNAVAILABLE: unique symbol = Symbol('unavailable');

export type SnapshotMarker = 'true' | 'first' | 'first_in_data_collection' | 'last_in_data_collection' | 'last' | 'incremental';

/** Where and when a chunk's rows happened; shared by all rows of the chunk. */
export interface SourceInfo {
  /** `mysql` or `mariadb`. */
  readonly connector: string;
  /** Logical server name (`topic.prefix`); also the name of the schema-change topic. */
  readonly name: string;
  readonly db: string;
  readonly table: string | null;
  /** When it was committed, microseconds since the epoch. */
  readonly tsUs: number;
  /** null = streamed from the binlog. */
  readonly snapshot: SnapshotMarker | null;
  readonly serverId: number;
  readonly gtid: string | null;
  readonly file: string;
  /** Start of the rows event in the binlog file. */
  readonly pos: number;
  readonly thread: number | null;
  readonly query: string | null;
  /**
   * The `source` struct as the envelope's schema has it, positional; the entry of its `row` field is
   * a placeholder: row i of the chunk has `firstRow + i` there, and 0 in a snapshot.
   */
  readonly values: Row;
}

export interface TransactionInfo {
  readonly id: string;
  /** `total_order` and `data_collection_order` of the chunk's first row, 1-based. */
  readonly firstOrder: number;
  readonly firstCollectionOrder: number;
}

/** A run of rows with one table version, one op and one source position: one binlog rows event, or one snapshot fetch. */
export interface RowChunk {
  readonly kind: 'rows';
  readonly table: TableSchema;
  readonly op: Op;
  /** `count` entries, or null when the op has no before (after) image. Truncates have neither and count 1. */
  readonly before: readonly Row[] | null;
  readonly after: readonly Row[] | null;
  readonly count: number;
  readonly source: SourceInfo;
  /** Ordinal of the first row within its rows event. */
  readonly firstRow: number;
  /** When the connector processed the chunk, microseconds since the epoch (envelope ts_ms/ts_us/ts_ns). */
  readonly processedUs: number;
  readonly transaction: TransactionInfo | null;
  /** A tombstone (same key, null value) follows every delete. */
  readonly tombstones: boolean;
  /**
   * Set on the two halves of an update that changed the key, one key struct per row: on the `d`
   * the new key (header `__debezium.newkey`), on the `c` the old one (`__debezium.oldkey`).
   */
  readonly otherKeys: readonly Row[] | null;
  /** Resume point after the chunk's last row; null when nothing may resume here. */
  readonly offset: SourceOffset | null;
}

export interface Header {
  readonly key: string;
  readonly schema: Schema;
  readonly value: unknown;
}

/** One message that is not a row: schema change, transaction metadata, heartbeat, notification. */
export interface SourceRecord {
  readonly topic: string;
  /** null = chosen by the key. */
  readonly partition: number | null;
  readonly keySchema: Schema | null;
  readonly key: unknown;
  readonly valueSchema: Schema | null;
  readonly value: unknown;
  /** All headers of its message; absent = those of the batch. */
  readonly headers?: readonly Header[];
  /** Timestamp of its message, milliseconds since the epoch; absent or null = when it is produced. */
  readonly timestamp?: number | null;
}

export interface RecordChunk {
  readonly kind: 'record';
  readonly record: SourceRecord;
  readonly offset: SourceOffset | null;
  /** Its message carries no batch headers, as Debezium's transaction and heartbeat records. */
  readonly plain?: boolean;
}

/** One DDL statement, in its place between the rows. */
export interface SchemaChangeChunk {
  readonly kind: 'schemaChange';
  readonly source: SourceInfo;
  readonly database: string;
  readonly ddl: string;
  /** What it did, in order. Empty for statements that change no captured table (index, charset of a database …). */
  readonly operations: readonly SchemaOperation[];
  /** The messages for the schema-change topic; empty when `include.schema.changes=false`. */
  readonly records: readonly SourceRecord[];
  readonly offset: SourceOffset | null;
}

export type Chunk = RowChunk | RecordChunk | SchemaChangeChunk;

/** The unit of flow: polled, transformed, converted, written and acknowledged as one. */
export interface Batch {
  readonly chunks: readonly Chunk[];
  readonly rowCount: number;
  /** Bytes on the source wire; what byte-bounded queues count. */
  readonly bytes: number;
  /** Resume points once everything in this batch (and before it) is durable. Empty inside a span unsafe to resume from. */
  readonly offsets: readonly PartitionOffset[];
  /** Headers every message of the batch carries, after its own. */
  readonly headers: readonly Header[];
}
