import { setImmediate as immediate } from 'node:timers/promises';

/**
 * Lets timers and sockets run. A loop of awaits that are already resolved starves them completely
 * (0 timer ticks in 500 ms, measured), so long loops call `yieldIfLong` once per round.
 */
export class EventLoopShare {
  readonly #limitMs: number;
  #since = performance.now();

  constructor(limitMs = 10) {
    this.#limitMs = limitMs;
  }

  /** Resolves at once, or after one turn of the event loop when `limitMs` passed since the last turn. */
  async yieldIfLong(): Promise<void> {
    if (performance.now() - this.#since < this.#limitMs) return;
    await immediate();
    this.#since = performance.now();
  }
}
