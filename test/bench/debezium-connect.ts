import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type mysql from 'mysql2/promise';
import { cached, maven, run } from '../stack/downloads.ts';
import { waitFor } from '../stack/processes.ts';
import { pythonWithPip } from '../stack/python.ts';
import { connectPlugins } from '../stack/services/connect.ts';
import type { Stack } from '../stack/stack.ts';
import type { Measured } from './meter.ts';
import { measure } from './meter.ts';
import type { Topics } from './topics.ts';
import { DATABASE, TABLE, touchOneRow } from './workload.ts';

const PEER = join(import.meta.dirname, 'peers', 'debezium-connect');
const NAME = 'dbz';
export const CONNECT_TOPIC = `${NAME}.${DATABASE}.${TABLE}`;

/** Jars that the worker brings itself: twice on a class path they clash. */
const WORKERS_OWN = /^(connect-api|kafka-clients|slf4j-api|zstd-jni|snappy-java|lz4-java)-.*\.jar$/;

/** Puts Debezium's MySQL connector and an Avro converter for Confluent's wire format on the stack's plugin path. */
export async function fetchConnectPlugins(log: (line: string) => void): Promise<void> {
  mkdirSync(connectPlugins(), { recursive: true });
  await cached(join('connect-plugins', 'debezium-connector-mysql'), log, async (folder) => {
    const build = `${folder}.build`;
    mkdirSync(build, { recursive: true });
    await maven(['-f', join(PEER, 'pom.xml'), `-Dout=${folder}`, 'package'], build, log);
    // the archive brings a folder of the same name
    const inner = join(folder, 'debezium-connector-mysql');
    for (const file of readdirSync(inner)) renameSync(join(inner, file), join(folder, file));
    rmSync(inner, { recursive: true });
    for (const file of readdirSync(folder)) if (WORKERS_OWN.test(file)) rmSync(join(folder, file));
    // with plugin.discovery=service_load Connect sees only classes named in a manifest; this converter brings none
    const services = join(build, 'META-INF', 'services');
    mkdirSync(services, { recursive: true });
    writeFileSync(join(services, 'org.apache.kafka.connect.storage.Converter'), 'io.apicurio.registry.utils.converter.AvroConverter\n');
    await run(pythonWithPip() ?? 'python3', ['-m', 'zipfile', '-c', join(folder, 'converter-manifest.jar'), 'META-INF'], { cwd: build });
    rmSync(build, { recursive: true });
  });
}

/** Takes the initial snapshot in a fresh worker, then stops the connector with an offset behind it. */
export async function snapshotConnect(stack: Stack, topics: Topics, source: mysql.Connection, rows: number): Promise<Measured> {
  await topics.create(CONNECT_TOPIC);
  await stack.start('connect');
  const startedAtMs = Date.now();
  await request(stack, 'POST', '/connectors', { name: NAME, config: configuration(stack) });
  const measured = await measureTopic(stack, topics, 0, rows, startedAtMs);
  // Connect stores an offset only for what was delivered: a change makes one beyond the snapshot
  const end = await topics.end(CONNECT_TOPIC);
  await waitFor('Debezium streams', async () => {
    await touchOneRow(source);
    await delay(1_000);
    return (await topics.end(CONNECT_TOPIC)) > end;
  });
  await request(stack, 'PUT', `/connectors/${NAME}/stop`);
  await waitFor('the connector has an offset', async () => {
    const response = await fetch(`${stack.connect.url}/connectors/${NAME}/offsets`);
    return response.ok && (await response.text()).includes('"file"');
  });
  await stack.stop('connect');
  return measured;
}

/** Resumes the stopped connector in a fresh worker until it has delivered `rows` more changes. */
export async function streamConnect(stack: Stack, topics: Topics, rows: number): Promise<Measured> {
  const from = await topics.end(CONNECT_TOPIC);
  await stack.start('connect');
  const startedAtMs = Date.now();
  await request(stack, 'PUT', `/connectors/${NAME}/resume`);
  const measured = await measureTopic(stack, topics, from, rows, startedAtMs);
  await stack.stop('connect');
  return measured;
}

function measureTopic(stack: Stack, topics: Topics, from: number, rows: number, startedAtMs: number): Promise<Measured> {
  const enginePid = stack.pid('connect');
  if (enginePid === null) throw new Error('the Connect worker ended');
  return measure({
    rows,
    enginePid,
    startedAtMs,
    deadlineMs: 900_000,
    serverPids: serverPids(stack),
    arrived: async () => (await topics.end(CONNECT_TOPIC)) - from,
    check: () => {
      if (stack.pid('connect') === null) throw new Error('the Connect worker ended');
    },
  });
}

export function serverPids(stack: Stack): readonly number[] {
  return (['mysql', 'kafka', 'registry', 'databend'] as const).flatMap((name) => stack.pid(name) ?? []);
}

function configuration(stack: Stack): Record<string, string> {
  const registry = stack.registry.url.replace('/apis/ccompat/v7', '/apis/registry/v2');
  const converter = (part: string): Record<string, string> => ({
    [`${part}.converter`]: 'io.apicurio.registry.utils.converter.AvroConverter',
    [`${part}.converter.apicurio.registry.url`]: registry,
    [`${part}.converter.apicurio.registry.auto-register`]: 'true',
    [`${part}.converter.apicurio.registry.as-confluent`]: 'true',
    [`${part}.converter.apicurio.registry.id-handler`]: 'io.apicurio.registry.serde.Legacy4ByteIdHandler',
    [`${part}.converter.apicurio.registry.use-id`]: 'contentId',
    [`${part}.converter.apicurio.registry.headers.enabled`]: 'false',
    [`${part}.converter.apicurio.registry.find-latest`]: 'false',
  });
  return {
    'connector.class': 'io.debezium.connector.mysql.MySqlConnector',
    'tasks.max': '1',
    'database.hostname': stack.mysql.host,
    'database.port': String(stack.mysql.port),
    'database.user': 'root',
    'database.password': '',
    'database.ssl.mode': 'disabled',
    'driver.allowPublicKeyRetrieval': 'true',
    'database.server.id': '19502',
    'topic.prefix': NAME,
    'database.include.list': DATABASE,
    'table.include.list': `${DATABASE}\\.${TABLE}`,
    'include.schema.changes': 'false',
    'tombstones.on.delete': 'false',
    'snapshot.mode': 'initial',
    'schema.history.internal.kafka.bootstrap.servers': stack.kafka.bootstrap,
    'schema.history.internal.kafka.topic': `${NAME}-history`,
    'schema.name.adjustment.mode': 'avro',
    'field.name.adjustment.mode': 'avro',
    ...converter('key'),
    ...converter('value'),
  };
}

async function request(stack: Stack, method: string, path: string, body?: unknown): Promise<void> {
  const response = await fetch(`${stack.connect.url}${path}`, {
    method,
    signal: AbortSignal.timeout(60_000),
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${(await response.text()).slice(0, 500)}`);
}
