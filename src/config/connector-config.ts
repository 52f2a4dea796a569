import { REQUIRED } from '../spi/config-def.ts';
import { defineConfig } from './config-def.ts';

/** Keys every connector may carry, whatever its class; what the runtime itself does with a connector. */
export interface ConnectorKeys {
  readonly name: string | null;
  readonly 'connector.class': string;
  readonly 'tasks.max': number;
  readonly 'key.converter': string | null;
  readonly 'value.converter': string | null;
  readonly 'header.converter': string | null;
  readonly transforms: readonly string[];
  readonly predicates: readonly string[];
  readonly 'errors.max.retries': number;
  readonly 'errors.retry.delay.initial.ms': number;
  readonly 'errors.retry.delay.max.ms': number;
  readonly 'errors.tolerance': string;
  readonly 'errors.log.enable': boolean;
  readonly 'errors.log.include.messages': boolean;
  readonly 'errors.deadletterqueue.topic.name': string;
  readonly 'exactly.once.support': string;
  readonly 'config.action.reload': string;
  readonly topics: readonly string[];
  readonly 'topics.regex': string | null;
}

const NOT_YET = 'this version does not have it yet';

export const connectorConfig = defineConfig<ConnectorKeys>(
  {
    name: {
      type: 'string',
      default: null,
      importance: 'high',
      group: 'Connector',
      doc: 'The name of the connector; offsets are kept under it.',
    },
    'connector.class': {
      type: 'class',
      default: REQUIRED,
      importance: 'high',
      group: 'Connector',
      doc: 'The connector: its Java class name, with or without package and the word Connector, or its short name (mysql, mariadb, databend).',
    },
    'tasks.max': {
      type: 'int',
      default: 1,
      min: 1,
      importance: 'high',
      group: 'Connector',
      doc: 'The most tasks the connector may have. A binlog source always has one.',
    },
    'key.converter': {
      type: 'class',
      default: null,
      importance: 'low',
      group: 'Converters',
      doc: "How keys become bytes: JsonConverter or AvroConverter (Java class names). The worker's when absent.",
    },
    'value.converter': {
      type: 'class',
      default: null,
      importance: 'low',
      group: 'Converters',
      doc: "How values become bytes: JsonConverter or AvroConverter (Java class names). The worker's when absent.",
    },
    'header.converter': {
      type: 'class',
      default: null,
      importance: 'low',
      group: 'Converters',
      doc: 'How headers become bytes. Headers are written as JSON without schema.',
    },
    transforms: {
      type: 'list',
      default: [],
      importance: 'low',
      group: 'Transforms',
      doc: 'Names of single message transforms, in the order they run.',
    },
    predicates: {
      type: 'list',
      default: [],
      importance: 'low',
      group: 'Transforms',
      doc: 'Names of predicates for transforms.',
    },
    'errors.max.retries': {
      type: 'int',
      default: -1,
      min: -1,
      importance: 'medium',
      group: 'Errors',
      doc: 'How often in a row a task is restarted after an error that may pass, without anything delivered in between; -1 = no limit.',
    },
    'errors.retry.delay.initial.ms': {
      type: 'long',
      default: 1000,
      min: 1,
      importance: 'low',
      group: 'Errors',
      doc: 'Delay before the first restart, milliseconds; doubles with every further one, with jitter.',
    },
    'errors.retry.delay.max.ms': {
      type: 'long',
      default: 60_000,
      min: 1,
      importance: 'low',
      group: 'Errors',
      doc: 'Longest delay before a restart, milliseconds.',
    },
    'errors.tolerance': {
      type: 'string',
      default: 'none',
      allowed: ['none', 'all'],
      importance: 'medium',
      group: 'Errors',
      doc: 'What happens to a record that cannot be delivered: none = the task stops and says which.',
      refused: `skipping records: ${NOT_YET}`,
    },
    'errors.log.enable': {
      type: 'boolean',
      default: false,
      importance: 'medium',
      group: 'Errors',
      doc: 'Accepted for compatibility: errors are always logged.',
    },
    'errors.log.include.messages': {
      type: 'boolean',
      default: false,
      importance: 'medium',
      group: 'Errors',
      doc: 'Row values are never logged.',
      refused: 'row values never go into the log',
    },
    'errors.deadletterqueue.topic.name': {
      type: 'string',
      default: '',
      importance: 'medium',
      group: 'Errors',
      doc: 'Topic for records that cannot be delivered.',
      refused: NOT_YET,
    },
    'exactly.once.support': {
      type: 'string',
      default: 'requested',
      allowed: ['requested', 'required'],
      importance: 'medium',
      group: 'Connector',
      doc: 'Whether exactly-once delivery to Kafka is asked for or demanded.',
      refused: `exactly-once into Kafka: ${NOT_YET}`,
    },
    'config.action.reload': {
      type: 'string',
      default: 'restart',
      allowed: ['none', 'restart'],
      importance: 'low',
      group: 'Connector',
      doc: 'Accepted for compatibility: values behind placeholders are read at start.',
    },
    topics: { type: 'list', default: [], importance: 'high', group: 'Sink', doc: 'Sink connectors: the topics to consume.' },
    'topics.regex': {
      type: 'string',
      default: null,
      importance: 'high',
      group: 'Sink',
      doc: 'Sink connectors: regular expression of the topics to consume.',
      validate: regexProblem,
    },
  },
  [
    { pattern: /^(?:key|value|header)\.converter\..+$/, doc: '`key.converter.*`, `value.converter.*`: settings of the converters.' },
    {
      pattern: /^topic\.creation\..+$/,
      doc: '`topic.creation.*`: partitions, replication factor and settings of topics that riverbend creates, as in Kafka Connect.',
    },
    {
      pattern: /^(?:producer|consumer|admin)\.override\..+$/,
      doc: "`producer.override.*`, `consumer.override.*`, `admin.override.*`: Kafka client settings of this connector; they win over the worker's.",
    },
    { pattern: /^(?:transforms|predicates)\..+$/, doc: '`transforms.*`, `predicates.*`: settings of transforms and predicates.' },
    { pattern: /^errors\.deadletterqueue\..+$/, doc: '`errors.deadletterqueue.*`: settings of the dead letter topic.' },
  ],
);

function regexProblem(value: string | null): string | null {
  if (value === null) return null;
  try {
    new RegExp(value, 'u');
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
