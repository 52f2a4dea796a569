import { randomUUID } from 'node:crypto';
import type { Chunk, Row, RowChunk } from '../../../model/chunk.ts';
import { CdcError, isAborted } from '../../../model/errors.ts';
import type { SourceOffset } from '../../../model/offset.ts';
import { formatTableId, type TableId, type TableSchema } from '../../../model/table-schema.ts';
import { anchoredPattern } from '../../../relational/table-filter.ts';
import type { Logger } from '../../../spi/telemetry.ts';
import { pause } from '../../../util/backoff.ts';
import type { ChangeQueue } from '../../change-queue.ts';
import type { MySqlConfig } from '../config.ts';
import type { MySqlConnection } from '../connection.ts';
import type { FlavourName } from '../flavour.ts';
import { type GtidState, gtidsContain } from '../gtid.ts';
import type { Notifier } from '../notifications.ts';
import { type Signal, type SnapshotRequest, signalOfRow, signalTable, snapshotRequest } from '../signals.ts';
import { sourceInfo } from '../source-info.ts';
import type { DecodedRows, SignalObserver, StreamPosition } from '../streaming/binlog-reader.ts';
import type { DatabaseStreamSchema } from '../streaming/stream-schema.ts';
import { type ChunkPlan, chunkPlan, chunkSelect, maximumSelect, readChunk, rowIdentity } from './incremental-chunk.ts';
import { type IncrementalState, type KeyText, tableIdOf } from './incremental-state.ts';
import { SNAPSHOT_SESSION } from './row-codec.ts';

export interface IncrementalSnapshotOptions {
  readonly config: MySqlConfig;
  readonly flavour: FlavourName;
  readonly schema: DatabaseStreamSchema;
  readonly queue: ChangeQueue;
  readonly state: IncrementalState;
  readonly notifier: Notifier;
  readonly watermarks: Watermarks;
  readonly clock: { now(): number };
  readonly logger: Logger;
  connect(signal: AbortSignal): Promise<MySqlConnection>;
  /** Null where watermarks are rows of the signal table. */
  readonly hold: StreamHold | null;
  /** The stream's offset, null while it has none. */
  offset(): SourceOffset | null;
  /** Takes a blocking snapshot. */
  blocking(request: SnapshotRequest, signal: AbortSignal): Promise<void>;
}

/** How a window is marked in the stream; each gives its mark, null where a row of the signal table is one. */
export interface Watermarks {
  open(connection: MySqlConnection, window: string, signal: AbortSignal): Promise<GtidState | null>;
  close(connection: MySqlConnection, window: string, signal: AbortSignal): Promise<GtidState | null>;
}

/** What windows without a signal table (`read.only`) need of the stream. */
export interface StreamHold {
  /** No transaction is open: the stream can be held. */
  readonly between: boolean;
  readonly gtids: GtidState | null;
  stall(work: () => Promise<void>): void;
}

/** One chunk between its two watermarks. */
interface Window {
  readonly id: string;
  opened: boolean;
  /** Nobody wants its rows any more. */
  cancelled: boolean;
  table: TableId | null;
  plan: ChunkPlan | null;
  rows: Map<string, Row>;
  lastKey: KeyText | null;
  failure: unknown;
  /** Where a read-only window ends. */
  high: GtidState | null;
  readonly ready: Promise<void>;
  readonly settle: () => void;
}

const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 10_000;
const READ_ONLY_LOOK_MS = 100;

/**
 * Incremental snapshots by signal (DBLog): chunk by chunk in key order, each read between two watermarks in the binlog.
 * Rows that change between them are left to the stream; the others leave where the stream passes the second one. The
 * stream waits at the first one until its chunk is read. What is done stands in every offset, so a restart goes on after
 * the last chunk that left. A definition that changed meanwhile makes the chunk be read again.
 */
