import { defineConfig } from '../config/config-def.ts';
import { type Field, fieldOf, primitive, type Schema, struct } from '../model/schema.ts';
import { CONNECT_TIMESTAMP } from '../model/semantic-types.ts';
import { REQUIRED } from '../spi/config-def.ts';
import { type ChangeRecord, OPTIONAL_STRING, STRING } from './change-record.ts';
import type { TransformPlugin } from './plugin.ts';
import { basicsOf, fieldPairs, partOf, requireStruct, SchemaMemo, structOf, transformError, valueOrDefault, withPart } from './structs.ts';

const PACKAGE = 'org.apache.kafka.connect.transforms';

const replaceNull = {
  type: 'boolean',
  default: true,
  importance: 'medium',
  group: 'Transform',
  doc: "A NULL becomes its field's default, as in Kafka Connect. Off: it stays null.",
} as const;
const names = (doc: string) => ({ type: 'list', default: [], importance: 'high', group: 'Transform', doc }) as const;
const text = (doc: string) => ({ type: 'string', default: REQUIRED, importance: 'high', group: 'Transform', doc }) as const;
const optionalText = (doc: string) => ({ type: 'string', default: null, importance: 'medium', group: 'Transform', doc }) as const;

interface ReplaceFieldKeys {
  readonly exclude: readonly string[];
  readonly include: readonly string[];
  readonly renames: readonly string[];
  readonly 'replace.null.with.default': boolean;
}

/** Leaves fields out, or renames them. */
export const replaceField: TransformPlugin<ReplaceFieldKeys> = {
  names: [`${PACKAGE}.ReplaceField`],
  parts: true,
  config: defineConfig<ReplaceFieldKeys>({
    exclude: names('Fields to leave out.'),
    include: names('The only fields to keep; empty = all.'),
    renames: {
      ...names('old:new pairs.'),
      validate: (list) => {
        const wrong = list.find((pair) => !/^[^:]+:[^:]+$/.test(pair));
        return wrong === undefined ? null : `"${wrong}" is not old:new`;
      },
    },
    'replace.null.with.default': replaceNull,
  }),
  create(c, { part }) {
    const renames = new Map(c.renames.map((pair) => pair.split(':').map((s) => s.trim()) as [string, string]));
    const memo = new SchemaMemo<{ readonly schema: Schema; readonly kept: readonly Field[] }>();
    return (record) => {
      if (partOf(record, part).value === null) return record;
      const { schema, values } = requireStruct(record, part);
      const plan = memo.get(schema, '', () => {
        const kept = schema.fields.filter((f) => !c.exclude.includes(f.name) && (c.include.length === 0 || c.include.includes(f.name)));
        return {
          kept,
          schema: structOf(
            kept.map((f) => [renames.get(f.name) ?? f.name, f.schema]),
            basicsOf(schema),
          ),
        };
      });
      return withPart(
        record,
        part,
        plan.schema,
        plan.kept.map((f) => pick(f, values, c['replace.null.with.default'])),
      );
    };
  },
};

function pick(field: Field, values: readonly unknown[], useDefault: boolean): unknown {
  return useDefault ? valueOrDefault(field, values) : (values[field.index] ?? null);
}

interface InsertFieldKeys {
  readonly 'topic.field': string | null;
  readonly 'partition.field': string | null;
  readonly 'offset.field': string | null;
  readonly 'timestamp.field': string | null;
  readonly 'static.field': string | null;
  readonly 'static.value': string | null;
  readonly 'replace.null.with.default': boolean;
}

const TIMESTAMP = primitive('int64', { name: CONNECT_TIMESTAMP, version: 1 });
const INT32 = primitive('int32');

