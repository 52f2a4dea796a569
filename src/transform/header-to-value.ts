import { defineConfig } from '../config/config-def.ts';
import { fieldOf, type Schema, struct } from '../model/schema.ts';
import { REQUIRED } from '../spi/config-def.ts';
import type { TransformPlugin } from './plugin.ts';
import { basicsOf, fieldPairs, requireStruct, SchemaMemo, structOf, transformError, valueOrDefault } from './structs.ts';

interface HeaderToValueKeys {
  readonly headers: readonly string[];
  readonly fields: readonly string[];
  readonly operation: string;
}

interface Entry {
  readonly path: readonly string[];
  readonly schema: Schema;
  readonly value: unknown;
}

const list = (doc: string) => ({ type: 'list', default: REQUIRED, importance: 'high', group: 'HeaderToValue', doc }) as const;

/** `io.debezium.transforms.HeaderToValue`: headers become fields of the value, nested ones by dots. Tombstones pass. */
export const headerToValue: TransformPlugin<HeaderToValueKeys> = {
  names: ['io.debezium.transforms.HeaderToValue'],
  config: defineConfig<HeaderToValueKeys>({
    headers: list('The headers.'),
    fields: list('Their fields, in the same order; a dot for each level.'),
    operation: {
      type: 'string',
      default: REQUIRED,
      allowed: ['move', 'copy'],
      importance: 'high',
      group: 'HeaderToValue',
      doc: 'Whether the headers go.',
    },
  }),
  check: (c) => (c.fields.length === c.headers.length ? [] : [{ key: 'fields', message: 'fields must have as many names as headers' }]),
  create(c) {
    const paths = c.fields.map((field) => field.split('.'));
    const memo = new SchemaMemo();
    return (record) => {
      if (record.value === null) return record;
      const { schema, values } = requireStruct(record, 'value');
      const entries = record.headers.flatMap((h): Entry[] => {
        const at = c.headers.indexOf(h.key);
        return at < 0 ? [] : [{ path: paths[at] as readonly string[], schema: h.schema, value: h.value }];
      });
      if (entries.length === 0) return record;
      // Which headers a record has decides on the schema, and so do their types.
      const variant = entries.map((e) => `${e.path.join('.')} ${e.schema.type} ${e.schema.name}`).join();
      const extended = memo.get(schema, variant, () => extend(schema, entries));
      const headers = c.operation === 'move' ? record.headers.filter((h) => !c.headers.includes(h.key)) : record.headers;
      return { ...record, valueSchema: extended, value: fill(extended, schema, values, entries), headers };
    };
  },
};

function deeper(entries: readonly Entry[], name: string): readonly Entry[] {
  return entries.filter((e) => e.path.length > 1 && e.path[0] === name).map((e) => ({ ...e, path: e.path.slice(1) }));
}

/** The schema with the entries in it; a struct that is not there yet is made, optional. */
function extend(schema: Schema, entries: readonly Entry[]): Schema {
  const fields = fieldPairs(schema).map(([name, s]): [string, Schema] => {
    const inner = deeper(entries, name);
    if (inner.length === 0) return [name, s];
    if (s.type !== 'struct') throw transformError(`the field ${name} is no struct, so nothing can be put into it`);
    return [name, extend(s, inner)];
  });
  const has = (name: string): boolean => fields.some(([n]) => n === name);
  for (const { path, schema: s } of entries) if (path.length === 1 && !has(path[0] as string)) fields.push([path[0] as string, s]);
  for (const { path } of entries) {
    const name = path[0] as string;
    if (path.length > 1 && !has(name)) fields.push([name, { ...extend(struct([]), deeper(entries, name)), optional: true }]);
  }
  return structOf(fields, basicsOf(schema));
}

function fill(extended: Schema, from: Schema | null, values: readonly unknown[] | null, entries: readonly Entry[]): unknown[] {
  return extended.fields.map((f) => {
    const old = from === null ? undefined : fieldOf(from, f.name);
    const inner = deeper(entries, f.name);
    const direct = entries.findLast((e) => e.path.length === 1 && e.path[0] === f.name);
    if (direct !== undefined) return direct.value;
    const value = old === undefined || values === null ? null : valueOrDefault(old, values);
    if (inner.length === 0 || (old !== undefined && value === null)) return value;
    return fill(f.schema, old?.schema ?? null, value as readonly unknown[] | null, inner);
  });
}
