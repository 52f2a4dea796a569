import { defineConfig } from '../config/config-def.ts';
import type { Header } from '../model/chunk.ts';
import { fieldOf, type Schema } from '../model/schema.ts';
import { type ChangeRecord, isEnvelope, OPTIONAL_STRING, type RecordTransform, STRING } from './change-record.ts';
import {
  checkFieldReferences,
  type FieldReference,
  fieldReferences,
  type ResolvedReference,
  referencedValue,
  resolveReferences,
} from './field-references.ts';
import type { TransformPlugin } from './plugin.ts';
import { basicsOf, fieldPairs, SchemaMemo, structOf, transformError, valueOrDefault } from './structs.ts';
import { withoutFields } from './without-fields.ts';

export interface ExtractNewRecordStateKeys {
  readonly 'delete.tombstone.handling.mode': string;
  readonly 'route.by.field': string;
  readonly 'add.fields': readonly string[];
  readonly 'add.fields.prefix': string;
  readonly 'add.headers': readonly string[];
  readonly 'add.headers.prefix': string;
  readonly 'drop.fields.header.name': string | null;
  readonly 'drop.fields.from.key': boolean;
  readonly 'drop.fields.keep.schema.compatible': boolean;
  readonly 'replace.null.with.default': boolean;
}

const group = 'ExtractNewRecordState';

const config = defineConfig<ExtractNewRecordStateKeys>({
  'delete.tombstone.handling.mode': {
    type: 'string',
    default: 'tombstone',
    allowed: ['drop', 'tombstone', 'rewrite', 'rewrite-with-tombstone', 'delete-to-tombstone'],
    importance: 'medium',
    group,
    doc: 'What becomes of a delete: nothing; a null value with a schema; the old row with __deleted "true", without or with its tombstone; a tombstone.',
  },
  'route.by.field': { type: 'string', default: '', importance: 'low', group, doc: 'The column whose value becomes the topic.' },
  'add.fields': {
    type: 'list',
    default: [],
    importance: 'low',
    group,
    doc: 'Fields of the envelope or its structs to add to the row: op, table, source.ts_ms:src_ts …',
    validate: checkFieldReferences,
  },
  'add.fields.prefix': { type: 'string', default: '__', importance: 'low', group, doc: 'Put before the names of added fields.' },
  'add.headers': {
    type: 'list',
    default: [],
    importance: 'low',
    group,
    doc: 'Fields of the envelope or its structs to add as headers.',
    validate: checkFieldReferences,
  },
  'add.headers.prefix': { type: 'string', default: '__', importance: 'low', group, doc: 'Put before the names of added headers.' },
  'drop.fields.header.name': {
    type: 'string',
    default: null,
    importance: 'low',
    group,
    doc: 'The header with the names of the fields to leave out (ExtractChangedRecordState makes one).',
  },
  'drop.fields.from.key': { type: 'boolean', default: false, importance: 'low', group, doc: 'Leave those fields out of the key too.' },
  'drop.fields.keep.schema.compatible': {
    type: 'boolean',
    default: true,
    importance: 'low',
    group,
    doc: 'Leave out optional fields only.',
  },
  'replace.null.with.default': {
    type: 'boolean',
    default: true,
    importance: 'low',
    group,
    doc: "In the rewrite modes a NULL becomes the column's default, as in Debezium. Off: a NULL stays null.",
  },
});

/** What extracting rows from one envelope schema needs. */
interface Plan {
  readonly before: { readonly index: number; readonly schema: Schema };
  readonly after: { readonly index: number; readonly schema: Schema };
  readonly fields: readonly ResolvedReference[];
  readonly headers: readonly ResolvedReference[];
}

/** `io.debezium.transforms.ExtractNewRecordState`: the row instead of the envelope. Messages that are no envelope pass. */
export const extractNewRecordState: TransformPlugin<ExtractNewRecordStateKeys> = {
  names: ['io.debezium.transforms.ExtractNewRecordState'],
  config,
  create: (c) => createUnwrap(c),
  rows: (c) => (onlyExtracts(c) ? 'unchanged' : null),
};

/** Nothing but before and after images and deletes come out: what a sink of rows takes from the envelope anyway. */
function onlyExtracts(c: ExtractNewRecordStateKeys): boolean {
  const mode = c['delete.tombstone.handling.mode'];
  return (
    (mode === 'tombstone' || mode === 'delete-to-tombstone') &&
    c['route.by.field'] === '' &&
    c['add.fields'].length === 0 &&
    c['drop.fields.header.name'] === null
  );
}

