import type { Schema } from '../../model/schema.ts';
import * as names from '../../model/semantic-types.ts';

/** How a cell becomes text in the staged file; one small integer per column, switched over in cell-text.ts. */
export const CELL = {
  NUMBER: 0,
  TEXT: 1,
  BINARY: 2,
  DAYS: 3,
  MILLIS: 4,
  MICROS: 5,
  NANOS: 6,
  ISO_TIMESTAMP: 7,
  ISO_DATE: 8,
  TIME_MILLIS: 9,
  TIME_MICROS: 10,
  TIME_NANOS: 11,
  BITS: 12,
  GEOMETRY: 13,
  POINT: 14,
  JSON: 15,
  ISO_TIME: 16,
} as const;
export type CellKind = (typeof CELL)[keyof typeof CELL];

export interface TargetType {
  /** Databend type in the normal form of `normalType`. */
  readonly type: string;
  readonly cell: CellKind;
  /** Fraction digits of a TIME column; null when the schema does not tell. */
  readonly digits: number | null;
}

const of = (type: string, cell: CellKind, digits: number | null = null): TargetType => ({ type, cell, digits });

/** The Databend column for a Connect schema: the type table of the contract. `sourceType` as in TableSchema.sourceTypes. */
export function targetType(schema: Schema, sourceType: string | null = null): TargetType {
  return semantic(schema, sourceType) ?? plain(schema);
}

/** What a column's COMMENT may say of its source type: the sink writes it there, so that it is known without the source's schema. */
export function isSourceType(text: string): boolean {
  return /^(TIME\([0-6]\)|VECTOR\([1-9]\d*\))$/.test(text);
}

function numberIn(sourceType: string | null, name: 'TIME' | 'VECTOR'): number | null {
  return sourceType?.startsWith(`${name}(`) === true && isSourceType(sourceType) ? Number(sourceType.slice(name.length + 1, -1)) : null;
}

function semantic(s: Schema, sourceType: string | null): TargetType | null {
  switch (s.name) {
    case names.DECIMAL:
      return of(decimalType(s), CELL.TEXT);
    case names.DATE:
    case names.CONNECT_DATE:
      return of('DATE', CELL.DAYS);
    case names.ISO_DATE:
      return of('DATE', CELL.ISO_DATE);
    case names.TIMESTAMP:
    case names.CONNECT_TIMESTAMP:
      return of('TIMESTAMP', CELL.MILLIS);
    case names.MICRO_TIMESTAMP:
      return of('TIMESTAMP', CELL.MICROS);
    case names.NANO_TIMESTAMP:
      return of('TIMESTAMP', CELL.NANOS);
    case names.ISO_TIMESTAMP:
    case names.ZONED_TIMESTAMP:
      return of('TIMESTAMP', CELL.ISO_TIMESTAMP);
    case names.TIME:
    case names.CONNECT_TIME:
      return of('VARCHAR', CELL.TIME_MILLIS, digitsOf(s, sourceType));
    case names.MICRO_TIME:
      return of('VARCHAR', CELL.TIME_MICROS, digitsOf(s, sourceType));
    case names.NANO_TIME:
      return of('VARCHAR', CELL.TIME_NANOS, digitsOf(s, sourceType));
    case names.ISO_TIME:
      return of('VARCHAR', CELL.ISO_TIME, digitsOf(s, sourceType));
    case names.JSON_TYPE:
      return of('VARIANT', CELL.TEXT);
    case names.BITS:
      return of('BIGINT UNSIGNED', CELL.BITS);
    case names.GEOMETRY:
      return of('GEOMETRY', CELL.GEOMETRY);
    case names.POINT:
      return of('GEOMETRY', CELL.POINT);
    case names.FLOAT_VECTOR: {
      const parameter = s.parameters?.['dimension'] ?? s.parameters?.['__debezium.source.column.length'];
      const n = numberIn(sourceType, 'VECTOR') ?? Number(parameter ?? Number.NaN);
      return of(Number.isInteger(n) && n > 0 ? `VECTOR(${n})` : 'ARRAY(FLOAT)', CELL.JSON);
    }
    default:
      return null;
  }
}

