import type { Batch, Chunk, Header, RowChunk, SourceRecord } from '../model/chunk.ts';
import type { SourceOffset, SourcePartition } from '../model/offset.ts';
import type { Schema } from '../model/schema.ts';
import type { ChunkEncoder, Converter } from '../spi/converter.ts';
import { ByteWriter } from '../util/byte-writer.ts';

export interface LineConverters {
  readonly key: Converter;
  readonly value: Converter;
  readonly header: Converter;
}

/**
 * Batches as lines of JSON, one message each: `{"topic","partition","key","value","headers","sourcePartition","sourceOffset"}`.
 * Key and value are the bytes of the configured JSON format as they are; a tombstone is a line whose value is null,
 * `partition` is null where the key decides.
 */
export class MessageLines {
  readonly #converters: LineConverters;
  readonly #bytes = new ByteWriter(1 << 16);
  /** A batch's headers are the same objects from batch to batch. */
  readonly #headerText = new WeakMap<Header, string>();
  #partition: SourcePartition | null = null;

  constructor(converters: LineConverters) {
    this.#converters = converters;
  }

  /** The lines of a batch, each with its line end. */
  async format(batch: Batch): Promise<string[]> {
    const only = batch.offsets.length === 1 ? batch.offsets[0] : undefined;
    if (only !== undefined) this.#partition = only.partition;
    const lines: string[] = [];
    const context: string[] = [];
    for (const header of batch.headers) context.push(await this.#header(header));
    for (const chunk of batch.chunks) {
      const tail = this.#tail(chunk);
      switch (chunk.kind) {
        case 'rows':
          await this.#rows(chunk, context, tail, lines);
          break;
        case 'record':
          lines.push(await this.#record(chunk.record, chunk.plain === true ? [] : context, tail));
          break;
        case 'schemaChange':
          for (const record of chunk.records) lines.push(await this.#record(record, context, tail));
          break;
        default:
          chunk satisfies never;
      }
    }
    return lines;
  }

  async #rows(chunk: RowChunk, context: readonly string[], tail: string, lines: string[]): Promise<void> {
    const keys = await this.#encode(this.#converters.key, chunk);
    const values = await this.#encode(this.#converters.value, chunk);
    const head = `{"topic":${JSON.stringify(chunk.table.topic)},"partition":null,"key":`;
    const shared = `,"headers":[${context.join(',')}]${tail}`;
    for (let i = 0; i < chunk.count; i++) {
      const key = jsonOf(keys[i]);
      const other = chunk.otherKeys?.[i];
      const rest = other === undefined ? shared : `,"headers":[${[await this.#otherKey(chunk, other), ...context].join(',')}]${tail}`;
      lines.push(`${head}${key},"value":${jsonOf(values[i])}${rest}`);
      if (chunk.op === 'd' && chunk.tombstones) lines.push(`${head}${key},"value":null${rest}`);
    }
  }

  async #encode(converter: Converter, chunk: RowChunk): Promise<readonly (Buffer | null)[]> {
    const encoder: ChunkEncoder = converter.encoder(chunk.table) ?? (await converter.prepare(chunk.table));
    const into: (Buffer | null)[] = [];
    this.#bytes.reset();
    encoder.encode(chunk, this.#bytes, into);
    return into;
  }

  async #otherKey(chunk: RowChunk, key: unknown): Promise<string> {
    const name = chunk.op === 'd' ? '__debezium.newkey' : '__debezium.oldkey';
    return this.#headerOf(name, chunk.table.key, key);
  }

  async #record(record: SourceRecord, batchHeaders: readonly string[], tail: string): Promise<string> {
    const headers = record.headers === undefined ? batchHeaders : await Promise.all(record.headers.map((h) => this.#header(h)));
    const key = await this.#part(this.#converters.key, record.topic, record.keySchema, record.key);
    const value = await this.#part(this.#converters.value, record.topic, record.valueSchema, record.value);
    return `{"topic":${JSON.stringify(record.topic)},"partition":${JSON.stringify(record.partition)},"key":${key},"value":${value},"headers":[${headers.join(',')}]${tail}`;
  }

  /** No schema and no value is no part at all: no key, or a tombstone. */
  async #part(converter: Converter, topic: string, schema: Schema | null, value: unknown): Promise<string> {
    return schema === null && value === null ? 'null' : jsonOf(await converter.fromConnect(topic, schema, value));
  }

  async #header(header: Header): Promise<string> {
    const known = this.#headerText.get(header);
    if (known !== undefined) return known;
    const text = await this.#headerOf(header.key, header.schema, header.value);
    this.#headerText.set(header, text);
    return text;
  }

  async #headerOf(key: string, schema: Schema | null, value: unknown): Promise<string> {
    return `{"key":${JSON.stringify(key)},"value":${jsonOf(await this.#converters.header.fromConnect('', schema, value))}}`;
  }

  #tail(chunk: Chunk): string {
    const partition = this.#partition ?? (chunk.kind === 'record' ? null : { server: chunk.source.name });
    return `,"sourcePartition":${JSON.stringify(partition)},"sourceOffset":${offsetText(chunk.offset)}}\n`;
  }
}

function jsonOf(bytes: Buffer | null | undefined): string {
  return bytes === null || bytes === undefined ? 'null' : bytes.toString('utf8');
}

function offsetText(offset: SourceOffset | null): string {
  return offset === null ? 'null' : JSON.stringify(offset);
}
