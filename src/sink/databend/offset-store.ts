import { type PartitionOffset, partitionKey, type SourceOffset, type SourcePartition } from '../../model/offset.ts';
import type { OffsetStore } from '../../spi/offset-store.ts';
import { DatabendSession, type Session } from './client.ts';
import { type DatabendConfig, endpointOf } from './config.ts';
import { OffsetTable } from './offset-table.ts';

/** The offsets a Databend sink keeps beside its rows, for looking at and editing while its connector is stopped. */
export class DatabendOffsetStore implements OffsetStore {
  readonly #database: string;
  readonly #session: Session;

  constructor(config: DatabendConfig) {
    const endpoint = endpointOf(config);
    this.#database = endpoint.database;
    this.#session = new DatabendSession(endpoint, config['connection.query_timeout']);
  }

  async start(): Promise<void> {
    await new OffsetTable(this.#database, '').create(this.#session);
  }

  async load(connector: string, partition: SourcePartition): Promise<SourceOffset | null> {
    const key = partitionKey(partition);
    const value = (await this.#table(connector).load(this.#session, 'offset', [key])).get(key);
    return value === undefined ? null : (JSON.parse(value) as SourceOffset);
  }

  async list(connector: string): Promise<readonly PartitionOffset[]> {
    const rows = await this.#table(connector).load(this.#session, 'offset');
    return [...rows].map(([key, value]) => ({ partition: JSON.parse(key) as SourcePartition, offset: JSON.parse(value) as SourceOffset }));
  }

  async save(
    connector: string,
    offsets: readonly { readonly partition: SourcePartition; readonly offset: SourceOffset | null }[],
  ): Promise<void> {
    const latest = new Map(offsets.map((o) => [partitionKey(o.partition), o.offset]));
    await this.#table(connector).save(
      this.#session,
      [...latest].map(([key, offset]) => ({ kind: 'offset', key, value: offset === null ? null : JSON.stringify(offset) })),
    );
  }

  async stop(): Promise<void> {
    await this.#session.close();
  }

  #table(connector: string): OffsetTable {
    return new OffsetTable(this.#database, connector);
  }
}
