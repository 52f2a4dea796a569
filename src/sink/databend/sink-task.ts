import type { Batch, RowChunk, SchemaChangeChunk } from '../../model/chunk.ts';
import { partitionKey, type SourceOffset, type SourcePartition } from '../../model/offset.ts';
import type { SinkTask, TaskContext, TaskProgress } from '../../spi/connector.ts';
import type { Counter, Histogram } from '../../spi/telemetry.ts';
import { FlushPolicy } from '../flush-policy.ts';
import { DatabendSession, type Session } from './client.ts';
import { type DatabendConfig, endpointOf } from './config.ts';
import { DdlApplier } from './ddl-applier.ts';
import type { Endpoint } from './dsn.ts';
import { databendError } from './errors.ts';
import { Flusher, wait } from './flusher.ts';
import { type OffsetRow, OffsetTable } from './offset-table.ts';
import { checkStage } from './stage-check.ts';
import { afterFlush, segmentsOf, type TargetTable, TargetTables, truncateTarget } from './target-tables.ts';

/**
 * Writes batches to Databend exactly once: rows wait in a buffer per target table, a flush writes all of them and the consumed offsets
 * in one transaction (flusher.ts). DDL is repeated in its place between the rows (ddl-applier.ts).
 */
export class DatabendSinkTask implements SinkTask {
  readonly #config: DatabendConfig;
  readonly #context: TaskContext;
  readonly #endpoint: Endpoint;
  readonly #session: Session;
  readonly #offsets: OffsetTable;
  readonly #tables: TargetTables;
  readonly #ddl: DdlApplier;
  readonly #flusher: Flusher;
  readonly #policy: FlushPolicy;
  readonly #metrics: {
    readonly received: Counter;
    readonly applied: Counter;
    readonly deletes: Counter;
    readonly bytes: Counter;
    readonly statements: Counter;
    readonly flushSeconds: Histogram;
  };
  /** Resume points behind what is buffered, by partition. */
  #pending = new Map<string, SourceOffset>();
  /** The pending offsets lie behind every DDL step that has a mark: the marks go with the next flush. */
  #marksCovered = false;
  #rowsTotal = 0;
  #lastTsUs: number | null = null;
  #snapshotting = false;

  /** `session` is given by tests; it must be a session of its own, one statement at a time. */
  constructor(config: DatabendConfig, context: TaskContext, session?: Session) {
    this.#config = config;
    this.#context = context;
    this.#endpoint = endpointOf(config);
    this.#session = session ?? new DatabendSession(this.#endpoint, config['connection.query_timeout']);
    this.#offsets = new OffsetTable(this.#endpoint.database, context.name);
    const shared = { config, session: this.#session, offsets: this.#offsets, database: this.#endpoint.database, logger: context.logger };
    this.#tables = new TargetTables(shared);
    this.#ddl = new DdlApplier({ ...shared, tables: this.#tables });
    this.#flusher = new Flusher({
      session: this.#session,
      endpoint: this.#endpoint,
      offsets: this.#offsets,
      logger: context.logger,
      connector: context.name,
      taskId: context.taskId,
      inserts: config['insert.mode'] !== 'update',
      parallelism: config['upload.parallelism'],
      timeoutMs: config['connection.query_timeout'] * 1000,
      maxRetries: config['max.retries'],
      backoffMs: config['retry.backoff.ms'],
    });
    const limits = { rows: config['batch.size'], bytes: config['flush.bytes'], ageMs: config['flush.interval.ms'] };
    this.#policy = new FlushPolicy(limits, () => context.clock.now());
    const m = context.metrics;
    this.#metrics = {
      received: m.counter('riverbend_sink_rows_received_total', 'Row changes handed to the sink'),
      applied: m.counter('riverbend_sink_rows_applied_total', 'Row changes written to the target, after the last change per key was taken'),
      deletes: m.counter('riverbend_sink_rows_deleted_total', 'Deletes among the row changes written'),
      bytes: m.counter('riverbend_sink_bytes_total', 'Bytes staged for loading'),
      statements: m.counter('riverbend_sink_statements_total', 'Statements run to write rows and offsets'),
      flushSeconds: m.histogram('riverbend_sink_flush_seconds', 'Time from the start of a flush to its commit'),
    };
  }

  async start(signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#offsets.create(this.#session);
        await this.#flusher.start();
        await this.#tables.start();
        await this.#ddl.start();
        await checkStage(this.#endpoint, this.#session, this.#context.name, this.#context.taskId, signal);
        return;
      } catch (caught) {
        const error = databendError(caught, 'connect to Databend');
        if (error.kind !== 'retriable' || attempt >= this.#config['connection.attempts']) throw error;
        this.#context.logger.warn({ code: error.code, attempt }, 'Databend does not answer yet');
        await wait(this.#config['connection.backoff.ms'], signal);
      }
    }
  }

  async committedOffset(partition: SourcePartition): Promise<SourceOffset | null> {
    const key = partitionKey(partition);
    const value = (await this.#offsets.load(this.#session, 'offset', [key])).get(key);
    return value === undefined ? null : (JSON.parse(value) as SourceOffset);
  }

  async put(batch: Batch, signal: AbortSignal): Promise<void> {
    const [only] = batch.offsets;
    const partition = batch.offsets.length === 1 && only !== undefined ? partitionKey(only.partition) : null;
    const replayable = only !== undefined && 'kafka_topic' in only.partition;
    for (const chunk of batch.chunks) {
      if (chunk.kind === 'rows') await this.#rows(chunk, replayable);
      else if (chunk.kind === 'schemaChange') await this.#schemaChange(chunk, partition, signal);
      if (partition !== null && chunk.offset !== null) this.#pending.set(partition, chunk.offset);
    }
    for (const o of batch.offsets) this.#pending.set(partitionKey(o.partition), o.offset);
    if (batch.offsets.length > 0) this.#marksCovered = true;
    this.#policy.accepted(batch.rowCount, batch.bytes);
    this.#rowsTotal += batch.rowCount;
    this.#metrics.received.add(batch.rowCount);
  }

  async #rows(chunk: RowChunk, replayable: boolean): Promise<void> {
    let t = this.#tables.ready(chunk.table);
    if (t === undefined) {
      t = await this.#tables.prepare(chunk.table, chunk.source.name);
    }
    this.#noteSnapshot(t, chunk, replayable);
    if (chunk.op === 't') t.older = [];
    t.buffer.add(chunk);
    this.#lastTsUs = chunk.source.tsUs;
  }

  /**
   * A snapshot that starts over replaces what an interrupted one left: in a table this connector made for the same source table, first
   * row means everything before it goes. Not through Kafka: there rows of one table come from several partitions, in no order.
   */
  #noteSnapshot(t: TargetTable, chunk: RowChunk, replayable: boolean): void {
    const marker = chunk.source.snapshot;
    this.#snapshotting = marker !== null && marker !== 'incremental';
    if (!this.#snapshotting) {
      t.snapshotOnly = false;
      t.snapshotSeen = false;
      return;
    }
    if (replayable) {
      t.snapshotOnly = false;
      return;
    }
    const single = !t.snapshotSeen && chunk.count === 1 && (marker === 'last' || marker === 'last_in_data_collection');
    const begins = marker === 'first' || marker === 'first_in_data_collection' || single;
    t.snapshotSeen = true;
    const o = t.origin;
    const ours = o.created && !o.shared && o.database === chunk.table.id.database && o.table === chunk.table.id.table;
    if (!ours) t.snapshotOnly = false;
    else if (begins && !t.empty) {
      truncateTarget(t);
      t.snapshotOnly = true;
    }
  }

  async #schemaChange(chunk: SchemaChangeChunk, partition: string | null, signal: AbortSignal): Promise<void> {
    this.#marksCovered = false;
    await this.#ddl.apply(chunk, () => this.flush(signal));
    if (partition !== null && chunk.offset !== null) this.#marksCovered = true;
  }

  shouldFlush(idle = false): boolean {
    return this.#policy.isDue(idle);
  }

  async flush(signal: AbortSignal): Promise<void> {
    const tables = [...this.#tables.all()].filter((t) => segmentsOf(t).length > 0);
    const offsets = [...this.#pending].map(([key, offset]): OffsetRow => ({ kind: 'offset', key, value: JSON.stringify(offset) }));
    const marks = this.#marksCovered ? this.#ddl.finished() : [];
    if (tables.length === 0 && offsets.length === 0) return;
    const startedMs = performance.now();
    const result = await this.#flusher.flush(tables, [...offsets, ...marks, ...this.#tables.unsaved()], signal);
    this.#tables.saved();
    if (this.#marksCovered) this.#ddl.forgetMarks();
    const tookMs = performance.now() - startedMs;
    for (const t of tables) afterFlush(t);
    this.#pending = new Map();
    this.#policy.flushed(tookMs);
    this.#metrics.applied.add(result.rows);
    this.#metrics.deletes.add(result.deletes);
    this.#metrics.bytes.add(result.bytes);
    this.#metrics.statements.add(result.statements);
    this.#metrics.flushSeconds.observe(tookMs / 1000);
  }

  progress(): TaskProgress {
    const lagMs = this.#lastTsUs === null ? null : Math.max(0, this.#context.clock.now() - this.#lastTsUs / 1000);
    return { phase: this.#snapshotting ? 'snapshot' : 'streaming', rowsTotal: this.#rowsTotal, lagMs, snapshot: null };
  }

  async stop(): Promise<void> {
    await this.#session.close();
  }
}
