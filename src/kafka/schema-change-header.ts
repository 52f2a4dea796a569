import { schemaFromJson, schemaToJson } from '../convert/json/json-schema.ts';
import type { SourceInfo } from '../model/chunk.ts';
import { envelopeSchema, sourceSchema } from '../model/envelope.ts';
import { CdcError } from '../model/errors.ts';
import type { SchemaOperation } from '../model/schema-operation.ts';
import type { TableId, TableSchema } from '../model/table-schema.ts';

/**
 * The header on a schema-change record that says what Debezium's `tableChanges` cannot: the operations of the
 * statement in order, with the tables' schemas after it. Consumers other than riverbend ignore it.
 */
export const SCHEMA_OPERATIONS_HEADER = 'riverbend.schema.operations';

/** Table schemas are listed once and referred to by index: one statement may hold many operations on one table. */
interface HeaderJson {
  readonly position: PositionJson;
  readonly schemas: readonly TableSchemaJson[];
  readonly operations: readonly OperationJson[];
  /** By topic: partition n's offset at which the rows of a snapshot begin that reads the topic's table anew. */
  readonly snapshot_starts?: SnapshotStarts;
}

/** By topic, the offset of each of its partitions, in their order. */
export type SnapshotStarts = { readonly [topic: string]: readonly number[] };

interface PositionJson {
  readonly connector: string;
  readonly name: string;
  readonly db: string;
  readonly table: string | null;
  readonly ts_us: number;
  readonly snapshot: SourceInfo['snapshot'];
  readonly server_id: number;
  readonly gtid: string | null;
  readonly file: string;
  readonly pos: number;
}

interface TableSchemaJson {
  readonly id: TableId;
  readonly topic: string;
  readonly key: unknown;
  readonly value: unknown;
  readonly key_ordinals: readonly number[];
  readonly source_types?: readonly (string | null)[];
}

type OperationJson = { readonly kind: SchemaOperation['kind']; readonly schema?: number | null; readonly [field: string]: unknown };

/** The header's bytes for one statement. `operations` may be empty: then the header only says who wrote the record. */
export function encodeSchemaOperations(source: SourceInfo, operations: readonly SchemaOperation[], starts: SnapshotStarts = {}): Buffer {
  const schemas: TableSchema[] = [];
  const indexOf = (schema: TableSchema): number => {
    const known = schemas.indexOf(schema);
    return known >= 0 ? known : schemas.push(schema) - 1;
  };
  const list = operations.map((o): OperationJson => {
    if (!('schema' in o)) return o;
    return { ...o, schema: o.schema === null ? null : indexOf(o.schema) };
  });
  const header: HeaderJson = {
    position: {
      connector: source.connector,
      name: source.name,
      db: source.db,
      table: source.table,
      ts_us: source.tsUs,
      snapshot: source.snapshot,
      server_id: source.serverId,
      gtid: source.gtid,
      file: source.file,
      pos: source.pos,
    },
    schemas: schemas.map(tableSchemaToJson),
    operations: list,
    ...(Object.keys(starts).length === 0 ? {} : { snapshot_starts: starts }),
  };
  return Buffer.from(JSON.stringify(header));
}

function tableSchemaToJson(table: TableSchema): TableSchemaJson {
  return {
    id: table.id,
    topic: table.topic,
    // Text inside text: schemaToJson may hold integers beyond 2^53 that JSON.parse would round.
    key: table.key === null ? null : schemaToJson(table.key),
    value: schemaToJson(table.value),
    key_ordinals: table.keyOrdinals,
    ...(table.sourceTypes === undefined ? {} : { source_types: table.sourceTypes }),
  };
}

export interface SchemaOperations {
  /** Position and names; `values`, `thread` and `query` are not carried. */
  readonly source: SourceInfo;
  readonly operations: readonly SchemaOperation[];
  readonly starts: SnapshotStarts;
}

/** Reads the header back; each call makes new TableSchema objects. Throws CDC_KAFKA_MESSAGE when it isn't one. */
export function decodeSchemaOperations(header: Buffer): SchemaOperations {
  try {
    const json = JSON.parse(header.toString()) as HeaderJson;
    const p = json.position;
    const schemas = json.schemas.map((s) => tableSchemaFromJson(s, p.connector));
    const operations = json.operations.map((o) => {
      if (o.schema === undefined || o.schema === null) return o as unknown as SchemaOperation;
      const schema = schemas[o.schema];
      if (schema === undefined) throw new Error(`schema ${o.schema} is not listed`);
      return { ...o, schema } as unknown as SchemaOperation;
    });
    const { connector, name, db, table, snapshot, gtid, file, pos } = p;
    return {
      source: {
        connector,
        name,
        db,
        table,
        tsUs: p.ts_us,
        snapshot,
        serverId: p.server_id,
        gtid,
        file,
        pos,
        thread: null,
        query: null,
        values: [],
      },
      operations,
      starts: json.snapshot_starts ?? {},
    };
  } catch (cause) {
    throw new CdcError('CDC_KAFKA_MESSAGE', 'fatal', `header ${SCHEMA_OPERATIONS_HEADER} cannot be read`, { cause });
  }
}

function tableSchemaFromJson(json: TableSchemaJson, connector: string): TableSchema {
  const value = schemaFromJson(json.value as string);
  return {
    id: json.id,
    topic: json.topic,
    key: json.key === null ? null : schemaFromJson(json.key as string),
    value,
    envelope: envelopeSchema(`${json.topic}.Envelope`, value, sourceSchema(connector)),
    shape: 'envelope',
    keyOrdinals: json.key_ordinals,
    ...(json.source_types === undefined ? {} : { sourceTypes: json.source_types }),
  };
}
