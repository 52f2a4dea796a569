import type { Schema } from '../../model/schema.ts';
import type { TableSchema } from '../../model/table-schema.ts';
import { formatTableId } from '../../model/table-schema.ts';
import type { RawConfig } from '../../spi/config-def.ts';
import type { ChunkEncoder, Converter, Decoded } from '../../spi/converter.ts';
import type { Logger } from '../../spi/telemetry.ts';
import { decodeError, valueError } from '../convert-error.ts';
import { DEFAULT_FORMAT } from '../json/json-value.ts';
import { AvroDecoder } from './avro-decoder.ts';
import { encodeValue, type Placeholder, sizeBound } from './avro-encoder.ts';
import { compilePlan, type PlanNode } from './avro-plan.ts';
import { avroFromConnect } from './avro-schema.ts';
import { type AvroType, parseAvro } from './avro-type.ts';
import { EnvelopeEncoder, KeyEncoder, NO_KEY, RowEncoder, WIRE_HEADER_BYTES, wireHeader } from './chunk-encoder.ts';
import { connectFromAvro } from './connect-schema.ts';
import { flag, Registry, registryConfig, subjectNaming } from './registry.ts';
import { checkSameShape } from './same-shape.ts';

const NOTHING: Decoded = { schema: null, value: null };

interface Writer {
  readonly plan: PlanNode;
  readonly id: number;
}

interface Reader {
  readonly schema: Schema;
  readonly decoder: AvroDecoder;
}

/**
 * Confluent's AvroConverter: `00`, schema id, Avro. `config` holds the converter's keys without their
 * `key.converter.`/`value.converter.` prefix: `schema.registry.url`, `auto.register.schemas`,
 * `use.latest.version`, `basic.auth.*`, `{key,value}.subject.name.strategy`, `ignore.default.for.nullables`
 * (here true by default: a NULL stays a NULL, where Confluent's writes the column's default).
 */
export function createAvroConverter(
  config: RawConfig,
  isKey: boolean,
  logger: Logger,
  options: { readonly unavailablePlaceholder?: string } = {},
): Converter {
  const registry = new Registry(registryConfig(config));
  const naming = subjectNaming(config[`${isKey ? 'key' : 'value'}.subject.name.strategy`], isKey);
  const { useLatest } = registryConfig(config);
  const replaceNullWithDefault = !flag(config, 'ignore.default.for.nullables', true);
  const text = options.unavailablePlaceholder ?? DEFAULT_FORMAT.unavailablePlaceholder;
  const placeholder: Placeholder = { text, bytes: Buffer.from(text) };
  const encoders = new WeakMap<TableSchema, ChunkEncoder>();
  const writers = new Map<string, WeakMap<Schema, Writer>>();
  const readersById = new Map<number, Reader>();
  const readersByText = new Map<string, Reader>();

  async function writerOf(topic: string, where: string, schema: Schema, envelope: boolean): Promise<Writer> {
    const avro = avroFromConnect(schema);
    const type = parseAvro(avro);
    const subject = naming(topic, type.kind === 'record' ? type.fullName : schema.name);
    let id: number;
    if (useLatest) {
      const latest = await registry.latest(subject);
      checkSameShape(type, parseAvro(latest.text), subject);
      id = latest.id;
    } else id = await registry.idOf(subject, avro);
    logger.debug({ subject, schemaId: id }, 'Avro schema ready');
    return { plan: compilePlan(type, schema, { where, replaceNullWithDefault, envelope }), id };
  }

  async function compile(table: TableSchema): Promise<ChunkEncoder> {
    const where = `table ${formatTableId(table.id)}`;
    const schema = isKey ? table.key : table.envelope;
    if (schema === null) return NO_KEY;
    const { plan, id } = await writerOf(table.topic, where, schema, !isKey && table.shape === 'envelope');
    if (isKey) return new KeyEncoder(plan, table.keyOrdinals, id);
    return table.shape === 'envelope' ? new EnvelopeEncoder(plan, table, id, placeholder) : new RowEncoder(plan, id, placeholder);
  }

  function readerOf(id: number, avro: string, references: readonly string[]): Reader {
    const key = [...references, avro].join('\n');
    let reader = readersByText.get(key);
    if (reader === undefined) {
      const type: AvroType = parseAvro(avro, references);
      const schema = connectFromAvro(type);
      const plan = compilePlan(type, schema, { where: `schema ${id}`, replaceNullWithDefault: false });
      reader = { schema, decoder: new AvroDecoder(plan) };
      readersByText.set(key, reader);
    }
    readersById.set(id, reader);
    return reader;
  }

  async function fetchReader(id: number): Promise<Reader> {
    const stored = await registry.schemaOf(id);
    return readersById.get(id) ?? readerOf(id, stored.text, stored.references);
  }

  const read = (reader: Reader, data: Buffer): Decoded => ({
    schema: reader.schema,
    value: reader.decoder.decode(data, WIRE_HEADER_BYTES),
  });

  return {
    async prepare(table) {
      const ready = encoders.get(table) ?? (await compile(table));
      encoders.set(table, ready);
      return ready;
    },
    encoder: (table) => encoders.get(table),
    async fromConnect(topic, schema, value) {
      if (value === null || value === undefined) {
        if (schema !== null && !schema.optional) throw valueError(`topic ${topic}`, '', 'the value is null, but not optional');
        return null;
      }
      if (schema === null) throw valueError(`topic ${topic}`, '', 'a value without schema cannot be written as Avro');
      const ofTopic = writers.get(topic) ?? new WeakMap<Schema, Writer>();
      writers.set(topic, ofTopic);
      const writer = ofTopic.get(schema) ?? (await writerOf(topic, `topic ${topic}`, schema, false));
      ofTopic.set(schema, writer);
      const buf = Buffer.alloc(WIRE_HEADER_BYTES + 1 + sizeBound(writer.plan, value, placeholder));
      wireHeader(writer.id).copy(buf);
      return buf.subarray(0, encodeValue(writer.plan, value, buf, WIRE_HEADER_BYTES, placeholder));
    },
    toConnect(topic, data) {
      if (data === null) return NOTHING;
      if (data.length < WIRE_HEADER_BYTES || data[0] !== 0)
        throw decodeError(`topic ${topic}`, "the message is not in Confluent's wire format (magic byte 0 and a schema id)");
      const id = data.readInt32BE(1);
      const reader = readersById.get(id);
      return reader === undefined ? fetchReader(id).then((r) => read(r, data)) : read(reader, data);
    },
  };
}
