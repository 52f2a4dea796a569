import type { Row, RowChunk, SnapshotMarker } from '../../../model/chunk.ts';
import type { SourceOffset } from '../../../model/offset.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import { failpoint } from '../../../util/failpoint.ts';
import type { ChangeQueue } from '../../change-queue.ts';
import type { MySqlConnection, RowStream } from '../connection.ts';
import { sourceInfo } from '../source-info.ts';

export interface SnapshotContext {
  readonly connector: string;
  readonly name: string;
  readonly file: string;
  readonly pos: number;
  readonly tsUs: number;
  /** While the snapshot runs, and once it is complete. */
  readonly runningOffset: SourceOffset | null;
  readonly completeOffset: SourceOffset | null;
  /** Of tables that were delivered before: to whoever receives the rows they are no first ones. */
  readonly onDemand?: boolean;
  readonly clock: { now(): number };
  readonly queue: ChangeQueue;
}

const CHUNK_BYTES = 1 << 20;

/**
 * Makes chunks of snapshot rows with Debezium's markers: a table's first row `first_in_data_collection` (`first` in the
 * first table), its last `last_in_data_collection`, the very last `last`. Where one row is several of these, `last` wins
 * over `first`, `first` over `last_in_data_collection`, that over `first_in_data_collection`. Holds back one row,
 * because only the next one, or the end, tells what it is.
 */
export class SnapshotRows {
  readonly #c: SnapshotContext;
  readonly #chunkRows: number;
  readonly #onFirstRow: () => void;
  #schema: TableSchema | null = null;
  #firstTable = true;
  #count = 0;
  #held: Row | null = null;
  #rows: Row[] = [];
  #bytes = 0;
  /** The last row of the table before. */
  #last: { schema: TableSchema; row: Row; marker: SnapshotMarker } | null = null;
  total = 0;

  /** `onFirstRow` is called before the first row of all. */
  constructor(context: SnapshotContext, chunkRows: number, onFirstRow: () => void) {
    this.#c = context;
    this.#chunkRows = chunkRows;
    this.#onFirstRow = onFirstRow;
  }

  beginTable(schema: TableSchema): void {
    this.#schema = schema;
    this.#count = 0;
  }

  add(row: Row, bytes: number): void {
    if (this.total === 0) this.#onFirstRow();
    if (this.#held === null) {
      if (this.#last !== null) this.#push(this.#last.schema, [this.#last.row], this.#last.marker, 0, this.#c.runningOffset);
      this.#last = null;
    } else if (this.#count === 1) {
      this.#push(
        this.#schema as TableSchema,
        [this.#held],
        this.#firstTable ? 'first' : 'first_in_data_collection',
        0,
        this.#c.runningOffset,
      );
    } else {
      this.#rows.push(this.#held);
      if (this.#rows.length >= this.#chunkRows || this.#bytes >= CHUNK_BYTES) this.#flush();
    }
    this.#held = row;
    this.#bytes += bytes;
    this.#count++;
    this.total++;
  }

  endTable(): void {
    this.#flush();
    if (this.#held !== null) {
      const marker = this.#firstTable && this.#count === 1 ? 'first' : 'last_in_data_collection';
      this.#last = { schema: this.#schema as TableSchema, row: this.#held, marker };
    }
    this.#held = null;
    this.#firstTable = false;
  }

  /** Emits the very last row; false when there was none. */
  finish(): boolean {
    if (this.#last === null) return false;
    this.#push(this.#last.schema, [this.#last.row], 'last', 0, this.#c.completeOffset);
    this.#last = null;
    return true;
  }

  #flush(): void {
    failpoint('snapshot.mid');
    if (this.#rows.length > 0) this.#push(this.#schema as TableSchema, this.#rows, 'true', this.#bytes, this.#c.runningOffset);
    this.#rows = [];
    this.#bytes = 0;
  }

  #push(table: TableSchema, rows: readonly Row[], marker: SnapshotMarker, bytes: number, offset: SourceOffset | null): void {
    const c = this.#c;
    const source = sourceInfo(c.connector, c.name, {
      db: table.id.database,
      table: table.id.table,
      tsUs: c.tsUs,
      snapshot: marker,
      serverId: 0,
      gtid: null,
      file: c.file,
      pos: c.pos,
      thread: null,
      query: null,
    });
    const chunk: RowChunk = {
      kind: 'rows',
      table,
      op: 'r',
      before: null,
      after: rows,
      count: rows.length,
      source: c.onDemand === true ? { ...source, snapshot: 'incremental' } : source,
      firstRow: 0,
      processedUs: c.clock.now() * 1000,
      transaction: null,
      tombstones: false,
      otherKeys: null,
      offset,
    };
    c.queue.push({ chunks: [chunk], rows: rows.length, bytes, offset });
  }
}

/** How one table's rows are read; made by compileSnapshotReader. */
export interface TableReader {
  readonly schema: TableSchema;
  readonly select: string;
  decodeRow(packet: Buffer, offset: number): Row;
}

/** Streams one table into `rows`; while the queue is full the socket is paused. `onStream` gets the running stream, for resuming it. */
export async function readTable(
  connection: MySqlConnection,
  reader: TableReader,
  rows: SnapshotRows,
  queue: ChangeQueue,
  onStream: (stream: RowStream | null) => void,
): Promise<void> {
  rows.beginTable(reader.schema);
  let lastOffset = 0;
  let lastBuffer: Buffer | null = null;
  const stream: RowStream = connection.stream(reader.select, (packet, offset) => {
    // Bytes of the rows before this one in the same socket buffer; rows spanning buffers count by their part.
    const bytes = lastBuffer === packet && offset > lastOffset ? offset - lastOffset : 64;
    lastBuffer = packet;
    lastOffset = offset;
    rows.add(reader.decodeRow(packet, offset), bytes);
    if (queue.full) stream.pause();
  });
  onStream(stream);
  try {
    await stream.done;
  } finally {
    onStream(null);
  }
  rows.endTable();
}
