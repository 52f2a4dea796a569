import { CdcError } from '../../model/errors.ts';
import type { AvroType } from './avro-type.ts';

/**
 * Checks that values written for `ours` have the bytes `theirs` describes: same types in the same order,
 * metadata aside (`use.latest.version`). Throws CDC_REGISTRY_INCOMPATIBLE.
 */
export function checkSameShape(ours: AvroType, theirs: AvroType, subject: string): void {
  if (shape(ours, new Set()) === shape(theirs, new Set())) return;
  throw new CdcError(
    'CDC_REGISTRY_INCOMPATIBLE',
    'environment',
    `subject "${subject}": its latest version is not the schema of the table, so use.latest.version cannot be used`,
    { hint: 'register the schema of the table as the latest version, or set use.latest.version=false', context: { subject } },
  );
}

/** Avro's parsing canonical form, near enough: what decides the bytes, with names. */
function shape(type: AvroType, seen: Set<AvroType>): string {
  if (type.fullName !== null && seen.has(type)) return type.fullName;
  seen.add(type);
  switch (type.kind) {
    case 'record':
      return `record ${type.fullName}{${type.fields.map((f) => `${f.name}:${shape(f.type, seen)}`).join(',')}}`;
    case 'enum':
      return `enum ${type.fullName}{${type.symbols.join(',')}}`;
    case 'fixed':
      return `fixed ${type.fullName}(${type.size})`;
    case 'array':
    case 'map':
      return `${type.kind}<${shape(type.items as AvroType, seen)}>`;
    case 'union':
      return `[${type.branches.map((b) => shape(b, seen)).join(',')}]`;
    default:
      return type.attributes['logicalType'] === 'decimal' ? `${type.kind}(${type.attributes['scale'] ?? 0})` : type.kind;
  }
}
