import type { RunConfig } from '../config/run-config.ts';
import { CdcError } from '../model/errors.ts';
import type { SourceOffset, SourcePartition } from '../model/offset.ts';
import { FileOffsetStore } from '../storage/file-offset-store.ts';
import { EXIT, exitCodeOfFindings } from './exit-codes.ts';
import { formatFindings } from './findings-text.ts';
import type { CommandIo } from './io.ts';
import { loadConfig } from './load.ts';

export interface OffsetsArguments {
  readonly action: string;
  readonly file: string;
  readonly connector: string | undefined;
  readonly partition: string | undefined;
  readonly offset: string | undefined;
  readonly dryRun: boolean;
}

/** `riverbend offsets …` against the configured offset file. Answers the exit code. */
export async function offsets(args: OffsetsArguments, io: CommandIo): Promise<number> {
  const { run, findings } = loadConfig(args.file, io.env);
  if (run === null) {
    io.stderr.write(formatFindings(findings));
    return exitCodeOfFindings(findings);
  }
  if (run.offsets.kind !== 'file') throw usage('the configured offset storage is memory: there is nothing to read');
  const store = new FileOffsetStore(run.offsets.path);
  await store.start();
  if (args.action === 'list') {
    for (const name of store.connectors()) io.stdout.write(`${name}\t${(await store.list(name)).length}\n`);
    return EXIT.ok;
  }
  const name = connectorName(args.connector, run);
  if (args.action === 'show') {
    io.stdout.write(`${JSON.stringify({ offsets: await store.list(name) }, null, 2)}\n`);
    return EXIT.ok;
  }
  const changes =
    args.action === 'reset' ? (await store.list(name)).map(({ partition }) => ({ partition, offset: null })) : [parseChange(args)];
  for (const { partition, offset } of changes) {
    const before = await store.load(name, partition);
    io.stdout.write(`${name} ${JSON.stringify(partition)}: ${JSON.stringify(before)} -> ${JSON.stringify(offset)}\n`);
  }
  if (changes.length === 0) io.stdout.write(`${name}: no offsets\n`);
  if (args.dryRun || changes.length === 0) return EXIT.ok;
  await refuseWhileRunning(run);
  await store.save(name, changes);
  await store.stop();
  return EXIT.ok;
}

function connectorName(given: string | undefined, run: RunConfig): string {
  const names = run.connectors.map((c) => c.name);
  if (given !== undefined) return given;
  if (names.length === 1) return names[0] as string;
  throw usage(`the file has ${names.length} connectors; name one with --connector: ${names.join(', ')}`);
}

function parseChange(args: OffsetsArguments): { partition: SourcePartition; offset: SourceOffset } {
  return { partition: parseObject('--partition', args.partition), offset: parseObject('--offset', args.offset) };
}

function parseObject(option: string, text: string | undefined): SourceOffset {
  if (text === undefined) throw usage(`set needs ${option} JSON`);
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as SourceOffset;
  } catch {
    // said below
  }
  throw usage(`${option} must be a JSON object`);
}

/** A running riverbend would overwrite what is written here. */
async function refuseWhileRunning(run: RunConfig): Promise<void> {
  const host = run.http.host === '0.0.0.0' ? '127.0.0.1' : run.http.host;
  const names = await fetch(`http://${host}:${run.http.port}/connectors`, { signal: AbortSignal.timeout(2000) })
    .then((r) => r.json())
    .catch(() => null);
  if (Array.isArray(names) && run.connectors.some((c) => names.includes(c.name)))
    throw usage('riverbend is running with this configuration: stop it first, or it overwrites the change');
}

function usage(message: string): CdcError {
  return new CdcError('CDC_COMMAND_INVALID', 'config', message, { hint: 'riverbend help offsets' });
}
