import type { Column } from '../../../relational/table.ts';
import { maxBytesOf, resolveCharset } from './collations.ts';
import type { ColumnDefinition, DefaultSpec, TypeSpec } from './ddl-statement.ts';

export interface ColumnContext {
  readonly connector: 'mysql' | 'mariadb';
  /** Of the table. */
  readonly charset: string | null;
  readonly collation: string | null;
  /** Off: TIMESTAMP is NOT NULL unless said otherwise, with the defaults of old. */
  readonly explicitDefaultsForTimestamp: boolean;
}

/** `java.sql.Types` as Debezium assigns them; everything else is OTHER. */
const JDBC: Readonly<Record<string, number>> = {
  BIT: -7,
  TINYINT: 5,
  INT1: 5,
  SMALLINT: 5,
  INT2: 5,
  MEDIUMINT: 4,
  INT3: 4,
  MIDDLEINT: 4,
  INT: 4,
  INTEGER: 4,
  INT4: 4,
  BIGINT: -5,
  INT8: -5,
  BOOL: 16,
  BOOLEAN: 16,
  DECIMAL: 3,
  DEC: 3,
  FIXED: 3,
  NUMBER: 3,
  NUMERIC: 2,
  FLOAT: 6,
  FLOAT4: 6,
  FLOAT8: 8,
  REAL: 7,
  DOUBLE: 8,
  'DOUBLE PRECISION': 8,
  DATE: 91,
  TIME: 92,
  DATETIME: 93,
  TIMESTAMP: 2014,
  YEAR: 4,
  CHAR: 1,
  CHARACTER: 1,
  ENUM: 1,
  SET: 1,
  NCHAR: -15,
  'NATIONAL CHAR': -15,
  'NATIONAL CHARACTER': -15,
  NVARCHAR: -9,
  'NCHAR VARCHAR': -9,
  'NCHAR VARYING': -9,
  'NATIONAL VARCHAR': -9,
  'NATIONAL VARCHARACTER': -9,
  'NATIONAL CHAR VARYING': -9,
  'NATIONAL CHARACTER VARYING': -9,
  BINARY: -2,
  VARBINARY: -3,
  RAW: -3,
  TINYBLOB: 2004,
  BLOB: 2004,
  MEDIUMBLOB: 2004,
  LONGBLOB: 2004,
  'LONG VARBINARY': 2004,
  OTHER: 1111,
};

const TEXT = /^(TINYTEXT|TEXT|MEDIUMTEXT|LONGTEXT|CLOB|LONG|LONG VARCHAR)$/;
const CHARACTER = /CHAR/;
const NATIONAL = /^(N|NATIONAL)/;

/** What a character type becomes under CHARACTER SET binary. */
const BINARY_TWIN: Readonly<Record<string, string>> = {
  TINYTEXT: 'TINYBLOB',
  TEXT: 'BLOB',
  MEDIUMTEXT: 'MEDIUMBLOB',
  LONGTEXT: 'LONGBLOB',
  CLOB: 'LONGBLOB',
  LONG: 'MEDIUMBLOB',
  'LONG VARCHAR': 'MEDIUMBLOB',
};

/** True for types whose values are characters of some set. */
export function isCharacterType(typeName: string): boolean {
  return TEXT.test(typeName) || (CHARACTER.test(typeName) && typeName !== 'LONG VARBINARY') || typeName === 'ENUM' || typeName === 'SET';
}

function jdbcType(name: string): number {
  return JDBC[name] ?? (TEXT.test(name) || CHARACTER.test(name) ? 12 : (JDBC['OTHER'] as number));
}

interface Shape {
  readonly name: string;
  readonly length: number | null;
  readonly scale: number | null;
  readonly charset: string | null;
  readonly collation: string | null;
}

/** Type as the server keeps it where its spelling alone would mislead: binary charsets, MariaDB's JSON. */
function shape(type: TypeSpec, context: ColumnContext): Shape {
  let { name, length, scale } = type;
  // MariaDB's JSON is LONGTEXT with a check; that is also what SHOW CREATE TABLE says.
  if (name === 'JSON' && context.connector === 'mariadb') {
    return { name: 'LONGTEXT', length: null, scale: null, charset: 'utf8mb4', collation: 'utf8mb4_bin' };
  }
  if (name === 'DECIMAL' || name === 'DEC' || name === 'NUMERIC' || name === 'FIXED' || name === 'NUMBER') {
    length = length === null || length === 0 ? 10 : length;
    scale ??= 0;
  }
  if (length === null && /^(BIT|CHAR|CHARACTER|NCHAR|NATIONAL CHAR|NATIONAL CHARACTER|BINARY)$/.test(name)) length = 1;
  if (name === 'VECTOR') length ??= 2048;
  if (name === 'ENUM') length = 1;
  if (name === 'SET') length = Math.max(0, 2 * (type.members?.length ?? 0) - 1);
  if (!isCharacterType(name)) return { name, length, scale, charset: null, collation: null };
  const inherited = NATIONAL.test(name) ? { charset: 'utf8mb3', collation: null } : context;
  const { charset, collation } = resolveCharset(type, inherited);
  if (charset !== 'binary' || name === 'ENUM' || name === 'SET') return { name, length, scale, charset, collation };
  const twin = BINARY_TWIN[name] ?? (/VAR/.test(name) ? 'VARBINARY' : 'BINARY');
  return { name: twin, length, scale, charset: null, collation: null };
}

