import type { ConfigFinding } from '../config/run-config.ts';
import type { Finding } from '../spi/connector.ts';
import { asCdcError } from './error-policy.ts';
import type { ConnectorPlan } from './plan.ts';
import type { Plugins } from './plugins.ts';

/** Asks every system a connector needs, all at once, and gathers everything they find. Never throws. */
export async function probePlan(plan: ConnectorPlan, plugins: Plugins, signal: AbortSignal): Promise<readonly ConfigFinding[]> {
  const { spec } = plan;
  const place =
    (prefix: string, origins: ReadonlyMap<string, string>) =>
    (f: Finding): ConfigFinding => ({ ...f, key: prefix + f.key, origin: origins.get(f.key) ?? null });
  const own = place(spec.keyPrefix, spec.origins);
  const probes: Promise<readonly ConfigFinding[]>[] = [];
  const { source, sink, mode } = plan;
  if (source !== null) probes.push(guarded(source.plugin.probe(source.config, signal)).then((all) => all.map(own)));
  if (sink !== null) {
    const named = spec.sink === null ? own : place(spec.sink.keyPrefix, spec.sink.origins);
    probes.push(guarded(sink.plugin.probe(sink.config, signal)).then((all) => all.map(named)));
  }
  if (mode !== 'embedded' && plugins.kafka !== null) {
    const prefix = spec.keyPrefix === 'debezium.source.' ? 'debezium.sink.kafka.producer.' : 'worker.';
    probes.push(guarded(plugins.kafka.probe(plan.worker, spec.config, signal)).then((all) => all.map(place(prefix, new Map()))));
  }
  const converters = [
    ['key', plan.keyConverter],
    ['value', plan.valueConverter],
  ] as const;
  const asked = new Set<string>();
  for (const [part, { plugin, raw }] of converters) {
    const same = JSON.stringify([plugin.names[0], raw]);
    if (plugin.probe === undefined || asked.has(same)) continue;
    asked.add(same);
    const prefix = spec.keyPrefix === 'debezium.source.' ? `debezium.format.${part}.` : `${spec.keyPrefix}${part}.converter.`;
    probes.push(guarded(plugin.probe(raw, signal)).then((all) => all.map(place(prefix, new Map()))));
  }
  return (await Promise.all(probes)).flat();
}

/** A probe promises not to throw; one that does all the same must not take the others' findings with it. */
async function guarded(probe: Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await probe;
  } catch (thrown) {
    const error = asCdcError(thrown);
    const kind = error.kind === 'config' ? 'config' : 'environment';
    return [{ severity: 'error', code: error.code, kind, key: '', message: error.message, hint: error.hint ?? 'see the log' }];
  }
}
