import type { Batch, Row } from '../../src/model/chunk.ts';
import type { SourceOffset } from '../../src/model/offset.ts';
import type { TableSchema } from '../../src/model/table-schema.ts';
import type { MySqlConfig } from '../../src/source/mysql/config.ts';
import type { SourceConnector, SourceTask } from '../../src/spi/connector.ts';
import type { Logger, MetricGroup } from '../../src/spi/telemetry.ts';
import { until } from './until.ts';

export interface RunOptions {
  /** Images with column names, bytes in hexadecimal: `{id:1,v:x}`. */
  readonly named?: boolean;
  /** Instead of the row's text. */
  readonly image?: (row: Row) => string;
  /** Tells the task at once that what it gave is durable. */
  readonly acknowledge?: boolean;
}

/** Says nothing. */
export const quiet: Logger = { child: () => quiet, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
export const noMetrics: MetricGroup = {
  counter: () => ({ add: () => {} }),
  gauge: () => ({ set: () => {} }),
  histogram: () => ({ observe: () => {} }),
};

export interface Seen {
  /** `op table {row}`; updates `u table before after`. */
  readonly text: string;
  /** Resume point after the row's chunk. */
  readonly offset: SourceOffset | null;
}

/** A running task and what it gave so far. */
export class Run {
  readonly events: Seen[] = [];
  readonly snapshotMarkers: string[] = [];
  readonly ddl: string[] = [];
  readonly ddlOffsets: (SourceOffset | null)[] = [];
  committed: SourceOffset | null;
  error: unknown = null;
  readonly task: SourceTask;
  readonly #abort = new AbortController();
  readonly #options: RunOptions;
  #loop: Promise<void> | null = null;

  constructor(connector: SourceConnector<MySqlConfig>, config: MySqlConfig, committed: SourceOffset | null, options: RunOptions = {}) {
    this.committed = committed;
    this.#options = options;
    this.task = connector.createTask(config, {
      name: 'c',
      taskId: 0,
      logger: quiet,
      metrics: noMetrics,
      clock: { now: () => Date.now() },
      committed: async () => committed,
    });
  }

  async start(): Promise<this> {
    await this.task.start(this.#abort.signal);
    this.#loop = this.#poll();
    return this;
  }

  async #poll(): Promise<void> {
    try {
      while (!this.#abort.signal.aborted && this.task.finished?.() !== true) {
        const batch = await this.task.poll(this.#abort.signal);
        if (batch !== null) {
          this.#take(batch);
          if (this.#options.acknowledge === true) for (const o of batch.offsets) await this.task.committed?.(o.partition, o.offset);
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    } catch (error) {
      this.error = error;
    }
  }

  #take(batch: Batch): void {
    for (const chunk of batch.chunks) {
      if (chunk.kind === 'schemaChange') {
        if (chunk.source.snapshot === null) {
          this.ddl.push(chunk.operations.map((o) => o.kind).join('+'));
          this.ddlOffsets.push(chunk.offset);
        }
        continue;
      }
      if (chunk.kind !== 'rows') continue;
      for (let i = 0; i < chunk.count; i++) {
        const images = [chunk.before?.[i], chunk.after?.[i]].filter((r) => r !== undefined).map((r) => this.#image(chunk.table, r));
        this.events.push({
          text: [chunk.op, chunk.table.id.table, ...images].join(' '),
          offset: i === chunk.count - 1 ? chunk.offset : null,
        });
        if (chunk.source.snapshot !== null) this.snapshotMarkers.push(chunk.source.snapshot);
      }
    }
    const last = batch.offsets.at(-1);
    if (last !== undefined) this.committed = last.offset;
  }

  #image(table: TableSchema, row: Row): string {
    if (this.#options.image !== undefined) return this.#options.image(row);
    if (this.#options.named !== true) return JSON.stringify(row);
    return `{${table.value.fields.map((f, i) => `${f.name}:${valueText(row[i])}`).join(',')}}`;
  }

  texts(): string[] {
    return this.events.map((e) => e.text);
  }

  async seen(count: number): Promise<void> {
    await until(
      `${count} rows, of which ${this.events.length} came: ${String(this.error)}`,
      20_000,
      () => this.error !== null || this.events.length >= count,
      5,
    );
    if (this.error !== null) throw this.error;
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#loop;
    await this.task.stop();
  }
}

function valueText(v: unknown): string {
  if (v instanceof Uint8Array) return `0x${Buffer.from(v).toString('hex')}`;
  if (typeof v === 'bigint') return String(v);
  return JSON.stringify(v, (_, x: unknown) =>
    x instanceof Uint8Array ? Buffer.from(x).toString('hex') : typeof x === 'bigint' ? String(x) : x,
  );
}
