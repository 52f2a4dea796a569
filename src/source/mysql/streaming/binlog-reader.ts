import type { Chunk, Op, Row, RowChunk, SourceInfo } from '../../../model/chunk.ts';
import { CdcError } from '../../../model/errors.ts';
import type { SourceOffset } from '../../../model/offset.ts';
import { formatTableId, type TableSchema } from '../../../model/table-schema.ts';
import type { Logger } from '../../../spi/telemetry.ts';
import type { ChangeQueue, QueueEntry } from '../../change-queue.ts';
import { type BinlogOffset, compareBinlogFiles, formatBinlogOffset } from '../binlog-offset.ts';
import { type GtidState, parseGtids } from '../gtid.ts';
import { sourceInfo } from '../source-info.ts';
import {
  EVENT,
  type GtidEvent,
  HEADER_BYTES,
  isBegin,
  parseGtidEvent,
  parseMariaDbGtidEvent,
  parseQueryEvent,
  parseTaggedGtidEvent,
  type QueryEvent,
  ROWS_OP,
} from './binlog-events.ts';
import { changeRuns } from './row-changes.ts';
import type { TransactionMetadata } from './transaction-metadata.ts';
import { TransactionPayload } from './transaction-payload.ts';
import { parseXid, XaHold, xaStatement } from './xa.ts';

/** The rows of one event, decoded; see rows-decoder.ts. */
export interface DecodedRows {
  readonly before: readonly Row[] | null;
  readonly after: readonly Row[] | null;
  readonly count: number;
}

/** One captured table as the stream sees it under one table map. */
export interface StreamTable {
  readonly schema: TableSchema;
  decode(buffer: Buffer, start: number, end: number, eventType: number): DecodedRows;
}

export interface DdlContext {
  readonly query: QueryEvent;
  readonly tsUs: number;
  readonly source: Omit<Parameters<typeof sourceInfo>[2], 'db' | 'table'>;
  /** Position of the statement for the history, and resume point after it. */
  readonly position: SourceOffset;
  readonly offset: SourceOffset | null;
}

/** What the reader needs to know of table definitions; implemented over DatabaseSchema by stream-schema.ts. */
export interface StreamSchema {
  /** Grows with every change of definitions. */
  readonly generation: number;
  /** null = not captured. A promise when the definition must be asked for. Throws CDC_MYSQL_TABLE_UNKNOWN. */
  table(buffer: Buffer, start: number, end: number): StreamTable | null | Promise<StreamTable | null>;
  tableId(buffer: Buffer, start: number): number;
  /** Cheap test: could this statement matter (DDL)? False for SAVEPOINT, GRANT … */
  isRelevant(sql: string): boolean;
  /** Records the statement in the history and gives the chunks it makes; empty when it changes nothing captured. */
  apply(context: DdlContext): Promise<readonly Chunk[]>;
  /** A captured table a statement-format change names, or null. */
  namesCapturedTable(sql: string, database: string): string | null;
  inflate(buffer: Buffer, start: number, end: number): { buffer: Buffer; start: number; end: number };
}

/** Where a row of the signal table stands. */
export type StreamPosition = Pick<Parameters<typeof sourceInfo>[2], 'serverId' | 'gtid' | 'file' | 'pos' | 'thread'>;

/** Ad-hoc snapshots beside the stream (snapshot/incremental.ts); they see what passes, before it is queued. */
export interface SignalObserver {
  isSignalTable(schema: TableSchema): boolean;
  /** Rows from `from` on. May queue rows of its own. A promise: nothing goes on until it resolves. */
  signalRows(op: 'c' | 'u' | 'd', rows: DecodedRows, from: number, at: StreamPosition): Promise<void> | null;
  /** Rows are held that newer ones replace. */
  readonly windowOpen: boolean;
  delivered(chunks: readonly Chunk[]): void;
  /** A transaction ended. */
  committed(at: StreamPosition): void;
  /** What every offset carries of it. */
  offsetKeys(): SourceOffset | null;
}

