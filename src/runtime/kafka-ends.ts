import { KafkaBatchWriter } from '../kafka/batch-writer.ts';
import { createKafkaClient } from '../kafka/client.ts';
import { clientKeys, wholeNumber } from '../kafka/config.ts';
import { KafkaConsumerTask } from '../kafka/consumer-task.ts';
import { kafkaError } from '../kafka/errors.ts';
import { GroupOffsetStore } from '../kafka/group-offsets.ts';
import { CdcError } from '../model/errors.ts';
import type { SourceOffset, SourcePartition } from '../model/offset.ts';
import type { RawConfig } from '../spi/config-def.ts';
import type { Finding } from '../spi/connector.ts';
import type { Logger } from '../spi/telemetry.ts';
import type { KafkaEnds } from './plugins.ts';

const SILENT: Logger = { child: () => SILENT, debug() {}, info() {}, warn() {}, error() {} };

/** Kafka as either end of the loop. */
export const kafkaEnds: KafkaEnds = {
  writer: (o, context) =>
    new KafkaBatchWriter({
      client: clientOf(o.worker, o.connector, 'producer'),
      keyConverter: o.keyConverter,
      valueConverter: o.valueConverter,
      headerFormat: o.headerFormat,
      connector: o.connector,
      logger: context.logger,
      metrics: context.metrics,
    }),
  consumer: (o, context, sink) => {
    const client = clientOf(o.worker, o.connector, 'consumer');
    const groupId = client['group.id'] ?? `connect-${context.name}`;
    const group =
      sink.committedOffset === undefined
        ? new GroupOffsetStore({ client: clientOf(o.worker, o.connector, 'admin'), groupId, logger: context.logger })
        : null;
    const committed = async (partition: SourcePartition): Promise<SourceOffset | null> =>
      group === null ? ((await sink.committedOffset?.(partition)) ?? null) : group.load(context.name, partition);
    const task = new KafkaConsumerTask({
      client: { ...client, 'group.id': groupId },
      connector: o.connector,
      keyConverter: o.keyConverter,
      valueConverter: o.valueConverter,
      context: { ...context, committed },
      ...(group === null ? {} : { groupOffsets: group }),
    });
    return { task, offsets: group };
  },
  async probe(worker, connector, use, signal) {
    const client = clientOf(worker, connector, use);
    const wrong = settingFindings(client, use);
    try {
      const admin = createKafkaClient({ 'client.id': 'riverbend-check', ...client }, SILENT).admin({ retry: { retries: 2 } });
      const late = new Promise<'late'>((resolve) => signal.addEventListener('abort', () => resolve('late'), { once: true }));
      const connected = admin.connect();
      // When the race is lost the connection still comes up, or not, some time: nobody waits for it then.
      connected.catch(() => {});
      if ((await Promise.race([connected, late])) === 'late')
        throw new CdcError('CDC_KAFKA_UNAVAILABLE', 'retriable', `Kafka did not answer in time at ${client['bootstrap.servers']}`);
      await admin.disconnect();
      return wrong;
    } catch (error) {
      return [...wrong, finding(kafkaError(error, `Kafka cannot be reached at ${client['bootstrap.servers']}`))];
    }
  },
};

/** A worker's client keys for one use; the connector's `<use>.override.*` win. */
export function clientOf(worker: RawConfig, connector: RawConfig, use: 'producer' | 'consumer' | 'admin'): RawConfig {
  const overrides = Object.entries(connector).filter(([k]) => k.startsWith(`${use}.override.`));
  return clientKeys({ ...worker, ...Object.fromEntries(overrides.map(([k, v]) => [k.replace('.override.', '.'), v])) }, `${use}.`);
}

/** Whole numbers our two ends read from their client settings. */
const NUMBERS = {
  producer: ['max.request.size', 'buffer.memory', 'delivery.timeout.ms'],
  consumer: [
    'max.poll.records',
    'session.timeout.ms',
    'heartbeat.interval.ms',
    'max.partition.fetch.bytes',
    'fetch.max.bytes',
    'fetch.max.wait.ms',
    'fetch.min.bytes',
  ],
} as const;

/** Settings that would stop a task when it starts; what is wrong with the connection shows when it is made. */
function settingFindings(client: RawConfig, use: 'producer' | 'consumer'): readonly Finding[] {
  const out: Finding[] = [];
  for (const key of NUMBERS[use]) {
    try {
      wholeNumber(client, key, 0);
    } catch (error) {
      out.push(finding(kafkaError(error, key)));
    }
  }
  const compression = (client['compression.type'] ?? 'none').trim().toLowerCase();
  if (use === 'producer' && !['none', 'gzip', 'zstd'].includes(compression))
    out.push({
      severity: 'error',
      code: 'CDC_CONFIG_INVALID',
      kind: 'config',
      key: 'compression.type',
      message: `"compression.type" must be none, gzip or zstd, not ${compression}`,
      hint: 'zstd is the best of them',
    });
  return out;
}

function finding(error: CdcError): Finding {
  return {
    severity: 'error',
    code: error.code,
    kind: error.kind === 'config' ? 'config' : 'environment',
    key: (error.context['errors'] as readonly { readonly key: string }[] | undefined)?.[0]?.key ?? 'bootstrap.servers',
    message: error.message,
    hint: error.hint ?? 'check the address and that Kafka runs',
  };
}
