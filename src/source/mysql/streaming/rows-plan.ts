import { CdcError } from '../../../model/errors.ts';
import { formatTableId, type TableSchema } from '../../../model/table-schema.ts';
import type { Table } from '../../../relational/table.ts';
import { type Charset, charsetOf, charsetOfCollation } from '../charsets.ts';
import { type ColumnKind, labelsOf } from '../schema/column-types.ts';
import { fieldCodecs } from '../schema/table-codec.ts';
import type { FieldCodec } from '../schema/value-converters.ts';
import { decimalBytes } from './binary-decimal.ts';
import { TYPE, typeName } from './column-binlog-type.ts';
import type { MapColumn, TableMap } from './table-map.ts';

/** What the row loop does at a column. Plain numbers, so that its switch compiles to a jump table. */
export const OP = {
  int8: 0,
  uint8: 1,
  int16: 2,
  uint16: 3,
  int24: 4,
  uint24: 5,
  int32: 6,
  uint32: 7,
  int64: 8,
  uint64: 9,
  float: 10,
  double: 11,
  decimal: 12,
  utf8Short: 13,
  utf8Medium: 14,
  utf8Long: 15,
  charset: 16,
  bytes: 17,
  json: 18,
  geometry: 19,
  vector: 20,
  enum: 21,
  set: 22,
  bit: 23,
  boolean: 24,
  year: 25,
  date: 26,
  time2: 27,
  datetime2: 28,
  timestamp2: 29,
  time: 30,
  datetime: 31,
  timestamp: 32,
  uuid: 33,
  inet4: 34,
  inet6: 35,
  compressedText: 36,
  compressedBytes: 37,
  skipFixed: 38,
  skipVariable: 39,
  hiresTime: 40,
  hiresDatetime: 41,
  hiresTimestamp: 42,
  jsonDiffs: 43,
} as const;

/** One table map laid over one table version. `op[i]`, `arg[i]` … belong to the map's column i. */
export interface RowsPlan {
  readonly count: number;
  readonly fieldCount: number;
  readonly op: Uint8Array;
  /** Bytes of a length or of the value, fraction bytes, precision << 8 | scale: as `op` needs it. */
  readonly arg: Int32Array;
  /** Field of the row, -1 = none. */
  readonly ordinal: Int32Array;
  readonly codec: readonly (FieldCodec | null)[];
  readonly charset: readonly (Charset | null)[];
  readonly labels: readonly (readonly string[])[];
  /** Fields that need `FieldCodec.post`. */
  readonly posts: readonly FieldCodec[];
  /** JSON columns of the map, in order: what the partial-update bitmap counts. */
  readonly jsonColumns: readonly number[];
  readonly where: string;
  /** The row before, while a partial update is read. */
  readonly before?: readonly unknown[];
}

const TEXT_TYPES = [
  TYPE.VARCHAR,
  TYPE.VAR_STRING,
  TYPE.STRING,
  TYPE.TINY_BLOB,
  TYPE.MEDIUM_BLOB,
  TYPE.LONG_BLOB,
  TYPE.BLOB,
  TYPE.BLOB_COMPRESSED,
  TYPE.VARCHAR_COMPRESSED,
] as const;

/** Binlog types a column of each kind can be written with. */
const WRITTEN_AS: Readonly<Record<ColumnKind, readonly number[]>> = {
  tinyint: [TYPE.TINY],
  boolean: [TYPE.TINY],
  smallint: [TYPE.SHORT],
  mediumint: [TYPE.INT24],
  int: [TYPE.LONG],
  bigint: [TYPE.LONGLONG],
  float: [TYPE.FLOAT],
  // FLOAT: a REAL under sql_mode REAL_AS_FLOAT; as float64 nothing of it is lost.
  double: [TYPE.DOUBLE, TYPE.FLOAT],
  decimal: [TYPE.NEWDECIMAL],
  bit: [TYPE.BIT],
  date: [TYPE.DATE, TYPE.NEWDATE],
  time: [TYPE.TIME2, TYPE.TIME],
  datetime: [TYPE.DATETIME2, TYPE.DATETIME],
  timestamp: [TYPE.TIMESTAMP2, TYPE.TIMESTAMP],
  year: [TYPE.YEAR],
  text: TEXT_TYPES,
  binary: TEXT_TYPES,
  enum: [TYPE.ENUM],
  set: [TYPE.SET],
  json: [TYPE.JSON],
  geometry: [TYPE.GEOMETRY],
  point: [TYPE.GEOMETRY],
  // MariaDB writes its VECTOR, UUID and INET as binary strings.
  vector: [TYPE.VECTOR, TYPE.VARCHAR],
  uuid: [TYPE.STRING],
  inet4: [TYPE.STRING],
  inet6: [TYPE.STRING],
};

