import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChangeQueue, type QueueEntry } from '../../../src/source/change-queue.ts';

const entry = (rows: number, bytes = 10): QueueEntry => ({ chunks: [], rows, bytes, offset: { n: rows } });

test('take gives at most the rows asked for, and at least one entry', () => {
  const q = new ChangeQueue({ maxRows: 100, maxBytes: 1000 }, () => {});
  for (const n of [3, 4, 5]) q.push(entry(n));
  assert.deepEqual(
    q.take(8).map((e) => e.rows),
    [3, 4],
  );
  assert.deepEqual(
    q.take(1).map((e) => e.rows),
    [5],
  );
  assert.deepEqual(q.take(1), []);
});

test('full at a limit of rows or bytes, drained below 80 % of both', () => {
  let drained = 0;
  const q = new ChangeQueue({ maxRows: 10, maxBytes: 100 }, () => drained++);
  q.push(entry(5, 5));
  q.push(entry(5, 5));
  assert.ok(q.full);
  q.take(5);
  assert.equal(drained, 1);
  assert.ok(!q.full);
  q.push(entry(1, 100));
  assert.ok(q.full);
  q.take(5);
  assert.ok(q.full);
  q.take(5);
  assert.ok(!q.full);
  assert.equal(drained, 2);
});

test('an error comes behind everything pushed before it', () => {
  const q = new ChangeQueue({ maxRows: 10, maxBytes: 100 }, () => {});
  q.push(entry(1));
  q.fail(new Error('gone'));
  assert.equal(q.take(9).length, 1);
  assert.throws(() => q.take(9), /gone/);
});

test('wait ends with an entry, an error, the time or the signal', async () => {
  const never = new AbortController();
  const q = new ChangeQueue({ maxRows: 10, maxBytes: 100 }, () => {});
  const pushed = q.wait(60_000, never.signal);
  q.push(entry(1));
  await pushed;
  q.take(1);
  await q.wait(1, never.signal);
  const aborted = q.wait(60_000, never.signal);
  never.abort();
  await aborted;
  const failing = q.wait(60_000, new AbortController().signal);
  q.fail(new Error('x'));
  await failing;
});
