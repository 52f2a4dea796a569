import { CdcError } from '../model/errors.ts';
import type { Json } from '../model/offset.ts';
import { type Deferred, deferred } from '../util/deferred.ts';
import { EventLoopShare } from '../util/event-loop.ts';
import { kafkaPartition, offsetLost, startOffsets, storedOffset } from './assignment.ts';
import { type Admin, type Consumer, createKafkaClient, type EachBatchPayload, type Kafka, type KafkaMessage } from './client.ts';
import { wholeNumber } from './config.ts';
import type { KafkaConsumerTaskOptions } from './consumer-task.ts';
import { ADMIN_DEADLINE_MS, DISCONNECT_DEADLINE_MS, within } from './deadline.ts';
import { kafkaError } from './errors.ts';
import type { GroupOffset } from './group-offsets.ts';
import { type Incoming, MessageReader, type TopicPlace } from './message-reader.ts';
import { PositionMerge } from './position-merge.ts';
import { offsetOf } from './record-batch.ts';
import { Redelivery } from './redelivery.ts';
import { SCHEMA_OPERATIONS_HEADER } from './schema-change-header.ts';
import type { Subscription } from './subscription.ts';

/** One assigned partition. */
export interface Lane {
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

/** The merge of one source's partitions. */
export interface SourceMerge {
  readonly merge: PositionMerge<Incoming>;
  readonly redelivery: Redelivery;
}

/**
 * The consuming half of KafkaConsumerTask: group membership, partitions, and messages read into the merges. What is wrong shows itself as
 * `failure`, because kafkajs calls us; the task throws it at its next poll.
 *
 * It holds one kafkajs consumer at a time; a wider subscription replaces it, and every partition goes on where its merge stands.
 */
export class GroupReader {
  readonly lanes = new Map<string, Lane>();
  /** By source. */
  readonly merges = new Map<string, SourceMerge>();
  failure: CdcError | null = null;
  readonly #options: KafkaConsumerTaskOptions;
  readonly #subscription: Subscription;
  readonly #groupId: string;
  readonly #maxBytes: number;
  readonly #reader: MessageReader;
  readonly #share = new EventLoopShare();
  readonly #kafka: Kafka;
  readonly #admin: Admin;
  #consumer: Consumer | null = null;
  #topics: ReadonlySet<string> = new Set();
  #schemaTopics: ReadonlySet<string> = new Set();
  #generation = 0;
  #ready: Deferred<void> = deferred();
  #wake: Deferred<void> = deferred();
  #stopped = false;

  /** Connects nothing yet. Throws CDC_CONFIG_INVALID. */
  constructor(options: KafkaConsumerTaskOptions, subscription: Subscription, maxBytes: number) {
    this.#options = options;
    this.#subscription = subscription;
    this.#groupId = options.client['group.id'] ?? `connect-${options.context.name}`;
    this.#maxBytes = maxBytes;
    this.#reader = new MessageReader(options.keyConverter, options.valueConverter);
    this.#kafka = createKafkaClient(options.client, options.context.logger);
    this.#admin = this.#kafka.admin();
  }

  async start(): Promise<void> {
    try {
      await this.#admin.connect();
    } catch (error) {
      throw kafkaError(error, 'Kafka cannot be reached');
    }
    await this.discover();
  }

  /** Resolves when messages arrived or something else changed after the call. */
  changed(): Promise<void> {
    return this.#wake.promise;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake.resolve();
    this.#ready.resolve();
    const ends = [this.#consumer, this.#admin].map(async (c) => c && within(DISCONNECT_DEADLINE_MS, 'disconnecting', c.disconnect()));
    await Promise.allSettled(ends);
    this.#consumer = null;
  }

  /** Commits to the group, for lag tools: a failure is no more than a debug line. */
  async commit(offsets: readonly GroupOffset[]): Promise<void> {
    try {
      await this.#consumer?.commitOffsets([...offsets]);
    } catch (error) {
      this.#options.context.logger.debug({ group: this.#groupId, error: (error as Error).message }, 'group offsets not committed');
    }
  }

  /** Asks for the high watermarks of partitions; `tick` is the merge's when the need arose. */
  async fetchEnds(merge: PositionMerge<Incoming>, lanes: readonly string[], tick: number): Promise<void> {
    const topics = new Set(lanes.map((id) => (this.lanes.get(id) as Lane).topic));
    try {
      await Promise.all(
        Array.from(topics, async (topic) => {
          for (const { partition, high } of await within(
            ADMIN_DEADLINE_MS,
            'high watermarks could not be read',
            this.#admin.fetchTopicOffsets(topic),
          ))
            merge.end(laneId(topic, partition), Number(high), tick);
        }),
      );
    } catch (error) {
      throw kafkaError(error, 'high watermarks could not be read', { topics: [...topics] });
    }
  }

  #fail(error: CdcError): void {
    this.failure ??= error;
    this.#wakeUp();
  }

  #wakeUp(): void {
    const { resolve } = this.#wake;
    this.#wake = deferred();
    resolve();
  }

