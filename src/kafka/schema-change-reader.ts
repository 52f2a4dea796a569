import type { Row, SchemaChangeChunk, SnapshotMarker, SourceInfo } from '../model/chunk.ts';
import { fieldOf, type Schema } from '../model/schema.ts';
import type { SchemaOperation } from '../model/schema-operation.ts';
import type { TableId } from '../model/table-schema.ts';
import type { Decoded } from '../spi/converter.ts';
import type { KafkaMessage } from './client.ts';
import type { SchemaItem } from './message-reader.ts';
import { positionOf } from './position.ts';
import { offsetOf } from './record-batch.ts';
import { decodeSchemaOperations, SCHEMA_OPERATIONS_HEADER } from './schema-change-header.ts';

/**
 * A message of a schema-change topic as a merge item, or null when it is no schema change. What riverbend wrote says in a header
 * what the statement did. Of what Debezium wrote only DROP is taken, and not during a snapshot (which begins by
 * dropping every table for the schema history's sake): `tableChanges` cannot tell a rename from a new column, and
 * rows bring the new columns by their own schema.
 */
export function readSchemaChange(message: KafkaMessage, value: Decoded): SchemaItem | null {
  const ddl = get(value, 'ddl');
  if (typeof ddl !== 'string') return null;
  const database = get(value, 'databaseName');
  const header = message.headers?.[SCHEMA_OPERATIONS_HEADER];
  const decoded = Buffer.isBuffer(header) ? decodeSchemaOperations(header) : null;
  const source = decoded?.source ?? sourceOf(value);
  if (source === null) return null;
  const operations = decoded?.operations ?? (source.snapshot === null ? drops(value) : []);
  const change: SchemaChangeChunk = {
    kind: 'schemaChange',
    source,
    database: typeof database === 'string' ? database : source.db,
    ddl,
    operations,
    records: [],
    offset: null,
  };
  return {
    kind: 'schema',
    offset: offsetOf(message),
    bytes: 1000 + 4 * (message.value?.length ?? 0) + (Buffer.isBuffer(header) ? 4 * header.length : 0),
    position: positionOf(source.file, source.pos, 0, source.serverId, source.tsUs),
    schemaChange: true,
    awaits: Object.entries(decoded?.starts ?? {}).flatMap(([topic, offsets]) =>
      offsets.map((offset, partition) => ({ lane: `${topic}/${partition}`, offset })),
    ),
    change,
  };
}

/** A field of a struct with schema or of plain JSON. */
function get(of: Decoded, name: string): unknown {
  if (of.value === null || typeof of.value !== 'object') return undefined;
  if (of.schema === null) return (of.value as Record<string, unknown>)[name];
  if (of.schema.type !== 'struct') return undefined;
  const field = fieldOf(of.schema, name);
  return field === undefined ? undefined : (of.value as Row)[field.index];
}

function child(of: Decoded, name: string): Decoded {
  const schema = of.schema?.type === 'struct' ? (fieldOf(of.schema, name)?.schema ?? null) : null;
  return { schema, value: get(of, name) };
}

function sourceOf(value: Decoded): SourceInfo | null {
  const source = child(value, 'source');
  if (source.value === null || source.value === undefined) return null;
  const str = (name: string): string | null => (get(source, name) ?? null) as string | null;
  const num = (name: string): number => Number(get(source, name) ?? 0);
  const snapshot = str('snapshot');
  return {
    connector: str('connector') ?? '',
    name: str('name') ?? '',
    db: str('db') ?? '',
    table: str('table'),
    tsUs: num('ts_us') || num('ts_ms') * 1000,
    snapshot: snapshot === null || snapshot === 'false' ? null : (snapshot as SnapshotMarker),
    serverId: num('server_id'),
    gtid: str('gtid'),
    file: str('file') ?? '',
    pos: num('pos'),
    thread: null,
    query: null,
    values: [],
  };
}

function drops(value: Decoded): readonly SchemaOperation[] {
  const changes = child(value, 'tableChanges');
  if (!Array.isArray(changes.value)) return [];
  const item: Schema | null = changes.schema?.items ?? null;
  return changes.value
    .map((c: unknown): Decoded => ({ schema: item, value: c }))
    .filter((c) => get(c, 'type') === 'DROP')
    .map((c) => parseTableId(String(get(c, 'id'))))
    .filter((id) => id !== null)
    .map((table) => ({ kind: 'dropTable', table }));
}

/** `"db"."table"`, quotes inside doubled. */
export function parseTableId(text: string): TableId | null {
  const match = /^"((?:[^"]|"")*)"\."((?:[^"]|"")*)"$/.exec(text);
  if (match === null) return null;
  return { database: (match[1] as string).replaceAll('""', '"'), table: (match[2] as string).replaceAll('""', '"') };
}
