import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { CdcError } from '../model/errors.ts';
import { type Compress, encodeProduce, type ProduceArguments } from './produce-request.ts';
import { type FetchDecoder, readBatch } from './record-batch.ts';
import { RecordBuilder } from './record-builder.ts';

/**
 * The only importer of kafkajs (2.2.4, pinned): loads it, gives it the codecs it lacks, and replaces four of
 * its inner functions that dominate the cost of a message: the record encoder (produce-request.ts), the frame around a
 * request, the record decoder (record-batch.ts), and the grouping by partition, which here also takes whole record batches
 * (record-builder.ts) in the place of a partition's messages. An upgrade that moves them fails in test/unit/kafka, not in production.
 */
export type KafkaJs = typeof import('kafkajs');
export type {
  Admin,
  Consumer,
  EachBatchPayload,
  ITopicConfig,
  Kafka,
  KafkaConfig,
  KafkaMessage,
  LogEntry,
  Producer,
  SASLOptions,
} from 'kafkajs';

/** A request's body in pieces, joined only once with the frame around it. */
class RequestBody {
  readonly parts: readonly Buffer[];
  /** The first record batch in it; null when it carries messages only. */
  readonly first: RecordBuilder | null;

  constructor(parts: readonly Buffer[], args: ProduceArguments) {
    this.parts = parts;
    const messages = args.topicData[0]?.partitions[0]?.messages;
    this.first = messages instanceof RecordBuilder ? messages : null;
  }

  /** What kafkajs asks of its encoders. */
  get buffer(): Buffer {
    return Buffer.concat(this.parts);
  }
}

interface RequestFrame {
  readonly correlationId: number;
  readonly clientId: string | null;
  readonly request: { readonly apiKey: number; readonly apiVersion: number; encode(): Promise<{ readonly buffer: Buffer }> };
}

type WholeRequest = (frame: RequestFrame) => Promise<{ readonly buffer: Buffer }>;

/** Requests whose body comes in pieces are copied once; kafkajs copies three times through buffers that double. */
function wholeRequest(original: WholeRequest): WholeRequest {
  return async (frame) => {
    const { apiKey, apiVersion, encode } = frame.request;
    const body = await encode();
    if (!(body instanceof RequestBody)) return await original({ ...frame, request: { apiKey, apiVersion, encode: async () => body } });
    const clientId = frame.clientId === null ? null : Buffer.from(frame.clientId);
    const head = Buffer.alloc(14);
    const size = body.parts.reduce((n, p) => n + p.length, 10 + (clientId?.length ?? 0));
    head.writeInt32BE(size, 0);
    head.writeInt16BE(apiKey, 4);
    head.writeInt16BE(apiVersion, 6);
    head.writeInt32BE(frame.correlationId, 8);
    head.writeInt16BE(clientId?.length ?? -1, 12);
    const buffer = body.first === null ? Buffer.allocUnsafeSlow(4 + size) : body.first.requestBuffer(4 + size);
    let at = 0;
    for (const part of clientId === null ? [head, ...body.parts] : [head, clientId, ...body.parts]) {
      buffer.set(part, at);
      at += part.length;
    }
    return { buffer };
  };
}

interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}

interface PartitionerArguments {
  readonly topic: string;
  readonly partitionMetadata: readonly unknown[];
  readonly messages: readonly { readonly partition?: number }[];
  readonly partitioner: (args: { topic: string; partitionMetadata: readonly unknown[]; message: unknown }) => number;
}

const require = createRequire(import.meta.url);

let loaded: KafkaJs | null = null;

/** kafkajs, with what is said above. */
export function loadKafkaJs(): KafkaJs {
  if (loaded !== null) return loaded;
  const { lookupCodec } = require('kafkajs/src/protocol/message/compression') as { lookupCodec(type: number): Codec | null };
  const compress: Compress = async (type, records) => {
    const codec = lookupCodec(type);
    if (codec === null) throw new CdcError('CDC_INTERNAL_ASSERTION', 'fatal', `no codec for Kafka compression type ${type}`);
    return await codec.compress({ buffer: records });
  };
  replaceModule('kafkajs/src/protocol/requests/produce/v3/request', (args: ProduceArguments) => ({
    apiKey: 0,
    apiVersion: 3,
    apiName: 'Produce',
    expectResponse: () => args.acks !== 0,
    encode: async (): Promise<RequestBody> => new RequestBody(await encodeProduce(args, compress), args),
  }));
  replaceModule('kafkajs/src/protocol/request', wholeRequest(require('kafkajs/src/protocol/request') as WholeRequest));
  replaceModule('kafkajs/src/producer/groupMessagesPerPartition', groupByPartition);
  const { KafkaJSPartialMessageError } = require('kafkajs/src/errors') as { KafkaJSPartialMessageError: new (message: string) => Error };
  const { lookupCodecByAttributes } = require('kafkajs/src/protocol/message/compression') as {
    lookupCodecByAttributes(a: number): Codec | null;
  };
  replaceModule('kafkajs/src/protocol/recordBatch/v0/decoder', async (decoder: FetchDecoder) => {
    const batch = await readBatch(decoder, (attributes, data) => lookupCodecByAttributes(attributes)?.decompress(data) ?? null);
    if (batch === null) throw new KafkaJSPartialMessageError('the last record batch of the response is incomplete');
    return batch;
  });
  const kafkajs = require('kafkajs') as KafkaJs;
  addCodecs(kafkajs);
  loaded = kafkajs;
  return kafkajs;
}

/** Loads a module of kafkajs and puts `exports` in its place for all that is loaded after it. */
function replaceModule(name: string, exports: unknown): void {
  const path = require.resolve(name);
  const original: unknown = require(path);
  const module = require.cache[path];
  if (typeof original !== 'function' || module === undefined) {
    throw new CdcError('CDC_INTERNAL_ASSERTION', 'fatal', `kafkajs: ${name} is not the function riverbend replaces`, {
      hint: 'install the kafkajs version package.json names',
    });
  }
  module.exports = exports;
}

function groupByPartition({ topic, partitionMetadata, messages, partitioner }: PartitionerArguments): Record<number, unknown> {
  const result: Record<number, unknown[] | RecordBuilder> = {};
  if (partitionMetadata.length === 0) return result;
  for (const message of messages) {
    const partition = partitioner({ topic, partitionMetadata, message });
    if (message instanceof RecordBuilder) {
      result[partition] = message;
      continue;
    }
    const list = result[partition];
    if (Array.isArray(list)) list.push(message);
    else result[partition] = [message];
  }
  return result;
}

function addCodecs(kafkajs: KafkaJs): void {
  const codecs = kafkajs.CompressionCodecs as Record<number, () => Codec>;
  const compress = promisify(zstdCompress);
  const decompress = promisify(zstdDecompress);
  codecs[kafkajs.CompressionTypes.ZSTD] = () => ({
    compress: (encoder) => compress(encoder.buffer, { params: { [constants.ZSTD_c_compressionLevel]: 3 } }),
    decompress: (buffer) => decompress(buffer),
  });
  codecs[kafkajs.CompressionTypes.Snappy] = () => unsupported('snappy');
  codecs[kafkajs.CompressionTypes.LZ4] = () => unsupported('lz4');
}

function unsupported(name: string): never {
  throw new CdcError('CDC_KAFKA_COMPRESSION', 'environment', `Kafka messages compressed with ${name} cannot be read or written`, {
    hint: 'let the producers of the topic use compression.type zstd, gzip or none',
  });
}
