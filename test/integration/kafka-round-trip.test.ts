import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { KafkaBatchWriter } from '../../src/kafka/batch-writer.ts';
import { type Admin, createKafkaClient } from '../../src/kafka/client.ts';
import { KafkaConsumerTask } from '../../src/kafka/consumer-task.ts';
import { SCHEMA_OPERATIONS_HEADER } from '../../src/kafka/schema-change-header.ts';
import type { Batch, Chunk, Row } from '../../src/model/chunk.ts';
import { CdcError } from '../../src/model/errors.ts';
import { partitionKey, type SourceOffset } from '../../src/model/offset.ts';
import { primitive } from '../../src/model/schema.ts';
import { jsonConverters, noMetrics, silentLogger, testBatch, testChunk, testSchemaChange, testTable } from '../support/kafka-rows.ts';
import { kafkaBootstrap } from '../support/servers.ts';
import { until } from '../support/until.ts';

const client = { 'bootstrap.servers': kafkaBootstrap() };
const never = new AbortController().signal;
const admin: Admin = createKafkaClient(client, silentLogger).admin();
await admin.connect();
after(() => admin.disconnect());

const newServer = (): string => `kit${randomUUID().slice(0, 8)}`;

async function writer(options: { partitions?: number; client?: Record<string, string> } = {}): Promise<KafkaBatchWriter> {
  const w = new KafkaBatchWriter({
    client: { ...client, ...options.client },
    ...jsonConverters(),
    headerFormat: 'simple',
    connector: { 'topic.creation.default.partitions': String(options.partitions ?? 1), 'topic.creation.default.replication.factor': '-1' },
    logger: silentLogger,
    metrics: noMetrics,
  });
  await w.start(never);
  return w;
}

/** Writes batches and waits until they are durable; returns the order in which they became so. */
async function produce(w: KafkaBatchWriter, batches: readonly Batch[]): Promise<number[]> {
  const durable: number[] = [];
  for (const [i, batch] of batches.entries()) await w.write(batch, () => durable.push(i), never);
  await w.flush(never);
  return durable;
}

function consumer(server: string, stored: Map<string, SourceOffset>, client2: Record<string, string> = {}): KafkaConsumerTask {
  return new KafkaConsumerTask({
    client: { ...client, ...client2 },
    connector: { 'topics.regex': `${server}\\.shop\\..*` },
    ...jsonConverters(),
    context: {
      name: `sink-${server}`,
      taskId: 0,
      logger: silentLogger,
      metrics: noMetrics,
      clock: { now: () => Date.now() },
      committed: async (p) => stored.get(partitionKey(p)) ?? null,
    },
  });
}

/** What a chunk says, shortly: `c t 1,2`, `ddl …`. */
function say(chunk: Chunk): readonly string[] {
  if (chunk.kind === 'schemaChange') return [`ddl ${chunk.operations.map((o) => o.kind).join()} ${chunk.source.pos}`];
  if (chunk.kind === 'record') return ['record'];
  if (chunk.op === 't') return [`t ${chunk.table.id.table} ${chunk.source.pos}`];
  return ((chunk.after ?? chunk.before) as readonly Row[]).map((r) => `${chunk.op} ${chunk.table.id.table} ${String(r[0])}`);
}

/** Polls until `count` things were said; applies the offsets to `stored` as a sink would. */
async function consume(task: KafkaConsumerTask, stored: Map<string, SourceOffset>, count: number): Promise<string[]> {
  const said: string[] = [];
  const end = Date.now() + 20_000;
  while (said.length < count) {
    if (Date.now() > end) throw new Error(`only ${said.length} of ${count} arrived: ${said.slice(-5).join(' | ')}`);
    const batch = await task.poll(never);
    if (batch === null) continue;
    said.push(...batch.chunks.flatMap(say));
    for (const { partition, offset } of batch.offsets) stored.set(partitionKey(partition), offset);
  }
  return said;
}

const row = (id: number): Row => [id, `v${id}`];

