import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cached, mavenArtifact, mavenLibraries } from '../downloads.ts';
import { cacheDir, HOST } from '../options.ts';
import { httpOk, launch, runningPid, tail, waitFor } from '../processes.ts';
import { java, KAFKA_VERSION, LOG4J, logOption, writeProperties } from './jvm.ts';
import type { Service, ServiceContext } from './service.ts';

const FOLDER = `connect-${KAFKA_VERSION}`;

/** Where more connector plugins may be put, one folder each; the bench puts Debezium there. */
export function connectPlugins(): string {
  return join(cacheDir(), 'connect-plugins');
}

/** Apache Kafka Connect's distributed worker, the reference riverbend is measured and compared with. */
export const connect: Service = {
  name: 'connect',
  after: ['kafka'],
  listens: (ports) => [ports.connect],
  stopGraceMs: 20_000,
  fetch: async (log) => {
    await cached(FOLDER, log, async (folder) => {
      await mavenLibraries([`org.apache.kafka:connect-runtime:${KAFKA_VERSION}`, ...LOG4J], join(folder, 'libs'), log);
      await mavenArtifact(`org.apache.kafka:connect-file:${KAFKA_VERSION}`, join(folder, 'plugins', 'connect-file'), log);
    });
  },
  start: startConnect,
  address: (ports) => `http://${HOST}:${ports.connect}`,
};

async function startConnect({ folder, ports, extra, log }: ServiceContext): Promise<void> {
  const programs = join(cacheDir(), FOLDER);
  mkdirSync(connectPlugins(), { recursive: true });
  const plugins = [join(programs, 'plugins'), connectPlugins()].filter((dir) => existsSync(dir));
  const properties = join(folder, 'worker.properties');
  writeProperties(
    properties,
    {
      'bootstrap.servers': `${HOST}:${ports.kafka}`,
      listeners: `HTTP://${HOST}:${ports.connect}`,
      'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
      'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
      'plugin.path': plugins.join(','),
      'plugin.discovery': 'service_load',
      'offset.flush.interval.ms': 1_000,
      'group.id': 'connect',
      'config.storage.topic': 'connect-configs',
      'offset.storage.topic': 'connect-offsets',
      'status.storage.topic': 'connect-status',
      'config.storage.replication.factor': 1,
      'offset.storage.replication.factor': 1,
      'offset.storage.partitions': 1,
      'status.storage.replication.factor': 1,
      'status.storage.partitions': 1,
      'scheduled.rebalance.max.delay.ms': 0,
    },
    extra,
  );
  const pidFile = join(folder, 'pid');
  const logFile = join(folder, 'worker.log');
  const jvm = ['-Xmx1g', '-XX:+UseSerialGC', '-cp', join(programs, 'libs', '*'), logOption(folder)];
  await launch({ command: java(), args: [...jvm, 'org.apache.kafka.connect.cli.ConnectDistributed', properties], logFile, pidFile });
  try {
    // /connectors answers 200 only once the worker has joined its group and read the config topic
    await waitFor('the worker did not answer', () => httpOk(`http://${HOST}:${ports.connect}/connectors`), {
      deadlineMs: 120_000,
      everyMs: 200,
      alive: () => runningPid(pidFile) !== null,
    });
  } catch (cause) {
    throw new Error(`${(cause as Error).message}\n${tail(logFile)}`, { cause });
  }
  log(`Kafka Connect ${KAFKA_VERSION} answers on port ${ports.connect}`);
}
