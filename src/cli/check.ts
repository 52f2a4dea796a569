import type { ConfigFinding } from '../config/run-config.ts';
import { exitCodeOfFindings } from './exit-codes.ts';
import { countFindings, formatFindings } from './findings-text.ts';
import { inspect } from './inspect.ts';
import type { CommandIo } from './io.ts';

/** `riverbend check FILE… [--json]`: everything that is wrong with files and the systems they name. Changes nothing. */
export async function check(files: readonly string[], json: boolean, io: CommandIo): Promise<number> {
  const never = new AbortController().signal;
  const perFile = await Promise.all(files.map(async (file) => ({ file, findings: (await inspect(file, io.env, never)).findings })));
  const all: readonly ConfigFinding[] = perFile.flatMap((f) => f.findings);
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
