import { createHash } from 'node:crypto';
import type { Json } from '../model/offset.ts';
import { formatTableId } from '../model/table-schema.ts';
import type { RowItem, SchemaItem } from './message-reader.ts';
import { comparable, comparePositions, type Position } from './position.ts';

/** No source repeats more: it stores its offset every few seconds while it delivers. */
const LONGEST_REPETITION_US = 24 * 3600 * 1e6;

/** What becomes of a released message. `again`: seen before, passed on all the same. */
export type Verdict = 'new' | 'again' | 'drop';

/**
 * Recognises what a source delivered a second time after a crash (Kafka has it twice): a row below the highest position its
 * partition has released, not newer by the clock and not of a snapshot. With a key it may pass, because the rest
 * of the repetition follows and restores the last state; not when a schema change of its table lies between (it has
 * the older columns, and the repetition holds the newer ones too). Without a key it must not: it would be there twice.
 */
export class Redelivery {
  readonly #highest = new Map<string, Position>();
  /** Position of the last schema change of each table. */
  readonly #changed = new Map<string, Position>();
  /** Statements released at the schema topic's highest position: several may share one. */
  readonly #statements = new Map<string, Set<string>>();

  /** Partitions whose last released message is not the one at their highest position. */
  readonly #behind = new Set<string>();

  /** Partitions that brought schema changes. */
  readonly #schemaLanes = new Set<string>();

  /**
   * What the next task cannot learn from the message before the stored offset, to be stored with the offset: in the middle of a
   * repetition, how far the partition had been; with the schema changes, where each table changed last. null = nothing.
   */
  reached(lane: string): Json {
    const p = this.#highest.get(lane);
    const highest =
      p !== undefined && this.#behind.has(lane) ? { highest: toJson(p), statements: [...(this.#statements.get(lane) ?? [])] } : {};
    const newest = Math.max(...Array.from(this.#changed.values(), (c) => c.tsUs));
    const recent = this.#schemaLanes.has(lane) ? [...this.#changed].filter(([, c]) => c.tsUs >= newest - LONGEST_REPETITION_US) : [];
    const changed = recent.length === 0 ? {} : { changed: Object.fromEntries(recent.map(([table, c]) => [table, toJson(c)])) };
    const out = { ...highest, ...changed };
    return Object.keys(out).length === 0 ? null : out;
  }

  /** Takes up what `reached` said. */
  restore(lane: string, reached: Json): void {
    if (reached === null || typeof reached !== 'object' || Array.isArray(reached)) return;
    const { highest, statements, changed } = reached as {
      readonly highest?: PositionJson;
      readonly statements?: readonly string[];
      readonly changed?: Readonly<Record<string, PositionJson>>;
    };
    for (const [table, p] of Object.entries(changed ?? {})) this.#changed.set(table, fromJson(p));
    if (changed !== undefined) this.#schemaLanes.add(lane);
    if (highest === undefined) return;
    this.#highest.set(lane, fromJson(highest));
    this.#behind.add(lane);
    if (statements !== undefined && statements.length > 0) this.#statements.set(lane, new Set(statements));
  }

  /** A message without position was released. */
  other(lane: string): void {
    this.#behind.add(lane);
  }

  /** The last position a partition had released before this task read it. */
  seed(lane: string, position: Position): void {
    if (!this.#highest.has(lane)) this.#highest.set(lane, position);
  }

  forget(lane: string): void {
    this.#highest.delete(lane);
    this.#behind.delete(lane);
    this.#statements.delete(lane);
  }

  row(lane: string, item: RowItem): Verdict {
    const { position } = item;
    this.#behind.add(lane);
    if (position === null) return 'new';
    const highest = this.#highest.get(lane);
    // Positions that only the clock can order say nothing about repetition: many rows share an instant.
    const order = highest === undefined || !comparable(position, highest) ? 1 : orderOf(position, highest);
    if (highest === undefined || order > 0 || item.snapshot !== null || position.tsUs > highest.tsUs) {
      if (highest === undefined || order > 0 || item.snapshot === null) this.#reach(lane, position);
      return 'new';
    }
    const keyless = item.table.key === null;
    // Two halves of a changed key share position and row; a row without key never shares them.
    if (order === 0) this.#behind.delete(lane);
    if (order === 0 && !keyless) return 'new';
    if (keyless) return item.op === 't' ? 'again' : 'drop';
    const changed = this.#changed.get(formatTableId(item.table.id));
    return changed !== undefined && comparePositions(position, changed) < 0 ? 'drop' : 'again';
  }

  schema(lane: string, item: SchemaItem): Verdict {
    const position = item.position as Position;
    const highest = this.#highest.get(lane);
    const statement = createHash('sha1')
      .update(JSON.stringify([item.change.database, item.change.ddl]))
      .digest('base64url');
    this.#behind.add(lane);
    const order = highest === undefined || !comparable(position, highest) ? 1 : orderOf(position, highest);
    if (item.change.source.snapshot !== null) return 'new';
    this.#schemaLanes.add(lane);
    for (const o of item.change.operations) if ('table' in o) this.#changed.set(formatTableId(o.table), position);
    if (highest === undefined || order > 0 || position.tsUs > highest.tsUs) {
      this.#reach(lane, position);
      this.#statements.set(lane, new Set([statement]));
      return 'new';
    }
    if (order < 0) return 'drop';
    const seen = this.#statements.get(lane);
    if (seen === undefined || seen.has(statement)) return 'drop';
    seen.add(statement);
    return 'new';
  }

  #reach(lane: string, position: Position): void {
    this.#highest.set(lane, position);
    this.#behind.delete(lane);
  }
}

type PositionJson = readonly [string | null, number, number, number, number, number];

function toJson(p: Position): PositionJson {
  return [p.base, p.fileNumber, p.pos, p.row, p.serverId, p.tsUs];
}

function fromJson([base, fileNumber, pos, row, serverId, tsUs]: PositionJson): Position {
  return { base, fileNumber, pos, row, serverId, tsUs };
}

function orderOf(a: Position, b: Position): number {
  return comparePositions(a, b) || a.row - b.row;
}
