import { crc32c } from './crc32c.ts';

/**
 * The body of a Produce request (versions 3 to 7), written in one pass. kafkajs builds six nested growing
 * encoders per record and copies every byte as often: 10.7 CPU µs a record of 263 bytes with Debezium's four headers, here 1.2
 * (batches of 2000, Node 24). `kafkajs.ts` puts this in the place of its encoder; the contract test
 * test/unit/kafka/produce-request.test.ts holds both to the same bytes.
 */
export interface ProduceMessage {
  readonly key?: Buffer | string | null;
  readonly value: Buffer | string | null;
  /** One object may be shared by many messages: it is encoded once. Must not be changed afterwards. */
  readonly headers?: Readonly<Record<string, Buffer | string | readonly (Buffer | string)[] | undefined>>;
  readonly partition?: number;
  /** Milliseconds since the epoch as text; default: when it is sent. */
  readonly timestamp?: string;
}

export interface PartitionData {
  readonly partition: number | string;
  readonly messages: readonly ProduceMessage[];
  readonly firstSequence: number;
}

export interface ProduceArguments {
  readonly acks: number;
  readonly timeout: number;
  readonly transactionalId?: string | null;
  /** A number, bigint, or kafkajs' Long (its toString is what counts). */
  readonly producerId?: unknown;
  readonly producerEpoch?: number;
  readonly compression?: number;
  readonly topicData: readonly { readonly topic: string; readonly partitions: readonly PartitionData[] }[];
}

export type Compress = (type: number, records: Buffer) => Promise<Buffer>;

const RECORD_BATCH_OVERHEAD = 61;
/** Length, attributes, timestamp delta, offset delta, key length and value length at their longest. */
const RECORD_OVERHEAD = 5 + 1 + 10 + 5 + 5 + 5;
const NO_HEADERS = Buffer.from([0]);

const headerBlocks = new WeakMap<object, Buffer>();

/** Bytes one message takes at most in a record batch; what batches are cut by. */
export function recordSize(message: ProduceMessage): number {
  return RECORD_OVERHEAD + byteLength(message.key) + byteLength(message.value) + headersOf(message).length;
}

function byteLength(part: Buffer | string | null | undefined): number {
  return part === null || part === undefined ? 0 : typeof part === 'string' ? Buffer.byteLength(part) : part.length;
}

/** The request's body. Compresses with `compress` when a compression type is given. */
export async function encodeProduce(request: ProduceArguments, compress: Compress): Promise<Buffer> {
  const type = (request.compression ?? 0) & 0x07;
  const parts: Buffer[] = [];
  const head = Buffer.allocUnsafe(2 + Buffer.byteLength(request.transactionalId ?? '') + 10);
  let at = writeNullableString(head, 0, request.transactionalId ?? null);
  at = head.writeInt16BE(request.acks, at);
  at = head.writeInt32BE(request.timeout, at);
  at = head.writeInt32BE(request.topicData.length, at);
  parts.push(head.subarray(0, at));
  for (const { topic, partitions } of request.topicData) {
    const name = Buffer.allocUnsafe(6 + Buffer.byteLength(topic));
    name.writeInt32BE(partitions.length, writeNullableString(name, 0, topic));
    parts.push(name);
    for (const data of partitions) parts.push(...(await encodePartition(request, data, type, compress)));
  }
  return Buffer.concat(parts);
}

function writeNullableString(out: Buffer, at: number, text: string | null): number {
  if (text === null) return out.writeInt16BE(-1, at);
  const length = Buffer.byteLength(text);
  out.writeInt16BE(length, at);
  return at + 2 + out.write(text, at + 2);
}

