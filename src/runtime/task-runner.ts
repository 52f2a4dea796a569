import type { Batch } from '../model/chunk.ts';
import { isAborted } from '../model/errors.ts';
import type { PartitionOffset } from '../model/offset.ts';
import type { BatchWriter } from '../spi/batch-writer.ts';
import type { SourceTask } from '../spi/connector.ts';
import type { OffsetStore } from '../spi/offset-store.ts';
import { EventLoopShare } from '../util/event-loop.ts';
import type { Gate } from './gate.ts';
import { InFlight } from './in-flight.ts';
import { OffsetCommitter } from './offset-committer.ts';

/** Told what the loop does; once a batch, never once a row. */
export interface RunObserver {
  /** Writer and task started: rows may flow. */
  started(): void;
  wrote(batch: Batch, inFlight: number): void;
  committed(offsets: readonly PartitionOffset[], inFlight: number): void;
  paused(): void;
  resumed(): void;
}

export interface TaskRunnerOptions {
  readonly connector: string;
  readonly task: SourceTask;
  readonly writer: BatchWriter;
  readonly offsets: OffsetStore;
  /** `offset.flush.interval.ms`. */
  readonly flushIntervalMs: number;
  /** How long the last flush may take once the loop ends. */
  readonly drainTimeoutMs: number;
  readonly gate: Gate;
  readonly clock: { now(): number };
  readonly observer: RunObserver;
}

/**
 * THE loop: poll → write → commit, one batch in hand at a time. The writer starts first, because a sink
 * may hold the offset the source resumes from. Runs until `signal` aborts (`stopped`) or the task has
 * nothing more to give (`finished`); either way what was accepted is flushed and committed before it
 * resolves. Throws the first CdcError of a part; after an error of the source what was accepted is
 * still flushed and committed, after an error of the writer only what is already durable.
 */
export async function runTask(o: TaskRunnerOptions, signal: AbortSignal): Promise<'stopped' | 'finished'> {
  const inFlight = new InFlight();
  const share = new EventLoopShare();
  const committer = new OffsetCommitter({
    connector: o.connector,
    inFlight,
    offsets: o.offsets,
    task: o.task,
    intervalMs: o.flushIntervalMs,
    clock: o.clock,
    committed: (offsets) => o.observer.committed(offsets, inFlight.size),
  });
  // Writes outlive the abort: the batch in hand is finished, so that what was accepted stays whole; only `drainTimeoutMs` later they are cut off.
  const patience = new AbortController();
  let timer: NodeJS.Timeout | null = null;
  const onAbort = (): void => {
    timer = setTimeout(() => patience.abort(), o.drainTimeoutMs);
  };
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  let writable = false;
  let failure: { readonly error: unknown } | null = null;
  let ending: 'stopped' | 'finished' = 'stopped';

  /** Writer calls: a failure means that nothing more may be handed to it. */
  const writing = async (call: Promise<void>): Promise<void> => {
    writable = false;
    await call;
    writable = true;
  };

  try {
    await o.writer.start(signal);
    writable = true;
    await o.task.start(signal);
    o.observer.started();
    while (!signal.aborted) {
      if (o.gate.isClosed) {
        await writing(o.writer.flush(patience.signal));
        await committer.commit();
        o.observer.paused();
        await o.gate.passed(signal);
        o.observer.resumed();
      }
      const batch = await o.task.poll(signal);
      if (batch === null) {
        await writing(o.writer.idle(patience.signal));
        await committer.commit();
        if (o.task.finished?.() === true) {
          ending = 'finished';
          break;
        }
      } else {
        await writing(o.writer.write(batch, inFlight.submit(batch), patience.signal));
        o.observer.wrote(batch, inFlight.size);
        await committer.commitIfDue();
      }
      await share.yieldIfLong();
    }
  } catch (error) {
    if (!(signal.aborted && isAborted(error))) failure = { error };
  }

  const attempt = async (step: () => Promise<void>): Promise<void> => {
    try {
      await step();
    } catch (error) {
      failure ??= { error };
    }
  };
  await attempt(() => o.task.stop());
  if (timer === null) onAbort();
  if (writable) await attempt(() => o.writer.flush(patience.signal));
  await attempt(() => committer.commit());
  await attempt(() => o.writer.stop());
  signal.removeEventListener('abort', onAbort);
  if (timer !== null) clearTimeout(timer);
  if (failure !== null) throw failure.error;
  return ending;
}
