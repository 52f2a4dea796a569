import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createJsonConverter } from '../../../src/convert/json/json-converter.ts';
import type { Batch } from '../../../src/model/chunk.ts';
import type { CdcError } from '../../../src/model/errors.ts';
import { primitive } from '../../../src/model/schema.ts';
import { FileSinkTask } from '../../../src/sink/file/sink-task.ts';
import { batchOf } from '../../support/memory-source.ts';

const dir = mkdtempSync(join(tmpdir(), 'riverbend-file-'));
after(() => rmSync(dir, { recursive: true, force: true }));

function converters(schemasEnable: boolean) {
  return {
    key: createJsonConverter({ schemasEnable }, true),
    value: createJsonConverter({ schemasEnable }, false),
    header: createJsonConverter({ schemasEnable: false }, false),
  };
}

async function lines(name: string, batches: readonly Batch[], schemas = false) {
  const path = join(dir, name);
  const task = new FileSinkTask(path, converters(schemas));
  await task.start();
  for (const batch of batches) await task.put(batch);
  await task.flush();
  await task.stop();
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((l) => JSON.parse(l));
}

const text = primitive('string');

test('a line has topic, partition, key, value, headers, sourcePartition and sourceOffset', async () => {
  const batch = { ...batchOf(7, 1), headers: [{ key: 'h', schema: text, value: 'x' }] };
  const [line] = await lines('plain', [batch]);
  assert.deepEqual(Object.keys(line), ['topic', 'partition', 'key', 'value', 'headers', 'sourcePartition', 'sourceOffset']);
  assert.deepEqual([line.topic, line.partition, line.key], ['memory.db.t', null, { id: 7 }]);
  assert.deepEqual(line.value.after, { id: 7, v: 'row 7' });
  assert.deepEqual(
    [line.headers, line.sourcePartition, line.sourceOffset],
    [[{ key: 'h', value: 'x' }], { server: 'memory' }, { next: 8 }],
  );
});

test('with schemas.enable key and value are {schema, payload}', async () => {
  const [line] = await lines('schemas', [batchOf(7, 1)], true);
  assert.deepEqual(line.key.payload, { id: 7 });
  assert.equal(line.value.schema.name, 'memory.t.Envelope');
});

test('a delete is followed by its tombstone, with the same key and headers', async () => {
  const batch = {
    ...batchOf(1, 2, { op: 'd', tombstones: true, otherKeys: [[8], [9]] }),
    headers: [{ key: 'h', schema: text, value: 'x' }],
  };
  const out = await lines('deletes', [batch]);
  assert.deepEqual(
    out.map((l) => [l.key.id, l.value?.op ?? null]),
    [
      [1, 'd'],
      [1, null],
      [2, 'd'],
      [2, null],
    ],
  );
  assert.deepEqual(out[3].headers, [
    { key: '__debezium.newkey', value: { id: 9 } },
    { key: 'h', value: 'x' },
  ]);
});

test('records that are no rows are lines too; plain ones carry no batch headers', async () => {
  const record = { topic: 'memory', partition: 0, keySchema: text, key: 'k', valueSchema: text, value: 'v' };
  const batch: Batch = {
    ...batchOf(1, 1),
    headers: [{ key: 'h', schema: text, value: 'x' }],
    chunks: [
      { kind: 'record', record, offset: null },
      { kind: 'record', record, offset: null, plain: true },
    ],
  };
  const out = await lines('records', [batch]);
  assert.deepEqual(out[0], {
    topic: 'memory',
    partition: 0,
    key: 'k',
    value: 'v',
    headers: [{ key: 'h', value: 'x' }],
    sourcePartition: { server: 'memory' },
    sourceOffset: null,
  });
  assert.deepEqual(out[1].headers, []);
});

test('a line without its end, left by a crash, is cut off at the next start', async () => {
  await lines('crash', [batchOf(1, 2)]);
  appendFileSync(join(dir, 'crash'), `{"topic":"half${'x'.repeat(100_000)}`);
  const out = await lines('crash', [batchOf(3, 1)]);
  assert.deepEqual(
    out.map((l) => l.key.id),
    [1, 2, 3],
  );
});

test('a line is in the file once put, before the flush', async () => {
  const path = join(dir, 'prompt');
  const task = new FileSinkTask(path, converters(false));
  await task.start();
  await task.put(batchOf(1, 1));
  assert.match(readFileSync(path, 'utf8'), /"id":1.*\n$/);
  await task.stop();
});

test('a path that cannot be opened is an environment error', async () => {
  await assert.rejects(
    new FileSinkTask(dir, converters(false)).start(),
    (e: CdcError) => e.code === 'CDC_FILE_SINK' && e.kind === 'environment',
  );
});
