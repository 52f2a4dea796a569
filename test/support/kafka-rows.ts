import { createJsonConverter } from '../../src/convert/json/json-converter.ts';
import type { Batch, Chunk, Header, Op, Row, RowChunk, SchemaChangeChunk, SourceInfo } from '../../src/model/chunk.ts';
import { envelopeSchema, sourceSchema } from '../../src/model/envelope.ts';
import { primitive, type Schema, struct } from '../../src/model/schema.ts';
import type { SchemaOperation } from '../../src/model/schema-operation.ts';
import type { TableSchema } from '../../src/model/table-schema.ts';
import type { Converter } from '../../src/spi/converter.ts';
import type { Logger, MetricGroup } from '../../src/spi/telemetry.ts';

export const silentLogger: Logger = { child: () => silentLogger, debug() {}, info() {}, warn() {}, error() {} };

export const noMetrics: MetricGroup = {
  counter: () => ({ add() {} }),
  gauge: () => ({ set() {} }),
  histogram: () => ({ observe() {} }),
};

/** A table `shop.<name>` of `server` with key `id` and a column `v`, or without key. */
export function testTable(
  server: string,
  name: string,
  options: { readonly keyed?: boolean; readonly extra?: readonly string[] } = {},
): TableSchema {
  const topic = `${server}.shop.${name}`;
  const columns: [string, Schema][] = [
    ['id', primitive('int32')],
    ['v', primitive('string', { optional: true })],
    ...(options.extra ?? []).map((c): [string, Schema] => [c, primitive('string', { optional: true })]),
  ];
  const value = struct(columns, { optional: true, name: `${topic}.Value` });
  const keyed = options.keyed !== false;
  return {
    id: { database: 'shop', table: name },
    topic,
    key: keyed ? struct([['id', primitive('int32')]], { name: `${topic}.Key` }) : null,
    value,
    envelope: envelopeSchema(`${topic}.Envelope`, value, sourceSchema('mysql')),
    shape: 'envelope',
    keyOrdinals: keyed ? [0] : [],
  };
}

export function testSource(server: string, table: string | null, pos: number, file = 'mysql-bin.000001'): SourceInfo {
  const tsUs = 1_700_000_000_000_000 + pos;
  const values = [
    '3.6.1.Final',
    'mysql',
    server,
    Math.floor(tsUs / 1000),
    null,
    'shop',
    null,
    tsUs,
    BigInt(tsUs) * 1000n,
    table,
    1,
    null,
    file,
    pos,
    0,
    null,
    null,
  ];
  return {
    connector: 'mysql',
    name: server,
    db: 'shop',
    table,
    tsUs,
    snapshot: null,
    serverId: 1,
    gtid: null,
    file,
    pos,
    thread: null,
    query: null,
    values,
  };
}

/** One rows event. `rows` are after images, for `d` before images. */
export function testChunk(table: TableSchema, op: Op, pos: number, rows: readonly Row[]): RowChunk {
  const dot = table.topic.indexOf('.');
  return {
    kind: 'rows',
    table,
    op,
    before: op === 'd' ? rows : op === 'u' ? rows : null,
    after: op === 'd' || op === 't' ? null : rows,
    count: op === 't' ? 1 : rows.length,
    source: testSource(table.topic.slice(0, dot), table.id.table, pos),
    firstRow: 0,
    processedUs: 1_700_000_000_000_000,
    transaction: null,
    tombstones: op === 'd',
    otherKeys: null,
    offset: null,
  };
}

const SCHEMA_VALUE = struct([
  ['source', sourceSchema('mysql')],
  ['databaseName', primitive('string', { optional: true })],
  ['ddl', primitive('string', { optional: true })],
]);
const SCHEMA_KEY = struct([['databaseName', primitive('string')]]);

export function testSchemaChange(server: string, pos: number, ddl: string, operations: readonly SchemaOperation[]): SchemaChangeChunk {
  const source = testSource(server, 't', pos);
  return {
    kind: 'schemaChange',
    source,
    database: 'shop',
    ddl,
    operations,
    records: [
      { topic: server, partition: 0, keySchema: SCHEMA_KEY, key: ['shop'], valueSchema: SCHEMA_VALUE, value: [source.values, 'shop', ddl] },
    ],
    offset: null,
  };
}

export function testBatch(chunks: readonly Chunk[], headers: readonly Header[] = []): Batch {
  const rowCount = chunks.reduce((n, c) => n + (c.kind === 'rows' ? c.count : 0), 0);
  return { chunks, rowCount, bytes: rowCount * 100, offsets: [], headers };
}

export function jsonConverters(): { readonly keyConverter: Converter; readonly valueConverter: Converter } {
  return {
    keyConverter: createJsonConverter({ schemasEnable: true }, true),
    valueConverter: createJsonConverter({ schemasEnable: true }, false),
  };
}
