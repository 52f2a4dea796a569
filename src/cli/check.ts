import type { ConfigFinding } from '../config/run-config.ts';
import { CdcError } from '../model/errors.ts';
import { planConnector } from '../runtime/plan.ts';
import { PLUGINS } from '../runtime/plugin-list.ts';
import { probePlan } from '../runtime/probe.ts';
import { FileOffsetStore } from '../storage/file-offset-store.ts';
import { exitCodeOfFindings } from './exit-codes.ts';
import { countFindings, formatFindings } from './findings-text.ts';
import type { CommandIo } from './io.ts';
import { loadConfig } from './load.ts';

const PROBE_TIMEOUT_MS = 30_000;

/** `riverbend check FILE… [--json]`: everything that is wrong with files and the systems they name. Changes nothing. */
export async function check(files: readonly string[], json: boolean, io: CommandIo): Promise<number> {
  const all: ConfigFinding[] = [];
  const perFile: { file: string; findings: readonly ConfigFinding[] }[] = [];
  for (const file of files) {
    const findings = await checkFile(file, io);
    perFile.push({ file, findings });
    all.push(...findings);
  }
  if (json) {
    const list = perFile.flatMap(({ file, findings }) => findings.map((f) => ({ file, ...f })));
    io.stdout.write(`${JSON.stringify({ ok: exitCodeOfFindings(all) === 0, findings: list }, null, 2)}\n`);
  } else
    for (const { file, findings } of perFile)
      io.stdout.write(
        findings.length === 0 ? `${file}: nothing to complain about\n` : `${formatFindings(findings)}${file}: ${countFindings(findings)}\n`,
      );
  return exitCodeOfFindings(all);
}

async function checkFile(file: string, io: CommandIo): Promise<readonly ConfigFinding[]> {
  try {
    const { run, findings } = loadConfig(file, io.env);
    if (run === null) return findings;
    const planned = run.connectors.map((spec) => planConnector(spec, run, PLUGINS));
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const probed = await Promise.all(planned.map(({ plan }) => (plan === null ? [] : probePlan(plan, PLUGINS, signal))));
    const offsets = run.offsets.kind === 'file' ? await checkOffsets(run.offsets.path) : [];
    return [...findings, ...planned.flatMap((p) => p.findings), ...probed.flat(), ...offsets];
  } catch (error) {
    if (!(error instanceof CdcError)) throw error;
    return [findingOf(error, file)];
  }
}

/** An offset file that exists must be one. */
async function checkOffsets(path: string): Promise<readonly ConfigFinding[]> {
  try {
    await new FileOffsetStore(path).start();
    return [];
  } catch (error) {
    if (!(error instanceof CdcError)) throw error;
    return [findingOf(error, 'offset.storage.file.filename')];
  }
}

function findingOf(error: CdcError, key: string): ConfigFinding {
  const kind = error.kind === 'config' ? 'config' : 'environment';
  return { severity: 'error', code: error.code, kind, key, message: error.message, hint: error.hint ?? '', origin: null };
}
