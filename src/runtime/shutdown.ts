import { constants } from 'node:os';

export interface SignalHandling {
  /** Aborts at the first SIGTERM or SIGINT, with the signal's name as reason. */
  readonly signal: AbortSignal;
  dispose(): void;
}

/**
 * A launcher (npm, a shell's process group) may deliver one and the same request twice; what follows within
 * this time, ms, is not the user's second signal.
 */
const SAME_REQUEST_MS = 500;

/** First signal: abort, and drain. Second signal: the process ends at once with 128 + its number. */
export function handleSignals(onSignal: (name: string) => void): SignalHandling {
  const controller = new AbortController();
  let firstAt = 0;
  const handler = (name: 'SIGTERM' | 'SIGINT'): void => {
    const now = performance.now();
    if (!controller.signal.aborted) {
      firstAt = now;
      onSignal(name);
      controller.abort(name);
    } else if (now - firstAt > SAME_REQUEST_MS) process.exit(128 + constants.signals[name]);
  };
  const onTerm = (): void => handler('SIGTERM');
  const onInt = (): void => handler('SIGINT');
  process.on('SIGTERM', onTerm);
  process.on('SIGINT', onInt);
  return {
    signal: controller.signal,
    dispose() {
      process.off('SIGTERM', onTerm);
      process.off('SIGINT', onInt);
    },
  };
}
