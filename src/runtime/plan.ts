import { type ConnectorKeys, connectorConfig } from '../config/connector-config.ts';
import { claimedNames, type KeyPlace, parseFindings, unknownKey, writtenName } from '../config/entry-resolution.ts';
import { offsetKeys } from '../config/offsets-config.ts';
import { type ConfigFinding, type ConnectorSpec, placeOf, type RunConfig } from '../config/run-config.ts';
import { isSecretName, maskConfig } from '../config/secrets.ts';
import type { ConfigDef, RawConfig } from '../spi/config-def.ts';
import type { SinkConnector, SourceConnector } from '../spi/connector.ts';
import { type ConverterPlugin, findPlugin, type Plugins } from './plugins.ts';
import { type PlannedTransform, planTransforms } from './transform-plan.ts';

export type Mode = 'source-to-kafka' | 'kafka-to-sink' | 'embedded';

interface PlannedConverter {
  readonly plugin: ConverterPlugin;
  readonly raw: RawConfig;
}

/** A connector whose configuration was understood: every part known, every key parsed. Nothing is connected yet. */
export interface ConnectorPlan {
  readonly spec: ConnectorSpec;
  readonly mode: Mode;
  /** The Java class, which is what REST shows. */
  readonly className: string;
  readonly source: { readonly plugin: SourceConnector; readonly config: unknown } | null;
  readonly sink: { readonly plugin: SinkConnector; readonly config: unknown; readonly raw: RawConfig } | null;
  readonly keys: ConnectorKeys;
  readonly keyConverter: PlannedConverter;
  readonly valueConverter: PlannedConverter;
  readonly transforms: readonly PlannedTransform[];
  readonly taskConfigs: readonly RawConfig[];
  readonly worker: RawConfig;
  /** The connector's keys, the worker's defaults filled in. */
  readonly connector: RawConfig;
}

/** A part of a connector and what is known of its configuration; `place` names its keys as they are written. */
export interface Asked<P> {
  readonly plugin: P;
  readonly config: unknown;
  readonly raw: RawConfig;
  /** Something else in this part is wrong: what is only doubtful cannot be told. */
  readonly broken: boolean;
  readonly place: (key: string) => KeyPlace;
}

/** What can be asked of the systems a connector names, even when other keys of it are wrong. */
export interface ProbeTargets {
  readonly name: string;
  readonly mode: Mode;
  readonly source: Asked<SourceConnector> | null;
  readonly sink: Asked<SinkConnector> | null;
  readonly converters: readonly Asked<ConverterPlugin>[];
  /** null where no Kafka is needed, or where it is is not known. */
  readonly kafka: { readonly worker: RawConfig; readonly connector: RawConfig; readonly place: (key: string) => KeyPlace } | null;
}

export interface Planned {
  readonly plan: ConnectorPlan | null;
  readonly targets: ProbeTargets;
  readonly findings: readonly ConfigFinding[];
}