test('batches become durable in order, and only after the broker has them', async () => {
  const server = newServer();
  const table = testTable(server, 't');
  const w = await writer({ partitions: 3 });
  const order: number[] = [];
  const seen: Promise<number>[] = [];
  for (let i = 0; i < 20; i++) {
    const batch = testBatch([testChunk(table, 'c', 100 + i, [row(i)])]);
    await w.write(
      batch,
      () => {
        order.push(i);
        seen.push(admin.fetchTopicOffsets(table.topic).then((ends) => ends.reduce((n, e) => n + Number(e.high), 0)));
      },
      never,
    );
  }
  await w.flush(never);
  await w.stop();
  assert.deepEqual(
    order,
    Array.from({ length: 20 }, (_, i) => i),
  );
  for (const [i, n] of (await Promise.all(seen)).entries())
    assert.ok(n > i, `batch ${i} was called durable when the broker had ${n} messages`);
});

test('the changes of a key keep their order over several partitions, and deletes have their tombstone', async () => {
  const server = newServer();
  const table = testTable(server, 't');
  const w = await writer({ partitions: 4 });
  const batches: Batch[] = [];
  for (let i = 0; i < 40; i++) {
    const ids = Array.from({ length: 50 }, (_, k) => k);
    batches.push(
      testBatch([
        testChunk(
          table,
          'u',
          1000 + i,
          ids.map((id): Row => [id, `${i}`]),
        ),
      ]),
    );
  }
  batches.push(testBatch([testChunk(table, 'd', 5000, [[7, 'x']])]));
  await produce(w, batches);
  await w.stop();
  const kafka = createKafkaClient(client, silentLogger).consumer({ groupId: `raw-${server}`, maxWaitTimeInMs: 100 });
  const byKey = new Map<string, (string | null)[]>();
  const partitions = new Map<string, Set<number>>();
  let n = 0;
  await kafka.connect();
  await kafka.subscribe({ topics: [table.topic], fromBeginning: true });
  await kafka.run({
    eachMessage: async ({ message, partition }) => {
      const key = String(message.key);
      const value =
        message.value === null
          ? null
          : (JSON.parse(String(message.value)) as { payload: { op: string; after: { v: string } | null } }).payload;
      byKey.set(key, [...(byKey.get(key) ?? []), value === null ? null : (value.after?.v ?? value.op)]);
      partitions.set(key, (partitions.get(key) ?? new Set()).add(partition));
      n++;
    },
  });
  await until('2002 messages', 15_000, () => n === 2002);
  await kafka.disconnect();
  assert.equal(byKey.size, 50);
  assert.equal(new Set([...partitions.values()].flatMap((s) => [...s])).size, 4, 'keys spread over the partitions');
  for (const [key, values] of byKey) {
    assert.equal((partitions.get(key) as Set<number>).size, 1);
    const updates = Array.from({ length: 40 }, (_, i) => `${i}`);
    assert.deepEqual(values, (JSON.parse(key) as { payload: { id: number } }).payload.id === 7 ? [...updates, 'd', null] : updates);
  }
});

test('a message larger than max.request.size is refused by name, before anything is sent', async () => {
  const server = newServer();
  const table = testTable(server, 'big');
  const w = await writer({ client: { 'max.request.size': '20000' } });
  const batch = testBatch([testChunk(table, 'c', 4, [[1, 'x'.repeat(30_000)]])]);
  await assert.rejects(
    w.write(batch, () => {}, never),
    (e: unknown) => {
      assert.ok(e instanceof CdcError);
      assert.equal(e.code, 'CDC_KAFKA_MESSAGE_TOO_LARGE');
      assert.match(e.message, /table shop\.big/);
      assert.ok(!e.message.includes('xxx'));
      return true;
    },
  );
  await w.stop();
});

