import type { Chunk } from '../model/chunk.ts';
import type { SourceOffset } from '../model/offset.ts';

/** What must stay together: the chunks of one source event, with the resume point after them. */
export interface QueueEntry {
  readonly chunks: readonly Chunk[];
  readonly rows: number;
  readonly bytes: number;
  /** null = nothing may resume after this entry. */
  readonly offset: SourceOffset | null;
}

export interface QueueLimits {
  readonly maxRows: number;
  readonly maxBytes: number;
}

const LOW_MARK = 0.8;

/**
 * Hands chunks from a reader (push) to `poll` (pull). Never refuses an entry: `full` tells the reader to stop
 * its socket, and `onDrain` says when it may go on (below 80 % of both limits). Carries the reader's end or error
 * to `take` behind everything pushed before it.
 */
export class ChangeQueue {
  readonly #limits: QueueLimits;
  readonly #onDrain: () => void;
  readonly #entries: QueueEntry[] = [];
  #rows = 0;
  #chunks = 0;
  #bytes = 0;
  #full = false;
  #error: Error | null = null;
  #wake: (() => void) | null = null;

  constructor(limits: QueueLimits, onDrain: () => void) {
    this.#limits = limits;
    this.#onDrain = onDrain;
  }

  get full(): boolean {
    return this.#full;
  }

  get rows(): number {
    return this.#rows;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get empty(): boolean {
    return this.#entries.length === 0;
  }

  push(entry: QueueEntry): void {
    this.#entries.push(entry);
    this.#rows += entry.rows;
    this.#bytes += entry.bytes;
    // A chunk with its source block and offset weighs as much as a row.
    this.#chunks += entry.chunks.length;
    if (this.#rows + this.#chunks >= this.#limits.maxRows || this.#bytes >= this.#limits.maxBytes) this.#full = true;
    this.#notify();
  }

  fail(error: Error): void {
    this.#error ??= error;
    this.#notify();
  }

  /** Up to `maxRows` rows (one entry at least); empty when there is none. Throws the reader's error once everything before it was taken. */
  take(maxRows: number): readonly QueueEntry[] {
    if (this.empty) {
      if (this.#error !== null) throw this.#error;
      return [];
    }
    let rows = 0;
    let count = 0;
    while (count < this.#entries.length) {
      const entry = this.#entries[count] as QueueEntry;
      if (count > 0 && rows + entry.rows > maxRows) break;
      // An entry without rows still costs a record; count it so that a stream of them is cut into batches too.
      rows += entry.rows > 0 ? entry.rows : entry.chunks.length;
      this.#rows -= entry.rows;
      this.#chunks -= entry.chunks.length;
      this.#bytes -= entry.bytes;
      count++;
    }
    // Nothing taken may stay referenced here: what lives through a scavenge costs more than decoding it did.
    const taken = this.#entries.splice(0, count);
    if (this.#full && this.#rows + this.#chunks <= this.#limits.maxRows * LOW_MARK && this.#bytes <= this.#limits.maxBytes * LOW_MARK) {
      this.#full = false;
      this.#onDrain();
    }
    return taken;
  }

  /** Resolves when there is something to take, after `timeoutMs`, or when aborted. */
  wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (!this.empty || this.#error !== null || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      signal.addEventListener('abort', done, { once: true });
      this.#wake = done;
    });
  }

  #notify(): void {
    this.#wake?.();
  }
}