function plain(s: Schema): TargetType {
  switch (s.type) {
    case 'int8':
      return of('TINYINT', CELL.NUMBER);
    case 'int16':
      return of('SMALLINT', CELL.NUMBER);
    case 'int32':
      return of('INT', CELL.NUMBER);
    case 'int64':
      return of('BIGINT', CELL.NUMBER);
    case 'float32':
      return of('FLOAT', CELL.NUMBER);
    case 'float64':
      return of('DOUBLE', CELL.NUMBER);
    case 'boolean':
      return of('BOOLEAN', CELL.NUMBER);
    case 'string':
      return of('VARCHAR', CELL.TEXT);
    case 'bytes':
      return of('BINARY', CELL.BINARY);
    case 'array':
    case 'map':
    case 'struct':
      return of('VARIANT', CELL.JSON);
    default:
      return s.type satisfies never;
  }
}

/** Precision absent (not Debezium's): as wide as Databend goes, so nothing is lost. */
function decimalType(s: Schema): string {
  const scale = Number(s.parameters?.['scale'] ?? 0);
  const precision = Number(s.parameters?.['connect.decimal.precision'] ?? 76);
  if (precision > 76 || scale > precision || scale < 0) return 'VARCHAR';
  return `DECIMAL(${Math.max(precision, 1)}, ${scale})`;
}

function digitsOf(s: Schema, sourceType: string | null): number | null {
  const told = numberIn(sourceType, 'TIME');
  if (told !== null) return told;
  const text = s.parameters?.['__debezium.source.column.length'];
  const n = text === undefined ? Number.NaN : Number(text);
  return Number.isInteger(n) && n >= 0 && n <= 6 ? n : null;
}

/** The expression that makes a value of `type` from the staged text `field` (`$3`). Exact or an error, never rounded. */
export function loadExpression(type: string, field: string): string {
  if (type === 'VARCHAR') return field;
  if (type === 'BINARY') return `unhex(${field})`;
  if (type === 'VARIANT') return `parse_json(${field})`;
  if (type === 'GEOMETRY') return `st_geomfromewkb(unhex(${field}))`;
  // The cast to VECTOR runs over NULL rows too, even inside IF, and finds them too short (1006): they get zeros to cast, and then the missing 2nd of one element.
  if (type.startsWith('VECTOR'))
    return `get([parse_json(COALESCE(${field}, '${zeroVector(type)}'))::ARRAY(FLOAT)::${type}], IF(${field} IS NULL, 2, 1))`;
  if (type.startsWith('ARRAY')) return `parse_json(${field})::${type}`;
  return `${field}::${type}`;
}

function zeroVector(type: string): string {
  return JSON.stringify(new Array(Number(/\d+/.exec(type)?.[0] ?? 1)).fill(0));
}

/** NULL where `loadExpression` would fail, to find the column a failed load is about. */
export function tryExpression(type: string, field: string): string | null {
  if (type === 'VARCHAR' || type === 'BINARY') return null;
  if (type === 'VARIANT' || type.startsWith('VECTOR') || type.startsWith('ARRAY')) return `try_parse_json(${field})`;
  if (type === 'GEOMETRY') return null;
  return `try_cast(${field} AS ${type})`;
}

const SYNONYMS: Readonly<Record<string, string>> = {
  STRING: 'VARCHAR',
  TEXT: 'VARCHAR',
  CHAR: 'VARCHAR',
  JSON: 'VARIANT',
  INTEGER: 'INT',
  'INTEGER UNSIGNED': 'INT UNSIGNED',
  INT32: 'INT',
  FLOAT32: 'FLOAT',
  FLOAT64: 'DOUBLE',
};

