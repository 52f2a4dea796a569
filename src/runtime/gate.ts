import { CdcError } from '../model/errors.ts';
import { type Deferred, deferred } from '../util/deferred.ts';

/** Open or closed; a paused task waits before it. */
export class Gate {
  #closed: Deferred<void> | null = null;

  get isClosed(): boolean {
    return this.#closed !== null;
  }

  close(): void {
    this.#closed ??= deferred<void>();
  }

  open(): void {
    this.#closed?.resolve();
    this.#closed = null;
  }

  /** Resolves when open; throws kind `aborted` when the signal aborts first. */
  async passed(signal: AbortSignal): Promise<void> {
    if (this.#closed === null) return;
    const aborted = deferred<void>();
    const onAbort = (): void => aborted.reject(new CdcError('CDC_ABORTED', 'aborted', 'stopped while paused'));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([this.#closed.promise, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }
}
