import type { Row, RowChunk } from '../../model/chunk.ts';
import { ENVELOPE, SOURCE_ROW_FIELD } from '../../model/envelope.ts';
import { CdcError } from '../../model/errors.ts';
import type { TableSchema } from '../../model/table-schema.ts';
import type { ChunkEncoder } from '../../spi/converter.ts';
import type { ByteWriter } from '../../util/byte-writer.ts';
import { encodeValue, type Placeholder, sizeBound, writeLong } from './avro-encoder.ts';
import type { PlanNode } from './avro-plan.ts';

/** Magic byte 0 and the schema id, big-endian: the front of every message in Confluent's wire format. */
export function wireHeader(schemaId: number): Buffer {
  const header = Buffer.alloc(5);
  header.writeInt32BE(schemaId, 1);
  return header;
}

export const WIRE_HEADER_BYTES = 5;

/** Message keys: the key columns of the row image that identifies the row; null where there is none. */
export class KeyEncoder implements ChunkEncoder {
  readonly #plan: PlanNode;
  readonly #ordinals: readonly number[];
  readonly #header: Buffer;
  readonly #key: unknown[];

  constructor(plan: PlanNode, ordinals: readonly number[], schemaId: number) {
    this.#plan = plan;
    this.#ordinals = ordinals;
    this.#header = wireHeader(schemaId);
    this.#key = new Array<unknown>(ordinals.length).fill(null);
  }

