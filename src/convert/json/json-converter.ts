import { isUtf8 } from 'node:buffer';
import type { Row, RowChunk } from '../../model/chunk.ts';
import { ENVELOPE, SOURCE_ROW_FIELD } from '../../model/envelope.ts';
import { CdcError } from '../../model/errors.ts';
import type { Schema } from '../../model/schema.ts';
import { formatTableId, type TableSchema } from '../../model/table-schema.ts';
import type { ChunkEncoder, Converter, Decoded } from '../../spi/converter.ts';
import type { ByteWriter } from '../../util/byte-writer.ts';
import { decodeError, valueError } from '../convert-error.ts';
import { type Cursor, parseValue, skipSpace, skipValue } from './json-parse.ts';
import { compileReader, type JsonReader } from './json-reader.ts';
import { schemaFromJson, schemaToJson } from './json-schema.ts';
import { quote } from './json-text.ts';
import { compileWriter, DEFAULT_FORMAT, type JsonFormat, type JsonWriter, plainToJson } from './json-value.ts';

export interface JsonConverterOptions extends Partial<JsonFormat> {
  /** Every message carries its schema: `{"schema":…,"payload":…}`. */
  readonly schemasEnable: boolean;
}

const NOTHING: Decoded = { schema: null, value: null };

/** Kafka Connect's JsonConverter: the same text, byte for byte, and back. */
export function createJsonConverter(options: JsonConverterOptions, isKey: boolean): Converter {
  const format: JsonFormat = { ...DEFAULT_FORMAT, ...options };
  const enable = options.schemasEnable;
  const encoders = new WeakMap<TableSchema, ChunkEncoder>();
  const writers = new WeakMap<Schema, { readonly front: string; readonly write: JsonWriter }>();
  const schemas = new SchemaCache();

  const frontOf = (schema: Schema): string => (enable ? `{"schema":${schemaToJson(schema)},"payload":` : '');
  const end = enable ? '}' : '';

  function compile(table: TableSchema): ChunkEncoder {
    const where = `table ${formatTableId(table.id)}`;
    if (isKey) {
      if (table.key === null) return new RowTextEncoder(() => null);
      const front = frontOf(table.key);
      const write = compileWriter(table.key, { ...format, unavailablePlaceholder: '' }, where, '');
      return new RowTextEncoder(keyText(table, write, front, end, where));
    }
    const front = frontOf(table.envelope);
    if (table.shape === 'row') {
      const write = compileWriter(table.envelope, format, where, '');
      return new RowTextEncoder((chunk) => {
        const rows = chunk.after;
        return rows === null ? null : (i) => front + write(rows[i]) + end;
      });
    }
    return new RowTextEncoder(envelopeText(table, format, where, front, end));
  }

  return {
    async prepare(table) {
      const ready = encoders.get(table) ?? compile(table);
      encoders.set(table, ready);
      return ready;
    },
    encoder: (table) => encoders.get(table),
    async fromConnect(topic, schema, value) {
      if (schema === null) {
        if (value === null || value === undefined) return null;
        const text = plainToJson(value);
        return Buffer.from(enable ? `{"schema":null,"payload":${text}}` : text);
      }
      let writer = writers.get(schema);
      if (writer === undefined) {
        writer = { front: frontOf(schema), write: compileWriter(schema, format, `topic ${topic}`, '') };
        writers.set(schema, writer);
      }
      return Buffer.from(writer.front + writer.write(value) + end);
    },
    toConnect(topic, data) {
      if (data === null) return NOTHING;
      if (!isUtf8(data)) throw decodeError(`topic ${topic}`, 'the message is not UTF-8 text');
      try {
        if (enable) return withSchema(data, topic, schemas);
        const cursor: Cursor = { text: data.toString('utf8'), at: 0 };
        const value = parseValue(cursor);
        finish(cursor);
        return { schema: null, value };
      } catch (error) {
        if (error instanceof SyntaxError) throw decodeError(`topic ${topic}`, error.message, error);
        throw error;
      }
    },
  };
}

