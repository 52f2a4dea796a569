import { defineConfig } from '../config/config-def.ts';
import type { Header } from '../model/chunk.ts';
import { type Field, fieldOf, type Schema } from '../model/schema.ts';
import { MICRO_TIMESTAMP, NANO_TIMESTAMP, TIMESTAMP } from '../model/semantic-types.ts';
import { type ChangeRecord, isEnvelope, STRING } from './change-record.ts';
import { regexProblem, replacementProblem, replacer } from './java-regex.ts';
import { expandJson } from './json-payload.ts';
import type { TransformContext, TransformPlugin } from './plugin.ts';
import { SchemaMemo, structOf, transformError, valueOrDefault } from './structs.ts';

interface OutboxKeys {
  readonly 'table.op.invalid.behavior': string;
  readonly 'table.field.event.id': string;
  readonly 'table.field.event.key': string | null;
  readonly 'table.field.event.type': string;
  readonly 'table.field.event.timestamp': string | null;
  readonly 'table.field.event.payload': string;
  readonly 'table.field.event.schema.version': string | null;
  readonly 'table.fields.additional.placement': readonly string[];
  readonly 'table.field.additional.missing': string;
  readonly 'table.expand.json.payload': boolean;
  readonly 'table.json.payload.null.behavior': string;
  readonly 'table.json.payload.empty.array.behavior': string;
  readonly 'route.by.field': string;
  readonly 'route.topic.regex': string;
  readonly 'route.topic.replacement': string;
  readonly 'route.tombstone.on.empty.payload': boolean;
  readonly 'tracing.span.context.field': string;
  readonly 'tracing.operation.name': string;
  readonly 'tracing.with.context.field.only': boolean;
}

const group = 'EventRouter';
const column = (value: string | null, doc: string) => ({ type: 'string', default: value, importance: 'low', group, doc }) as const;
const choice = (value: string, allowed: readonly string[], doc: string) =>
  ({ type: 'string', default: value, allowed, importance: 'medium', group, doc }) as const;

const config = defineConfig<OutboxKeys>({
  'table.op.invalid.behavior': choice(
    'warn',
    ['warn', 'error', 'fatal'],
    'An update of an outbox row is logged and left out, or stops the task.',
  ),
  'table.field.event.id': column('id', 'Column of the event id, which becomes the header id.') as never,
  'table.field.event.key': column('aggregateid', 'Column of the message key.'),
  'table.field.event.type': column('type', 'Accepted for compatibility.') as never,
  'table.field.event.timestamp': column(null, 'Column of the message timestamp; the time of processing when not given.'),
  'table.field.event.payload': column('payload', 'Column of the message value.') as never,
  'table.field.event.schema.version': column(null, "Column of the value schema's version."),
  'table.fields.additional.placement': {
    type: 'list',
    default: [],
    importance: 'high',
    group,
    doc: 'Further columns: column:header, column:envelope:name, column:partition.',
    validate: (list) => {
      const wrong = list.find((text) => text !== '' && !/^[^:]+:\s*(?:header|envelope|partition)\s*(?::[^:]+)?$/i.test(text));
      return wrong === undefined ? null : `"${wrong}" is not of the form column:placement or column:placement:name`;
    },
  },
  'table.field.additional.missing': {
    ...choice('error', ['error', 'ignore'], 'Whether such a column may be missing.'),
    aliases: ['table.fields.additional.error.on.missing'],
  },
  'table.expand.json.payload': { type: 'boolean', default: false, importance: 'medium', group, doc: 'A JSON payload becomes a struct.' },
  'table.json.payload.null.behavior': choice('ignore', ['ignore', 'optional_bytes'], 'What a null in an expanded payload becomes.'),
  'table.json.payload.empty.array.behavior': choice('ignore', ['ignore', 'optional_string'], 'What an empty array in it becomes.'),
  'route.by.field': column('aggregatetype', 'Column that the topic is made of.') as never,
  'route.topic.regex': { ...column('(?<routedByValue>.*)', 'What of that column goes into the topic.'), validate: regexProblem } as never,
  'route.topic.replacement': {
    ...column('outbox.event.${routedByValue}', 'The topic.'),
    validate: (value: string, raw: Readonly<Record<string, string>>) =>
      replacementProblem(raw['route.topic.regex'] ?? '(?<routedByValue>.*)', value),
  } as never,
  'route.tombstone.on.empty.payload': {
    type: 'boolean',
    default: false,
    importance: 'high',
    group,
    doc: 'An empty payload is sent as a tombstone.',
  },
  'tracing.span.context.field': column('tracingspancontext', 'Accepted for compatibility; there is no tracing.') as never,
  'tracing.operation.name': column('debezium-read', 'Accepted for compatibility; there is no tracing.') as never,
  'tracing.with.context.field.only': {
    type: 'boolean',
    default: false,
    importance: 'low',
    group,
    doc: 'Accepted for compatibility; there is no tracing.',
  },
});

