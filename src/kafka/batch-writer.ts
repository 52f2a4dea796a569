import type { Batch, RecordChunk, RowChunk, SchemaChangeChunk, SourceRecord } from '../model/chunk.ts';
import { CdcError } from '../model/errors.ts';
import type { SchemaOperation } from '../model/schema-operation.ts';
import { formatTableId, type TableSchema } from '../model/table-schema.ts';
import type { BatchWriter } from '../spi/batch-writer.ts';
import type { RawConfig } from '../spi/config-def.ts';
import type { ChunkEncoder, Converter } from '../spi/converter.ts';
import type { Counter, Histogram, Logger, MetricGroup } from '../spi/telemetry.ts';
import { IN_RANGE, RangeWriter } from '../util/byte-writer.ts';
import { type Deferred, deferred } from '../util/deferred.ts';
import { failpoint } from '../util/failpoint.ts';
import { Accumulator, recordsByTopic, type Send } from './accumulator.ts';
import { type Admin, COMPRESSION, createKafkaClient, type Producer } from './client.ts';
import { wholeNumber } from './config.ts';
import { ADMIN_DEADLINE_MS, DISCONNECT_DEADLINE_MS, within } from './deadline.ts';
import { abortedError, kafkaError } from './errors.ts';
import { partitionOf } from './partitioner.ts';
import { headerBlock } from './produce-request.ts';
import { BufferPool, type RecordParts } from './record-builder.ts';
import { encodeHeader, encodeHeaders, type HeaderFormat, type MessageHeaders, NEW_KEY_HEADER, OLD_KEY_HEADER } from './record-headers.ts';
import { encodeSchemaOperations, SCHEMA_OPERATIONS_HEADER, type SnapshotStarts } from './schema-change-header.ts';
import { TopicCreation, Topics } from './topics.ts';

export interface KafkaBatchWriterOptions {
  /** Client and producer keys without prefix (config.ts `clientKeys(raw, 'producer.')`). Read: `compression.type`, `max.request.size`, `buffer.memory`, `delivery.timeout.ms`. */
  readonly client: RawConfig;
  readonly keyConverter: Converter;
  readonly valueConverter: Converter;
  readonly headerFormat: HeaderFormat;
  /** The connector's configuration; read: `topic.creation.*`. */
  readonly connector: RawConfig;
  readonly logger: Logger;
  readonly metrics: MetricGroup;
}

/** What producing rows of one table version needs; compiled once. */
interface TablePlan {
  readonly key: ChunkEncoder;
  readonly value: ChunkEncoder;
  readonly partitions: number;
}

const NO_HEADERS: MessageHeaders = {};
const NONE = Buffer.alloc(0);
/** The largest chunk that needs no buffer of its own; a rows event of the server has 8 KB. */
const SCRATCH_BYTES = 1 << 20;
/** Buffers kept for the next batches while none is under way. */
const POOL_BYTES = 8 << 20;

/**
 * Converts batches and produces them: idempotent, acks=all, one produce call under way, so that the order of each
 * partition is the order of submission. `write` resolves when the batch is encoded and buffered (bounded by
 * `buffer.memory`); encoding overlaps with the send under way.
 *
 * A schema change or a truncate is a barrier: what precedes it is acknowledged before it is sent, and it before what follows.
 * The consuming side's merge by position (docs/adr/0002) rests on that.
 *
 * A failed send ends the writer: every later call throws the same error, and a new writer resumes from the last
 * stored offset. Nothing is ever sent again out of order.
 */