/** Texts of a chunk's messages by row, or null when none of them has one. */
type ChunkText = (chunk: RowChunk) => ((i: number) => string) | null;

class RowTextEncoder implements ChunkEncoder {
  readonly #text: ChunkText;

  constructor(text: ChunkText) {
    this.#text = text;
  }

  encode(chunk: RowChunk, out: ByteWriter, into: (Buffer | null)[]): void {
    const text = this.#text(chunk);
    for (let i = 0; i < chunk.count; i++) {
      if (text === null) {
        into.push(null);
        continue;
      }
      const message = text(i);
      out.reserve(3 * message.length);
      out.pos += out.buf.write(message, out.pos);
      into.push(out.cut());
    }
  }
}

function keyText(table: TableSchema, write: JsonWriter, front: string, end: string, where: string): ChunkText {
  const key = new Array<unknown>(table.keyOrdinals.length).fill(null);
  return (chunk) => {
    const rows = chunk.op === 'd' ? (chunk.before ?? chunk.after) : (chunk.after ?? chunk.before);
    if (rows === null) return null;
    return (i) => {
      const row = rows[i] as Row;
      table.keyOrdinals.forEach((ordinal, k) => {
        if (typeof row[ordinal] === 'symbol')
          throw valueError(where, table.key?.fields[k]?.name ?? '', 'is missing from the row image, but part of the key');
        key[k] = row[ordinal];
      });
      return front + write(key) + end;
    };
  };
}

/** Envelope texts: what all rows of a chunk share is made once per chunk. */
function envelopeText(table: TableSchema, format: JsonFormat, where: string, front: string, end: string): ChunkText {
  const { fields } = table.envelope;
  const source = fields[ENVELOPE.source]?.schema;
  if (fields.length !== Object.keys(ENVELOPE).length || source?.fields[SOURCE_ROW_FIELD]?.name !== 'row')
    throw new CdcError('CDC_INTERNAL_ASSERTION', 'fatal', `${where}: the schema of shape 'envelope' is not a Debezium envelope`);
  const image = compileWriter((fields[ENVELOPE.before] as { schema: Schema }).schema, format, where, '');
  const sourceWriters = source.fields.map((f) => ({
    key: quote(f.name),
    write: compileWriter(f.schema, format, where, `source.${f.name}`),
  }));
  const sourceText = (values: Row, from: number, to: number): string =>
    sourceWriters
      .slice(from, to)
      .map((f, i) => `${f.key}:${f.write(values[from + i])}`)
      .join(',');
  return (chunk) => {
    const { firstRow, transaction, source: info } = chunk;
    const rowStep = info.snapshot === null ? 1 : 0;
    const before = chunk.op === 't' ? null : chunk.before;
    const after = chunk.op === 't' ? null : chunk.after;
    const head = `,"source":{${sourceText(info.values, 0, SOURCE_ROW_FIELD)},"row":`;
    const tail = `,${sourceText(info.values, SOURCE_ROW_FIELD + 1, source.fields.length)}},"transaction":`;
    const us = chunk.processedUs;
    const last = `,"op":"${chunk.op}","ts_ms":${Math.floor(us / 1000)},"ts_us":${us},"ts_ns":${BigInt(us) * 1000n}}${end}`;
    const block = transaction === null ? 'null' : `{"id":${quote(transaction.id)},"total_order":`;
    const start = `${front}{"before":`;
    return (i) => {
      const b = before === null ? 'null' : image(before[i]);
      const a = after === null ? 'null' : image(after[i]);
      const counters =
        transaction === null ? '' : `${transaction.firstOrder + i},"data_collection_order":${transaction.firstCollectionOrder + i}}`;
      return `${start}${b},"after":${a}${head}${firstRow + i * rowStep}${tail}${block}${counters}${last}`;
    };
  };
}

interface Reader {
  readonly schema: Schema | null;
  readonly read: JsonReader;
}

/** A topic's messages begin with one of these bytes: `{"schema":…,"payload":`. */
interface Front {
  readonly bytes: Buffer;
  readonly reader: Reader;
}

