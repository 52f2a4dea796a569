import type { Batch } from '../model/chunk.ts';
import type { CdcError } from '../model/errors.ts';
import type { SourceOffset, SourcePartition } from '../model/offset.ts';
import type { ConfigDef, RawConfig } from './config-def.ts';
import type { Converter } from './converter.ts';
import type { Logger, MetricGroup } from './telemetry.ts';

/** One thing `probe` or validation found; `error` keeps the connector from starting, `warning` is only said. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  /** Error code (error-codes.ts). */
  readonly code: string;
  /** What kind of remedy it needs: config → exit code 2, environment → exit code 3. */
  readonly kind: 'config' | 'environment';
  /** The configuration key it is about. */
  readonly key: string;
  readonly message: string;
  readonly hint: string;
}

/** The last durable offset of a source partition; null = none. */
export type CommittedOffset = (partition: SourcePartition) => Promise<SourceOffset | null>;

export interface Plugin<C> {
  readonly type: 'source' | 'sink';
  /** Names accepted in `connector.class`; first the Java class, which is what REST shows. */
  readonly names: readonly string[];
  readonly version: string;
  readonly config: ConfigDef<C>;
  /** Keys without which the systems cannot be asked: when one of them is wrong, `probe` is not called. */
  readonly probeNeeds?: readonly string[];
  /**
   * Checks across keys and checks that need a connection. All findings, never the first only; never throws, changes
   * nothing. `committed` = the stored offset of a partition, for sources.
   */
  probe(config: C, signal: AbortSignal, committed?: CommittedOffset): Promise<readonly Finding[]>;
  taskConfigs(raw: RawConfig, maxTasks: number): readonly RawConfig[];
}

export interface TaskContext {
  /** Connector name. */
  readonly name: string;
  readonly taskId: number;
  readonly logger: Logger;
  readonly metrics: MetricGroup;
  readonly clock: { now(): number };
}

export interface SourceTaskContext extends TaskContext {
  /** The last durable offset of a partition, asked each time it is needed (start, reassignment). */
  committed(partition: SourcePartition): Promise<SourceOffset | null>;
}

export interface SourceConnector<C = unknown> extends Plugin<C> {
  readonly type: 'source';
  createTask(config: C, context: SourceTaskContext): SourceTask;
}

/** What a task is doing, for status lines, REST and metrics. */
export interface TaskProgress {
  /** `snapshot`, `streaming`, `recovering` … */
  readonly phase: string;
  readonly rowsTotal: number;
  /** What the task is getting over by itself, a lost connection; null while all is well. */
  readonly failure?: CdcError | null;
  /** Behind the source, milliseconds; null when not known. */
  readonly lagMs: number | null;
  /** Rows done and rows expected of a running snapshot; null otherwise. */
  readonly snapshot: { readonly done: number; readonly expected: number | null } | null;
}

export interface SourceTask {
  start(signal: AbortSignal): Promise<void>;
  /** Next batch, or null after a poll interval without one. Never called concurrently. Throws CdcError. */
  poll(signal: AbortSignal): Promise<Batch | null>;
  /** The offset is durable downstream: the source may forget what precedes it. */
  committed?(partition: SourcePartition, offset: SourceOffset): Promise<void>;
  progress?(): TaskProgress;
  /** True once everything there will ever be was polled (snapshot.mode=initial_only); the runner then flushes and stops. */
  finished?(): boolean;
  stop(): Promise<void>;
}

export interface SinkTaskContext extends TaskContext {
  /** The configured converters, for sinks that write messages rather than rows (file, log). Headers are JSON without schema. */
  readonly converters: { readonly key: Converter; readonly value: Converter; readonly header: Converter };
}

export interface SinkConnector<C = unknown> extends Plugin<C> {
  readonly type: 'sink';
  /** `messages`: what a transform makes of a record arrives as it is. Absent: rows only; transforms that make anything else are refused. */
  readonly takes?: 'messages';
  /** For sinks that keep offsets: what a task's `committedOffset` would answer, without changing anything. */
  committedOffset?(config: C, connector: string, partition: SourcePartition): Promise<SourceOffset | null>;
  createTask(config: C, context: SinkTaskContext): SinkTask;
}

export interface SinkTask {
  start(signal: AbortSignal): Promise<void>;
  /**
   * The offset that committed together with the data, for sinks that keep offsets beside it; they win over
   * any other store. null = none stored. Absent method = the sink keeps none. Called after `start`.
   */
  committedOffset?(partition: SourcePartition): Promise<SourceOffset | null>;
  /** Accepts ownership of the batch. Resolves when buffered, not when durable; a slow `put` is the backpressure. */
  put(batch: Batch, signal: AbortSignal): Promise<void>;
  /** Buffers passed their row, byte or age limit. Asked after each `put`, and with `idle` when the source had nothing to give. */
  shouldFlush(idle?: boolean): boolean;
  /** Resolves when everything accepted so far, and the offsets of its batches, are durable. All or nothing. */
  flush(signal: AbortSignal): Promise<void>;
  progress?(): TaskProgress;
  stop(): Promise<void>;
}
