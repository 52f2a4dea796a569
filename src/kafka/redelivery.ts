import { formatTableId } from '../model/table-schema.ts';
import type { RowItem, SchemaItem } from './message-reader.ts';
import { comparable, comparePositions, type Position } from './position.ts';

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

  /** The last position a partition had released before this task read it. */
  seed(lane: string, position: Position): void {
    if (!this.#highest.has(lane)) this.#highest.set(lane, position);
  }

  forget(lane: string): void {
    this.#highest.delete(lane);
    this.#statements.delete(lane);
  }

  row(lane: string, item: RowItem): Verdict {
    const { position } = item;
    if (position === null) return 'new';
    const highest = this.#highest.get(lane);
    // Positions that only the clock can order say nothing about repetition: many rows share an instant.
    const order = highest === undefined || !comparable(position, highest) ? 1 : orderOf(position, highest);
    if (highest === undefined || order > 0 || item.snapshot !== null || position.tsUs > highest.tsUs) {
      if (highest === undefined || order > 0 || item.snapshot === null) this.#highest.set(lane, position);
      return 'new';
    }
    const keyless = item.table.key === null;
    // Two halves of a changed key share position and row; a row without key never shares them.
    if (order === 0 && !keyless) return 'new';
    if (keyless) return item.op === 't' ? 'again' : 'drop';
    const changed = this.#changed.get(formatTableId(item.table.id));
    return changed !== undefined && comparePositions(position, changed) < 0 ? 'drop' : 'again';
  }

  schema(lane: string, item: SchemaItem): Verdict {
    const position = item.position as Position;
    const highest = this.#highest.get(lane);
    const statement = JSON.stringify([item.change.database, item.change.ddl]);
    const order = highest === undefined || !comparable(position, highest) ? 1 : orderOf(position, highest);
    for (const o of item.change.operations) if ('table' in o) this.#changed.set(formatTableId(o.table), position);
    if (item.change.source.snapshot !== null) return 'new';
    if (highest === undefined || order > 0 || position.tsUs > highest.tsUs) {
      this.#highest.set(lane, position);
      this.#statements.set(lane, new Set([statement]));
      return 'new';
    }
    if (order < 0) return 'drop';
    const seen = this.#statements.get(lane);
    if (seen === undefined || seen.has(statement)) return 'drop';
    seen.add(statement);
    return 'new';
  }
}

function orderOf(a: Position, b: Position): number {
  return comparePositions(a, b) || a.row - b.row;
}
