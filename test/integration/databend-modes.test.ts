import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { primitive } from '../../src/model/schema.ts';
import * as names from '../../src/model/semantic-types.ts';
import { DatabendSession, type Session } from '../../src/sink/databend/client.ts';
import { databendConfig, endpointOf } from '../../src/sink/databend/config.ts';
import { crossKeyFindings } from '../../src/sink/databend/connector.ts';
import { quoteIdentifier } from '../../src/sink/databend/dialect.ts';
import { DatabendOffsetStore } from '../../src/sink/databend/offset-store.ts';
import { DatabendSinkTask } from '../../src/sink/databend/sink-task.ts';
import { sinkTaskContract } from '../contract/sink-task.ts';
import { databendDsn } from '../support/servers.ts';
import { batchOf, contextOf, PARTITION, rowsOf, tableOf } from '../unit/sink/builders.ts';

const DB = 'riverbend_modes_test';
const signal = new AbortController().signal;
const int32 = primitive('int32');
const str = primitive('string', { optional: true });
const json = primitive('string', { optional: true, name: names.JSON_TYPE });

function configOf(more: Record<string, string> = {}) {
  return databendConfig.parse({ 'connection.url': databendDsn(), 'connection.database': DB, 'retry.backoff.ms': '200', ...more }).config;
}

let look: Session;
const rowsIn = (table: string, columns: string): Promise<readonly (readonly unknown[])[]> =>
  look.query(`SELECT ${columns} FROM ${quoteIdentifier(DB)}.${quoteIdentifier(table)} ORDER BY 1`, 'look');

async function started(name: string, more: Record<string, string> = {}): Promise<DatabendSinkTask> {
  const task = new DatabendSinkTask(configOf(more), contextOf(name));
  await task.start(signal);
  return task;
}

before(async () => {
  look = new DatabendSession(endpointOf(configOf()), 60);
  await look.exec(`DROP DATABASE IF EXISTS ${DB}`, 'clean');
});
after(async () => {
  await look.exec(`DROP DATABASE IF EXISTS ${DB}`, 'clean');
  await look.close();
});

const contractTable = new Map<string, ReturnType<typeof tableOf>>();
function tableFor(name: string): ReturnType<typeof tableOf> {
  const known =
    contractTable.get(name) ??
    tableOf(
      DB,
      `contract_${name}`,
      [
        ['id', int32],
        ['j', json],
      ],
      [],
    );
  contractTable.set(name, known);
  return known;
}

sinkTaskContract('DatabendSinkTask', {
  start: (name) => started(`contract-${name}`),
  creates: (name, ids, pos) =>
    batchOf(
      [
        rowsOf(
          tableFor(name),
          'c',
          ids.map((id) => [id, null]),
        ),
      ],
      pos,
    ),
  impossible: (name, pos) => batchOf([rowsOf(tableFor(name), 'c', [[99, 'no json']])], pos),
  ids: async (name) => (await rowsIn(`contract_${name}`, 'id')).map((r) => Number(r[0])),
});