export class KafkaBatchWriter implements BatchWriter {
  readonly #options: KafkaBatchWriterOptions;
  readonly #producer: Producer;
  readonly #admin: Admin;
  readonly #topics: Topics;
  readonly #pending: Accumulator;
  readonly #keys = new RangeWriter(SCRATCH_BYTES);
  readonly #values = new RangeWriter(SCRATCH_BYTES);
  readonly #parts: RecordParts = { key: NONE, keyStart: 0, keyLength: -1, value: NONE, valueStart: 0, valueLength: -1, headers: NONE };
  readonly #maxMessageBytes: number;
  readonly #maxBufferedBytes: number;
  readonly #compression: number;
  readonly #deliveryMs: number;
  readonly #plans = new WeakMap<TableSchema, TablePlan>();
  readonly #headers = new WeakMap<object, MessageHeaders>();
  readonly #sent: { readonly records: Counter; readonly bytes: Counter; readonly seconds: Histogram };
  /** Partition for messages without key, per topic; the next batch uses the next one. */
  readonly #sticky = new Map<string, number>();
  readonly #keyParts: (Buffer | null)[] = [];
  readonly #valueParts: (Buffer | null)[] = [];
  #bytesUnderWay = 0;
  #sending: Promise<void> | null = null;
  #failure: CdcError | null = null;
  #stopped = false;
  /** Resolved whenever a send ended. */
  #progress: Deferred<void> = deferred();

  constructor(options: KafkaBatchWriterOptions) {
    this.#options = options;
    const raw = options.client;
    const compression = COMPRESSION[(raw['compression.type'] ?? 'none').trim().toLowerCase()];
    if (compression === undefined || compression === 2 || compression === 3) {
      throw new CdcError('CDC_CONFIG_INVALID', 'config', `"compression.type" must be none, gzip or zstd, not ${raw['compression.type']}`);
    }
    this.#compression = compression;
    this.#maxMessageBytes = wholeNumber(raw, 'max.request.size', 1_048_576) - 512;
    this.#maxBufferedBytes = wholeNumber(raw, 'buffer.memory', 8 << 20);
    const kafka = createKafkaClient(raw, options.logger);
    // Shorter than Java's two minutes: giving up costs no more than a restart of the task, with new connections.
    this.#deliveryMs = wholeNumber(raw, 'delivery.timeout.ms', 40_000);
    const retries = Math.max(6, Math.ceil(this.#deliveryMs / 1000));
    this.#producer = kafka.producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      maxInFlightRequests: 1,
      retry: { initialRetryTime: 100, maxRetryTime: 1000, retries },
      // kafkajs asks this before every attempt: a stopped writer must not deliver late, behind its successor's messages.
      createPartitioner: () => (args) => {
        if (this.#stopped) throw abortedError();
        return args.message.partition ?? 0;
      },
    });
    this.#admin = kafka.admin();
    const create = options.connector['topic.creation.enable']?.trim().toLowerCase() !== 'false';
    this.#topics = new Topics(this.#admin, new TopicCreation(options.connector), { create, logger: options.logger });
    this.#pending = new Accumulator(this.#maxMessageBytes, new BufferPool(POOL_BYTES));
    this.#sent = {
      records: options.metrics.counter('kafka_producer_records_total', 'Messages acknowledged by Kafka'),
      bytes: options.metrics.counter('kafka_producer_bytes_total', 'Bytes of the messages acknowledged by Kafka, before compression'),
      seconds: options.metrics.histogram('kafka_producer_send_seconds', 'Time from sending to acknowledgement of all replicas'),
    };
  }

  /** Connects. Throws CDC_KAFKA_UNAVAILABLE, CDC_KAFKA_AUTHENTICATION. */
  async start(signal: AbortSignal): Promise<void> {
    try {
      await this.#admin.connect();
      await this.#producer.connect();
    } catch (error) {
      throw kafkaError(error, 'Kafka cannot be reached');
    }
    if (signal.aborted) throw abortedError();
  }