test('rows, truncates and schema changes of four partitions come back in source order', async () => {
  const server = newServer();
  const t = testTable(server, 't');
  const other = testTable(server, 'other');
  const wider = testTable(server, 't', { extra: ['w'] });
  const expected: string[] = [];
  const chunks: Chunk[] = [];
  let pos = 10;
  const add = (chunk: Chunk): void => {
    chunks.push(chunk);
    expected.push(...say(chunk));
  };
  for (let round = 0; round < 30; round++) {
    const ids = Array.from({ length: 40 }, (_, k) => round * 100 + k);
    add(testChunk(t, 'c', pos++, ids.slice(0, 1).map(row)));
    for (const id of ids.slice(1)) add(testChunk(t, 'c', pos++, [row(id)]));
    add(testChunk(other, 'c', pos++, [row(round)]));
    if (round % 10 === 4) add(testChunk(t, 't', pos++, []));
    if (round % 10 === 8)
      add(testSchemaChange(server, pos++, `ALTER TABLE t ${round}`, [{ kind: 'addColumn', table: t.id, column: 'w', schema: wider }]));
  }
  const w = await writer({ partitions: 4 });
  // Unevenly cut batches, so that sends do not coincide with rounds.
  const batches: Batch[] = [];
  for (let i = 0; i < chunks.length; i += 37) batches.push(testBatch(chunks.slice(i, i + 37)));
  await produce(w, batches);
  await w.stop();
  const stored = new Map<string, SourceOffset>();
  const task = consumer(server, stored);
  await task.start(never);
  const said = await consume(task, stored, expected.length);
  await task.stop();
  assert.deepEqual(said, expected);
});

test('a schema change is handed on with the schemas of its tables', async () => {
  const server = newServer();
  const t = testTable(server, 't');
  const wider = testTable(server, 't', { extra: ['w'] });
  const w = await writer({ partitions: 2 });
  const operations = [{ kind: 'renameColumn', table: t.id, column: 'v', to: 'w', schema: wider }] as const;
  await produce(w, [
    testBatch(
      [testChunk(t, 'c', 5, [row(1)]), testSchemaChange(server, 9, 'ALTER', operations)],
      [{ key: 'h', schema: primitive('string'), value: 'x' }],
    ),
  ]);
  await w.stop();
  const stored = new Map<string, SourceOffset>();
  const task = consumer(server, stored);
  await task.start(never);
  const chunks: Chunk[] = [];
  while (!chunks.some((c) => c.kind === 'schemaChange')) chunks.push(...((await task.poll(never))?.chunks ?? []));
  await task.stop();
  const change = chunks.find((c) => c.kind === 'schemaChange');
  assert.ok(change?.kind === 'schemaChange');
  assert.equal(change.ddl, 'ALTER');
  const [o] = change.operations;
  assert.ok(o?.kind === 'renameColumn');
  assert.deepEqual(o.schema, wider);
  assert.ok(SCHEMA_OPERATIONS_HEADER.startsWith('riverbend.'));
});

test('topics that appear later are read too, and the sink may start before any exists', async () => {
  const server = newServer();
  const stored = new Map<string, SourceOffset>();
  const task = consumer(server, stored);
  await task.start(never);
  assert.equal(await task.poll(never), null);
  const w = await writer({ partitions: 2 });
  await produce(w, [testBatch([testChunk(testTable(server, 'a'), 'c', 5, [row(1)])])]);
  assert.deepEqual(await consume(task, stored, 1), ['c a 1']);
  const b = testTable(server, 'b');
  await produce(w, [
    testBatch([
      testSchemaChange(server, 6, 'CREATE TABLE b', [{ kind: 'createTable', table: b.id, schema: b }]),
      testChunk(b, 'c', 7, [row(2)]),
      testSchemaChange(server, 8, 'DROP TABLE b', [{ kind: 'dropTable', table: b.id }]),
    ]),
  ]);
  assert.deepEqual(await consume(task, stored, 3), ['ddl createTable 6', 'c b 2', 'ddl dropTable 8']);
  await task.stop();
  await w.stop();
});

