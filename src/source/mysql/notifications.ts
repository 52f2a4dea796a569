import { randomUUID } from 'node:crypto';
import type { RecordChunk } from '../../model/chunk.ts';
import { map, primitive, struct } from '../../model/schema.ts';
import type { Logger } from '../../spi/telemetry.ts';
import type { ChangeQueue } from '../change-queue.ts';

export type NotificationType =
  | 'STARTED'
  | 'IN_PROGRESS'
  | 'TABLE_SCAN_COMPLETED'
  | 'COMPLETED'
  | 'ABORTED'
  | 'SKIPPED'
  | 'PAUSED'
  | 'RESUMED';

export type Aggregate = 'Initial Snapshot' | 'Incremental Snapshot';

export interface NotifierOptions {
  readonly channels: readonly string[];
  readonly topic: string | null;
  /** `topic.prefix`. */
  readonly name: string;
  readonly queue: ChangeQueue;
  readonly clock: { now(): number };
  readonly logger: Logger;
}

const text = primitive('string');
const keySchema = struct([['id', text]], { name: 'io.debezium.connector.common.NotificationKey', version: 1 });
const valueSchema = struct(
  [
    ['id', text],
    ['type', text],
    ['aggregate_type', text],
    ['additional_data', map(text, text, { optional: true })],
    ['timestamp', primitive('int64')],
  ],
  { name: 'io.debezium.connector.common.Notification', version: 1 },
);

/** Tells of the course of snapshots, as `notification.enabled.channels` asks: as records (sink), in the log. */
export class Notifier {
  readonly #o: NotifierOptions;

  constructor(options: NotifierOptions) {
    this.#o = options;
  }

  /** `id` null = one of its own. `connector_name` is added to `data`. */
  send(id: string | null, aggregate: Aggregate, type: NotificationType, data: Readonly<Record<string, string>> = {}): void {
    const { channels, topic, name, queue, clock, logger } = this.#o;
    if (channels.length === 0) return;
    const identity = id ?? randomUUID();
    const additional = new Map(Object.entries({ ...data, connector_name: name }));
    const timestamp = clock.now();
    if (channels.includes('log')) {
      logger.info({ id: identity, aggregateType: aggregate, type, ...Object.fromEntries(additional) }, 'notification');
    }
    if (!channels.includes('sink') || topic === null) return;
    const chunk: RecordChunk = {
      kind: 'record',
      plain: true,
      record: {
        topic,
        partition: null,
        keySchema,
        key: [identity],
        valueSchema,
        value: [identity, type, aggregate, additional, timestamp],
      },
      offset: null,
    };
    queue.push({ chunks: [chunk], rows: 0, bytes: 300, offset: null });
  }
}

/** Tells of the beginning and the end of reading one table (`names[i]`) of an initial or blocking snapshot. */
export async function tableScan(
  notifier: Notifier,
  names: readonly string[],
  i: number,
  rows: { readonly total: number },
  read: () => Promise<void>,
): Promise<void> {
  const name = names[i] as string;
  const data_collections = names.join(',');
  notifier.send(null, 'Initial Snapshot', 'IN_PROGRESS', { data_collections, current_collection_in_progress: name });
  const before = rows.total;
  await read();
  const total = String(rows.total - before);
  notifier.send(null, 'Initial Snapshot', 'TABLE_SCAN_COMPLETED', {
    data_collections,
    scanned_collection: name,
    total_rows_scanned: total,
    status: 'SUCCEEDED',
  });
}