describe('modes', () => {
  const fields = [
    ['id', int32],
    ['v', str],
  ] as const;

  test('insert.mode=insert appends a row for every after image', async () => {
    const t = tableOf(DB, 'appended', fields, ['id']);
    const task = await started('appended', { 'insert.mode': 'insert' });
    await task.put(
      batchOf([rowsOf(t, 'c', [[1, 'a']]), rowsOf(t, 'u', [[1, 'b']]), rowsOf(t, 'd', [[1, 'b']]), rowsOf(t, 't', [])], 1),
      signal,
    );
    await task.flush(signal);
    await task.stop();
    assert.deepEqual(await rowsIn('appended', 'id::VARCHAR, v'), [
      ['1', 'a'],
      ['1', 'b'],
    ]);
  });

  test('insert.mode=update changes rows and adds none', async () => {
    const t = tableOf(DB, 'updated', fields, ['id']);
    const first = await started('updated');
    await first.put(batchOf([rowsOf(t, 'c', [[1, 'a']])], 1), signal);
    await first.flush(signal);
    await first.stop();
    const task = await started('updated', { 'insert.mode': 'update' });
    await task.put(
      batchOf(
        [
          rowsOf(t, 'u', [
            [1, 'b'],
            [2, 'new'],
          ]),
        ],
        2,
      ),
      signal,
    );
    await task.flush(signal);
    await task.stop();
    assert.deepEqual(await rowsIn('updated', 'id::VARCHAR, v'), [['1', 'b']]);
  });

  test('rows without envelope go to a table named by the topic, keyed by pk.fields, with the columns asked for', async () => {
    const t = {
      ...tableOf(
        'src',
        'plain',
        [
          ['id', int32],
          ['v', str],
          ['w', str],
        ],
        [],
      ),
      shape: 'row' as const,
      topic: 'my.topic',
    };
    const task = await started('plain', { 'pk.mode': 'record_value', 'pk.fields': 'id', 'fields.whitelist': 'v' });
    await task.put(
      batchOf(
        [
          rowsOf(t, 'c', [
            [1, 'a', 'x'],
            [1, 'b', 'y'],
          ]),
        ],
        1,
      ),
      signal,
    );
    await task.flush(signal);
    await task.stop();
    assert.deepEqual(await rowsIn('my.topic', '*'), [[1, 'b']]);
  });

  test('a missing table is an error without auto.create, a missing column without auto.evolve', async () => {
    const t = tableOf(DB, 'strict', fields, ['id']);
    const task = await started('strict', { 'auto.create': 'false', 'auto.evolve': 'false' });
    await assert.rejects(task.put(batchOf([rowsOf(t, 'c', [[1, 'a']])], 1), signal), {
      code: 'CDC_DATABEND_TABLE_MISSING',
      kind: 'environment',
    });
    await look.exec(`CREATE TABLE ${DB}.strict (id INT NOT NULL)`, 'prepare');
    await assert.rejects(task.put(batchOf([rowsOf(t, 'c', [[1, 'a']])], 1), signal), { code: 'CDC_SCHEMA_EVOLUTION' });
    await task.stop();
  });

  test('a table made by hand keeps its own types where they hold the values', async () => {
    await look.exec(`CREATE TABLE ${DB}.byhand ("ID" BIGINT, extra INT DEFAULT 7, v VARCHAR)`, 'prepare');
    const t = tableOf(DB, 'byhand', fields, ['id']);
    const task = await started('byhand');
    await task.put(batchOf([rowsOf(t, 'c', [[1, 'a']])], 1), signal);
    await task.flush(signal);
    await task.put(batchOf([rowsOf(t, 'u', [[1, 'b']])], 2), signal);
    await task.flush(signal);
    await task.stop();
    assert.deepEqual(await rowsIn('byhand', '"ID"::VARCHAR, extra::VARCHAR, v'), [['1', '7', 'b']]);
  });

  test('connectors that write at the same time do not disturb each other', async () => {
    const work = async (name: string): Promise<void> => {
      const t = tableOf(DB, name, fields, ['id']);
      const task = await started(name);
      for (let pos = 1; pos <= 5; pos++) {
        await task.put(batchOf([rowsOf(t, 'c', [[pos, name]])], pos), signal);
        await task.flush(signal);
      }
      assert.deepEqual(await task.committedOffset(PARTITION), { pos: 5 });
      await task.stop();
    };
    const all = ['par1', 'par2', 'par3', 'par4'];
    await Promise.all(all.map(work));
    for (const name of all) assert.equal((await rowsIn(name, 'id')).length, 5);
    const offsets = await look.query(
      `SELECT "connector" FROM ${DB}.riverbend_offsets WHERE "kind" = 'offset' AND "connector" LIKE 'par%' ORDER BY 1`,
      'look',
    );
    assert.deepEqual(
      offsets,
      all.map((n) => [n]),
    );
  });
});

test('offsets can be looked at, set and removed while the connector is stopped', async () => {
  const task = await started("edit'ed");
  await task.put(batchOf([], 5), signal);
  await task.flush(signal);
  await task.stop();
  const store = new DatabendOffsetStore(configOf());
  await store.start();
  assert.deepEqual(await store.list("edit'ed"), [{ partition: PARTITION, offset: { pos: 5 } }]);
  await store.save("edit'ed", [
    { partition: PARTITION, offset: { pos: 1, note: 'it\'s \\ "x"' } },
    { partition: { server: 'two' }, offset: { pos: 2 } },
  ]);
  const again = await started("edit'ed");
  assert.deepEqual(await again.committedOffset(PARTITION), { pos: 1, note: 'it\'s \\ "x"' });
  await again.stop();
  await store.save("edit'ed", [{ partition: PARTITION, offset: null }]);
  assert.equal(await store.load("edit'ed", PARTITION), null);
  assert.deepEqual(await store.list('other'), []);
  await store.stop();
});

test('contradictions between keys are all told', () => {
  const keys = crossKeyFindings(
    configOf({ 'insert.mode': 'update', 'pk.mode': 'none', 'auto.evolve': 'false', 'delete.enabled': 'false' }),
  ).map((f) => [f.severity, f.key]);
  assert.deepEqual(keys, [
    ['error', 'insert.mode'],
    ['warning', 'delete.enabled'],
    ['warning', 'auto.evolve'],
  ]);
});