/** Columns the servers write though no definition shows them: MariaDB's implicit row versions, MySQL's functional indexes. */
function isHidden(name: string, connector: string): boolean {
  if (connector === 'mysql') return name.startsWith('!hidden!');
  return name === 'row_start' || name === 'row_end' || /^DB_ROW_HASH_\d+$/.test(name);
}

/**
 * Decides for each column of the map which field it is and how to read it. With names (binlog_row_metadata=FULL) the
 * map decides; without, the order does, if count and types agree. Throws CDC_ROW_SCHEMA_MISMATCH (fatal).
 */
export function compileRowsPlan(map: TableMap, table: Table, schema: TableSchema, connector: string): RowsPlan {
  const where = formatTableId(table.id);
  const codecs = fieldCodecs(schema);
  const columns = matchColumns(map, table, connector, where);
  const count = map.columns.length;
  const op = new Uint8Array(count);
  const arg = new Int32Array(count);
  const ordinal = new Int32Array(count).fill(-1);
  const codec: (FieldCodec | null)[] = [];
  const charset: (Charset | null)[] = [];
  const labels: (readonly string[])[] = [];
  for (let i = 0; i < count; i++) {
    const column = map.columns[i] as MapColumn;
    const field = columns[i] === null ? undefined : codecs.find((c) => c.column.name === columns[i]);
    codec.push(field ?? null);
    labels.push(field === undefined ? [] : (column.labels ?? labelsOf(field.column)));
    if (field === undefined) {
      charset.push(null);
      const excluded = table.columns.find((c) => c.name === columns[i]);
      [op[i], arg[i]] = skip(column, excluded?.length ?? 0, where);
      continue;
    }
    if (!WRITTEN_AS[field.type.kind].includes(column.type)) throw typeMismatch(where, field, column);
    ordinal[i] = field.ordinal;
    charset.push(charsetFor(field, column, where));
    [op[i], arg[i]] = read(field, column, charset[i] as Charset | null, where);
  }
  return {
    count,
    fieldCount: codecs.length,
    op,
    arg,
    ordinal,
    codec,
    charset,
    labels,
    posts: codecs.filter((c) => c.post !== null),
    jsonColumns: map.columns.flatMap((c, i) => (c.type === TYPE.JSON ? [i] : [])),
    where,
  };
}

/** For each column of the map the table's column name, null when no definition shows it. */
function matchColumns(map: TableMap, table: Table, connector: string, where: string): (string | null)[] {
  if (!map.named) {
    if (map.columns.length === table.columns.length) return table.columns.map((c) => c.name);
    throw mismatch(where, `the rows have ${map.columns.length} columns, the known definition has ${table.columns.length}`);
  }
  const byName = new Map(table.columns.map((c) => [c.name, c.name]));
  const byLowerName = new Map(table.columns.map((c) => [c.name.toLowerCase(), c.name]));
  const matched = map.columns.map((column) => {
    const name = column.name as string;
    const known = byName.get(name) ?? byLowerName.get(name.toLowerCase());
    if (known !== undefined) return known;
    if (isHidden(name, connector)) return null;
    throw mismatch(where, `the rows have a column "${name}" which the known definition does not have`);
  });
  if (new Set(matched.filter((name) => name !== null)).size === table.columns.length) return matched;
  const missing = table.columns.filter((c) => !matched.includes(c.name)).map((c) => `"${c.name}"`);
  throw mismatch(where, `the rows lack columns of the known definition: ${missing.join(', ')}`);
}

