import { decodeError } from '../convert-error.ts';
import { readUnscaled } from '../decimal-bytes.ts';
import { OP, type PlanNode } from './avro-plan.ts';

/** Where the decoder stands: module state, because private fields cost a tenth of the time. Reading is synchronous and never re-entered. */
let buf: Buffer = Buffer.alloc(0);
let pos = 0;

/** Reads values of one writer schema; structs become positional arrays (model/schema.ts). */
export class AvroDecoder {
  readonly #plan: PlanNode;

  constructor(plan: PlanNode) {
    this.#plan = plan;
  }

  /** Reads one value from `start` to the end of `data`; throws CDC_MESSAGE_DECODE when it is shorter or longer. */
  decode(data: Buffer, start: number): unknown {
    buf = data;
    pos = start;
    const value = readValue(this.#plan);
    const left = data.length - pos;
    if (left !== 0) throw broken(this.#plan, left < 0 ? 'ends too early' : `has ${left} bytes too many`);
    return value;
  }
}

function readValue(n: PlanNode): unknown {
  if (n.op === OP.union) return readUnion(n);
  if (n.nullTag >= 0) {
    const tag = buf[pos++];
    if (tag === n.nullTag) return null;
    if (tag !== n.valueTag) throw broken(n, 'names a branch its union does not have');
  } else if (n.valueTag === 0) pos++;
  return readPresent(n);
}

function readPresent(n: PlanNode): unknown {
  switch (n.op) {
    case OP.string:
      return readString(takeLength(n));
    case OP.int:
    case OP.long:
      return readLong(n);
    case OP.decimal: {
      const end = takeLength(n);
      const start = pos;
      pos = end;
      return readUnscaled(buf, start, end, n.scale);
    }
    case OP.struct: {
      const { fields } = n;
      const count = fields.length;
      const row = new Array<unknown>(count);
      for (let i = 0; i < count; i++) row[i] = readValue(fields[i] as PlanNode);
      return row;
    }
    case OP.double:
      return buf.readDoubleLE(take(n, 8));
    case OP.float:
      return buf.readFloatLE(take(n, 4));
    case OP.boolean:
      return buf[take(n, 1)] === 1;
    case OP.bytes:
      return copyTo(takeLength(n));
    default:
      return readRare(n);
  }
}

function readRare(n: PlanNode): unknown {
  switch (n.op) {
    case OP.array: {
      const list: unknown[] = [];
      readBlocks(n, () => list.push(readValue(n.items as PlanNode)));
      return list;
    }
    case OP.map:
    case OP.entries: {
      const map = new Map<unknown, unknown>();
      const [keys, values = n.items as PlanNode] = n.fields;
      readBlocks(n, () => {
        const key = keys === undefined ? readString(takeLength(n)) : readValue(keys);
        map.set(key, readValue(values));
      });
      return map;
    }
    case OP.enumeration: {
      const symbol = n.symbols[Number(readLong(n))];
      if (symbol === undefined) throw broken(n, 'names a symbol its enum does not have');
      return symbol;
    }
    case OP.fixed:
      take(n, n.size);
      pos -= n.size;
      return copyTo(pos + n.size);
    default: {
      // OP.fixedDecimal
      const start = take(n, n.size);
      return readUnscaled(buf, start, pos, n.scale);
    }
  }
}

/** A union of several types: the positional struct of its branches, one of them set. */
function readUnion(n: PlanNode): unknown {
  const tag = buf[pos++];
  if (tag === n.nullTag) return null;
  const branch = n.fields.findIndex((f) => f.valueTag === tag);
  if (branch < 0) throw broken(n, 'names a branch its union does not have');
  const value = new Array<unknown>(n.fields.length).fill(null);
  value[branch] = readPresent(n.fields[branch] as PlanNode);
  return value;
}

/** Blocks of an array or map; a negative count is followed by the block's size in bytes. */
function readBlocks(n: PlanNode, readItem: () => void): void {
  for (;;) {
    let count = Number(readLong(n));
    if (count === 0) return;
    if (count < 0) {
      count = -count;
      readLong(n);
    }
    for (let i = 0; i < count; i++) {
      // Every item takes at least a byte, so a lying count cannot loop for long (arrays of empty records excepted, which nothing writes).
      if (pos >= buf.length) throw broken(n, 'ends too early');
      readItem();
    }
  }
}

/** Reads a length and returns where that many bytes end. */
function takeLength(n: PlanNode): number {
  const length = readLong(n) as number;
  const end = pos + length;
  if (!(length >= 0 && end <= buf.length)) throw broken(n, 'ends too early');
  return end;
}

function take(n: PlanNode, bytes: number): number {
  const start = pos;
  pos = start + bytes;
  if (pos > buf.length) throw broken(n, 'ends too early');
  return start;
}

/** A copy: a view would keep the whole fetch response alive. */
function copyTo(end: number): Buffer {
  const copy = Buffer.from(buf.subarray(pos, end));
  pos = end;
  return copy;
}

function broken(n: PlanNode, reason: string): Error {
  return decodeError(n.where, n.path === '' ? `the message ${reason}` : `field "${n.path}" ${reason}`);
}

/** A zig-zag varint: number when safe, else bigint. */
function readLong(n: PlanNode): number | bigint {
  let b = buf[pos++] as number;
  if (b < 128) return (b >>> 1) ^ -(b & 1);
  let low = b & 127;
  for (let shift = 7; b > 127 && shift < 28; shift += 7) {
    b = buf[pos++] as number;
    low |= (b & 127) << shift;
  }
  const half = low >>> 1;
  const negative = (low & 1) === 1;
  if (b < 128) return negative ? -half - 1 : half;
  let high = 0;
  for (let factor = 1; b > 127; factor *= 128) {
    if (factor > 2 ** 35) throw broken(n, 'has an integer of more than 64 bits');
    b = buf[pos++] as number;
    high += (b & 127) * factor;
  }
  if (high < 0x4000000) {
    const magnitude = high * 0x8000000 + half;
    if (!negative) return magnitude;
    if (magnitude < Number.MAX_SAFE_INTEGER) return -magnitude - 1;
  }
  if (Number.isNaN(high)) throw broken(n, 'ends too early');
  return bigLong(low, high);
}

/** The last few integers beyond 2^53: nanosecond timestamps repeat within a chunk, and making a bigint takes 0.1 µs. */
const bigLow = new Float64Array(8);
const bigHigh = new Float64Array(8);
const bigBoxed = new Array<bigint>(8).fill(0n);

function bigLong(low: number, high: number): bigint {
  const slot = ((low >>> 8) ^ high) & 7;
  if (bigLow[slot] === low && bigHigh[slot] === high) return bigBoxed[slot] as bigint;
  const magnitude = (BigInt(high) << 27n) | BigInt(low >>> 1);
  const value = BigInt.asIntN(64, (low & 1) === 1 ? ~magnitude : magnitude);
  bigLow[slot] = low;
  bigHigh[slot] = high;
  bigBoxed[slot] = value;
  return value;
}

/** Longest string the cache keeps, bytes. */
const CACHED_LENGTH = 40;
const CACHE_SLOTS = 512;
/** Recent short ASCII strings by a cheap hash: an envelope's source block repeats its own in every message (0.45 of 1.6 µs saved). */
const cache = new Array<string>(CACHE_SLOTS).fill('');

function readString(end: number): string {
  const start = pos;
  const length = end - start;
  pos = end;
  if (length === 0) return '';
  if (length > CACHED_LENGTH) return buf.toString('utf8', start, end);
  const slot =
    (length * 37 + (buf[end - 1] as number) * 11 + (buf[start] as number) * 5 + (buf[start + (length >> 1)] as number)) & (CACHE_SLOTS - 1);
  const known = cache[slot] as string;
  if (known.length === length) {
    let i = 0;
    while (i < length && known.charCodeAt(i) === buf[start + i]) i++;
    // Only ASCII is kept, so equal code units are equal bytes.
    if (i === length) return known;
  }
  const made = buf.toString('utf8', start, end);
  if (made.length === length) cache[slot] = made;
  return made;
}
