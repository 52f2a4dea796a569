import type { Batch } from '../model/chunk.ts';
import { CdcError } from '../model/errors.ts';
import type { PartitionOffset, SourceOffset, SourcePartition } from '../model/offset.ts';
import { formatTableId, type TableSchema } from '../model/table-schema.ts';
import type { RawConfig } from '../spi/config-def.ts';
import type { SourceTask, SourceTaskContext, TaskProgress } from '../spi/connector.ts';
import type { Converter } from '../spi/converter.ts';
import type { Counter } from '../spi/telemetry.ts';
import { type Deferred, deferred } from '../util/deferred.ts';
import { EventLoopShare } from '../util/event-loop.ts';
import { kafkaPartition, offsetLost, startOffsets, storedOffset } from './assignment.ts';
import { buildBatch } from './chunk-builder.ts';
import { type Admin, type Consumer, createKafkaClient, type EachBatchPayload, type Kafka, type KafkaMessage } from './client.ts';
import { wholeNumber } from './config.ts';
import { abortedError, kafkaError } from './errors.ts';
import type { GroupOffsetStore } from './group-offsets.ts';
import { type Incoming, MessageReader, type TopicPlace } from './message-reader.ts';
import { PositionMerge } from './position-merge.ts';
import { offsetOf } from './record-batch.ts';
import { Redelivery } from './redelivery.ts';
import { SCHEMA_OPERATIONS_HEADER } from './schema-change-header.ts';
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

interface Lane {
  readonly id: string;
  readonly topic: string;
  readonly partition: number;
  readonly merge: PositionMerge<Incoming>;
  readonly redelivery: Redelivery;
  readonly place: TopicPlace;
  paused: boolean;
  /** What the last batch told as its resume point. */
  told: number;
}

