import type { Field } from '../../model/schema.ts';
import type { TableSchema } from '../../model/table-schema.ts';
import type { TargetColumn } from './dialect.ts';
import { isSourceType, targetType } from './type-mapping.ts';

/**
 * The source's type of a column as far as its Connect schema does not tell it (`TIME(3)`, `VECTOR(2)`): what the schema's origin says,
 * else what the target column says by its type or COMMENT. Null when nobody knows.
 */
export function sourceTypeOf(schema: TableSchema, field: Field, column: TargetColumn | undefined): string | null {
  // A vector that came before its length was known.
  if (column?.type.startsWith('ARRAY')) return null;
  const told = schema.sourceTypes?.[field.index] ?? null;
  if (told !== null || column === undefined) return told;
  if (column.type.startsWith('VECTOR')) return column.type;
  return typeof column.comment === 'string' && isSourceType(column.comment) ? column.comment : null;
}

/** The target column for a field; `column` is what the target has of it already. */
export function wantedColumn(schema: TableSchema, field: Field, key: boolean, column: TargetColumn | undefined): TargetColumn {
  const sourceType = sourceTypeOf(schema, field, column);
  const { type } = targetType(field.schema, sourceType);
  const comment = type === 'VARCHAR' ? sourceType : null;
  return { name: field.name, type, nullable: !key || field.schema.optional, comment };
}

/** The COMMENT `column` should get, or null when it is right or somebody else's. */
export function commentFor(column: TargetColumn, wanted: TargetColumn): string | null {
  const now = column.comment ?? '';
  const next = wanted.comment ?? null;
  if (next === null || next === now || wanted.type !== column.type) return null;
  return now === '' || isSourceType(now) ? next : null;
}
