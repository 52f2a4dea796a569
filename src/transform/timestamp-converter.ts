import { defineConfig } from '../config/config-def.ts';
import { UNAVAILABLE } from '../model/chunk.ts';
import { primitive, type Schema } from '../model/schema.ts';
import { CONNECT_DATE, CONNECT_TIME, CONNECT_TIMESTAMP } from '../model/semantic-types.ts';
import { REQUIRED } from '../spi/config-def.ts';
import { formatDate, parseDate, patternProblem } from './date-format.ts';
import type { TransformPlugin } from './plugin.ts';
import { basicsOf, partOf, requireStruct, SchemaMemo, structOf, transformError, valueOrDefault, withPart } from './structs.ts';

interface TimestampConverterKeys {
  readonly field: string;
  readonly 'target.type': string;
  readonly format: string;
  readonly 'unix.precision': string;
  readonly 'replace.null.with.default': boolean;
}

const DAY_MS = 86_400_000n;
const group = 'TimestampConverter';

/** `org.apache.kafka.connect.transforms.TimestampConverter`: between text, Unix time and Connect's date types. */
export const timestampConverter: TransformPlugin<TimestampConverterKeys> = {
  names: ['org.apache.kafka.connect.transforms.TimestampConverter'],
  parts: true,
  config: defineConfig<TimestampConverterKeys>({
    field: { type: 'string', default: '', importance: 'high', group, doc: 'The field; empty = the whole.' },
    'target.type': {
      type: 'string',
      default: REQUIRED,
      allowed: ['string', 'unix', 'Date', 'Time', 'Timestamp'],
      importance: 'high',
      group,
      doc: 'What it becomes.',
    },
    format: {
      type: 'string',
      default: '',
      importance: 'medium',
      group,
      doc: "The form of texts, a pattern of Java's SimpleDateFormat, in UTC.",
      validate: patternProblem,
    },
    'unix.precision': {
      type: 'string',
      default: 'milliseconds',
      allowed: ['nanoseconds', 'microseconds', 'milliseconds', 'seconds'],
      importance: 'low',
      group,
      doc: 'The unit of Unix time.',
    },
    'replace.null.with.default': {
      type: 'boolean',
      default: true,
      importance: 'medium',
      group,
      doc: "A NULL becomes its field's default, as in Kafka Connect. Off: it stays null.",
    },
  }),
  check: (c) =>
    c['target.type'] === 'string' && c.format.trim() === '' ? [{ key: 'format', message: 'target.type=string needs a format' }] : [],
  create(c, { part }) {
    const memo = new SchemaMemo();
    const convert = (schema: Schema, value: unknown): unknown => (value === null ? null : fromMillis(c, toMillis(c, schema, value)));
    return (record) => {
      const { schema, value } = partOf(record, part);
      if (schema === null) return record;
      if (c.field === '')
        return withPart(
          record,
          part,
          memo.get(schema, '', () => targetSchema(c, schema.optional)),
          convert(schema, value),
        );
      if (value === null) return record;
      const { values } = requireStruct(record, part);
      const made = memo.get(schema, '', () =>
        structOf(
          schema.fields.map((f) => [f.name, f.name === c.field ? targetSchema(c, f.schema.optional) : f.schema]),
          { ...basicsOf(schema), optional: schema.optional },
        ),
      );
      const out = schema.fields.map((f) => {
        const v = c['replace.null.with.default'] ? valueOrDefault(f, values) : (values[f.index] ?? null);
        return f.name === c.field ? convert(f.schema, v) : v;
      });
      return withPart(record, part, made, out);
    };
  },
};

function targetSchema(c: TimestampConverterKeys, optional: boolean): Schema {
  switch (c['target.type']) {
    case 'string':
      return primitive('string', { optional });
    case 'unix':
      return primitive('int64', { optional });
    case 'Date':
      return primitive('int32', { name: CONNECT_DATE, version: 1, optional });
    case 'Time':
      return primitive('int32', { name: CONNECT_TIME, version: 1, optional });
    default:
      return primitive('int64', { name: CONNECT_TIMESTAMP, version: 1, optional });
  }
}

/** Any other int64, Debezium's own types too, counts as Unix time: so it is in Kafka Connect. */
function toMillis(c: TimestampConverterKeys, schema: Schema, value: unknown): bigint {
  if (value === UNAVAILABLE) throw transformError(`the field ${c.field} is missing from the row image`);
  if (schema.name === CONNECT_DATE) return BigInt(value as number) * DAY_MS;
  if (schema.name === CONNECT_TIME || schema.name === CONNECT_TIMESTAMP) return BigInt(value as number);
  if (schema.type === 'string') {
    const ms = c.format === '' ? null : parseDate(String(value), c.format);
    if (ms === null) throw transformError(`the text of ${c.field || 'the record'} is not of the form "${c.format}"`);
    return BigInt(ms);
  }
  if (schema.type !== 'int64') throw transformError(`${c.field || 'the record'} of type ${schema.name ?? schema.type} is no timestamp`);
  const n = BigInt(value as number | bigint);
  switch (c['unix.precision']) {
    case 'seconds':
      return n * 1000n;
    case 'microseconds':
      return n / 1000n;
    case 'nanoseconds':
      return n / 1_000_000n;
    default:
      return n;
  }
}

function fromMillis(c: TimestampConverterKeys, ms: bigint): unknown {
  const ofDay = ((ms % DAY_MS) + DAY_MS) % DAY_MS;
  switch (c['target.type']) {
    case 'string':
      return formatDate(Number(ms), c.format);
    case 'unix':
      return unix(c['unix.precision'], ms);
    case 'Date':
      return Number((ms - ofDay) / DAY_MS);
    case 'Time':
      return Number(ofDay);
    default:
      return Number(ms);
  }
}

function unix(precision: string, ms: bigint): number | bigint {
  const n =
    precision === 'seconds' ? ms / 1000n : precision === 'microseconds' ? ms * 1000n : precision === 'nanoseconds' ? ms * 1_000_000n : ms;
  return Number.isSafeInteger(Number(n)) ? Number(n) : n;
}
