import { defineConfig } from '../config/config-def.ts';
import { fieldOf, type Schema } from '../model/schema.ts';
import { adjustSchemaName, type NameAdjustmentMode } from '../relational/name-adjustment.ts';
import { REQUIRED } from '../spi/config-def.ts';
import { isEnvelope, type RecordTransform, STRING } from './change-record.ts';
import { regexProblem, replacementProblem, replacer } from './java-regex.ts';
import type { TransformPlugin } from './plugin.ts';
import { basicsOf, fieldPairs, requireStruct, SchemaMemo, structOf } from './structs.ts';

interface LogicalTopicRouterKeys {
  readonly 'topic.regex': string;
  readonly 'topic.replacement': string;
  readonly 'key.enforce.uniqueness': boolean;
  readonly 'key.field.regex': string | null;
  readonly 'key.field.name': string;
  readonly 'key.field.replacement': string | null;
  readonly 'schema.name.adjustment.mode': string;
  readonly 'logical.destination.cache.size': number;
}

const group = 'LogicalTopicRouter';

const configOf = (keyFieldName: string) =>
  defineConfig<LogicalTopicRouterKeys>({
    'topic.regex': {
      type: 'string',
      default: REQUIRED,
      importance: 'low',
      group,
      doc: 'Topics whose whole name matches get another.',
      validate: regexProblem,
    },
    'topic.replacement': {
      type: 'string',
      default: REQUIRED,
      importance: 'low',
      group,
      doc: 'The new name; $1 … are the groups of topic.regex.',
      validate: (value, raw) => replacementProblem(raw['topic.regex'] ?? '', value),
    },
    'key.enforce.uniqueness': {
      type: 'boolean',
      default: true,
      importance: 'low',
      group,
      doc: 'Add a field to the key that says which topic the record was for.',
    },
    'key.field.regex': {
      type: 'string',
      default: null,
      importance: 'low',
      group,
      doc: 'The part of the old topic that goes into that field; the whole name when it does not match or is not given.',
      validate: regexProblem,
    },
    'key.field.name': { type: 'string', default: keyFieldName, importance: 'low', group, doc: 'The name of that field.' },
    'key.field.replacement': { type: 'string', default: null, importance: 'low', group, doc: 'What key.field.regex is replaced by.' },
    'schema.name.adjustment.mode': {
      type: 'string',
      default: 'none',
      allowed: ['none', 'avro', 'avro_unicode'],
      importance: 'low',
      group,
      doc: 'How the new schema names are made fit for Avro.',
    },
    'logical.destination.cache.size': {
      type: 'int',
      default: 16,
      importance: 'low',
      group,
      doc: 'Accepted for compatibility.',
      aliases: ['logical.table.cache.size'],
    },
  });

function plugin(name: string, keyFieldName: string): TransformPlugin<LogicalTopicRouterKeys> {
  return {
    names: [name],
    config: configOf(keyFieldName),
    check: (c) =>
      (c['key.field.regex'] ?? '').trim() !== '' && (c['key.field.replacement'] ?? '').trim() === ''
        ? [{ key: 'key.field.replacement', message: 'key.field.replacement must be non-empty if key.field.regex is set.' }]
        : [],
    create,
  };
}

/** `io.debezium.transforms.ByLogicalTableRouter`: several tables' records in one topic. */
export const byLogicalTableRouter = plugin('io.debezium.transforms.ByLogicalTableRouter', '__dbz__physicalTableIdentifier');
/** … and what it is called from Debezium 3.7 on. */
export const toLogicalTopicRouter = plugin('io.debezium.transforms.ToLogicalTopicRouter', '__dbz__sourceIdentifier');

function create(c: LogicalTopicRouterKeys): RecordTransform {
  const topicOf = replacer(c['topic.regex'], c['topic.replacement']);
  const keyRegex = (c['key.field.regex'] ?? '').trim();
  const identifierOf = keyRegex === '' ? () => null : replacer(keyRegex, c['key.field.replacement'] ?? '');
  const unique = c['key.enforce.uniqueness'];
  const adjusted = (name: string): string => adjustSchemaName(name, c['schema.name.adjustment.mode'] as NameAdjustmentMode);
  const keys = new SchemaMemo();
  const envelopes = new SchemaMemo();
  const names = new Map<string, { readonly topic: string | null; readonly identifier: string }>();

  const route = (old: string): { readonly topic: string | null; readonly identifier: string } => {
    let known = names.get(old);
    if (known === undefined) {
      known = { topic: topicOf(old), identifier: identifierOf(old) ?? old };
      names.set(old, known);
    }
    return known;
  };
  const keySchema = (schema: Schema, topic: string): Schema =>
    structOf(unique ? [...fieldPairs(schema), [c['key.field.name'], STRING]] : fieldPairs(schema), {
      ...basicsOf(schema),
      name: adjusted(`${topic}.Key`),
      optional: schema.optional,
    });
  const envelopeSchema = (schema: Schema, topic: string): Schema => {
    const row = (fieldOf(schema, 'before') ?? fieldOf(schema, 'after'))?.schema;
    const renamed = row === undefined ? null : { ...row, name: adjusted(`${topic}.Value`), defaultValue: undefined };
    return structOf(
      schema.fields.map((f) => [f.name, renamed !== null && (f.name === 'before' || f.name === 'after') ? renamed : f.schema]),
      { ...basicsOf(schema), name: adjusted(`${topic}.Envelope`), optional: schema.optional },
    );
  };

  return (record) => {
    const { topic, identifier } = route(record.topic);
    if (topic === null || topic === '') return record;
    let routed = { ...record, topic, keySchema: null as Schema | null, key: null as unknown };
    if (record.key !== null) {
      const { schema, values } = requireStruct(record, 'key');
      routed = {
        ...routed,
        keySchema: keys.get(schema, topic, () => keySchema(schema, topic)),
        key: unique ? [...values, identifier] : values,
      };
    }
    const { valueSchema } = record;
    if (record.value === null || valueSchema === null || !isEnvelope(record)) return routed;
    return { ...routed, valueSchema: envelopes.get(valueSchema, topic, () => envelopeSchema(valueSchema, topic)) };
  };
}
