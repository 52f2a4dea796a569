import { array, map, primitive, type Schema, type SchemaOptions, type SchemaType, struct } from '../../model/schema.ts';
import { decodeError } from '../convert-error.ts';
import { type JsonValue, parseJson } from './json-parse.ts';
import { quote } from './json-text.ts';
import { valueFromJson, valueToJson } from './json-value.ts';

const TO_JSON: Readonly<Record<SchemaType, string>> = {
  int8: 'int8',
  int16: 'int16',
  int32: 'int32',
  int64: 'int64',
  float32: 'float',
  float64: 'double',
  boolean: 'boolean',
  string: 'string',
  bytes: 'bytes',
  array: 'array',
  map: 'map',
  struct: 'struct',
};

const FROM_JSON: Readonly<Record<string, SchemaType>> = Object.fromEntries(
  Object.entries(TO_JSON).map(([type, name]) => [name, type as SchemaType]),
);

/** The schema as Connect's JsonConverter writes it (`JsonConverter.asJsonSchema`): same keys, same order. */
export function schemaToJson(schema: Schema): string {
  return `{${body(schema)}}`;
}

function body(schema: Schema): string {
  let text = `"type":"${TO_JSON[schema.type]}"`;
  if (schema.type === 'struct') {
    text += `,"fields":[${schema.fields.map((f) => `{${body(f.schema)},"field":${quote(f.name)}}`).join(',')}]`;
  } else if (schema.type === 'array') {
    text += `,"items":${schemaToJson(schema.items as Schema)}`;
  } else if (schema.type === 'map') {
    text += `,"keys":${schemaToJson(schema.keys as Schema)},"values":${schemaToJson(schema.items as Schema)}`;
  }
  text += `,"optional":${schema.optional}`;
  if (schema.name !== null) text += `,"name":${quote(schema.name)}`;
  if (schema.version !== null) text += `,"version":${schema.version}`;
  if (schema.doc !== null) text += `,"doc":${quote(schema.doc)}`;
  if (schema.parameters !== null) {
    const entries = Object.entries(schema.parameters).map(([k, v]) => `${quote(k)}:${quote(v)}`);
    text += `,"parameters":{${entries.join(',')}}`;
  }
  if (schema.defaultValue !== undefined && schema.defaultValue !== null) text += `,"default":${valueToJson(schema, schema.defaultValue)}`;
  return text;
}

/** Reads a schema written by `schemaToJson` or by Connect; throws CDC_MESSAGE_DECODE for anything else. */
export function schemaFromJson(json: string | JsonValue): Schema {
  return read(typeof json === 'string' ? parseSchemaText(json) : json);
}

function parseSchemaText(text: string): JsonValue {
  try {
    return parseJson(text);
  } catch (cause) {
    throw decodeError('JSON schema', 'the text is not JSON', cause);
  }
}

function read(json: JsonValue): Schema {
  if (json === null || typeof json !== 'object' || Array.isArray(json)) throw decodeError('JSON schema', 'a schema is not an object');
  const type = FROM_JSON[String(json['type'])];
  if (type === undefined) throw decodeError('JSON schema', `unknown type "${String(json['type'])}"`);
  const schema = build(type, json, optionsOf(json));
  const defaultValue = json['default'];
  if (defaultValue === undefined || defaultValue === null) return schema;
  return { ...schema, defaultValue: valueFromJson(schema, defaultValue, 'JSON schema', 'default') };
}

function optionsOf(json: { [key: string]: JsonValue }): SchemaOptions {
  const { name, version, doc, parameters } = json;
  return {
    name: typeof name === 'string' ? name : null,
    version: typeof version === 'number' ? version : null,
    optional: json['optional'] === true,
    doc: typeof doc === 'string' ? doc : null,
    parameters:
      parameters !== null && typeof parameters === 'object' && !Array.isArray(parameters) ? (parameters as Record<string, string>) : null,
  };
}

function build(type: SchemaType, json: { [key: string]: JsonValue }, options: SchemaOptions): Schema {
  switch (type) {
    case 'struct': {
      const fields = json['fields'];
      if (!Array.isArray(fields)) throw decodeError('JSON schema', 'a struct has no fields');
      return struct(
        fields.map((f) => [String((f as { [key: string]: JsonValue })['field']), read(f)] as const),
        options,
      );
    }
    case 'array':
      return array(read(json['items'] as JsonValue), options);
    case 'map':
      return map(read(json['keys'] as JsonValue), read(json['values'] as JsonValue), options);
    default:
      return primitive(type, options);
  }
}