  async write(batch: Batch, onDurable: () => void, signal: AbortSignal): Promise<void> {
    this.#check(signal);
    const headers = this.#batchHeaders(batch);
    for (const [topic, partition] of this.#sticky) this.#sticky.set(topic, partition + 1);
    for (const chunk of batch.chunks) {
      switch (chunk.kind) {
        case 'rows':
          this.#writeRows(chunk, this.#plans.get(chunk.table) ?? (await this.#plan(chunk.table)), headers);
          break;
        case 'record':
          await this.#writeRecordChunk(chunk, headers);
          break;
        case 'schemaChange':
          await this.#writeSchemaChange(chunk, headers, signal);
          break;
        default:
          chunk satisfies never;
      }
      if (this.#pending.bytes + this.#bytesUnderWay > this.#maxBufferedBytes) await this.#room(signal);
    }
    this.#pending.mark(onDurable);
    this.#pump();
    await this.#room(signal);
  }

  async idle(signal: AbortSignal): Promise<void> {
    this.#check(signal);
  }

  async flush(signal: AbortSignal): Promise<void> {
    while (this.#sending !== null || !this.#pending.empty) {
      this.#check(signal);
      this.#pump();
      await this.#wait(signal);
    }
    this.#check(signal);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled([this.#producer, this.#admin].map((c) => within(DISCONNECT_DEADLINE_MS, 'disconnecting', c.disconnect())));
  }

  #check(signal: AbortSignal): void {
    if (this.#failure !== null) throw this.#failure;
    if (signal.aborted || this.#stopped) throw abortedError();
  }

  /** Waits until the buffer is below its limit. */
  async #room(signal: AbortSignal): Promise<void> {
    while (this.#pending.bytes + this.#bytesUnderWay > this.#maxBufferedBytes) {
      this.#pump();
      await this.#wait(signal);
    }
    this.#check(signal);
  }

  /** Until the next send ends, or the signal aborts. */
  async #wait(signal: AbortSignal): Promise<void> {
    const aborted = deferred<void>();
    const onAbort = (): void => aborted.resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      if (!signal.aborted) await Promise.race([this.#progress.promise, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
    this.#check(signal);
  }

  #batchHeaders(batch: Batch): MessageHeaders {
    if (batch.headers.length === 0) return NO_HEADERS;
    let known = this.#headers.get(batch.headers);
    if (known === undefined) {
      known = encodeHeaders(this.#options.headerFormat, batch.headers);
      this.#headers.set(batch.headers, known);
    }
    return known;
  }

  async #plan(table: TableSchema): Promise<TablePlan> {
    const { keyConverter, valueConverter } = this.#options;
    const partitions = await this.#topics.ensure(table.topic);
    const plan = { key: await keyConverter.prepare(table), value: await valueConverter.prepare(table), partitions };
    this.#plans.set(table, plan);
    return plan;
  }

  /** Hot path: one loop over the rows; keys and values are encoded into scratch buffers and copied into record batches. */
  #writeRows(chunk: RowChunk, plan: TablePlan, batchHeaders: MessageHeaders): void {
    const { table } = chunk;
    const barrier = chunk.op === 't';
    if (barrier) this.#pending.seal();
    const keys = this.#keys;
    const values = this.#values;
    const keyParts = this.#keyParts;
    const valueParts = this.#valueParts;
    const parts = this.#parts;
    keys.clear();
    values.clear();
    keyParts.length = 0;
    valueParts.length = 0;
    plan.key.encode(chunk, keys, keyParts);
    plan.value.encode(chunk, values, valueParts);
    const tombstones = chunk.tombstones && chunk.op === 'd';
    const { topic } = table;
    // A row without key that is produced a second time after a crash must meet its first copy, so its position chooses.
    const { snapshot, pos } = chunk.source;
    const keyless = snapshot === null ? pos % plan.partitions : this.#stickyPartition(topic, plan.partitions);
    parts.headers = headerBlock(batchHeaders);
    let keyRange = 0;
    let valueRange = 0;
    for (let i = 0; i < valueParts.length; i++) {
      const key = keyParts[i] ?? null;
      const value = valueParts[i] ?? null;
      if (key === IN_RANGE) {
        parts.key = keys.buf;
        parts.keyStart = keyRange === 0 ? 0 : (keys.ends[keyRange - 1] as number);
        parts.keyLength = (keys.ends[keyRange++] as number) - parts.keyStart;
      } else setKey(parts, key);
      if (value === IN_RANGE) {
        parts.value = values.buf;
        parts.valueStart = valueRange === 0 ? 0 : (values.ends[valueRange - 1] as number);
        parts.valueLength = (values.ends[valueRange++] as number) - parts.valueStart;
      } else setValue(parts, value);
      const partition = key === null ? keyless : partitionOf(parts.key, plan.partitions, parts.keyStart, parts.keyLength);
      if (chunk.otherKeys !== null) parts.headers = headerBlock(this.#keyChangeHeaders(chunk, i, batchHeaders));
      this.#add(topic, partition, table);
      if (!tombstones) continue;
      parts.valueLength = -1;
      this.#add(topic, partition, table);
    }
    if (barrier) this.#pending.seal();
  }

  #keyChangeHeaders(chunk: RowChunk, row: number, batchHeaders: MessageHeaders): MessageHeaders {
    const { key } = chunk.table;
    const other = chunk.otherKeys?.[row];
    if (key === null || other === undefined) return batchHeaders;
    const bytes = encodeHeader(this.#options.headerFormat, key, other);
    if (bytes === null) return batchHeaders;
    return { [chunk.op === 'd' ? NEW_KEY_HEADER : OLD_KEY_HEADER]: bytes, ...batchHeaders };
  }

  async #writeRecordChunk(chunk: RecordChunk, headers: MessageHeaders): Promise<void> {
    await this.#writeRecord(chunk.record, chunk.plain === true ? NO_HEADERS : headers, false);
  }

  async #writeSchemaChange(chunk: SchemaChangeChunk, batchHeaders: MessageHeaders, signal: AbortSignal): Promise<void> {
    if (chunk.records.length === 0) return;
    this.#pending.seal();
    let operations = chunk.operations;
    let starts = await this.#snapshotStarts(operations, signal);
    for (const record of chunk.records) {
      // The whole statement's operations travel on its first record; the header on the others says that nothing is to be derived from them.
      const described = { [SCHEMA_OPERATIONS_HEADER]: encodeSchemaOperations(chunk.source, operations, starts) };
      await this.#writeRecord(record, batchHeaders, true, described);
      operations = [];
      starts = {};
    }
    this.#pending.seal();
  }

