import type { Op, Row, SchemaChangeChunk, SnapshotMarker, SourceInfo } from '../model/chunk.ts';
import { CdcError } from '../model/errors.ts';
import type { Schema } from '../model/schema.ts';
import type { TableSchema } from '../model/table-schema.ts';
import type { Converter, Decoded } from '../spi/converter.ts';
import type { KafkaMessage } from './client.ts';
import { positionOf } from './position.ts';
import type { MergeItem } from './position-merge.ts';
import { offsetOf } from './record-batch.ts';
import { readSchemaChange } from './schema-change-reader.ts';
import { type EnvelopePlan, envelopePlan, TableSchemas } from './table-schemas.ts';

/** What a message came to. `skip`: nothing to deliver, but its offset moves on. */
export type Incoming = RowItem | SchemaItem | SkipItem;

export interface RowItem extends MergeItem {
  readonly kind: 'row';
  readonly table: TableSchema;
  readonly op: Op;
  readonly before: Row | null;
  readonly after: Row | null;
  /** The source block, positional by `plan`; null for rows without envelope. */
  readonly source: Row | null;
  readonly plan: EnvelopePlan | null;
  readonly snapshot: SnapshotMarker | null;
  readonly processedUs: number;
}

export interface SchemaItem extends MergeItem {
  readonly kind: 'schema';
  readonly change: SchemaChangeChunk;
}

export interface SkipItem extends MergeItem {
  readonly kind: 'skip';
}

/** What a topic is read for: rows; schema changes only; or both, when it was asked for and has the name of a schema-change topic. */
export type TopicPlace = 'data' | 'schema' | 'both';

const OPS = new Set<unknown>(['c', 'u', 'd', 'r', 't']);
const NO_KEY: Decoded = { schema: null, value: null };

/** Turns consumed messages into merge items. One per task: it remembers what kind of messages a topic holds. */
export class MessageReader {
  readonly #key: Converter;
  readonly #value: Converter;
  readonly #tables = new TableSchemas();
  /** Per topic: the last value's schema that was seen, which says what a null value means. */
  readonly #lastRow = new Map<string, { readonly envelope: boolean; readonly schema: Schema; readonly row: Schema }>();
  /** Per topic the table of its last row. */
  readonly #lastTable = new Map<string, TableSchema>();

  constructor(keyConverter: Converter, valueConverter: Converter) {
    this.#key = keyConverter;
    this.#value = valueConverter;
  }

  /**
   * Reads one message. Synchronous unless a schema must be fetched.
   * Throws CDC_KAFKA_MESSAGE, CDC_KAFKA_SCHEMALESS, or what the converter throws.
   */
  read(topic: string, message: KafkaMessage, place: TopicPlace): Incoming | Promise<Incoming> {
    const value = message.value === null ? NO_KEY : this.#value.toConnect(topic, message.value);
    if (value instanceof Promise) return value.then((v) => this.#withValue(topic, message, place, v));
    return this.#withValue(topic, message, place, value);
  }

  #withValue(topic: string, message: KafkaMessage, place: TopicPlace, value: Decoded): Incoming | Promise<Incoming> {
    if (place !== 'data') {
      const change = readSchemaChange(message, value);
      // The name alone does not make it one: `orders` may well hold orders beside `orders.items`.
      if (change !== null || place === 'schema') return change ?? skip(message);
    }
    const key = message.key === null ? NO_KEY : this.#key.toConnect(topic, message.key);
    if (key instanceof Promise) return key.then((k) => this.#item(topic, message, k, value));
    return this.#item(topic, message, key, value);
  }

  #item(topic: string, message: KafkaMessage, key: Decoded, value: Decoded): Incoming {
    if (message.value === null) return this.#withoutValue(topic, message, key);
    const { schema } = value;
    if (schema === null) {
      throw new CdcError('CDC_KAFKA_SCHEMALESS', 'data', `topic ${topic}: the message carries no schema`, {
        hint: 'produce with Avro, or with JSON and schemas.enable=true',
      });
    }
    if (schema.type !== 'struct')
      throw new CdcError('CDC_KAFKA_MESSAGE', 'data', `topic ${topic}: the value is a ${schema.type}, not a struct`);
    const plan = envelopePlan(schema);
    if (this.#lastRow.get(topic)?.schema !== schema)
      this.#lastRow.set(topic, { envelope: plan !== null, schema, row: plan?.row ?? schema });
    if (plan !== null) return this.#envelope(topic, message, schema, plan, key, value.value as Row | null);
    const table = this.#tables.get(topic, schema, schema, key, '', topic);
    return row(message, table, 'c', null, value.value as Row);
  }

  #envelope(topic: string, message: KafkaMessage, schema: Schema, plan: EnvelopePlan, key: Decoded, v: Row | null): Incoming {
    if (v === null) return skip(message);
    const op = v[plan.op];
    if (!OPS.has(op)) {
      // `m` (message) is the only other one Debezium has; it concerns no table.
      if (op === 'm') return skip(message);
      throw new CdcError('CDC_KAFKA_MESSAGE', 'data', `topic ${topic}: the envelope's op is none of c, u, d, r, t`);
    }
    const { s } = plan;
    const source = v[plan.source] as Row;
    const db = text(source, s.db) ?? '';
    const name = text(source, s.table) ?? topic;
    // A truncate has no key although its table has one: the table is that of the rows before it.
    const last = op === 't' && message.key === null ? this.#lastTable.get(topic) : undefined;
    const known = last !== undefined && last.envelope === schema && last.id.table === name && last.id.database === db;
    const table = known ? last : this.#tables.get(topic, schema, plan.row, key, db, name);
    if (op !== 't') this.#lastTable.set(topic, table);
    const snapshot = text(source, s.snapshot);
    const tsUs = number(source, s.ts_us) || number(source, s.ts_ms) * 1000;
    return {
      kind: 'row',
      offset: offsetOf(message),
      bytes: sizeOf(message),
      position: positionOf(text(source, s.file), number(source, s.pos), number(source, s.row), number(source, s.server_id), tsUs),
      schemaChange: false,
      table,
      op: op as Op,
      before: plan.before < 0 ? null : ((v[plan.before] ?? null) as Row | null),
      after: (v[plan.after] ?? null) as Row | null,
      source,
      plan,
      snapshot: snapshot === null || snapshot === 'false' ? null : (snapshot as SnapshotMarker),
      processedUs: plan.tsUs >= 0 && v[plan.tsUs] != null ? Number(v[plan.tsUs]) : plan.tsMs >= 0 ? Number(v[plan.tsMs] ?? 0) * 1000 : 0,
    };
  }