test('a task restarted at the stored offsets loses nothing and doubles nothing', async () => {
  const server = newServer();
  const t = testTable(server, 't');
  const expected: string[] = [];
  const batches: Batch[] = [];
  for (let i = 0; i < 300; i++) {
    const ids = Array.from({ length: 10 }, (_, k) => i * 10 + k);
    batches.push(testBatch([testChunk(t, 'c', 10 + i, ids.map(row))]));
    expected.push(...ids.map((id) => `c t ${id}`));
    if (i % 100 === 50) {
      batches.push(testBatch([testSchemaChange(server, 10_000_000 + i, `ddl ${i}`, [{ kind: 'truncateTable', table: t.id }])]));
      expected.push(`ddl truncateTable ${10_000_000 + i}`);
    }
  }
  const w = await writer({ partitions: 4 });
  await produce(w, batches);
  await w.stop();
  const stored = new Map<string, SourceOffset>();
  const said: string[] = [];
  while (said.length < expected.length) {
    const task = consumer(server, stored, { 'max.poll.records': '317' });
    await task.start(never);
    // Two batches are stored, a third is taken and forgotten, as a crash would.
    said.push(...(await consume(task, stored, 1)));
    if (said.length < expected.length) said.push(...(await consume(task, stored, 1)));
    if (said.length < expected.length) await consume(task, new Map(), 1);
    await task.stop();
  }
  assert.equal(said.length, expected.length);
  assert.deepEqual([...said].sort(), [...expected].sort());
});

test('a stored offset the topic no longer has is an error, not a silent jump', async () => {
  const server = newServer();
  const t = testTable(server, 't');
  const w = await writer();
  await produce(w, [testBatch([testChunk(t, 'c', 1, [row(1), row(2), row(3)])])]);
  await w.stop();
  const stored = new Map([[partitionKey({ kafka_topic: t.topic, kafka_partition: 0 }), { kafka_offset: 50 }]]);
  const task = consumer(server, stored);
  await assert.rejects(task.start(never), (e: unknown) => e instanceof CdcError && e.code === 'CDC_KAFKA_OFFSET_LOST');
  await task.stop();
});

test('a task whose partitions another member takes ends with a retriable error when it holds what is not stored', async () => {
  const server = newServer();
  const t = testTable(server, 't');
  const w = await writer({ partitions: 4 });
  await produce(w, [
    testBatch([
      testChunk(
        t,
        'c',
        1,
        Array.from({ length: 40 }, (_, i) => row(i)),
      ),
    ]),
  ]);
  await w.stop();
  const first = consumer(server, new Map());
  await first.start(never);
  assert.equal((await consume(first, new Map(), 40)).length, 40);
  const second = consumer(server, new Map());
  const joining = second.start(never);
  await assert.rejects(
    async () => {
      for (;;) await first.poll(never);
    },
    (e: unknown) => e instanceof CdcError && e.code === 'CDC_KAFKA_REBALANCED' && e.kind === 'retriable',
  );
  await first.stop();
  await joining;
  const said = await consume(second, new Map(), 40);
  assert.deepEqual([...said].sort(), Array.from({ length: 40 }, (_, i) => `c t ${i}`).sort());
  await second.stop();
});

test('a task that stored all it handed on gives partitions away and goes on', async () => {
  const server = newServer();
  const t = testTable(server, 't');
  const w = await writer({ partitions: 4 });
  await produce(w, [
    testBatch([
      testChunk(
        t,
        'c',
        1,
        Array.from({ length: 40 }, (_, i) => row(i)),
      ),
    ]),
  ]);
  const stored = new Map<string, SourceOffset>();
  const first = consumer(server, stored);
  await first.start(never);
  await consume(first, stored, 40);
  const second = consumer(server, stored);
  let polling = true;
  const said: string[] = [];
  const loop = async (task: KafkaConsumerTask): Promise<void> => {
    while (polling) {
      const batch = await task.poll(never);
      if (batch === null) continue;
      said.push(...batch.chunks.flatMap(say));
      for (const { partition, offset } of batch.offsets) stored.set(partitionKey(partition), offset);
    }
  };
  const one = loop(first);
  await second.start(never);
  const two = loop(second);
  await produce(w, [
    testBatch([
      testChunk(
        t,
        'c',
        2,
        Array.from({ length: 40 }, (_, i) => row(100 + i)),
      ),
    ]),
  ]);
  await until('40 more rows', 20_000, () => said.length >= 40);
  polling = false;
  await Promise.all([one, two]);
  await Promise.all([first.stop(), second.stop(), w.stop()]);
  assert.deepEqual([...said].sort(), Array.from({ length: 40 }, (_, i) => `c t ${100 + i}`).sort());
});
