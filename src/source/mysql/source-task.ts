import type { Batch, Chunk, Header } from '../../model/chunk.ts';
import { CdcError, isAborted } from '../../model/errors.ts';
import type { PartitionOffset, SourceOffset, SourcePartition } from '../../model/offset.ts';
import type { SourceTask, SourceTaskContext, TaskProgress } from '../../spi/connector.ts';
import type { SchemaHistory } from '../../spi/schema-history.ts';
import type { Counter } from '../../spi/telemetry.ts';
import type { TopicNaming } from '../../spi/topic-naming.ts';
import { pause } from '../../util/backoff.ts';
import { ChangeQueue, type QueueEntry } from '../change-queue.ts';
import { topicNaming } from '../topic-naming.ts';
import { type BinlogOffset, parseBinlogOffset } from './binlog-offset.ts';
import type { MySqlConfig } from './config.ts';
import { connect, type MySqlConnection } from './connection.ts';
import { contextHeaders } from './context-headers.ts';
import { type Flavour, type FlavourName, flavourOf } from './flavour.ts';
import { openHistory } from './history.ts';
import { Notifier } from './notifications.ts';
import { positionState } from './position-check.ts';
import { SignalFile } from './signal-file.ts';
import { type Signal, type SnapshotRequest, signalTable } from './signals.ts';
import { BlockingSnapshot } from './snapshot/blocking.ts';
import { IncrementalSnapshot, type StreamHold } from './snapshot/incremental.ts';
import { IncrementalState } from './snapshot/incremental-state.ts';
import { Snapshotter } from './snapshot/snapshotter.ts';
import { readOnlyWatermarks, signalTableWatermarks } from './snapshot/watermarks.ts';
import { BinlogReader } from './streaming/binlog-reader.ts';
import { heartbeatRecord } from './streaming/heartbeat.ts';
import { StreamConnection } from './streaming/stream-connection.ts';
import { DatabaseStreamSchema } from './streaming/stream-schema.ts';
import { TransactionMetadata } from './streaming/transaction-metadata.ts';

const DEFAULT_QUEUE_BYTES = 32 * 1024 * 1024;
const LONGEST_POLL_MS = 500;

/**
 * Reads one MySQL or MariaDB server: `start` decides between snapshot and streaming and begins reading in the
 * background; a bounded queue stands between that and `poll`. Phases: recovering → snapshot → streaming.
 */
export class MySqlSourceTask implements SourceTask {
  readonly #config: MySqlConfig;
  readonly #context: SourceTaskContext;
  readonly #flavour: Flavour;
  readonly #partition: SourcePartition;
  readonly #topics: TopicNaming;
  readonly #headers: readonly Header[];
  readonly #abort = new AbortController();
  readonly #queue: ChangeQueue;
  #history: SchemaHistory | null = null;
  #schema: DatabaseStreamSchema | null = null;
  #snapshotter: Snapshotter | null = null;
  #reader: BinlogReader | null = null;
  readonly #notifier: Notifier;
  #incremental: IncrementalSnapshot | null = null;
  #signalFile: SignalFile | null = null;
  #blocking: BlockingSnapshot | null = null;
  /** What the stored offset says of an incremental snapshot. */
  #resumedSnapshot: SourceOffset | null = null;
  #stream: StreamConnection | null = null;
  #running: Promise<void> | null = null;
  #phase = 'recovering';
  readonly #reconnects: Counter;
  #finished = false;
  #rowsTotal = 0;
  #lastOffset = '';
  #nextHeartbeat = 0;
  #action: Promise<void> | null = null;
  #actionConnection: MySqlConnection | null = null;