async function encodePartition(
  request: ProduceArguments,
  data: PartitionData,
  type: number,
  compress: Compress,
): Promise<readonly Buffer[]> {
  const { messages } = data;
  const times = timestamps(messages);
  let size = RECORD_BATCH_OVERHEAD + 8;
  for (let i = 0; i < messages.length; i++) size += recordSize(messages[i] as ProduceMessage);
  const buf = Buffer.allocUnsafeSlow(size);
  // partition(4) records-size(4) | firstOffset(8) length(4) epoch(4) magic(1) crc(4) | attributes(2) …
  const end = writeRecords(buf, 8 + RECORD_BATCH_OVERHEAD, messages, times.first, times.now);
  let body = buf.subarray(0, end);
  let packed: Buffer | null = null;
  let length = end - 8;
  if (type !== 0) {
    packed = await compress(type, buf.subarray(8 + RECORD_BATCH_OVERHEAD, end));
    body = buf.subarray(0, 8 + RECORD_BATCH_OVERHEAD);
    length = RECORD_BATCH_OVERHEAD + packed.length;
  }
  buf.writeInt32BE(Number(data.partition), 0);
  buf.writeInt32BE(length, 4);
  buf.writeBigInt64BE(0n, 8);
  buf.writeInt32BE(length - 12, 16);
  buf.writeInt32BE(0, 20);
  buf.writeInt8(2, 24);
  buf.writeInt16BE(type | (request.transactionalId ? 16 : 0), 29);
  buf.writeInt32BE(messages.length - 1, 31);
  buf.writeBigInt64BE(BigInt(times.first), 35);
  buf.writeBigInt64BE(BigInt(times.max), 43);
  buf.writeBigInt64BE(BigInt(String(request.producerId ?? -1)), 51);
  buf.writeInt16BE(request.producerEpoch ?? 0, 59);
  buf.writeInt32BE(data.firstSequence ?? 0, 61);
  buf.writeInt32BE(messages.length, 65);
  if (packed === null) {
    buf.writeUInt32BE(crc32c(body, 29), 25);
    return [body];
  }
  const whole = Buffer.concat([body, packed]);
  whole.writeUInt32BE(crc32c(whole, 29), 25);
  return [whole];
}

function timestamps(messages: readonly ProduceMessage[]): { readonly now: number; readonly first: number; readonly max: number } {
  const now = Date.now();
  let first = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < messages.length; i++) {
    const { timestamp } = messages[i] as ProduceMessage;
    const t = timestamp === undefined ? now : Number(timestamp);
    if (t < first) first = t;
    if (t > max) max = t;
  }
  return messages.length === 0 ? { now, first: now, max: now } : { now, first, max };
}

function writeRecords(buf: Buffer, start: number, messages: readonly ProduceMessage[], first: number, now: number): number {
  let at = start;
  for (let i = 0; i < messages.length; i++) {
    const m = messages[i] as ProduceMessage;
    const key = typeof m.key === 'string' ? Buffer.from(m.key) : (m.key ?? null);
    const value = typeof m.value === 'string' ? Buffer.from(m.value) : m.value;
    const headers = headersOf(m);
    const delta = (m.timestamp === undefined ? now : Number(m.timestamp)) - first;
    const keyLength = key === null ? -1 : key.length;
    const valueLength = value === null ? -1 : value.length;
    const size =
      1 +
      sizeOfVarint(delta) +
      sizeOfVarint(i) +
      sizeOfVarint(keyLength) +
      sizeOfVarint(valueLength) +
      (key === null ? 0 : keyLength) +
      (value === null ? 0 : valueLength) +
      headers.length;
    at = writeVarint(buf, at, size);
    buf[at++] = 0;
    at = writeVarint(buf, at, delta);
    at = writeVarint(buf, at, i);
    at = writeVarint(buf, at, keyLength);
    if (key !== null) {
      buf.set(key, at);
      at += keyLength;
    }
    at = writeVarint(buf, at, valueLength);
    if (value !== null) {
      buf.set(value, at);
      at += valueLength;
    }
    buf.set(headers, at);
    at += headers.length;
  }
  return at;
}

/** Zig-zag varint of an integer of up to 52 bits; beyond 31 bits by arithmetic, because shifts are 32-bit. */
function writeVarint(buf: Buffer, at: number, n: number): number {
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

function headersOf(message: ProduceMessage): Buffer {
  if (message.headers === undefined) return NO_HEADERS;
  const known = headerBlocks.get(message.headers);
  if (known !== undefined) return known;
  const block = encodeHeaders(message.headers);
  headerBlocks.set(message.headers, block);
  return block;
}

function encodeHeaders(headers: NonNullable<ProduceMessage['headers']>): Buffer {
  const list: [Buffer, Buffer | null][] = [];
  for (const name of Object.keys(headers)) {
    const given = headers[name];
    const key = Buffer.from(name);
    const values: readonly (Buffer | string | undefined)[] = Array.isArray(given) ? given : [given as Buffer | string | undefined];
    for (const v of values) list.push([key, v === undefined || v === null ? null : typeof v === 'string' ? Buffer.from(v) : v]);
  }
  let size = 5;
  for (const [k, v] of list) size += 10 + k.length + (v?.length ?? 0);
  const out = Buffer.allocUnsafe(size);
  let at = writeVarint(out, 0, list.length);
  for (const [k, v] of list) {
    at = writeVarint(out, at, k.length);
    at += k.copy(out, at);
    at = writeVarint(out, at, v === null ? -1 : v.length);
    if (v !== null) at += v.copy(out, at);
  }
  // A copy of its own, so that a small block doesn't keep a pool slab alive.
  return Buffer.from(out.subarray(0, at));
}