interface Placement {
  readonly column: string;
  readonly where: string;
  readonly name: string;
}

/** `io.debezium.transforms.outbox.EventRouter`: rows inserted into an outbox table become the events they describe. */
export const outboxEventRouter: TransformPlugin<OutboxKeys> = {
  names: ['io.debezium.transforms.outbox.EventRouter'],
  config,
  create: (c, context) => {
    const router = new OutboxRouter(c, context);
    return (record) => router.apply(record);
  },
};

class OutboxRouter {
  readonly #c: OutboxKeys;
  readonly #logger: TransformContext['logger'];
  readonly #placements: readonly Placement[];
  readonly #topicOf: (text: string) => string | null;
  readonly #schemas = new SchemaMemo();
  readonly #ignoreMissing: boolean;

  constructor(c: OutboxKeys, context: TransformContext) {
    this.#c = c;
    this.#logger = context.logger;
    this.#placements = c['table.fields.additional.placement'].filter((text) => text !== '').map(placement);
    this.#topicOf = replacer(c['route.topic.regex'], c['route.topic.replacement']);
    this.#ignoreMissing = c['table.field.additional.missing'] === 'ignore';
  }

  apply(record: ChangeRecord): ChangeRecord | null {
    if (record.value === null) return null;
    const { valueSchema } = record;
    if (valueSchema === null || !isEnvelope(record)) return record;
    const envelope = record.value as readonly unknown[];
    const at = (name: string): unknown => envelope[fieldOf(valueSchema, name)?.index ?? -1];
    const op = at('op');
    if (op === 'd') return null;
    if (op === 'u') return this.#unexpected(record);
    const schema = fieldOf(valueSchema, 'after')?.schema;
    const row = at('after') as readonly unknown[] | null;
    if (schema === undefined || row === null) throw transformError('an outbox event has no row');
    return this.#event(record, schema, row, at('ts_ms'));
  }

