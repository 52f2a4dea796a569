import { decodeError } from '../convert-error.ts';
import { readUnscaled } from '../decimal-bytes.ts';
import { OP, type PlanNode } from './avro-plan.ts';

/** Reads values of one writer schema; structs become positional arrays (model/schema.ts). Not re-entrant, synchronous. */
export class AvroDecoder {
  readonly #plan: PlanNode;
  #buf: Buffer = Buffer.alloc(0);
  #pos = 0;

  constructor(plan: PlanNode) {
    this.#plan = plan;
  }

  /** Reads one value from `start` to the end of `data`; throws CDC_MESSAGE_DECODE when it is shorter or longer. */
  decode(data: Buffer, start: number): unknown {
    this.#buf = data;
    this.#pos = start;
    const value = this.#value(this.#plan);
    const left = data.length - this.#pos;
    if (left !== 0) throw decodeError(this.#plan.where, left < 0 ? 'the message ends too early' : `${left} bytes are left over`);
    return value;
  }

  #value(n: PlanNode): unknown {
    if (n.nullTag >= 0) {
      if (n.op === OP.union) return this.#union(n);
      const tag = this.#buf[this.#pos++];
      if (tag === n.nullTag) return null;
      if (tag !== n.valueTag) throw this.#broken(n, 'names a branch its union does not have');
    } else if (n.op === OP.union) return this.#union(n);
    else if (n.valueTag === 0) this.#pos++;
    return this.#present(n);
  }

  #present(n: PlanNode): unknown {
    switch (n.op) {
      case OP.int:
      case OP.long:
        return this.#long();
      case OP.string: {
        const length = this.#length(n);
        const start = this.#pos;
        this.#pos = start + length;
        return readString(this.#buf, start, length);
      }
      case OP.decimal: {
        const length = this.#length(n);
        const start = this.#pos;
        this.#pos = start + length;
        return readUnscaled(this.#buf, start, this.#pos, n.scale);
      }
      case OP.double: {
        const start = this.#take(n, 8);
        return this.#buf.readDoubleLE(start);
      }
      case OP.float: {
        const start = this.#take(n, 4);
        return this.#buf.readFloatLE(start);
      }
      case OP.boolean:
        return this.#buf[this.#take(n, 1)] === 1;
      case OP.bytes: {
        const length = this.#length(n);
        return this.#copy(n, length);
      }
      case OP.struct: {
        const { fields } = n;
        const count = fields.length;
        const row = new Array<unknown>(count);
        for (let i = 0; i < count; i++) row[i] = this.#value(fields[i] as PlanNode);
        return row;
      }
      case OP.array: {
        const list: unknown[] = [];
        this.#blocks(n, () => list.push(this.#value(n.items as PlanNode)));
        return list;
      }
      case OP.map:
      case OP.entries: {
        const map = new Map<unknown, unknown>();
        const [key, value] = n.fields;
        this.#blocks(n, () => {
          const k = key === undefined ? this.#mapKey(n) : this.#value(key);
          map.set(k, this.#value(value ?? (n.items as PlanNode)));
        });
        return map;
      }
      case OP.enumeration: {
        const symbol = n.symbols[Number(this.#long())];
        if (symbol === undefined) throw this.#broken(n, 'names a symbol its enum does not have');
        return symbol;
      }
      case OP.fixed:
        return this.#copy(n, n.size);
      default: {
        // OP.fixedDecimal
        const start = this.#take(n, n.size);
        return readUnscaled(this.#buf, start, this.#pos, n.scale);
      }
    }
  }

  #union(n: PlanNode): unknown {
    const tag = this.#buf[this.#pos++];
    if (tag === n.nullTag) return null;
    const branch = n.fields.findIndex((f) => f.valueTag === tag);
    if (branch < 0) throw this.#broken(n, 'names a branch its union does not have');
    const value = new Array<unknown>(n.fields.length).fill(null);
    value[branch] = this.#present(n.fields[branch] as PlanNode);
    return value;
  }

  /** Blocks of an array or map; a negative count is followed by the block's size in bytes. */
  #blocks(n: PlanNode, each: () => void): void {
    for (;;) {
      let count = Number(this.#long());
      if (count === 0) return;
      if (count < 0) {
        count = -count;
        this.#long();
      }
      for (let i = 0; i < count; i++) {
        if (this.#pos >= this.#buf.length) throw this.#broken(n, 'ends too early');
        each();
      }
    }
  }

  #mapKey(n: PlanNode): string {
    const length = this.#length(n);
    const start = this.#pos;
    this.#pos = start + length;
    return readString(this.#buf, start, length);
  }

  #length(n: PlanNode): number {
    const length = Number(this.#long());
    if (!(length >= 0 && this.#pos + length <= this.#buf.length)) throw this.#broken(n, 'ends too early');
    return length;
  }

  #take(n: PlanNode, bytes: number): number {
    const start = this.#pos;
    if (start + bytes > this.#buf.length) throw this.#broken(n, 'ends too early');
    this.#pos = start + bytes;
    return start;
  }

  /** A copy: a view would keep the whole fetch response alive. */
  #copy(n: PlanNode, length: number): Buffer {
    const start = this.#take(n, length);
    return Buffer.from(this.#buf.subarray(start, this.#pos));
  }

  #broken(n: PlanNode, reason: string): Error {
    return decodeError(n.where, n.path === '' ? `the message ${reason}` : `field "${n.path}" ${reason}`);
  }

  /** A zig-zag varint: number when safe, else bigint. */
  #long(): number | bigint {
    const buf = this.#buf;
    let pos = this.#pos;
    let b = buf[pos++] as number;
    let low = b & 127;
    for (let shift = 7; b > 127 && shift < 28; shift += 7) {
      b = buf[pos++] as number;
      low |= (b & 127) << shift;
    }
    const half = low >>> 1;
    const negative = (low & 1) === 1;
    if (!(b > 127)) {
      this.#pos = pos;
      return negative ? -half - 1 : half;
    }
    let high = 0;
    for (let factor = 1; b > 127; factor *= 128) {
      b = buf[pos++] as number;
      high += (b & 127) * factor;
      if (factor > 2 ** 42) throw decodeError(this.#plan.where, 'an integer has more than 64 bits');
    }
    this.#pos = pos;
    if (high < 0x4000000) {
      const magnitude = high * 0x8000000 + half;
      if (!negative) return magnitude;
      if (magnitude < Number.MAX_SAFE_INTEGER) return -magnitude - 1;
    }
    const magnitude = (BigInt(high) << 27n) | BigInt(half);
    return BigInt.asIntN(64, negative ? ~magnitude : magnitude);
  }
}

/** Strings up to this length are built in JS when they are ASCII, which beats the call into native code. */
const SHORT = 12;

function readString(buf: Buffer, start: number, length: number): string {
  if (length <= SHORT) {
    let s = '';
    let i = start;
    const end = start + length;
    for (; i < end; i++) {
      const c = buf[i] as number;
      if (c > 127) return buf.toString('utf8', start, end);
      s += String.fromCharCode(c);
    }
    return s;
  }
  return buf.toString('utf8', start, start + length);
}
