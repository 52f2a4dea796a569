import type { RawConfig } from '../spi/config-def.ts';
import type { Logger } from '../spi/telemetry.ts';
import { parseConnection } from './config.ts';
import { type Kafka, type KafkaConfig, type LogEntry, loadKafkaJs } from './kafkajs.ts';

export type { Admin, Consumer, EachBatchPayload, ITopicConfig, Kafka, KafkaMessage, Producer } from './kafkajs.ts';

/** Kafka's `compression.type` → the number kafkajs wants. `none` is 0. snappy and lz4 fail with CDC_KAFKA_COMPRESSION when used. */
export const COMPRESSION: Readonly<Record<string, number>> = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 };

/**
 * A kafkajs client from Kafka's own client keys (config.ts). Nothing is connected yet. Throws CDC_CONFIG_INVALID.
 * Retries inside kafkajs are short: what lasts longer is the task's to retry, with its own backoff and log.
 */
export function createKafkaClient(raw: RawConfig, logger: Logger): Kafka {
  const { Kafka, logLevel } = loadKafkaJs();
  const connection = parseConnection(raw);
  const config: KafkaConfig = {
    clientId: connection.clientId,
    brokers: [...connection.brokers],
    ssl: connection.ssl === false ? false : connection.ssl === true ? true : { ...connection.ssl },
    connectionTimeout: connection.connectionTimeoutMs,
    authenticationTimeout: connection.connectionTimeoutMs,
    requestTimeout: connection.requestTimeoutMs,
    retry: { initialRetryTime: 100, maxRetryTime: 2000, retries: 6 },
    logLevel: logLevel.WARN,
    logCreator: () => logBridge(logger),
  };
  if (connection.sasl !== null) config.sasl = connection.sasl;
  return new Kafka(config);
}

/**
 * kafkajs calls whatever it retries an error. Here all of it is `debug` (its own warnings included): failures that
 * matter come back as exceptions and are told by those who catch them. Only scalars pass, never messages' contents.
 */
function logBridge(logger: Logger): (entry: LogEntry) => void {
  return ({ namespace, label, log }) => {
    const fields: Record<string, unknown> = { client: 'kafkajs', namespace, level: label };
    for (const key of ['broker', 'groupId', 'topic', 'partition', 'error', 'retryCount', 'retryTime'] as const) {
      const value: unknown = log[key];
      if (typeof value === 'string' || typeof value === 'number') fields[key] = value;
    }
    logger.debug(fields, log.message);
  };
}