/** Adds facts of the record, or a fixed text, as fields. */
export const insertField: TransformPlugin<InsertFieldKeys> = {
  names: [`${PACKAGE}.InsertField`],
  parts: true,
  config: defineConfig<InsertFieldKeys>({
    'topic.field': optionalText('Field for the topic; ! behind the name = required, ? = optional.'),
    'partition.field': optionalText('Field for the partition.'),
    'offset.field': { ...optionalText('Only where records come from Kafka.'), refused: 'a record of a source has no offset in Kafka yet' },
    'timestamp.field': optionalText("Field for the record's timestamp."),
    'static.field': optionalText('Field for static.value.'),
    'static.value': optionalText('A text.'),
    'replace.null.with.default': replaceNull,
  }),
  check: (c) => {
    const given = (['topic.field', 'partition.field', 'timestamp.field', 'static.field'] as const).filter((key) => c[key] !== null);
    if (given.length === 0) return [{ key: 'static.field', message: 'No field insertion configured' }];
    return c['static.field'] !== null && c['static.value'] === null
      ? [{ key: 'static.value', message: 'No value specified for static field' }]
      : [];
  },
  create(c, { part }) {
    const inserts = (
      [
        ['topic.field', STRING, (r: ChangeRecord) => r.topic],
        ['partition.field', INT32, (r: ChangeRecord) => r.partition],
        ['timestamp.field', TIMESTAMP, (r: ChangeRecord) => r.timestamp],
        ['static.field', STRING, () => c['static.value']],
      ] as const
    ).flatMap(([key, schema, of]) => {
      const name = c[key];
      if (name === null) return [];
      const optional = !name.endsWith('!');
      return [
        {
          name: /[!?]$/.test(name) ? name.slice(0, -1) : name,
          schema: optional && schema === STRING ? OPTIONAL_STRING : { ...schema, optional },
          of,
        },
      ];
    });
    const memo = new SchemaMemo();
    return (record) => {
      if (partOf(record, part).value === null) return record;
      const { schema, values } = requireStruct(record, part);
      const extended = memo.get(schema, '', () =>
        structOf([...fieldPairs(schema), ...inserts.map((i) => [i.name, i.schema] as const)], basicsOf(schema)),
      );
      const old = schema.fields.map((f) => pick(f, values, c['replace.null.with.default']));
      return withPart(record, part, extended, [...old, ...inserts.map((i) => i.of(record))]);
    };
  },
};

interface FieldsKeys {
  readonly fields: readonly string[];
  readonly 'replace.null.with.default': boolean;
}

/** The key becomes a struct of fields of the value. */
export const valueToKey: TransformPlugin<FieldsKeys> = {
  names: [`${PACKAGE}.ValueToKey`],
  config: defineConfig<FieldsKeys>({ fields: { ...names('The fields.'), default: REQUIRED }, 'replace.null.with.default': replaceNull }),
  create(c) {
    const memo = new SchemaMemo<{ readonly schema: Schema; readonly fields: readonly Field[] }>();
    return (record) => {
      const { schema, values } = requireStruct(record, 'value');
      const plan = memo.get(schema, '', () => {
        const fields = c.fields.map((name) => {
          const field = fieldOf(schema, name);
          if (field === undefined) throw transformError(`Field does not exist: ${name}`);
          return field;
        });
        return { fields, schema: struct(fields.map((f) => [f.name, f.schema])) };
      });
      return { ...record, keySchema: plan.schema, key: plan.fields.map((f) => pick(f, values, c['replace.null.with.default'])) };
    };
  },
};

interface FieldKeys {
  readonly field: string;
  readonly 'field.syntax.version': string;
  readonly 'replace.null.with.default': boolean;
}

const syntaxVersion = {
  type: 'string',
  default: 'V1',
  allowed: ['V1', 'V2'],
  importance: 'high',
  group: 'Transform',
  doc: 'V2: a dot in the name goes into a struct; backticks around a name with dots.',
} as const;

/** One field instead of the whole. */
export const extractField: TransformPlugin<FieldKeys> = {
  names: [`${PACKAGE}.ExtractField`],
  parts: true,
  config: defineConfig<FieldKeys>({
    field: text('The field.'),
    'field.syntax.version': syntaxVersion,
    'replace.null.with.default': replaceNull,
  }),
  create(c, { part }) {
    const path = c['field.syntax.version'] === 'V2' ? pathOf(c.field) : [c.field];
    return (record) => {
      let { schema, value } = partOf(record, part);
      if (schema === null && value === null) return record;
      for (const name of path) {
        const field: Field | undefined = schema === null ? undefined : fieldOf(schema, name);
        if (field === undefined) throw transformError(`Unknown field: ${c.field}`);
        value = value === null ? null : pick(field, value as readonly unknown[], c['replace.null.with.default']);
        schema = field.schema;
      }
      return withPart(record, part, schema, value);
    };
  },
};

