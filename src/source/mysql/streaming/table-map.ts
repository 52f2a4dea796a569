import { CdcError } from '../../../model/errors.ts';
import { charsetOf, charsetOfCollation } from '../charsets.ts';
import { TYPE } from './column-binlog-type.ts';

/** One column as TABLE_MAP tells it; what needs `binlog_row_metadata=FULL` (or MINIMAL) is null without. */
export interface MapColumn {
  /** Type code, with ENUM and SET told apart from STRING. */
  readonly type: number;
  /** By type: length bytes (blob, json, geometry, vector), max bytes (varchar, string), fraction digits, bits, size, precision << 8 | scale. */
  readonly meta: number;
  readonly nullable: boolean;
  readonly name: string | null;
  readonly unsigned: boolean | null;
  /** Collation id. */
  readonly collation: number | null;
  /** ENUM and SET members. */
  readonly labels: readonly string[] | null;
  readonly geometryType: number | null;
  readonly visible: boolean | null;
  readonly dimension: number | null;
}

export interface TableMap {
  readonly tableId: number;
  readonly flags: number;
  readonly database: string;
  readonly table: string;
  readonly columns: readonly MapColumn[];
  /** The columns are named (`binlog_row_metadata=FULL`). */
  readonly named: boolean;
  /** Ordinals of the primary key's columns, and the length in characters of a key prefix (0 = whole column). */
  readonly primaryKey: readonly { readonly column: number; readonly prefix: number }[];
}

const SIGNEDNESS = 1;
const DEFAULT_CHARSET = 2;
const COLUMN_CHARSET = 3;
const COLUMN_NAME = 4;
const SET_STR_VALUE = 5;
const ENUM_STR_VALUE = 6;
const GEOMETRY_TYPE = 7;
const SIMPLE_PRIMARY_KEY = 8;
const PRIMARY_KEY_WITH_PREFIX = 9;
const ENUM_AND_SET_DEFAULT_CHARSET = 10;
const ENUM_AND_SET_COLUMN_CHARSET = 11;
const COLUMN_VISIBILITY = 12;
const VECTOR_DIMENSIONALITY = 13;

type Draft = { -readonly [K in keyof MapColumn]: MapColumn[K] } & { rawLabels: Buffer[] | null };

/** Which columns the optional metadata lists speak of, in table order (mysql-server, Table_map_log_event::init_metadata_fields). */
const isNumeric = (t: number): boolean =>
  t === TYPE.TINY ||
  t === TYPE.SHORT ||
  t === TYPE.INT24 ||
  t === TYPE.LONG ||
  t === TYPE.LONGLONG ||
  t === TYPE.NEWDECIMAL ||
  t === TYPE.DECIMAL ||
  t === TYPE.FLOAT ||
  t === TYPE.DOUBLE ||
  t === TYPE.YEAR;
/** What the charset fields count. MariaDB counts geometry too, as a binary BLOB; MySQL does not. */
const isCharacter = (t: number, connector: Connector): boolean =>
  (t === TYPE.GEOMETRY && connector === 'mariadb') ||
  t === TYPE.STRING ||
  t === TYPE.VAR_STRING ||
  t === TYPE.VARCHAR ||
  (t >= TYPE.TINY_BLOB && t <= TYPE.BLOB) ||
  t === TYPE.BLOB_COMPRESSED ||
  t === TYPE.VARCHAR_COMPRESSED ||
  t === TYPE.VECTOR;
const isEnumOrSet = (t: number): boolean => t === TYPE.ENUM || t === TYPE.SET;

type Connector = 'mysql' | 'mariadb';

