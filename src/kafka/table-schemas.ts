import { CdcError } from '../model/errors.ts';
import { fieldOf, type Schema, struct } from '../model/schema.ts';
import type { TableSchema } from '../model/table-schema.ts';
import type { Decoded } from '../spi/converter.ts';

/** Ordinals within a Debezium envelope and its source block; -1 = the field is not there. */
export interface EnvelopePlan {
  readonly before: number;
  readonly after: number;
  readonly op: number;
  readonly source: number;
  readonly tsUs: number;
  readonly tsMs: number;
  readonly row: Schema;
  readonly s: Readonly<Record<SourceField, number>>;
}

const SOURCE_FIELDS = [
  'connector',
  'name',
  'ts_ms',
  'ts_us',
  'snapshot',
  'db',
  'table',
  'server_id',
  'gtid',
  'file',
  'pos',
  'row',
  'thread',
  'query',
] as const;
type SourceField = (typeof SOURCE_FIELDS)[number];

const plans = new WeakMap<Schema, EnvelopePlan | null>();

/** How to read a value of this schema as a Debezium envelope; null when it is none. Recognised by its fields, as Debezium's own transforms do. */
export function envelopePlan(schema: Schema): EnvelopePlan | null {
  const known = plans.get(schema);
  if (known !== undefined) return known;
  const plan = compile(schema);
  plans.set(schema, plan);
  return plan;
}

function compile(schema: Schema): EnvelopePlan | null {
  const after = fieldOf(schema, 'after');
  const source = fieldOf(schema, 'source');
  const op = fieldOf(schema, 'op');
  if (after === undefined || source === undefined || op === undefined || after.schema.type !== 'struct') return null;
  const index = (name: string): number => fieldOf(schema, name)?.index ?? -1;
  const s = Object.fromEntries(SOURCE_FIELDS.map((f) => [f, fieldOf(source.schema, f)?.index ?? -1])) as Record<SourceField, number>;
  return {
    before: index('before'),
    after: after.index,
    op: op.index,
    source: source.index,
    tsUs: index('ts_us'),
    tsMs: index('ts_ms'),
    row: after.schema,
    s,
  };
}

interface Known {
  readonly key: Schema | string | null;
  readonly database: string;
  readonly table: string;
  readonly schema: TableSchema;
}

/**
 * The TableSchema of consumed rows: one object per topic, value schema, key schema and table, because its identity is
 * the cache key of everything downstream.
 */
export class TableSchemas {
  readonly #byValue = new WeakMap<Schema, Map<string, Known[]>>();

  /** `row` is the struct of the columns; `envelope` the message's schema, the same object for rows without envelope. Throws CDC_KAFKA_MESSAGE. */
  get(topic: string, envelope: Schema, row: Schema, key: Decoded, database: string, table: string): TableSchema {
    let byTopic = this.#byValue.get(envelope);
    if (byTopic === undefined) {
      byTopic = new Map();
      this.#byValue.set(envelope, byTopic);
    }
    let list = byTopic.get(topic);
    if (list === undefined) {
      list = [];
      byTopic.set(topic, list);
    }
    const keyId = keyIdentity(key);
    for (let i = 0; i < list.length; i++) {
      const k = list[i] as Known;
      if (k.key === keyId && k.table === table && k.database === database) return k.schema;
    }
    const schema = build(topic, envelope, row, keySchema(key, row), database, table);
    list.push({ key: keyId, database, table, schema });
    return schema;
  }
}

/** What tells two keys' schemas apart: the schema object, or the field names of schemaless JSON. */
function keyIdentity(key: Decoded): Schema | string | null {
  if (key.schema !== null) return key.schema.type === 'struct' ? key.schema : null;
  return isObject(key.value) ? Object.keys(key.value).join('\u0000') : null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
}

/** The key's struct; for schemaless JSON keys the row's own columns of those names; null for keys that are no struct. */
function keySchema(key: Decoded, row: Schema): Schema | null {
  if (key.schema !== null) return key.schema.type === 'struct' ? key.schema : null;
  if (!isObject(key.value)) return null;
  const fields = Object.keys(key.value).map((name) => fieldOf(row, name));
  return fields.some((f) => f === undefined)
    ? null
    : struct(fields.map((f) => [(f as { name: string }).name, (f as { schema: Schema }).schema] as const));
}

function build(topic: string, envelope: Schema, row: Schema, key: Schema | null, database: string, table: string): TableSchema {
  const keyOrdinals = (key?.fields ?? []).map((f) => {
    const column = fieldOf(row, f.name);
    if (column === undefined) {
      throw new CdcError('CDC_KAFKA_MESSAGE', 'data', `topic ${topic}: key field "${f.name}" is no column of the row`, {
        hint: 'keep the key columns in the value',
        context: { topic },
      });
    }
    return column.index;
  });
  return { id: { database, table }, topic, key, value: row, envelope, shape: envelope === row ? 'row' : 'envelope', keyOrdinals };
}
