import { defineConfig } from '../config/config-def.ts';
import { array, fieldOf } from '../model/schema.ts';
import { REQUIRED } from '../spi/config-def.ts';
import { isEnvelope, OPTIONAL_STRING } from './change-record.ts';
import type { TransformPlugin } from './plugin.ts';

/** `org.apache.kafka.connect.transforms.Filter`: drops every record; its predicate says which. */
export const filter: TransformPlugin<object> = {
  names: ['org.apache.kafka.connect.transforms.Filter'],
  config: defineConfig<object>({}),
  create: () => () => null,
};

interface SchemaChangeEventFilterKeys {
  readonly 'schema.change.event.exclude.list': readonly string[];
}

const CHANGES = ['CREATE', 'ALTER', 'DROP', 'TRUNCATE', 'DATABASE'];

/** `io.debezium.transforms.SchemaChangeEventFilter`: drops schema change messages by what they change first. */
export const schemaChangeEventFilter: TransformPlugin<SchemaChangeEventFilterKeys> = {
  names: ['io.debezium.transforms.SchemaChangeEventFilter'],
  config: defineConfig<SchemaChangeEventFilterKeys>({
    'schema.change.event.exclude.list': {
      type: 'list',
      default: REQUIRED,
      importance: 'high',
      group: 'SchemaChangeEventFilter',
      doc: `The changes to leave out: ${CHANGES.join(', ')}; DATABASE = statements that change no table.`,
      validate: (list) => {
        const wrong = list.find((name) => !CHANGES.includes(name));
        return wrong === undefined ? null : `"${wrong}" is none of ${CHANGES.join(', ')}`;
      },
    },
  }),
  create: (c) => (record) => {
    const schema = record.valueSchema;
    if (record.value === null || schema?.name?.endsWith('.SchemaChangeValue') !== true) return record;
    const field = fieldOf(schema, 'tableChanges');
    const changes =
      field === undefined ? null : ((record.value as readonly unknown[])[field.index] as readonly (readonly unknown[])[] | null);
    if (field === undefined || changes === null) return null;
    const type = fieldOf(field.schema.items ?? schema, 'type');
    const kind = changes[0] === undefined ? 'DATABASE' : String(changes[0][type?.index ?? 0]);
    return c['schema.change.event.exclude.list'].includes(kind) ? null : record;
  },
};

/** `io.debezium.connector.mysql.transforms.ReadToInsertEvent`: rows of a snapshot look like inserted ones. */
export const readToInsertEvent: TransformPlugin<object> = {
  names: ['io.debezium.connector.mysql.transforms.ReadToInsertEvent'],
  config: defineConfig<object>({}),
  create: () => (record) => {
    const at = record.valueSchema === null ? undefined : fieldOf(record.valueSchema, 'op')?.index;
    if (record.value === null || at === undefined || !isEnvelope(record)) return record;
    const value = (record.value as readonly unknown[]).slice();
    if (value[at] !== 'r') return record;
    value[at] = 'c';
    return { ...record, value };
  },
};

interface ExtractChangedRecordStateKeys {
  readonly 'header.changed.name': string | null;
  readonly 'header.unchanged.name': string | null;
}

/** `io.debezium.transforms.ExtractChangedRecordState`: headers with the names of the columns an update changed and left. */
export const extractChangedRecordState: TransformPlugin<ExtractChangedRecordStateKeys> = {
  names: ['io.debezium.transforms.ExtractChangedRecordState'],
  config: defineConfig<ExtractChangedRecordStateKeys>({
    'header.changed.name': {
      type: 'string',
      default: null,
      importance: 'low',
      group: 'ExtractChangedRecordState',
      doc: 'The header for the changed columns; none when not given.',
    },
    'header.unchanged.name': {
      type: 'string',
      default: null,
      importance: 'low',
      group: 'ExtractChangedRecordState',
      doc: 'The header for the others; none when not given.',
    },
  }),
  create(c) {
    const given = [c['header.changed.name'], c['header.unchanged.name']];
    const headers = given.map((name) => ({ name, schema: array(OPTIONAL_STRING, { optional: true, name }) }));
    return (record) => {
      const schema = record.valueSchema;
      if (record.value === null || schema === null || !isEnvelope(record)) return record;
      const envelope = record.value as readonly unknown[];
      const before = envelope[fieldOf(schema, 'before')?.index ?? -1] as readonly unknown[] | null | undefined;
      const after = envelope[fieldOf(schema, 'after')?.index ?? -1] as readonly unknown[] | null | undefined;
      const names: [string[], string[]] = [[], []];
      if (before != null && after != null)
        for (const f of fieldOf(schema, 'after')?.schema.fields ?? []) names[equal(before[f.index], after[f.index]) ? 1 : 0].push(f.name);
      const added = headers.flatMap((h, i) =>
        h.name === null || h.name.trim() === '' ? [] : [{ key: h.name, schema: h.schema, value: names[i] }],
      );
      return added.length === 0 ? record : { ...record, headers: [...record.headers, ...added] };
    };
  },
};

function equal(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Buffer.isBuffer(a)) return Buffer.isBuffer(b) && a.equals(b);
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((x, i) => equal(x, b[i]));
  if (a instanceof Map) return b instanceof Map && a.size === b.size && [...a].every(([k, v]) => equal(v, b.get(k)));
  return false;
}
