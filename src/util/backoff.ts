import { setTimeout as delay } from 'node:timers/promises';

export interface BackoffOptions {
  /** First upper bound, ms. */
  readonly initialMs: number;
  /** Highest upper bound, ms. */
  readonly maxMs: number;
  readonly random?: () => number;
}

/** Exponential backoff with full jitter: the n-th delay is uniform between half of and the whole bound `initialMs · 2^n`. */
export class Backoff {
  readonly #options: BackoffOptions;
  #attempt = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** How many delays were handed out since the last reset. */
  get attempt(): number {
    return this.#attempt;
  }

  /** The next delay, ms. */
  next(): number {
    const bound = Math.min(this.#options.maxMs, this.#options.initialMs * 2 ** Math.min(this.#attempt, 30));
    this.#attempt++;
    const random = this.#options.random ?? Math.random;
    return Math.round(bound / 2 + random() * (bound / 2));
  }

  reset(): void {
    this.#attempt = 0;
  }
}

/** Waits `ms`; ends early, without throwing, when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted || ms <= 0) return;
  try {
    await delay(ms, undefined, { signal });
  } catch {
    // aborted: the caller looks at the signal
  }
}
