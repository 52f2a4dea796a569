import { defineConfig } from './config-def.ts';
import { claimedNames, type KeyPlace, parseFindings, resolveEntries, unknownKey } from './entry-resolution.ts';
import { type OffsetKeys, offsetKeys, offsetsOf } from './offsets-config.ts';
import { below, type ConfigFinding, type ConnectorSpec, type ReadConfig, type RunConfig, valuesOf } from './run-config.ts';
import type { SecretSources } from './secrets.ts';
import { LOG_LEVELS } from './server-config.ts';
import type { ConfigEntries, ConfigFile } from './sources.ts';

export interface WorkerKeys extends OffsetKeys {
  readonly 'bootstrap.servers': string;
  readonly 'key.converter': string;
  readonly 'value.converter': string;
  readonly 'header.converter': string | null;
  readonly listeners: string;
  readonly 'log.level': string;
  readonly 'log.json': boolean;
  readonly 'config.strict': boolean;
  readonly 'shutdown.timeout.ms': number;
  readonly 'health.max.lag.ms': number | null;
  readonly 'exactly.once.source.support': string;
  readonly 'topic.creation.enable': boolean;
  readonly 'plugin.path': string | null;
  readonly 'plugin.discovery': string | null;
  readonly 'client.id': string | null;
}

const JSON_CONVERTER = 'org.apache.kafka.connect.json.JsonConverter';

/** Keys below `worker:`: those of a Kafka Connect worker, and a few of riverbend's own. */
export const workerConfig = defineConfig<WorkerKeys>(
  {
    'bootstrap.servers': {
      type: 'string',
      default: 'localhost:9092',
      importance: 'high',
      group: 'Kafka',
      doc: 'host:port of the Kafka brokers, separated by commas.',
    },
    'key.converter': {
      type: 'class',
      default: JSON_CONVERTER,
      importance: 'high',
      group: 'Converters',
      doc: 'How keys become bytes, unless the connector says otherwise: JsonConverter or AvroConverter (Java class names).',
    },
    'value.converter': {
      type: 'class',
      default: JSON_CONVERTER,
      importance: 'high',
      group: 'Converters',
      doc: 'How values become bytes, unless the connector says otherwise.',
    },
    'header.converter': {
      type: 'class',
      default: null,
      importance: 'low',
      group: 'Converters',
      doc: 'Accepted for compatibility: headers are JSON without schema.',
    },
    ...offsetKeys,
    listeners: {
      type: 'string',
      default: 'http://127.0.0.1:8083',
      importance: 'medium',
      group: 'HTTP',
      doc: 'The HTTP listener: http://host:port. Without a host, all addresses.',
      validate: (v) => (parseListener(v) === null ? 'expected http://host:port' : null),
    },
    'log.level': {
      type: 'string',
      default: 'INFO',
      allowed: LOG_LEVELS,
      importance: 'low',
      group: 'Log',
      doc: 'Least severe level that is logged.',
    },
    'log.json': { type: 'boolean', default: true, importance: 'low', group: 'Log', doc: 'JSON lines; false for text.' },
    'config.strict': {
      type: 'boolean',
      default: false,
      importance: 'medium',
      group: 'Configuration',
      doc: 'Unknown keys are errors, not warnings.',
    },
    'shutdown.timeout.ms': {
      type: 'long',
      default: 30_000,
      min: 0,
      importance: 'low',
      group: 'Runtime',
      doc: 'How long a stop may take to flush and commit, milliseconds.',
      aliases: ['task.shutdown.graceful.timeout.ms'],
    },
    'health.max.lag.ms': {
      type: 'long',
      default: null,
      min: 0,
      importance: 'low',
      group: 'HTTP',
      doc: 'Ready only while no connector is further behind its source, milliseconds.',
    },
    'exactly.once.source.support': {
      type: 'string',
      default: 'disabled',
      allowed: ['disabled', 'preparing', 'enabled'],
      importance: 'high',
      group: 'Kafka',
      doc: 'Records and offsets in one Kafka transaction.',
      refused: 'this version does not have it yet',
    },
    'topic.creation.enable': {
      type: 'boolean',
      default: true,
      importance: 'low',
      group: 'Kafka',
      doc: 'Whether riverbend creates topics by topic.creation.*.',
    },
    'plugin.path': {
      type: 'string',
      default: null,
      importance: 'low',
      group: 'Runtime',
      doc: 'Accepted for compatibility: riverbend loads no Java plug-ins.',
    },
    'plugin.discovery': { type: 'string', default: null, importance: 'low', group: 'Runtime', doc: 'Accepted for compatibility.' },
    'client.id': { type: 'string', default: null, importance: 'low', group: 'Kafka', doc: 'Client id shown to the brokers.' },
  },
  [
    { pattern: /^(?:producer|consumer|admin)\..+$/, doc: '`producer.*`, `consumer.*`, `admin.*`: Kafka client settings.' },
    { pattern: /^(?:key|value|header)\.converter\..+$/, doc: '`key.converter.*`, `value.converter.*`: settings of the converters.' },
    {
      pattern: /^topic\.creation\..+$/,
      doc: '`topic.creation.*`: settings of created topics, for every connector that has none of its own.',
    },
    { pattern: /^(?:security\.protocol|sasl\..+|ssl\..+)$/, doc: '`security.protocol`, `sasl.*`, `ssl.*`: how to reach the brokers.' },
  ],
);

