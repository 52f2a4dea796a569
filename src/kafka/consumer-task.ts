import type { Batch } from '../model/chunk.ts';
import type { CdcError } from '../model/errors.ts';
import type { PartitionOffset, SourceOffset, SourcePartition } from '../model/offset.ts';
import { formatTableId, type TableSchema } from '../model/table-schema.ts';
import type { RawConfig } from '../spi/config-def.ts';
import type { SourceTask, SourceTaskContext, TaskProgress } from '../spi/connector.ts';
import type { Converter } from '../spi/converter.ts';
import type { Counter } from '../spi/telemetry.ts';
import { deferred } from '../util/deferred.ts';
import { kafkaPartition, storedOffset } from './assignment.ts';
import { buildBatch } from './chunk-builder.ts';
import type { KafkaMessage } from './client.ts';
import { wholeNumber } from './config.ts';
import { abortedError } from './errors.ts';
import type { GroupOffset, GroupOffsetStore } from './group-offsets.ts';
import { GroupReader, type Lane, laneId, type SourceMerge } from './group-reader.ts';
import type { Incoming } from './message-reader.ts';
import { Subscription } from './subscription.ts';

export interface KafkaConsumerTaskOptions {
  /** Client and consumer keys without prefix (config.ts `clientKeys(raw, 'consumer.')`). Read: `group.id`, `auto.offset.reset`, `isolation.level`, `max.poll.records`, `fetch.max.bytes`, `max.partition.fetch.bytes`, `session.timeout.ms`, `heartbeat.interval.ms`. */
  readonly client: RawConfig;
  /** The connector's configuration; read: `topics`, `topics.regex`. */
  readonly connector: RawConfig;
  readonly keyConverter: Converter;
  readonly valueConverter: Converter;
  readonly context: SourceTaskContext;
  /** Called for a message that cannot be read (`errors.tolerance`, dead letters): resolves to skip it, throws to fail. Default: fail. */
  readonly onUnreadable?: (
    error: CdcError,
    message: { readonly topic: string; readonly partition: number; readonly message: KafkaMessage },
  ) => Promise<void>;
  /** Set when the group is where offsets are stored: it then commits through this task's consumer, and `committed` does nothing. */
  readonly groupOffsets?: GroupOffsetStore;
  /** Bytes of decoded messages held, about. */
  readonly maxBufferedBytes?: number;
}

/** A sink is told that nothing comes after this time. */
const POLL_MS = 200;
const DISCOVERY_MS = 1000;
/** While there is no topic to read: a source that starts beside this task is about to make them. */
const FIRST_DISCOVERY_MS = 200;
const COMMIT_MS = 1000;

/**
 * Reads topics as one more source: consumer group `connect-<name>`, messages merged by source position (position-merge.ts), batches
 * whose offsets are the next offset of each partition. The offset a sink stored wins over the group's, which is committed
 * only for lag tools.
 *
 * Lifecycle: subscribed to the topics that exist; `poll` looks for new ones and resubscribes in place, keeping what it holds. When
 * partitions are taken away, or another member moved the stored offsets meanwhile, the task ends with a retriable error:
 * a fresh one begins at the stored offsets, and what the sink had not flushed is dropped with the old one.
 */
export class KafkaConsumerTask implements SourceTask {
  readonly #options: KafkaConsumerTaskOptions;
  readonly #subscription: Subscription;
  readonly #reader: GroupReader;
  readonly #maxRows: number;
  readonly #maxBytes: number;
  readonly #dropped: Counter;
  readonly #toCommit = new Map<string, GroupOffset>();
  /** Tables that were seen. */
  readonly #tables = new Set<string>();
  #lastTable: TableSchema | null = null;
  #lastDiscovery = Number.NEGATIVE_INFINITY;
  #lastCommit = 0;
  #rows = 0;
  /** Whose turn it is among the sources. */
  #turn = 0;
  #lastTsUs = 0;
  #snapshot = false;
  #toldOfKeyless = false;
  #stopped = false;

