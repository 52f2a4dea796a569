import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { afterEach, test } from 'node:test';
import type { RunConfig } from '../../../src/config/run-config.ts';
import { CdcError } from '../../../src/model/errors.ts';
import { jsonConverter } from '../../../src/runtime/converters.ts';
import { Herder } from '../../../src/runtime/herder.ts';
import { createApp } from '../../../src/server/app.ts';
import { logSinkConnector } from '../../../src/sink/log/connector.ts';
import { MemoryOffsetStore } from '../../../src/storage/memory-offset-store.ts';
import { Logging } from '../../../src/telemetry/logger.ts';
import { Metrics } from '../../../src/telemetry/metrics.ts';
import { MemorySink, MemorySource, type MemorySourceOptions } from '../../support/memory-source.ts';
import { until } from '../../support/until.ts';

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0)) await end();
});

async function setUp(options: MemorySourceOptions = { rows: 3 }, host = '127.0.0.1') {
  const logging = new Logging({ level: 'INFO', json: true, out: new PassThrough().resume() });
  const spec = {
    name: 'inventory',
    config: { 'connector.class': 'memory' },
    written: { 'connector.class': 'memory', 'database.password': 'geheim' },
    origins: new Map(),
    keyPrefix: 'connectors.inventory.',
    sink: { type: 'log', config: {}, origins: new Map(), keyPrefix: '' },
  };
  const run: RunConfig = {
    layout: 'daemon',
    http: { host, port: 8083, maxLagMs: null },
    log: { level: 'INFO', json: true },
    shutdownTimeoutMs: 1000,
    strict: false,
    worker: {},
    offsets: { kind: 'memory', path: '', isDefault: false, flushIntervalMs: 0 },
    connectors: [spec],
  };
  const plugins = { sources: [new MemorySource(options).connector()], sinks: [logSinkConnector], converters: [jsonConverter], kafka: null };
  const metrics = new Metrics({ processMetrics: true });
  const sink = new MemorySink(1);
  const herder = new Herder({
    run,
    plugins,
    offsets: new MemoryOffsetStore(),
    logging,
    metrics,
    clock: { now: () => 0 },
    probeTimeoutMs: 100,
    sinkTask: sink,
  });
  const app = createApp({
    herder,
    plugins,
    logging,
    metrics,
    host,
    port: 8083,
    maxLagMs: null,
    version: '9.9',
    kafkaClusterId: '',
    clock: { now: () => 7 },
  });
  cleanUp.push(
    () => herder.stop(),
    () => app.close(),
  );
  const call = async (method: string, url: string, body?: string, headers: Record<string, string> = {}) => {
    const r = await app.inject({ method: method as 'GET', url, ...(body === undefined ? {} : { payload: body }), headers });
    return {
      status: r.statusCode,
      body: r.body === '' ? null : r.headers['content-type']?.toString().startsWith('application/json') ? r.json() : r.body,
    };
  };
  return { herder, app, call, start: () => herder.start(new AbortController().signal), sink };
}

const VIEW = { worker_id: '127.0.0.1:8083', version: '1' };

test('a running connector is shown in the forms of Kafka Connect', async () => {
  const t = await setUp();
  await t.start();
  await until('rows', 2000, () => t.sink.durable.length === 3);
  const config = { 'connector.class': 'memory', 'database.password': '********', name: 'inventory' };
  const info = { name: 'inventory', config, tasks: [{ connector: 'inventory', task: 0 }], type: 'source' };
  const status = {
    name: 'inventory',
    connector: { state: 'RUNNING', ...VIEW },
    tasks: [{ id: 0, state: 'RUNNING', ...VIEW }],
    type: 'source',
  };
  const expected: [string, unknown][] = [
    ['/connectors', ['inventory']],
    ['/connectors/', ['inventory']],
    ['/connectors?expand=status&expand=info&expand=bogus', { inventory: { status, info } }],
    ['/connectors?expand=', { inventory: {} }],
    ['/connectors/inventory', info],
    ['/connectors/inventory/config', config],
    ['/connectors/inventory/status', status],
    ['/connectors/inventory/tasks/0/status', { id: 0, state: 'RUNNING', ...VIEW }],
    ['/connectors/inventory/tasks', [{ id: { connector: 'inventory', task: 0 }, config }]],
    ['/connectors/inventory/topics', { inventory: { topics: ['memory.db.t'] } }],
    ['/connectors/inventory/offsets', { offsets: [{ partition: { server: 'memory' }, offset: { next: 4 } }] }],
    ['/connectors/nope/topics', { nope: { topics: [] } }],
    ['/connector-plugins', [{ class: 'com.example.MemoryConnector', type: 'source', version: '1' }]],
    ['/', { version: '4.3.1', commit: 'riverbend-9.9', kafka_cluster_id: '' }],
  ];
  for (const [url, body] of expected) assert.deepEqual(await t.call('GET', url), { status: 200, body }, url);
  await t.herder.stop();
});

