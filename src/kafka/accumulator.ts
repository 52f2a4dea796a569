import { type BufferPool, RecordBuilder, type RecordParts, recordBound } from './record-builder.ts';

/** What goes to the brokers as one produce call: at most one record batch per partition. */
export interface Send {
  /** By topic and partition; partitions without messages are absent. */
  readonly topics: Map<string, (TopicPartition | undefined)[]>;
  messages: number;
  bytes: number;
  /** Called in order when the send is acknowledged. */
  readonly durable: (() => void)[];
}

interface TopicPartition {
  readonly records: RecordBuilder;
  size: number;
}

const MAX_SEND_BYTES = 4 << 20;

/**
 * Collects messages into sends. Messages of one partition stay in order; a send is sealed when a partition's record batch or
 * the whole would grow too large, and at barriers. Whatever is written while a send is under way travels in the next one.
 */
export class Accumulator {
  readonly #maxBatchBytes: number;
  readonly #pool: BufferPool;
  #sealed: Send[] = [];
  #open: Send | null = null;
  #bytes = 0;

  /** `maxBatchBytes`: limit of one record batch (`max.request.size`). */
  constructor(maxBatchBytes: number, pool: BufferPool) {
    this.#pool = pool;
    this.#maxBatchBytes = maxBatchBytes;
  }

  /** Bytes accepted and not yet taken. */
  get bytes(): number {
    return this.#bytes;
  }

  get empty(): boolean {
    return this.#open === null && this.#sealed.length === 0;
  }

  /** Adds one message; false when it alone is larger than a record batch may be. What `parts` points to is copied. Without a time it bears that of its batch's beginning. */
  add(topic: string, partition: number, parts: RecordParts, timestampMs: number | null = null): boolean {
    const size = recordBound(parts.keyLength, parts.valueLength, parts.headers.length);
    if (size > this.#maxBatchBytes) return false;
    let send = (this.#open ??= newSend());
    let batch = send.topics.get(topic)?.[partition];
    if ((batch?.size ?? 0) + size > this.#maxBatchBytes || send.bytes + size > MAX_SEND_BYTES) {
      this.seal();
      send = this.#open = newSend();
      batch = undefined;
    }
    batch ??= this.#begin(send, topic, partition);
    batch.records.append(parts, timestampMs ?? batch.records.firstMs);
    batch.size += size;
    send.messages++;
    send.bytes += size;
    this.#bytes += size;
    return true;
  }

  #begin(send: Send, topic: string, partition: number): TopicPartition {
    let list = send.topics.get(topic);
    if (list === undefined) {
      list = [];
      send.topics.set(topic, list);
    }
    const batch = { records: new RecordBuilder(partition, this.#pool, Date.now()), size: 0 };
    list[partition] = batch;
    return batch;
  }

  /** Nothing added later travels with what was added before. */
  seal(): void {
    if (this.#open === null) return;
    this.#sealed.push(this.#open);
    this.#open = null;
  }

  /** Calls `durable` once everything added so far is acknowledged. */
  mark(durable: () => void): void {
    (this.#open ?? this.#sealed.at(-1) ?? (this.#open = newSend())).durable.push(durable);
  }

  /** The next send, or undefined. */
  take(): Send | undefined {
    const send = this.#sealed.shift() ?? this.#open ?? undefined;
    if (send === this.#open) this.#open = null;
    if (send !== undefined) this.#bytes -= send.bytes;
    return send;
  }
}

/** The record batches of a send, by topic. */
export function recordsByTopic(send: Send): { readonly topic: string; readonly messages: readonly RecordBuilder[] }[] {
  return Array.from(send.topics, ([topic, list]) => ({ topic, messages: list.flatMap((b) => (b === undefined ? [] : [b.records])) }));
}

function newSend(): Send {
  return { topics: new Map(), messages: 0, bytes: 0, durable: [] };
}
