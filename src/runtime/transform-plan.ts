import { claimedNames, parseFindings, unknownKey } from '../config/entry-resolution.ts';
import type { ConfigFinding, ConnectorSpec } from '../config/run-config.ts';
import type { RawConfig } from '../spi/config-def.ts';
import type { Logger } from '../spi/telemetry.ts';
import { type ChainLink, chainOf } from '../transform/chain.ts';
import type { RecordTransform } from '../transform/change-record.ts';
import type { TransformPlugin } from '../transform/plugin.ts';
import { PREDICATES, type Predicate } from '../transform/predicates.ts';
import { REFUSED, TRANSFORMS } from '../transform/registry.ts';

export interface PlannedTransform {
  readonly name: string;
  /** The rows of a sink that takes rows stay what they are. */
  readonly rowsUnchanged: boolean;
  create(logger: Logger): ChainLink;
}

interface Planning {
  readonly raw: RawConfig;
  /** Put before a key to name it as the user wrote it. */
  readonly prefix: string;
  readonly strict: boolean;
  readonly spec: ConnectorSpec;
  readonly findings: ConfigFinding[];
}

/** `transforms` and `predicates` of a connector. Every finding, never the first only; what is broken is left out of the answer. */
export function planTransforms(
  raw: RawConfig,
  spec: ConnectorSpec,
  strict: boolean,
  findings: ConfigFinding[],
): readonly PlannedTransform[] {
  const prefix = spec.keyPrefix === 'debezium.source.' ? 'debezium.' : spec.keyPrefix;
  const p: Planning = { raw, prefix, strict, spec, findings };
  const names = namesIn(p, 'transforms');
  const predicates = new Map(namesIn(p, 'predicates').map((name) => [name, planPredicate(p, name)]));
  for (const kind of ['transforms', 'predicates'] as const) {
    const listed = new Set(kind === 'transforms' ? names : predicates.keys());
    for (const key of Object.keys(raw)) {
      const name = key.startsWith(`${kind}.`) ? (key.split('.')[1] as string) : null;
      if (name !== null && !listed.has(name))
        findings.push(
          unknownKey(
            key,
            [...listed].map((n) => key.replace(name, n)),
            { strict, keyPrefix: prefix, origin: spec.origins.get(key) ?? null },
          ),
        );
    }
  }
  return names.flatMap((name) => planTransform(p, name, predicates) ?? []);
}

/** The transforms of a plan as one, or null when there are none. */
export function createChain(planned: readonly PlannedTransform[], logger: Logger): RecordTransform | null {
  return planned.length === 0 ? null : chainOf(planned.map((t) => t.create(logger)));
}

function namesIn(p: Planning, kind: 'transforms' | 'predicates'): readonly string[] {
  const names = (p.raw[kind] ?? '').split(',').map((s) => s.trim());
  const given = names.filter((s) => s !== '');
  const twice = given.find((name, i) => given.indexOf(name) !== i);
  if (twice !== undefined) fail(p, kind, `"${twice}" is listed twice`, 'every name once');
  return [...new Set(given)];
}

