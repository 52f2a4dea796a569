import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadKafkaJs } from '../../../src/kafka/kafkajs.ts';
import { encodeProduce, type ProduceMessage } from '../../../src/kafka/produce-request.ts';
import { readBatch } from '../../../src/kafka/record-batch.ts';

// The oracle: kafkajs' own decoder, taken before loadKafkaJs replaces it.
const require = createRequire(import.meta.url);
const Decoder = require('kafkajs/src/protocol/decoder') as new (b: Buffer) => { buffer: Buffer; offset: number };
const original = require('kafkajs/src/protocol/recordBatch/v0/decoder') as (d: unknown) => Promise<{ records: Record<string, unknown>[] }>;
loadKafkaJs();

const bytes = (max: number) => fc.uint8Array({ maxLength: max }).map((b) => Buffer.from(b));
const message = fc.record({
  key: fc.option(bytes(40)),
  value: fc.option(bytes(300)),
  headers: fc.dictionary(
    fc.string({ maxLength: 9 }).filter((k) => k !== '__proto__'),
    bytes(40),
    { maxKeys: 4, noNullPrototype: true },
  ),
  timestamp: fc.integer({ min: 1_600_000_000_000, max: 1_600_000_900_000 }).map(String),
}) as fc.Arbitrary<ProduceMessage>;

/** The record batch of a produce request with one partition of topic `t`. */
async function batchOf(messages: readonly ProduceMessage[], compression: number): Promise<Buffer> {
  const args = {
    acks: -1,
    timeout: 1,
    producerId: 77,
    producerEpoch: 2,
    compression,
    topicData: [{ topic: 't', partitions: [{ partition: 0, messages, firstSequence: 5 }] }],
  };
  const request = require('kafkajs/src/protocol/requests/produce/v3/request') as (a: unknown) => { encode(): Promise<{ buffer: Buffer }> };
  const body = compression === 0 ? Buffer.concat(await encodeProduce(args, () => assert.fail())) : (await request(args).encode()).buffer;
  // transactional id (2), acks (2), timeout (4), topics (4), name (2+1), partitions (4), partition (4), size (4)
  return body.subarray(27);
}

test('fetched records read as kafkajs reads them', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 60 }), fc.constantFrom(0, 1), async (messages, compression) => {
      const batch = await batchOf(messages, compression);
      batch.writeBigInt64BE(2n ** 40n + 3n, 0);
      const theirs = await original(new Decoder(batch));
      const gunzip = require('node:zlib').gunzipSync as (b: Buffer) => Buffer;
      const decoder = new Decoder(batch);
      const mine = await readBatch(decoder, (attributes, data) => ((attributes & 7) === 0 ? null : Promise.resolve(gunzip(data))));
      assert.equal(decoder.offset, batch.length);
      assert.equal(mine?.records.length, messages.length);
      mine?.records.forEach((m, i) => {
        const t = theirs.records[i] as Record<string, unknown>;
        for (const field of [
          'magicByte',
          'attributes',
          'timestamp',
          'offset',
          'key',
          'value',
          'headers',
          'isControlRecord',
          'batchContext',
        ] as const) {
          assert.deepEqual(m[field], t[field], field);
        }
      });
    }),
    { numRuns: 60 },
  );
});

test('a batch whose end is missing is no batch', async () => {
  const batch = await batchOf([{ key: null, value: Buffer.alloc(100) }], 0);
  assert.equal(await readBatch(new Decoder(batch.subarray(0, batch.length - 1)), () => null), null);
});
