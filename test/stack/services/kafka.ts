import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cached, mavenLibraries, run } from '../downloads.ts';
import { cacheDir, HOST } from '../options.ts';
import { launch, portAnswers, runningPid, tail, waitFor } from '../processes.ts';
import { java, KAFKA_VERSION, LOG4J, logOption, writeProperties } from './jvm.ts';
import type { Service, ServiceContext } from './service.ts';

const FOLDER = `kafka-${KAFKA_VERSION}`;

/** One Apache Kafka broker that is its own controller (KRaft), from Maven's repository. */
export const kafka: Service = {
  name: 'kafka',
  after: [],
  listens: (ports) => [ports.kafka, ports.kafkaController],
  stopGraceMs: 30_000,
  fetch: async (log) => {
    await cached(FOLDER, log, (folder) => mavenLibraries([`org.apache.kafka:kafka_2.13:${KAFKA_VERSION}`, ...LOG4J], folder, log));
  },
  start: startKafka,
  address: (ports) => `${HOST}:${ports.kafka}`,
};

/** The class path of the broker's libraries, which include Kafka's clients. */
export function kafkaClassPath(): string {
  return join(cacheDir(), FOLDER, '*');
}

async function startKafka(context: ServiceContext): Promise<void> {
  const { folder, ports, log } = context;
  const properties = join(folder, 'server.properties');
  writeProperties(
    properties,
    {
      'process.roles': 'broker,controller',
      'node.id': 1,
      'controller.quorum.voters': `1@${HOST}:${ports.kafkaController}`,
      listeners: `PLAINTEXT://${HOST}:${ports.kafka},CONTROLLER://${HOST}:${ports.kafkaController}`,
      'advertised.listeners': `PLAINTEXT://${HOST}:${ports.kafka}`,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'PLAINTEXT',
      'log.dirs': join(folder, 'data'),
      'num.partitions': 1,
      'auto.create.topics.enable': true,
      'offsets.topic.replication.factor': 1,
      'offsets.topic.num.partitions': 4,
      'transaction.state.log.replication.factor': 1,
      'transaction.state.log.min.isr': 1,
      'transaction.state.log.num.partitions': 4,
      'share.coordinator.state.topic.replication.factor': 1,
      'share.coordinator.state.topic.min.isr': 1,
      'share.coordinator.state.topic.num.partitions': 1,
      'group.initial.rebalance.delay.ms': 0,
      'num.network.threads': 2,
      'num.io.threads': 4,
      'log.cleaner.dedupe.buffer.size': 16_777_216,
      // a killed broker comes back in about 7 s rather than 14: its dead incarnation has to time out first
      'broker.heartbeat.interval.ms': 250,
      'broker.session.timeout.ms': 1_500,
    },
    context.extra,
  );
  const logging = logOption(folder, ['kafka.server.KafkaRaftServer']);
  const jvm = ['-cp', kafkaClassPath(), logging];
  if (!existsSync(join(folder, 'data', 'meta.properties'))) {
    // any base64url UUID will do; a fixed one saves the start of a JVM
    const format = ['kafka.tools.StorageTool', 'format', '-t', 'MkU3OEVBNTcwNTJENDM2Qg', '-c', properties];
    await run(java(), ['-Xmx256m', '-XX:TieredStopAtLevel=1', ...jvm, ...format]);
  }
  const pidFile = join(folder, 'pid');
  const logFile = join(folder, 'server.log');
  const memory = ['-Xms128m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:+ExitOnOutOfMemoryError'];
  await launch({ command: java(), args: [...memory, ...jvm, 'kafka.Kafka', properties], logFile, pidFile });
  try {
    // the broker opens its client listener only once it is unfenced
    await waitFor('the broker did not answer', () => portAnswers(ports.kafka), {
      deadlineMs: 90_000,
      alive: () => runningPid(pidFile) !== null,
    });
  } catch (cause) {
    throw new Error(`${(cause as Error).message}\n${tail(logFile)}`, { cause });
  }
  log(`Kafka ${KAFKA_VERSION} answers on port ${ports.kafka}`);
}
