import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import mysql from 'mysql2/promise';
import { onInterrupt } from '../stack/on-interrupt.ts';
import type { Stack } from '../stack/stack.ts';
import { hasStack, openStack, startStack } from '../stack/stack.ts';
import { DatabendProbe } from '../support/databend.ts';
import type { SidesOfTable } from './compare.ts';
import { compareSides } from './compare.ts';
import type { Daemon } from './daemon.ts';
import { startDaemon, stopDaemon } from './daemon.ts';
import { count, Screen, seconds } from './screen.ts';
import type { Chapter } from './story.ts';
import { BIG_TABLE_ROWS, CHAPTERS, DATABASE, prepare } from './story.ts';

const USAGE = `npm run demo [-- --direct] [--mariadb] [--keep] [--stop]

Starts real servers on this machine, plays changes in MySQL and shows them arriving in Databend, then compares both sides.
  --direct    MySQL → Databend in one process, without Kafka
  --mariadb   from MariaDB instead of MySQL
  --keep      leave everything running and say how to look around
  --stop      end what --keep left running
Exit code 0 only when both sides are equal.
`;

const { values: flags } = parseArgs({
  options: {
    direct: { type: 'boolean', default: false },
    mariadb: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    stop: { type: 'boolean', default: false },
    dir: { type: 'string', default: '.stack/demo' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const dir = resolve(flags.dir);
const sourceName = flags.mariadb ? 'mariadb' : 'mysql';
const TABLES = ['test_kafka', 'orders'];
const screen = new Screen();

/** Time from a commit in the source until Databend showed the same. */
interface Lap {
  readonly what: string;
  readonly ms: number;
}

async function play(stack: Stack, startedRiverbend: (daemon: Daemon) => void): Promise<boolean> {
  const source = await mysql.createConnection({ host: stack[sourceName].host, port: stack[sourceName].port, user: 'root', timezone: 'Z' });
  await source.query("SET time_zone = '+00:00'");
  const target = await DatabendProbe.open(stack.databend.dsn);
  try {
    const laps: Lap[] = [];
    screen.step(`two tables in ${sourceName}: ${DATABASE}.test_kafka, empty, and ${DATABASE}.orders with ${count(BIG_TABLE_ROWS)} rows`);
    await prepare(source);
    await source.query(`USE ${DATABASE}`);
    screen.step(`riverbend run config/${flags.direct ? 'riverbend-direct.properties' : 'riverbend.yaml'}`);
    const startedAt = Date.now();
    const daemon = await startDaemon(stack, flags.direct ? 'direct' : 'kafka', sourceName);
    startedRiverbend(daemon);
    screen.line(`pid ${daemon.pid}, ${daemon.url}`);
    const snapshotMs = await showSnapshot(target, daemon, startedAt);
    laps.push({ what: `snapshot of ${count(BIG_TABLE_ROWS)} rows`, ms: snapshotMs });
    for (const chapter of CHAPTERS) {
      screen.step(chapter.title);
      for (const statement of chapter.statements) {
        screen.line(statement.length > 110 ? `${statement.slice(0, 109)}…` : statement);
        await source.query(statement);
      }
      const committedAt = Date.now();
      await untilArrived(source, target, daemon, chapter);
      const ms = Date.now() - committedAt;
      laps.push({ what: chapter.title, ms });
      screen.line(`in Databend after ${seconds(ms)}`);
    }
    screen.heading('Both sides, read independently of riverbend, every value compared');
    const sides = await Promise.all(TABLES.map((table) => compareSides(source, target, DATABASE, table)));
    report(sides, laps, daemon);
    return sides.every((s) => s.differences.length === 0);
  } finally {
    await source.end();
    await target.close();
  }
}

/** Shows the rows of the big table arriving; returns the time until all are there. */
async function showSnapshot(target: DatabendProbe, daemon: Daemon, startedAt: number): Promise<number> {
  screen.step('its snapshot fills Databend');
  const until = Date.now() + 180_000;
  for (;;) {
    await daemon.check();
    const rows = Math.max(0, await target.count(DATABASE, 'orders'));
    const ms = Date.now() - startedAt;
    const bar = '█'.repeat(Math.floor((30 * rows) / BIG_TABLE_ROWS)).padEnd(30, '░');
    screen.progress(`${bar} ${count(rows)} of ${count(BIG_TABLE_ROWS)} rows, ${seconds(ms)}`);
    if (rows >= BIG_TABLE_ROWS) {
      screen.line(`${count(rows)} rows ${seconds(ms)} after riverbend's start`);
      return ms;
    }
    if (Date.now() > until) throw new Error(`only ${rows} of ${BIG_TABLE_ROWS} rows after 180 s`);
    await delay(100);
  }
}

/** Resolves when Databend shows what the chapter changed. Throws with the differences after a minute. */
async function untilArrived(source: mysql.Connection, target: DatabendProbe, daemon: Daemon, chapter: Chapter): Promise<void> {
  const until = Date.now() + 60_000;
  for (;;) {
    const differences = await chapterDifferences(source, target, chapter);
    if (differences.length === 0) return;
    await daemon.check();
    if (Date.now() > until) throw new Error(`the sides still differ after a minute:\n${differences.join('\n')}`);
    screen.progress(`waiting: ${differences[0] ?? ''}`);
    await delay(50);
  }
}

/** The small table is compared whole each time; the big one by sums until the end, when it is compared whole too. */
async function chapterDifferences(source: mysql.Connection, target: DatabendProbe, chapter: Chapter): Promise<readonly string[]> {
  if (chapter.sums === undefined) return (await compareSides(source, target, DATABASE, 'test_kafka')).differences;
  const expected = await sumsOf(
    async (sql) => ((await source.query({ sql, rowsAsArray: true })) as unknown as [unknown[][]])[0],
    chapter.sums,
    'CHAR',
  );
  const actual = await sumsOf((sql) => target.rows(sql), chapter.sums, 'VARCHAR');
  return expected === actual ? [] : [`${chapter.sums.join(', ')} of orders: ${expected} in the source, ${actual} in Databend`];
}

async function sumsOf(query: (sql: string) => Promise<unknown[][]>, sums: readonly string[], text: string): Promise<string> {
  const rows = await query(`SELECT ${sums.map((sum) => `CAST(${sum} AS ${text})`).join(', ')} FROM ${DATABASE}.orders`);
  return String(rows[0]);
}

function report(sides: readonly SidesOfTable[], laps: readonly Lap[], daemon: Daemon): void {
  screen.table([
    ['table', `rows in ${sourceName}`, 'rows in Databend', `checksum ${sourceName}`, 'checksum Databend', ''],
    ...sides.map((s) => [
      `${DATABASE}.${s.table}`,
      count(s.sourceRows),
      count(s.targetRows),
      s.sourceChecksum,
      s.targetChecksum,
      s.differences.length === 0 ? 'equal' : 'DIFFERENT',
    ]),
  ]);
  for (const side of sides) for (const difference of side.differences) screen.line(difference);
  screen.heading('From commit to Databend');
  screen.table(laps.map((lap) => [lap.what, seconds(lap.ms)]));
  const { cpuSeconds, peakRssMib } = daemon.usage();
  screen.heading(`riverbend used ${cpuSeconds.toFixed(1)} s of CPU and at most ${peakRssMib} MiB of memory`);
}

function howToLookAround(stack: Stack, daemon: Daemon | null): string {
  const { host, port } = stack[sourceName];
  return `
Left running:
  ${sourceName.padEnd(9)} mysql -h ${host} -P ${port} -u root ${DATABASE}
  databend  ${stack.databend.dsn}
${flags.direct ? '' : `  kafka     ${stack.kafka.bootstrap}\n  registry  ${stack.registry.url}\n`}  riverbend ${daemon?.url ?? 'not started'}  (${daemon?.logFile ?? ''})
Stop it all: npm run demo -- --stop
`;
}

async function stopAll(): Promise<void> {
  await stopDaemon(`${dir}/riverbend`);
  if (hasStack(dir)) await openStack(dir).clean();
}

async function main(): Promise<number> {
  if (flags.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  // what an earlier run left, whether asked to or killed
  await stopAll();
  if (flags.stop) {
    process.stdout.write('Nothing of the demo runs any more.\n');
    return 0;
  }
  screen.heading(`riverbend demo: ${flags.mariadb ? 'MariaDB' : 'MySQL'} → ${flags.direct ? '' : 'Kafka (Avro) → '}Databend`);
  screen.step('real servers, on this machine only, no containers');
  let daemon: Daemon | null = null;
  let equal = false;
  const services = flags.direct ? ([sourceName, 'databend'] as const) : ([sourceName, 'kafka', 'registry', 'databend'] as const);
  try {
    const stack = await startStack({ dir, portBase: 'auto', services, log: (line) => screen.line(line) });
    equal = await play(stack, (started) => {
      daemon = started;
    });
    screen.heading(equal ? 'Both sides are equal.' : 'The sides differ.');
    if (flags.keep) process.stdout.write(howToLookAround(stack, daemon));
  } catch (error) {
    screen.heading(`The demo failed: ${(error as Error).message}`);
  } finally {
    if (!flags.keep) await stopAll();
  }
  return equal ? 0 : 1;
}

onInterrupt(stopAll);
process.exitCode = await main();