/** Checks a connector's configuration against its plugin, sink and converters. Every finding, never the first only. */
export function planConnector(spec: ConnectorSpec, run: RunConfig, plugins: Plugins): Planned {
  const findings: ConfigFinding[] = [];
  const place = (key: string): KeyPlace => placeOf(spec, key);
  const at = { keyPrefix: spec.keyPrefix, origins: spec.origins, findings, place };
  const error = (key: string, message: string, hint: string): void => {
    findings.push({
      severity: 'error',
      code: 'CDC_CONFIG_INVALID',
      kind: 'config',
      ...place(key),
      message,
      hint,
    });
  };
  const raw = withWorkerDefaults(spec, run);
  const { config: keys, unknown: unknownToAll } = parseFindings(connectorConfig, raw, at);

  const all = [...plugins.sources, ...plugins.sinks];
  const given = raw['connector.class'] ?? '';
  const plugin = findPlugin<SourceConnector | SinkConnector>(spec.sink === null ? all : plugins.sources, given);
  if (plugin === undefined && given !== '') {
    const names = (spec.sink === null ? all : plugins.sources).flatMap((p) => p.names.slice(0, 2));
    error(
      'connector.class',
      `Failed to find any class that implements Connector and which name matches ${given}`,
      `one of ${names.join(', ')}`,
    );
  }
  const parsed = plugin === undefined ? null : parseFindings<unknown>(plugin.config, raw, at);
  if (parsed !== null && plugin !== undefined) {
    const known = new Set([...claimedNames(plugin.config), ...claimedNames(connectorConfig)]);
    for (const key of parsed.unknown)
      if (unknownToAll.includes(key) && !(key in offsetKeys))
        findings.push(unknownKey(key, known, { strict: run.strict, keyPrefix: spec.keyPrefix, origin: spec.origins.get(key) ?? null }));
  }
  if (plugin?.type === 'sink' && keys !== null && (keys.topics.length === 0) === (keys['topics.regex'] === null))
    error('topics', 'Must configure one of topics or topics.regex', 'name the topics to consume, or a pattern of them, not both');
  if (plugin !== undefined && spec.sink === null && plugins.kafka === null)
    error('connector.class', 'there is no Kafka end in this process', 'use an embedded sink');

  const sink = spec.sink === null ? null : planSink(spec.sink.type, spec, run, plugins, findings);
  const keyConverter = planConverter('key', raw, spec, run, plugins, findings);
  const valueConverter = planConverter('value', raw, spec, run, plugins, findings);
  const transforms = planTransforms(raw, spec, run.strict, findings);
  const taking = plugin?.type === 'sink' ? plugin : sink?.planned?.plugin;
  if (taking !== undefined && taking.takes !== 'messages')
    for (const t of transforms)
      if (!t.rowsUnchanged)
        error(
          'transforms',
          `the sink ${taking.names.at(-1)} takes rows, not messages: what the transform "${t.name}" makes of a message would be lost`,
          'leave the transform out, or use a sink that takes messages',
        );
  if (spec.sink !== null && (spec.sink.type === 'file' || spec.sink.type === 'log'))
    for (const [part, format] of [
      ['key', keyConverter?.planned?.plugin.format],
      ['value', valueConverter?.planned?.plugin.format],
    ] as const)
      if (format !== undefined && format !== 'json')
        findings.push({
          severity: 'error',
          code: 'CDC_CONFIG_INVALID',
          kind: 'config',
          key: `debezium.format.${part}`,
          message: `the ${spec.sink.type} sink writes JSON lines; ${format} does not fit in`,
          hint: `set debezium.format.${part}=json`,
          origin: null,
        });

  const own = plugin === undefined || parsed === null ? null : asked(plugin, parsed, raw, place);
  const mode = plugin?.type === 'sink' ? 'kafka-to-sink' : spec.sink === null ? 'source-to-kafka' : 'embedded';
  const targets: ProbeTargets = {
    name: spec.name,
    mode,
    source: own !== null && own.plugin.type === 'source' ? (own as Asked<SourceConnector>) : null,
    sink: own !== null && own.plugin.type === 'sink' ? (own as Asked<SinkConnector>) : (sink?.asked ?? null),
    converters: [keyConverter, valueConverter].flatMap((c) => c?.asked ?? []),
    kafka:
      spec.sink === null && run.worker['bootstrap.servers'] !== undefined
        ? { worker: run.worker, connector: raw, place: kafkaPlace(spec, run) }
        : null,
  };
  const unique = findings.filter((f, i) => findings.findIndex((g) => g.key === f.key && g.message === f.message) === i);
  const broken = unique.some((f) => f.severity === 'error');
  if (
    broken ||
    plugin === undefined ||
    parsed === null ||
    parsed.config === null ||
    keys === null ||
    keyConverter?.planned == null ||
    valueConverter?.planned == null
  )
    return { plan: null, targets, findings: unique };
  const plan: ConnectorPlan = {
    spec,
    mode,
    className: plugin.names[0] as string,
    source: plugin.type === 'source' ? { plugin, config: parsed.config } : null,
    sink: plugin.type === 'sink' ? { plugin, config: parsed.config, raw } : (sink?.planned ?? null),
    keys,
    keyConverter: keyConverter.planned,
    valueConverter: valueConverter.planned,
    transforms,
    taskConfigs: plugin.taskConfigs(raw, keys['tasks.max']),
    worker: run.worker,
    connector: raw,
  };
  return { plan, targets, findings: unique };
}

function asked<P extends { readonly config: ConfigDef<unknown>; readonly probeNeeds?: readonly string[] }>(
  plugin: P,
  parsed: { readonly partial: unknown; readonly wrong: readonly string[] },
  raw: RawConfig,
  place: (key: string) => KeyPlace,
): Asked<P> | null {
  if (parsed.partial === null || parsed.wrong.some((key) => plugin.probeNeeds?.includes(key))) return null;
  const written = (key: string): KeyPlace => place(writtenName(plugin.config, raw, key));
  return { plugin, config: parsed.partial, raw, broken: parsed.wrong.length > 0, place: written };
}

/** Kafka's client keys: an override of the connector's, or where the worker has them. */
function kafkaPlace(spec: ConnectorSpec, run: RunConfig): (key: string) => KeyPlace {
  const prefix = spec.keyPrefix === 'debezium.source.' ? 'debezium.sink.kafka.producer.' : 'worker.';
  return (key) => {
    const override = ['producer', 'consumer', 'admin'].map((use) => `${use}.override.${key}`).find((k) => spec.origins.has(k));
    if (override !== undefined) return placeOf(spec, override);
    const places = ['', 'producer.', 'consumer.'].map((use) => run.workerPlaces?.get(use + key));
    return places.find((p) => p !== undefined) ?? { key: prefix + key, origin: null };
  };
}