/**
 * Schemas by their text, so that equal texts give the same object. The fronts of a topic's last messages are
 * kept as bytes: comparing them is all that a further message's schema costs.
 */
class SchemaCache {
  readonly #byText = new Map<string, Reader>();
  readonly #fronts = new Map<string, Front[]>();
  /** `schemas.cache.size` of JsonConverter: the oldest goes first. */
  static readonly #limit = 1000;
  static readonly #frontsPerTopic = 8;

  get(text: string): Reader {
    let reader = this.#byText.get(text);
    if (reader === undefined) {
      const schema = text === 'null' ? null : schemaFromJson(text);
      reader = { schema, read: schema === null ? parseValue : compileReader(schema, schema.name ?? 'value') };
      if (this.#byText.size >= SchemaCache.#limit) this.#byText.delete(this.#byText.keys().next().value as string);
      this.#byText.set(text, reader);
    }
    return reader;
  }

  /** The known front `data` starts with, if any. */
  frontOf(topic: string, data: Buffer): Front | undefined {
    return this.#fronts.get(topic)?.findLast((f) => data.length > f.bytes.length && f.bytes.compare(data, 0, f.bytes.length) === 0);
  }

  keepFront(topic: string, text: string, reader: Reader): void {
    const fronts = this.#fronts.get(topic) ?? [];
    fronts.push({ bytes: Buffer.from(text), reader });
    if (fronts.length > SchemaCache.#frontsPerTopic) fronts.shift();
    this.#fronts.set(topic, fronts);
  }
}

function withSchema(data: Buffer, topic: string, schemas: SchemaCache): Decoded {
  const known = schemas.frontOf(topic, data);
  if (known !== undefined) {
    const rest: Cursor = { text: data.toString('utf8', known.bytes.length), at: 0 };
    const value = known.reader.read(rest);
    skipSpace(rest);
    // Anything but the end of the object: read it again in full, for the right error or another order of keys.
    if (rest.text.charCodeAt(rest.at++) === 125 && onlySpaceLeft(rest)) return { schema: known.reader.schema, value };
  }
  return inFull({ text: data.toString('utf8'), at: 0 }, topic, schemas);
}

function inFull(c: Cursor, topic: string, schemas: SchemaCache): Decoded {
  let reader: Reader | undefined;
  let payloadAt = -1;
  let schemaFirst = false;
  skipSpace(c);
  if (c.text.charCodeAt(c.at) !== 123) throw notEnveloped(topic);
  do {
    c.at++;
    skipSpace(c);
    const key = c.text.charCodeAt(c.at) === 34 ? parseValue(c) : null;
    skipSpace(c);
    if (c.text.charCodeAt(c.at++) !== 58) throw notEnveloped(topic);
    skipSpace(c);
    const from = c.at;
    if (key === 'schema' && reader === undefined) {
      skipValue(c);
      reader = schemas.get(c.text.slice(from, c.at));
    } else if (key === 'payload' && payloadAt < 0) {
      payloadAt = from;
      schemaFirst = reader !== undefined;
      skipValue(c);
    } else throw notEnveloped(topic);
    skipSpace(c);
  } while (c.text.charCodeAt(c.at) === 44);
  if (c.text.charCodeAt(c.at++) !== 125 || reader === undefined || payloadAt < 0) throw notEnveloped(topic);
  finish(c);
  const value = reader.read({ text: c.text, at: payloadAt });
  if (schemaFirst) schemas.keepFront(topic, c.text.slice(0, payloadAt), reader);
  return { schema: reader.schema, value };
}

function onlySpaceLeft(c: Cursor): boolean {
  skipSpace(c);
  return c.at === c.text.length;
}

function finish(c: Cursor): void {
  skipSpace(c);
  if (c.at !== c.text.length) throw new SyntaxError(`unexpected character at offset ${c.at} of the JSON text`);
}

function notEnveloped(topic: string): CdcError {
  return decodeError(
    `topic ${topic}`,
    'with schemas.enable=true a message must have "schema" and "payload" and nothing else; set schemas.enable=false for plain JSON',
  );
}