const POLL_MS = 500;
const DISCOVERY_MS = 1000;
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
  readonly #groupId: string;
  readonly #maxRows: number;
  readonly #maxBytes: number;
  readonly #reader: MessageReader;
  readonly #lanes = new Map<string, Lane>();
  /** By source. */
  readonly #merges = new Map<string, { readonly merge: PositionMerge<Incoming>; readonly redelivery: Redelivery }>();
  readonly #share = new EventLoopShare();
  readonly #dropped: Counter;
  #kafka: Kafka | null = null;
  #admin: Admin | null = null;
  #consumer: Consumer | null = null;
  #topics: ReadonlySet<string> = new Set();
  #schemaTopics: ReadonlySet<string> = new Set();
  readonly #tables = new Set<string>();
  #lastTable: TableSchema | null = null;
  #generation = 0;
  #ready: Deferred<void> = deferred();
  #wake: Deferred<void> = deferred();
  #failure: CdcError | null = null;
  #lastDiscovery = Number.NEGATIVE_INFINITY;
  #toCommit = new Map<string, { topic: string; partition: number; offset: string }>();
  #lastCommit = 0;
  #rows = 0;
  #lastTsUs = 0;
  #snapshot = false;
  #toldOfKeyless = false;
  #stopped = false;

  /** Throws CDC_CONFIG_INVALID. */
  constructor(options: KafkaConsumerTaskOptions) {
    this.#options = options;
    this.#subscription = new Subscription(options.connector);
    this.#groupId = options.client['group.id'] ?? `connect-${options.context.name}`;
    this.#maxRows = wholeNumber(options.client, 'max.poll.records', 20_000);
    this.#maxBytes = options.maxBufferedBytes ?? 64 << 20;
    this.#reader = new MessageReader(options.keyConverter, options.valueConverter);
    this.#dropped = options.context.metrics.counter(
      'kafka_consumer_redelivered_dropped_total',
      'Messages a source delivered twice that were not passed on',
    );
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#kafka = createKafkaClient(this.#options.client, this.#options.context.logger);
    const admin = this.#kafka.admin();
    this.#admin = admin;
    try {
      await admin.connect();
    } catch (error) {
      throw kafkaError(error, 'Kafka cannot be reached');
    }
    await this.#discover();
    if (signal.aborted) throw abortedError();
  }

  async poll(signal: AbortSignal): Promise<Batch | null> {
    const deadline = performance.now() + POLL_MS;
    for (;;) {
      if (this.#failure !== null) throw this.#failure;
      if (signal.aborted || this.#stopped) throw abortedError();
      if (performance.now() - this.#lastDiscovery > DISCOVERY_MS) await this.#discover();
      if (this.#toCommit.size > 0 && performance.now() - this.#lastCommit > COMMIT_MS) await this.#commit();
      const wake = this.#wake.promise;
      const batch = this.#release();
      if (batch !== null) return batch;
      if (await this.#ask()) continue;
      const left = deadline - performance.now();
      if (left <= 0) return null;
      await waitFor(wake, left, signal);
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
    this.#wake.resolve();
    this.#ready.resolve();
    this.#options.groupOffsets?.attach(null);
    if (this.#toCommit.size > 0 && this.#failure === null) await this.#commit();
    await Promise.allSettled([this.#consumer?.disconnect(), this.#admin?.disconnect()]);
    this.#consumer = null;
    this.#admin = null;
  }

  #fail(error: CdcError): void {
    this.#failure ??= error;
    this.#wake.resolve();
  }

  #wakeUp(): void {
    const { resolve } = this.#wake;
    this.#wake = deferred();
    resolve();
  }

  // --- topics and assignment

  /** Looks for topics that are new, and subscribes when there are any. */
  async #discover(): Promise<void> {
    const admin = this.#admin as Admin;
    let names: readonly string[];
    try {
      names = await admin.listTopics();
    } catch (error) {
      throw kafkaError(error, 'the topics could not be listed');
    }
    this.#lastDiscovery = performance.now();
    const { topics, schemaTopics } = this.#subscription.resolve(names);
    if (topics.every((t) => this.#topics.has(t))) return;
    await this.#subscribe(topics, schemaTopics);
  }

  async #subscribe(topics: readonly string[], schemaTopics: ReadonlySet<string>): Promise<void> {
    const raw = this.#options.client;
    this.#options.context.logger.info({ group: this.#groupId, topics: topics.length, before: this.#topics.size }, 'subscribing');
    this.#topics = new Set(topics);
    this.#schemaTopics = schemaTopics;
    try {
      await this.#consumer?.disconnect();
      const consumer = (this.#kafka as Kafka).consumer({
        groupId: this.#groupId,
        sessionTimeout: wholeNumber(raw, 'session.timeout.ms', 10_000),
        heartbeatInterval: wholeNumber(raw, 'heartbeat.interval.ms', 3_000),
        maxBytesPerPartition: wholeNumber(raw, 'max.partition.fetch.bytes', 2 << 20),
        maxBytes: wholeNumber(raw, 'fetch.max.bytes', 16 << 20),
        maxWaitTimeInMs: wholeNumber(raw, 'fetch.max.wait.ms', 250),
        minBytes: wholeNumber(raw, 'fetch.min.bytes', 1),
        readUncommitted: raw['isolation.level']?.trim().toLowerCase() === 'read_uncommitted',
        allowAutoTopicCreation: false,
        retry: { initialRetryTime: 100, maxRetryTime: 2000, retries: 8, restartOnFailure: async () => false },
      });
      this.#consumer = consumer;
      this.#ready = deferred();
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => this.#joined(payload.memberAssignment));
      consumer.on(consumer.events.CRASH, ({ payload }) =>
        this.#fail(kafkaError(payload.error, `group ${this.#groupId}: the consumer stopped`)),
      );
      consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
        // Nothing but control records or aborted messages: kafkajs moves on without asking us.
        if (payload.batchSize === 0)
          this.#lanes
            .get(laneId(payload.topic, payload.partition))
            ?.merge.push(laneId(payload.topic, payload.partition), [], Number(payload.lastOffset) + 1);
        this.#wakeUp();
      });
      await consumer.connect();
      await consumer.subscribe({ topics: [...topics], fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: 1,
        eachBatch: (payload) => this.#eachBatch(payload),
      });
      if (this.#failure !== null) throw this.#failure;
      await this.#ready.promise;
      this.#options.groupOffsets?.attach((offsets) => consumer.commitOffsets([...offsets]));
    } catch (error) {
      throw kafkaError(error, `group ${this.#groupId} could not be joined`);
    }
  }

  /** Synchronous up to the new generation, so that no batch of the old one slips in. */
  #joined(assignment: Readonly<Record<string, readonly number[]>>): void {
    const generation = ++this.#generation;
    const previous = this.#ready;
    const ready = generation === 1 ? previous : deferred<void>();
    this.#ready = ready;
    this.#assign(assignment, generation).then(
      () => {
        ready.resolve();
        previous.resolve();
        this.#wakeUp();
      },
      (error: unknown) => {
        this.#fail(kafkaError(error, `group ${this.#groupId}: the assignment failed`));
        ready.reject(this.#failure);
        previous.reject(this.#failure);
      },
    );
  }

  async #assign(assignment: Readonly<Record<string, readonly number[]>>, generation: number): Promise<void> {
    const wanted = Object.entries(assignment).flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition })));
    const ids = new Set(wanted.map((w) => laneId(w.topic, w.partition)));
    const lost = [...this.#lanes.values()].find((l) => !ids.has(l.id));
    if (lost !== undefined) throw rebalanced(`topic ${lost.topic} partition ${lost.partition} was assigned to another member`);
    const { context } = this.#options;
    const consumer = this.#consumer as Consumer;
    for (const lane of this.#lanes.values()) {
      const stored = storedOffset(await context.committed(kafkaPartition(lane.topic, lane.partition)));
      if (stored > lane.merge.released(lane.id))
        throw rebalanced(`another member consumed topic ${lane.topic} partition ${lane.partition}`);
    }
    const fresh = Object.entries(assignment)
      .map(([topic, partitions]) => ({ topic, partitions: partitions.filter((p) => !this.#lanes.has(laneId(topic, p))) }))
      .filter((a) => a.partitions.length > 0);
    const starts = await startOffsets(fresh, {
      admin: this.#admin as Admin,
      groupId: this.#groupId,
      reset: (this.#options.client['auto.offset.reset'] ?? 'earliest').trim().toLowerCase(),
      committed: (p) => context.committed(p),
    });
    if (generation !== this.#generation) return;
    for (const lane of this.#lanes.values()) {
      lane.paused = false;
      consumer.seek({ topic: lane.topic, partition: lane.partition, offset: String(lane.merge.consumed(lane.id)) });
    }
    for (const { topic, partition, offset, low } of starts) {
      this.#addLane(topic, partition, offset);
      // One message back: it tells what the partition had reached, and what a null value means in this topic.
      consumer.seek({ topic, partition, offset: String(Math.max(low, offset - 1)) });
    }
    context.logger.info({ group: this.#groupId, partitions: wanted.length, fresh: starts.length }, 'partitions assigned');
  }

  #addLane(topic: string, partition: number, start: number): void {
    const place = !this.#schemaTopics.has(topic) ? 'data' : this.#subscription.wants(topic) ? 'both' : 'schema';
    const source = this.#sourceOf(topic);
    let group = this.#merges.get(source);
    if (group === undefined) {
      group = { merge: new PositionMerge<Incoming>(), redelivery: new Redelivery() };
      this.#merges.set(source, group);
    }
    const id = laneId(topic, partition);
    group.merge.add(id, { schema: place !== 'data', start });
    this.#lanes.set(id, { id, topic, partition, ...group, place, paused: false, told: start });
  }

  /** The source a topic belongs to: its schema-change topic, else the first part of its name. */
  #sourceOf(topic: string): string {
    for (let dot = topic.indexOf('.'); dot > 0; dot = topic.indexOf('.', dot + 1)) {
      const prefix = topic.slice(0, dot);
      if (this.#schemaTopics.has(prefix)) return prefix;
    }
    const dot = topic.indexOf('.');
    return dot < 0 || this.#schemaTopics.has(topic) ? topic : topic.slice(0, dot);
  }

  // --- messages

  async #eachBatch({ batch, resolveOffset, heartbeat, isRunning, isStale }: EachBatchPayload): Promise<void> {
    await this.#ready.promise;
    const generation = this.#generation;
    const lane = this.#lanes.get(laneId(batch.topic, batch.partition));
    if (lane === undefined || !isRunning() || isStale() || this.#stopped) return;
    try {
      const expected = lane.merge.consumed(lane.id);
      await this.#checkContinuity(lane, expected, Number(batch.messages[0]?.offset ?? expected));
      const items: Incoming[] = [];
      for (let i = 0; i < batch.messages.length; i++) {
        const message = batch.messages[i] as KafkaMessage;
        if (offsetOf(message) < expected) {
          await this.#learn(lane, message);
          continue;
        }
        const item = this.#read(lane, message);
        items.push(item instanceof Promise ? await item : item);
        if ((i & 255) === 255) {
          await this.#share.yieldIfLong();
          if ((i & 4095) === 4095) await heartbeat();
          if (this.#stopped || generation !== this.#generation) return;
        }
      }
      const last = batch.lastOffset();
      lane.merge.push(lane.id, items, Number(last) + 1);
      resolveOffset(last);
    } catch (error) {
      this.#fail(kafkaError(error, `topic ${lane.topic} partition ${lane.partition}`));
      throw error;
    }
    this.#throttle(lane);
    this.#wakeUp();
  }

  /** kafkajs begins elsewhere when an offset is gone; we stop. */
  async #checkContinuity(lane: Lane, expected: number, first: number): Promise<void> {
    if (first === expected || first === expected - 1) return;
    const ends = await (this.#admin as Admin).fetchTopicOffsets(lane.topic);
    const end = ends.find((e) => e.partition === lane.partition);
    const low = Number(end?.low ?? 0);
    // A gap above the low watermark is a compacted or aborted message.
    if (first > expected && low <= expected) return;
    throw offsetLost(lane.topic, lane.partition, expected, low, Number(end?.high ?? 0));
  }

  /** Reads a message from before the start for what it tells, without delivering it. */
  async #learn(lane: Lane, message: KafkaMessage): Promise<void> {
    try {
      const item = await this.#reader.read(lane.topic, message, lane.place);
      if (item.position === null) return;
      lane.merge.bound(lane.id, item.position);
      if (item.kind === 'schema') lane.redelivery.schema(lane.id, item);
      else lane.redelivery.seed(lane.id, item.position);
    } catch (error) {
      this.#options.context.logger.debug(
        { topic: lane.topic, partition: lane.partition, offset: message.offset, error: (error as Error).message },
        'message before the start is not readable',
      );
    }
  }

  #read(lane: Lane, message: KafkaMessage): Incoming | Promise<Incoming> {
    try {
      const item = this.#reader.read(lane.topic, message, lane.place);
      return item instanceof Promise ? item.catch((error: unknown) => this.#unreadable(lane, message, error)) : item;
    } catch (error) {
      return this.#unreadable(lane, message, error);
    }
  }

  async #unreadable(lane: Lane, message: KafkaMessage, cause: unknown): Promise<Incoming> {
    const { topic, partition } = lane;
    const at = `topic ${topic} partition ${partition} offset ${message.offset}`;
    const error =
      cause instanceof CdcError
        ? new CdcError(cause.code, cause.kind, `${at}: ${cause.message}`, {
            cause,
            hint: cause.hint ?? '',
            context: { topic, partition, offset: message.offset, ...cause.context },
          })
        : new CdcError('CDC_KAFKA_MESSAGE', 'data', `${at}: the message cannot be read`, {
            cause,
            context: { topic, partition, offset: message.offset },
          });
    // A topic nobody asked for, read for its name: only what riverbend itself wrote there must be readable.
    if (lane.place === 'schema' && error.kind === 'data' && message.headers?.[SCHEMA_OPERATIONS_HEADER] === undefined)
      return unread(message);
    const { onUnreadable } = this.#options;
    if (onUnreadable === undefined || error.kind !== 'data') throw error;
    await onUnreadable(error, { topic, partition, message });
    return unread(message);
  }

  #laneLimit(): number {
    return Math.max(4 << 20, this.#maxBytes / Math.max(1, this.#lanes.size));
  }

  #throttle(lane: Lane): void {
    if (lane.paused || lane.merge.bytesOf(lane.id) < this.#laneLimit()) return;
    lane.paused = true;
    this.#consumer?.pause([{ topic: lane.topic, partitions: [lane.partition] }]);
  }

  #resume(): void {
    const limit = this.#laneLimit() / 2;
    for (const lane of this.#lanes.values()) {
      if (!lane.paused || lane.merge.bytesOf(lane.id) > limit) continue;
      lane.paused = false;
      this.#consumer?.resume([{ topic: lane.topic, partitions: [lane.partition] }]);
    }
  }

  // --- release

  /** What may go now, as a batch; null when nothing may and no offset moved. */
  #release(): Batch | null {
    const items: Incoming[] = [];
    for (const { merge } of this.#merges.values()) {
      for (const { lane: id, item } of merge.release(this.#maxRows - items.length, this.#maxBytes / 4)) {
        const kept = this.#admit(this.#lanes.get(id) as Lane, item);
        if (kept !== null) items.push(kept);
      }
    }
    const offsets: PartitionOffset[] = [];
    for (const lane of this.#lanes.values()) {
      const next = lane.merge.released(lane.id);
      if (next === lane.told) continue;
      lane.told = next;
      offsets.push({ partition: kafkaPartition(lane.topic, lane.partition), offset: { kafka_offset: next } });
    }
    if (offsets.length === 0) return null;
    this.#resume();
    const batch = buildBatch(items, offsets);
    this.#rows += batch.rowCount;
    return batch;
  }

  /** The item to deliver, or null. */
  #admit(lane: Lane, item: Incoming): Incoming | null {
    if (item.kind === 'skip') return null;
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
    const operations = this.#subscription.relevant(change.source.name, change.operations, (d, t) =>
      this.#tables.has(JSON.stringify([d, t])),
    );
    return operations.length === 0 ? null : { ...item, change: { ...change, operations } };
  }

  /** Asks for what holds messages back; true when asked. */
  async #ask(): Promise<boolean> {
    let asked = false;
    for (const { merge } of this.#merges.values()) {
      const { ask, topics } = merge.blocked;
      const { tick } = merge;
      if (topics) {
        await this.#discover();
        merge.topicsKnown(tick);
        asked = true;
      }
      if (ask.length > 0) {
        await this.#fetchEnds(merge, ask, tick);
        asked = true;
      }
    }
    return asked;
  }

  async #fetchEnds(merge: PositionMerge<Incoming>, lanes: readonly string[], tick: number): Promise<void> {
    const topics = new Set(lanes.map((id) => (this.#lanes.get(id) as Lane).topic));
    try {
      await Promise.all(
        Array.from(topics, async (topic) => {
          for (const { partition, high } of await (this.#admin as Admin).fetchTopicOffsets(topic))
            merge.end(laneId(topic, partition), Number(high), tick);
        }),
      );
    } catch (error) {
      throw kafkaError(error, 'high watermarks could not be read', { topics: [...topics] });
    }
  }

  /** Commits to the group what the sink made durable. For lag tools only, so a failure is no more than a debug line. */
  async #commit(): Promise<void> {
    this.#lastCommit = performance.now();
    const offsets = [...this.#toCommit.values()];
    this.#toCommit.clear();
    try {
      await this.#consumer?.commitOffsets(offsets);
    } catch (error) {
      this.#options.context.logger.debug({ group: this.#groupId, error: (error as Error).message }, 'group offsets not committed');
    }
  }
}

function unread(message: KafkaMessage): Incoming {
  return { kind: 'skip', offset: offsetOf(message), bytes: 0, position: null, schemaChange: false };
}

function laneId(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

function rebalanced(why: string): CdcError {
  return new CdcError('CDC_KAFKA_REBALANCED', 'retriable', `the consumer group was rebalanced: ${why}`);
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
