import { comparePositions, type Position } from './position.ts';

/** One consumed message. */
export interface MergeItem {
  readonly offset: number;
  /** Bytes it holds in memory, about. */
  readonly bytes: number;
  /** null: passes in arrival order and bounds nothing (tombstones, messages without source block). */
  readonly position: Position | null;
  readonly schemaChange: boolean;
  /** Partitions that must be released up to an offset first, whatever the positions there. */
  readonly awaits?: readonly { readonly lane: string; readonly offset: number }[];
}

interface Entry<T extends MergeItem> {
  readonly item: T;
  /** When it arrived, on the merge's own clock. */
  readonly tick: number;
}

interface Lane<T extends MergeItem> {
  readonly id: string;
  /** Carries the schema changes of the source. */
  readonly schema: boolean;
  queue: Entry<T>[];
  head: number;
  bytes: number;
  /** Position of the last message that arrived and has one. */
  last: Position | null;
  /** Every message below this offset has arrived. */
  consumed: number;
  /** Every message below this offset has been released. */
  released: number;
  /** High watermark, and the tick at which it was asked for; -1 = never. */
  end: number;
  endTick: number;
}

/** What keeps the next message back. */
export interface Blocked {
  /** Partitions whose high watermark must be asked for. Those known to hold more are only waited for. */
  readonly ask: readonly string[];
  /** True when messages of some partition must arrive first. */
  readonly waiting: boolean;
  /** A schema change waits until the list of topics has been read after it arrived. */
  readonly topics: boolean;
}

const NOTHING: Blocked = { ask: [], waiting: false, topics: false };

/**
 * Merges the partitions of one source by source position (docs/adr/0002-position-ordered-merge.md). Pure: no I/O, no
 * clock. A message is released when no other partition can still bring one that belongs before it: each
 * other partition either has a later message waiting, or has been read past that position, or has been read to a high
 * watermark taken after the message arrived. Within a partition, arrival order is never changed.
 */
export class PositionMerge<T extends MergeItem> {
  readonly #lanes = new Map<string, Lane<T>>();
  /** Those with messages waiting. */
  readonly #busy = new Set<Lane<T>>();
  /** Messages that arrived up to this tick are held back by no empty partition; null = to be found out. */
  #clearTick: number | null = null;
  #tick = 0;
  #topicsTick = -1;
  #bytes = 0;
  #blocked: Blocked = NOTHING;

  /** Bytes of the messages held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The merge's clock; pass it to `end` and `topicsKnown` as it was before the question was asked. */
  get tick(): number {
    return this.#tick;
  }

  /** What held the last `release` back. */
  get blocked(): Blocked {
    return this.#blocked;
  }

