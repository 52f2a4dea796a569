import type { Batch } from '../model/chunk.ts';
import type { CdcError } from '../model/errors.ts';
import type { PartitionOffset } from '../model/offset.ts';
import type { TaskProgress } from '../spi/connector.ts';
import type { Logger } from '../spi/telemetry.ts';
import type { TaskMetrics } from '../telemetry/task-metrics.ts';
import { Backoff, pause } from '../util/backoff.ts';
import type { Assembly } from './assembly.ts';
import { asCdcError, decide, formatTrace } from './error-policy.ts';
import { Gate } from './gate.ts';
import { type RunObserver, runTask } from './task-runner.ts';
import { type TaskState, transition } from './task-state.ts';

export interface TaskWorkerOptions {
  readonly connector: string;
  readonly taskId: number;
  /** Makes the task's parts, anew for every attempt. */
  readonly assemble: () => Assembly;
  readonly flushIntervalMs: number;
  readonly drainTimeoutMs: number;
  readonly maxRetries: number;
  readonly retryDelayMs: { readonly initialMs: number; readonly maxMs: number };
  readonly clock: { now(): number };
  readonly logger: Logger;
  readonly metrics: TaskMetrics;
  /** The state changed. */
  readonly changed: () => void;
}

/** One task and its attempts: starts it, restarts it with backoff after errors that may pass, pauses and stops it. */
export class TaskWorker {
  readonly #o: TaskWorkerOptions;
  readonly #gate = new Gate();
  readonly #backoff: Backoff;
  readonly #topics = new Set<string>();
  #state: TaskState = 'UNASSIGNED';
  #failure: CdcError | null = null;
  #assembly: Assembly | null = null;
  #stop = new AbortController();
  #done: Promise<void> = Promise.resolve();
  /** Counts what was asked of the task, so that a restart under way gives in to a later stop. */
  #requests = 0;

  constructor(options: TaskWorkerOptions) {
    this.#o = options;
    this.#backoff = new Backoff(options.retryDelayMs);
  }

  get id(): number {
    return this.#o.taskId;
  }

  get state(): TaskState {
    return this.#state;
  }

  /** Why it failed, or restarts; null while all is well. */
  get failure(): CdcError | null {
    return this.#failure;
  }

  get trace(): string | null {
    return this.#failure === null ? null : formatTrace(this.#failure);
  }

  /** Topics it wrote to or read from since the last reset. */
  get topics(): Set<string> {
    return this.#topics;
  }

  progress(): TaskProgress | null {
    return this.#assembly?.task.progress?.() ?? null;
  }

  /** Brings the gauges up to date, before a scrape. */
  showMetrics(): void {
    this.#o.metrics.show(this.#state === 'RUNNING', this.progress());
  }

  /** Offsets as they were last committed. */
  async offsets(): Promise<readonly PartitionOffset[]> {
    return this.#assembly === null ? [] : this.#assembly.offsets.list(this.#o.connector);
  }

  start(): void {
    if (this.#isActive()) return;
    this.#stop = new AbortController();
    this.#backoff.reset();
    this.#to('STARTING');
    this.#done = this.#run(this.#stop.signal);
  }

  /** Drains and stops; false when it could not drain everything (what was not committed is read again). */
  async stop(): Promise<boolean> {
    this.#requests++;
    const wasActive = this.#isActive();
    this.#stop.abort();
    await this.#done;
    const drained = !(wasActive && this.state === 'FAILED');
    if (this.#state !== 'STOPPED') this.#to('STOPPED');
    return drained;
  }

  async restart(): Promise<void> {
    const stopped = this.stop();
    const request = this.#requests;
    await stopped;
    if (request === this.#requests) this.start();
  }

  /** Polling stops after the batch in hand is durable; connections stay. */
  pause(): void {
    this.#gate.close();
  }

  resume(): void {
    this.#gate.open();
  }

  #isActive(): boolean {
    return this.#state === 'STARTING' || this.#state === 'RUNNING' || this.#state === 'PAUSED' || this.#state === 'RESTARTING';
  }

  #to(state: TaskState): void {
    this.#state = transition(this.#state, state);
    this.#o.changed();
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await using closing = new AsyncDisposableStack();
        const assembly = this.#o.assemble();
        if (assembly.ownsOffsets === true) {
          await assembly.offsets.start();
          closing.defer(() => assembly.offsets.stop());
        }
        this.#assembly = assembly;
        const ending = await runTask(
          {
            connector: this.#o.connector,
            ...assembly,
            flushIntervalMs: this.#o.flushIntervalMs,
            drainTimeoutMs: this.#o.drainTimeoutMs,
            gate: this.#gate,
            clock: this.#o.clock,
            observer: this.#observer(),
          },
          signal,
        );
        this.#failure = null;
        this.#to(ending === 'finished' ? 'FINISHED' : 'STOPPED');
        return;
      } catch (thrown) {
        if (!(await this.#handled(asCdcError(thrown), signal))) return;
      }
    }
  }

  /** True when the task is to be tried again. */
  async #handled(error: CdcError, signal: AbortSignal): Promise<boolean> {
    const retries = this.#backoff.attempt;
    const action = decide(error, { maxRetries: this.#o.maxRetries }, retries);
    if (action === 'stop') {
      this.#to('STOPPED');
      return false;
    }
    this.#failure = error;
    if (signal.aborted || action === 'fail') {
      this.#o.logger.error({ error, retries }, signal.aborted ? 'task could not be drained' : 'task failed');
      this.#to('FAILED');
      return false;
    }
    const delayMs = this.#backoff.next();
    this.#o.metrics.restarted();
    this.#to('RESTARTING');
    const fields = { error, attempt: retries + 1, delayMs };
    if (retries < 5) this.#o.logger.warn(fields, 'task restarts after an error that may pass');
    else this.#o.logger.error(fields, 'task restarts again: the error does not pass');
    await pause(delayMs, signal);
    this.#to(signal.aborted ? 'STOPPED' : 'STARTING');
    return !signal.aborted;
  }

  #observer(): RunObserver {
    return {
      started: () => {
        this.#to('RUNNING');
        this.#o.logger.info({}, 'task runs');
      },
      wrote: (batch, inFlight) => {
        this.#o.metrics.wrote(batch, inFlight);
        collectTopics(batch, this.#topics);
      },
      committed: (_offsets, inFlight) => {
        this.#o.metrics.committed(this.#o.clock.now(), inFlight);
        if (this.#backoff.attempt === 0) return;
        this.#backoff.reset();
        this.#failure = null;
      },
      paused: () => this.#to('PAUSED'),
      resumed: () => this.#to('RUNNING'),
    };
  }
}

function collectTopics(batch: Batch, topics: Set<string>): void {
  for (const chunk of batch.chunks) {
    if (chunk.kind === 'rows') topics.add(chunk.table.topic);
    else if (chunk.kind === 'record') topics.add(chunk.record.topic);
    else for (const record of chunk.records) topics.add(record.topic);
  }
}
