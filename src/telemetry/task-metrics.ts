import type { Batch } from '../model/chunk.ts';
import type { TaskProgress } from '../spi/connector.ts';
import type { MetricGroup } from '../spi/telemetry.ts';

/** What the runtime counts for every task; per batch, never per row. */
export class TaskMetrics {
  readonly #rows;
  readonly #bytes;
  readonly #batches;
  readonly #commits;
  readonly #restarts;
  readonly #flushes;
  readonly #inFlight;
  readonly #running;
  readonly #lag;
  readonly #snapshotDone;
  readonly #snapshotExpected;
  readonly #lastCommit;

  constructor(group: MetricGroup) {
    this.#rows = group.counter('riverbend_rows_total', 'Row changes handed to the other end');
    this.#bytes = group.counter('riverbend_source_bytes_total', 'Bytes of those rows as the source sent them');
    this.#batches = group.counter('riverbend_batches_total', 'Batches handed to the other end');
    this.#commits = group.counter('riverbend_offset_commits_total', 'Offset commits');
    this.#restarts = group.counter('riverbend_task_restarts_total', 'Restarts after an error that may pass');
    this.#flushes = group.counter('riverbend_sink_flushes_total', 'Flushes of the sink in this process');
    this.#inFlight = group.gauge('riverbend_batches_in_flight', 'Batches accepted but not yet durable');
    this.#running = group.gauge('riverbend_task_running', '1 while the task runs');
    this.#lag = group.gauge('riverbend_source_lag_seconds', 'How far the task is behind its source');
    this.#snapshotDone = group.gauge('riverbend_snapshot_rows_done', 'Rows of the running snapshot that were read');
    this.#snapshotExpected = group.gauge('riverbend_snapshot_rows_expected', 'Rows the running snapshot is expected to have');
    this.#lastCommit = group.gauge('riverbend_last_commit_timestamp_seconds', 'When an offset was last committed, seconds since the epoch');
  }

  wrote(batch: Batch, inFlight: number): void {
    this.#rows.add(batch.rowCount);
    this.#bytes.add(batch.bytes);
    this.#batches.add(1);
    this.#inFlight.set(inFlight);
  }

  committed(nowMs: number, inFlight: number): void {
    this.#commits.add(1);
    this.#inFlight.set(inFlight);
    this.#lastCommit.set(nowMs / 1000);
  }

  restarted(): void {
    this.#restarts.add(1);
  }

  flushed(): void {
    this.#flushes.add(1);
  }

  /** Called before a scrape. */
  show(running: boolean, progress: TaskProgress | null): void {
    this.#running.set(running ? 1 : 0);
    if (progress === null) return;
    if (progress.lagMs !== null) this.#lag.set(progress.lagMs / 1000);
    this.#snapshotDone.set(progress.snapshot?.done ?? 0);
    this.#snapshotExpected.set(progress.snapshot?.expected ?? 0);
  }
}
