import type { SourceOffset } from '../model/offset.ts';
import type { HistoryRecord, SchemaHistory } from '../spi/schema-history.ts';

/** History that ends with the process, for tests and for tasks that take a snapshot at every start. */
export class MemorySchemaHistory implements SchemaHistory {
  #records: HistoryRecord[] = [];

  async exists(): Promise<boolean> {
    return this.#records.length > 0;
  }

  async record(entries: readonly HistoryRecord[]): Promise<void> {
    this.#records.push(...entries);
  }

  async recover(apply: (entry: HistoryRecord) => void): Promise<void> {
    for (const r of this.#records) apply(r);
  }

  shouldCompact(): boolean {
    return false;
  }

  async compact(
    durable: (position: SourceOffset) => boolean,
    fold: (entries: readonly HistoryRecord[]) => readonly HistoryRecord[],
  ): Promise<void> {
    const end = this.#records.findIndex((r) => !durable(r.position));
    const split = end < 0 ? this.#records.length : end;
    this.#records = [...fold(this.#records.slice(0, split)), ...this.#records.slice(split)];
  }

  async stop(): Promise<void> {}
}