  /** Throws CDC_CONFIG_INVALID. */
  constructor(options: KafkaConsumerTaskOptions) {
    this.#options = options;
    this.#subscription = new Subscription(options.connector);
    this.#maxRows = wholeNumber(options.client, 'max.poll.records', 20_000);
    this.#maxBytes = options.maxBufferedBytes ?? 40 << 20;
    this.#reader = new GroupReader(options, this.#subscription, this.#maxBytes);
    this.#dropped = options.context.metrics.counter(
      'kafka_consumer_redelivered_dropped_total',
      'Messages a source delivered twice that were not passed on',
    );
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#reader.start();
    this.#lastDiscovery = performance.now();
    if (signal.aborted) throw abortedError();
  }

  async poll(signal: AbortSignal): Promise<Batch | null> {
    const deadline = performance.now() + POLL_MS;
    for (;;) {
      if (this.#reader.failure !== null) throw this.#reader.failure;
      if (signal.aborted || this.#stopped) throw abortedError();
      if (performance.now() - this.#lastDiscovery > (this.#reader.lanes.size === 0 ? FIRST_DISCOVERY_MS : DISCOVERY_MS))
        await this.#discover();
      if (this.#toCommit.size > 0 && performance.now() - this.#lastCommit > COMMIT_MS) await this.#commit();
      const changed = this.#reader.changed();
      const batch = this.#release();
      if (batch !== null) return batch;
      if (await this.#ask()) continue;
      const left = deadline - performance.now();
      if (left <= 0) return null;
      await waitFor(changed, left, signal);
    }
  }

  async committed(partition: SourcePartition, offset: SourceOffset): Promise<void> {
    if (this.#options.groupOffsets !== undefined) return;
    const topic = partition['kafka_topic'];
    const number = partition['kafka_partition'];
    if (typeof topic !== 'string' || typeof number !== 'number') return;
    this.#toCommit.set(laneId(topic, number), { topic, partition: number, offset: String(storedOffset(offset)) });
  }

  progress(): TaskProgress {
    const lagMs = this.#lastTsUs === 0 ? null : Math.max(0, this.#options.context.clock.now() - Math.round(this.#lastTsUs / 1000));
    return { phase: this.#snapshot ? 'snapshot' : 'streaming', rowsTotal: this.#rows, lagMs, snapshot: null };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#options.groupOffsets?.attach(null);
    if (this.#toCommit.size > 0 && this.#reader.failure === null) await this.#commit();
    await this.#reader.stop();
  }

  async #discover(): Promise<void> {
    await this.#reader.discover();
    this.#lastDiscovery = performance.now();
  }

  async #commit(): Promise<void> {
    this.#lastCommit = performance.now();
    const offsets = [...this.#toCommit.values()];
    this.#toCommit.clear();
    await this.#reader.commit(offsets);
  }

  /** What may go now, as a batch; null when nothing may and no offset moved. */
  #release(): Batch | null {
    const items: Incoming[] = [];
    // One source a batch, and a schema change alone: a sink makes durable what precedes it, with the offsets of the batches before.
    const merges = [...this.#reader.merges.values()];
    for (let n = 0; n < merges.length; n++) {
      const { merge } = merges[(this.#turn + n) % merges.length] as SourceMerge;
      const released = merge.release(this.#maxRows, this.#maxBytes / 4);
      for (const { lane: id, item } of released) {
        const kept = this.#admit(this.#reader.lanes.get(id) as Lane, item);
        if (kept !== null) items.push(kept);
      }
      if (released.length > 0) {
        this.#turn += n + 1;
        break;
      }
    }
    const offsets: PartitionOffset[] = [];
    for (const lane of this.#reader.lanes.values()) {
      const next = lane.merge.released(lane.id);
      if (next === lane.told) continue;
      lane.told = next;
      const reached = lane.redelivery.reached(lane.id);
      const offset = reached === null ? { kafka_offset: next } : { kafka_offset: next, reached };
      offsets.push({ partition: kafkaPartition(lane.topic, lane.partition), offset });
    }
    if (offsets.length === 0) return null;
    this.#reader.resume();
    const batch = buildBatch(items, offsets);
    this.#rows += batch.rowCount;
    return batch;
  }

  /** The item to deliver, or null. */
  #admit(lane: Lane, item: Incoming): Incoming | null {
    if (item.kind === 'skip') {
      lane.redelivery.other(lane.id);
      return null;
    }
    if (item.kind === 'row') {
      if (item.position !== null) this.#lastTsUs = item.position.tsUs;
      this.#snapshot = item.snapshot !== null && item.snapshot !== 'incremental' && item.snapshot !== 'last';
      if (item.table !== this.#lastTable) {
        this.#lastTable = item.table;
        this.#tables.add(formatTableId(item.table.id));
      }
      if (lane.redelivery.row(lane.id, item) !== 'drop') return item;
      this.#dropped.add(1);
      if (item.table.key === null && !this.#toldOfKeyless) {
        this.#toldOfKeyless = true;
        const { database, table } = item.table.id;
        this.#options.context.logger.warn({ database, table, topic: lane.topic }, 'rows the source delivered twice are dropped');
      }
      return null;
    }
    if (lane.redelivery.schema(lane.id, item) === 'drop') {
      this.#dropped.add(1);
      return null;
    }
    const { change } = item;
    const operations = this.#subscription.relevant(change.source.name, change.operations, (database, table) =>
      this.#tables.has(formatTableId({ database, table })),
    );
    return operations.length === 0 ? null : { ...item, change: { ...change, operations } };
  }

  /** Asks for what holds messages back; true when asked. */
  async #ask(): Promise<boolean> {
    let asked = false;
    for (const { merge } of this.#reader.merges.values()) {
      const { ask, topics } = merge.blocked;
      const { tick } = merge;
      if (topics) {
        await this.#discover();
        merge.topicsKnown(tick);
        asked = true;
      }
      if (ask.length > 0) {
        await this.#reader.fetchEnds(merge, ask, tick);
        asked = true;
      }
    }
    return asked;
  }
}

async function waitFor(wake: Promise<void>, ms: number, signal: AbortSignal): Promise<void> {
  const done = deferred<void>();
  const finish = (): void => done.resolve();
  const timer = setTimeout(finish, ms);
  signal.addEventListener('abort', finish, { once: true });
  try {
    await Promise.race([wake, done.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', finish);
  }
}
