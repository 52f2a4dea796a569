import type { PartitionOffset, SourceOffset, SourcePartition } from '../model/offset.ts';

export interface OffsetStore {
  start(): Promise<void>;
  /** Last durable offset; null when none. `connector` is the namespace, as in Kafka Connect. */
  load(connector: string, partition: SourcePartition): Promise<SourceOffset | null>;
  list(connector: string): Promise<readonly PartitionOffset[]>;
  /** Atomic for the whole list and durable on resolve; a null offset deletes. */
  save(connector: string, offsets: readonly { readonly partition: SourcePartition; readonly offset: SourceOffset | null }[]): Promise<void>;
  stop(): Promise<void>;
}
