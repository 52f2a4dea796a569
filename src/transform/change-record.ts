import type { Chunk, Header, Row, RowChunk, SourceRecord } from '../model/chunk.ts';
import { SOURCE_ROW_FIELD } from '../model/envelope.ts';
import { primitive } from '../model/schema.ts';

/** A message as transforms see it: Kafka Connect's SourceRecord, values in the representation of model/schema.ts. */
export interface ChangeRecord extends SourceRecord {
  readonly headers: readonly Header[];
  readonly timestamp: number | null;
}

/** One transform: the record it makes of a record, or null to drop it. Must give the same schema object for the same input schemas. */
export type RecordTransform = (record: ChangeRecord) => ChangeRecord | null;

export const STRING = primitive('string');
export const OPTIONAL_STRING = primitive('string', { optional: true });

/** The messages of a chunk of rows, in order, tombstones included: what a converter would have written of it. */
export function recordsOfRows(chunk: RowChunk, batchHeaders: readonly Header[]): ChangeRecord[] {
  const { table, op, source, transaction } = chunk;
  const rowStep = source.snapshot === null ? 1 : 0;
  const keyRows = op === 'd' ? (chunk.before ?? chunk.after) : (chunk.after ?? chunk.before);
  const tombstones = op === 'd' && chunk.tombstones;
  const us = chunk.processedUs;
  const out: ChangeRecord[] = [];
  for (let i = 0; i < chunk.count; i++) {
    const keyRow = keyRows === null ? null : (keyRows[i] as Row);
    const key = table.key === null || keyRow === null ? null : table.keyOrdinals.map((ordinal) => keyRow[ordinal]);
    const common = {
      topic: table.topic,
      partition: null,
      keySchema: key === null ? null : table.key,
      key,
      headers: headersOfRow(chunk, i, batchHeaders),
      timestamp: null,
    };
    const before = op === 't' ? null : (chunk.before?.[i] ?? null);
    const after = op === 't' ? null : (chunk.after?.[i] ?? null);
    let value: unknown = after;
    if (table.shape === 'envelope') {
      const block = transaction === null ? null : [transaction.id, transaction.firstOrder + i, transaction.firstCollectionOrder + i];
      const where = source.values.slice();
      where[SOURCE_ROW_FIELD] = chunk.firstRow + i * rowStep;
      value = [before, after, where, block, op, Math.floor(us / 1000), us, BigInt(us) * 1000n];
    }
    out.push({ ...common, valueSchema: table.envelope, value });
    if (tombstones) out.push({ ...common, valueSchema: null, value: null });
  }
  return out;
}

/** Debezium's headers on the halves of an update that changed the key come before those of the batch. */
function headersOfRow(chunk: RowChunk, row: number, batchHeaders: readonly Header[]): readonly Header[] {
  const other = chunk.otherKeys?.[row];
  const schema = chunk.table.key;
  if (other === undefined || schema === null) return batchHeaders;
  const key = chunk.op === 'd' ? '__debezium.newkey' : '__debezium.oldkey';
  return [{ key, schema, value: other }, ...batchHeaders];
}

/** A record that is no row as transforms see it. */
export function asChangeRecord(record: SourceRecord, headers: readonly Header[]): ChangeRecord {
  return { ...record, headers: record.headers ?? headers, timestamp: record.timestamp ?? null };
}

/** What a chunk's messages carry of the batch's headers. */
export function headersOfChunk(chunk: Chunk, batchHeaders: readonly Header[]): readonly Header[] {
  return chunk.kind === 'record' && chunk.plain === true ? [] : batchHeaders;
}

/** Recognised by the name of its value's schema, as Debezium's own transforms do. */
export function isEnvelope(record: ChangeRecord): boolean {
  return record.valueSchema?.name?.endsWith('.Envelope') === true;
}
