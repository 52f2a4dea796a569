import { defineConfig } from '../config/config-def.ts';
import { REQUIRED } from '../spi/config-def.ts';
import { formatDate, patternProblem } from './date-format.ts';
import { regexProblem, replacementProblem, replacer } from './java-regex.ts';
import type { TransformPlugin } from './plugin.ts';
import { transformError } from './structs.ts';

const PACKAGE = 'org.apache.kafka.connect.transforms';

interface RegexRouterKeys {
  readonly regex: string;
  readonly replacement: string;
}

/** Topics whose whole name matches get another. */
export const regexRouter: TransformPlugin<RegexRouterKeys> = {
  names: [`${PACKAGE}.RegexRouter`],
  config: defineConfig<RegexRouterKeys>({
    regex: { type: 'string', default: REQUIRED, importance: 'high', group: 'RegexRouter', doc: 'The pattern.', validate: regexProblem },
    replacement: {
      type: 'string',
      default: REQUIRED,
      importance: 'high',
      group: 'RegexRouter',
      doc: 'The new name; $1 … are groups of the pattern.',
      validate: (value, raw) => replacementProblem(raw['regex'] ?? '', value),
    },
  }),
  create({ regex, replacement }) {
    const topicOf = replacer(regex, replacement);
    const known = new Map<string, string>();
    return (record) => {
      let topic = known.get(record.topic);
      if (topic === undefined) {
        if (known.size >= 10_000) known.clear();
        topic = topicOf(record.topic) ?? record.topic;
        known.set(record.topic, topic);
      }
      return topic === record.topic ? record : { ...record, topic };
    };
  },
};

interface TimestampRouterKeys {
  readonly 'topic.format': string;
  readonly 'timestamp.format': string;
}

const TOPIC_FORMAT = '$' + '{topic}-$' + '{timestamp}';

/** Topics with the record's timestamp in their name. Rows have none: only behind a transform that sets one. */
export const timestampRouter: TransformPlugin<TimestampRouterKeys> = {
  names: [`${PACKAGE}.TimestampRouter`],
  config: defineConfig<TimestampRouterKeys>({
    'topic.format': { type: 'string', default: TOPIC_FORMAT, importance: 'high', group: 'TimestampRouter', doc: 'The new name.' },
    'timestamp.format': {
      type: 'string',
      default: 'yyyyMMdd',
      importance: 'high',
      group: 'TimestampRouter',
      doc: "A pattern of Java's SimpleDateFormat, in UTC.",
      validate: patternProblem,
    },
  }),
  create: (c) => (record) => {
    const { timestamp } = record;
    if (timestamp === null) throw transformError('the record has no timestamp');
    const topic = c['topic.format']
      .replaceAll('$' + '{topic}', () => record.topic)
      .replaceAll('$' + '{timestamp}', () => formatDate(timestamp, c['timestamp.format']));
    return { ...record, topic };
  },
};