  encode(chunk: RowChunk, out: ByteWriter, into: (Buffer | null)[]): void {
    const rows = keyRows(chunk);
    const ordinals = this.#ordinals;
    const key = this.#key;
    for (let i = 0; i < chunk.count; i++) {
      if (rows === null) {
        into.push(null);
        continue;
      }
      const row = rows[i] as Row;
      for (let k = 0; k < ordinals.length; k++) key[k] = row[ordinals[k] as number];
      out.reserve(WIRE_HEADER_BYTES + sizeBound(this.#plan, key, null));
      out.buf.set(this.#header, out.pos);
      out.pos = encodeValue(this.#plan, key, out.buf, out.pos + WIRE_HEADER_BYTES, null);
      into.push(out.cut());
    }
  }
}

/** The row images that keys are taken from: what the row was for deletes, what it is otherwise. */
export function keyRows(chunk: RowChunk): readonly Row[] | null {
  return chunk.op === 'd' ? (chunk.before ?? chunk.after) : (chunk.after ?? chunk.before);
}

/** Keys of tables without key. */
export const NO_KEY: ChunkEncoder = {
  encode(chunk, _out, into) {
    for (let i = 0; i < chunk.count; i++) into.push(null);
  },
};

/** Flattened rows (shape 'row'): the row after the change; null for a delete. */
export class RowEncoder implements ChunkEncoder {
  readonly #plan: PlanNode;
  readonly #header: Buffer;
  readonly #placeholder: Placeholder;

  constructor(plan: PlanNode, schemaId: number, placeholder: Placeholder) {
    this.#plan = plan;
    this.#header = wireHeader(schemaId);
    this.#placeholder = placeholder;
  }

  encode(chunk: RowChunk, out: ByteWriter, into: (Buffer | null)[]): void {
    const rows = chunk.after;
    for (let i = 0; i < chunk.count; i++) {
      if (rows === null) {
        into.push(null);
        continue;
      }
      const row = rows[i];
      out.reserve(WIRE_HEADER_BYTES + 1 + sizeBound(this.#plan, row, this.#placeholder));
      out.buf.set(this.#header, out.pos);
      out.pos = encodeValue(this.#plan, row, out.buf, out.pos + WIRE_HEADER_BYTES, this.#placeholder);
      into.push(out.cut());
    }
  }
}

/** Nothing at all, where a row image is absent. */
const NO_VALUE = 1;

/**
 * Debezium envelopes. What all rows of a chunk share is encoded once: the source block on both sides of
 * its `row` field, op and timestamps; per row only the row images, `row` and the transaction's counters are written.
 */
export class EnvelopeEncoder implements ChunkEncoder {
  readonly #before: PlanNode;
  readonly #after: PlanNode;
  readonly #plan: PlanNode;
  readonly #header: Buffer;
  readonly #placeholder: Placeholder;
  readonly #end: unknown[];
  #endUs = -1;
  #scratch = Buffer.allocUnsafeSlow(1024);

  constructor(plan: PlanNode, table: TableSchema, schemaId: number, placeholder: Placeholder) {
    const names = Object.keys(ENVELOPE);
    if (plan.fields.length !== names.length || table.envelope.fields[ENVELOPE.source]?.schema.fields[SOURCE_ROW_FIELD]?.name !== 'row')
      throw new CdcError('CDC_INTERNAL_ASSERTION', 'fatal', `${plan.where}: the schema of shape 'envelope' is not a Debezium envelope`);
    this.#before = plan.fields[ENVELOPE.before] as PlanNode;
    this.#after = plan.fields[ENVELOPE.after] as PlanNode;
    this.#plan = plan;
    this.#header = wireHeader(schemaId);
    this.#placeholder = placeholder;
    this.#end = new Array<unknown>(plan.fields.length).fill(null);
  }

  encode(chunk: RowChunk, out: ByteWriter, into: (Buffer | null)[]): void {
    const { count, firstRow, transaction } = chunk;
    const rowStep = chunk.source.snapshot === null ? 1 : 0;
    const beforeRows = chunk.op === 't' ? null : chunk.before;
    const afterRows = chunk.op === 't' ? null : chunk.after;
    const header = this.#header;
    const placeholder = this.#placeholder;
    const before = this.#before;
    const after = this.#after;
    if (count === 1) {
      this.#encodeOne(chunk, beforeRows?.[0] ?? null, afterRows?.[0] ?? null, out);
      into.push(out.cut());
      return;
    }
    const scratch = this.#scratchFor(chunk);
    const headEnd = this.#writeHead(chunk, scratch, 0);
    const tailEnd = this.#writeTail(chunk, scratch, headEnd);
    const head = scratch.subarray(0, headEnd);
    const tail = scratch.subarray(headEnd, tailEnd);
    const end = scratch.subarray(tailEnd, this.#writeEnd(chunk, scratch, tailEnd));
    const constant = WIRE_HEADER_BYTES + head.length + tail.length + end.length + 40;
    for (let i = 0; i < count; i++) {
      const b = beforeRows === null ? null : beforeRows[i];
      const a = afterRows === null ? null : afterRows[i];
      out.reserve(
        constant + (b === null ? NO_VALUE : sizeBound(before, b, placeholder)) + (a === null ? NO_VALUE : sizeBound(after, a, placeholder)),
      );
      const { buf } = out;
      let pos = out.pos;
      buf.set(header, pos);
      pos = encodeValue(before, b, buf, pos + WIRE_HEADER_BYTES, placeholder);
      pos = encodeValue(after, a, buf, pos, placeholder);
      buf.set(head, pos);
      pos = writeLong(firstRow + i * rowStep, buf, pos + head.length);
      buf.set(tail, pos);
      pos += tail.length;
      if (transaction !== null) {
        pos = writeLong(transaction.firstOrder + i, buf, pos);
        pos = writeLong(transaction.firstCollectionOrder + i, buf, pos);
      }
      buf.set(end, pos);
      out.pos = pos + end.length;
      into.push(out.cut());
    }
  }

  /** A chunk of one row, which is what most transactions are made of: nothing to share, so nothing is put aside. */
  #encodeOne(chunk: RowChunk, before: Row | null, after: Row | null, out: ByteWriter): void {
    const placeholder = this.#placeholder;
    out.reserve(
      WIRE_HEADER_BYTES +
        sizeBound(this.#before, before, placeholder) +
        sizeBound(this.#after, after, placeholder) +
        this.#sharedBound(chunk),
    );
    const { buf } = out;
    buf.set(this.#header, out.pos);
    let pos = encodeValue(this.#before, before, buf, out.pos + WIRE_HEADER_BYTES, placeholder);
    pos = encodeValue(this.#after, after, buf, pos, placeholder);
    pos = this.#writeHead(chunk, buf, pos);
    pos = writeLong(chunk.firstRow, buf, pos);
    pos = this.#writeTail(chunk, buf, pos);
    if (chunk.transaction !== null) {
      pos = writeLong(chunk.transaction.firstOrder, buf, pos);
      pos = writeLong(chunk.transaction.firstCollectionOrder, buf, pos);
    }
    out.pos = this.#writeEnd(chunk, buf, pos);
  }

  /** Most bytes that everything but the row images takes. */
  #sharedBound(chunk: RowChunk): number {
    const source = this.#plan.fields[ENVELOPE.source] as PlanNode;
    return sizeBound(source, chunk.source.values, null) + 3 * (chunk.transaction?.id.length ?? 0) + 120;
  }

  #scratchFor(chunk: RowChunk): Buffer {
    const bound = this.#sharedBound(chunk);
    if (this.#scratch.length < bound) this.#scratch = Buffer.allocUnsafeSlow(2 * bound);
    return this.#scratch;
  }

  /** The source block up to its `row` field. */
  #writeHead(chunk: RowChunk, buf: Buffer, pos: number): number {
    return writeFields(this.#plan.fields[ENVELOPE.source] as PlanNode, chunk.source.values, 0, SOURCE_ROW_FIELD, buf, pos);
  }

  /** The source block behind `row`, and null or the transaction block up to its two counters. */
  #writeTail(chunk: RowChunk, buf: Buffer, at: number): number {
    const source = this.#plan.fields[ENVELOPE.source] as PlanNode;
    let pos = writeFields(source, chunk.source.values, SOURCE_ROW_FIELD + 1, source.fields.length, buf, at);
    const plan = this.#plan.fields[ENVELOPE.transaction] as PlanNode;
    if (chunk.transaction === null) {
      buf[pos] = plan.nullTag;
      return pos + 1;
    }
    if (plan.valueTag >= 0) buf[pos++] = plan.valueTag;
    return encodeValue(plan.fields[0] as PlanNode, chunk.transaction.id, buf, pos, null);
  }

  /** `op`, `ts_ms`, `ts_us`, `ts_ns`. */
  #writeEnd(chunk: RowChunk, buf: Buffer, pos: number): number {
    const us = chunk.processedUs;
    const values = this.#end;
    values[ENVELOPE.op] = chunk.op;
    values[ENVELOPE.tsMs] = Math.floor(us / 1000);
    values[ENVELOPE.tsUs] = us;
    if (us !== this.#endUs) {
      values[ENVELOPE.tsNs] = BigInt(us) * 1000n;
      this.#endUs = us;
    }
    return writeFields(this.#plan, values, ENVELOPE.op, this.#plan.fields.length, buf, pos);
  }
}

/** The fields `from`…`to` of a struct, without the struct around them. */
function writeFields(struct: PlanNode, values: readonly unknown[], from: number, to: number, buf: Buffer, at: number): number {
  let pos = at;
  for (let i = from; i < to; i++) pos = encodeValue(struct.fields[i] as PlanNode, values[i], buf, pos, null);
  return pos;
}