/** A member as SQL literal, in standard SQL: only quotes are doubled. Servers cut trailing spaces off. */
function quote(member: string): string {
  return `'${member.replace(/ +$/, '').replaceAll("'", "''")}'`;
}

/** The column a definition makes in a table with these defaults. `position` is 1-based. */
export function buildColumn(d: ColumnDefinition, position: number, context: ColumnContext): Column {
  const serial = d.type.name === 'SERIAL';
  const type: TypeSpec = serial ? { ...d.type, name: 'BIGINT', unsigned: true } : d.type;
  const s = shape(type, context);
  const autoIncremented = d.autoIncrement || serial;
  const oldTimestamp = type.name === 'TIMESTAMP' && !context.explicitDefaultsForTimestamp;
  const optional = d.nullable === null ? !(serial || d.autoIncrement || d.primaryKey || oldTimestamp) : d.nullable && !d.primaryKey;
  const typeName = s.name + (type.unsigned ? ' UNSIGNED' : '') + (type.zerofill ? ' ZEROFILL' : '');
  return {
    name: d.name,
    position,
    jdbcType: jdbcType(s.name),
    typeName,
    typeExpression: typeName,
    charsetName: s.charset,
    collation: s.collation,
    length: s.length,
    scale: s.scale,
    optional,
    autoIncremented: autoIncremented || d.onUpdateNow,
    generated: autoIncremented || d.onUpdateNow,
    computed: d.computed,
    invisible: d.invisible,
    srid: d.srid,
    comment: d.comment === '' ? null : d.comment,
    ...defaultOf(d.default, optional, s.name),
    enumValues: type.members === null ? null : type.members.map(quote),
  };
}

/** Debezium's reading of DEFAULT: a nullable column without one has NULL, CURRENT_TIMESTAMP is the epoch, expressions count as none. */
export function defaultOf(
  d: DefaultSpec | null,
  optional: boolean,
  typeName: string,
): Pick<Column, 'hasDefault' | 'defaultValueExpression'> {
  switch (d?.kind) {
    case 'literal':
      return { hasDefault: true, defaultValueExpression: d.text };
    case 'number':
    case 'hex':
    case 'bits':
      return { hasDefault: true, defaultValueExpression: literalText(d.kind, d.text, typeName) };
    case 'now':
      return { hasDefault: true, defaultValueExpression: '1970-01-01 00:00:00' };
    default:
      return { hasDefault: optional, defaultValueExpression: null };
  }
}

/** A literal that is no string: binary digits for BIT, decimal for numbers, characters for everything else. */
function literalText(kind: 'number' | 'hex' | 'bits', text: string, typeName: string): string {
  const value = (): bigint => BigInt(kind === 'hex' ? `0x${text || '0'}` : kind === 'bits' ? `0b${text || '0'}` : text);
  if (typeName === 'BIT') return kind === 'bits' ? text : /^\d+$|^[\da-f]+$/i.test(text) ? value().toString(2) : text;
  if (kind === 'number') return text;
  if (!isCharacterType(typeName) && !/BINARY|BLOB|RAW/.test(typeName)) return value().toString();
  return hexText(kind === 'hex' ? text : value().toString(16));
}

/** A hexadecimal literal as text when its bytes are text, else as written (`0xFF`). */
function hexText(digits: string): string {
  const bytes = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : `0x${digits}`;
}

/** NOT NULL, because the column became part of a key. */
export function notNull(column: Column): Column {
  if (!column.optional) return column;
  return { ...column, optional: false, hasDefault: column.hasDefault && column.defaultValueExpression !== null };
}

const LARGER: Readonly<Record<string, string>> = { TINYTEXT: 'TEXT', TEXT: 'MEDIUMTEXT', MEDIUMTEXT: 'LONGTEXT' };

/** CONVERT TO CHARACTER SET: TEXT types grow a size when characters may need more bytes than before. */
export function convertColumn(column: Column, charset: string, collation: string | null): Column {
  if (column.charsetName === null) return column;
  if (charset === 'binary' && column.enumValues === null) {
    const name = BINARY_TWIN[column.typeName] ?? (/VAR/.test(column.typeName) ? 'VARBINARY' : 'BINARY');
    return { ...column, typeName: name, typeExpression: name, jdbcType: jdbcType(name), charsetName: null, collation: null };
  }
  const grows = maxBytesOf(charset) > maxBytesOf(column.charsetName);
  const typeName = grows ? (LARGER[column.typeName] ?? column.typeName) : column.typeName;
  return { ...column, typeName, typeExpression: typeName, charsetName: charset, collation };
}
