/** What a Connect schema does not tell (digits of a TIME, length of a VECTOR) against a real Databend. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { array, primitive } from '../../src/model/schema.ts';
import * as names from '../../src/model/semantic-types.ts';
import type { TableSchema } from '../../src/model/table-schema.ts';
import { DatabendSession, type Session } from '../../src/sink/databend/client.ts';
import { databendConfig, endpointOf } from '../../src/sink/databend/config.ts';
import { DatabendSinkTask } from '../../src/sink/databend/sink-task.ts';
import { databendDsn } from '../support/servers.ts';
import { batchOf, contextOf, rowsOf, schemaChange, tableOf } from '../unit/sink/builders.ts';

const DB = 'riverbend_source_types';
const signal = new AbortController().signal;
const config = databendConfig.parse({
  'connection.url': databendDsn(),
  'connection.database': DB,
  'auto.create': 'true',
  'auto.evolve': 'true',
}).config;

const fields = [
  ['id', primitive('int32')],
  ['t', primitive('int64', { name: names.MICRO_TIME, optional: true })],
  ['v', array(primitive('float32'), { name: names.FLOAT_VECTOR, optional: true })],
] as const;

/** A version of the table; each call makes a new one. */
function version(types?: readonly (string | null)[]): TableSchema {
  const table = tableOf(DB, 'times', fields, ['id']);
  return types === undefined ? table : { ...table, sourceTypes: types };
}

let look: Session;
const values = async () =>
  (await look.query(`SELECT "t", "v"::variant::string FROM ${DB}."times" ORDER BY "id"`, 'look')).map((r) => [...r]);

async function started(name: string): Promise<DatabendSinkTask> {
  const task = new DatabendSinkTask(config, contextOf(name));
  await task.start(signal);
  return task;
}

before(async () => {
  look = new DatabendSession(endpointOf(config), 60);
  await look.exec(`DROP DATABASE IF EXISTS ${DB}`, 'clean');
});
after(async () => {
  await look.exec(`DROP DATABASE IF EXISTS ${DB}`, 'clean');
  await look.close();
});

test('digits and lengths a schema change told are known to rows that do not tell, after a restart, and change with ALTER', async () => {
  const first = await started('types');
  const created = version([null, 'TIME(3)', 'VECTOR(2)']);
  const creation = schemaChange([{ kind: 'createTable', table: created.id, schema: created }], 1);
  await first.put(batchOf([creation], 1), signal);
  const row = (t: TableSchema, id: number, us: number) => rowsOf(t, 'c', [[id, us, [1, 0.5]]]);
  await first.put(batchOf([row(version(), 1, 3_661_000_000)], 2), signal);
  await first.flush(signal);
  assert.deepEqual(await values(), [['01:01:01.000', '[1.0,0.5]']]);
  await first.stop();

  const second = await started('types');
  const rows = version();
  await second.put(batchOf([row(rows, 2, -1999)], 3), signal);
  await second.flush(signal);
  assert.deepEqual((await values())[1], ['-00:00:00.001999', '[1.0,0.5]'], 'a value with more digits than told keeps them');

  const altered = version([null, 'TIME(0)', 'VECTOR(2)']);
  await second.put(batchOf([schemaChange([{ kind: 'modifyColumn', table: altered.id, column: 't', schema: altered }], 4)], 4), signal);
  await second.put(batchOf([row(rows, 3, 60_000_000)], 5), signal);
  await second.flush(signal);
  assert.deepEqual(
    (await values()).map(([t]) => t),
    ['01:01:01', '00:00:00', '00:01:00'],
  );
  await second.stop();
});
