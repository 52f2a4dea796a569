import type { TableId } from '../model/table-schema.ts';

/** Debezium's TopicNamingStrategy. Pure; results are sanitized Kafka topic names (at most 249 of [a-zA-Z0-9._-]). */
export interface TopicNaming {
  dataChangeTopic(id: TableId): string;
  schemaChangeTopic(): string;
  heartbeatTopic(): string;
  transactionTopic(): string;
}