  #unexpected(record: ChangeRecord): null {
    const behaviour = this.#c['table.op.invalid.behavior'];
    if (behaviour === 'fatal') throw transformError('a row of the outbox table was updated (table.op.invalid.behavior=fatal)');
    this.#logger[behaviour === 'error' ? 'error' : 'warn'](
      { topic: record.topic },
      'a row of the outbox table was updated; the change is left out',
    );
    return null;
  }

  #event(record: ChangeRecord, schema: Schema, row: readonly unknown[], processedMs: unknown): ChangeRecord {
    const c = this.#c;
    const payloadField = required(schema, c['table.field.event.payload'], 'payload');
    const idField = required(schema, c['table.field.event.id'], 'event-id');
    const routeField = required(schema, c['route.by.field'], 'route.by.field');
    const keyField = c['table.field.event.key'] === null ? undefined : required(schema, c['table.field.event.key'], 'event key');
    const routedBy = valueOrDefault(routeField, row);
    if (typeof routedBy !== 'string') throw transformError(`the column ${routeField.name} holds no text, so there is no topic`);

    const headers: Header[] = [...record.headers, { key: 'id', schema: idField.schema, value: valueOrDefault(idField, row) }];
    let payload: { readonly schema: Schema; readonly value: unknown } = {
      schema: payloadField.schema,
      value: valueOrDefault(payloadField, row),
    };
    if (c['table.expand.json.payload']) payload = this.#expanded(payloadField, payload);
    const inEnvelope: { readonly name: string; readonly field: Field }[] = [];
    let partition: number | null = null;
    for (const { column: name, where, name: alias } of this.#placements) {
      const field = fieldOf(schema, name);
      if (field === undefined) {
        if (this.#ignoreMissing) continue;
        throw transformError(`Unable to find field ${name} in event`);
      }
      const value = valueOrDefault(field, row);
      if (where === 'header') headers.push({ key: alias, schema: field.schema, value });
      else if (where === 'envelope') inEnvelope.push({ name: alias, field });
      else if (field.schema.type !== 'int32') throw transformError(`the column ${name} is not an INT, so it is no partition`);
      else partition = value as number | null;
    }
    const empty = payload.value === null || (typeof payload.value === 'string' && payload.value.trim() === '');
    let message: { readonly schema: Schema | null; readonly value: unknown } = payload;
    if (empty && c['route.tombstone.on.empty.payload']) message = { schema: null, value: null };
    else if (this.#placements.some((p) => p.where === 'envelope'))
      message = {
        schema: this.#wrapped(schema, payload.schema, inEnvelope, routedBy, row),
        value: [payload.value, ...inEnvelope.map((f) => valueOrDefault(f.field, row))],
      };
    return {
      ...record,
      topic: this.#topicOf(routedBy) ?? routedBy,
      partition,
      keySchema: keyField?.schema ?? STRING,
      key: keyField === undefined ? null : valueOrDefault(keyField, row),
      valueSchema: message.schema,
      value: message.value,
      headers,
      timestamp: this.#timestamp(schema, row, processedMs),
    };
  }

  /** Debezium: a payload that is not what can be expanded is said and sent as it is. */
  #expanded(
    field: Field,
    payload: { readonly schema: Schema; readonly value: unknown },
  ): { readonly schema: Schema; readonly value: unknown } {
    if (typeof payload.value !== 'string') return payload;
    const c = this.#c;
    const options = {
      nullAsBytes: c['table.json.payload.null.behavior'] === 'optional_bytes',
      emptyArrayAsStrings: c['table.json.payload.empty.array.behavior'] === 'optional_string',
    };
    const expanded = expandJson(field.name, payload.value, options);
    if (typeof expanded !== 'string') return expanded;
    this.#logger.warn({ reason: expanded }, 'a JSON payload of the outbox cannot be expanded and is sent as it is');
    return payload;
  }

  #wrapped(
    row: Schema,
    payload: Schema,
    fields: readonly { readonly name: string; readonly field: Field }[],
    routedBy: string,
    values: readonly unknown[],
  ): Schema {
    const versionColumn = this.#c['table.field.event.schema.version'];
    const version = versionColumn === null ? null : valueOrDefault(required(row, versionColumn, 'schema version'), values);
    if (version !== null && typeof version !== 'number') throw transformError(`the column ${versionColumn} holds no version`);
    const dot = row.name?.lastIndexOf('.') ?? -1;
    const name = row.name === null ? routedBy : `${row.name.slice(0, dot + 1)}${routedBy}.${row.name.slice(dot + 1)}`;
    return this.#schemas.get(payload, `${name} ${version} ${row.fields.length}`, () =>
      structOf([['payload', payload], ...fields.map((f) => [f.name, f.field.schema] as const)], { name, version }),
    );
  }

  #timestamp(schema: Schema, row: readonly unknown[], processedMs: unknown): number {
    const name = this.#c['table.field.event.timestamp'];
    if (name === null) return Number(processedMs);
    const field = required(schema, name, 'timestamp');
    const value = valueOrDefault(field, row);
    if (value === null) return Number(processedMs);
    switch (field.schema.name) {
      case TIMESTAMP:
        return Number(value);
      case MICRO_TIMESTAMP:
        return Math.floor(Number(value) / 1000);
      case NANO_TIMESTAMP:
        return Number(BigInt(value as number | bigint) / 1_000_000n);
      default:
        throw transformError(`Unsupported field type ${field.schema.name ?? field.schema.type} for event timestamp`);
    }
  }
}

function placement(text: string): Placement {
  const [name = '', where = '', alias] = text.split(':').map((s) => s.trim());
  return { column: name, where: where.toLowerCase(), name: alias ?? name };
}

function required(schema: Schema, name: string, what: string): Field {
  const field = fieldOf(schema, name);
  if (field === undefined) throw transformError(`Unable to find ${what} field ${name} in event`);
  return field;
}
