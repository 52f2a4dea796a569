import { defineConfig } from '../../src/config/config-def.ts';
import type { Batch, RowChunk } from '../../src/model/chunk.ts';
import { envelopeSchema, sourceSchema } from '../../src/model/envelope.ts';
import type { SourceOffset, SourcePartition } from '../../src/model/offset.ts';
import { primitive, struct } from '../../src/model/schema.ts';
import type { TableSchema } from '../../src/model/table-schema.ts';
import type { SinkTask, SourceConnector, SourceTask, SourceTaskContext, TaskProgress } from '../../src/spi/connector.ts';

export const PARTITION: SourcePartition = { server: 'memory' };

const key = struct([['id', primitive('int32')]], { name: 'memory.t.Key' });
const value = struct(
  [
    ['id', primitive('int32')],
    ['v', primitive('string', { optional: true })],
  ],
  { name: 'memory.t.Value', optional: true },
);

export const TABLE: TableSchema = {
  id: { database: 'db', table: 't' },
  topic: 'memory.db.t',
  key,
  value,
  envelope: envelopeSchema('memory.t.Envelope', value, sourceSchema('mysql')),
  shape: 'envelope',
  keyOrdinals: [0],
};

/** A batch of one chunk with rows `from`…`from + count - 1`; its offset is the number after the last. */
export function batchOf(from: number, count: number, options: Partial<Pick<RowChunk, 'op' | 'tombstones' | 'otherKeys'>> = {}): Batch {
  const rows = Array.from({ length: count }, (_, i) => [from + i, `row ${from + i}`]);
  const op = options.op ?? 'c';
  const values = ['3.6.1.Final', 'mysql', 'memory', 1, 'false', 'db', null, 1000, 1_000_000, 't', 1, null, 'f', 4, 0, null, null];
  const offset = { next: from + count };
  const chunk: RowChunk = {
    kind: 'rows',
    table: TABLE,
    op,
    before: op === 'd' ? rows : null,
    after: op === 'd' ? null : rows,
    count,
    source: {
      connector: 'mysql',
      name: 'memory',
      db: 'db',
      table: 't',
      tsUs: 1000,
      snapshot: null,
      serverId: 1,
      gtid: null,
      file: 'f',
      pos: 4,
      thread: null,
      query: null,
      values,
    },
    firstRow: 0,
    processedUs: 2000,
    transaction: null,
    tombstones: options.tombstones ?? false,
    otherKeys: options.otherKeys ?? null,
    offset,
  };
  return { chunks: [chunk], rowCount: count, bytes: count * 10, offsets: [{ partition: PARTITION, offset }], headers: [] };
}

export interface MemorySourceOptions {
  /** Rows to give, one a batch; then nothing, or the end. */
  readonly rows: number;
  readonly finishes?: boolean;
  /** Thrown by the poll before the row of that number; once, unless `failsAlways`. */
  readonly failAt?: { readonly row: number; readonly error: Error };
  readonly failsAlways?: boolean;
}

/** Gives numbered rows from where it was committed; remembers what it was told. */
export class MemorySource {
  readonly committed: SourceOffset[] = [];
  readonly resumedFrom: (SourceOffset | null)[] = [];
  readonly #options: MemorySourceOptions;
  #hasFailed = false;

  constructor(options: MemorySourceOptions) {
    this.#options = options;
  }

  task(context: Pick<SourceTaskContext, 'committed'>): SourceTask {
    const options = this.#options;
    let next = 1;
    let running = false;
    return {
      start: async () => {
        const from = await context.committed(PARTITION);
        this.resumedFrom.push(from);
        next = from === null ? 1 : Number(from['next']);
        running = true;
      },
      poll: async (signal) => {
        if (signal.aborted) return null;
        if (options.failAt?.row === next && (options.failsAlways === true || !this.#hasFailed)) {
          this.#hasFailed = true;
          throw options.failAt.error;
        }
        if (next > options.rows) {
          await new Promise((resolve) => setTimeout(resolve, 2));
          return null;
        }
        return batchOf(next++, 1);
      },
      committed: async (_partition, offset) => {
        this.committed.push(offset);
      },
      progress: (): TaskProgress => ({ phase: running ? 'streaming' : 'starting', rowsTotal: next - 1, lagMs: 0, snapshot: null }),
      finished: () => options.finishes === true && next > options.rows,
      stop: async () => {
        running = false;
      },
    };
  }

  connector(): SourceConnector {
    return {
      type: 'source',
      names: ['com.example.MemoryConnector', 'memory'],
      version: '1',
      config: defineConfig<Record<string, unknown>>({
        'topic.prefix': { type: 'string', default: 'memory', importance: 'high', group: 'x', doc: 'prefix' },
      }),
      probe: async () => [],
      taskConfigs: (raw) => [raw],
      createTask: (_config, context) => this.task(context),
    };
  }
}

/** Holds rows until flushed, `every` rows at a time; can fail, and can keep offsets beside its rows. */
export class MemorySink implements SinkTask {
  readonly durable: number[] = [];
  readonly log: string[] = [];
  failFlush: Error | null = null;
  readonly #every: number;
  #buffer: number[] = [];

  constructor(every: number) {
    this.#every = every;
  }

  async start(): Promise<void> {
    this.#buffer = [];
  }
  async put(batch: Batch): Promise<void> {
    for (const c of batch.chunks) if (c.kind === 'rows') for (const row of c.after ?? []) this.#buffer.push(row[0] as number);
  }
  shouldFlush(): boolean {
    return this.#buffer.length >= this.#every;
  }
  async flush(): Promise<void> {
    if (this.failFlush !== null) throw this.failFlush;
    this.durable.push(...this.#buffer);
    this.#buffer = [];
    this.log.push(`flushed ${this.durable.length}`);
  }
  async stop(): Promise<void> {}
}
