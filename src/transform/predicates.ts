import { defineConfig } from '../config/config-def.ts';
import { REQUIRED } from '../spi/config-def.ts';
import type { ChangeRecord } from './change-record.ts';
import { regexProblem, wholeRegex } from './java-regex.ts';
import type { PredicatePlugin } from './plugin.ts';

export type Predicate = (record: ChangeRecord) => boolean;

const topicNameMatches: PredicatePlugin<{ readonly pattern: string }> = {
  names: ['org.apache.kafka.connect.transforms.predicates.TopicNameMatches'],
  config: defineConfig<{ readonly pattern: string }>({
    pattern: {
      type: 'string',
      default: REQUIRED,
      importance: 'medium',
      group: 'Predicate',
      doc: 'A regular expression that the whole topic name must match.',
      validate: regexProblem,
    },
  }),
  create({ pattern }) {
    const whole = wholeRegex(pattern);
    const known = new Map<string, boolean>();
    return ({ topic }) => {
      let matches = known.get(topic);
      if (matches === undefined) {
        if (known.size >= 10_000) known.clear();
        matches = whole.test(topic);
        known.set(topic, matches);
      }
      return matches;
    };
  },
};

const hasHeaderKey: PredicatePlugin<{ readonly name: string }> = {
  names: ['org.apache.kafka.connect.transforms.predicates.HasHeaderKey'],
  config: defineConfig<{ readonly name: string }>({
    name: { type: 'string', default: REQUIRED, importance: 'medium', group: 'Predicate', doc: 'The header that must be there.' },
  }),
  create:
    ({ name }) =>
    ({ headers }) =>
      headers.some((h) => h.key === name),
};

const recordIsTombstone: PredicatePlugin<object> = {
  names: ['org.apache.kafka.connect.transforms.predicates.RecordIsTombstone'],
  config: defineConfig<object>({}),
  create: () => (record) => record.value === null,
};

/** Every predicate of this build. */
export const PREDICATES: readonly PredicatePlugin[] = [topicNameMatches, hasHeaderKey, recordIsTombstone] as unknown as PredicatePlugin[];
