import { CdcError } from '../../../model/errors.ts';
import { array, primitive, type Schema, type SchemaOptions, struct } from '../../../model/schema.ts';
import {
  BITS,
  CONNECT_DATE,
  CONNECT_TIME,
  CONNECT_TIMESTAMP,
  DATE,
  DECIMAL,
  ENUM,
  ENUM_SET,
  FLOAT_VECTOR,
  GEOMETRY,
  ISO_DATE,
  ISO_TIME,
  ISO_TIMESTAMP,
  JSON_TYPE,
  MICRO_TIME,
  MICRO_TIMESTAMP,
  NANO_TIME,
  NANO_TIMESTAMP,
  POINT,
  TIMESTAMP,
  UUID,
  YEAR,
  ZONED_TIMESTAMP,
} from '../../../model/semantic-types.ts';
import type { Column } from '../../../relational/table.ts';
import type { CodecOptions } from './codec-options.ts';

/** What a column holds, whatever its spelling in the DDL. */
export type ColumnKind =
  | 'tinyint'
  | 'boolean'
  | 'smallint'
  | 'mediumint'
  | 'int'
  | 'bigint'
  | 'float'
  | 'double'
  | 'decimal'
  | 'bit'
  | 'date'
  | 'time'
  | 'datetime'
  | 'timestamp'
  | 'year'
  | 'text'
  | 'binary'
  | 'enum'
  | 'set'
  | 'json'
  | 'geometry'
  | 'point'
  | 'vector'
  | 'uuid'
  | 'inet4'
  | 'inet6';

export interface ColumnType {
  readonly kind: ColumnKind;
  readonly unsigned: boolean;
  /** Fraction digits of TIME, DATETIME, TIMESTAMP; 0 otherwise. */
  readonly fraction: number;
  /** Bytes a BINARY(n) is padded to; 0 for other types. */
  readonly padTo: number;
}

/** Every spelling MySQL and MariaDB accept, without modifiers. */
const KINDS: Readonly<Record<string, ColumnKind>> = {
  TINYINT: 'tinyint',
  INT1: 'tinyint',
  BOOLEAN: 'boolean',
  BOOL: 'boolean',
  SMALLINT: 'smallint',
  INT2: 'smallint',
  MEDIUMINT: 'mediumint',
  INT3: 'mediumint',
  MIDDLEINT: 'mediumint',
  INT: 'int',
  INTEGER: 'int',
  INT4: 'int',
  BIGINT: 'bigint',
  INT8: 'bigint',
  SERIAL: 'bigint',
  FLOAT: 'float',
  FLOAT4: 'float',
  FLOAT8: 'double',
  REAL: 'double',
  DOUBLE: 'double',
  'DOUBLE PRECISION': 'double',
  DECIMAL: 'decimal',
  DEC: 'decimal',
  NUMERIC: 'decimal',
  FIXED: 'decimal',
  NUMBER: 'decimal',
  BIT: 'bit',
  DATE: 'date',
  TIME: 'time',
  DATETIME: 'datetime',
  TIMESTAMP: 'timestamp',
  YEAR: 'year',
  CHAR: 'text',
  CHARACTER: 'text',
  NCHAR: 'text',
  'NATIONAL CHAR': 'text',
  'NATIONAL CHARACTER': 'text',
  VARCHAR: 'text',
  VARCHAR2: 'text',
  VARCHARACTER: 'text',
  'CHAR VARYING': 'text',
  'CHARACTER VARYING': 'text',
  NVARCHAR: 'text',
  'NCHAR VARCHAR': 'text',
  'NCHAR VARYING': 'text',
  'NATIONAL VARCHAR': 'text',
  'NATIONAL VARCHARACTER': 'text',
  'NATIONAL CHAR VARYING': 'text',
  'NATIONAL CHARACTER VARYING': 'text',
  TINYTEXT: 'text',
  TEXT: 'text',
  MEDIUMTEXT: 'text',
  LONGTEXT: 'text',
  LONG: 'text',
  'LONG VARCHAR': 'text',
  'LONG CHAR VARYING': 'text',
  CLOB: 'text',
  BINARY: 'binary',
  'CHAR BYTE': 'binary',
  VARBINARY: 'binary',
  RAW: 'binary',
  'LONG VARBINARY': 'binary',
  TINYBLOB: 'binary',
  BLOB: 'binary',
  MEDIUMBLOB: 'binary',
  LONGBLOB: 'binary',
  ENUM: 'enum',
  SET: 'set',
  JSON: 'json',
  GEOMETRY: 'geometry',
  POINT: 'point',
  LINESTRING: 'geometry',
  POLYGON: 'geometry',
  MULTIPOINT: 'geometry',
  MULTILINESTRING: 'geometry',
  MULTIPOLYGON: 'geometry',
  GEOMCOLLECTION: 'geometry',
  GEOMETRYCOLLECTION: 'geometry',
  VECTOR: 'vector',
  UUID: 'uuid',
  INET4: 'inet4',
  INET6: 'inet6',
};