class Reader {
  readonly buf: Buffer;
  pos: number;
  constructor(buf: Buffer, pos: number) {
    this.buf = buf;
    this.pos = pos;
  }
  byte(): number {
    return this.buf[this.pos++] as number;
  }
  /** Length-encoded integer. */
  count(): number {
    const first = this.byte();
    if (first < 251) return first;
    const size = first === 252 ? 2 : first === 253 ? 3 : 8;
    const value = size === 8 ? Number(this.buf.readBigUInt64LE(this.pos)) : this.buf.readUIntLE(this.pos, size);
    this.pos += size;
    return value;
  }
  bytes(length: number): Buffer {
    const bytes = this.buf.subarray(this.pos, this.pos + length);
    this.pos += length;
    return bytes;
  }
  text(length: number): string {
    return this.bytes(length).utf8Slice();
  }
}

/** The table id of a TABLE_MAP or rows event's body: 6 bytes. */
export function rowsEventTableId(buf: Buffer, start: number): number {
  return buf.readUIntLE(start, 6);
}

/**
 * Parses the body of a TABLE_MAP event: `buf[start, end)`, after the 19-byte header, without checksum.
 * Throws CDC_ROW_DECODE (fatal) when it does not end where it says.
 */
export function parseTableMap(buf: Buffer, start: number, end: number, connector: Connector = 'mysql'): TableMap {
  try {
    return parse(buf, start, end, connector);
  } catch (cause) {
    if (cause instanceof CdcError) throw cause;
    throw new CdcError('CDC_ROW_DECODE', 'fatal', 'a TABLE_MAP event is malformed', { cause });
  }
}

function parse(buf: Buffer, start: number, end: number, connector: Connector): TableMap {
  const r = new Reader(buf, start + 8);
  const database = r.text(r.byte());
  r.pos++;
  const table = r.text(r.byte());
  r.pos++;
  const count = r.count();
  const types = r.bytes(count);
  const metaEnd = r.count() + r.pos;
  const columns: Draft[] = [];
  for (const type of types) columns.push(readColumn(r, type));
  if (r.pos !== metaEnd) throw malformed(database, table, 'column metadata has another length than announced');
  const nullBits = r.bytes((count + 7) >> 3);
  for (const [i, column] of columns.entries()) column.nullable = ((nullBits[i >> 3] as number) & (1 << (i & 7))) !== 0;
  const primaryKey: { column: number; prefix: number }[] = [];
  let named = false;
  while (r.pos < end) {
    const kind = r.byte();
    const length = r.count();
    const fieldEnd = r.pos + length;
    if (fieldEnd > end) throw malformed(database, table, `optional metadata ${kind} runs past the event`);
    if (kind === COLUMN_NAME) named = true;
    readOptional(r, kind, fieldEnd, columns, primaryKey, connector);
    if (r.pos !== fieldEnd) throw malformed(database, table, `optional metadata ${kind} has another length than announced`);
  }
  for (const column of columns) {
    if (column.rawLabels === null) continue;
    const charset = charsetOf((column.collation !== null && charsetOfCollation(column.collation)) || 'utf8mb4');
    column.labels = column.rawLabels.map((label) =>
      charset.name === 'binary' ? label.latin1Slice() : charset.decode(label, 0, label.length),
    );
  }
  return { tableId: rowsEventTableId(buf, start), flags: buf.readUInt16LE(start + 6), database, table, columns, named, primaryKey };
}

function malformed(database: string, table: string, what: string): CdcError {
  return new CdcError('CDC_ROW_DECODE', 'fatal', `table map of ${database}.${table}: ${what}`, {
    context: { table: `${database}.${table}` },
  });
}

