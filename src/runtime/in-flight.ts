import type { Batch } from '../model/chunk.ts';
import { type PartitionOffset, partitionKey } from '../model/offset.ts';

interface Entry {
  readonly offsets: readonly PartitionOffset[];
  durable: boolean;
}

/**
 * Batches handed to the writer, in order. Only a contiguous durable prefix may be committed (invariant I1),
 * whatever order acknowledgements come in: Connect's SubmittedRecords, per batch.
 */
export class InFlight {
  readonly #entries: Entry[] = [];

  get size(): number {
    return this.#entries.length;
  }

  /** Adds a batch; the answer is to be called once when it is durable. */
  submit(batch: Batch): () => void {
    const entry: Entry = { offsets: batch.offsets, durable: false };
    this.#entries.push(entry);
    return () => {
      entry.durable = true;
    };
  }

  /** Removes the durable prefix and returns the last resume point of each of its partitions. */
  takeCommittable(): readonly PartitionOffset[] {
    const last = new Map<string, PartitionOffset>();
    let n = 0;
    for (const entry of this.#entries) {
      if (!entry.durable) break;
      for (const offset of entry.offsets) last.set(partitionKey(offset.partition), offset);
      n++;
    }
    this.#entries.splice(0, n);
    return [...last.values()];
  }
}
