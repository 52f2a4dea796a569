export interface FlushLimits {
  readonly rows: number;
  readonly bytes: number;
  /** Age of the oldest buffered change, milliseconds. */
  readonly ageMs: number;
}

/** Nothing came for so long, and for half as long as the last flush took: more is not to be expected soon. Milliseconds. */
const QUIET_MS = 200;

/** Offsets that no row came with need not be stored at once. */
const OFFSETS_ONLY_AGE_MS = 10_000;

/**
 * Decides when buffers are due. The age adapts: a target that needs two seconds for a flush is given two seconds to fill the next
 * one, so a slow target gets larger batches instead of more of them.
 */
export class FlushPolicy {
  readonly #limits: FlushLimits;
  readonly #now: () => number;
  #rows = 0;
  #bytes = 0;
  #since: number | null = null;
  #lastFlushMs = 0;
  /** When rows came last. */
  #lastMs = 0;

  constructor(limits: FlushLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /** A batch was accepted; `rows` may be 0. */
  accepted(rows: number, bytes: number): void {
    this.#rows += rows;
    this.#bytes += bytes;
    const now = this.#now();
    this.#since ??= now;
    if (rows > 0) this.#lastMs = now;
  }

  /** Everything accepted is durable; it took `durationMs`. */
  flushed(durationMs: number): void {
    if (this.#rows > 0) this.#lastFlushMs = durationMs;
    this.#rows = 0;
    this.#bytes = 0;
    this.#since = null;
  }

  /** `idle`: the source had nothing more to give when it was last asked. */
  isDue(idle = false): boolean {
    if (this.#since === null) return false;
    if (this.#rows >= this.#limits.rows || this.#bytes >= this.#limits.bytes) return true;
    const now = this.#now();
    if (idle && this.#rows > 0 && now - this.#lastMs >= Math.max(Math.min(QUIET_MS, this.#limits.ageMs), this.#lastFlushMs / 2))
      return true;
    const age = now - this.#since;
    return age >= (this.#rows === 0 ? Math.max(OFFSETS_ONLY_AGE_MS, this.#limits.ageMs) : Math.max(this.#limits.ageMs, this.#lastFlushMs));
  }
}