/** Reads `riverbend.yaml`: `worker:` and `connectors:`. */
export function readDaemonConfig(file: ConfigFile, secrets: SecretSources): ReadConfig {
  const findings: ConfigFinding[] = [];
  const entries = resolveEntries(file.entries, secrets, { bare: false, findings });
  const worker = below(entries, 'worker.');
  const origins = new Map([...worker].map(([key, entry]) => [key, entry.origin]));
  const parsed = parseFindings(workerConfig, valuesOf(worker), { keyPrefix: 'worker.', origins, findings });
  const { partial: keys, unknown } = parsed;
  const strict = keys?.['config.strict'] ?? false;
  const known = claimedNames(workerConfig);
  for (const key of unknown) findings.push(unknownKey(key, known, { strict, keyPrefix: 'worker.', origin: origins.get(key) ?? null }));
  for (const [key, { origin }] of entries)
    if (!key.startsWith('worker.')) findings.push(unknownKey(key, ['worker', 'connectors'], { strict, keyPrefix: '', origin }));

  const workerPlaces = new Map([...worker].map(([key, { origin }]) => [key, { key: `worker.${key}`, origin }]));
  const connectors = [...(file.connectors ?? [])].map(([name, written]) => connectorSpec(name, written, secrets, workerPlaces, findings));
  if (connectors.length === 0) {
    findings.push({
      severity: 'error',
      code: 'CDC_CONFIG_INVALID',
      kind: 'config',
      key: 'connectors',
      message: 'no connector is configured',
      hint: 'name connectors and their configurations under "connectors:"',
      origin: file.path,
    });
  }
  if (keys === null) return { run: null, partial: null, findings };
  const listener = parseListener(keys.listeners) ?? { host: '127.0.0.1', port: 8083 };
  const run: RunConfig = {
    layout: 'daemon',
    http: { ...listener, maxLagMs: keys['health.max.lag.ms'] },
    log: { level: keys['log.level'], json: keys['log.json'] },
    shutdownTimeoutMs: keys['shutdown.timeout.ms'],
    strict,
    worker: {
      ...valuesOf(worker),
      'bootstrap.servers': keys['bootstrap.servers'],
      'key.converter': keys['key.converter'],
      'value.converter': keys['value.converter'],
    },
    workerPlaces,
    offsets: offsetsOf(keys),
    connectors,
  };
  return { run: parsed.config === null ? null : run, partial: run, findings };
}

/** A worker's keys that count for connectors. */
const INHERITED = /^(?:(?:key|value|header)\.converter|topic\.creation)(?:\.|$)/;

function connectorSpec(
  name: string,
  written: ConfigEntries,
  secrets: SecretSources,
  workerPlaces: ReadonlyMap<string, KeyPlace>,
  findings: ConfigFinding[],
): ConnectorSpec {
  const keyPrefix = `connectors.${name}.`;
  const entries = resolveEntries(written, secrets, { bare: false, findings, keyPrefix });
  return {
    name,
    config: { ...valuesOf(entries), name },
    written: { ...valuesOf(written), name },
    origins: new Map([...written].map(([key, entry]) => [key, entry.origin])),
    keyPrefix,
    // What a connector does not say itself, the worker says for it.
    elsewhere: new Map(
      [...workerPlaces].filter(([key]) => INHERITED.test(key) && !written.has(key.replace(/^(\w+\.converter)\..*/, '$1'))),
    ),
    sink: null,
  };
}

/** `http://host:port`, the first of several; null when it is not one. An empty host means all addresses. */
export function parseListener(text: string): { readonly host: string; readonly port: number } | null {
  const match = /^http:\/\/(\[[^\]]+\]|[^:/\s]*):(\d{1,5})\/?$/i.exec((text.split(',')[0] ?? '').trim());
  if (match === null || Number(match[2]) > 65_535) return null;
  const host = (match[1] as string).replace(/^\[|\]$/g, '');
  return { host: host === '' ? '0.0.0.0' : host, port: Number(match[2]) };
}