export interface BinlogReaderOptions {
  readonly flavour: 'mysql' | 'mariadb';
  readonly name: string;
  readonly queue: ChangeQueue;
  readonly schema: StreamSchema;
  readonly skippedOperations: ReadonlySet<string>;
  readonly tombstones: boolean;
  readonly skipUnchanged: boolean;
  readonly includeQuery: boolean;
  readonly metadata: TransactionMetadata | null;
  /** Null where no signals are configured. */
  readonly signals?: SignalObserver | null;
  readonly xaLimitBytes: number;
  readonly clock: { now(): number };
  readonly logger: Logger;
  /** The reader waits (a DDL is being recorded) or the queue is full: no more events, please; and its end. */
  readonly onStall: () => void;
  readonly onReady: () => void;
  readonly onError: (error: CdcError) => void;
}

interface CachedTable {
  readonly raw: Buffer;
  readonly generation: number;
  readonly table: StreamTable | null;
}

const STATEMENT_DML = /^\s*(?:\/\*.*?\*\/\s*)*(INSERT|UPDATE|DELETE|REPLACE|LOAD\s+DATA|WITH)\b/is;
const CONTROL = /^\s*(?:SAVEPOINT|RELEASE\s+SAVEPOINT|ROLLBACK\s+(?:WORK\s+)?TO|SET\s+(?:INSERT_ID|TIMESTAMP))\b/i;
/** A rows event that only ends a statement refers to this table id and carries no rows. */
const DUMMY_TABLE_ID = 0xffffff;
const ARTIFICIAL = 0x20;
const UINT32 = 2 ** 32;

/**
 * Binlog events → chunks. Keeps the position, the GTIDs and the open transaction, and knows at each moment where
 * reading has to resume: at the start of the open transaction plus its events (`event`) and rows (`row`) done, as
 * Debezium counts them. Events are fed synchronously; where an answer has to be awaited (DDL), what comes meanwhile is
 * kept and processed after it.
 */
export class BinlogReader {
  readonly #o: BinlogReaderOptions;
  readonly #tables = new Map<number, CachedTable>();
  readonly #xa: XaHold;
  #file = '';
  #pos = 4;
  #gtids: GtidState | null = null;
  #gtid: string | null = null;
  #commitUs = 0;
  #eventUs = 0;
  #serverId = 0;
  // The open transaction.
  #open = false;
  #startFile = '';
  #startPos = 4;
  #event = 0;
  #thread: number | null = null;
  #query: string | null = null;
  #xaGroup = false;
  #held: QueueEntry[] = [];
  // What was handed over before a restart, counted from the first transaction.
  #skipEvents = 0;
  #skipRows = 0;
  // Waiting.
  #busy = false;
  #work: Promise<void> = Promise.resolve();
  #pending: { buffer: Buffer; start: number; end: number }[] = [];
  #payload: TransactionPayload | null = null;
  #payloadPos = 0;
  #error = false;
  #idle = true;
  #rows = 0;
  #lastRow = 0;
  #lastEventUs = 0;

  constructor(options: BinlogReaderOptions) {
    this.#o = options;
    this.#xa = new XaHold(options.xaLimitBytes);
  }

  get rowsTotal(): number {
    return this.#rows;
  }

  /** Commit time of the newest event seen, microseconds; 0 before the first. */
  get lastEventUs(): number {
    return this.#lastEventUs;
  }

