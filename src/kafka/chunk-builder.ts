import type { Batch, Chunk, Row, RowChunk } from '../model/chunk.ts';
import type { PartitionOffset } from '../model/offset.ts';
import { type Incoming, type RowItem, sourceInfo } from './message-reader.ts';

/** Larger chunks gain nothing and hold memory. */
const MAX_CHUNK_ROWS = 10_000;

/** Released messages as a batch: neighbouring rows of one table, op and source position (or one snapshot) become one chunk. */
export function buildBatch(items: readonly Incoming[], offsets: readonly PartitionOffset[]): Batch {
  const chunks: Chunk[] = [];
  let rowCount = 0;
  let bytes = 0;
  for (let i = 0; i < items.length; ) {
    const item = items[i] as Incoming;
    bytes += item.bytes;
    if (item.kind === 'row') {
      let end = i + 1;
      while (end < items.length && end - i < MAX_CHUNK_ROWS && continues(item, items[end] as Incoming))
        bytes += (items[end++] as Incoming).bytes;
      chunks.push(rowChunk(items as readonly RowItem[], i, end));
      rowCount += end - i;
      i = end;
      continue;
    }
    if (item.kind === 'schema') chunks.push(item.change);
    i++;
  }
  return { chunks, rowCount, bytes, offsets, headers: [] };
}

function continues(a: RowItem, b: Incoming): boolean {
  if (b.kind !== 'row' || a.table !== b.table || a.op !== b.op || a.op === 't' || (a.before === null) !== (b.before === null)) return false;
  const p = a.position;
  const q = b.position;
  if (p === null || q === null) return p === q;
  if ((a.snapshot === null) !== (b.snapshot === null)) return false;
  return p.pos === q.pos && p.fileNumber === q.fileNumber && p.base === q.base && (p.tsUs === q.tsUs || a.snapshot !== null);
}

function rowChunk(items: readonly RowItem[], start: number, end: number): RowChunk {
  const first = items[start] as RowItem;
  const { op } = first;
  const count = end - start;
  const before = op === 'c' || op === 'r' || op === 't' || first.before === null ? null : new Array<Row>(count);
  const after = op === 'd' || op === 't' ? null : new Array<Row>(count);
  for (let i = 0; i < count; i++) {
    const item = items[start + i] as RowItem;
    if (before !== null) before[i] = item.before as Row;
    if (after !== null) after[i] = item.after as Row;
  }
  return {
    kind: 'rows',
    table: first.table,
    op,
    before,
    after,
    count,
    source: sourceInfo(first),
    firstRow: first.position?.row ?? 0,
    processedUs: first.processedUs,
    transaction: null,
    tombstones: false,
    otherKeys: null,
    offset: null,
  };
}
