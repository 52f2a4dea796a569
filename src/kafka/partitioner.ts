/**
 * Kafka's murmur2 of a key, exactly as the Java client's `Utils.murmur2`, so that a key goes to the
 * partition a Java producer would choose.
 */
export function murmur2(data: Uint8Array, start = 0, length = data.length): number {
  const m = 0x5bd1e995;
  let h = 0x9747b28c ^ length;
  const whole = start + (length & ~3);
  for (let i = start; i < whole; i += 4) {
    let k = (data[i] as number) | ((data[i + 1] as number) << 8) | ((data[i + 2] as number) << 16) | ((data[i + 3] as number) << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    k = Math.imul(k, m);
    h = Math.imul(h, m) ^ k;
  }
  const rest = length & 3;
  if (rest === 3) h ^= (data[whole + 2] as number) << 16;
  if (rest >= 2) h ^= (data[whole + 1] as number) << 8;
  if (rest >= 1) h = Math.imul(h ^ (data[whole] as number), m);
  h ^= h >>> 13;
  h = Math.imul(h, m);
  return h ^ (h >>> 15);
}

/** Partition of a keyed message among `partitions`, as the Java client's default partitioner. */
export function partitionOf(key: Uint8Array, partitions: number, start = 0, length = key.length): number {
  return partitions === 1 ? 0 : (murmur2(key, start, length) & 0x7fffffff) % partitions;
}