/** Classifies a column by its type name. Throws CDC_MYSQL_TYPE_UNKNOWN (fatal). */
export function columnType(column: Column, connector: 'mysql' | 'mariadb'): ColumnType {
  const words = column.typeName.toUpperCase().trim().split(/\s+/);
  let unsigned = false;
  while (words.length > 1) {
    const last = words.at(-1) as string;
    if (last === 'UNSIGNED' || last === 'ZEROFILL') unsigned = true;
    else if (last !== 'SIGNED' && last !== 'COMPRESSED' && !(last === 'BINARY' && words[0] !== 'LONG')) break;
    words.pop();
  }
  const base = words.join(' ');
  let kind = KINDS[base];
  if (kind === undefined) {
    throw new CdcError('CDC_MYSQL_TYPE_UNKNOWN', 'fatal', `column "${column.name}": type "${column.typeName}" is not known`, {
      hint: 'exclude the column with column.exclude.list',
      context: { column: column.name, type: column.typeName },
    });
  }
  if (base === 'SERIAL') unsigned = true;
  if (kind === 'text' && column.charsetName?.toLowerCase() === 'binary') kind = 'binary';
  // FLOAT(25…53) is a DOUBLE to the server.
  if (kind === 'float' && column.scale === null && (column.length ?? 0) > 24) kind = 'double';
  // MariaDB's JSON is an alias of LONGTEXT, and its text is what was written.
  if (kind === 'json' && connector === 'mariadb') kind = 'text';
  const temporal = kind === 'time' || kind === 'datetime' || kind === 'timestamp';
  const fixedBinary = kind === 'binary' && (base === 'BINARY' || base === 'CHAR' || base === 'CHAR BYTE' || base === 'CHARACTER');
  return {
    kind,
    unsigned,
    fraction: temporal ? (column.length ?? 0) : 0,
    padTo: fixedBinary ? (column.length ?? 1) : 0,
  };
}

/** How the temporal types come out, by `time.precision.mode`. */
const DATE_NAMES = { adaptive_time_microseconds: DATE, connect: CONNECT_DATE, isostring: ISO_DATE, microseconds: DATE, nanoseconds: DATE };
const TIME_NAMES = {
  adaptive_time_microseconds: MICRO_TIME,
  connect: CONNECT_TIME,
  isostring: ISO_TIME,
  microseconds: MICRO_TIME,
  nanoseconds: NANO_TIME,
};

function datetimeName(options: CodecOptions, fraction: number): string {
  switch (options.timePrecision) {
    case 'adaptive_time_microseconds':
      return fraction > 3 ? MICRO_TIMESTAMP : TIMESTAMP;
    case 'connect':
      return CONNECT_TIMESTAMP;
    case 'isostring':
      return ISO_TIMESTAMP;
    case 'microseconds':
      return MICRO_TIMESTAMP;
    case 'nanoseconds':
      return NANO_TIMESTAMP;
  }
}

/**
 * The Connect schema of a column by the handling modes; `o` brings what is the column's own: optional, default,
 * doc, parameters. As Debezium 3.6 maps them (recorded schemas are the measure).
 */