/** A worker's converters, topic creation and offset file stand in where the connector says nothing. */
function withWorkerDefaults(spec: ConnectorSpec, run: RunConfig): RawConfig {
  const raw: Record<string, string> = { ...spec.config };
  for (const part of ['key', 'value']) {
    if (raw[`${part}.converter`] !== undefined) continue;
    for (const [key, value] of Object.entries(run.worker))
      if (key === `${part}.converter` || key.startsWith(`${part}.converter.`)) raw[key] ??= value;
  }
  for (const [key, value] of Object.entries(run.worker)) if (key.startsWith('topic.creation.')) raw[key] ??= value;
  if (run.offsets.kind === 'file') raw['offset.storage.file.filename'] ??= run.offsets.path;
  return raw;
}

interface PlannedSink {
  readonly planned: ConnectorPlan['sink'];
  readonly asked: Asked<SinkConnector> | null;
}

function planSink(type: string, spec: ConnectorSpec, run: RunConfig, plugins: Plugins, findings: ConfigFinding[]): PlannedSink | null {
  const embedded = spec.sink;
  if (embedded === null || type === '') return null;
  const plugin = findPlugin(plugins.sinks, type);
  if (plugin === undefined) {
    findings.push({
      severity: 'error',
      code: 'CDC_CONFIG_INVALID',
      kind: 'config',
      key: 'debezium.sink.type',
      message: `the sink "${type}" is not part of this build`,
      hint: `one of kafka, ${plugins.sinks.map((p) => p.names.at(-1)).join(', ')}`,
      origin: null,
    });
    return null;
  }
  const place = (key: string): KeyPlace => ({ key: embedded.keyPrefix + key, origin: embedded.origins.get(key) ?? null });
  const at = { keyPrefix: embedded.keyPrefix, origins: embedded.origins, findings };
  const parsed = parseFindings<unknown>(plugin.config, embedded.config, at);
  const { config, unknown } = parsed;
  const known = claimedNames(plugin.config);
  for (const key of unknown)
    findings.push(unknownKey(key, known, { strict: run.strict, keyPrefix: embedded.keyPrefix, origin: embedded.origins.get(key) ?? null }));
  return {
    planned: config === null ? null : { plugin, config, raw: embedded.config },
    asked: asked(plugin, parsed, embedded.config, place),
  };
}

function planConverter(
  part: 'key' | 'value',
  raw: RawConfig,
  spec: ConnectorSpec,
  run: RunConfig,
  plugins: Plugins,
  findings: ConfigFinding[],
): { readonly planned: PlannedConverter | null; readonly asked: Asked<ConverterPlugin> | null } | null {
  const prefix = `${part}.converter`;
  const given = raw[prefix] ?? 'org.apache.kafka.connect.json.JsonConverter';
  const plugin = findPlugin(plugins.converters, given);
  if (plugin === undefined) {
    findings.push({
      severity: 'error',
      code: 'CDC_CONFIG_INVALID',
      kind: 'config',
      ...placeOf(spec, prefix),
      message: `Class ${given} could not be found.`,
      hint: `one of ${plugins.converters.map((c) => c.names[0]).join(', ')}`,
    });
    return null;
  }
  const settings = Object.fromEntries(
    Object.entries(raw)
      .filter(([k]) => k.startsWith(`${prefix}.`))
      .map(([k, v]) => [k.slice(prefix.length + 1), v]),
  );
  const base = placeOf(spec, prefix);
  const place = (key: string): KeyPlace => {
    const full = `${prefix}.${key}`;
    if (spec.elsewhere?.has(full) === true || spec.origins.has(full)) return placeOf(spec, full);
    return { key: `${base.key}.${key}`, origin: null };
  };
  const parsed = parseFindings(plugin.config, settings, { keyPrefix: '', origins: new Map(), findings, place });
  const known = claimedNames(plugin.config);
  for (const key of parsed.unknown) {
    const at = place(key);
    findings.push(
      unknownKey(key, known, { strict: run.strict, keyPrefix: at.key.slice(0, at.key.length - key.length), origin: at.origin }),
    );
  }
  return { planned: parsed.config === null ? null : { plugin, raw: settings }, asked: asked(plugin, parsed, settings, place) };
}

/** The configuration as REST shows it: as written, secrets masked. */
export function shownConfig(spec: ConnectorSpec, def: ConfigDef<unknown> | null): RawConfig {
  const secret = new Set(
    Object.entries(def?.keys ?? {})
      .filter(([name, key]) => key.type === 'password' || isSecretName(name))
      .map(([name]) => name),
  );
  return maskConfig({ ...spec.written, name: spec.name }, secret);
}
