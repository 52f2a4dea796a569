/**
 * Reads the records of a fetched record batch (magic 2). kafkajs builds objects for every header of every record, which
 * almost nobody reads (consuming rows with Debezium's four took 10.5 CPU µs, with this 5.4); here headers, timestamp and the offset's text are made when asked
 * for. `kafkajs.ts` puts this in the place of its decoder; test/unit/kafka/record-batch.test.ts holds both to the same results.
 */
export interface BatchContext {
  readonly firstOffset: string;
  readonly firstTimestamp: string;
  readonly partitionLeaderEpoch: number;
  readonly inTransaction: boolean;
  readonly isControlBatch: boolean;
  readonly lastOffsetDelta: number;
  readonly producerId: string;
  readonly producerEpoch: number;
  readonly firstSequence: number;
  readonly maxTimestamp: string;
  readonly timestampType: number;
  readonly magicByte: number;
}

type HeaderValue = Buffer | (Buffer | null)[] | null;

/** A message as kafkajs hands it out. */
export class FetchedMessage {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly offsetNumber: number;
  readonly attributes: number;
  readonly batchContext: BatchContext;
  readonly #timestampDelta: number;
  readonly #buffer: Buffer;
  readonly #headersAt: number;

  constructor(r: RecordReader, batchContext: BatchContext, base: number) {
    this.batchContext = batchContext;
    this.attributes = r.buffer[r.at++] as number;
    this.#timestampDelta = r.varint();
    this.offsetNumber = base + r.varint();
    this.key = r.bytes();
    this.value = r.bytes();
    this.#buffer = r.buffer;
    this.#headersAt = r.at;
  }

  get magicByte(): number {
    return this.batchContext.magicByte;
  }

  get isControlRecord(): boolean {
    return this.batchContext.isControlBatch;
  }

  get offset(): string {
    return String(this.offsetNumber);
  }

  get timestamp(): string {
    const c = this.batchContext;
    return c.timestampType === 1 ? c.maxTimestamp : String(Number(c.firstTimestamp) + this.#timestampDelta);
  }

  get headers(): Record<string, HeaderValue> {
    const r = new RecordReader(this.#buffer, this.#headersAt);
    const out: Record<string, HeaderValue> = {};
    for (let n = r.varint(); n > 0; n--) {
      const key = String(r.bytes() ?? '');
      const value = r.bytes();
      const before = out[key];
      out[key] = before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value];
    }
    return out;
  }
}

class RecordReader {
  readonly buffer: Buffer;
  at: number;

  constructor(buffer: Buffer, at: number) {
    this.buffer = buffer;
    this.at = at;
  }

  /** Zig-zag varint of up to 53 bits. */
  varint(): number {
    const { buffer } = this;
    let byte = buffer[this.at++] as number;
    let z = byte & 0x7f;
    let factor = 128;
    while (byte > 0x7f) {
      byte = buffer[this.at++] as number;
      z += (byte & 0x7f) * factor;
      factor *= 128;
    }
    return z % 2 === 0 ? z / 2 : -(z + 1) / 2;
  }

  bytes(): Buffer | null {
    const length = this.varint();
    if (length < 0) return null;
    const view = this.buffer.subarray(this.at, this.at + length);
    this.at += length;
    return view;
  }
}

/** `count` records that begin at `start`. */
export function readRecords(buffer: Buffer, start: number, count: number, context: BatchContext): FetchedMessage[] {
  const out = new Array<FetchedMessage>(count);
  const base = Number(context.firstOffset);
  const r = new RecordReader(buffer, start);
  for (let i = 0; i < count; i++) {
    const length = r.varint();
    const end = r.at + length;
    out[i] = new FetchedMessage(r, context, base);
    r.at = end;
  }
  return out;
}

export interface FetchDecoder {
  readonly buffer: Buffer;
  offset: number;
}

export interface DecodedBatch extends Omit<BatchContext, 'magicByte'> {
  readonly records: FetchedMessage[];
}

/** Reads the batch at the decoder's offset and moves past it; null when its end is missing. `decompress` gets the attributes' codec. */
export async function readBatch(
  decoder: FetchDecoder,
  decompress: (attributes: number, data: Buffer) => Promise<Buffer> | null,
): Promise<DecodedBatch | null> {
  const b = decoder.buffer;
  const at = decoder.offset;
  const length = b.readInt32BE(at + 8);
  const start = at + 12;
  decoder.offset = start + length;
  if (b.length - start < length) return null;
  const attributes = b.readInt16BE(start + 9);
  const context: BatchContext = {
    firstOffset: String(b.readBigInt64BE(at)),
    firstTimestamp: String(b.readBigInt64BE(start + 15)),
    partitionLeaderEpoch: b.readInt32BE(start),
    inTransaction: (attributes & 0x10) > 0,
    isControlBatch: (attributes & 0x20) > 0,
    lastOffsetDelta: b.readInt32BE(start + 11),
    producerId: String(b.readBigInt64BE(start + 31)),
    producerEpoch: b.readInt16BE(start + 39),
    firstSequence: b.readInt32BE(start + 41),
    maxTimestamp: String(b.readBigInt64BE(start + 23)),
    timestampType: (attributes & 0x08) > 0 ? 1 : 0,
    magicByte: b.readInt8(start + 4),
  };
  const count = b.readInt32BE(start + 45);
  const body = b.subarray(start + 49, start + length);
  const plain = count <= 0 ? body : await (decompress(attributes, body) ?? body);
  const { magicByte, ...rest } = context;
  return { ...rest, records: readRecords(plain, 0, Math.max(0, count), context) };
}

/** The offset of a message, without the detour over text where that is possible. */
export function offsetOf(message: { readonly offset: string }): number {
  return message instanceof FetchedMessage ? message.offsetNumber : Number(message.offset);
}
