import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunConfig } from '../../../src/config/run-config.ts';
import { CdcError } from '../../../src/model/errors.ts';
import { jsonConverter } from '../../../src/runtime/converters.ts';
import { readiness } from '../../../src/runtime/health.ts';
import { Herder } from '../../../src/runtime/herder.ts';
import { connectState, transition } from '../../../src/runtime/task-state.ts';
import { logSinkConnector } from '../../../src/sink/log/connector.ts';
import { MemoryOffsetStore } from '../../../src/storage/memory-offset-store.ts';
import { Metrics } from '../../../src/telemetry/metrics.ts';
import { MemorySink, MemorySource, type MemorySourceOptions, PARTITION } from '../../support/memory-source.ts';
import { until } from '../../support/until.ts';

const SILENT = { child: () => SILENT, debug() {}, info() {}, warn() {}, error() {} };

function setUp(options: MemorySourceOptions, config: Record<string, string> = {}) {
  const source = new MemorySource(options);
  const sink = new MemorySink(1);
  const offsets = new MemoryOffsetStore();
  const spec = {
    name: 'c',
    config: { 'connector.class': 'memory', ...config },
    written: { 'connector.class': 'memory', 'database.password': 'x', ...config },
    origins: new Map(),
    keyPrefix: 'debezium.source.',
    sink: { type: 'log', config: {}, origins: new Map(), keyPrefix: 'debezium.sink.log.' },
  };
  const run: RunConfig = {
    layout: 'server',
    http: { host: '127.0.0.1', port: 0, maxLagMs: null },
    log: { level: 'INFO', json: true },
    shutdownTimeoutMs: 1000,
    strict: false,
    worker: {},
    offsets: { kind: 'memory', path: '', isDefault: false, flushIntervalMs: 0 },
    connectors: [spec],
  };
  const plugins = { sources: [source.connector()], sinks: [logSinkConnector], converters: [jsonConverter], kafka: null };
  const metrics = new Metrics({ processMetrics: false });
  const herder = new Herder({
    run,
    plugins,
    offsets,
    logging: { logger: () => SILENT },
    metrics,
    clock: { now: () => 0 },
    probeTimeoutMs: 100,
    sinkTask: sink,
  });
  const start = () => herder.start(new AbortController().signal);
  const state = () => herder.get('c')?.tasks[0]?.state;
  return { source, sink, offsets, herder, metrics, start, state };
}

const FAST = { 'errors.retry.delay.initial.ms': '1', 'errors.retry.delay.max.ms': '2' };
const lost = new CdcError('CDC_TEST_LOST', 'retriable', 'connection lost');

test('a retriable error restarts the task from what was committed; nothing is lost or doubled', async () => {
  const t = setUp({ rows: 5, failAt: { row: 3, error: lost } }, FAST);
  await t.start();
  await until('row 5', 2000, () => t.sink.durable.length === 5);
  assert.deepEqual(t.sink.durable, [1, 2, 3, 4, 5]);
  assert.deepEqual(t.source.resumedFrom, [null, { next: 3 }]);
  await until('the failure to be forgotten', 2000, () => t.herder.get('c')?.tasks[0]?.failure === null);
  await t.herder.stop();
});

test('errors.max.retries counts restarts without anything delivered in between, then the task fails with its trace', async () => {
  const t = setUp({ rows: 5, failAt: { row: 1, error: lost }, failsAlways: true }, { ...FAST, 'errors.max.retries': '3' });
  await t.start();
  await until('FAILED', 2000, () => t.state() === 'FAILED');
  assert.equal(t.source.resumedFrom.length, 4);
  assert.match(t.herder.get('c')?.tasks[0]?.trace ?? '', /CDC_TEST_LOST: connection lost/);
  assert.equal(readiness(t.herder, null)[0]?.status, 'DOWN');
  await t.herder.stop();
});

