import type { Json, SourceOffset, SourcePartition } from '../model/offset.ts';

/** One entry of the schema history, in Debezium's record form. */
export interface HistoryRecord {
  readonly source: SourcePartition;
  readonly position: SourceOffset;
  readonly databaseName: string;
  readonly ddl: string;
  /** Debezium's tableChanges JSON (relational/table-change.ts). */
  readonly tableChanges: readonly Json[];
  readonly tsMs: number;
}

export interface SchemaHistory {
  /** False when there is nothing to recover from. */
  exists(): Promise<boolean>;
  /** Durable on resolve. Must complete before any row decoded with the new schema is emitted. */
  record(entries: readonly HistoryRecord[]): Promise<void>;
  /** Every entry in order; throws CDC_HISTORY_CORRUPT when one fails its checksum. */
  recover(apply: (entry: HistoryRecord) => void): Promise<void>;
  /** True when `compact` would be worth its while. A history that cannot be rewritten has neither method. */
  shouldCompact?(): boolean;
  /**
   * Replaces the entries up to the last one at a `durable` position (no restart goes back behind it) by what
   * `fold` makes of them (`DatabaseSchema.compactHistory`), atomically; later entries stay as they are.
   */
  compact?(
    durable: (position: SourceOffset) => boolean,
    fold: (entries: readonly HistoryRecord[]) => readonly HistoryRecord[],
  ): Promise<void>;
  stop(): Promise<void>;
}