  /** Looks for topics that are new, and subscribes when there are any. */
  async discover(): Promise<void> {
    let names: readonly string[];
    try {
      names = await within(ADMIN_DEADLINE_MS, 'the topics could not be listed', this.#admin.listTopics());
    } catch (error) {
      throw kafkaError(error, 'the topics could not be listed');
    }
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
      const consumer = this.#kafka.consumer({
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
          this.lanes
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
      if (this.failure !== null) throw this.failure;
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
        ready.reject(this.failure);
        previous.reject(this.failure);
      },
    );
  }

  async #assign(assignment: Readonly<Record<string, readonly number[]>>, generation: number): Promise<void> {
    const wanted = Object.entries(assignment).flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition })));
    const ids = new Set(wanted.map((w) => laneId(w.topic, w.partition)));
    const { context } = this.#options;
    const consumer = this.#consumer as Consumer;
    for (const lane of this.lanes.values()) {
      const stored = storedOffset(await context.committed(kafkaPartition(lane.topic, lane.partition)));
      const at = `topic ${lane.topic} partition ${lane.partition}`;
      if (stored > lane.merge.released(lane.id)) throw rebalanced(`another member consumed ${at}`);
      if (ids.has(lane.id)) continue;
      // Its new owner begins at the stored offset: what of it was handed on and is not stored must not be stored by us any more.
      if (stored < lane.merge.released(lane.id)) throw rebalanced(`${at} was assigned to another member`);
      lane.merge.remove(lane.id);
      this.lanes.delete(lane.id);
    }
    const fresh = Object.entries(assignment)
      .map(([topic, partitions]) => ({ topic, partitions: partitions.filter((p) => !this.lanes.has(laneId(topic, p))) }))
      .filter((a) => a.partitions.length > 0);
    const starts = await startOffsets(fresh, {
      admin: this.#admin,
      groupId: this.#groupId,
      reset: (this.#options.client['auto.offset.reset'] ?? 'earliest').trim().toLowerCase(),
      committed: (p) => context.committed(p),
    });
    if (generation !== this.#generation) return;
    for (const lane of this.lanes.values()) {
      lane.paused = false;
      consumer.seek({ topic: lane.topic, partition: lane.partition, offset: String(lane.merge.consumed(lane.id)) });
    }
    for (const { topic, partition, offset, low, reached } of starts) {
      this.#addLane(topic, partition, offset, reached);
      // One message back: it tells what the partition had reached, and what a null value means in this topic.
      consumer.seek({ topic, partition, offset: String(Math.max(low, offset - 1)) });
    }
    context.logger.info({ group: this.#groupId, partitions: wanted.length, fresh: starts.length }, 'partitions assigned');
  }

  #addLane(topic: string, partition: number, start: number, reached: Json): void {
    const place = !this.#schemaTopics.has(topic) ? 'data' : this.#subscription.wants(topic) ? 'both' : 'schema';
    const source = this.#sourceOf(topic);
    let group = this.merges.get(source);
    if (group === undefined) {
      group = { merge: new PositionMerge<Incoming>(), redelivery: new Redelivery() };
      this.merges.set(source, group);
    }
    const id = laneId(topic, partition);
    group.redelivery.forget(id);
    group.redelivery.restore(id, reached);
    group.merge.add(id, { schema: place !== 'data', start });
    this.lanes.set(id, { id, topic, partition, ...group, place, paused: false, told: start });
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

  async #eachBatch({ batch, resolveOffset, heartbeat, isRunning, isStale }: EachBatchPayload): Promise<void> {
    await this.#ready.promise;
    const generation = this.#generation;
    const lane = this.lanes.get(laneId(batch.topic, batch.partition));
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
      // A new generation reads again from where the merge stands.
      if (this.#stopped || generation !== this.#generation) return;
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
    const ends = await this.#admin.fetchTopicOffsets(lane.topic);
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
    return Math.max(4 << 20, this.#maxBytes / Math.max(1, this.lanes.size));
  }

  #throttle(lane: Lane): void {
    if (lane.paused || lane.merge.bytesOf(lane.id) < this.#laneLimit()) return;
    lane.paused = true;
    this.#consumer?.pause([{ topic: lane.topic, partitions: [lane.partition] }]);
  }

  /** Fetches again from partitions that have room. */
  resume(): void {
    const limit = this.#laneLimit() / 2;
    for (const lane of this.lanes.values()) {
      if (!lane.paused || lane.merge.bytesOf(lane.id) > limit) continue;
      lane.paused = false;
      this.#consumer?.resume([{ topic: lane.topic, partitions: [lane.partition] }]);
    }
  }
}

function unread(message: KafkaMessage): Incoming {
  return { kind: 'skip', offset: offsetOf(message), bytes: 0, position: null, schemaChange: false };
}

export function laneId(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

function rebalanced(why: string): CdcError {
  return new CdcError('CDC_KAFKA_REBALANCED', 'retriable', `the consumer group was rebalanced: ${why}`);
}