test('fatal, data and environment errors are not retried', async () => {
  for (const kind of ['fatal', 'data', 'environment'] as const) {
    const t = setUp({ rows: 5, failAt: { row: 2, error: new CdcError('CDC_X', kind, 'no') } }, FAST);
    await t.start();
    await until('FAILED', 2000, () => t.state() === 'FAILED');
    assert.equal(t.source.resumedFrom.length, 1, kind);
    await t.herder.stop();
  }
});

test('what no adapter translated fails the task as an internal error with its cause', async () => {
  const t = setUp({ rows: 5, failAt: { row: 2, error: new TypeError('x is undefined') } }, FAST);
  await t.start();
  await until('FAILED', 2000, () => t.state() === 'FAILED');
  assert.equal(t.herder.get('c')?.tasks[0]?.failure?.code, 'CDC_INTERNAL_ASSERTION');
  await t.herder.stop();
});

test('ready follows pause, resume and stop', async () => {
  const t = setUp({ rows: 2 });
  assert.equal(readiness(t.herder, null)[0]?.status, 'DOWN');
  await t.start();
  await until('ready', 2000, () => readiness(t.herder, null)[0]?.status === 'UP');
  t.herder.pause('c');
  await until('paused', 2000, () => t.state() === 'PAUSED');
  assert.equal(readiness(t.herder, null)[0]?.status, 'UP');
  await t.herder.resume('c');
  await until('running', 2000, () => t.state() === 'RUNNING');
  await t.herder.stopConnector('c');
  assert.deepEqual(t.herder.get('c')?.tasks, []);
  assert.equal(readiness(t.herder, null)[0]?.status, 'UP');
  await t.herder.resume('c');
  await until('running again', 2000, () => t.state() === 'RUNNING');
  assert.deepEqual(t.source.resumedFrom.at(-1), { next: 3 });
  assert.equal(await t.herder.stop(), true);
  assert.equal(readiness(t.herder, null)[0]?.status, 'DOWN');
});

test('a finished task is committed and shown as running', async () => {
  const t = setUp({ rows: 3, finishes: true });
  await t.start();
  await until('the end', 2000, () => t.state() === 'FINISHED');
  assert.deepEqual(await t.offsets.load('c', PARTITION), { next: 4 });
  assert.equal(connectState('FINISHED'), 'RUNNING');
  assert.equal(readiness(t.herder, null)[0]?.status, 'UP');
});

test('metrics count rows by connector and task', async () => {
  const t = setUp({ rows: 4 });
  await t.start();
  await until('4 rows', 2000, () => t.sink.durable.length === 4);
  await t.herder.stop();
  assert.match(await t.metrics.text(), /riverbend_rows_total\{connector="c",task="0"\} 4/);
});

test('unknown keys are told with the nearest name; wrong values keep the connector from starting', async () => {
  const t = setUp({ rows: 1 }, { 'topic.prefx': 'a', 'tasks.max': 'many' });
  const findings = t.herder.findings.map((f) => [f.severity, f.key, f.hint]);
  assert.deepEqual(
    findings.map((f) => f.slice(0, 2)),
    [
      ['error', 'debezium.source.tasks.max'],
      ['warning', 'debezium.source.topic.prefx'],
    ],
  );
  assert.match(String(findings[1]?.[2]), /"debezium\.source\.topic\.prefix"/);
  await t.start();
  assert.equal(t.herder.get('c')?.failure?.kind, 'config');
});

test('secrets are masked in the configuration shown', () => {
  assert.equal(setUp({ rows: 1 }).herder.shownConfig('c')['database.password'], '********');
});

test('a state that may not follow another is an internal error', () => {
  assert.throws(
    () => transition('FINISHED', 'PAUSED'),
    (e: CdcError) => e.code === 'CDC_INTERNAL_ASSERTION',
  );
});

test('a stop that overtakes a restart wins', async () => {
  const t = setUp({ rows: 1e9 });
  await t.start();
  const task = t.herder.get('c')?.tasks[0];
  const restarted = task?.restart();
  await t.herder.stopConnector('c');
  await restarted;
  assert.equal(task?.state, 'STOPPED');
});