function readColumn(r: Reader, code: number): Draft {
  let type = code;
  let meta = 0;
  switch (code) {
    case TYPE.FLOAT:
    case TYPE.DOUBLE:
    case TYPE.TIMESTAMP2:
    case TYPE.DATETIME2:
    case TYPE.TIME2:
    case TYPE.TINY_BLOB:
    case TYPE.MEDIUM_BLOB:
    case TYPE.LONG_BLOB:
    case TYPE.BLOB:
    case TYPE.BLOB_COMPRESSED:
    case TYPE.JSON:
    case TYPE.GEOMETRY:
    case TYPE.VECTOR:
      meta = r.byte();
      break;
    case TYPE.VARCHAR:
    case TYPE.VARCHAR_COMPRESSED:
      meta = r.byte() | (r.byte() << 8);
      break;
    case TYPE.BIT: {
      const bits = r.byte();
      meta = r.byte() * 8 + bits;
      break;
    }
    case TYPE.NEWDECIMAL:
      meta = (r.byte() << 8) | r.byte();
      break;
    case TYPE.STRING:
    case TYPE.VAR_STRING: {
      // The first byte is the real type, two of its bits borrowed for lengths above 255.
      const real = r.byte();
      const low = r.byte();
      if (real === TYPE.ENUM || real === TYPE.SET) {
        type = real;
        meta = low;
      } else meta = (((real << 4) & 0x300) ^ 0x300) + low;
      break;
    }
    case TYPE.ENUM:
    case TYPE.SET:
      meta = r.byte() | (r.byte() << 8);
      break;
  }
  return {
    type,
    meta,
    nullable: true,
    name: null,
    unsigned: null,
    collation: null,
    labels: null,
    geometryType: null,
    visible: null,
    dimension: null,
    rawLabels: null,
  };
}

function readOptional(
  r: Reader,
  kind: number,
  end: number,
  columns: Draft[],
  primaryKey: { column: number; prefix: number }[],
  connector: Connector,
): void {
  switch (kind) {
    case SIGNEDNESS:
      eachBit(
        r,
        columns.filter((c) => isNumeric(c.type)),
        (column, bit) => {
          column.unsigned = bit;
        },
      );
      return;
    case DEFAULT_CHARSET:
    case ENUM_AND_SET_DEFAULT_CHARSET: {
      const subset = columns.filter((c) => (kind === DEFAULT_CHARSET ? isCharacter(c.type, connector) : isEnumOrSet(c.type)));
      const collation = r.count();
      for (const column of subset) column.collation = collation;
      while (r.pos < end) {
        const column = subset[r.count()];
        const own = r.count();
        if (column !== undefined) column.collation = own;
      }
      return;
    }
    case COLUMN_CHARSET:
    case ENUM_AND_SET_COLUMN_CHARSET:
      for (const column of columns.filter((c) => (kind === COLUMN_CHARSET ? isCharacter(c.type, connector) : isEnumOrSet(c.type)))) {
        if (r.pos < end) column.collation = r.count();
      }
      return;
    case COLUMN_NAME:
      for (const column of columns) column.name = r.text(r.count());
      return;
    case SET_STR_VALUE:
    case ENUM_STR_VALUE:
      for (const column of columns.filter((c) => c.type === (kind === SET_STR_VALUE ? TYPE.SET : TYPE.ENUM))) {
        column.rawLabels = Array.from({ length: r.count() }, () => r.bytes(r.count()));
      }
      return;
    case GEOMETRY_TYPE:
      for (const column of columns.filter((c) => c.type === TYPE.GEOMETRY)) column.geometryType = r.count();
      return;
    case SIMPLE_PRIMARY_KEY:
      while (r.pos < end) primaryKey.push({ column: r.count(), prefix: 0 });
      return;
    case PRIMARY_KEY_WITH_PREFIX:
      while (r.pos < end) primaryKey.push({ column: r.count(), prefix: r.count() });
      return;
    case COLUMN_VISIBILITY:
      eachBit(r, columns, (column, bit) => {
        column.visible = bit;
      });
      return;
    case VECTOR_DIMENSIONALITY:
      for (const column of columns.filter((c) => c.type === TYPE.VECTOR)) column.dimension = r.count();
      return;
    default:
      // A newer server's: nothing that is needed to read rows of types we know.
      r.pos = end;
  }
}

/** Bitmaps of the optional metadata start with the highest bit. */
function eachBit(r: Reader, columns: readonly Draft[], set: (column: Draft, bit: boolean) => void): void {
  const bits = r.bytes((columns.length + 7) >> 3);
  columns.forEach((column, i) => {
    set(column, ((bits[i >> 3] as number) & (0x80 >> (i & 7))) !== 0);
  });
}
