/** A value that survives `JSON.parse(JSON.stringify(x))` unchanged. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What is being read: `{server: 'inventory'}`, or `{kafka_topic, kafka_partition}`. Compared by `partitionKey`. */
export type SourcePartition = { readonly [key: string]: Json };

/** Where to resume: `{file, pos, gtids?, event?, row?, …}`, or `{kafka_offset}`. Opaque to everything but its own connector. */
export type SourceOffset = { readonly [key: string]: Json };

export interface PartitionOffset {
  readonly partition: SourcePartition;
  readonly offset: SourceOffset;
}

/** Canonical text of a partition: keys sorted, so equal partitions give equal text. */
export function partitionKey(partition: SourcePartition): string {
  return JSON.stringify(Object.fromEntries(Object.entries(partition).sort(([a], [b]) => (a < b ? -1 : 1))));
}