function mismatch(where: string, what: string): CdcError {
  return new CdcError('CDC_ROW_SCHEMA_MISMATCH', 'fatal', `table ${where}: ${what}`, {
    hint: 'set binlog_row_metadata=FULL on the server, then take a new snapshot: the definition known is not that of this position, or the rows have columns no definition shows',
    context: { table: where },
  });
}

function typeMismatch(where: string, field: FieldCodec, column: MapColumn): CdcError {
  return mismatch(
    where,
    `column "${field.column.name}" is ${field.column.typeName} in the known definition, ${typeName(column.type)} in the rows`,
  );
}

function charsetFor(field: FieldCodec, column: MapColumn, where: string): Charset | null {
  const { kind } = field.type;
  if (kind !== 'text' && kind !== 'binary') return null;
  const told = column.collation === null ? null : charsetOfCollation(column.collation);
  if (told !== null && (told === 'binary') !== (kind === 'binary')) throw typeMismatch(where, field, column);
  if (kind === 'binary') return null;
  return charsetOf(told ?? field.column.charsetName ?? 'utf8mb4');
}

const fractionBytes = (digits: number): number => (digits + 1) >> 1;

/** Bytes of the length before a string of at most `max` bytes. */
const lengthOf = (max: number): number => (max > 255 ? 2 : 1);

function lengthBytes(column: MapColumn): number {
  switch (column.type) {
    case TYPE.VARCHAR:
    case TYPE.VAR_STRING:
    case TYPE.STRING:
    case TYPE.VARCHAR_COMPRESSED:
      return lengthOf(column.meta);
    default:
      return column.meta;
  }
}

/** Bytes of a temporal value; `arg` as in the plan. */
export function temporalBytes(op: number, arg: number): number {
  switch (op) {
    case OP.time2:
      return 3 + arg;
    case OP.datetime2:
      return 5 + arg;
    case OP.timestamp2:
      return 4 + arg;
    case OP.hiresTime:
      return [3, 4, 4, 5, 5, 5, 6][arg] as number;
    case OP.hiresDatetime:
      return [5, 6, 6, 7, 7, 7, 8][arg] as number;
    case OP.hiresTimestamp:
      return 4 + ([0, 1, 1, 2, 2, 3, 3][arg] as number);
    default:
      return arg;
  }
}

/** `digits`: of the definition; the old temporal formats do not tell them in the map. */
function skip(column: MapColumn, digits: number, where: string): [op: number, arg: number] {
  const fixed = (bytes: number): [number, number] => [OP.skipFixed, bytes];
  switch (column.type) {
    case TYPE.TINY:
    case TYPE.YEAR:
      return fixed(1);
    case TYPE.SHORT:
      return fixed(2);
    case TYPE.INT24:
    case TYPE.DATE:
    case TYPE.NEWDATE:
      return fixed(3);
    case TYPE.LONG:
    case TYPE.FLOAT:
      return fixed(4);
    case TYPE.LONGLONG:
    case TYPE.DOUBLE:
      return fixed(8);
    case TYPE.NEWDECIMAL:
      return fixed(decimalBytes(column.meta >> 8, column.meta & 0xff));
    case TYPE.TIME2:
      return fixed(3 + fractionBytes(column.meta));
    case TYPE.DATETIME2:
      return fixed(5 + fractionBytes(column.meta));
    case TYPE.TIMESTAMP2:
      return fixed(4 + fractionBytes(column.meta));
    case TYPE.ENUM:
    case TYPE.SET:
      return fixed(column.meta & 0xff);
    case TYPE.BIT:
      return fixed((column.meta + 7) >> 3);
    case TYPE.TIME:
      return fixed(digits > 0 ? temporalBytes(OP.hiresTime, digits) : 3);
    case TYPE.TIMESTAMP:
      return fixed(digits > 0 ? temporalBytes(OP.hiresTimestamp, digits) : 4);
    case TYPE.DATETIME:
      return fixed(digits > 0 ? temporalBytes(OP.hiresDatetime, digits) : 8);
    case TYPE.JSON:
    case TYPE.GEOMETRY:
    case TYPE.VECTOR:
      return [OP.skipVariable, column.meta];
    default:
      if ((TEXT_TYPES as readonly number[]).includes(column.type)) return [OP.skipVariable, lengthBytes(column)];
      throw unknownType(column, where);
  }
}

