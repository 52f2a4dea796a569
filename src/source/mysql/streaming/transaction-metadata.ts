import type { RecordChunk, TransactionInfo } from '../../../model/chunk.ts';
import type { SourceOffset } from '../../../model/offset.ts';
import { array, primitive, struct } from '../../../model/schema.ts';

const str = primitive('string');
const int64 = primitive('int64');
const keySchema = struct([['id', str]], { name: 'io.debezium.connector.common.TransactionMetadataKey', version: 1 });
const collection = struct(
  [
    ['data_collection', str],
    ['event_count', int64],
  ],
  { name: 'event.collection', version: 1, optional: true },
);
const valueSchema = struct(
  [
    ['status', str],
    ['id', str],
    ['event_count', primitive('int64', { optional: true })],
    ['data_collections', array(collection, { optional: true })],
    ['ts_ms', int64],
  ],
  { name: 'io.debezium.connector.common.TransactionMetadataValue', version: 1 },
);

/** Counts the events of one transaction and writes its BEGIN and END records (provide.transaction.metadata). */
export class TransactionMetadata {
  readonly #topic: string;
  #id: string | null = null;
  #total = 0;
  #collections = new Map<string, number>();

  constructor(topic: string) {
    this.#topic = topic;
  }

  begin(id: string): void {
    this.#id = id;
    this.#total = 0;
    this.#collections = new Map();
  }

  reset(): void {
    this.#id = null;
  }

  /** Places `rows` events of `collection` (`db.table`) in the transaction; null outside of one. */
  count(collection: string, rows: number): TransactionInfo | null {
    if (this.#id === null) return null;
    const before = this.#collections.get(collection) ?? 0;
    const info = { id: this.#id, firstOrder: this.#total + 1, firstCollectionOrder: before + 1 };
    this.#total += rows;
    this.#collections.set(collection, before + rows);
    return info;
  }

  /** What Debezium adds to the offset within a transaction. */
  offsetKeys(): Record<string, string | number> {
    if (this.#id === null) return {};
    const keys: Record<string, string | number> = { transaction_id: this.#id };
    for (const [name, n] of this.#collections) keys[`transaction_data_collection_order_${name}`] = n;
    return keys;
  }

  beginRecord(tsUs: number, offset: SourceOffset | null): RecordChunk | null {
    return this.#id === null ? null : this.#record(['BEGIN', this.#id, null, null, Math.floor(tsUs / 1000)], offset);
  }

  endRecord(tsUs: number, offset: SourceOffset | null): RecordChunk | null {
    if (this.#id === null) return null;
    const collections = inJavaHashOrder([...this.#collections]);
    const chunk = this.#record(['END', this.#id, this.#total, collections, Math.floor(tsUs / 1000)], offset);
    this.#id = null;
    return chunk;
  }

  #record(value: readonly unknown[], offset: SourceOffset | null): RecordChunk {
    return {
      kind: 'record',
      plain: true,
      record: { topic: this.#topic, partition: null, keySchema, key: [this.#id], valueSchema, value },
      offset,
    };
  }
}

function javaHash(text: string): number {
  let h = 0;
  for (let i = 0; i < text.length; i++) h = (Math.imul(31, h) + text.charCodeAt(i)) | 0;
  return h ^ (h >>> 16);
}

/** Debezium lists the collections in the order of a java.util.HashMap. */
function inJavaHashOrder(entries: readonly (readonly [string, number])[]): readonly (readonly [string, number])[] {
  let buckets = 16;
  while (entries.length > buckets * 0.75) buckets *= 2;
  return entries
    .map((entry, i) => ({ entry, i, bucket: javaHash(entry[0]) & (buckets - 1) }))
    .sort((a, b) => a.bucket - b.bucket || a.i - b.i)
    .map((e) => e.entry);
}
