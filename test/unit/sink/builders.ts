import type { Batch, Chunk, Op, Row, RowChunk, SchemaChangeChunk, SourceInfo } from '../../../src/model/chunk.ts';
import { envelopeSchema, sourceSchema } from '../../../src/model/envelope.ts';
import type { Json, SourceOffset } from '../../../src/model/offset.ts';
import { type Schema, struct } from '../../../src/model/schema.ts';
import type { SchemaOperation } from '../../../src/model/schema-operation.ts';
import type { TableSchema } from '../../../src/model/table-schema.ts';
import type { TaskContext } from '../../../src/spi/connector.ts';
import type { Logger, MetricGroup } from '../../../src/spi/telemetry.ts';

/** A table version in Debezium's envelope; `key` names its key columns. */
export function tableOf(
  database: string,
  table: string,
  fields: readonly (readonly [string, Schema])[],
  key: readonly string[],
): TableSchema {
  const name = `s.${database}.${table}`;
  const value = struct(fields, { name: `${name}.Value`, optional: true });
  const keyFields = key.map((k) => fields.find(([n]) => n === k) as readonly [string, Schema]);
  return {
    id: { database, table },
    topic: name,
    key: key.length === 0 ? null : struct(keyFields, { name: `${name}.Key` }),
    value,
    envelope: envelopeSchema(`${name}.Envelope`, value, sourceSchema('mysql')),
    shape: 'envelope',
    keyOrdinals: key.map((k) => fields.findIndex(([n]) => n === k)),
  };
}

export function sourceOf(table: TableSchema | null, more: Partial<SourceInfo> = {}): SourceInfo {
  return {
    connector: 'mysql',
    name: 's',
    db: table?.id.database ?? '',
    table: table?.id.table ?? null,
    tsUs: 1_700_000_000_000_000,
    snapshot: null,
    serverId: 1,
    gtid: null,
    file: 'bin.000001',
    pos: 4,
    thread: null,
    query: null,
    values: [],
    ...more,
  };
}

/** Rows of one op: for updates pairs of before and after come as two lists. */
export function rowsOf(
  table: TableSchema,
  op: Op,
  rows: readonly Row[],
  more: Partial<RowChunk> & { readonly source?: SourceInfo } = {},
): RowChunk {
  return {
    kind: 'rows',
    table,
    op,
    before: op === 'd' ? rows : null,
    after: op === 'd' || op === 't' ? null : rows,
    count: op === 't' ? 1 : rows.length,
    source: sourceOf(table),
    firstRow: 0,
    processedUs: 0,
    transaction: null,
    tombstones: false,
    otherKeys: null,
    offset: null,
    ...more,
  };
}

export function schemaChange(
  operations: readonly SchemaOperation[],
  pos: number,
  more: Partial<SchemaChangeChunk> = {},
): SchemaChangeChunk {
  return {
    kind: 'schemaChange',
    source: sourceOf(null, { pos }),
    database: 'db',
    ddl: `ddl at ${pos}`,
    operations,
    records: [],
    offset: { pos },
    ...more,
  };
}

export const PARTITION = { server: 's' };

/** A batch that ends at `pos`. */
export function batchOf(chunks: readonly Chunk[], pos: number | null): Batch {
  const rowCount = chunks.reduce((n, c) => n + (c.kind === 'rows' ? c.count : 0), 0);
  const offset: SourceOffset = { pos: pos as Json };
  return { chunks, rowCount, bytes: rowCount * 100, offsets: pos === null ? [] : [{ partition: PARTITION, offset }], headers: [] };
}

export interface Said {
  readonly level: string;
  readonly fields: object;
  readonly message: string;
}

export function contextOf(name: string, said: Said[] = []): TaskContext {
  const at = (level: string) => (fields: object, message: string) => void said.push({ level, fields, message });
  const logger: Logger = { child: () => logger, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const metrics: MetricGroup = {
    counter: () => ({ add: () => {} }),
    gauge: () => ({ set: () => {} }),
    histogram: () => ({ observe: () => {} }),
  };
  return { name, taskId: 0, logger, metrics, clock: { now: () => Date.now() } };
}
