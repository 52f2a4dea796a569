import type { ConfigFinding } from '../config/run-config.ts';
import { CdcError } from '../model/errors.ts';
import type { SourceOffset, SourcePartition } from '../model/offset.ts';
import type { CommittedOffset, Finding } from '../spi/connector.ts';
import { asCdcError } from './error-policy.ts';
import type { Asked, ProbeTargets } from './plan.ts';
import type { Plugins } from './plugins.ts';

/** How much longer than its signal a probe may take before the others' findings are told without it, ms. */
const GRACE_MS = 1000;

export interface ProbeOptions {
  readonly plugins: Plugins;
  /** The process's offset store, opened; null when it could not be. */
  readonly offsets: { load(connector: string, partition: SourcePartition): Promise<SourceOffset | null> } | null;
}

/** Asks every system a connector needs, all at once, and gathers everything they find. Never throws, changes nothing. */
export async function probeTargets(t: ProbeTargets, o: ProbeOptions, signal: AbortSignal): Promise<readonly ConfigFinding[]> {
  const probes: Promise<readonly ConfigFinding[]>[] = [];
  const ask = (probe: Promise<readonly Finding[]>, part: Pick<Asked<unknown>, 'place' | 'broken'>, at: string): void => {
    const told = (f: Finding): boolean => f.severity === 'error' || !part.broken;
    probes.push(guarded(probe, at, signal).then((all) => all.filter(told).map((f) => ({ ...f, ...part.place(f.key) }))));
  };
  const { source, sink, kafka } = t;
  if (source !== null) ask(source.plugin.probe(source.config, signal, committedOf(t, o)), source, 'connector.class');
  if (sink !== null) ask(sink.plugin.probe(sink.config, signal), sink, 'connection.url');
  if (kafka !== null && o.plugins.kafka !== null) {
    const use = t.mode === 'kafka-to-sink' ? 'consumer' : 'producer';
    ask(o.plugins.kafka.probe(kafka.worker, kafka.connector, use, signal), { ...kafka, broken: false }, 'bootstrap.servers');
  }
  const asked = new Set<string>();
  // Embedded, rows reach the sink as they are: a registry that is named is not used.
  for (const converter of t.mode === 'embedded' ? [] : t.converters) {
    const same = JSON.stringify([converter.plugin.names[0], converter.raw]);
    if (converter.plugin.probe === undefined || asked.has(same)) continue;
    asked.add(same);
    ask(converter.plugin.probe(converter.raw, signal), converter, 'schema.registry.url');
  }
  const all = (await Promise.all(probes)).flat();
  return all.filter((f, i) => all.findIndex((g) => g.key === f.key && g.message === f.message) === i);
}

/** Where the offset is that a source resumes from; undefined when it cannot be known. */
function committedOf(t: ProbeTargets, o: ProbeOptions): CommittedOffset | undefined {
  const { sink, name } = t;
  const { offsets } = o;
  if (t.mode === 'embedded') {
    if (sink === null) return undefined;
    const { plugin, config } = sink;
    if (plugin.committedOffset !== undefined) return async (partition) => (await plugin.committedOffset?.(config, name, partition)) ?? null;
  }
  return offsets === null ? undefined : (partition) => offsets.load(name, partition);
}

/** A probe promises not to throw and to heed its signal; one that breaks this must not take the others' findings with it. */
async function guarded(probe: Promise<readonly Finding[]>, at: string, signal: AbortSignal): Promise<readonly Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const onAbort = (): void => {
      const error = new CdcError('CDC_CHECK_TIMEOUT', 'environment', 'the checks took too long', {
        hint: 'check the address and the network',
      });
      timer = setTimeout(() => reject(error), GRACE_MS);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([probe, late]);
  } catch (thrown) {
    const error = asCdcError(thrown);
    const kind = error.kind === 'config' ? 'config' : 'environment';
    return [{ severity: 'error', code: error.code, kind, key: at, message: error.message, hint: error.hint ?? 'see the log' }];
  } finally {
    clearTimeout(timer);
  }
}
