import { CdcError } from '../model/errors.ts';
import type { RawConfig } from '../spi/config-def.ts';
import type { Logger } from '../spi/telemetry.ts';
import type { Admin, ITopicConfig } from './client.ts';
import { ADMIN_DEADLINE_MS, within } from './deadline.ts';
import { kafkaError } from './errors.ts';

/** How a topic is created; Connect's `topic.creation.*`. */
export interface TopicSettings {
  /** -1 = the broker's `num.partitions`. */
  readonly partitions: number;
  /** -1 = the broker's `default.replication.factor`. */
  readonly replicationFactor: number;
  readonly configs: Readonly<Record<string, string>>;
}

interface Group {
  readonly name: string;
  readonly include: readonly RegExp[];
  readonly exclude: readonly RegExp[];
  readonly settings: TopicSettings;
}

/** The rules of `topic.creation.groups` and `topic.creation.<group>.*`, `default` last. */
export class TopicCreation {
  readonly #groups: readonly Group[];

  /** Throws CDC_CONFIG_INVALID for a pattern that is no regular expression or a number that is none. */
  constructor(raw: RawConfig) {
    const names = (raw['topic.creation.groups'] ?? '')
      .split(',')
      .map((s) => s.trim())
      .filter((s) => s !== '' && s !== 'default');
    const fallback = settings(raw, 'default', { partitions: 1, replicationFactor: -1, configs: {} });
    this.#groups = [
      ...names.map((name) => ({
        name,
        include: patterns(raw, `topic.creation.${name}.include`),
        exclude: patterns(raw, `topic.creation.${name}.exclude`),
        settings: settings(raw, name, { ...fallback, configs: {} }),
      })),
      { name: 'default', include: [/^/], exclude: [], settings: fallback },
    ];
  }

  /** The settings of the first group that includes the topic. */
  of(topic: string): TopicSettings {
    const group = this.#groups.find((g) => g.include.some((p) => p.test(topic)) && !g.exclude.some((p) => p.test(topic)));
    return (group ?? (this.#groups.at(-1) as Group)).settings;
  }
}

function patterns(raw: RawConfig, key: string): readonly RegExp[] {
  return (raw[key] ?? '')
    .split(',')
    .map((s) => s.trim())
    .filter((s) => s !== '')
    .map((s) => {
      try {
        return new RegExp(`^(?:${s})$`);
      } catch (cause) {
        throw new CdcError('CDC_CONFIG_INVALID', 'config', `"${key}" holds "${s}", which is not a regular expression`, { cause });
      }
    });
}

function settings(raw: RawConfig, group: string, otherwise: TopicSettings): TopicSettings {
  const prefix = `topic.creation.${group}.`;
  const configs: Record<string, string> = { ...otherwise.configs };
  let { partitions, replicationFactor } = otherwise;
  for (const [key, value] of Object.entries(raw)) {
    if (!key.startsWith(prefix)) continue;
    const name = key.slice(prefix.length);
    if (name === 'partitions') partitions = count(key, value);
    else if (name === 'replication.factor') replicationFactor = count(key, value);
    else if (name !== 'include' && name !== 'exclude') configs[name] = value;
  }
  return { partitions, replicationFactor, configs };
}

function count(key: string, value: string): number {
  const n = Number(value.trim());
  if (!Number.isInteger(n) || n === 0 || n < -1) {
    throw new CdcError('CDC_CONFIG_INVALID', 'config', `"${key}" must be a positive whole number, or -1 for the broker's default`);
  }
  return n;
}

/** Partition counts of the topics written to; creates what is missing. One instance per producer task. */
export class Topics {
  readonly #admin: Admin;
  readonly #creation: TopicCreation;
  readonly #create: boolean;
  readonly #logger: Logger;
  readonly #partitions = new Map<string, number>();

  /** `create` false: topics must exist (`topic.creation.enable=false`). */
  constructor(admin: Admin, creation: TopicCreation, options: { readonly create: boolean; readonly logger: Logger }) {
    this.#admin = admin;
    this.#creation = creation;
    this.#create = options.create;
    this.#logger = options.logger;
  }

  /** Known partition count; never does I/O. */
  known(topic: string): number | undefined {
    return this.#partitions.get(topic);
  }

  /**
   * Partition count, after creating the topic when it is missing. `single`: one partition, retained without limit (schema changes).
   * Throws CDC_KAFKA_TOPIC, CDC_KAFKA_UNAVAILABLE.
   */
  async ensure(topic: string, options: { readonly single?: boolean } = {}): Promise<number> {
    const known = this.#partitions.get(topic);
    if (known !== undefined) return known;
    const existing = await this.#describe(topic);
    const partitions = existing ?? (await this.#createTopic(topic, options.single === true));
    if (options.single === true && partitions !== 1) {
      throw new CdcError(
        'CDC_KAFKA_TOPIC',
        'environment',
        `topic ${topic}: schema changes need exactly one partition, it has ${partitions}`,
        {
          hint: 'delete the topic, or use another topic.prefix',
        },
      );
    }
    this.#partitions.set(topic, partitions);
    return partitions;
  }

  async #describe(topic: string): Promise<number | null> {
    try {
      // Metadata of a single unknown topic is an error for kafkajs (and may create it); the list is neither.
      const names = await within(ADMIN_DEADLINE_MS, 'the topics could not be listed', this.#admin.listTopics());
      if (!names.includes(topic)) return null;
      const { topics } = await within(
        ADMIN_DEADLINE_MS,
        `topic ${topic} could not be looked up`,
        this.#admin.fetchTopicMetadata({ topics: [topic] }),
      );
      return topics[0]?.partitions.length ?? null;
    } catch (error) {
      throw kafkaError(error, `topic ${topic} could not be looked up`, { topic });
    }
  }

  async #createTopic(topic: string, single: boolean): Promise<number> {
    if (!this.#create) {
      throw new CdcError('CDC_KAFKA_TOPIC', 'environment', `topic ${topic} does not exist and topic.creation.enable is false`, {
        hint: 'create the topic, or set topic.creation.enable=true',
      });
    }
    const { partitions, replicationFactor, configs } = this.#creation.of(topic);
    const config: ITopicConfig = {
      topic,
      numPartitions: single ? 1 : partitions,
      replicationFactor,
      configEntries: Object.entries(configs).map(([name, value]) => ({ name, value })),
    };
    try {
      const created = await within(
        ADMIN_DEADLINE_MS,
        `topic ${topic} could not be created`,
        this.#admin.createTopics({ topics: [config], waitForLeaders: true }),
      );
      if (created) this.#logger.info({ topic, partitions: config.numPartitions, replicationFactor }, 'topic created');
    } catch (error) {
      throw kafkaError(error, `topic ${topic} could not be created`, { topic });
    }
    const found = await this.#describe(topic);
    if (found === null) throw kafkaError(new Error('not listed after its creation'), `topic ${topic}`, { topic });
    return found;
  }
}
