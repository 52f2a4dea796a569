/** Partition and size of the request's entry (8), then the record batch's own header (61). */
export const BATCH_HEAD_BYTES = 8 + 61;
/** Length, attributes, timestamp delta, offset delta, key length and value length at their longest. */
const RECORD_OVERHEAD = 5 + 1 + 10 + 5 + 5 + 5;
const FIRST_BYTES = 16 << 10;

/** One record's parts as ranges of larger buffers, so that no view of a row has to be made. One object is used for all records. */
export interface RecordParts {
  key: Buffer;
  keyStart: number;
  /** -1 = null. */
  keyLength: number;
  value: Buffer;
  valueStart: number;
  /** -1 = null (tombstone). */
  valueLength: number;
  /** Encoded headers: their count and each (produce-request.ts `headerBlock`). */
  headers: Buffer;
}

/** Bytes one record takes at most in a record batch; what batches are cut by. */
export function recordBound(keyLength: number, valueLength: number, headerBytes: number): number {
  return RECORD_OVERHEAD + Math.max(keyLength, 0) + Math.max(valueLength, 0) + headerBytes;
}

/** Buffers of acknowledged batches, kept for the next ones: memory of a steady stream stays where it is. */
export class BufferPool {
  readonly #maxBytes: number;
  readonly #free = new Map<number, Buffer[]>();
  #bytes = 0;

  /** `maxBytes`: how much is kept while nobody uses it. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  take(size: number): Buffer {
    const buffer = this.#free.get(size)?.pop();
    if (buffer === undefined) return Buffer.allocUnsafeSlow(size);
    this.#bytes -= size;
    return buffer;
  }

  give(buffer: Buffer): void {
    if (this.#bytes + buffer.length > this.#maxBytes) return;
    this.#bytes += buffer.length;
    const list = this.#free.get(buffer.length);
    if (list === undefined) this.#free.set(buffer.length, [buffer]);
    else list.push(buffer);
  }
}

/**
 * The records of one record batch (magic 2) as they go over the wire, appended one by one; produce-request.ts fills in the head.
 * Stands in kafkajs for the list of a partition's messages: `length` is what sequence numbers advance by, and
 * `value` what it checks messages for.
 */
export class RecordBuilder {
  readonly partition: number;
  readonly value = null;
  /** Records. */
  length = 0;
  /** Timestamps, milliseconds since the epoch: what deltas count from, and the latest. */
  readonly firstMs: number;
  maxMs: number;
  readonly #pool: BufferPool;
  #buf: Buffer;
  #pos = BATCH_HEAD_BYTES;
  #request: Buffer | null = null;

  constructor(partition: number, pool: BufferPool, firstMs: number) {
    this.partition = partition;
    this.firstMs = firstMs;
    this.maxMs = firstMs;
    this.#pool = pool;
    this.#buf = pool.take(FIRST_BYTES);
  }

  /** Head (to be filled in) and records. Valid until `release`. */
  get bytes(): Buffer {
    return this.#buf.subarray(0, this.#pos);
  }

  /**
   * A buffer for the request these records go out with, kept until `release`: a megabyte that becomes garbage with every
   * request adds up to V8's 64 MiB before it collects them. A second attempt gets another, because a socket may still hold the first.
   */
  requestBuffer(bytes: number): Buffer {
    let size = FIRST_BYTES;
    while (size < bytes) size *= 2;
    this.#request = this.#pool.take(size);
    return this.#request.subarray(0, bytes);
  }

  /** Acknowledged: no send needs it any more. */
  release(): void {
    this.#pool.give(this.#buf);
    if (this.#request !== null) this.#pool.give(this.#request);
    this.#request = null;
    this.#buf = EMPTY;
    this.length = 0;
  }

  append(r: RecordParts, timestampMs: number): void {
    const { keyLength, valueLength, headers } = r;
    const timeDelta = timestampMs - this.firstMs;
    if (timestampMs > this.maxMs) this.maxMs = timestampMs;
    const bound = recordBound(keyLength, valueLength, headers.length);
    if (this.#pos + bound > this.#buf.length) this.#grow(bound);
    const buf = this.#buf;
    let at = writeVarint(
      buf,
      this.#pos,
      1 +
        sizeOfVarint(timeDelta) +
        sizeOfVarint(this.length) +
        sizeOfVarint(keyLength) +
        sizeOfVarint(valueLength) +
        Math.max(keyLength, 0) +
        Math.max(valueLength, 0) +
        headers.length,
    );
    buf[at++] = 0;
    at = writeVarint(buf, at, timeDelta);
    at = writeVarint(buf, at, this.length);
    at = writeVarint(buf, at, keyLength);
    if (keyLength > 0) at = copyRange(r.key, r.keyStart, keyLength, buf, at);
    at = writeVarint(buf, at, valueLength);
    if (valueLength > 0) at = copyRange(r.value, r.valueStart, valueLength, buf, at);
    this.#pos = copyRange(headers, 0, headers.length, buf, at);
    this.length++;
  }

  #grow(bytes: number): void {
    const old = this.#buf;
    let size = old.length;
    while (this.#pos + bytes > size) size *= 2;
    this.#buf = this.#pool.take(size);
    old.copy(this.#buf, 0, 0, this.#pos);
    this.#pool.give(old);
  }
}

const EMPTY = Buffer.alloc(0);
/** Up to this length copying in JS beats the call into native code. */
const SHORT = 24;

function copyRange(from: Buffer, start: number, length: number, to: Buffer, at: number): number {
  if (length <= SHORT) for (let i = 0; i < length; i++) to[at + i] = from[start + i] as number;
  else from.copy(to, at, start, start + length);
  return at + length;
}

/** Zig-zag varint of an integer of up to 52 bits; beyond 31 bits by arithmetic, because shifts are 32-bit. */
export function writeVarint(buf: Buffer, at: number, n: number): number {
  if (n > 0x3fffffff || n < -0x40000000) return writeVarlong(buf, at, n);
  let z = ((n << 1) ^ (n >> 31)) >>> 0;
  let i = at;
  while (z > 0x7f) {
    buf[i++] = (z & 0x7f) | 0x80;
    z >>>= 7;
  }
  buf[i++] = z;
  return i;
}

function writeVarlong(buf: Buffer, at: number, n: number): number {
  let z = n < 0 ? -2 * n - 1 : 2 * n;
  let i = at;
  while (z > 0x7f) {
    buf[i++] = (z % 128) | 0x80;
    z = Math.floor(z / 128);
  }
  buf[i++] = z;
  return i;
}

function sizeOfVarint(n: number): number {
  let z = n < 0 ? -2 * n - 1 : 2 * n;
  let bytes = 1;
  while (z > 0x7f) {
    bytes++;
    z = Math.floor(z / 128);
  }
  return bytes;
}