  /** Where the rows of a snapshot will begin in the topics of its tables: what is below comes from an attempt that was interrupted. */
  async #snapshotStarts(operations: readonly SchemaOperation[], signal: AbortSignal): Promise<SnapshotStarts> {
    const topics = new Set(operations.flatMap((o) => (o.kind === 'snapshotTable' ? [o.schema.topic] : [])));
    if (topics.size === 0) return {};
    await this.flush(signal);
    const out: Record<string, readonly number[]> = {};
    for (const topic of topics) {
      const ends: number[] = new Array(await this.#topics.ensure(topic)).fill(0);
      try {
        const offsets = await within(ADMIN_DEADLINE_MS, `topic ${topic}: its end could not be read`, this.#admin.fetchTopicOffsets(topic));
        for (const { partition, high } of offsets) ends[partition] = Number(high);
      } catch (error) {
        throw kafkaError(error, `topic ${topic}: its end could not be read`, { topic });
      }
      if (ends.some((e) => e > 0)) out[topic] = ends;
    }
    return out;
  }

  /** `extra`: headers it carries besides its own or the batch's. */
  async #writeRecord(record: SourceRecord, batchHeaders: MessageHeaders, single: boolean, extra = NO_HEADERS): Promise<void> {
    const { topic } = record;
    const partitions = this.#topics.known(topic) ?? (await this.#topics.ensure(topic, { single }));
    const key = await this.#options.keyConverter.fromConnect(topic, record.keySchema, record.key);
    const value = await this.#options.valueConverter.fromConnect(topic, record.valueSchema, record.value);
    const own = record.headers === undefined ? batchHeaders : encodeHeaders(this.#options.headerFormat, record.headers);
    const headers = extra === NO_HEADERS ? own : { ...extra, ...own };
    const chosen = key === null ? this.#stickyPartition(topic, partitions) : partitionOf(key, partitions);
    setKey(this.#parts, key);
    setValue(this.#parts, value);
    this.#parts.headers = headerBlock(headers);
    this.#add(topic, record.partition ?? chosen, null, record.timestamp);
  }

  #stickyPartition(topic: string, partitions: number): number {
    let n = this.#sticky.get(topic);
    if (n === undefined) {
      n = 0;
      this.#sticky.set(topic, n);
    }
    return n % partitions;
  }

  /** Adds what `#parts` says. */
  #add(topic: string, partition: number, table: TableSchema | null, timestampMs: number | null = null): void {
    if (this.#pending.add(topic, partition, this.#parts, timestampMs)) return;
    const bytes = Math.max(0, this.#parts.keyLength) + Math.max(0, this.#parts.valueLength);
    const of = table === null ? '' : `table ${formatTableId(table.id)}: `;
    throw new CdcError(
      'CDC_KAFKA_MESSAGE_TOO_LARGE',
      'data',
      `${of}a message of ${bytes} bytes for topic ${topic} exceeds max.request.size=${this.#maxMessageBytes + 512}`,
      { hint: 'raise producer max.request.size and max.message.bytes of the topic, or exclude the column', context: { topic, bytes } },
    );
  }

  /** Starts the sending loop unless it runs. */
  #pump(): void {
    if (this.#sending !== null || this.#pending.empty || this.#failure !== null || this.#stopped) return;
    this.#sending = this.#sendAll().finally(() => {
      this.#sending = null;
      this.#signalProgress();
    });
  }

  #signalProgress(): void {
    const { resolve } = this.#progress;
    this.#progress = deferred();
    resolve();
  }