  /** Adds a partition that is read from `start` on. */
  add(id: string, options: { readonly schema: boolean; readonly start: number; readonly last?: Position | null }): void {
    this.#clearTick = null;
    this.#lanes.set(id, {
      id,
      schema: options.schema,
      queue: [],
      head: 0,
      bytes: 0,
      last: options.last ?? null,
      consumed: options.start,
      released: options.start,
      end: 0,
      endTick: -1,
    });
  }

  /** Forgets a partition, and what it holds. */
  remove(id: string): void {
    const lane = this.#lane(id);
    this.#bytes -= lane.bytes;
    this.#busy.delete(lane);
    this.#lanes.delete(id);
    this.#clearTick = null;
  }

  /** Sets from where on a partition's unseen messages are bounded: the position of the message before its start. */
  bound(id: string, last: Position): void {
    const lane = this.#lane(id);
    lane.last ??= last;
  }

  bytesOf(id: string): number {
    return this.#lane(id).bytes;
  }

  /** Next offset to arrive. */
  consumed(id: string): number {
    return this.#lane(id).consumed;
  }

  /** Next offset such that everything below was released: what may be committed. */
  released(id: string): number {
    return this.#lane(id).released;
  }

  /** Messages arrived, in offset order; `next` is the offset after the last one (control records included). */
  push(id: string, items: readonly T[], next: number): void {
    const lane = this.#lane(id);
    const tick = ++this.#tick;
    for (const item of items) {
      lane.queue.push({ item, tick });
      lane.bytes += item.bytes;
      this.#bytes += item.bytes;
      if (item.position !== null) lane.last = item.position;
    }
    if (next > lane.consumed) lane.consumed = next;
    this.#clearTick = null;
    if (lane.head === lane.queue.length) lane.released = lane.consumed;
    else this.#busy.add(lane);
  }

  /** A partition's high watermark, asked for at `tick`. */
  end(id: string, highWatermark: number, tick: number): void {
    const lane = this.#lanes.get(id);
    if (lane === undefined || tick < lane.endTick) return;
    this.#clearTick = null;
    lane.end = highWatermark;
    lane.endTick = tick;
  }

  /** Every topic that existed at `tick` and belongs to the subscription has been added. */
  topicsKnown(tick: number): void {
    this.#topicsTick = Math.max(this.#topicsTick, tick);
  }

  /** The messages that may go now, in order; at most `limit` messages and about `limitBytes` bytes. A schema change goes alone. */
  release(limit: number, limitBytes: number = Number.POSITIVE_INFINITY): { readonly lane: string; readonly item: T }[] {
    const out: { lane: string; item: T }[] = [];
    let bytes = 0;
    this.#blocked = NOTHING;
    while (out.length < limit && bytes < limitBytes) {
      const lane = this.#next();
      if (lane === null) break;
      const { item } = lane.queue[lane.head] as Entry<T>;
      if (item.schemaChange && out.length > 0) break;
      this.#shift(lane, item);
      bytes += item.bytes;
      out.push({ lane: lane.id, item });
      if (item.schemaChange) break;
    }
    return out;
  }

  /** The partition whose head may go, or null. */
  #next(): Lane<T> | null {
    let best: Lane<T> | null = null;
    let bestEntry: Entry<T> | null = null;
    for (const lane of this.#busy) {
      const entry = lane.queue[lane.head] as Entry<T>;
      if (entry.item.position === null) return lane;
      if (bestEntry === null || precedes(entry.item, bestEntry.item)) {
        best = lane;
        bestEntry = entry;
      }
    }
    if (best === null || bestEntry === null) return null;
    this.#clearTick ??= this.#findClearTick();
    const topics = bestEntry.item.schemaChange && this.#topicsTick < bestEntry.tick;
    if (!(bestEntry.tick <= this.#clearTick && !topics) && this.#isHeldBack(bestEntry, topics)) return null;
    return bestEntry.item.awaits === undefined ? best : this.#before(bestEntry, bestEntry.item.awaits, best);
  }

  /** A partition not yet released as far as an item demands, else the item's own; null while such a partition is empty. */
  #before(entry: Entry<T>, awaits: NonNullable<MergeItem['awaits']>, own: Lane<T>): Lane<T> | null {
    for (const { lane: id, offset } of awaits) {
      const lane = this.#lanes.get(id);
      if (lane === undefined || lane.released >= offset) continue;
      const head = lane.queue[lane.head];
      if (head !== undefined && head.item.offset < offset) return lane;
      // A topic that was made anew may end before it: then its end decides.
      const ended = lane.endTick >= entry.tick && lane.consumed >= lane.end;
      if (head === undefined && lane.consumed < offset && !ended) {
        this.#blocked = { ask: lane.endTick < entry.tick ? [id] : [], waiting: true, topics: false };
        return null;
      }
    }
    return own;
  }

  #findClearTick(): number {
    let tick = Number.POSITIVE_INFINITY;
    for (const lane of this.#lanes.values()) {
      if (lane.head === lane.queue.length) tick = Math.min(tick, lane.consumed >= lane.end ? lane.endTick : -1);
    }
    return tick;
  }

  /** Asks each empty partition; notes what is missing. */
  #isHeldBack(entry: Entry<T>, topics: boolean): boolean {
    let waiting = false;
    const ask: string[] = [];
    for (const lane of this.#lanes.values()) {
      if (lane.head < lane.queue.length || mayPass(lane, entry)) continue;
      waiting = true;
      if (lane.endTick < entry.tick) ask.push(lane.id);
    }
    if (!waiting && !topics) return false;
    this.#blocked = { ask, waiting, topics };
    return true;
  }

  #shift(lane: Lane<T>, item: T): void {
    lane.head++;
    lane.bytes -= item.bytes;
    this.#bytes -= item.bytes;
    lane.released = item.offset + 1;
    if (lane.head === lane.queue.length) {
      this.#busy.delete(lane);
      this.#clearTick = null;
      lane.queue = [];
      lane.head = 0;
      lane.released = lane.consumed;
    } else if (lane.head > 4096) {
      lane.queue = lane.queue.slice(lane.head);
      lane.head = 0;
    }
  }

  #lane(id: string): Lane<T> {
    const lane = this.#lanes.get(id);
    if (lane === undefined) throw new Error(`partition ${id} is not merged`);
    return lane;
  }
}

/** At one position the schema change comes first. */
function precedes(a: MergeItem, b: MergeItem): boolean {
  const order = comparePositions(a.position as Position, b.position as Position);
  return order !== 0 ? order < 0 : a.schemaChange && !b.schemaChange;
}

/** Whether an empty partition lets the entry pass. */
function mayPass<T extends MergeItem>(lane: Lane<T>, entry: Entry<T>): boolean {
  if (lane.endTick >= entry.tick && lane.consumed >= lane.end) return true;
  if (lane.last === null) return false;
  const order = comparePositions(lane.last, entry.item.position as Position);
  // A statement may have several records at one position, so the schema partition must be past it.
  return lane.schema ? order > 0 : order >= 0;
}
