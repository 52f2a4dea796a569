import { fieldOf, type Schema, withOptions } from '../model/schema.ts';
import { transformError } from './structs.ts';

/** One entry of add.fields or add.headers: where it comes from and what it is to be called. */
export interface FieldReference {
  /** The envelope's struct that has the field (`source`, `transaction`), or null for the envelope itself. */
  readonly struct: string | null;
  readonly field: string;
  readonly name: string;
}

export interface ResolvedReference {
  readonly name: string;
  /** Always optional, without the default. */
  readonly schema: Schema;
  /** Ordinal of the struct within the envelope; -1 = the envelope itself. */
  readonly struct: number;
  readonly index: number;
  /** `source.snapshot`: Debezium leaves it empty while streaming; its "false" is the default that converters write. */
  readonly snapshotMarker: boolean;
}

const TRANSACTION_FIELDS = new Set(['id', 'total_order', 'data_collection_order']);
const ENVELOPE_FIELDS = new Set(['op', 'ts_ms', 'ts_us', 'ts_ns']);

/** `op`, `source.ts_ms`, `source.ts_ms:name` as references. */
export function fieldReferences(list: readonly string[], prefix: string): readonly FieldReference[] {
  return list.filter((text) => text !== '').map((text) => reference(text, prefix));
}

function reference(text: string, prefix: string): FieldReference {
  const [path = '', renamed] = text.split(':');
  const [first = '', second] = path.split('.');
  const struct =
    second !== undefined ? first : TRANSACTION_FIELDS.has(first) ? 'transaction' : ENVELOPE_FIELDS.has(first) ? null : 'source';
  const own = second === undefined ? first : `${first}_${second}`;
  return { struct, field: second ?? first, name: prefix + (renamed ?? own) };
}

/** null, or what is wrong with a list of references. */
export function checkFieldReferences(list: readonly string[]): string | null {
  const wrong = list.find((text) => text !== '' && !/^[^:.]+(?:\.[^:.]+)?(?::[^:]+)?$/.test(text));
  return wrong === undefined ? null : `"${wrong}" is not of the form field, struct.field or struct.field:name`;
}

/** The references an envelope can answer; a field it does not have is left out, as Debezium does. */
export function resolveReferences(references: readonly FieldReference[], envelope: Schema): readonly ResolvedReference[] {
  return references.flatMap((r) => {
    const parent = r.struct === null ? undefined : fieldOf(envelope, r.struct);
    if (r.struct !== null && parent === undefined)
      throw transformError(`${r.struct}.${r.field}: ${envelope.name} has no field ${r.struct}`);
    const inner = parent === undefined ? undefined : fieldOf(parent.schema, r.field);
    const field = inner ?? fieldOf(envelope, r.field);
    if (field === undefined) return [];
    if (field.schema.type === 'struct') throw transformError(`${r.field} is a struct; name one of its fields`);
    const schema = withOptions({ ...field.schema, defaultValue: undefined }, { optional: true });
    const struct = inner === undefined ? -1 : (parent?.index ?? -1);
    return [
      { name: r.name, schema, struct, index: field.index, snapshotMarker: struct >= 0 && r.struct === 'source' && r.field === 'snapshot' },
    ];
  });
}

export function referencedValue(r: ResolvedReference, envelope: readonly unknown[]): unknown {
  const parent = r.struct < 0 ? envelope : (envelope[r.struct] as readonly unknown[] | null);
  const value = parent?.[r.index] ?? null;
  return r.snapshotMarker && value === 'false' ? null : value;
}
