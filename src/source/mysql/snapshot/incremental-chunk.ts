import type { Row } from '../../../model/chunk.ts';
import { CdcError } from '../../../model/errors.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import { columnOf, type Table } from '../../../relational/table.ts';
import { charsetOf } from '../charsets.ts';
import { type MySqlConnection, quoteIdentifier } from '../connection.ts';
import type { CodecOptions } from '../schema/codec-options.ts';
import { fieldCodecs } from '../schema/table-codec.ts';
import type { FieldCodec } from '../schema/value-converters.ts';
import type { KeyText } from './incremental-state.ts';
import { compileSnapshotReader } from './row-codec.ts';

/** How one column of a key is read as text, and written back as an SQL literal. */
export interface KeyColumn {
  readonly name: string;
  readonly select: string;
  /** Throws CDC_OFFSET_INVALID for a text that cannot be one of this column. */
  literal(text: string): string;
  /** For people. */
  show(text: string): string;
}

/** What reading a table in chunks needs; made once per table version. */
export interface ChunkPlan {
  readonly schema: TableSchema;
  /** Ordinals by which rows of the stream and rows of a chunk are told to be the same. */
  readonly identity: readonly number[];
  readonly keys: readonly KeyColumn[];
  readonly selectList: string;
  /** How many columns that list has. */
  readonly selectColumns: number;
  readonly from: string;
  decodeRow(packet: Buffer, offset: number): Row;
}

export interface ReadChunk {
  /** By identity (`rowIdentity`), in key order. */
  readonly rows: Map<string, Row>;
  /** Null when there was no row. */
  readonly lastKey: KeyText | null;
}

/** Bytes of rows one chunk holds at most; what is beyond is read with the next. */
const MOST_BYTES = 16 * 1024 * 1024;

/**
 * Compiles the reading of one table version. Null when it has no key to read it by: no primary key and no surrogate key,
 * or one whose columns are not captured as they are (excluded, masked, nullable).
 */
export function chunkPlan(table: Table, schema: TableSchema, options: CodecOptions, surrogateKey: string | null): ChunkPlan | null {
  const codecs = fieldCodecs(schema);
  const captured = (name: string): FieldCodec | undefined => codecs.find((c) => c.column.name === name);
  const surrogate = surrogateKey === null ? undefined : columnOf(table, surrogateKey);
  if (surrogateKey !== null && (surrogate === undefined || surrogate.optional)) return null;
  const names = surrogate === undefined ? table.primaryKeyColumnNames : [surrogate.name];
  const identityNames = table.primaryKeyColumnNames.length > 0 ? table.primaryKeyColumnNames : names;
  if (names.length === 0) return null;
  const identity: number[] = [];
  for (const name of identityNames) {
    const codec = captured(name);
    if (codec === undefined || (options.maskFor?.(table.id, name) ?? null) !== null) return null;
    identity.push(codec.ordinal);
  }
  const keys: KeyColumn[] = [];
  for (const name of names) {
    const codec = captured(name);
    const key = codec === undefined ? null : keyColumn(codec);
    if (key === null) return null;
    keys.push(key);
  }
  const reader = compileSnapshotReader(table, schema, options);
  return {
    schema,
    identity,
    keys,
    selectList: reader.selectList,
    selectColumns: reader.columns,
    from: `${quoteIdentifier(table.id.database)}.${quoteIdentifier(table.id.table)}`,
    decodeRow: (packet, offset) => reader.decodeRow(packet, offset),
  };
}

const INTEGER = /^-?\d+$/;
const NUMBER = /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/;
const HEX = /^([0-9A-F]{2})*$/;
const TEMPORAL = /^-?[0-9: .-]+$/;
const ADDRESS = /^[0-9a-fA-F.:-]+$/;

function keyColumn(codec: FieldCodec): KeyColumn | null {
  const { name } = codec.column;
  const sql = quoteIdentifier(name);
  const made = (select: string, form: RegExp, write: (text: string) => string, show = (text: string) => text): KeyColumn => ({
    name,
    select,
    show,
    literal(text) {
      if (!form.test(text)) {
        throw new CdcError('CDC_OFFSET_INVALID', 'environment', `the stored key of an incremental snapshot is none of column ${name}`, {
          hint: 'reset the offset, or remove its keys incremental_snapshot_*: riverbend offsets',
        });
      }
      return write(text);
    },
  });
  switch (codec.type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int':
    case 'bigint':
    case 'year':
    case 'boolean':
      return made(`CAST(${sql} AS CHAR)`, INTEGER, (t) => t);
    case 'bit':
    case 'enum':
    case 'set':
      return made(`CAST(${sql} AS UNSIGNED)`, INTEGER, (t) => t);
    case 'decimal':
      return made(`CAST(${sql} AS CHAR)`, NUMBER, (t) => t);
    case 'float':
    case 'double':
      return made(`${sql} * 1e0`, NUMBER, (t) => (/[eE]/.test(t) ? t : `${t}e0`));
    case 'text':
      // In the column's own character set, so that its own collation compares.
      return made(
        `HEX(${sql})`,
        HEX,
        (t) => `_${(codec.column.charsetName ?? 'utf8mb4').replace(/\W/g, '')} x'${t}'`,
        (t) => charsetOf(codec.column.charsetName ?? 'utf8mb4').decode(Buffer.from(t, 'hex'), 0, t.length / 2),
      );
    case 'binary':
      return made(`HEX(${sql})`, HEX, (t) => `x'${t}'`);
    case 'uuid':
    case 'inet4':
    case 'inet6':
      return made(`CAST(${sql} AS CHAR)`, ADDRESS, (t) => `'${t}'`);
    case 'date':
    case 'time':
    case 'datetime':
    case 'timestamp':
      return made(`CAST(${sql} AS CHAR)`, TEMPORAL, (t) => `'${t}'`);
    default:
      return null;
  }
}

