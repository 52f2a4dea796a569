import type { Row } from '../../../model/chunk.ts';
import type { TableSchema } from '../../../model/table-schema.ts';

export type UpdateKind = 'same-key' | 'new-key' | 'unchanged';

/** Equality of two column values in the representation of model/schema.ts. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null)
    return typeof a === 'number' && Number.isNaN(a) && Number.isNaN(b as number);
  if (Buffer.isBuffer(a)) return Buffer.isBuffer(b) && a.equals(b);
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((x, i) => sameValue(x, b[i]));
  return false;
}

/**
 * Cuts the rows of an update event from `from` on into runs of one kind, in order. Hot: one key comparison a row and no
 * allocation while the keys stay.
 */
export function changeRuns(
  schema: TableSchema,
  before: readonly Row[],
  after: readonly Row[],
  from: number,
  findUnchanged: boolean,
  run: (kind: UpdateKind, first: number, until: number) => void,
): void {
  const keys = schema.keyOrdinals;
  let first = from;
  let kind: UpdateKind = 'same-key';
  for (let i = from; i < before.length; i++) {
    const b = before[i] as Row;
    const a = after[i] as Row;
    let k: UpdateKind = 'same-key';
    for (let j = 0; j < keys.length; j++) {
      const ordinal = keys[j] as number;
      if (b[ordinal] !== a[ordinal] && !sameValue(b[ordinal], a[ordinal])) {
        k = 'new-key';
        break;
      }
    }
    if (findUnchanged && k === 'same-key' && b.every((value, c) => sameValue(value, a[c]))) k = 'unchanged';
    if (k !== kind) {
      if (i > first) run(kind, first, i);
      first = i;
      kind = k;
    }
  }
  if (before.length > first) run(kind, first, before.length);
}