  async #sendAll(): Promise<void> {
    for (let send = this.#pending.take(); send !== undefined && !this.#stopped; send = this.#pending.take()) {
      this.#bytesUnderWay = send.bytes;
      try {
        if (send.messages > 0) await this.#send(send);
        this.#bytesUnderWay = 0;
        for (const durable of send.durable) durable();
      } catch (error) {
        this.#failure = this.#stopped
          ? abortedError()
          : kafkaError(error, 'messages could not be produced', { topics: [...send.topics.keys()] });
      }
      this.#signalProgress();
      if (this.#failure !== null) return;
    }
  }

  async #send(send: Send): Promise<void> {
    const began = performance.now();
    const batches = recordsByTopic(send);
    // kafkajs.ts takes whole record batches for messages.
    const topicMessages = batches as unknown as { topic: string; messages: { value: null }[] }[];
    failpoint('kafka.produce.before');
    await within(
      this.#deliveryMs,
      'messages could not be produced',
      this.#producer.sendBatch({ acks: -1, compression: this.#compression, topicMessages }),
    );
    failpoint('kafka.produce.after');
    for (const { messages } of batches) for (const records of messages) records.release();
    this.#sent.seconds.observe((performance.now() - began) / 1000);
    this.#sent.records.add(send.messages);
    this.#sent.bytes.add(send.bytes);
  }
}

function setKey(parts: RecordParts, key: Buffer | null): void {
  parts.key = key ?? NONE;
  parts.keyStart = 0;
  parts.keyLength = key === null ? -1 : key.length;
}

function setValue(parts: RecordParts, value: Buffer | null): void {
  parts.value = value ?? NONE;
  parts.valueStart = 0;
  parts.valueLength = value === null ? -1 : value.length;
}