export class IncrementalSnapshot implements SignalObserver {
  readonly #o: IncrementalSnapshotOptions;
  readonly #state: IncrementalState;
  readonly #signals: TableId | null;
  readonly #deletes: boolean;
  #abort: AbortSignal | null = null;
  #window: Window | null = null;
  #reading = false;
  #work: Promise<void> = Promise.resolve();
  #connection: MySqlConnection | null = null;
  #plan: { readonly schema: TableSchema; readonly surrogateKey: string | null; readonly plan: ChunkPlan | null } | null = null;
  /** Key columns the state's keys are of. */
  #keysOf: string | null = null;
  #scanned = 0;
  /** The end of the last transaction; for read-only windows. */
  #at: StreamPosition | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: IncrementalSnapshotOptions) {
    this.#o = options;
    this.#state = options.state;
    this.#signals = signalTable(options.config['signal.data.collection']);
    this.#deletes = options.config['incremental.snapshot.watermarking.strategy'] === 'insert_delete';
  }

  /** Goes on with what the offset says is under way. */
  start(signal: AbortSignal): void {
    this.#abort = signal;
    if (this.#state.running) this.#o.logger.info({ tables: this.#state.tables.length }, 'the incremental snapshot goes on');
    if (this.#o.hold === null) this.#next();
    else this.#timer = setInterval(() => this.#tick(), READ_ONLY_LOOK_MS);
  }

  #tick(): void {
    if (this.#o.hold?.between === true) this.#look();
  }

  /** Ends after the signal given to `start` was aborted. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#work;
    this.#connection?.destroy();
    this.#connection = null;
  }

  get windowOpen(): boolean {
    return this.#window?.opened === true;
  }

  offsetKeys(): SourceOffset | null {
    return this.#state.offsetKeys();
  }

  isSignalTable(schema: TableSchema): boolean {
    const table = this.#signals;
    return table !== null && schema.id.table === table.table && schema.id.database === table.database;
  }

  signalRows(op: 'c' | 'u' | 'd', rows: DecodedRows, from: number, at: StreamPosition): Promise<void> | null {
    let wait: Promise<void> | null = null;
    if (op === 'd' && this.#deletes) {
      for (const row of (rows.before ?? []).slice(from)) {
        const [id] = row;
        if (typeof id === 'string' && id.endsWith('-open')) this.#close(id.slice(0, -5), at);
      }
    }
    if (op !== 'c') return null;
    for (const row of (rows.after ?? []).slice(from)) {
      const signal = signalOfRow(row, this.#o.logger);
      if (signal === null) continue;
      if (signal.type === 'snapshot-window-open') wait = this.#open(signal.id.replace(/-open$/, '')) ?? wait;
      else if (signal.type === 'snapshot-window-close') this.#close(signal.id.replace(/-close$/, ''), at);
      else if (this.#o.config['signal.enabled.channels'].includes('source')) this.handle(signal);
    }
    if (this.#state.blocking.length > 0) wait = Promise.all([wait, this.blockingSnapshots()]).then(() => {});
    return wait;
  }

  /** Blocking snapshots are waiting; the stream has to stand still for them. */
  get blocks(): boolean {
    return this.#state.blocking.length > 0;
  }

  /** Takes them one after another. */
  async blockingSnapshots(): Promise<void> {
    const signal = this.#abort;
    for (let request = this.#state.blocking[0]; request !== undefined && signal !== null; request = this.#state.blocking[0]) {
      await this.#o.blocking(request, signal);
      this.#state.blocking.shift();
      this.#state.changed();
    }
  }

  /** A signal of any channel. `blocks` afterwards: it asked for a blocking snapshot. */
  handle(signal: Signal): void {
    const { logger } = this.#o;
    switch (signal.type) {
      case 'log': {
        const message = signal.data['message'];
        if (typeof message === 'string') logger.info({ signal: signal.id }, message.replace('{}', JSON.stringify(this.#o.offset())));
        return;
      }
      case 'execute-snapshot':
        this.#execute(signal);
        return;
      case 'stop-snapshot':
        this.#stop(signal);
        return;
      case 'pause-snapshot':
        this.#pause(signal);
        return;
      case 'resume-snapshot':
        this.#resume(signal);
        return;
      default:
        logger.warn({ signal: signal.id, type: signal.type }, 'a signal was left out: riverbend does nothing for its type');
    }
  }

  delivered(chunks: readonly Chunk[]): void {
    const window = this.#window;
    if (window === null || window.plan === null || window.rows.size === 0) return;
    for (const chunk of chunks) {
      if (chunk.kind !== 'rows' || chunk.table !== window.plan.schema) continue;
      if (chunk.op === 't') window.rows.clear();
      for (const row of chunk.before ?? []) window.rows.delete(rowIdentity(row, window.plan.identity));
      for (const row of chunk.after ?? []) window.rows.delete(rowIdentity(row, window.plan.identity));
    }
  }

  committed(at: StreamPosition): void {
    if (this.#o.hold === null) return;
    this.#at = at;
    this.#look();
  }

  /** Read-only windows end where the stream has passed their mark; on an idle server that is at once. */
  #look(): void {
    const { hold } = this.#o;
    const window = this.#window;
    if (hold === null || hold.gtids === null) return;
    if (window === null) this.#next();
    else if (!this.#reading && window.high !== null && this.#at !== null && gtidsContain(hold.gtids, window.high))
      this.#close(window.id, this.#at);
  }

  #execute(signal: Signal): void {
    const { logger, config } = this.#o;
    const request = snapshotRequest(signal, logger);
    if (request === null) return;
    if (request.collections.length === 0) {
      logger.warn({ signal: signal.id }, 'a snapshot was not begun: "data-collections" names no table');
      return;
    }
    if (request.kind === 'blocking') {
      this.#state.blocking.push(request);
      this.#state.changed();
      logger.info({ signal: signal.id, tables: request.collections }, 'blocking snapshot begins: the stream stands still');
      return;
    }
    if (this.#signals === null && !config['read.only']) {
      logger.warn({ signal: signal.id }, 'an incremental snapshot was not begun: it needs signal.data.collection');
      return;
    }
    const began = !this.#state.running;
    for (const id of this.#expand(request.collections)) {
      const name = formatTableId(id);
      const condition = request.conditions.find((c) => c.collection === name || matches(c.collection, name))?.filter ?? null;
      this.#state.tables.push({ id, condition, surrogateKey: request.surrogateKey });
    }
    this.#state.correlationId = signal.id;
    this.#state.changed();
    if (!began || !this.#state.running) return;
    this.#scanned = 0;
    logger.info({ signal: signal.id, tables: this.#state.tables.map((t) => formatTableId(t.id)) }, 'incremental snapshot begins');
    this.#notify('STARTED', { data_collections: this.#collections() });
    this.#next();
  }

  #stop(signal: Signal): void {
    const { logger } = this.#o;
    const request = snapshotRequest(signal, logger);
    if (request === null || !this.#state.running) {
      logger.warn({ signal: signal.id }, 'no incremental snapshot runs that could be stopped');
      return;
    }
    if (request.collections.length === 0) {
      this.#notify('ABORTED');
      this.#cancel();
      this.#state.clear();
      logger.info({ signal: signal.id }, 'incremental snapshot stopped');
      return;
    }
    const names = new Set(this.#expand(request.collections).map(formatTableId));
    const current = this.#state.current;
    if (current !== null && names.has(formatTableId(current.id))) {
      this.#cancel();
      this.#state.nextTable();
      this.#scanned = 0;
    }
    this.#state.tables = this.#state.tables.filter((t) => !names.has(formatTableId(t.id)));
    this.#state.changed();
    logger.info({ signal: signal.id, tables: [...names] }, 'tables were taken from the incremental snapshot');
    this.#notify('ABORTED', { data_collections: [...names].join(',') });
    this.#next();
  }

  #pause(signal: Signal): void {
    if (!this.#state.running || this.#state.paused) return;
    this.#state.paused = true;
    this.#state.changed();
    this.#o.logger.info({ signal: signal.id }, 'incremental snapshot paused');
    this.#notify('PAUSED', { data_collections: this.#collections() });
  }

  #resume(signal: Signal): void {
    if (!this.#state.running || !this.#state.paused) return;
    this.#state.paused = false;
    this.#state.changed();
    this.#o.logger.info({ signal: signal.id }, 'incremental snapshot resumed');
    this.#notify('RESUMED', { data_collections: this.#collections() });
    this.#next();
  }

  /** Names and regular expressions as tables; what matches none is kept as the name it may be. */
  #expand(collections: readonly string[]): readonly TableId[] {
    const { schema, logger } = this.#o;
    const known = schema.definitions.tables.list().filter((t) => schema.filter.includes(t.id));
    const out = new Map<string, TableId>();
    for (const text of collections) {
      const found = known.filter((t) => matches(text, formatTableId(t.id))).map((t) => t.id);
      const name = tableIdOf(text.replaceAll('`', ''));
      if (found.length === 0 && name === null) logger.warn({ collection: text }, 'no captured table matches this name of a signal');
      for (const id of found.length > 0 || name === null ? found : [name]) out.set(formatTableId(id), id);
    }
    return [...out.values()];
  }

  #collections(): string {
    return this.#state.tables.map((t) => formatTableId(t.id)).join(',');
  }

  #notify(type: Parameters<Notifier['send']>[2], data: Readonly<Record<string, string>> = {}): void {
    this.#o.notifier.send(this.#state.correlationId, 'Incremental Snapshot', type, data);
  }

  #open(id: string): Promise<void> | null {
    const window = this.#window;
    if (window === null || window.id !== id) return null;
    window.opened = true;
    return window.ready;
  }

  #cancel(): void {
    if (this.#window === null) return;
    this.#window.cancelled = true;
    this.#window.rows.clear();
  }

  #close(id: string, at: StreamPosition): void {
    const window = this.#window;
    if (window === null || window.id !== id || !window.opened) return;
    this.#window = null;
    if (!window.cancelled && window.table !== null && window.plan !== null) this.#finish(window, window.table, window.plan, at);
    this.#next();
  }

  #finish(window: Window, table: TableId, plan: ChunkPlan, at: StreamPosition): void {
    const { schema, logger } = this.#o;
    if (schema.definitions.schemaOf(table) !== plan.schema) {
      logger.info({ table: formatTableId(table) }, 'the definition of a table changed: a chunk of the incremental snapshot is read again');
      return;
    }
    if (window.failure !== null) {
      logger.error(
        { table: formatTableId(table), error: window.failure instanceof Error ? window.failure.message : String(window.failure) },
        'a table of the incremental snapshot cannot be read and is left out',
      );
      this.#nextTable('SQL_EXCEPTION');
      return;
    }
    if (window.rows.size > 0) this.#o.queue.push(this.#entry([...window.rows.values()], plan.schema, at));
    this.#state.lastKey = window.lastKey;
    this.#state.changed();
  }

  #entry(rows: readonly Row[], schema: TableSchema, at: StreamPosition) {
    const { flavour, config, clock } = this.#o;
    const nowUs = clock.now() * 1000;
    const chunk: RowChunk = {
      kind: 'rows',
      table: schema,
      op: 'r',
      before: null,
      after: rows,
      count: rows.length,
      source: sourceInfo(flavour, config['topic.prefix'], {
        ...at,
        db: schema.id.database,
        table: schema.id.table,
        tsUs: nowUs,
        snapshot: 'incremental',
        query: null,
      }),
      firstRow: 0,
      processedUs: nowUs,
      transaction: null,
      tombstones: false,
      otherKeys: null,
      // Only behind the second watermark, whose offset knows of this chunk.
      offset: null,
    };
    return { chunks: [chunk], rows: rows.length, bytes: rows.length * 64, offset: null };
  }

  #nextTable(status: 'EMPTY' | 'NO_PRIMARY_KEY' | 'SQL_EXCEPTION' | 'SUCCEEDED' | 'UNKNOWN_SCHEMA'): void {
    const table = this.#state.current;
    if (table === null) return;
    this.#notify('TABLE_SCAN_COMPLETED', {
      data_collections: this.#collections(),
      scanned_collection: formatTableId(table.id),
      total_rows_scanned: String(this.#scanned),
      status,
    });
    this.#scanned = 0;
    this.#keysOf = null;
    this.#state.nextTable();
    if (this.#state.running) return;
    this.#o.logger.info({ signal: this.#state.correlationId }, 'incremental snapshot complete');
    this.#notify('COMPLETED');
  }

  #next(): void {
    const signal = this.#abort;
    if (signal === null || signal.aborted || this.#reading || this.#window !== null) return;
    if (!this.#state.running || this.#state.paused) return;
    const { hold } = this.#o;
    // A signal may stand within a transaction: the window waits for its end.
    if (hold !== null && !hold.between) return;
    this.#reading = true;
    const work = (): Promise<void> => {
      this.#work = this.#read(signal).catch((error: unknown) => {
        this.#reading = false;
        if (isAborted(error) || signal.aborted) return;
        this.#o.queue.fail(error instanceof Error ? error : new Error(String(error)));
      });
      return this.#work;
    };
    if (hold === null) void work();
    else hold.stall(work);
  }

  /** One window; a lost connection begins a new one. */
  async #read(signal: AbortSignal): Promise<void> {
    for (let failures = 0; ; failures++) {
      const window = newWindow();
      this.#window = window;
      try {
        this.#connection ??= await this.#session(signal);
        await this.#fill(window, this.#connection, signal);
        if (this.#o.hold !== null) window.opened = true;
        this.#reading = false;
        window.settle();
        return;
      } catch (error) {
        this.#connection?.destroy();
        this.#connection = null;
        if (this.#window === window) this.#window = null;
        window.settle();
        if (signal.aborted || !(error instanceof CdcError) || error.kind !== 'retriable') throw error;
        const delayMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(failures, 10));
        this.#o.logger.warn({ code: error.code, delayMs }, `${error.message}; the incremental snapshot goes on with a new connection`);
        await pause(delayMs, signal);
        if (signal.aborted) throw new CdcError('CDC_ABORTED', 'aborted', 'stopped while an incremental snapshot waited');
        if (!this.#state.running || this.#state.paused) {
          this.#reading = false;
          return;
        }
      }
    }
  }

  async #session(signal: AbortSignal): Promise<MySqlConnection> {
    const connection = await this.#o.connect(signal);
    for (const statement of SNAPSHOT_SESSION) await connection.query(statement, [], signal);
    return connection;
  }

  async #fill(window: Window, connection: MySqlConnection, signal: AbortSignal): Promise<void> {
    const { watermarks } = this.#o;
    await watermarks.open(connection, window.id, signal);
    while (this.#state.running && !window.cancelled && !(await this.#fillFrom(window, connection, signal))) {
      // The next table, in the same window.
    }
    window.high = await watermarks.close(connection, window.id, signal);
  }

  /** True once the window has what it is to have. */
  async #fillFrom(window: Window, connection: MySqlConnection, signal: AbortSignal): Promise<boolean> {
    const { schema, logger, config } = this.#o;
    const state = this.#state;
    const pending = state.current;
    if (pending === null) return true;
    const table = schema.definitions.tables.get(pending.id);
    const version = table === null || !schema.filter.includes(table.id) ? null : schema.definitions.schemaOf(table.id);
    if (table === null || version === null) {
      logger.warn({ table: formatTableId(pending.id) }, 'a table of the incremental snapshot is not captured and is left out');
      this.#nextTable('UNKNOWN_SCHEMA');
      return false;
    }
    if (this.#plan?.schema !== version || this.#plan.surrogateKey !== pending.surrogateKey) {
      const plan = chunkPlan(table, version, schema.options, pending.surrogateKey);
      this.#plan = { schema: version, surrogateKey: pending.surrogateKey, plan };
    }
    const { plan } = this.#plan;
    if (plan === null) {
      logger.warn(
        { table: formatTableId(table.id) },
        'a table of the incremental snapshot has no primary or surrogate key captured as it is, and is left out',
      );
      this.#nextTable('NO_PRIMARY_KEY');
      return false;
    }
    const keysOf = plan.keys.map((k) => k.select).join();
    if (this.#keysOf !== null && this.#keysOf !== keysOf) state.maximumKey = state.lastKey = null;
    this.#keysOf = keysOf;
    window.table = table.id;
    window.plan = plan;
    try {
      if (state.maximumKey === null) {
        const row = await connection.one(maximumSelect(plan, pending.condition), [], signal);
        if (window.cancelled) return true;
        if (row === null) {
          this.#nextTable('EMPTY');
          window.plan = null;
          return false;
        }
        state.maximumKey = plan.keys.map((_, i) => row[`k${i}`] ?? '');
        state.changed();
      }
      const limit = config['incremental.snapshot.chunk.size'];
      const chunk = await readChunk(connection, plan, chunkSelect(plan, state.lastKey, state.maximumKey, pending.condition, limit));
      if (window.cancelled) return true;
      if (chunk.lastKey === null) {
        this.#nextTable('SUCCEEDED');
        window.plan = null;
        return false;
      }
      window.rows = chunk.rows;
      window.lastKey = chunk.lastKey;
    } catch (error) {
      if (signal.aborted || isAborted(error) || (error instanceof CdcError && error.kind === 'retriable')) throw error;
      // Perhaps a definition changed that the stream has not come to yet: the second watermark tells.
      window.failure = error;
      return true;
    }
    this.#scanned += window.rows.size;
    const shown = (key: KeyText): string => key.map((text, i) => plan.keys[i]?.show(text) ?? text).join(',');
    this.#notify('IN_PROGRESS', {
      data_collections: this.#collections(),
      current_collection_in_progress: formatTableId(table.id),
      maximum_key: shown(state.maximumKey),
      last_processed_key: shown(window.lastKey),
    });
    return true;
  }
}

function newWindow(): Window {
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    id: randomUUID(),
    opened: false,
    cancelled: false,
    table: null,
    plan: null,
    rows: new Map(),
    lastKey: null,
    failure: null,
    high: null,
    ready: promise,
    settle: resolve,
  };
}

function matches(pattern: string, name: string): boolean {
  if (pattern === name) return true;
  try {
    return anchoredPattern(pattern).test(name);
  } catch {
    return false;
  }
}
