import type { Schema } from '../../model/schema.ts';
import { DECIMAL } from '../../model/semantic-types.ts';
import { decodeError } from '../convert-error.ts';
import { SCALE_PARAMETER } from './avro-schema.ts';
import type { AvroKind, AvroType } from './avro-type.ts';
import { isMapEntry, nullableBranch } from './connect-schema.ts';

/** What to read or write; small integers, because a switch over them is as fast as generated code (0.2 µs for 10 columns). */
export const OP = {
  boolean: 0,
  int: 1,
  long: 2,
  float: 3,
  double: 4,
  string: 5,
  bytes: 6,
  decimal: 7,
  fixed: 8,
  fixedDecimal: 9,
  enumeration: 10,
  struct: 11,
  array: 12,
  map: 13,
  entries: 14,
  union: 15,
} as const;

/** An Avro type together with the Connect schema its values have: the program of encoder and decoder. */
export interface PlanNode {
  readonly op: number;
  /** Table or topic, for errors. */
  readonly where: string;
  /** Column, dotted inside structs, for errors. */
  readonly path: string;
  /** Byte before a value that stands in a union (the branch, zig-zag), -1 where there is no union. */
  readonly valueTag: number;
  /** Byte that stands for null, -1 where null is not allowed. */
  readonly nullTag: number;
  /** Smallest and largest value of an `int`, by its Connect type. */
  readonly min: number;
  readonly max: number;
  /** Of decimals. */
  readonly scale: number;
  /** Bytes of a fixed. */
  readonly size: number;
  readonly symbols: readonly string[];
  /** Fields of a struct; key and value of map entries; branches of a union (null left out). */
  readonly fields: readonly PlanNode[];
  /** Elements of an array, values of a map. */
  readonly items: PlanNode | null;
  /** Written instead of null when it is not undefined (AvroData's handling of defaults). */
  readonly fallback: unknown;
  /** For structs: most bytes the fields of bounded size take, with the tags of all. */
  readonly bound: number;
  /** For structs: ordinals of the fields whose size depends on the value. */
  readonly variable: readonly number[];
}

export interface PlanOptions {
  /** Table or topic, for errors. */
  readonly where: string;
  /** Write a field's default for its null, as AvroData does unless `ignore.default.for.nullables`. */
  readonly replaceNullWithDefault: boolean;
  /** The schema is a Debezium envelope: errors name the column, not `before.column`. */
  readonly envelope?: boolean;
}

type Mutable = { -readonly [K in keyof PlanNode]: PlanNode[K] };

const LIMITS: Readonly<Record<string, readonly [number, number]>> = {
  int8: [-0x80, 0x7f],
  int16: [-0x8000, 0x7fff],
  int32: [-0x80000000, 0x7fffffff],
};

/** Compiles the plan of an Avro type and the Connect schema that belongs to it (`connectFromAvro` or the one it was made of). */
export function compilePlan(type: AvroType, schema: Schema, options: PlanOptions): PlanNode {
  return compile(type, schema, options, '');
}

function compile(type: AvroType, schema: Schema, options: PlanOptions, path: string): PlanNode {
  const node: Mutable = {
    op: -1,
    where: options.where,
    path,
    valueTag: -1,
    nullTag: -1,
    min: 0,
    max: 0,
    scale: 0,
    size: 0,
    symbols: [],
    fields: [],
    items: null,
    fallback: options.replaceNullWithDefault ? (schema.defaultValue ?? undefined) : undefined,
    bound: 0,
    variable: [],
  };
  let inner = type;
  if (type.kind === 'union') {
    const branch = type.branches.length === 1 ? (type.branches[0] as AvroType) : nullableBranch(type);
    if (branch === null) return union(type, schema, options, node);
    inner = branch;
    if (type.branches.length === 2) {
      node.valueTag = type.branches.indexOf(branch) * 2;
      node.nullTag = 2 - node.valueTag;
    } else node.valueTag = 0;
    if (inner.kind === 'union') throw decodeError(options.where, 'a union stands directly in a union');
  }
  fill(node, inner, schema, options);
  return node;
}

/** A union of several types: a struct with one field per branch, of which one is set. */
function union(type: AvroType, schema: Schema, options: PlanOptions, node: Mutable): PlanNode {
  node.op = OP.union;
  let member = 0;
  const fields: PlanNode[] = [];
  type.branches.forEach((branch, index) => {
    if (branch.kind === 'null') {
      node.nullTag = index * 2;
      return;
    }
    const field = schema.fields[member++];
    if (field === undefined) throw decodeError(options.where, 'a union does not match its Connect schema');
    const made = compile(branch, field.schema, options, join(node.path, field.name)) as Mutable;
    made.valueTag = index * 2;
    fields.push(made);
  });
  if (type.branches.length > 63) throw decodeError(options.where, 'a union has more than 63 branches');
  node.fields = fields;
  return node;
}

const SIMPLE: Partial<Readonly<Record<AvroKind, number>>> = {
  boolean: OP.boolean,
  long: OP.long,
  float: OP.float,
  double: OP.double,
  string: OP.string,
};

function fill(node: Mutable, type: AvroType, schema: Schema, options: PlanOptions): void {
  const { path } = node;
  switch (type.kind) {
    case 'int': {
      const [min, max] = LIMITS[schema.type] ?? (LIMITS['int32'] as readonly [number, number]);
      node.op = OP.int;
      node.min = min;
      node.max = max;
      return;
    }
    case 'bytes':
    case 'fixed': {
      const decimal = schema.name === DECIMAL;
      if (decimal) node.scale = Number(schema.parameters?.[SCALE_PARAMETER] ?? 0);
      node.size = type.size;
      if (type.kind === 'bytes') node.op = decimal ? OP.decimal : OP.bytes;
      else node.op = decimal ? OP.fixedDecimal : OP.fixed;
      return;
    }
    case 'enum':
      node.op = OP.enumeration;
      node.symbols = type.symbols;
      return;
    case 'record':
      node.op = OP.struct;
      node.fields = type.fields.map((f, i) =>
        compile(f.type, (schema.fields[i] as { schema: Schema }).schema, options, fieldPath(path, f.name, options)),
      );
      node.variable = node.fields.flatMap((f, i) => (isVariable(f.op) ? [i] : []));
      node.bound = node.fields.reduce((sum, f) => sum + 1 + (isVariable(f.op) ? 0 : 10), 1);
      return;
    case 'array': {
      const items = type.items as AvroType;
      if (isMapEntry(items)) {
        const part = (name: string, s: Schema | null): PlanNode =>
          compile((items.fields.find((f) => f.name === name) as { type: AvroType }).type, s as Schema, options, path);
        node.op = OP.entries;
        node.fields = [part('key', schema.keys), part('value', schema.items)];
        return;
      }
      node.op = OP.array;
      node.items = compile(items, schema.items as Schema, options, path);
      return;
    }
    case 'map':
      node.op = OP.map;
      node.items = compile(type.items as AvroType, schema.items as Schema, options, path);
      return;
    default: {
      const op = SIMPLE[type.kind];
      if (op === undefined) throw decodeError(options.where, `a lone "${type.kind}" is not a value`);
      node.op = op;
    }
  }
}

/** True for values whose size the type does not bound. */
function isVariable(op: number): boolean {
  return op >= OP.string && op !== OP.enumeration;
}

function fieldPath(path: string, name: string, options: PlanOptions): string {
  return path === '' && options.envelope === true && (name === 'before' || name === 'after') ? '' : join(path, name);
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
