import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32c } from '../../../src/kafka/crc32c.ts';
import { loadKafkaJs } from '../../../src/kafka/kafkajs.ts';
import { murmur2, partitionOf } from '../../../src/kafka/partitioner.ts';
import { encodeProduce, type ProduceArguments, type ProduceMessage } from '../../../src/kafka/produce-request.ts';

// Oracles: kafkajs' own functions, taken before loadKafkaJs replaces some of them.
const require = createRequire(import.meta.url);
type RequestOf = (args: unknown) => { encode(): Promise<{ buffer: Buffer }>; apiKey: number };
const originalRequest = require('kafkajs/src/protocol/requests/produce/v3/request') as RequestOf;
const originalCrc = require('kafkajs/src/protocol/recordBatch/crc32C') as (b: Buffer) => number;
const originalMurmur = require('kafkajs/src/producer/partitioners/default/murmur2') as (b: Buffer) => number;
loadKafkaJs();
const replaced = require('kafkajs/src/protocol/requests/produce/v3/request') as RequestOf;

const bytes = (max: number) => fc.uint8Array({ maxLength: max }).map((b) => Buffer.from(b));

test('crc32c equals that of kafkajs', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  fc.assert(fc.property(bytes(300), (b) => assert.equal(crc32c(b), originalCrc(b))));
});

test('murmur2 equals that of the Java client', () => {
  // Values from Kafka's own UtilsTest.testMurmur2.
  for (const [text, hash] of [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['abc', 479470107],
  ] as const) {
    assert.equal(murmur2(Buffer.from(text)), hash);
  }
  fc.assert(fc.property(bytes(40), (b) => assert.equal(murmur2(b), originalMurmur(b))));
  assert.equal(partitionOf(Buffer.from('foobar'), 7), (-790332482 & 0x7fffffff) % 7);
});

const message: fc.Arbitrary<ProduceMessage> = fc.record(
  {
    key: fc.option(bytes(80)),
    value: fc.option(bytes(400)),
    headers: fc.dictionary(fc.string({ maxLength: 20 }), bytes(90), { maxKeys: 5, noNullPrototype: true }),
    timestamp: fc.integer({ min: 1_600_000_000_000, max: 1_600_000_100_000 }).map(String),
  },
  { requiredKeys: ['value', 'key', 'timestamp'] },
) as fc.Arbitrary<ProduceMessage>;

test('a produce request has the bytes kafkajs would have written', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(message, { minLength: 1, maxLength: 200 }),
      fc.integer({ min: 0, max: 2 ** 31 - 1 }),
      fc.option(fc.string({ maxLength: 5 }).filter((s) => s !== '')),
      async (messages, firstSequence, transactionalId) => {
        const args: ProduceArguments = {
          acks: -1,
          timeout: 30_000,
          ...(transactionalId === null ? {} : { transactionalId }),
          producerId: '4294967297',
          producerEpoch: 3,
          compression: 0,
          topicData: [
            { topic: 'a.b.ü', partitions: [{ partition: 2, messages, firstSequence }] },
            { topic: 'x', partitions: [{ partition: '0', messages: messages.slice(0, 1), firstSequence: 0 }] },
          ],
        };
        const mine = Buffer.concat(await encodeProduce(args, () => assert.fail('nothing to compress')));
        const theirs = await originalRequest(args).encode();
        assert.ok(mine.equals(theirs.buffer), 'the two encodings differ');
      },
    ),
    { numRuns: 60 },
  );
});

test('kafkajs uses the replaced encoder, and gzip and zstd batches carry the compressed records', async () => {
  assert.notEqual(replaced, originalRequest);
  const { CompressionTypes } = loadKafkaJs();
  const messages: ProduceMessage[] = [{ key: Buffer.from('k'), value: Buffer.alloc(1000, 7), timestamp: '1600000000000' }];
  const args = (compression: number): ProduceArguments => ({
    acks: -1,
    timeout: 1,
    compression,
    topicData: [{ topic: 't', partitions: [{ partition: 0, messages, firstSequence: 0 }] }],
  });
  const plain = (await replaced(args(CompressionTypes.None)).encode()).buffer;
  const gzip = (await replaced(args(CompressionTypes.GZIP)).encode()).buffer;
  const zstd = (await replaced(args(CompressionTypes.ZSTD)).encode()).buffer;
  assert.ok(gzip.equals((await originalRequest(args(CompressionTypes.GZIP)).encode()).buffer));
  assert.ok(zstd.length < plain.length / 5);
});
