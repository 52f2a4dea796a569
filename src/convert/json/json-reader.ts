import type { Field, Schema } from '../../model/schema.ts';
import { DECIMAL } from '../../model/semantic-types.ts';
import { valueError } from '../convert-error.ts';
import { type Cursor, parseNumber, parseString, parseValue } from './json-parse.ts';
import { quote } from './json-text.ts';
import { valueFromJson } from './json-value.ts';

/** Reads one value at the cursor, which moves past it. */
export type JsonReader = (c: Cursor) => unknown;

/**
 * A reader for JSON as JsonConverter writes it: fields in the order of the schema, no white space. Structs
 * become positional arrays without an object in between (a third of the time). Any other form of the same
 * value is parsed generally (`valueFromJson`), with the same result. Throws SyntaxError or CDC_VALUE_CONVERT.
 */
export function compileReader(schema: Schema, where: string, path = ''): JsonReader {
  const general: JsonReader = (c) => valueFromJson(schema, parseValue(c), where, path);
  const { optional } = schema;
  // Booleans, binary and nested collections are rare or cheap enough to go the general way.
  switch (schema.type) {
    case 'struct':
      return structReader(schema, where, path, general);
    case 'string':
      return (c) => (c.text.charCodeAt(c.at) === 34 ? parseString(c) : general(c));
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64': {
      const wide = schema.type === 'int64';
      return (c) => {
        const code = c.text.charCodeAt(c.at);
        if (code === 110 && optional) return general(c);
        if (code !== 45 && (code < 48 || code > 57)) return general(c);
        const n = parseNumber(c);
        if (wide ? typeof n !== 'bigint' && !Number.isSafeInteger(n) : typeof n !== 'number' || !Number.isInteger(n))
          throw valueError(where, path, `does not fit type ${schema.type}`);
        return n;
      };
    }
    case 'bytes':
      if (schema.name === DECIMAL) return general;
      return (c) => (c.text.charCodeAt(c.at) === 34 ? Buffer.from(parseString(c), 'base64') : general(c));
    default:
      return general;
  }
}

function structReader(schema: Schema, where: string, path: string, general: JsonReader): JsonReader {
  const prefix = path === '' ? '' : `${path}.`;
  const parts = schema.fields.map((f: Field, i) => ({
    key: `${i === 0 ? '{' : ','}${quote(f.name)}:`,
    read: compileReader(f.schema, where, prefix + f.name),
    optional: f.schema.optional,
  }));
  const count = parts.length;
  if (count === 0) return general;
  return (c) => {
    const { text } = c;
    const start = c.at;
    const row = new Array<unknown>(count);
    for (let i = 0; i < count; i++) {
      const part = parts[i] as (typeof parts)[number];
      if (!text.startsWith(part.key, c.at)) {
        c.at = start;
        return general(c);
      }
      c.at += part.key.length;
      if (part.optional && text.startsWith('null', c.at)) {
        c.at += 4;
        row[i] = null;
      } else row[i] = part.read(c);
    }
    if (text.charCodeAt(c.at) === 125) {
      c.at++;
      return row;
    }
    c.at = start;
    return general(c);
  };
}