function createUnwrap(c: ExtractNewRecordStateKeys): RecordTransform {
  const mode = c['delete.tombstone.handling.mode'];
  const rewrites = mode === 'rewrite' || mode === 'rewrite-with-tombstone';
  const routeBy = c['route.by.field'];
  const dropHeader = c['drop.fields.header.name']?.trim() === '' ? null : c['drop.fields.header.name'];
  const addedFields = fieldReferences(c['add.fields'], c['add.fields.prefix']);
  const addedHeaders = fieldReferences(c['add.headers'], c['add.headers.prefix']);
  const plans = new SchemaMemo<Plan>();
  const marked = new SchemaMemo();
  const extended = new SchemaMemo();
  const without = withoutFields();

  /** InsertField's static field: `__deleted` behind the row. */
  const mark = (record: ChangeRecord, deleted: 'true' | 'false'): ChangeRecord => {
    const from = record.valueSchema as Schema;
    const row = record.value as readonly unknown[];
    const schema = marked.get(from, '', () => structOf([...fieldPairs(from), ['__deleted', OPTIONAL_STRING]], basicsOf(from)));
    const values = c['replace.null.with.default'] ? from.fields.map((f) => valueOrDefault(f, row)) : row;
    return { ...record, valueSchema: schema, value: [...values, deleted] };
  };

  /** Also without fields to add the struct is made anew, and then is not optional. */
  const addFields = (record: ChangeRecord, envelope: readonly unknown[], plan: Plan, op: string): ChangeRecord => {
    const from = record.valueSchema as Schema;
    const schema = extended.get(from, op, () =>
      structOf([...fieldPairs(from), ...plan.fields.map((f) => [f.name, f.schema] as const)], basicsOf(from)),
    );
    const row = record.value as readonly unknown[];
    return { ...record, valueSchema: schema, value: [...row, ...plan.fields.map((f) => referencedValue(f, envelope))] };
  };

  const dropFields = (record: ChangeRecord): ChangeRecord => {
    const names = dropHeader === null ? undefined : record.headers.find((h) => h.key === dropHeader)?.value;
    if (!Array.isArray(names) || names.length === 0) return record;
    const toDrop = (schema: Schema): readonly string[] =>
      c['drop.fields.keep.schema.compatible']
        ? schema.fields.filter((f) => f.schema.optional && names.includes(f.name)).map((f) => f.name)
        : (names as string[]);
    let out = record;
    if (c['drop.fields.from.key'] && out.keySchema !== null && out.key !== null) out = without(out, 'key', toDrop(out.keySchema));
    return out.valueSchema === null ? out : without(out, 'value', toDrop(out.valueSchema));
  };

  const route = (record: ChangeRecord, schema: Schema, row: unknown): ChangeRecord => {
    if (routeBy === '') return record;
    const field = fieldOf(schema, routeBy);
    if (field === undefined || field.schema.type !== 'string')
      throw transformError(`route.by.field: "${routeBy}" is not a text column of topic ${record.topic}`);
    const topic = valueOrDefault(field, row as readonly unknown[]);
    return typeof topic !== 'string' || topic.trim() === '' ? record : { ...record, topic };
  };

  const onDelete = (record: ChangeRecord, plan: Plan, before: unknown): ChangeRecord | null => {
    switch (mode) {
      case 'drop':
        return null;
      case 'tombstone':
        return { ...record, valueSchema: plan.after.schema, value: null };
      case 'delete-to-tombstone':
        return { ...record, valueSchema: null, value: null };
      default:
        return mark({ ...record, valueSchema: plan.before.schema, value: before }, 'true');
    }
  };

  return (given) => {
    if (given.value === null) {
      if (mode !== 'rewrite-with-tombstone') return null;
      return withHeaders(
        given,
        addedHeaders.filter((h) => h.field === 'op').map((h) => ({ key: h.name, schema: STRING, value: 'd' })),
      );
    }
    const schema = given.valueSchema;
    if (!isEnvelope(given) || schema === null) return given;
    const envelope = given.value as readonly unknown[];
    const plan = plans.get(schema, '', () => planOf(schema, addedFields, addedHeaders));
    const record = withHeaders(
      given,
      plan.headers.map((h) => ({ key: h.name, schema: h.schema, value: referencedValue(h, envelope) })),
    );
    const before = envelope[plan.before.index] ?? null;
    const after = envelope[plan.after.index] ?? null;
    // A truncate has neither.
    if (after === null && before === null) return null;
    const op = String(envelope[fieldOf(schema, 'op')?.index ?? -1]);
    if (after === null) {
      const deleted = onDelete(record, plan, before);
      if (deleted === null) return null;
      const dropped = dropFields(route(deleted, plan.before.schema, before));
      return dropped.value === null ? dropped : addFields(dropped, envelope, plan, op);
    }
    const extracted = { ...record, valueSchema: plan.after.schema, value: after };
    const row = rewrites ? mark(extracted, 'false') : extracted;
    return dropFields(addFields(route(row, row.valueSchema as Schema, row.value), envelope, plan, op));
  };
}

function withHeaders(record: ChangeRecord, added: readonly Header[]): ChangeRecord {
  return added.length === 0 ? record : { ...record, headers: [...record.headers, ...added] };
}

function planOf(envelope: Schema, fields: readonly FieldReference[], headers: readonly FieldReference[]): Plan {
  const before = fieldOf(envelope, 'before');
  const after = fieldOf(envelope, 'after');
  if (before === undefined || after === undefined) throw transformError(`${envelope.name} has no before or after`);
  return { before, after, fields: resolveReferences(fields, envelope), headers: resolveReferences(headers, envelope) };
}
