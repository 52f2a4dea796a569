import type { Op, Row, RowChunk, TransactionInfo } from '../../../src/model/chunk.ts';
import { envelopeSchema, sourceSchema } from '../../../src/model/envelope.ts';
import { primitive, type Schema, struct } from '../../../src/model/schema.ts';
import { DECIMAL } from '../../../src/model/semantic-types.ts';
import type { TableSchema } from '../../../src/model/table-schema.ts';

const optional = { optional: true } as const;

export const decimal = (scale: number, more: { readonly optional?: boolean } = {}): Schema =>
  primitive('bytes', { ...more, name: DECIMAL, version: 1, parameters: { scale: String(scale), 'connect.decimal.precision': '30' } });

/** The columns of the tests' table. */
export const COLUMNS: readonly (readonly [string, Schema])[] = [
  ['id', primitive('int64')],
  ['name', primitive('string', optional)],
  ['total', decimal(2, optional)],
  ['data', primitive('bytes', optional)],
  ['small', primitive('int16', optional)],
  ['ratio', primitive('float64', optional)],
];

/** A table `shop.orders` with envelope (or flattened rows) around `columns`. */
export function tableOf(
  columns: readonly (readonly [string, Schema])[] = COLUMNS,
  given: { readonly shape?: 'envelope' | 'row'; readonly key?: readonly number[]; readonly topic?: string } = {},
): TableSchema {
  const topic = given.topic ?? 'srv.shop.orders';
  const value = struct(columns, { name: `${topic}.Value`, optional: given.shape !== 'row' });
  const keyOrdinals = given.key ?? [0];
  const keyColumns = keyOrdinals.map((i) => columns[i] as readonly [string, Schema]);
  return {
    id: { database: 'shop', table: 'orders' },
    topic,
    key: keyColumns.length === 0 ? null : struct(keyColumns, { name: `${topic}.Key` }),
    value,
    envelope: given.shape === 'row' ? value : envelopeSchema(`${topic}.Envelope`, value, sourceSchema('mysql')),
    shape: given.shape ?? 'envelope',
    keyOrdinals,
  };
}

const PROCESSED_US = 1_795_228_489_100_123;

export interface ChunkGiven {
  readonly op: Op;
  readonly before?: readonly Row[];
  readonly after?: readonly Row[];
  readonly firstRow?: number;
  readonly transaction?: TransactionInfo;
}

/** A chunk of that table, read from the binlog. */
export function chunkOf(table: TableSchema, given: ChunkGiven): RowChunk {
  const values = [
    '3.6.1.Final',
    'mysql',
    'srv',
    1_795_228_489_000,
    'false',
    'shop',
    null,
    1_795_228_489_000_000,
    1_795_228_489_000_000_000n,
    'orders',
    194,
    '0-1-1234',
    'mysql-bin.000003',
    123_456,
    0,
    12,
    null,
  ];
  return {
    kind: 'rows',
    table,
    op: given.op,
    before: given.before ?? null,
    after: given.after ?? null,
    count: (given.after ?? given.before)?.length ?? 1,
    source: {
      connector: 'mysql',
      name: 'srv',
      db: 'shop',
      table: 'orders',
      tsUs: 1_795_228_489_000_000,
      snapshot: null,
      serverId: 194,
      gtid: '0-1-1234',
      file: 'mysql-bin.000003',
      pos: 123_456,
      thread: 12,
      query: null,
      values,
    },
    firstRow: given.firstRow ?? 0,
    processedUs: PROCESSED_US,
    transaction: given.transaction ?? null,
    tombstones: true,
    otherKeys: null,
    offset: null,
  };
}

/** The whole envelope of row `i` as one value, as a generic converter would be given it. */
export function envelopeValue(chunk: RowChunk, i: number): Row {
  const t = chunk.transaction;
  return [
    chunk.before?.[i] ?? null,
    chunk.after?.[i] ?? null,
    chunk.source.values.map((v, field) => (field === 14 ? chunk.firstRow + i : v)),
    t === null ? null : [t.id, t.firstOrder + i, t.firstCollectionOrder + i],
    chunk.op,
    Math.floor(chunk.processedUs / 1000),
    chunk.processedUs,
    BigInt(chunk.processedUs) * 1000n,
  ];
}
