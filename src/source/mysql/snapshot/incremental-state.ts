import type { Json, SourceOffset } from '../../../model/offset.ts';
import type { TableId } from '../../../model/table-schema.ts';
import type { SnapshotRequest } from '../signals.ts';

/** One table still to be read by an incremental snapshot. */
export interface PendingTable {
  readonly id: TableId;
  /** SQL condition, null = all rows. */
  readonly condition: string | null;
  readonly surrogateKey: string | null;
}

/** A key as the texts of its columns, in key order (incremental-chunk.ts `keyColumns`). */
export type KeyText = readonly string[];

/**
 * How far an incremental snapshot is. Goes into every offset under Debezium's names; the keys are JSON texts here and
 * Java-serialised objects there, which start the current table anew.
 */
export class IncrementalState {
  correlationId: string | null = null;
  /** The current table first. */
  tables: PendingTable[] = [];
  /** Of the current table: its greatest key when reading it began, and the last key that was emitted. */
  maximumKey: KeyText | null = null;
  lastKey: KeyText | null = null;
  paused = false;
  /** Blocking snapshots asked for and not complete, in order. */
  blocking: SnapshotRequest[] = [];
  #keys: Readonly<Record<string, Json>> | null = null;

  get running(): boolean {
    return this.tables.length > 0;
  }

  get current(): PendingTable | null {
    return this.tables[0] ?? null;
  }

  /** To be called after every change. */
  changed(): void {
    const blocking = this.blocking.length === 0 ? null : { blocking_snapshots: JSON.stringify(this.blocking) };
    if (!this.running) {
      this.#keys = blocking;
      return;
    }
    this.#keys = {
      ...blocking,
      incremental_snapshot_correlation_id: this.correlationId,
      incremental_snapshot_collections: JSON.stringify(
        this.tables.map((t) => ({
          incremental_snapshot_collections_id: `${t.id.database}.${t.id.table}`,
          incremental_snapshot_collections_additional_condition: t.condition,
          incremental_snapshot_collections_surrogate_key: t.surrogateKey,
        })),
      ),
      ...(this.maximumKey === null ? {} : { incremental_snapshot_maximum_key: JSON.stringify(this.maximumKey) }),
      ...(this.lastKey === null ? {} : { incremental_snapshot_primary_key: JSON.stringify(this.lastKey) }),
      ...(this.paused ? { incremental_snapshot_paused: true } : {}),
    };
  }

  /** What every offset carries; null when no snapshot runs. */
  offsetKeys(): Readonly<Record<string, Json>> | null {
    return this.#keys;
  }

  nextTable(): void {
    this.tables.shift();
    this.maximumKey = null;
    this.lastKey = null;
    if (!this.running) this.paused = false;
    this.changed();
  }

  clear(): void {
    this.tables = [];
    this.maximumKey = null;
    this.lastKey = null;
    this.paused = false;
    this.changed();
  }

  static from(offset: SourceOffset | null): IncrementalState {
    const state = new IncrementalState();
    const blocking = json(offset?.['blocking_snapshots']);
    if (Array.isArray(blocking)) state.blocking = blocking as SnapshotRequest[];
    state.changed();
    const collections = json(offset?.['incremental_snapshot_collections']);
    if (!Array.isArray(collections)) return state;
    for (const c of collections as Record<string, unknown>[]) {
      const name = c['incremental_snapshot_collections_id'];
      const id = typeof name === 'string' ? tableIdOf(name) : null;
      if (id === null) continue;
      state.tables.push({
        id,
        condition: textOrNull(c['incremental_snapshot_collections_additional_condition']),
        surrogateKey: textOrNull(c['incremental_snapshot_collections_surrogate_key']),
      });
    }
    state.correlationId = textOrNull(offset?.['incremental_snapshot_correlation_id']);
    state.maximumKey = keyText(offset?.['incremental_snapshot_maximum_key']);
    // Without the end a beginning says nothing: both, or the table anew.
    state.lastKey = state.maximumKey === null ? null : keyText(offset?.['incremental_snapshot_primary_key']);
    state.paused = offset?.['incremental_snapshot_paused'] === true;
    state.changed();
    return state;
  }
}

/** `database.table`; null when it is not. */
export function tableIdOf(name: string): TableId | null {
  const dot = name.indexOf('.');
  return dot <= 0 || dot === name.length - 1 ? null : { database: name.slice(0, dot), table: name.slice(dot + 1) };
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function keyText(value: unknown): KeyText | null {
  const parsed = json(value);
  return Array.isArray(parsed) && parsed.every((v) => typeof v === 'string') ? (parsed as string[]) : null;
}

function json(value: unknown): unknown {
  if (typeof value !== 'string') return null;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return null;
  }
}
