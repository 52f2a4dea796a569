import { type PartitionOffset, partitionKey, type SourceOffset, type SourcePartition } from '../model/offset.ts';
import type { OffsetStore } from '../spi/offset-store.ts';

/** Offsets that live as long as the process: for tests, and where the truth is elsewhere (a sink or a consumer group). */
export class MemoryOffsetStore implements OffsetStore {
  readonly #connectors = new Map<string, Map<string, PartitionOffset>>();

  async start(): Promise<void> {}

  async load(connector: string, partition: SourcePartition): Promise<SourceOffset | null> {
    return this.#connectors.get(connector)?.get(partitionKey(partition))?.offset ?? null;
  }

  async list(connector: string): Promise<readonly PartitionOffset[]> {
    return [...(this.#connectors.get(connector)?.values() ?? [])];
  }

  async save(
    connector: string,
    offsets: readonly { readonly partition: SourcePartition; readonly offset: SourceOffset | null }[],
  ): Promise<void> {
    const entries = this.#connectors.get(connector) ?? new Map<string, PartitionOffset>();
    this.#connectors.set(connector, entries);
    for (const { partition, offset } of offsets) {
      if (offset === null) entries.delete(partitionKey(partition));
      else entries.set(partitionKey(partition), { partition, offset });
    }
  }

  async stop(): Promise<void> {}
}
