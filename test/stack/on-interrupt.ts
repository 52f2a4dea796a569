import { refuseLaunches } from './processes.ts';

/**
 * Ends what was started when the process is interrupted, then exits with 130 or 143. Further signals wait for that too:
 * npm passes a Ctrl-C on to a process that has had it from the terminal already.
 */
export function onInterrupt(cleanUp: () => Promise<void>): void {
  let stopping = false;
  const stop = (code: number): void => {
    if (stopping) return;
    stopping = true;
    refuseLaunches();
    process.stderr.write('\nstopping what was started\n');
    cleanUp().then(
      () => process.exit(code),
      (error: unknown) => {
        process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', () => stop(130));
  process.on('SIGTERM', () => stop(143));
}