  constructor(flavour: FlavourName, config: MySqlConfig, context: SourceTaskContext) {
    this.#config = config;
    this.#context = context;
    this.#flavour = flavourOf(flavour);
    this.#partition = { server: config['topic.prefix'] };
    this.#topics = topicNaming({
      prefix: config['topic.prefix'],
      strategy: config['topic.naming.strategy'],
      delimiter: config['topic.delimiter'],
      transaction: config['topic.transaction'],
      heartbeatPrefix: config['topic.heartbeat.prefix'],
      heartbeatName: config['topic.heartbeat.name'],
    });
    this.#headers = config['extended.headers.enabled']
      ? contextHeaders(config['topic.prefix'], context.taskId, this.#flavour.name, context.clock.now())
      : [];
    this.#reconnects = context.metrics.counter('riverbend_source_reconnects_total', 'Replication connections that were lost and made anew');
    const maxBytes = config['max.queue.size.in.bytes'];
    // Whatever lies here is rows as objects, the dearest form they have: a batch in waiting is enough, reading outruns all behind it.
    const maxRows = Math.min(config['max.queue.size'], config['max.batch.size']);
    this.#queue = new ChangeQueue({ maxRows, maxBytes: maxBytes > 0 ? maxBytes : DEFAULT_QUEUE_BYTES }, () => {
      this.#snapshotter?.resume();
      this.#blocking?.resume();
      this.#reader?.continue();
    });
    this.#notifier = new Notifier({
      channels: config['notification.enabled.channels'],
      topic: config['notification.sink.topic.name'],
      name: config['topic.prefix'],
      queue: this.#queue,
      clock: context.clock,
      logger: context.logger,
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    const abort = this.#abort.signal;
    const either = AbortSignal.any([signal, abort]);
    this.#history = openHistory(this.#config, this.#context.logger);
    const stored = await this.#context.committed(this.#partition);
    const offset = stored === null ? null : parseBinlogOffset(stored);
    if (stored !== null && offset === null) {
      throw new CdcError(
        'CDC_OFFSET_INVALID',
        'environment',
        `the stored offset of "${this.#config['topic.prefix']}" is not a binlog offset`,
        {
          hint: 'correct or reset it: riverbend offsets',
        },
      );
    }
    const connection = await connect(this.#config, either);
    try {
      await this.#requireRowBinlog(connection, either);
      this.#schema = await DatabaseStreamSchema.create({
        flavour: this.#flavour.name,
        config: this.#config,
        connection,
        history: this.#history,
        partition: this.#partition,
        topics: this.#topics,
        clock: this.#context.clock,
        logger: this.#context.logger,
        signal: either,
      });
      const resume = await this.#decide(connection, offset, either);
      if (resume !== null) this.#resumedSnapshot = stored;
      if (resume !== null) await this.#schema.recover(resume);
      this.#running = this.#run(resume, connection, abort).catch((error: unknown) => {
        if (!isAborted(error) && !abort.aborted) this.#queue.fail(asCdcError(error));
      });
    } catch (error) {
      connection.destroy();
      throw error;
    }
    this.#nextHeartbeat = this.#context.clock.now() + this.#config['heartbeat.interval.ms'];
  }

  async poll(signal: AbortSignal): Promise<Batch | null> {
    await this.#queue.wait(Math.min(this.#config['poll.interval.ms'], LONGEST_POLL_MS), signal);
    if (signal.aborted) return null;
    const entries = this.#queue.take(this.#config['max.batch.size']);
    const heartbeat = this.#heartbeat(entries);
    if (entries.length === 0 && heartbeat === null) return this.#idleBatch();
    const batch = this.#batch(entries, heartbeat);
    this.#rowsTotal += batch.rowCount;
    return batch;
  }

  /** What no restart needs any more leaves the schema history once that is worth its while. */
  async committed(_: SourcePartition, offset: SourceOffset): Promise<void> {
    if (this.#history?.shouldCompact?.() !== true) return;
    const at = parseBinlogOffset(offset);
    // An interrupted snapshot starts anew and recovers nothing.
    if (at !== null && !at.snapshot) await this.#schema?.compactHistory(at);
  }

  progress(): TaskProgress {
    const snapshot = this.#phase === 'snapshot' ? (this.#snapshotter?.progress() ?? null) : null;
    const failure = this.#stream?.lost ?? null;
    const phase = failure === null ? this.#phase : 'reconnecting';
    return { phase, rowsTotal: this.#rowsTotal, lagMs: this.#lagMs(), snapshot, failure };
  }

  finished(): boolean {
    return this.#finished && this.#queue.empty;
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#snapshotter?.stop();
    this.#actionConnection?.destroy();
    this.#signalFile?.stop();
    await this.#stream?.stop();
    await this.#running;
    await this.#incremental?.stop();
    await this.#action;
    await this.#history?.stop();
  }

  /** The offset to stream from, or null when a snapshot comes first. */
  async #decide(connection: MySqlConnection, offset: BinlogOffset | null, signal: AbortSignal): Promise<BinlogOffset | null> {
    const mode = this.#config['snapshot.mode'];
    if (mode === 'always' || offset === null || offset.snapshot) return null;
    const whenNeeded = mode === 'when_needed';
    const history = this.#history as SchemaHistory;
    if (!(await history.exists())) {
      if (whenNeeded) return null;
      throw new CdcError('CDC_HISTORY_MISSING', 'environment', 'there is an offset but no schema history to read the binlog with', {
        hint: 'restore the file of schema.history.internal, or reset the offsets (or set snapshot.mode=when_needed) for a new snapshot',
        context: { file: offset.file, pos: offset.pos },
      });
    }
    if (!this.#config['log.position.check.enable']) return offset;
    const problem = await positionState(connection, this.#flavour, offset, signal);
    if (problem === null) return offset;
    if (!whenNeeded) throw problem;
    this.#context.logger.warn({ code: problem.code }, `${problem.message}; a new snapshot is taken (snapshot.mode=when_needed)`);
    return null;
  }

  async #run(resume: BinlogOffset | null, connection: MySqlConnection, signal: AbortSignal): Promise<void> {
    let from = resume;
    for (;;) {
      if (from === null) from = await this.#snapshot(connection, signal);
      else {
        this.#notifier.send(null, 'Initial Snapshot', 'SKIPPED');
        await connection.end();
      }
      if (this.#config['snapshot.mode'] === 'initial_only') {
        this.#finished = true;
        return;
      }
      await pauseOrAbort(this.#config['streaming.delay.ms'], signal);
      try {
        await this.#streamFrom(from, signal);
        return;
      } catch (error) {
        const lost = error instanceof CdcError && (error.code === 'CDC_MYSQL_BINLOG_PURGED' || error.code === 'CDC_MYSQL_POSITION_AHEAD');
        if (!lost || this.#config['snapshot.mode'] !== 'when_needed') throw error;
        this.#context.logger.warn({ code: error.code }, `${error.message}; a new snapshot is taken (snapshot.mode=when_needed)`);
        connection = await connect(this.#config, signal);
        from = null;
      }
    }
  }

  async #snapshot(connection: MySqlConnection, signal: AbortSignal): Promise<BinlogOffset> {
    this.#phase = 'snapshot';
    this.#reader = null;
    await pauseOrAbort(this.#config['snapshot.delay.ms'], signal);
    this.#snapshotter = new Snapshotter({
      config: this.#config,
      flavour: this.#flavour,
      connection,
      schema: this.#schema as DatabaseStreamSchema,
      queue: this.#queue,
      clock: this.#context.clock,
      logger: this.#context.logger,
      notifier: this.#notifier,
    });
    this.#notifier.send(null, 'Initial Snapshot', 'STARTED');
    const offset = await this.#snapshotter.run(signal).catch((error: unknown) => {
      this.#notifier.send(null, 'Initial Snapshot', 'ABORTED');
      throw error;
    });
    this.#notifier.send(null, 'Initial Snapshot', 'COMPLETED');
    await connection.end();
    return parseBinlogOffset(offset) as BinlogOffset;
  }

  async #streamFrom(from: BinlogOffset, signal: AbortSignal): Promise<void> {
    this.#phase = 'streaming';
    const config = this.#config;
    const maxBytes = config['max.queue.size.in.bytes'];
    this.#incremental = this.#adHocSnapshots();
    const reader = new BinlogReader({
      signals: this.#incremental,
      flavour: this.#flavour.name,
      name: config['topic.prefix'],
      queue: this.#queue,
      schema: this.#schema as DatabaseStreamSchema,
      skippedOperations: new Set(config['skipped.operations']),
      tombstones: config['tombstones.on.delete'],
      skipUnchanged: config['skip.messages.without.change'],
      includeQuery: config['include.query'],
      metadata: config['provide.transaction.metadata'] ? new TransactionMetadata(this.#topics.transactionTopic()) : null,
      xaLimitBytes: maxBytes > 0 ? maxBytes : DEFAULT_QUEUE_BYTES,
      clock: this.#context.clock,
      logger: this.#context.logger,
      onStall: () => this.#stream?.pause(),
      onReady: () => this.#stream?.resume(),
      onError: (error) => this.#stream?.fail(error),
    });
    this.#reader = reader;
    this.#stream = new StreamConnection({
      config,
      flavour: this.#flavour,
      reader,
      logger: this.#context.logger,
      onLost: () => this.#reconnects.add(1),
    });
    const snapshots = this.#incremental;
    snapshots?.start(signal);
    await snapshots?.blockingSnapshots();
    await this.#stream.run(from, signal);
  }

  /** Null where no signals are configured. */
  #adHocSnapshots(): IncrementalSnapshot | null {
    const config = this.#config;
    const { clock, logger } = this.#context;
    const table = signalTable(config['signal.data.collection']);
    const channels = config['signal.enabled.channels'];
    const state = IncrementalState.from(this.#resumedSnapshot);
    this.#resumedSnapshot = null;
    if (table === null && !channels.includes('file')) {
      if (state.running) logger.warn({}, 'an incremental snapshot is given up: there is no signal.data.collection any more');
      return null;
    }
    const schema = this.#schema as DatabaseStreamSchema;
    const snapshot = new IncrementalSnapshot({
      config,
      flavour: this.#flavour.name,
      schema,
      queue: this.#queue,
      state,
      notifier: this.#notifier,
      hold: config['read.only'] ? streamHold(() => this.#reader) : null,
      watermarks: config['read.only']
        ? readOnlyWatermarks(this.#flavour, () => this.#reader?.gtids ?? null)
        : signalTableWatermarks({
            table: table ?? { database: '', table: '' },
            definition: () => (table === null ? null : schema.definitions.tables.get(table)),
            strategy: config['incremental.snapshot.watermarking.strategy'] as 'insert_insert' | 'insert_delete',
            retries: config['signal.emit.failure.max.retries'],
            backoffMs: config['signal.emit.failure.backoff.ms'],
            clock,
            logger,
          }),
      clock,
      logger,
      connect: (signal) => connect(config, signal),
      offset: () => this.#reader?.offset() ?? null,
      blocking: (request, signal) => this.#blockingSnapshot(request, signal),
    });
    if (channels.includes('file')) {
      this.#signalFile?.stop();
      this.#signalFile = new SignalFile({
        path: config['signal.file'],
        intervalMs: config['signal.poll.interval.ms'],
        logger,
        onSignal: (s) => this.#fileSignal(s),
      });
      this.#signalFile.start();
    }
    return snapshot;
  }

  #fileSignal(signal: Signal): void {
    const snapshots = this.#incremental;
    snapshots?.handle(signal);
    // So that it is stored soon: the file no longer has it.
    const offset = this.#reader?.offset() ?? null;
    if (offset !== null) this.#queue.push({ chunks: [], rows: 0, bytes: 0, offset });
    if (snapshots?.blocks === true) this.#reader?.stall(() => snapshots.blockingSnapshots());
  }

  async #blockingSnapshot(request: SnapshotRequest, signal: AbortSignal): Promise<void> {
    const connection = await connect(this.#config, signal);
    const snapshot = new BlockingSnapshot({
      config: this.#config,
      flavour: this.#flavour,
      connection,
      schema: this.#schema as DatabaseStreamSchema,
      queue: this.#queue,
      clock: this.#context.clock,
      logger: this.#context.logger,
      notifier: this.#notifier,
    });
    this.#blocking = snapshot;
    try {
      await snapshot.run(request, signal);
      await connection.end();
    } finally {
      connection.destroy();
      this.#blocking = null;
    }
  }

  async #requireRowBinlog(connection: MySqlConnection, signal: AbortSignal): Promise<void> {
    const row = await connection.one(
      'SELECT @@GLOBAL.log_bin AS log_bin, @@GLOBAL.binlog_format AS format, @@GLOBAL.binlog_row_image AS image',
      [],
      signal,
    );
    if (row?.['log_bin'] !== '1') {
      throw new CdcError('CDC_MYSQL_BINLOG_DISABLED', 'environment', 'log_bin is off: the server writes no binary log', {
        hint: 'start the server with log_bin and a server_id',
      });
    }
    if (row['format'] !== 'ROW') {
      throw new CdcError('CDC_MYSQL_BINLOG_FORMAT', 'environment', `binlog_format is ${row['format']}, not ROW`, {
        hint: 'set binlog_format=ROW on the server',
      });
    }
    if (row['image'] !== 'FULL') {
      throw new CdcError('CDC_MYSQL_ROW_IMAGE', 'environment', `binlog_row_image is ${row['image']}, not FULL`, {
        hint: 'set binlog_row_image=FULL on the server',
      });
    }
  }

  #batch(entries: readonly QueueEntry[], heartbeat: Chunk | null): Batch {
    const chunks: Chunk[] = [];
    let rowCount = 0;
    let bytes = 0;
    let offset: SourceOffset | null = null;
    for (const entry of entries) {
      for (const chunk of entry.chunks) chunks.push(chunk);
      rowCount += entry.rows;
      bytes += entry.bytes;
      if (entry.offset !== null) offset = entry.offset;
    }
    if (heartbeat !== null) {
      chunks.push(heartbeat);
      if (heartbeat.offset !== null) offset = heartbeat.offset;
    }
    return { chunks, rowCount, bytes, offsets: this.#offsets(offset), headers: this.#headers };
  }

  #offsets(offset: SourceOffset | null): readonly PartitionOffset[] {
    if (offset === null) return [];
    this.#lastOffset = JSON.stringify(offset);
    return [{ partition: this.#partition, offset }];
  }

  /** On a quiet table of a busy server the offset still moves, or the server would purge what the offset points to. */
  #idleBatch(): Batch | null {
    const offset = this.#reader?.offset() ?? null;
    if (offset === null || JSON.stringify(offset) === this.#lastOffset || !this.#queue.empty) return null;
    return { chunks: [], rowCount: 0, bytes: 0, offsets: this.#offsets(offset), headers: this.#headers };
  }

  #heartbeat(entries: readonly QueueEntry[]): Chunk | null {
    const interval = this.#config['heartbeat.interval.ms'];
    const now = this.#context.clock.now();
    if (interval === 0 || now < this.#nextHeartbeat || this.#reader === null) return null;
    this.#nextHeartbeat = now + interval;
    const sql = this.#config['heartbeat.action.query'];
    if (sql !== null && sql.trim() !== '' && this.#action === null) {
      this.#action = this.#runAction(sql).finally(() => {
        this.#action = null;
      });
    }
    // With entries still queued the reader's offset is ahead of this batch; the batch's own is what holds.
    let offset: SourceOffset | null = null;
    for (const entry of entries) if (entry.offset !== null) offset = entry.offset;
    if (this.#queue.empty) offset = this.#reader.offset() ?? offset;
    return heartbeatRecord(this.#topics.heartbeatTopic(), this.#config['topic.prefix'], now, offset);
  }

  async #runAction(sql: string): Promise<void> {
    try {
      this.#actionConnection ??= await connect(this.#config, this.#abort.signal);
      await this.#actionConnection.query(sql, [], this.#abort.signal);
    } catch (error) {
      this.#actionConnection?.destroy();
      this.#actionConnection = null;
      if (isAborted(error) || this.#abort.signal.aborted) return;
      const cause = error instanceof CdcError ? (error.cause as { sqlState?: string } | undefined) : undefined;
      // As Debezium: a statement that can never run is an error, anything else is tried again.
      if (cause?.sqlState === '42000' || cause?.sqlState === '3D000' || cause?.sqlState === '42S02') {
        this.#queue.fail(
          new CdcError('CDC_CONFIG_INVALID', 'config', 'heartbeat.action.query was refused by the server', {
            cause: error,
            hint: 'correct the statement, or grant what it needs',
          }),
        );
      } else this.#context.logger.warn({ code: error instanceof CdcError ? error.code : null }, 'heartbeat.action.query failed');
    }
  }

  #lagMs(): number | null {
    const us = this.#reader?.lastEventUs ?? 0;
    if (us === 0) return null;
    if (this.#queue.empty && this.#stream?.quiet === true) return 0;
    return Math.max(0, this.#context.clock.now() - Math.floor(us / 1000));
  }
}

function streamHold(reader: () => BinlogReader | null): StreamHold {
  return {
    get between() {
      return reader()?.between ?? false;
    },
    get gtids() {
      return reader()?.gtids ?? null;
    },
    stall: (work) => reader()?.stall(work),
  };
}

function asCdcError(error: unknown): CdcError {
  return error instanceof CdcError
    ? error
    : new CdcError('CDC_INTERNAL_ASSERTION', 'fatal', 'the MySQL source failed in a way nobody thought of', { cause: error });
}

async function pauseOrAbort(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, signal);
  if (ms > 0 && signal.aborted) throw new CdcError('CDC_ABORTED', 'aborted', 'stopped while waiting');
}