  get position(): { readonly file: string; readonly pos: number } {
    return { file: this.#file, pos: this.#pos };
  }

  /** Starts over at an offset with a new connection; what is in the queue stays and counts as handed over. */
  restart(offset: BinlogOffset): void {
    for (const entry of this.#held) this.#xa.forget(entry);
    this.#idle = false;
    this.#tables.clear();
    this.#pending = [];
    this.#payload = null;
    this.#held = [];
    this.#open = false;
    this.#xaGroup = false;
    this.#gtid = null;
    this.#file = offset.file;
    this.#pos = offset.pos;
    this.#gtids = offset.gtids === null ? null : parseGtids(this.#o.flavour, offset.gtids);
    this.#startFile = offset.file;
    this.#startPos = offset.pos;
    if (offset.tsSec !== null) this.#eventUs = offset.tsSec * 1_000_000;
    if (offset.serverId !== null) this.#serverId = offset.serverId;
    this.#event = 0;
    this.#commitUs = 0;
    this.#skipEvents = offset.event;
    this.#skipRows = offset.row;
    this.#o.metadata?.reset();
  }

  /** Resolves when nothing is being awaited; to be called before `restart`. Never rejects. */
  settled(): Promise<void> {
    return this.#work;
  }

  /** Where a new connection resumes so that nothing handed over comes again and nothing is lost. */
  resumePoint(): BinlogOffset {
    const within = this.#open && !this.#xaGroup;
    // Events up to here were pushed or hold nothing; those still to be skipped stay to be skipped.
    const event = within ? Math.max(this.#event, this.#skipEvents) : this.#skipEvents;
    return {
      tsSec: Math.floor(this.#tsUs / 1_000_000),
      file: this.#startFile,
      pos: this.#startPos,
      gtids: this.#gtids?.format() ?? null,
      event,
      row: event === this.#skipEvents ? this.#skipRows : 0,
      serverId: this.#serverId,
      snapshot: false,
      transactionId: null,
    };
  }

  /** The offset after everything pushed so far; null while a prepared XA transaction forbids to go past it. */
  offset(): SourceOffset | null {
    if (this.#busy || this.#xa.holding || this.#xaGroup) return null;
    const at = this.resumePoint();
    return this.#offsetAt(at.file, at.pos, at.event, at.row);
  }

  /** The connection is gone: what was received and not processed is forgotten, it comes again. */
  disconnected(): void {
    this.#idle = true;
    this.#pending = [];
    this.#payload = null;
  }

  onEvent(buffer: Buffer, start: number, end: number): void {
    if (this.#error || this.#idle) return;
    if (this.#stalled) {
      this.#pending.push({ buffer, start, end });
      // The connection may be a new one, which was not told.
      if (this.#pending.length % 256 === 0) this.#o.onStall();
      return;
    }
    this.#process(buffer, start, end);
    if (this.#stalled) this.#o.onStall();
  }

  /** Goes on after a stall: called by the queue's drain and at the end of what was awaited. */
  continue(): void {
    if (this.#error || this.#idle) return;
    try {
      while (!this.#busy && !this.#o.queue.full) {
        if (this.#payload !== null) this.#drainPayload();
        else {
          const next = this.#pending.shift();
          if (next === undefined) break;
          this.#process(next.buffer, next.start, next.end);
        }
      }
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (!this.#stalled) this.#o.onReady();
  }

  get #stalled(): boolean {
    return this.#busy || this.#payload !== null || this.#pending.length > 0 || this.#o.queue.full;
  }

  #fail(error: unknown): void {
    this.#error = true;
    this.#o.onError(
      error instanceof CdcError
        ? error
        : new CdcError('CDC_MYSQL_BINLOG_EVENT', 'fatal', `the binlog event at ${this.#file}:${this.#pos} could not be processed`, {
            cause: error,
            hint: 'please report it with the server version and the statement that wrote it',
            context: { file: this.#file, pos: this.#pos },
          }),
    );
  }

  #process(buffer: Buffer, start: number, end: number): void {
    try {
      this.#handle(buffer, start, end);
    } catch (error) {
      this.#fail(error);
    }
  }

  #handle(buffer: Buffer, start: number, end: number): void {
    const type = buffer[start + 4] as number;
    const length = buffer.readUInt32LE(start + 9);
    const next = buffer.readUInt32LE(start + 13);
    const flags = buffer.readUInt16LE(start + 17);
    if (type === EVENT.ROTATE) {
      this.#file = buffer.toString('utf8', start + HEADER_BYTES + 8, end);
      this.#pos = Number(buffer.readBigUInt64LE(start + HEADER_BYTES));
      // A quiet server still moves to new files. The rotate made up at a GTID start may name an older one.
      if (!this.#open && this.#skipEvents === 0 && compareBinlogFiles(this.#file, this.#startFile) > 0) {
        this.#startFile = this.#file;
        this.#startPos = this.#pos;
      }
      this.#tables.clear();
      return;
    }
    if (type === EVENT.HEARTBEAT || type === EVENT.HEARTBEAT_V2 || (flags & ARTIFICIAL) !== 0) return;
    if (type === EVENT.FORMAT) {
      this.#tables.clear();
      return;
    }
    // MariaDB writes end_log_pos=0 inside transactions in some versions; positions past 4 GiB wrap around.
    let eventPos = this.#pos;
    if (next !== 0) {
      let whole = Math.floor(this.#pos / UINT32) * UINT32 + next;
      if (whole < this.#pos) whole += UINT32;
      eventPos = whole - length;
      this.#pos = whole;
    } else this.#pos += length;
    this.#dispatch(buffer, start, end, type, eventPos);
  }

  #drainPayload(): void {
    const payload = this.#payload as TransactionPayload;
    while (!this.#busy && !this.#o.queue.full) {
      if (!payload.next()) {
        this.#payload = null;
        return;
      }
      this.#dispatch(payload.buffer, payload.start, payload.end, payload.buffer[payload.start + 4] as number, this.#payloadPos);
    }
  }

  #dispatch(buffer: Buffer, start: number, end: number, type: number, eventPos: number): void {
    const body = start + HEADER_BYTES;
    const op = ROWS_OP[type];
    if (op !== undefined) {
      this.#rowsEvent(buffer, start, end, type, op, eventPos);
      this.#event++;
      return;
    }
    if (type === EVENT.PREVIOUS_GTIDS || type === EVENT.MARIADB_GTID_LIST || type === EVENT.MARIADB_CHECKPOINT || type === EVENT.STOP)
      return;
    this.#serverId = buffer.readUInt32LE(start + 5);
    this.#eventUs = buffer.readUInt32LE(start) * 1_000_000;
    switch (type) {
      case EVENT.TABLE_MAP:
        this.#tableMap(buffer, start, end);
        this.#event++;
        return;
      case EVENT.GTID:
      case EVENT.ANONYMOUS_GTID:
        this.#beginGroup(parseGtidEvent(buffer, body, end, type === EVENT.ANONYMOUS_GTID));
        return;
      case EVENT.GTID_TAGGED:
        this.#beginGroup(parseTaggedGtidEvent(buffer, body, end));
        return;
      case EVENT.MARIADB_GTID: {
        const g = parseMariaDbGtidEvent(buffer, body, end, this.#serverId);
        this.#beginGroup({ gtid: g.gtid, commitUs: 0 });
        if (!g.standalone && !g.completedXa) this.#begin(eventPos, null, g.preparedXa);
        return;
      }
      case EVENT.QUERY:
        if (isBegin(buffer, body, end)) this.#begin(eventPos, this.#o.flavour === 'mysql' ? buffer.readUInt32LE(body) : null, false);
        else this.#queryEvent(parseQueryEvent(buffer, body, end), eventPos);
        return;
      case EVENT.MARIADB_QUERY_COMPRESSED: {
        const plain = this.#o.schema.inflate(buffer, start, end);
        this.#queryEvent(parseQueryEvent(plain.buffer, plain.start + HEADER_BYTES, plain.end), eventPos);
        return;
      }
      case EVENT.XID:
        this.#commit();
        return;
      case EVENT.XA_PREPARE:
        this.#xaPrepare(buffer, body);
        return;
      case EVENT.ROWS_QUERY:
        if (this.#o.includeQuery) this.#query = buffer.toString('utf8', body + 1, end);
        this.#event++;
        return;
      case EVENT.MARIADB_ANNOTATE:
        if (this.#o.includeQuery) this.#query = buffer.toString('utf8', body, end);
        this.#event++;
        return;
      case EVENT.TRANSACTION_PAYLOAD:
        this.#payload = TransactionPayload.open(buffer, body, end);
        this.#payloadPos = eventPos;
        this.#drainPayload();
        return;
      case EVENT.INCIDENT:
        throw new CdcError('CDC_MYSQL_BINLOG_INCIDENT', 'fatal', 'the server logged an incident: changes are missing from its binlog', {
          hint: 'snapshot anew',
          context: { file: this.#file, pos: eventPos },
        });
      default:
        this.#event++;
    }
  }

  #beginGroup(g: GtidEvent): void {
    // A group without an end of its own (DDL) ended where the next begins.
    this.#open = false;
    this.#gtid = g.gtid;
    this.#commitUs = g.gtid === null ? 0 : g.commitUs;
    this.#lastEventUs = g.commitUs !== 0 ? g.commitUs : this.#eventUs;
  }

  get #tsUs(): number {
    return this.#commitUs !== 0 ? this.#commitUs : this.#eventUs;
  }

  #begin(pos: number, thread: number | null, xa: boolean): void {
    this.#open = true;
    this.#startFile = this.#file;
    this.#startPos = pos;
    this.#event = 0;
    this.#thread = thread;
    this.#query = null;
    this.#xaGroup = xa;
    this.#lastEventUs = this.#tsUs;
    const { metadata } = this.#o;
    if (metadata !== null && !xa) {
      metadata.begin(this.#gtid ?? `file=${this.#startFile},pos=${pos}`);
      this.#event = 1;
      if (this.#skipEvents === 0 && this.#skipRows === 0) this.#pushRecord(metadata.beginRecord(this.#tsUs, null));
    }
    this.#event = 1;
  }

  #pushRecord(chunk: Chunk | null): void {
    if (chunk === null) return;
    const offset = this.offset();
    this.#o.queue.push({ chunks: [{ ...chunk, offset } as Chunk], rows: 0, bytes: 200, offset });
  }

  #commit(): void {
    const end = this.#open && this.#event >= this.#skipEvents ? (this.#o.metadata?.endRecord(this.#tsUs, null) ?? null) : null;
    this.#o.metadata?.reset();
    this.#endGroup();
    this.#pushRecord(end);
  }

  #endGroup(): void {
    if (this.#gtid !== null) this.#gtids?.add(this.#gtid);
    this.#o.signals?.committed(this.#streamPosition(this.#pos));
    this.#gtid = null;
    this.#open = false;
    this.#xaGroup = false;
    this.#event = 0;
    this.#query = null;
    this.#skipEvents = 0;
    this.#skipRows = 0;
    this.#startFile = this.#file;
    this.#startPos = this.#pos;
  }

  #tableMap(buffer: Buffer, start: number, end: number): void {
    const { schema } = this.#o;
    const id = schema.tableId(buffer, start);
    const cached = this.#tables.get(id);
    const body = start + HEADER_BYTES;
    if (
      cached !== undefined &&
      cached.generation === schema.generation &&
      buffer.compare(cached.raw, 0, cached.raw.length, body, end) === 0
    )
      return;
    const raw = Buffer.from(buffer.subarray(body, end));
    const table = schema.table(buffer, start, end);
    if (!(table instanceof Promise)) {
      this.#tables.set(id, { raw, generation: schema.generation, table });
      return;
    }
    this.#wait(
      table.then((t) => {
        this.#tables.set(id, { raw, generation: schema.generation, table: t });
      }),
    );
  }

  /** No transaction is open and nothing awaited. */
  get between(): boolean {
    return !this.#open && !this.#busy && !this.#idle;
  }

  /** What was read completely; null without GTIDs. */
  get gtids(): GtidState | null {
    return this.#gtids;
  }

  /** Stands still, between two events, until `work` is done. */
  stall(work: () => Promise<void>): void {
    if (this.#busy) {
      this.#work = this.#work.then(() => this.stall(work));
      return;
    }
    this.#wait(work());
    this.#o.onStall();
  }

  #wait(work: Promise<void>): void {
    this.#busy = true;
    this.#work = work.then(
      () => {
        this.#busy = false;
        if (!this.#idle) this.continue();
      },
      (error) => this.#fail(error),
    );
  }

  #rowsEvent(buffer: Buffer, start: number, end: number, type: number, op: 'c' | 'u' | 'd', eventPos: number): void {
    const id = this.#o.schema.tableId(buffer, start);
    const cached = this.#tables.get(id);
    if (cached === undefined) {
      if (id === DUMMY_TABLE_ID) return;
      throw new CdcError('CDC_MYSQL_BINLOG_EVENT', 'fatal', 'rows came without the table map they refer to', {
        hint: 'the stored offset points into the middle of a statement; reset it to a transaction start',
        context: { file: this.#file, pos: eventPos },
      });
    }
    const { table } = cached;
    if (table === null) return;
    const signals = this.#o.signals ?? null;
    const isSignal = signals?.isSignalTable(table.schema) === true;
    if (!isSignal && this.#o.skippedOperations.has(op)) return;
    const skipping = this.#skipEvents > 0 || this.#skipRows > 0;
    const done = skipping && this.#event < this.#skipEvents;
    if (done && this.#o.metadata === null) return;
    const rows = table.decode(buffer, start, end, type);
    this.#lastRow = Math.max(0, rows.count - 1);
    const from = done ? rows.count : skipping && this.#event === this.#skipEvents ? Math.min(this.#skipRows, rows.count) : 0;
    const wait = isSignal && !done && signals !== null ? this.#signals(signals, op, rows, from, eventPos) : null;
    if (!isSignal || !this.#o.skippedOperations.has(op)) this.#emitRows(table.schema, op, rows, from, eventPos, end - start);
    if (wait !== null) this.#wait(wait);
  }

  #signals(signals: SignalObserver, op: 'c' | 'u' | 'd', rows: DecodedRows, from: number, eventPos: number): Promise<void> | null {
    if (!this.#xaGroup) return signals.signalRows(op, rows, from, this.#streamPosition(eventPos));
    this.#o.logger.warn({ file: this.#file, pos: eventPos }, 'signals of an XA transaction are left out: send them in a plain one');
    return null;
  }

  #streamPosition(pos: number): StreamPosition {
    return { serverId: this.#serverId, gtid: this.#gtid, file: this.#file, pos, thread: this.#thread };
  }

  #emitRows(schema: TableSchema, op: 'c' | 'u' | 'd', rows: DecodedRows, from: number, eventPos: number, bytes: number): void {
    const { metadata, flavour, name, queue } = this.#o;
    const collection = metadata === null ? '' : formatTableId(schema.id);
    const source: SourceInfo = sourceInfo(flavour, name, {
      db: schema.id.database,
      table: schema.id.table,
      tsUs: this.#tsUs,
      snapshot: null,
      serverId: this.#serverId,
      gtid: this.#gtid,
      file: this.#file,
      pos: eventPos,
      thread: this.#thread,
      query: this.#query,
    });
    const processedUs = this.#o.clock.now() * 1000;
    const hold = this.#xaGroup;
    const chunks: Chunk[] = [];
    let emitted = 0;
    let last: SourceOffset | null = null;
    const add = (
      part: Op,
      before: readonly Row[] | null,
      after: readonly Row[] | null,
      first: number,
      count: number,
      otherKeys: readonly Row[] | null,
      resumable: boolean,
      counted: boolean,
    ): void => {
      const transaction = metadata === null ? null : counted ? metadata.count(collection, count) : metadata.count(collection, 0);
      if (first + count <= from) return;
      const offset =
        resumable && !hold && !this.#xa.holding ? this.#offsetAt(this.#startFile, this.#startPos, this.#event, first + count) : null;
      const chunk: RowChunk = {
        kind: 'rows',
        table: schema,
        op: part,
        before,
        after,
        count,
        source,
        firstRow: first,
        processedUs,
        transaction,
        tombstones: this.#o.tombstones && part === 'd',
        otherKeys,
        offset,
      };
      chunks.push(chunk);
      if (offset !== null) last = offset;
      emitted += count;
    };
    if (op !== 'u') {
      if (metadata !== null && from > 0) metadata.count(collection, from);
      const all = op === 'c' ? rows.after : rows.before;
      const images = from === 0 ? all : (all as readonly Row[]).slice(from);
      const count = rows.count - from;
      if (count > 0) add(op, op === 'd' ? images : null, op === 'c' ? images : null, from, count, null, true, true);
    } else {
      const before = rows.before as readonly Row[];
      const after = rows.after as readonly Row[];
      changeRuns(schema, before, after, from, this.#o.skipUnchanged, (kind, first, until) => {
        if (kind === 'unchanged') return;
        if (kind === 'same-key') {
          const whole = first === 0 && until === rows.count;
          add(
            'u',
            whole ? before : before.slice(first, until),
            whole ? after : after.slice(first, until),
            first,
            until - first,
            null,
            true,
            true,
          );
          return;
        }
        for (let i = first; i < until; i++) {
          const oldRow = before[i] as Row;
          const newRow = after[i] as Row;
          // Two events in the transaction's count, as Debezium has it.
          add('d', [oldRow], null, i, 1, [schema.keyOrdinals.map((k) => newRow[k])], false, true);
          add('c', null, [newRow], i, 1, [schema.keyOrdinals.map((k) => oldRow[k])], true, true);
        }
      });
    }
    this.#rows += emitted;
    if (chunks.length === 0) return;
    const entry: QueueEntry = { chunks, rows: emitted, bytes, offset: last };
    if (hold) this.#held.push(this.#xa.account(entry));
    else {
      if (this.#o.signals?.windowOpen === true) this.#o.signals.delivered(chunks);
      queue.push(entry);
    }
  }

  #offsetAt(file: string, pos: number, event: number, row: number): SourceOffset {
    const offset = formatBinlogOffset({
      tsSec: Math.floor(this.#tsUs / 1_000_000),
      file,
      pos,
      gtids: this.#gtids?.format() ?? null,
      row,
      ...(this.#serverId === 0 ? {} : { serverId: this.#serverId }),
      event,
    });
    const { metadata, signals } = this.#o;
    const snapshot = signals?.offsetKeys() ?? null;
    if (metadata === null && snapshot === null) return offset;
    return { ...offset, ...metadata?.offsetKeys(), ...snapshot };
  }

  #queryEvent(query: QueryEvent, eventPos: number): void {
    const sql = query.sql.toString('latin1');
    const word = sql.length <= 16 ? sql.trim().toUpperCase() : '';
    if (word === 'BEGIN') {
      this.#begin(eventPos, this.#o.flavour === 'mysql' ? query.thread : null, false);
      return;
    }
    if (word === 'COMMIT') {
      this.#commit();
      return;
    }
    if (word === 'ROLLBACK') {
      this.#o.logger.warn(
        { file: this.#file, pos: eventPos },
        'a transaction with changes of a non-transactional table was rolled back; its other changes were sent already',
      );
      this.#commit();
      return;
    }
    const xa = xaStatement(sql);
    if (xa !== null) {
      this.#xaStatement(xa.verb, xa.xid, eventPos);
      return;
    }
    if (!CONTROL.test(sql) && STATEMENT_DML.test(sql)) {
      const table = this.#o.schema.namesCapturedTable(sql, query.database);
      if (table !== null) {
        throw new CdcError('CDC_MYSQL_BINLOG_FORMAT', 'environment', `table ${table}: a change is logged as a statement, not as rows`, {
          hint: 'set binlog_format=ROW globally and in every session, then snapshot anew',
          context: { file: this.#file, pos: eventPos },
        });
      }
    }
    if (CONTROL.test(sql) || STATEMENT_DML.test(sql) || !this.#o.schema.isRelevant(sql)) {
      if (this.#open) this.#event++;
      else this.#endGroup();
      return;
    }
    this.#ddl(query, eventPos);
  }

  #ddl(query: QueryEvent, eventPos: number): void {
    const standalone = !this.#open;
    const done = !standalone && this.#event < this.#skipEvents;
    const gtid = this.#gtid;
    const gtidsBefore = this.#gtids?.format() ?? null;
    const tsUs = Math.floor(this.#tsUs / 1000) * 1000;
    const base = { tsSec: Math.floor(tsUs / 1_000_000), file: this.#file, gtids: gtidsBefore, serverId: this.#serverId };
    const position = standalone
      ? formatBinlogOffset({ ...base, pos: this.#pos })
      : formatBinlogOffset({ ...base, file: this.#startFile, pos: this.#startPos, event: this.#event + 1 });
    const source = {
      tsUs,
      snapshot: null,
      serverId: this.#serverId,
      gtid,
      file: this.#file,
      pos: eventPos,
      thread: standalone ? null : this.#thread,
      query: null,
      row: this.#lastRow,
    };
    if (standalone) {
      this.#endGroup();
      // MySQL without BEGIN before CREATE TABLE … SELECT: the statement itself opens the transaction.
      if (/\bSTART\s+TRANSACTION\s*$/i.test(query.sql.toString('latin1'))) {
        this.#gtid = gtid;
        this.#begin(eventPos, query.thread, false);
      }
    } else this.#event++;
    if (done) return;
    const offset = this.offset();
    this.#wait(
      this.#o.schema.apply({ query, tsUs, source, position, offset }).then((chunks) => {
        if (this.#o.signals?.windowOpen === true) this.#o.signals.delivered(chunks);
        const kept = chunks.filter((c) => !(c.kind === 'rows' && c.op === 't' && this.#o.skippedOperations.has('t')));
        if (kept.length === 0) return;
        const rows = kept.reduce((n, c) => n + (c.kind === 'rows' ? c.count : 0), 0);
        this.#o.queue.push({ chunks: kept, rows, bytes: query.sql.length, offset });
      }),
    );
  }

  #xaStatement(verb: string, xid: string | null, eventPos: number): void {
    if (verb === 'START') {
      this.#begin(eventPos, null, true);
      return;
    }
    if (verb === 'COMMIT' || verb === 'ROLLBACK') {
      if (xid === null)
        throw new CdcError('CDC_MYSQL_XA', 'fatal', `an XA ${verb} could not be read`, { context: { file: this.#file, pos: eventPos } });
      const entries = this.#xa.resolve(xid);
      if (entries === undefined && verb === 'COMMIT') {
        throw new CdcError(
          'CDC_MYSQL_XA',
          'fatal',
          'an XA transaction committed that was prepared before reading began: its rows are not known',
          {
            hint: 'snapshot anew when XA RECOVER shows no prepared transaction',
            context: { file: this.#file, pos: eventPos },
          },
        );
      }
      this.#endGroup();
      if (verb === 'COMMIT') this.#release(entries ?? []);
      return;
    }
    this.#event++;
  }

  #xaPrepare(buffer: Buffer, body: number): void {
    const onePhase = buffer[body] !== 0;
    const entries = this.#held;
    this.#held = [];
    if (!onePhase) this.#xa.prepare(parseXid(buffer, body + 1), entries);
    this.#endGroup();
    if (onePhase) {
      for (const e of entries) this.#xa.forget(e);
      this.#release(entries);
    }
  }

  /** Held entries become visible; only behind the last of them may reading resume. */
  #release(entries: readonly QueueEntry[]): void {
    const offset = this.offset();
    entries.forEach((entry, i) => {
      if (this.#o.signals?.windowOpen === true) this.#o.signals.delivered(entry.chunks);
      if (i < entries.length - 1 || offset === null) this.#o.queue.push(entry);
      else {
        const chunks = entry.chunks.map((c, k) => (k === entry.chunks.length - 1 ? ({ ...c, offset } as Chunk) : c));
        this.#o.queue.push({ ...entry, chunks, offset });
      }
    });
  }
}