export function columnSchema(column: Column, type: ColumnType, options: CodecOptions, o: SchemaOptions): Schema {
  const named = (name: string, parameters: Record<string, string> | null = null): SchemaOptions => ({
    ...o,
    name,
    version: 1,
    parameters: parameters === null && o.parameters == null ? null : { ...parameters, ...o.parameters },
  });
  switch (type.kind) {
    case 'boolean':
      return primitive('boolean', o);
    case 'tinyint':
      return primitive('int16', o);
    case 'smallint':
      return primitive(type.unsigned ? 'int32' : 'int16', o);
    case 'mediumint':
      return primitive('int32', o);
    case 'int':
      return primitive(type.unsigned ? 'int64' : 'int32', o);
    case 'bigint':
      if (!type.unsigned || options.bigintUnsigned !== 'precise') return primitive('int64', o);
      return primitive('bytes', named(DECIMAL, { scale: '0', 'connect.decimal.precision': '20' }));
    case 'float':
      return primitive(column.scale === null ? 'float32' : 'float64', o);
    case 'double':
      return primitive('float64', o);
    case 'decimal':
      if (options.decimalHandling === 'double') return primitive('float64', o);
      if (options.decimalHandling === 'string') return primitive('string', o);
      return primitive(
        'bytes',
        named(DECIMAL, { scale: String(column.scale ?? 0), 'connect.decimal.precision': String(column.length ?? 10) }),
      );
    case 'bit':
      if ((column.length ?? 1) === 1) return primitive('boolean', o);
      return primitive('bytes', named(BITS, { length: String(column.length) }));
    case 'date':
      return primitive(options.timePrecision === 'isostring' ? 'string' : 'int32', named(DATE_NAMES[options.timePrecision]));
    case 'time': {
      const mode = options.timePrecision;
      return primitive(mode === 'isostring' ? 'string' : mode === 'connect' ? 'int32' : 'int64', named(TIME_NAMES[mode]));
    }
    case 'datetime':
      return primitive(options.timePrecision === 'isostring' ? 'string' : 'int64', named(datetimeName(options, type.fraction)));
    case 'timestamp':
      return primitive('string', named(ZONED_TIMESTAMP));
    case 'year':
      return primitive('int32', named(YEAR));
    case 'text':
    case 'inet4':
    case 'inet6':
      return primitive('string', o);
    case 'binary':
      return primitive(options.binaryHandling === 'bytes' ? 'bytes' : 'string', o);
    case 'enum':
      return primitive('string', named(ENUM, { allowed: allowed(column) }));
    case 'set':
      return primitive('string', named(ENUM_SET, { allowed: allowed(column) }));
    case 'json':
      return primitive('string', named(JSON_TYPE));
    case 'uuid':
      return primitive('string', named(UUID));
    case 'geometry':
      return struct(
        [
          ['wkb', primitive('bytes')],
          ['srid', primitive('int32', { optional: true })],
        ],
        { ...named(GEOMETRY), doc: o.doc ?? 'Geometry' },
      );
    case 'point':
      return struct(
        [
          ['x', primitive('float64')],
          ['y', primitive('float64')],
          ['wkb', primitive('bytes', { optional: true })],
          ['srid', primitive('int32', { optional: true })],
        ],
        { ...named(POINT), doc: o.doc ?? 'Geometry (POINT)' },
      );
    case 'vector':
      return array(primitive('float32'), named(FLOAT_VECTOR));
    default:
      return type.kind satisfies never;
  }
}

/** Members of an ENUM or SET as text: `'it''s'` → `it's`. */
export function labelsOf(column: Column): readonly string[] {
  return (column.enumValues ?? []).map((literal) => {
    if (!literal.startsWith("'") || !literal.endsWith("'") || literal.length < 2) return literal;
    return literal.slice(1, -1).replaceAll("''", "'");
  });
}

/** Debezium escapes commas within a label here, and only here. */
function allowed(column: Column): string {
  return labelsOf(column)
    .map((label) => label.replaceAll(',', '\\,'))
    .join(',');
}
