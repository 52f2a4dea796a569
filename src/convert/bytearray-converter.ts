import { primitive, type Schema } from '../model/schema.ts';
import type { TableSchema } from '../model/table-schema.ts';
import type { ChunkEncoder, Converter } from '../spi/converter.ts';
import { valueError } from './convert-error.ts';
import { rowEncoder } from './string-converter.ts';

const SCHEMA: Schema = primitive('bytes', { optional: true });

/** Kafka Connect's ByteArrayConverter: bytes pass as they are. */
export function createByteArrayConverter(isKey: boolean): Converter {
  const encoders = new WeakMap<TableSchema, ChunkEncoder>();
  return {
    async prepare(table) {
      const ready = encoders.get(table) ?? rowEncoder(table, isKey, bytesOf);
      encoders.set(table, ready);
      return ready;
    },
    encoder: (table) => encoders.get(table),
    async fromConnect(topic, _schema, value) {
      return value === null || value === undefined ? null : bytesOf(value, `topic ${topic}`);
    },
    toConnect: (_topic, data) => ({ schema: SCHEMA, value: data }),
  };
}

function bytesOf(value: unknown, where: string): Buffer {
  if (Buffer.isBuffer(value)) return value;
  throw valueError(where, '', 'ByteArrayConverter writes bytes only');
}
