import type { Batch, Chunk, Header } from '../model/chunk.ts';
import { CdcError } from '../model/errors.ts';
import type { BatchWriter } from '../spi/batch-writer.ts';
import { asChangeRecord, type ChangeRecord, headersOfChunk, type RecordTransform, recordsOfRows } from './change-record.ts';
import type { Predicate } from './predicates.ts';

/** One transform of a chain, under the name the configuration gives it. */
export interface ChainLink {
  readonly name: string;
  readonly transform: RecordTransform;
  /** Records it is for; null = all. */
  readonly predicate: Predicate | null;
}

/** The transforms in order as one; a record that one of them drops ends there. */
export function chainOf(links: readonly ChainLink[]): RecordTransform {
  return (record) => {
    let current: ChangeRecord = record;
    for (const { name, transform, predicate } of links) {
      try {
        if (predicate !== null && !predicate(current)) continue;
        const next = transform(current);
        if (next === null) return null;
        current = next;
      } catch (error) {
        throw inTransform(name, current.topic, error);
      }
    }
    return current;
  };
}

function inTransform(name: string, topic: string, error: unknown): CdcError {
  const known = error instanceof CdcError ? error : null;
  const message = known?.message ?? (error instanceof Error ? error.message : String(error));
  return new CdcError(known?.code ?? 'CDC_TRANSFORM', known?.kind ?? 'data', `transform "${name}", topic ${topic}: ${message}`, {
    cause: error,
    hint: known?.hint ?? 'correct the transform, or exclude such records from it with a predicate',
    context: { transform: name, topic },
  });
}

/** The batch after the transforms: order, offsets and counts stay. Chunks no transform touched stay as they are. */
export function transformBatch(batch: Batch, transform: RecordTransform): Batch {
  return { ...batch, chunks: batch.chunks.flatMap((chunk) => transformChunk(chunk, batch.headers, transform)) };
}

function transformChunk(chunk: Chunk, batchHeaders: readonly Header[], transform: RecordTransform): readonly Chunk[] {
  const headers = headersOfChunk(chunk, batchHeaders);
  if (chunk.kind === 'schemaChange') {
    const records = chunk.records.flatMap((r) => transform(asChangeRecord(r, headers)) ?? []);
    return [{ ...chunk, records }];
  }
  const given = chunk.kind === 'rows' ? recordsOfRows(chunk, headers) : [asChangeRecord(chunk.record, headers)];
  const out: ChangeRecord[] = [];
  let touched = false;
  for (const record of given) {
    const made = transform(record);
    if (made !== record) touched = true;
    if (made !== null) out.push(made);
  }
  if (!touched) return [chunk];
  return out.map((record, i) => ({ kind: 'record', record, offset: i === out.length - 1 ? chunk.offset : null }));
}

/** The writer behind a chain of transforms. */
export function transformingWriter(writer: BatchWriter, transform: RecordTransform): BatchWriter {
  return {
    start: (signal) => writer.start(signal),
    write: async (batch, onDurable, signal) => writer.write(transformBatch(batch, transform), onDurable, signal),
    idle: (signal) => writer.idle(signal),
    flush: (signal) => writer.flush(signal),
    stop: () => writer.stop(),
  };
}
