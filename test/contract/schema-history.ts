import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HistoryRecord, SchemaHistory } from '../../src/spi/schema-history.ts';

/** A history record; `n` tells it from others. */
export function historyRecord(n: number, ddl = `CREATE TABLE t${n} (id INT)`): HistoryRecord {
  return { source: { server: 's' }, position: { file: 'bin.000001', pos: n }, databaseName: 'd', ddl, tableChanges: [], tsMs: 1000 + n };
}

export async function recovered(history: SchemaHistory): Promise<HistoryRecord[]> {
  const out: HistoryRecord[] = [];
  await history.recover((r) => out.push(r));
  return out;
}

/** What every SchemaHistory must do. `create` gives a fresh, empty one. */
export function schemaHistoryContract(create: () => Promise<SchemaHistory>): void {
  test('a new history does not exist', async () => {
    const history = await create();
    assert.equal(await history.exists(), false);
    assert.deepEqual(await recovered(history), []);
    await history.stop();
  });

  test('records come back equal and in order', async () => {
    const history = await create();
    const change = { type: 'DROP', id: '"d"."t"' };
    const odd = { ...historyRecord(3, "-- é\nDROP TABLE `a\u2028\"b\\`, 'x'"), tableChanges: [change], databaseName: '' };
    await history.record([historyRecord(1), historyRecord(2)]);
    await history.record([odd]);
    assert.equal(await history.exists(), true);
    assert.deepEqual(await recovered(history), [historyRecord(1), historyRecord(2), odd]);
    await history.stop();
  });

  test('recording nothing creates nothing', async () => {
    const history = await create();
    await history.record([]);
    assert.equal(await history.exists(), false);
    await history.stop();
  });

  test('records handed over at the same time all arrive, in the order of the calls', async () => {
    const history = await create();
    await Promise.all([1, 2, 3, 4, 5].map((n) => history.record([historyRecord(n), historyRecord(n + 10)])));
    assert.deepEqual(
      (await recovered(history)).map((r) => r.position['pos']),
      [1, 11, 2, 12, 3, 13, 4, 14, 5, 15],
    );
    await history.stop();
  });

  test('compaction folds what is durable and keeps what came after', async () => {
    const history = await create();
    await history.record([1, 2, 3, 4].map((n) => historyRecord(n)));
    assert.ok(history.compact, 'this history can be compacted');
    await history.compact(
      (position) => (position['pos'] as number) <= 2,
      (entries) => [historyRecord(2, `folded ${entries.length}`)],
    );
    await history.record([historyRecord(5)]);
    assert.deepEqual(
      (await recovered(history)).map((r) => r.ddl),
      ['folded 2', 'CREATE TABLE t3 (id INT)', 'CREATE TABLE t4 (id INT)', 'CREATE TABLE t5 (id INT)'],
    );
    await history.stop();
  });
}