function unknownType(column: MapColumn, where: string): CdcError {
  return new CdcError('CDC_MYSQL_TYPE_UNKNOWN', 'fatal', `table ${where}: ${typeName(column.type)} of the binlog is not known`, {
    context: { table: where, column: column.name },
  });
}

function read(field: FieldCodec, column: MapColumn, charset: Charset | null, where: string): [op: number, arg: number] {
  const unsigned = column.unsigned ?? field.type.unsigned;
  const { kind, fraction } = field.type;
  switch (column.type) {
    case TYPE.TINY:
      return kind === 'boolean' ? [OP.boolean, 1] : [unsigned ? OP.uint8 : OP.int8, 1];
    case TYPE.SHORT:
      return [unsigned ? OP.uint16 : OP.int16, 2];
    case TYPE.INT24:
      return [unsigned ? OP.uint24 : OP.int24, 3];
    case TYPE.LONG:
      return [unsigned ? OP.uint32 : OP.int32, 4];
    case TYPE.LONGLONG:
      return [unsigned ? OP.uint64 : OP.int64, 8];
    case TYPE.FLOAT:
      return [OP.float, 4];
    case TYPE.DOUBLE:
      return [OP.double, 8];
    case TYPE.NEWDECIMAL:
      return [OP.decimal, column.meta];
    case TYPE.BIT:
      return [OP.bit, (column.meta + 7) >> 3];
    case TYPE.YEAR:
      return [OP.year, 1];
    case TYPE.DATE:
    case TYPE.NEWDATE:
      return [OP.date, 3];
    case TYPE.TIME2:
      return [OP.time2, fractionBytes(column.meta)];
    case TYPE.DATETIME2:
      return [OP.datetime2, fractionBytes(column.meta)];
    case TYPE.TIMESTAMP2:
      return [OP.timestamp2, fractionBytes(column.meta)];
    case TYPE.TIME:
      return fraction > 0 ? [OP.hiresTime, fraction] : [OP.time, 3];
    case TYPE.DATETIME:
      return fraction > 0 ? [OP.hiresDatetime, fraction] : [OP.datetime, 8];
    case TYPE.TIMESTAMP:
      return fraction > 0 ? [OP.hiresTimestamp, fraction] : [OP.timestamp, 4];
    case TYPE.ENUM:
      return [OP.enum, column.meta & 0xff];
    case TYPE.SET:
      return [OP.set, column.meta & 0xff];
    case TYPE.JSON:
      return [OP.json, column.meta];
    case TYPE.GEOMETRY:
      return [OP.geometry, column.meta];
    case TYPE.VECTOR:
      return [OP.vector, column.meta];
  }
  if (!(TEXT_TYPES as readonly number[]).includes(column.type)) throw unknownType(column, where);
  const bytes = lengthBytes(column);
  const compressed = column.type === TYPE.BLOB_COMPRESSED || column.type === TYPE.VARCHAR_COMPRESSED;
  switch (kind) {
    case 'uuid':
      return [OP.uuid, bytes];
    case 'inet4':
      return [OP.inet4, bytes];
    case 'inet6':
      return [OP.inet6, bytes];
    case 'vector':
      return [OP.vector, bytes];
    case 'binary':
      return [compressed ? OP.compressedBytes : OP.bytes, bytes];
  }
  if (compressed) return [OP.compressedText, bytes];
  if (charset?.utf8 !== true) return [OP.charset, bytes];
  return [bytes === 1 ? OP.utf8Short : bytes === 2 ? OP.utf8Medium : OP.utf8Long, bytes];
}
