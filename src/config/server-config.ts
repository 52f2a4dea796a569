import { type RawConfig, REQUIRED } from '../spi/config-def.ts';
import { defineConfig } from './config-def.ts';
import { claimedNames, type KeyPlace, parseFindings, resolveEntries, unknownKey } from './entry-resolution.ts';
import { type OffsetKeys, offsetKeys, offsetsOf } from './offsets-config.ts';
import {
  below,
  type ConfigFinding,
  type ConnectorSpec,
  type EmbeddedSink,
  type ReadConfig,
  type RunConfig,
  valuesOf,
} from './run-config.ts';
import type { SecretSources } from './secrets.ts';
import type { ConfigEntries } from './sources.ts';

export interface ServerKeys {
  readonly 'debezium.sink.type': string;
  readonly 'debezium.format.key': string;
  readonly 'debezium.format.value': string;
  readonly 'debezium.format.header': string;
  readonly 'quarkus.http.host': string;
  readonly 'quarkus.http.port': number;
  readonly 'quarkus.log.level': string;
  readonly 'quarkus.log.console.json': boolean;
  readonly 'config.strict': boolean;
  readonly 'shutdown.timeout.ms': number;
  readonly 'health.max.lag.ms': number | null;
}

export const LOG_LEVELS = [
  'ALL',
  'TRACE',
  'DEBUG',
  'INFO',
  'WARN',
  'WARNING',
  'ERROR',
  'FATAL',
  'SEVERE',
  'FINE',
  'FINER',
  'FINEST',
  'OFF',
];

const format = (part: string, formats: readonly string[]) =>
  ({
    type: 'string',
    default: 'json',
    importance: 'high',
    group: 'Format',
    doc: `How message ${part}s are written: ${formats.join(', ')}.`,
    validate: (value: string) =>
      formats.includes(value.toLowerCase()) ? null : `the format is not available; this version has ${formats.join(', ')}`,
  }) as const;

/** Debezium Server's own keys (the connector's stand below `debezium.source.`). */
export const serverConfig = defineConfig<ServerKeys>(
  {
    'debezium.sink.type': {
      type: 'string',
      default: REQUIRED,
      allowed: ['kafka', 'databend', 'file', 'log'],
      importance: 'high',
      group: 'Sink',
      doc: 'Where rows go: kafka, or straight into databend, a file, or the log (no Kafka needed).',
    },
    'debezium.format.key': format('key', ['json', 'avro']),
    'debezium.format.value': format('value', ['json', 'avro']),
    'debezium.format.header': format('header', ['json']),
    'quarkus.http.host': {
      type: 'string',
      default: '127.0.0.1',
      importance: 'medium',
      group: 'HTTP',
      doc: 'Address the HTTP listener binds.',
    },
    'quarkus.http.port': {
      type: 'int',
      default: 8080,
      min: 0,
      max: 65_535,
      importance: 'medium',
      group: 'HTTP',
      doc: 'Port of the HTTP listener.',
    },
    'quarkus.log.level': {
      type: 'string',
      default: 'INFO',
      allowed: LOG_LEVELS,
      importance: 'low',
      group: 'Log',
      doc: 'Least severe level that is logged.',
    },
    'quarkus.log.console.json': { type: 'boolean', default: true, importance: 'low', group: 'Log', doc: 'JSON lines; false for text.' },
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
    },
    'health.max.lag.ms': {
      type: 'long',
      default: null,
      min: 0,
      importance: 'low',
      group: 'HTTP',
      doc: 'Ready only while no connector is further behind its source, milliseconds.',
    },
  },
  [
    { pattern: /^debezium\.source\..+$/, doc: '`debezium.source.*`: the connector; offset keys too.' },
    { pattern: /^debezium\.sink\.[^.]+\..+$/, doc: '`debezium.sink.<type>.*`: the sink; for kafka `producer.*`.' },
    {
      pattern: /^debezium\.format\.(?:(?:key|value|header)\.|schema\.registry\.|apicurio\.).+$/,
      doc: '`debezium.format.value.schemas.enable`, `debezium.format.schema.registry.url` …: settings of the formats, of one part or of all.',
    },
    {
      pattern: /^debezium\.(?:transforms|predicates)(?:\..+)?$/,
      doc: '`debezium.transforms*`, `debezium.predicates*`: single message transforms.',
    },
    { pattern: /^quarkus\.log\..+$/, doc: '`quarkus.log.*`: other logging keys are accepted and have no effect.' },
  ],
);

/** The offset keys as they stand below `debezium.source.`. */
const offsetConfig = defineConfig<OffsetKeys>(offsetKeys);

const CONVERTERS: Readonly<Record<string, string>> = {
  json: 'org.apache.kafka.connect.json.JsonConverter',
  avro: 'io.confluent.connect.avro.AvroConverter',
};

/** Kafka clients of other languages need these; ours serializes by `debezium.format.*`. */
const SERIALIZERS = new Set(['key.serializer', 'value.serializer']);

