import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import mysql from 'mysql2/promise';
import { onInterrupt } from '../stack/on-interrupt.ts';
import type { Stack } from '../stack/stack.ts';
import { hasStack, openStack, startStack } from '../stack/stack.ts';
import { DatabendProbe } from '../support/databend.ts';
import { fetchConnectPlugins, serverPids, snapshotConnect, streamConnect } from './debezium-connect.ts';
import { fetchEmbedded, markEmbedded, runEmbedded } from './debezium-embedded.ts';
import type { Measured } from './meter.ts';
import { measure } from './meter.ts';
import type { Engine, Job, Result } from './report.ts';
import { printResults } from './report.ts';
import type { Target } from './riverbend.ts';
import { RiverbendUnderTest } from './riverbend.ts';
import { Topics } from './topics.ts';
import { DATABASE, loadTable, sumOfK, TABLE, writeBacklog } from './workload.ts';

const USAGE = `npm run bench [-- --quick] [--rows N] [--changes N] [--without debezium,debezium-connect] [--json FILE]

riverbend beside Debezium (embedded engine, and in Kafka Connect with Avro) on the same servers in one run:
a snapshot of a table, then a backlog of row updates, to nowhere, to Kafka as Avro, and into Databend.
  --quick      100,000 rows and 50,000 changes rather than 1,000,000 and 500,000
  --json FILE  where the results are written too (default .stack/bench-results.json)
`;

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rows: { type: 'string' },
    changes: { type: 'string' },
    without: { type: 'string', default: '' },
    json: { type: 'string', default: '.stack/bench-results.json' },
    dir: { type: 'string', default: '.stack/bench' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const ROWS = Number(flags.rows ?? (flags.quick ? 100_000 : 1_000_000));
const CHANGES = Number(flags.changes ?? (flags.quick ? 50_000 : 500_000));
const TARGETS: readonly Target[] = ['nowhere', 'kafka-avro', 'databend'];
const dir = resolve(flags.dir);
const began = Date.now();
const results: Result[] = [];

const say = (text: string): void => {
  process.stderr.write(`[bench ${((Date.now() - began) / 1000).toFixed(0).padStart(4)} s] ${text}\n`);
};

/** Runs one measurement; what cannot be measured is in the results with the reason. */
async function attempt(engine: Engine, job: Job, target: Target, work: () => Promise<Measured>): Promise<void> {
  say(`${engine}: ${job} to ${target}`);
  try {
    const measured = await work();
    results.push({ engine, job, target, measured });
    say(`  ${measured.rowsPerSecond} rows/s, ${measured.cpuMicrosPerRow.toFixed(1)} µs CPU a row, ${measured.peakRssMib} MiB`);
  } catch (error) {
    const reason = (error as Error).message;
    results.push({ engine, job, target, reason: reason.split('\n').slice(0, 3).join(' ').slice(0, 300) });
    say(`  not measured: ${reason}`);
  }
}

/** Rows in the target, of the snapshot or of the changes since it. */
interface Arrivals {
  readonly snapshot: () => Promise<number>;
  readonly stream: () => Promise<number>;
}

async function arrivalsOf(
  engine: RiverbendUnderTest,
  target: Target,
  topics: Topics,
  databend: DatabendProbe,
  source: mysql.Connection,
): Promise<Arrivals> {
  switch (target) {
    case 'nowhere':
      return { snapshot: () => engine.rowsTotal(), stream: () => engine.rowsTotal() };
    case 'kafka-avro': {
      return { snapshot: () => topics.end(engine.topic), stream: async () => (await topics.end(engine.topic)) - ROWS };
    }
    case 'databend': {
      const before = await sumOfK(source);
      return {
        snapshot: () => databend.count(DATABASE, TABLE),
        // every change adds one to one k
        stream: async () => Number((await databend.rows(`SELECT sum(k)::string FROM "${DATABASE}"."${TABLE}"`))[0]?.[0]) - before,
      };
    }
    default:
      return target satisfies never;
  }
}

async function bench(stack: Stack): Promise<void> {
  const source = await mysql.createConnection({ host: stack.mysql.host, port: stack.mysql.port, user: 'root' });
  const topics = await Topics.open(stack.kafka.bootstrap);
  const databend = await DatabendProbe.open(stack.databend.dsn);
  const engines = new Map<Target, { readonly engine: RiverbendUnderTest; readonly arrivals: Arrivals }>();
  const without = flags.without.split(',');
  const embedded = !without.includes('debezium');
  const inConnect = !without.includes('debezium-connect');
  try {
    say(`loading ${ROWS} rows`);
    await loadTable(source, ROWS, () => undefined);
    if (embedded) await attempt('debezium', 'snapshot', 'nowhere', () => runEmbedded(stack, 'snapshot', ROWS));
    if (inConnect) await attempt('debezium-connect', 'snapshot', 'kafka-avro', () => snapshotConnect(stack, topics, source, ROWS));
    const marked = embedded && (await markEmbedded(stack).then(() => true, sayAndFalse));
    for (const target of TARGETS) {
      const engine = new RiverbendUnderTest(stack, target);
      if (target === 'kafka-avro') await topics.create(engine.topic);
      const arrivals = await arrivalsOf(engine, target, topics, databend, source);
      engines.set(target, { engine, arrivals });
      await attempt('riverbend', 'snapshot', target, () => measureRiverbend(stack, engine, arrivals.snapshot, ROWS));
    }
    say(`writing ${CHANGES} row updates, ten to a transaction`);
    await writeBacklog(source, CHANGES);
    const snapshotDone = (engine: Engine, target: Target): boolean =>
      results.some((r) => r.engine === engine && r.target === target && r.job === 'snapshot' && r.measured !== undefined);
    if (embedded) {
      await attempt('debezium', 'stream', 'nowhere', () => {
        if (!marked) throw new Error('it could not store an offset to resume from');
        return runEmbedded(stack, 'stream', CHANGES);
      });
    }
    if (inConnect) {
      await attempt('debezium-connect', 'stream', 'kafka-avro', () => {
        if (!snapshotDone('debezium-connect', 'kafka-avro')) throw new Error('its snapshot did not end');
        return streamConnect(stack, topics, CHANGES);
      });
    }
    for (const [target, { engine, arrivals }] of engines) {
      await attempt('riverbend', 'stream', target, () => {
        if (!snapshotDone('riverbend', target)) throw new Error('its snapshot did not end');
        return measureRiverbend(stack, engine, arrivals.stream, CHANGES);
      });
    }
    for (const job of ['snapshot', 'stream'] as const) {
      results.push({
        engine: 'debezium-connect',
        job,
        target: 'databend',
        reason: 'no sink for Databend is packaged where this bench fetches from',
      });
    }
  } finally {
    for (const { engine } of engines.values()) await engine.stop();
    await topics.close();
    await databend.close();
    await source.end();
  }
}

function sayAndFalse(error: unknown): boolean {
  say(`debezium: no offset stored: ${(error as Error).message}`);
  return false;
}

async function measureRiverbend(stack: Stack, engine: RiverbendUnderTest, arrived: () => Promise<number>, rows: number): Promise<Measured> {
  const startedAtMs = Date.now();
  await engine.start();
  try {
    return await measure({
      rows,
      arrived,
      startedAtMs,
      enginePid: engine.pid,
      serverPids: serverPids(stack),
      check: () => engine.check(),
      deadlineMs: 900_000,
    });
  } finally {
    await engine.stop();
  }
}

async function cleanUp(): Promise<void> {
  if (hasStack(dir)) await openStack(dir).clean();
}

/** A server sized for the load, without the fsyncs that would be measured instead of the engines. */
const MYSQL_OPTIONS = [
  '--innodb-buffer-pool-size=2G',
  '--innodb-redo-log-capacity=2G',
  '--innodb-flush-log-at-trx-commit=2',
  '--sync-binlog=0',
  '--performance-schema=OFF',
  '--innodb-doublewrite=OFF',
];

async function main(): Promise<number> {
  if (flags.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  await cleanUp();
  try {
    const withConnect = !flags.without.split(',').includes('debezium-connect');
    if (withConnect) await fetchConnectPlugins(say);
    if (!flags.without.split(',').includes('debezium')) await fetchEmbedded(say);
    const servers = ['mysql', 'kafka', 'registry', 'databend'] as const;
    const services = withConnect ? ([...servers, 'connect'] as const) : servers;
    const stack = await startStack({ dir, portBase: 'auto', services, extra: { mysql: MYSQL_OPTIONS }, log: say });
    // each measurement has a worker of its own, cold like the others
    await stack.stop('connect');
    await bench(stack);
  } finally {
    await cleanUp();
  }
  process.stdout.write(printResults(results, { rows: ROWS, changes: CHANGES, cores: cpus().length }));
  const file = resolve(flags.json);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(
    file,
    `${JSON.stringify({ at: new Date().toISOString(), rows: ROWS, changes: CHANGES, cores: cpus().length, results }, null, 2)}\n`,
  );
  process.stdout.write(`\n${join(flags.json)}\n`);
  return results.some((r) => r.engine === 'riverbend' && r.measured === undefined) ? 1 : 0;
}

onInterrupt(cleanUp);
process.exitCode = await main();