test('what does not exist is answered as Kafka Connect answers it', async () => {
  const t = await setUp();
  const expected: [string, string, number, string][] = [
    ['GET', '/connectors/nope', 404, 'Connector nope not found'],
    ['GET', '/connectors/nope/config', 404, 'Connector nope not found'],
    ['GET', '/connectors/nope/status', 404, 'No status found for connector nope'],
    ['GET', '/connectors/nope/tasks/0/status', 404, 'No status found for task nope-0'],
    ['GET', '/connectors/inventory/tasks/9/status', 404, 'No status found for task inventory-9'],
    ['GET', '/connectors/inventory/tasks/abc/status', 404, 'HTTP 404 Not Found'],
    ['GET', '/connectors/inventory/nope', 404, 'HTTP 404 Not Found'],
    ['GET', '/nope', 404, 'HTTP 404 Not Found'],
    ['PUT', '/connectors/nope/pause', 404, 'Unknown connector nope'],
    ['POST', '/connectors/nope/restart', 404, 'Unknown connector: nope'],
    ['POST', '/connectors/inventory/tasks/9/restart', 404, 'Task inventory-9 not found'],
    ['POST', '/connectors/inventory/pause', 405, 'HTTP 405 Method Not Allowed'],
    ['DELETE', '/connectors', 405, 'HTTP 405 Method Not Allowed'],
    ['GET', '/connectors/inventory/restart', 405, 'HTTP 405 Method Not Allowed'],
    ['GET', '/connector-plugins/Nope/config', 404, 'Unknown plugin Nope.'],
    ['GET', '/admin/loggers/nope', 404, 'Logger nope not found.'],
  ];
  for (const [method, url, status, message] of expected)
    assert.deepEqual(await t.call(method, url), { status, body: { error_code: status, message } }, `${method} ${url}`);
});

test('pause, resume, stop and restart answer and act, whatever body and content type come along', async () => {
  const t = await setUp();
  await t.start();
  const stateIs = (connector: string, task?: string) =>
    until(`${connector} ${task}`, 2000, async () => {
      const { body } = await t.call('GET', '/connectors/inventory/status');
      return body.connector.state === connector && body.tasks[0]?.state === task;
    });
  assert.deepEqual(await t.call('PUT', '/connectors/inventory/pause', '', { 'content-type': 'application/json' }), {
    status: 202,
    body: null,
  });
  await stateIs('PAUSED', 'PAUSED');
  assert.deepEqual(await t.call('PUT', '/connectors/inventory/resume', '{"x":1}', { 'content-type': 'text/plain' }), {
    status: 202,
    body: null,
  });
  await stateIs('RUNNING', 'RUNNING');
  assert.deepEqual(await t.call('POST', '/connectors/inventory/restart'), { status: 204, body: null });
  const restarted = await t.call('POST', '/connectors/inventory/restart?includeTasks=true');
  assert.equal(restarted.status, 202);
  assert.deepEqual([restarted.body.connector.state, restarted.body.tasks[0].state], ['RESTARTING', 'RESTARTING']);
  await stateIs('RUNNING', 'RUNNING');
  const onlyFailed = await t.call('POST', '/connectors/inventory/restart?includeTasks=true&onlyFailed=true');
  assert.deepEqual([onlyFailed.status, onlyFailed.body.connector.state, onlyFailed.body.tasks[0].state], [202, 'RUNNING', 'RUNNING']);
  assert.deepEqual(await t.call('POST', '/connectors/inventory/tasks/0/restart'), { status: 204, body: null });
  await stateIs('RUNNING', 'RUNNING');
  assert.deepEqual(await t.call('PUT', '/connectors/inventory/stop'), { status: 204, body: null });
  await stateIs('STOPPED', undefined);
  assert.deepEqual((await t.call('GET', '/connectors/inventory/tasks')).body, []);
  await t.herder.stop();
});

