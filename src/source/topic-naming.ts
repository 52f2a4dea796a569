import type { TopicNaming } from '../spi/topic-naming.ts';

export interface TopicNamingConfig {
  readonly prefix: string;
  readonly strategy: string;
  readonly delimiter: string;
  readonly transaction: string;
  readonly heartbeatPrefix: string;
  /** Whole name, or null. */
  readonly heartbeatName: string | null;
}

const LONGEST = 249;

/** Debezium's naming strategies for a source without schemas between database and table: the default and the Unicode one. */
export function topicNaming(config: TopicNamingConfig): TopicNaming {
  const { prefix, delimiter } = config;
  const sanitize = config.strategy.includes('Unicode') ? escapeUnicode : replaceInvalid;
  return {
    dataChangeTopic: (id) => sanitize([prefix, id.database, id.table].join(delimiter)),
    schemaChangeTopic: () => sanitize(prefix),
    heartbeatTopic: () =>
      sanitize(
        config.heartbeatName !== null && config.heartbeatName !== ''
          ? config.heartbeatName
          : [config.heartbeatPrefix, prefix].join(delimiter),
      ),
    transactionTopic: () => sanitize([prefix, config.transaction].join(delimiter)),
  };
}

/** Every character Kafka does not allow becomes `_`, as in Debezium; two tables may thus share a topic (`a$b`, `a_b`). */
function replaceInvalid(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]/g, '_').slice(0, LONGEST);
}

/** `_uXXXX` for each UTF-16 unit Kafka does not allow, and for the underscore itself. */
function escapeUnicode(name: string): string {
  return name
    .replace(/[^A-Za-z0-9.-]/g, (c) =>
      [...Array(c.length).keys()].map((i) => `_u${c.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''),
    )
    .slice(0, LONGEST);
}
