import { defineConfig } from '../config/config-def.ts';
import type { Header } from '../model/chunk.ts';
import { fieldOf } from '../model/schema.ts';
import { REQUIRED } from '../spi/config-def.ts';
import { parseLiteral } from './literal.ts';
import type { TransformPlugin } from './plugin.ts';
import { requireStruct, transformError, valueOrDefault } from './structs.ts';
import { withoutFields } from './without-fields.ts';

const PACKAGE = 'org.apache.kafka.connect.transforms';

interface DropHeadersKeys {
  readonly headers: readonly string[];
}

/** Removes headers by name. */
export const dropHeaders: TransformPlugin<DropHeadersKeys> = {
  names: [`${PACKAGE}.DropHeaders`],
  config: defineConfig<DropHeadersKeys>({
    headers: { type: 'list', default: REQUIRED, importance: 'high', group: 'DropHeaders', doc: 'The names of the headers to remove.' },
  }),
  create: (c) => (record) => {
    const kept = record.headers.filter((h) => !c.headers.includes(h.key));
    return kept.length === record.headers.length ? record : { ...record, headers: kept };
  },
};

interface InsertHeaderKeys {
  readonly header: string;
  readonly 'value.literal': string;
}

/** Adds one header with a fixed value. */
export const insertHeader: TransformPlugin<InsertHeaderKeys> = {
  names: [`${PACKAGE}.InsertHeader`],
  config: defineConfig<InsertHeaderKeys>({
    header: { type: 'string', default: REQUIRED, importance: 'high', group: 'InsertHeader', doc: 'The name of the header.' },
    'value.literal': {
      type: 'string',
      default: REQUIRED,
      importance: 'high',
      group: 'InsertHeader',
      doc: 'Its value: true or false, a number, a date, otherwise text.',
      validate: (text) => {
        const literal = parseLiteral(text);
        return typeof literal === 'string' ? literal : null;
      },
    },
  }),
  create(c) {
    const literal = parseLiteral(c['value.literal']);
    if (typeof literal === 'string') throw transformError(literal);
    const header: Header = { key: c.header, ...literal };
    return (record) => ({ ...record, headers: [...record.headers, header] });
  },
};

interface HeaderFromKeys {
  readonly fields: readonly string[];
  readonly headers: readonly string[];
  readonly operation: string;
}

/** Moves or copies fields into headers. */
export const headerFrom: TransformPlugin<HeaderFromKeys> = {
  names: [`${PACKAGE}.HeaderFrom`],
  parts: true,
  config: defineConfig<HeaderFromKeys>({
    fields: { type: 'list', default: REQUIRED, importance: 'high', group: 'HeaderFrom', doc: 'The fields.' },
    headers: { type: 'list', default: REQUIRED, importance: 'high', group: 'HeaderFrom', doc: 'Their headers, in the same order.' },
    operation: {
      type: 'string',
      default: REQUIRED,
      allowed: ['move', 'copy'],
      importance: 'high',
      group: 'HeaderFrom',
      doc: 'Whether the fields stay.',
    },
  }),
  check: (c) => (c.fields.length === c.headers.length ? [] : [{ key: 'headers', message: 'headers must have as many names as fields' }]),
  create(c, { part }) {
    const without = withoutFields(false);
    return (record) => {
      const { schema, values } = requireStruct(record, part);
      const added = c.fields.map((name, i): Header => {
        const field = fieldOf(schema, name);
        if (field === undefined) throw transformError(`the ${part} has no field ${name}`);
        return { key: c.headers[i] as string, schema: field.schema, value: valueOrDefault(field, values) };
      });
      const withHeaders = { ...record, headers: [...record.headers, ...added] };
      return c.operation === 'move' ? without(withHeaders, part, c.fields) : withHeaders;
    };
  },
};