function pathOf(path: string): readonly string[] {
  return [...path.matchAll(/`((?:[^`]|``)*)`|([^.`]+)/g)].map((m) => m[1] ?? (m[2] as string));
}

/** The whole as the one field of a struct. */
export const hoistField: TransformPlugin<{ readonly field: string }> = {
  names: [`${PACKAGE}.HoistField`],
  parts: true,
  config: defineConfig<{ readonly field: string }>({ field: text('The name of the field.') }),
  create(c, { part }) {
    const memo = new SchemaMemo();
    return (record) => {
      const { schema, value } = partOf(record, part);
      // Kafka Connect makes a map of a part that is not there.
      if (schema === null) return withPart(record, part, null, new Map([[c.field, value]]));
      return withPart(
        record,
        part,
        memo.get(schema, '', () => struct([[c.field, schema]])),
        [value],
      );
    };
  },
};

interface SetSchemaMetadataKeys {
  readonly 'schema.name': string | null;
  readonly 'schema.version': number | null;
  readonly 'replace.null.with.default': boolean;
}

/** Another name or version for the schema. */
export const setSchemaMetadata: TransformPlugin<SetSchemaMetadataKeys> = {
  names: [`${PACKAGE}.SetSchemaMetadata`],
  parts: true,
  config: defineConfig<SetSchemaMetadataKeys>({
    'schema.name': optionalText('The name.'),
    'schema.version': { type: 'int', default: null, importance: 'high', group: 'Transform', doc: 'The version.' },
    'replace.null.with.default': replaceNull,
  }),
  create(c, { part }) {
    const memo = new SchemaMemo();
    return (record) => {
      const { schema, value } = partOf(record, part);
      if (schema === null) {
        if (value === null) return record;
        throw transformError(`the ${part} has no schema`);
      }
      const named = memo.get(schema, '', () => ({
        ...schema,
        name: c['schema.name'] ?? schema.name,
        version: c['schema.version'] ?? schema.version,
      }));
      const filled =
        c['replace.null.with.default'] && schema.type === 'struct' && Array.isArray(value)
          ? schema.fields.map((f) => valueOrDefault(f, value))
          : value;
      return withPart(record, part, named, filled);
    };
  },
};

interface FlattenKeys {
  readonly delimiter: string;
}

/** Structs within structs as fields side by side. */
export const flatten: TransformPlugin<FlattenKeys> = {
  names: [`${PACKAGE}.Flatten`],
  parts: true,
  config: defineConfig<FlattenKeys>({
    delimiter: { type: 'string', default: '.', importance: 'medium', group: 'Transform', doc: 'Put between the names.' },
  }),
  create(c, { part }) {
    const memo = new SchemaMemo();
    const flat = (schema: Schema, prefix: string, optional: boolean): (readonly [string, Schema])[] =>
      schema.fields.flatMap((f) => {
        const name = prefix === '' ? f.name : prefix + c.delimiter + f.name;
        const anyway = optional || f.schema.optional;
        if (f.schema.type === 'struct') return flat(f.schema, name, anyway);
        if (f.schema.type === 'map') throw transformError(`the field ${name} is a map, which cannot be flattened`);
        return [[name, { ...f.schema, optional: anyway }] as const];
      });
    const collect = (schema: Schema, values: readonly unknown[] | null, into: unknown[]): void => {
      for (const f of schema.fields) {
        const value = values === null ? null : valueOrDefault(f, values);
        if (f.schema.type === 'struct') collect(f.schema, value as readonly unknown[] | null, into);
        else into.push(value);
      }
    };
    return (record) => {
      if (partOf(record, part).value === null) return record;
      const { schema, values } = requireStruct(record, part);
      const flattened = memo.get(schema, '', () => structOf(flat(schema, '', schema.optional), basicsOf(schema)));
      const out: unknown[] = [];
      collect(schema, values, out);
      return withPart(record, part, flattened, out);
    };
  },
};
