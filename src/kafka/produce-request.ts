import { crc32c } from './crc32c.ts';
import { BATCH_HEAD_BYTES, BufferPool, RecordBuilder, writeVarint } from './record-builder.ts';

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
  /** Or the record batch they were written into already. */
  readonly messages: readonly ProduceMessage[] | RecordBuilder;
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
const NO_POOL = new BufferPool(0);
const NO_HEADERS = Buffer.from([0]);

const headerBlocks = new WeakMap<object, Buffer>();

/** The request's body, in pieces to be written one behind the other. Compresses with `compress` when a compression type is given. */
export async function encodeProduce(request: ProduceArguments, compress: Compress): Promise<readonly Buffer[]> {
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
    for (const data of partitions) await encodePartition(request, data, type, compress, parts);
  }
  return parts;
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
  parts: Buffer[],
): Promise<void> {
  const { messages } = data;
  const records = messages instanceof RecordBuilder ? messages : buildRecords(messages, Number(data.partition));
  const buf = records.bytes;
  const packed = type === 0 ? null : await compress(type, buf.subarray(BATCH_HEAD_BYTES));
  const length = RECORD_BATCH_OVERHEAD + (packed === null ? buf.length - BATCH_HEAD_BYTES : packed.length);
  // partition(4) records-size(4) | firstOffset(8) length(4) epoch(4) magic(1) crc(4) | attributes(2) …
  buf.writeInt32BE(Number(data.partition), 0);
  buf.writeInt32BE(length, 4);
  buf.writeBigInt64BE(0n, 8);
  buf.writeInt32BE(length - 12, 16);
  buf.writeInt32BE(0, 20);
  buf.writeInt8(2, 24);
  buf.writeInt16BE(type | (request.transactionalId ? 16 : 0), 29);
  buf.writeInt32BE(messages.length - 1, 31);
  buf.writeBigInt64BE(BigInt(records.firstMs), 35);
  buf.writeBigInt64BE(BigInt(records.maxMs), 43);
  buf.writeBigInt64BE(BigInt(String(request.producerId ?? -1)), 51);
  buf.writeInt16BE(request.producerEpoch ?? 0, 59);
  buf.writeInt32BE(data.firstSequence ?? 0, 61);
  buf.writeInt32BE(messages.length, 65);
  if (packed === null) {
    buf.writeUInt32BE(crc32c(buf, 29), 25);
    parts.push(buf);
    return;
  }
  const whole = Buffer.concat([buf.subarray(0, BATCH_HEAD_BYTES), packed]);
  whole.writeUInt32BE(crc32c(whole, 29), 25);
  parts.push(whole);
}

function earliest(messages: readonly ProduceMessage[], now: number): number {
  let first = now;
  for (const m of messages) if (m.timestamp !== undefined && Number(m.timestamp) < first) first = Number(m.timestamp);
  return first;
}

/** Messages as kafkajs' own callers have them, as a record batch. */
function buildRecords(messages: readonly ProduceMessage[], partition: number): RecordBuilder {
  const now = Date.now();
  const builder = new RecordBuilder(partition, NO_POOL, earliest(messages, now));
  for (let i = 0; i < messages.length; i++) {
    const m = messages[i] as ProduceMessage;
    const key = typeof m.key === 'string' ? Buffer.from(m.key) : (m.key ?? null);
    const value = typeof m.value === 'string' ? Buffer.from(m.value) : m.value;
    builder.append(
      {
        key: key ?? NO_HEADERS,
        keyStart: 0,
        keyLength: key === null ? -1 : key.length,
        value: value ?? NO_HEADERS,
        valueStart: 0,
        valueLength: value === null ? -1 : value.length,
        headers: m.headers === undefined ? NO_HEADERS : headerBlock(m.headers),
      },
      m.timestamp === undefined ? now : Number(m.timestamp),
    );
  }
  return builder;
}

/** The headers of a record as bytes; encoded once for each object, which must not be changed afterwards. */
export function headerBlock(headers: NonNullable<ProduceMessage['headers']>): Buffer {
  const known = headerBlocks.get(headers);
  if (known !== undefined) return known;
  const block = encodeHeaders(headers);
  headerBlocks.set(headers, block);
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