  /** A tombstone follows a delete of Debezium's and says nothing new; without envelopes it is the delete itself. */
  #withoutValue(topic: string, message: KafkaMessage, key: Decoded): Incoming {
    const last = this.#lastRow.get(topic);
    const keyStruct = key.schema?.type === 'struct' ? key.schema : null;
    if (last?.envelope === true || keyStruct === null || (last === undefined && keyStruct.name === `${topic}.Key`)) return skip(message);
    const schema = last?.schema ?? keyStruct;
    const table = this.#tables.get(topic, schema, schema, key, '', topic);
    const before: unknown[] = new Array(schema.fields.length).fill(null);
    const values = key.value as Row;
    for (let i = 0; i < table.keyOrdinals.length; i++) before[table.keyOrdinals[i] as number] = values[i];
    return row(message, table, 'd', before, null);
  }
}

function row(message: KafkaMessage, table: TableSchema, op: Op, before: Row | null, after: Row | null): RowItem {
  return {
    kind: 'row',
    offset: offsetOf(message),
    bytes: sizeOf(message),
    position: null,
    schemaChange: false,
    table,
    op,
    before,
    after,
    source: null,
    plan: null,
    snapshot: null,
    processedUs: Number(message.timestamp) * 1000,
  };
}

function skip(message: KafkaMessage): SkipItem {
  return { kind: 'skip', offset: offsetOf(message), bytes: 0, position: null, schemaChange: false };
}

/** Decoded rows take several times their bytes on the wire. */
function sizeOf(message: KafkaMessage): number {
  return 400 + 4 * ((message.value?.length ?? 0) + (message.key?.length ?? 0));
}

function text(source: Row, index: number): string | null {
  return index < 0 ? null : ((source[index] ?? null) as string | null);
}

function number(source: Row, index: number): number {
  return index < 0 ? 0 : Number(source[index] ?? 0);
}

/** The SourceInfo of a row's chunk. */
export function sourceInfo(item: RowItem): SourceInfo {
  const { source, plan, position } = item;
  if (source === null || plan === null || position === null) {
    return {
      connector: '',
      name: '',
      db: item.table.id.database,
      table: item.table.id.table,
      tsUs: item.processedUs,
      snapshot: null,
      serverId: 0,
      gtid: null,
      file: '',
      pos: 0,
      thread: null,
      query: null,
      values: [],
    };
  }
  const { s } = plan;
  return {
    connector: text(source, s.connector) ?? '',
    name: text(source, s.name) ?? '',
    db: item.table.id.database,
    table: item.table.id.table,
    tsUs: position.tsUs,
    snapshot: item.snapshot,
    serverId: position.serverId,
    gtid: text(source, s.gtid),
    file: text(source, s.file) ?? '',
    pos: position.pos,
    thread: s.thread < 0 || source[s.thread] == null ? null : Number(source[s.thread]),
    query: text(source, s.query),
    values: source,
  };
}
