import type { Schema } from '../../model/schema.ts';
import * as names from '../../model/semantic-types.ts';
import { quoteLiteral } from './dialect.ts';
import { compilePlan, rowText } from './row-plan.ts';
import { loadExpression, targetType } from './type-mapping.ts';

/**
 * What MySQL stores in the rows a table already has when a column is added: the DEFAULT, or for NOT NULL without one
 * the type's implicit default. As an SQL expression; null = NULL.
 */
export function fillValue(schema: Schema, sourceType: string | null = null): string | null {
  const value =
    schema.defaultValue !== undefined && schema.defaultValue !== null
      ? schema.defaultValue
      : schema.optional
        ? null
        : implicitDefault(schema);
  if (value === null || value === undefined) return null;
  const plan = compilePlan('', [{ field: { name: '', index: 0, schema }, name: '', key: false, sourceType }], 'clamp');
  const cell = rowText(plan, [value]).slice(1);
  if (cell === '\\N') return null;
  const text = cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell;
  return loadExpression(targetType(schema, sourceType).type, quoteLiteral(text));
}

function implicitDefault(s: Schema): unknown {
  if (s.name === names.JSON_TYPE) return 'null';
  if (s.name === names.DECIMAL) return '0';
  if (s.name === names.ENUM) return s.parameters?.['allowed']?.split(',')[0] ?? null;
  if (s.name === names.ZONED_TIMESTAMP || s.name === names.ISO_TIMESTAMP) return '1970-01-01T00:00:00Z';
  switch (s.type) {
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
    case 'float32':
    case 'float64':
      return 0;
    case 'boolean':
      return false;
    case 'string':
      return '';
    case 'bytes':
      return Buffer.alloc(0);
    case 'array':
    case 'map':
    case 'struct':
      return null;
    default:
      return s.type satisfies never;
  }
}