/** The spelling types are compared in: upper case, one space, synonyms resolved. */
export function normalType(text: string): string {
  const t = text
    .toUpperCase()
    .replace(/\s+/g, ' ')
    .replace(/ NULL\b/g, '')
    .trim();
  const decimal = /^DECIMAL\((\d+), ?(\d+)\)$/.exec(t);
  if (decimal) return `DECIMAL(${decimal[1]}, ${decimal[2]})`;
  const arrayOf = /^ARRAY\((.*)\)$/.exec(t);
  if (arrayOf) return `ARRAY(${normalType(arrayOf[1] as string)})`;
  return SYNONYMS[t] ?? t;
}

const INTEGER_TYPES: readonly (readonly [type: string, min: bigint, max: bigint])[] = [
  ['TINYINT', -128n, 127n],
  ['TINYINT UNSIGNED', 0n, 255n],
  ['SMALLINT', -32768n, 32767n],
  ['SMALLINT UNSIGNED', 0n, 65535n],
  ['INT', -(2n ** 31n), 2n ** 31n - 1n],
  ['INT UNSIGNED', 0n, 2n ** 32n - 1n],
  ['BIGINT', -(2n ** 63n), 2n ** 63n - 1n],
  ['BIGINT UNSIGNED', 0n, 2n ** 64n - 1n],
];

interface DecimalShape {
  readonly integral: number;
  readonly scale: number;
}

function decimalShape(type: string): DecimalShape | null {
  const m = /^DECIMAL\((\d+), (\d+)\)$/.exec(type);
  if (m) return { integral: Number(m[1]) - Number(m[2]), scale: Number(m[2]) };
  const int = INTEGER_TYPES.find(([t]) => t === type);
  return int === undefined ? null : { integral: String(int[2]).length, scale: 0 };
}

/**
 * The narrowest type holding every value of both without changing one; null when there is none.
 * Equal to `current` when the column can stay as it is.
 */
export function commonType(current: string, wanted: string): string | null {
  if (current === wanted) return current;
  const a = INTEGER_TYPES.find(([t]) => t === current);
  const b = INTEGER_TYPES.find(([t]) => t === wanted);
  if (a && b) {
    const holdsBoth = ([, lo, hi]: (typeof INTEGER_TYPES)[number]): boolean => lo <= a[1] && lo <= b[1] && hi >= a[2] && hi >= b[2];
    return [a, b, ...INTEGER_TYPES].find(holdsBoth)?.[0] ?? 'DECIMAL(20, 0)';
  }
  const x = decimalShape(current);
  const y = decimalShape(wanted);
  if (x && y) {
    const integral = Math.max(x.integral, y.integral);
    const scale = Math.max(x.scale, y.scale);
    return integral + scale <= 76 ? `DECIMAL(${integral + scale}, ${scale})` : null;
  }
  const pair = new Set([current, wanted]);
  if (pair.has('FLOAT') && pair.has('DOUBLE')) return 'DOUBLE';
  if (pair.has('DATE') && pair.has('TIMESTAMP')) return 'TIMESTAMP';
  if (pair.has('VARCHAR')) {
    const other = current === 'VARCHAR' ? wanted : current;
    if (decimalShape(other) !== null || other === 'DATE' || other === 'TIMESTAMP' || other === 'BOOLEAN') return 'VARCHAR';
  }
  return null;
}

/**
 * Whether ALTER may turn `current` into `wanted` because the source did the same with its values: a conversion
 * Databend does exactly as MySQL does, or refuses. Floating point to anything exact is not one.
 */
export function convertible(current: string, wanted: string): boolean {
  const from = decimalShape(current);
  const to = decimalShape(wanted);
  if (from && to) return true;
  if (to !== null || wanted === 'DATE' || wanted === 'TIMESTAMP' || wanted === 'VARIANT' || wanted === 'DOUBLE')
    return current === 'VARCHAR';
  return false;
}
