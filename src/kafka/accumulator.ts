import { type ProduceMessage, recordSize } from './produce-request.ts';

export interface OutMessage extends ProduceMessage {
  readonly partition: number;
}

/** What goes to the brokers as one produce call: at most one record batch per partition. */
export interface Send {
  readonly topics: Map<string, OutMessage[]>;
  readonly sizes: Map<string, number[]>;
  messages: number;
  bytes: number;
  /** Called in order when the send is acknowledged. */
  readonly durable: (() => void)[];
}

const MAX_SEND_BYTES = 8 << 20;

/**
 * Collects messages into sends. Messages of one partition stay in order; a send is sealed when a partition's record batch or
 * the whole would grow too large, and at barriers. Whatever is written while a send is under way travels in the next one.
 */
export class Accumulator {
  readonly #maxBatchBytes: number;
  #sealed: Send[] = [];
  #open: Send | null = null;
  #bytes = 0;

  /** `maxBatchBytes`: limit of one record batch (`max.request.size`). */
  constructor(maxBatchBytes: number) {
    this.#maxBatchBytes = maxBatchBytes;
  }

  /** Bytes accepted and not yet taken. */
  get bytes(): number {
    return this.#bytes;
  }

  get empty(): boolean {
    return this.#open === null && this.#sealed.length === 0;
  }

  /** Adds one message; false when it alone is larger than a record batch may be. */
  add(topic: string, message: OutMessage): boolean {
    const size = recordSize(message);
    if (size > this.#maxBatchBytes) return false;
    let send = (this.#open ??= newSend());
    let sizes = sizesOf(send, topic);
    if ((sizes[message.partition] ?? 0) + size > this.#maxBatchBytes || send.bytes + size > MAX_SEND_BYTES) {
      this.seal();
      send = this.#open = newSend();
      sizes = sizesOf(send, topic);
    }
    sizes[message.partition] = (sizes[message.partition] ?? 0) + size;
    const list = send.topics.get(topic);
    if (list === undefined) send.topics.set(topic, [message]);
    else list.push(message);
    send.messages++;
    send.bytes += size;
    this.#bytes += size;
    return true;
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

function newSend(): Send {
  return { topics: new Map(), sizes: new Map(), messages: 0, bytes: 0, durable: [] };
}

function sizesOf(send: Send, topic: string): number[] {
  let sizes = send.sizes.get(topic);
  if (sizes === undefined) {
    sizes = [];
    send.sizes.set(topic, sizes);
  }
  return sizes;
}
