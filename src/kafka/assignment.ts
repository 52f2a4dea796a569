import { CdcError } from '../model/errors.ts';
import type { Json, SourceOffset, SourcePartition } from '../model/offset.ts';
import type { Admin } from './client.ts';
import { kafkaError } from './errors.ts';

/** Connect's name of a consumed partition: what offsets are stored under. */
export function kafkaPartition(topic: string, partition: number): SourcePartition {
  return { kafka_topic: topic, kafka_partition: partition };
}

/** Where reading a partition begins. */
export interface Start {
  readonly topic: string;
  readonly partition: number;
  /** First offset to deliver. */
  readonly offset: number;
  /** Oldest offset the topic still has. */
  readonly low: number;
  /** What was stored with the offset (redelivery.ts). */
  readonly reached: Json;
}

export interface StartOptions {
  readonly admin: Admin;
  readonly groupId: string;
  /** `auto.offset.reset`: earliest, latest or none. */
  readonly reset: string;
  committed(partition: SourcePartition): Promise<SourceOffset | null>;
}

/**
 * Where to begin with partitions newly assigned: the offset stored by the sink, else the group's, else `auto.offset.reset`.
 * Throws CDC_KAFKA_OFFSET_LOST when the topic no longer (or not yet) has that offset: kafkajs and Java would silently begin elsewhere.
 */
export async function startOffsets(
  assigned: readonly { readonly topic: string; readonly partitions: readonly number[] }[],
  options: StartOptions,
): Promise<readonly Start[]> {
  const { admin, groupId } = options;
  const topics = assigned.map((a) => a.topic);
  if (topics.length === 0) return [];
  try {
    const group = new Map<string, number>();
    for (const { topic, partitions } of await admin.fetchOffsets({ groupId, topics: [...topics] })) {
      for (const p of partitions) group.set(`${topic}/${p.partition}`, Number(p.offset));
    }
    const starts: Start[] = [];
    for (const { topic, partitions } of assigned) {
      const ends = await admin.fetchTopicOffsets(topic);
      for (const partition of partitions) {
        const end = ends.find((e) => e.partition === partition);
        const low = Number(end?.low ?? 0);
        const high = Number(end?.high ?? 0);
        const stored = await options.committed(kafkaPartition(topic, partition));
        const offset = chooseStart({
          topic,
          partition,
          low,
          high,
          stored: storedOffset(stored),
          group: group.get(`${topic}/${partition}`) ?? -1,
          reset: options.reset,
        });
        const reached = offset === storedOffset(stored) ? (stored?.['reached'] ?? null) : null;
        starts.push({ topic, partition, offset, low, reached });
      }
    }
    return starts;
  } catch (error) {
    throw kafkaError(error, `group ${groupId}: the offsets to start from could not be read`, { groupId });
  }
}

/** `kafka_offset` of a stored offset, or -1. */
export function storedOffset(offset: SourceOffset | null): number {
  const value = offset?.['kafka_offset'];
  return value === undefined || value === null ? -1 : Number(value);
}

interface Candidates {
  readonly topic: string;
  readonly partition: number;
  readonly low: number;
  readonly high: number;
  readonly stored: number;
  readonly group: number;
  readonly reset: string;
}

export function chooseStart(c: Candidates): number {
  const known = c.stored >= 0 ? c.stored : c.group;
  if (known < 0) {
    if (c.reset === 'none') {
      throw new CdcError(
        'CDC_KAFKA_OFFSET_LOST',
        'environment',
        `topic ${c.topic} partition ${c.partition}: no offset is stored and auto.offset.reset is none`,
        {
          hint: 'store an offset, or set auto.offset.reset to earliest or latest',
          context: { topic: c.topic, partition: c.partition },
        },
      );
    }
    return c.reset === 'latest' ? c.high : c.low;
  }
  if (known < c.low || known > c.high) throw offsetLost(c.topic, c.partition, known, c.low, c.high);
  return known;
}

export function offsetLost(topic: string, partition: number, wanted: number, low: number, high: number): CdcError {
  const why = wanted < low ? 'messages were removed before they were consumed' : 'the topic was emptied or created anew';
  return new CdcError(
    'CDC_KAFKA_OFFSET_LOST',
    'environment',
    `topic ${topic} partition ${partition}: offset ${wanted} is not in ${low}…${high}: ${why}`,
    {
      hint: 'snapshot the tables anew, then reset the stored offset of this partition; keep topics longer (retention.ms)',
      context: { topic, partition, offset: wanted, low, high },
    },
  );
}
