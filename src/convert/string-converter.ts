import type { Row } from '../model/chunk.ts';
import { primitive, type Schema } from '../model/schema.ts';
import { formatTableId, type TableSchema } from '../model/table-schema.ts';
import type { ChunkEncoder, Converter } from '../spi/converter.ts';
import { decodeError, valueError } from './convert-error.ts';

const SCHEMA: Schema = primitive('string', { optional: true });

/**
 * Kafka Connect's StringConverter: UTF-8 text in and out. It reads any message as a string; of rows it can
 * write keys of one column only (a struct's text would be Java's `Struct{id=1}`, which nothing reads back).
 */
export function createStringConverter(isKey: boolean): Converter {
  const encoders = new WeakMap<TableSchema, ChunkEncoder>();
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  return {
    async prepare(table) {
      const ready = encoders.get(table) ?? rowEncoder(table, isKey, (value, where) => Buffer.from(textOf(value, where)));
      encoders.set(table, ready);
      return ready;
    },
    encoder: (table) => encoders.get(table),
    async fromConnect(topic, _schema, value) {
      return value === null || value === undefined ? null : Buffer.from(textOf(value, `topic ${topic}`));
    },
    toConnect(topic, data) {
      if (data === null) return { schema: SCHEMA, value: null };
      try {
        return { schema: SCHEMA, value: strict.decode(data) };
      } catch (cause) {
        throw decodeError(`topic ${topic}`, 'the message is not UTF-8 text', cause);
      }
    },
  };
}

function textOf(value: unknown, where: string): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  throw valueError(where, '', 'StringConverter cannot write a value of this type; use the JSON or the Avro converter');
}

/** Encoder of the single key column of a table, for converters without structs; throws CDC_VALUE_CONVERT for values and wider keys. */
export function rowEncoder(table: TableSchema, isKey: boolean, bytes: (value: unknown, where: string) => Buffer): ChunkEncoder {
  const where = `table ${formatTableId(table.id)}`;
  const ordinal = table.keyOrdinals[0];
  return {
    encode(chunk, _out, into) {
      if (!isKey || table.keyOrdinals.length > 1)
        throw valueError(
          where,
          '',
          'String and ByteArray converters can write keys of one column only; use the JSON or the Avro converter',
        );
      const rows = chunk.op === 'd' ? (chunk.before ?? chunk.after) : (chunk.after ?? chunk.before);
      for (let i = 0; i < chunk.count; i++)
        into.push(rows === null || ordinal === undefined ? null : bytes((rows[i] as Row)[ordinal], where));
    },
  };
}
