import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cached, maven, run } from '../stack/downloads.ts';
import { cacheDir } from '../stack/options.ts';
import { tail } from '../stack/processes.ts';
import { java } from '../stack/services/jvm.ts';
import type { Stack } from '../stack/stack.ts';
import { serverPids } from './debezium-connect.ts';
import type { Measured } from './meter.ts';
import { watchMachine } from './meter.ts';
import { DATABASE, TABLE } from './workload.ts';

export const DEBEZIUM_VERSION = '3.6.1.Final';
const PEER = join(import.meta.dirname, 'peers', 'debezium');
const FOLDER = `debezium-embedded-${DEBEZIUM_VERSION}`;

/** Builds the peer (Debezium's engine, JSON without schemas, a consumer that does nothing) into the cache. */
export async function fetchEmbedded(log: (line: string) => void): Promise<void> {
  await cached(FOLDER, log, async (folder) => {
    const build = join(folder, 'build');
    cpSync(PEER, build, { recursive: true });
    await maven(['package', 'dependency:copy-dependencies', `-DoutputDirectory=${folder}`], build, log);
    await run('cp', [join(build, 'target', 'debezium-bench-1.jar'), folder]);
    rmSync(build, { recursive: true });
  });
}

type Mode = 'snapshot' | 'mark' | 'stream';

interface BenchLine {
  readonly error?: string;
  readonly rows_per_s: number;
  readonly seconds_from_jvm_start: number;
  readonly cpu_s: number;
  readonly peak_rss_mib: number;
}

/** Stores an offset at the present end of the binlog, for `stream` to resume from. */
export async function markEmbedded(stack: Stack): Promise<void> {
  await bench(stack, 'mark', 0);
}

/** Runs the peer over a snapshot of `rows` rows, or from the stored offset until `rows` changes came; it measures itself. */
export async function runEmbedded(stack: Stack, mode: 'snapshot' | 'stream', rows: number): Promise<Measured> {
  const machine = watchMachine(serverPids(stack));
  const output = await bench(stack, mode, rows);
  const line = output.split('\n').find((text) => text.startsWith('{'));
  if (line === undefined) throw new Error(`the peer printed no result:\n${output.slice(-500)}`);
  const result = JSON.parse(line) as BenchLine;
  if (result.error !== undefined) throw new Error(result.error);
  return {
    rows,
    rowsPerSecond: result.rows_per_s,
    secondsFromStart: result.seconds_from_jvm_start,
    cpuMicrosPerRow: (result.cpu_s * 1e6) / rows,
    peakRssMib: result.peak_rss_mib,
    otherCpuSeconds: machine.othersSeconds(result.cpu_s),
  };
}

function bench(stack: Stack, mode: Mode, rows: number): Promise<string> {
  const folder = join(stack.dir, 'engines', 'debezium-embedded');
  mkdirSync(folder, { recursive: true });
  const saved = join(folder, mode === 'snapshot' ? 'snapshot' : 'saved');
  if (mode !== 'stream') rmSync(saved, { recursive: true, force: true });
  const errorFile = join(folder, 'stderr.log');
  const args = [
    '-Xmx1g',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
    '-Duser.timezone=UTC',
    '-cp',
    join(cacheDir(), FOLDER, '*'),
    'bench.Bench',
    'mysql',
    stack.mysql.host,
    String(stack.mysql.port),
    'root',
    '',
    `${DATABASE}.${TABLE}`,
    mode,
    String(rows),
    saved,
  ];
  return new Promise((done, fail) => {
    const child = spawn(java(), args, { stdio: ['ignore', 'pipe', openSync(errorFile, 'a')] });
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.once('error', fail);
    child.once('close', (code) =>
      code === 0 ? done(output) : fail(new Error(`ended with ${code}:\n${output.slice(-1_000)}\n${tail(errorFile)}`)),
    );
  });
}
