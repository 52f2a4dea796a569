import { CdcError } from '../model/errors.ts';
import type { PartitionOffset, SourceOffset, SourcePartition } from '../model/offset.ts';
import type { RawConfig } from '../spi/config-def.ts';
import type { OffsetStore } from '../spi/offset-store.ts';
import type { Logger } from '../spi/telemetry.ts';
import { kafkaPartition, storedOffset } from './assignment.ts';
import { type Admin, createKafkaClient } from './client.ts';
import { kafkaError } from './errors.ts';

export interface GroupOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
}

export type CommitOffsets = (offsets: readonly GroupOffset[]) => Promise<void>;

/**
 * Offsets of a sink as commits of its consumer group, where Kafka Connect keeps them. While the group's consumer runs, commits go
 * through it (`attach`): the broker takes them from members only. Without one, the group is empty and the admin API is used.
 * The connector's name is in the group id, so the `connector` arguments are not looked at.
 */
export class GroupOffsetStore implements OffsetStore {
  readonly #groupId: string;
  readonly #admin: Admin;
  #commit: CommitOffsets | null = null;

  constructor(options: { readonly client: RawConfig; readonly groupId: string; readonly logger: Logger }) {
    this.#groupId = options.groupId;
    this.#admin = createKafkaClient(options.client, options.logger).admin();
  }

  /** The running consumer's commit; null when it stops. */
  attach(commit: CommitOffsets | null): void {
    this.#commit = commit;
  }

  async start(): Promise<void> {
    try {
      await this.#admin.connect();
    } catch (error) {
      throw kafkaError(error, 'Kafka cannot be reached');
    }
  }

  async load(_connector: string, partition: SourcePartition): Promise<SourceOffset | null> {
    const topic = String(partition['kafka_topic']);
    const stored = await this.#fetch([topic]);
    return (
      stored.find((o) => o.partition['kafka_topic'] === topic && o.partition['kafka_partition'] === partition['kafka_partition'])?.offset ??
      null
    );
  }

  async list(_connector: string): Promise<readonly PartitionOffset[]> {
    return await this.#fetch([]);
  }

  /** Throws CDC_NOT_AVAILABLE for a deletion of single partitions: Kafka's protocol version in use here cannot. All of the group's can. */
  async save(
    _connector: string,
    offsets: readonly { readonly partition: SourcePartition; readonly offset: SourceOffset | null }[],
  ): Promise<void> {
    if (offsets.some((o) => o.offset === null)) return await this.#deleteAll(offsets);
    const list = offsets.map(({ partition, offset }) => ({
      topic: String(partition['kafka_topic']),
      partition: Number(partition['kafka_partition']),
      offset: String(storedOffset(offset)),
    }));
    try {
      if (this.#commit !== null) return await this.#commit(list);
      for (const topic of new Set(list.map((o) => o.topic))) {
        await this.#admin.setOffsets({ groupId: this.#groupId, topic, partitions: list.filter((o) => o.topic === topic) });
      }
    } catch (error) {
      throw kafkaError(error, `group ${this.#groupId}: the offsets could not be committed`);
    }
  }

  async stop(): Promise<void> {
    await this.#admin.disconnect();
  }

  async #fetch(topics: readonly string[]): Promise<readonly PartitionOffset[]> {
    try {
      const found = await this.#admin.fetchOffsets({ groupId: this.#groupId, topics: [...topics] });
      return found.flatMap(({ topic, partitions }) =>
        partitions
          .filter((p) => Number(p.offset) >= 0)
          .map((p) => ({ partition: kafkaPartition(topic, p.partition), offset: { kafka_offset: Number(p.offset) } })),
      );
    } catch (error) {
      throw kafkaError(error, `group ${this.#groupId}: the offsets could not be read`);
    }
  }

  async #deleteAll(offsets: readonly { readonly partition: SourcePartition; readonly offset: SourceOffset | null }[]): Promise<void> {
    const deleted = new Set(
      offsets.filter((o) => o.offset === null).map((o) => `${o.partition['kafka_topic']}/${o.partition['kafka_partition']}`),
    );
    const others = (await this.#fetch([])).some((o) => !deleted.has(`${o.partition['kafka_topic']}/${o.partition['kafka_partition']}`));
    if (others || deleted.size < offsets.length) {
      throw new CdcError('CDC_NOT_AVAILABLE', 'config', `group ${this.#groupId}: offsets can only be deleted for all partitions at once`, {
        hint: 'delete all of them, or set those partitions to an offset',
      });
    }
    try {
      await this.#admin.deleteGroups([this.#groupId]);
    } catch (error) {
      throw kafkaError(error, `group ${this.#groupId} could not be deleted`);
    }
  }
}