/** Identity of a row among those of its table. */
export function rowIdentity(row: Row, ordinals: readonly number[]): string {
  let text = '';
  for (const ordinal of ordinals) {
    const value = row[ordinal];
    const part = Buffer.isBuffer(value) ? value.toString('latin1') : String(value);
    text += `${part.length}:${part}`;
  }
  return text;
}

/** The rows of a table after `after` (exclusive) and up to `until` (inclusive). */
export function chunkSelect(plan: ChunkPlan, after: KeyText | null, until: KeyText, condition: string | null, limit: number): string {
  const where = [...(after === null ? [] : [bound(plan.keys, after, '>')]), bound(plan.keys, until, '<=')];
  if (condition !== null) where.push(`(${condition})`);
  const order = plan.keys.map((k) => quoteIdentifier(k.name)).join(', ');
  const list = [plan.selectList, ...plan.keys.map((k) => k.select)].filter((e) => e !== '').join(', ');
  return `SELECT ${list} FROM ${plan.from} WHERE ${where.join(' AND ')} ORDER BY ${order} LIMIT ${limit}`;
}

/** The greatest key there is. */
export function maximumSelect(plan: ChunkPlan, condition: string | null): string {
  const list = plan.keys.map((k, i) => `${k.select} AS k${i}`).join(', ');
  const order = plan.keys.map((k) => `${quoteIdentifier(k.name)} DESC`).join(', ');
  return `SELECT ${list} FROM ${plan.from}${condition === null ? '' : ` WHERE (${condition})`} ORDER BY ${order} LIMIT 1`;
}

/** Key columns compare like one word does by its letters; the first one is given alone too, for an index to be used. */
function bound(keys: readonly KeyColumn[], at: KeyText, operator: '>' | '<='): string {
  if (at.length !== keys.length) {
    throw new CdcError('CDC_OFFSET_INVALID', 'environment', 'the stored key of an incremental snapshot has another number of columns', {
      hint: 'reset the offset, or remove its keys incremental_snapshot_*: riverbend offsets',
    });
  }
  const strict = operator === '>' ? '>' : '<';
  const last = keys.length - 1;
  let sql = '';
  for (let i = last; i >= 0; i--) {
    const key = keys[i] as KeyColumn;
    const name = quoteIdentifier(key.name);
    const literal = key.literal(at[i] as string);
    sql = i === last ? `${name} ${operator} ${literal}` : `(${name} ${strict} ${literal} OR (${name} = ${literal} AND ${sql}))`;
  }
  if (keys.length === 1) return sql;
  const first = keys[0] as KeyColumn;
  return `${quoteIdentifier(first.name)} ${strict}= ${first.literal(at[0] as string)} AND ${sql}`;
}

/** Reads one chunk. The connection has SNAPSHOT_SESSION set. Throws what the server or the values say. */
export async function readChunk(connection: MySqlConnection, plan: ChunkPlan, select: string): Promise<ReadChunk> {
  const rows = new Map<string, Row>();
  let bytes = 0;
  let last = null as { packet: Buffer; offset: number } | null;
  await connection.stream(select, (packet, offset) => {
    if (bytes > MOST_BYTES) return;
    const row = plan.decodeRow(packet, offset);
    rows.set(rowIdentity(row, plan.identity), row);
    // A socket buffer with several rows counts once.
    if (last?.packet !== packet) bytes += packet.length - offset;
    last = { packet, offset };
  }).done;
  return { rows, lastKey: last === null ? null : textsOf(last.packet, last.offset, plan.selectColumns, plan.keys.length) };
}

/** Values `from` … of a row packet of the text protocol. */
function textsOf(packet: Buffer, start: number, from: number, count: number): KeyText {
  const out: string[] = [];
  let pos = start;
  for (let i = 0; i < from + count; i++) {
    let length = packet[pos++] as number;
    if (length === 0xfb) {
      if (i >= from) throw new CdcError('CDC_ROW_DECODE', 'fatal', 'a key column of an incremental snapshot is NULL');
      continue;
    }
    if (length > 0xfb) {
      const size = length === 0xfc ? 2 : length === 0xfd ? 3 : 8;
      length = size === 8 ? Number(packet.readBigUInt64LE(pos)) : packet.readUIntLE(pos, size);
      pos += size;
    }
    if (i >= from) out.push(packet.latin1Slice(pos, pos + length));
    pos += length;
  }
  return out;
}
