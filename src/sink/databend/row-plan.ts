import { UNAVAILABLE } from '../../model/chunk.ts';
import { CdcError } from '../../model/errors.ts';
import type { Field, Schema } from '../../model/schema.ts';
import {
  bitsText,
  CellOutOfRange,
  dateText,
  ewkbHex,
  isoDateText,
  isoTimestampText,
  isoTimeText,
  microsText,
  millisText,
  nanosText,
  type RangePolicy,
  timeText,
} from './cell-text.ts';
import type { LoadColumn } from './dialect.ts';
import { CELL, type CellKind, loadExpression, type TargetType, targetType } from './type-mapping.ts';

/** One column of a load: the target's column and how its cell becomes text. */
export interface PlanColumn extends LoadColumn {
  /** Ordinal within the `Row`. */
  readonly ordinal: number;
  readonly type: string;
  readonly cell: CellKind;
  readonly digits: number | null;
  readonly schema: Schema;
}

/** How rows of one table version are written. Compiled once per version. */
export interface RowPlan {
  /** `database.table`, for messages. */
  readonly table: string;
  readonly columns: readonly PlanColumn[];
  readonly policy: RangePolicy;
}

/** `name` is what the target calls the field, `sourceType` as in TableSchema.sourceTypes; fields not in `fields` are not written. */
export function compilePlan(
  table: string,
  fields: readonly { readonly field: Field; readonly name: string; readonly key: boolean; readonly sourceType?: string | null }[],
  policy: RangePolicy,
): RowPlan {
  return {
    table,
    policy,
    columns: fields.map(({ field, name, key, sourceType = null }, i) => {
      const t: TargetType = targetType(field.schema, sourceType);
      return {
        ordinal: field.index,
        name,
        key,
        nullable: field.schema.optional,
        expression: loadExpression(t.type, `$${i + 2}`),
        type: t.type,
        cell: t.cell,
        digits: t.digits,
        schema: field.schema,
      };
    }),
  };
}

/**
 * The row's CSV fields, each with a comma before it; SQL NULL is `\N` without quotes, everything that could be
 * misread is quoted. Absent cells are written as NULL (the caller says which those are).
 * Hot path: plain loop and switch, measured in test/integration/databend-sink.test.ts.
 */
export function rowText(plan: RowPlan, row: readonly unknown[]): string {
  const columns = plan.columns;
  let out = '';
  for (let i = 0; i < columns.length; i++) {
    const c = columns[i] as PlanColumn;
    const v = row[c.ordinal];
    if (v === null || v === undefined || v === UNAVAILABLE) {
      out += ',\\N';
      continue;
    }
    switch (c.cell) {
      case CELL.NUMBER:
        out += v === 0 && Object.is(v, -0) ? ',-0' : `,${v as number}`;
        break;
      case CELL.TEXT:
        out += `,${quoted(v as string, plan, c)}`;
        break;
      default:
        out += rare(plan, c, v);
    }
  }
  return out;
}

function quoted(text: string, plan: RowPlan, c: PlanColumn): string {
  if (!text.isWellFormed())
    throw new CdcError('CDC_VALUE_CONVERT', 'data', `column ${plan.table}.${c.name}: a text is not valid Unicode`, {
      hint: 'a lone surrogate cannot be stored as UTF-8; correct the value at the source',
    });
  return text.includes('"') ? `"${text.replaceAll('"', '""')}"` : `"${text}"`;
}

/** Cells that need more than a look: `,text` or `,\N`. */
function rare(plan: RowPlan, c: PlanColumn, v: unknown): string {
  try {
    const text = cellText(c, v, plan.policy);
    return text === null ? ',\\N' : `,${quoted(text, plan, c)}`;
  } catch (error) {
    if (error instanceof CellOutOfRange)
      throw new CdcError('CDC_DATABEND_VALUE_RANGE', 'data', `column ${plan.table}.${c.name}: a value is outside what ${c.type} can hold`, {
        hint: 'Databend ends at 9999-12-30 21:59:59.999999 (DATE: 9999-12-31) and starts at 0001-01-01; value.range.policy=clamp or null stores the limit or NULL instead',
        context: { table: plan.table, column: c.name, type: c.type },
      });
    if (error instanceof CdcError && error.code === 'CDC_VALUE_CONVERT')
      throw new CdcError(error.code, error.kind, `column ${plan.table}.${c.name}: ${error.message}`, {
        ...(error.hint === null ? {} : { hint: error.hint }),
        context: { table: plan.table, column: c.name },
      });
    throw error;
  }
}

function cellText(c: PlanColumn, v: unknown, policy: RangePolicy): string | null {
  switch (c.cell) {
    case CELL.NUMBER:
      return String(v);
    case CELL.TEXT:
      return v as string;
    case CELL.BINARY:
      return (v as Buffer).toString('hex');
    case CELL.DAYS:
      return dateText(v as number, policy);
    case CELL.MILLIS:
      return millisText(v as number | bigint, policy);
    case CELL.MICROS:
      return microsText(v as number | bigint, policy);
    case CELL.NANOS:
      return nanosText(v as number | bigint, policy);
    case CELL.ISO_TIMESTAMP:
      return isoTimestampText(v as string, policy);
    case CELL.ISO_DATE:
      return isoDateText(v as string, policy);
    case CELL.TIME_MILLIS:
      return timeText(Number(v) * 1000, c.digits);
    case CELL.TIME_MICROS:
      return timeText(Number(v), c.digits);
    case CELL.TIME_NANOS:
      return timeText(Number(BigInt(v as number | bigint) / 1000n), c.digits);
    case CELL.ISO_TIME:
      return isoTimeText(v as string, c.digits);
    case CELL.BITS:
      return bitsText(v as Buffer);
    case CELL.GEOMETRY:
    case CELL.POINT:
      return geometryHex(c.schema, v as readonly unknown[]);
    case CELL.JSON:
      if (c.type.startsWith('VECTOR')) checkLength(c.type, v as readonly unknown[]);
      return JSON.stringify(plainJson(c.schema, v));
    default:
      return c.cell satisfies never;
  }
}

/** MySQL's VECTOR(n) holds up to n entries, Databend's exactly n. */
function checkLength(type: string, v: readonly unknown[]): void {
  if (type === `VECTOR(${v.length})`) return;
  throw new CdcError('CDC_VALUE_CONVERT', 'data', `a vector has ${v.length} entries, the column is ${type}`, {
    hint: 'give the vectors of the column one length, or create the target column as ARRAY(FLOAT) beforehand',
  });
}

function geometryHex(schema: Schema, value: readonly unknown[]): string | null {
  const at = (name: string): unknown => value[schema.fields.findIndex((f) => f.name === name)];
  const wkb = at('wkb');
  return wkb === null || wkb === undefined ? null : ewkbHex(wkb as Buffer, (at('srid') as number | null | undefined) ?? null);
}

/** A Connect value as JSON: structs and maps as objects, bytes as base64 (as Connect's JsonConverter), big integers with all digits. */
function plainJson(schema: Schema | null, v: unknown): unknown {
  if (v === null || v === undefined) return null;
  if (typeof v === 'bigint') return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(v.toString());
  if (Buffer.isBuffer(v)) return v.toString('base64');
  if (v instanceof Map) return Object.fromEntries([...v].map(([k, x]) => [String(k), plainJson(schema?.items ?? null, x)]));
  if (!Array.isArray(v)) return v;
  if (schema?.type === 'struct') return Object.fromEntries(schema.fields.map((f) => [f.name, plainJson(f.schema, v[f.index])]));
  return v.map((x) => plainJson(schema?.items ?? null, x));
}