function planTransform(p: Planning, name: string, predicates: ReadonlyMap<string, Predicate | null>): PlannedTransform | null {
  const base = `transforms.${name}.`;
  const settings = below(p.raw, base);
  const given = (settings['type'] ?? '').trim();
  const found = findTransform(given);
  if (typeof found === 'string') {
    fail(p, `${base}type`, found, `one of ${TRANSFORMS.flatMap(shownNames).join(', ')}`);
    return null;
  }
  const predicateName = settings['predicate']?.trim();
  const negate = settings['negate']?.trim().toLowerCase() ?? 'false';
  if (negate !== 'true' && negate !== 'false')
    fail(p, `${base}negate`, `Invalid value for ${base}negate: expected true or false`, 'true or false');
  if (predicateName === undefined && settings['negate'] !== undefined)
    fail(p, `${base}negate`, `transform "${name}" has negate but no predicate`, 'name the predicate');
  const predicate = predicateName === undefined ? null : predicates.get(predicateName);
  if (predicate === undefined)
    fail(
      p,
      `${base}predicate`,
      `there is no predicate "${predicateName}"`,
      `name it in predicates and define predicates.${predicateName}.type`,
    );
  const { plugin, part } = found;
  const own = Object.fromEntries(Object.entries(settings).filter(([key]) => key !== 'type' && key !== 'predicate' && key !== 'negate'));
  const config = parsed(p, base, plugin.config, own);
  if (config === null) return null;
  const wrong = plugin.check?.(config) ?? [];
  for (const { key, message } of wrong) fail(p, base + key, message, 'correct the key and start again');
  if (predicate === undefined || wrong.length > 0) return null;
  const wanted = predicate === null ? null : negate === 'true' ? (r: Parameters<Predicate>[0]) => !predicate(r) : predicate;
  return {
    name,
    rowsUnchanged: plugin.rows?.(config) === 'unchanged',
    create: (logger) => ({
      name,
      predicate: wanted,
      transform: plugin.create(config, { part, logger: logger.child({ transform: name }) }),
    }),
  };
}

function planPredicate(p: Planning, name: string): Predicate | null {
  const base = `predicates.${name}.`;
  const { type = '', ...settings } = below(p.raw, base);
  const plugin = PREDICATES.find((c) => c.names.includes(type.trim()));
  if (plugin === undefined) {
    fail(
      p,
      `${base}type`,
      type === '' ? `predicate "${name}" has no type` : `Class ${type} could not be found.`,
      `one of ${PREDICATES.flatMap((c) => c.names).join(', ')}`,
    );
    return null;
  }
  const config = parsed(p, base, plugin.config, settings);
  return config === null ? null : plugin.create(config);
}

function parsed(p: Planning, base: string, def: TransformPlugin['config'], settings: RawConfig): unknown {
  const origins = new Map([...p.spec.origins].filter(([k]) => k.startsWith(base)).map(([k, v]) => [k.slice(base.length), v]));
  const keyPrefix = p.prefix + base;
  const { config, unknown } = parseFindings(def, settings, { keyPrefix, origins, findings: p.findings });
  const known = claimedNames(def);
  for (const key of unknown) p.findings.push(unknownKey(key, known, { strict: p.strict, keyPrefix, origin: origins.get(key) ?? null }));
  return config;
}

/** The transform a class name means, or a sentence why there is none. */
function findTransform(given: string): { readonly plugin: TransformPlugin; readonly part: 'key' | 'value' } | string {
  if (given === '') return 'Missing required configuration "type" which has no default value.';
  const [, name = given, part] = /^(.*?)(?:\$(Key|Value))?$/.exec(given) ?? [];
  const reason = REFUSED[name];
  if (reason !== undefined) return `${name} is not supported: ${reason}`;
  const plugin = TRANSFORMS.find((t) => t.names.includes(name) && (t.parts === true) === (part !== undefined));
  return plugin === undefined ? `Class ${given} could not be found.` : { plugin, part: part === 'Key' ? 'key' : 'value' };
}

function shownNames(plugin: TransformPlugin): readonly string[] {
  return plugin.parts === true ? plugin.names.flatMap((n) => [`${n}$Key`, `${n}$Value`]) : plugin.names;
}

function below(raw: RawConfig, base: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(raw)
      .filter(([k]) => k.startsWith(base))
      .map(([k, v]) => [k.slice(base.length), v]),
  );
}

function fail(p: Planning, key: string, message: string, hint: string): void {
  p.findings.push({
    severity: 'error',
    code: 'CDC_CONFIG_INVALID',
    kind: 'config',
    key: p.prefix + key,
    message,
    hint,
    origin: p.spec.origins.get(key) ?? null,
  });
}
