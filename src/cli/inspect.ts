import type { ConfigFinding, OffsetsConfig, RunConfig } from '../config/run-config.ts';
import { CdcError } from '../model/errors.ts';
import { planConnector } from '../runtime/plan.ts';
import { PLUGINS } from '../runtime/plugin-list.ts';
import { probeTargets } from '../runtime/probe.ts';
import { FileOffsetStore } from '../storage/file-offset-store.ts';
import { MemoryOffsetStore } from '../storage/memory-offset-store.ts';
import { loadConfig } from './load.ts';

/** How long systems have to answer, ms: the command must not take much longer than ten seconds. */
const PROBE_TIMEOUT_MS = 8000;

export interface Inspection {
  /** null when the configuration cannot be run. */
  readonly run: RunConfig | null;
  readonly findings: readonly ConfigFinding[];
}

/**
 * Everything that is wrong or doubtful in a file and in the systems it names, found in one go: a key that is wrong does
 * not hide a server that is down. Changes nothing. What `check` prints, and what `run` refuses to start with.
 */
export async function inspect(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<Inspection> {
  try {
    const { run, partial, findings } = loadConfig(file, env);
    if (partial === null) return { run: null, findings };
    const offsets = await openOffsets(partial.offsets);
    const planned = partial.connectors.map((spec) => planConnector(spec, partial, PLUGINS));
    const until = AbortSignal.any([signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)]);
    const probed = await Promise.all(
      planned.map(({ targets }) => probeTargets(targets, { plugins: PLUGINS, offsets: offsets.store }, until)),
    );
    const all = [...findings, ...planned.flatMap((p) => p.findings), ...offsets.findings.map((f) => placed(f, partial)), ...probed.flat()];
    return { run, findings: all.filter((f, i) => all.findIndex((g) => g.key === f.key && g.message === f.message) === i) };
  } catch (error) {
    if (!(error instanceof CdcError)) throw error;
    return { run: null, findings: [findingOf(error, file ?? '')] };
  }
}

/** An offset file that exists must be one. */
async function openOffsets(
  config: OffsetsConfig,
): Promise<{ readonly store: FileOffsetStore | MemoryOffsetStore | null; readonly findings: readonly ConfigFinding[] }> {
  if (config.kind === 'memory') return { store: new MemoryOffsetStore(), findings: [] };
  const store = new FileOffsetStore(config.path);
  try {
    await store.start();
    return { store, findings: [] };
  } catch (error) {
    if (!(error instanceof CdcError)) throw error;
    return { store: null, findings: [findingOf(error, 'offset.storage.file.filename')] };
  }
}

function placed(finding: ConfigFinding, run: RunConfig): ConfigFinding {
  const connector = run.connectors[0];
  if (run.layout === 'server')
    return { ...finding, key: `debezium.source.${finding.key}`, origin: connector?.origins.get(finding.key) ?? null };
  return { ...finding, ...(run.workerPlaces?.get(finding.key) ?? { key: `worker.${finding.key}` }) };
}

function findingOf(error: CdcError, key: string): ConfigFinding {
  const kind = error.kind === 'config' ? 'config' : 'environment';
  return { severity: 'error', code: error.code, kind, key, message: error.message, hint: error.hint ?? '', origin: null };
}