/** Reads Debezium Server's layout: one source, one sink. */
export function readServerConfig(written: ConfigEntries, secrets: SecretSources): ReadConfig {
  const findings: ConfigFinding[] = [];
  const entries = resolveEntries(written, secrets, { bare: true, findings });
  const origins = new Map([...entries].map(([key, entry]) => [key, entry.origin]));
  const parsed = parseFindings(serverConfig, valuesOf(entries), { keyPrefix: '', origins, findings });
  const { partial: keys, unknown } = parsed;
  const strict = keys?.['config.strict'] ?? false;
  const known = claimedNames(serverConfig);
  for (const key of unknown) findings.push(unknownKey(key, known, { strict, keyPrefix: '', origin: origins.get(key) ?? null }));

  const source = below(entries, 'debezium.source.');
  const sourceOrigins = new Map([...source].map(([key, entry]) => [key, entry.origin]));
  const raw = valuesOf(source);
  const offset = parseFindings(offsetConfig, Object.fromEntries(Object.entries(raw).filter(([k]) => k in offsetKeys)), {
    keyPrefix: 'debezium.source.',
    origins: sourceOrigins,
    findings,
  });
  if (keys === null || offset.partial === null) return { run: null, partial: null, findings };

  const type = parsed.wrong.includes('debezium.sink.type') ? '' : keys['debezium.sink.type'];
  for (const key of entries.keys()) {
    if (type !== '' && key.startsWith('debezium.sink.') && key !== 'debezium.sink.type' && !key.startsWith(`debezium.sink.${type}.`))
      findings.push(unknownKey(key, [], { strict, keyPrefix: '', origin: origins.get(key) ?? null }));
  }
  const sinkEntries = below(entries, `debezium.sink.${type}.`);
  const sink: EmbeddedSink | null =
    type === 'kafka'
      ? null
      : {
          type,
          config: valuesOf(sinkEntries),
          origins: new Map([...sinkEntries].map(([key, entry]) => [key, entry.origin])),
          keyPrefix: `debezium.sink.${type}.`,
        };
  const elsewhere = new Map<string, KeyPlace>();
  const added = { ...formatKeys(entries, keys, elsewhere), ...transformKeys(entries, elsewhere) };
  const workerPlaces = new Map(
    [...sinkEntries].flatMap(([key, { origin }]) => {
      const place = { key: `debezium.sink.kafka.${key}`, origin };
      return key.startsWith('producer.') ? [[key.slice('producer.'.length), place] as const] : [];
    }),
  );
  const connector: ConnectorSpec = {
    name: raw['name'] ?? raw['topic.prefix'] ?? 'riverbend',
    config: { ...raw, ...added },
    written: {
      ...valuesOf(below(written, 'debezium.source.')),
      ...formatKeys(written, keys, new Map()),
      ...transformKeys(written, new Map()),
    },
    origins: sourceOrigins,
    keyPrefix: 'debezium.source.',
    elsewhere,
    sink,
  };
  const run: RunConfig = {
    layout: 'server',
    http: { host: keys['quarkus.http.host'], port: keys['quarkus.http.port'], maxLagMs: keys['health.max.lag.ms'] },
    log: { level: keys['quarkus.log.level'], json: keys['quarkus.log.console.json'] },
    shutdownTimeoutMs: keys['shutdown.timeout.ms'],
    strict,
    worker: type === 'kafka' ? kafkaWorker(sinkEntries, strict, findings) : {},
    workerPlaces,
    offsets: offsetsOf(offset.partial),
    connectors: [connector],
  };
  return { run: parsed.config === null || offset.config === null ? null : run, partial: run, findings };
}

/** `debezium.format.value=avro`, `debezium.format.value.x`, `debezium.format.x` as Connect's converter keys. */
function formatKeys(entries: ConfigEntries, keys: ServerKeys, places: Map<string, KeyPlace>): RawConfig {
  const out: Record<string, string> = {};
  const put = (key: string, value: string, written: string, origin: string | null): void => {
    out[key] = value;
    places.set(key, { key: written, origin });
  };
  for (const part of ['key', 'value'] as const) {
    const format = `debezium.format.${part}` as const;
    put(`${part}.converter`, CONVERTERS[keys[format].toLowerCase()] as string, format, entries.get(format)?.origin ?? null);
    for (const [key, { value, origin }] of below(entries, 'debezium.format.'))
      if (/^(?:schema\.registry|apicurio)\./.test(key)) put(`${part}.converter.${key}`, value, `debezium.format.${key}`, origin);
    for (const [key, { value, origin }] of below(entries, `${format}.`)) put(`${part}.converter.${key}`, value, `${format}.${key}`, origin);
  }
  return out;
}

function transformKeys(entries: ConfigEntries, places: Map<string, KeyPlace>): RawConfig {
  const out: Record<string, string> = {};
  for (const [key, { value, origin }] of below(entries, 'debezium.')) {
    if (!/^(?:transforms|predicates)(?:\.|$)/.test(key)) continue;
    out[key] = value;
    places.set(key, { key: `debezium.${key}`, origin });
  }
  return out;
}

/** `debezium.sink.kafka.producer.*` as a worker's `bootstrap.servers` and `producer.*`. */
function kafkaWorker(sink: ConfigEntries, strict: boolean, findings: ConfigFinding[]): RawConfig {
  const out: Record<string, string> = {};
  for (const [key, { value, origin }] of sink) {
    const name = key.startsWith('producer.') ? key.slice('producer.'.length) : null;
    if (name !== null && !SERIALIZERS.has(name)) out[`producer.${name}`] = value;
    else if (name === null && key !== 'wait.message.delivery.timeout.ms')
      findings.push(unknownKey(key, ['producer.bootstrap.servers'], { strict, keyPrefix: 'debezium.sink.kafka.', origin }));
  }
  const servers = out['producer.bootstrap.servers'];
  if (servers !== undefined) return { ...out, 'bootstrap.servers': servers };
  findings.push({
    severity: 'error',
    code: 'CDC_CONFIG_INVALID',
    kind: 'config',
    key: 'debezium.sink.kafka.producer.bootstrap.servers',
    message: 'Missing required configuration "debezium.sink.kafka.producer.bootstrap.servers" which has no default value.',
    hint: 'host:port of the Kafka brokers, separated by commas',
    origin: null,
  });
  return out;
}