test('a failed task shows its trace and makes readiness 503; liveness stays', async () => {
  const t = await setUp({ rows: 3, failAt: { row: 2, error: new CdcError('CDC_TEST', 'fatal', 'broken') } });
  await t.start();
  await until('FAILED', 2000, async () => (await t.call('GET', '/connectors/inventory/status')).body.tasks[0]?.state === 'FAILED');
  const { body } = await t.call('GET', '/connectors/inventory/status');
  assert.equal(body.connector.state, 'RUNNING');
  assert.match(body.tasks[0].trace, /^CDC_TEST: broken/);
  const ready = await t.call('GET', '/q/health/ready');
  assert.equal(ready.status, 503);
  assert.deepEqual(
    ready.body.checks.map((c: { name: string; status: string }) => [c.name, c.status]),
    [['inventory', 'DOWN']],
  );
  assert.equal((await t.call('GET', '/health/live')).status, 200);
  assert.equal((await t.call('GET', '/health')).status, 503);
  await t.herder.stop();
});

test('ready only once the connector streams', async () => {
  const t = await setUp();
  assert.equal((await t.call('GET', '/health/ready')).status, 503);
  await t.start();
  await until('ready', 2000, async () => (await t.call('GET', '/health/ready')).status === 200);
  await t.herder.stop();
  assert.equal((await t.call('GET', '/health/ready')).status, 503);
  assert.equal((await t.call('PUT', '/connectors/inventory/pause')).status, 503);
});

test('changes are refused on a listener that other machines reach, and from other origins', async () => {
  const open = await setUp({ rows: 1 }, '0.0.0.0');
  assert.equal((await open.call('GET', '/connectors')).status, 200);
  assert.equal((await open.call('PUT', '/connectors/inventory/pause')).status, 403);
  assert.equal((await open.call('PUT', '/admin/loggers/root', '{"level":"DEBUG"}')).status, 403);
  const local = await setUp();
  assert.equal((await local.call('PUT', '/connectors/inventory/pause', '', { origin: 'http://evil.example' })).status, 403);
});

test('what this version cannot do is said, not pretended', async () => {
  const t = await setUp();
  for (const [method, url] of [
    ['POST', '/connectors'],
    ['PUT', '/connectors/x/config'],
    ['DELETE', '/connectors/inventory'],
    ['PATCH', '/connectors/inventory/offsets'],
  ] as const)
    assert.equal((await t.call(method, url, '{}')).status, 501, `${method} ${url}`);
});

test('logger levels are shown and changed', async () => {
  const t = await setUp();
  assert.deepEqual((await t.call('GET', '/admin/loggers/root')).body, { level: 'INFO', last_modified: null });
  assert.deepEqual((await t.call('PUT', '/admin/loggers/http', '{"level":"debug"}')).body, ['http']);
  assert.deepEqual((await t.call('GET', '/admin/loggers/http')).body, { level: 'DEBUG', last_modified: 7 });
  assert.deepEqual(await t.call('PUT', '/admin/loggers/root', '{}'), {
    status: 400,
    body: { error_code: 400, message: "Desired 'level' parameter was not specified in request." },
  });
  assert.deepEqual(await t.call('PUT', '/admin/loggers/root', '{"level":"BOGUS"}'), {
    status: 404,
    body: { error_code: 404, message: "invalid log level 'BOGUS'." },
  });
  assert.equal((await t.call('PUT', '/admin/loggers/root', '{')).status, 400);
});

test('metrics are Prometheus text with process figures', async () => {
  const t = await setUp();
  await t.start();
  const { status, body } = await t.call('GET', '/metrics');
  assert.equal(status, 200);
  assert.match(body, /nodejs_eventloop_lag_seconds/);
  assert.match(body, /riverbend_task_running\{connector="inventory",task="0"\}/);
  await t.herder.stop();
});
