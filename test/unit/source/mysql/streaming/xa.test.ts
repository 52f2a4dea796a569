import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { QueueEntry } from '../../../../../src/source/change-queue.ts';
import { parseXid, XaHold, xaStatement } from '../../../../../src/source/mysql/streaming/xa.ts';

const entry: QueueEntry = { chunks: [], rows: 1, bytes: 60, offset: null };

test('the identity of the prepare event and of the statement agree', () => {
  const event = Buffer.alloc(12 + 3);
  event.writeInt32LE(1, 0);
  event.writeInt32LE(2, 4);
  event.writeInt32LE(1, 8);
  event.write('x1b', 12);
  assert.equal(parseXid(event, 0), xaStatement("XA COMMIT X'7831',X'62',1")?.xid);
  assert.equal(xaStatement("XA START X'7831',X'',1")?.verb, 'START');
  assert.equal(xaStatement('SAVEPOINT xa'), null);
});

test('decided branches give their rows back once', () => {
  const hold = new XaHold(1000);
  hold.prepare('a', [hold.account(entry)]);
  assert.ok(hold.holding);
  assert.deepEqual(hold.resolve('a'), [entry]);
  assert.ok(!hold.holding);
  assert.equal(hold.resolve('a'), undefined);
});

test('what is held back is bounded', () => {
  const hold = new XaHold(100);
  hold.account(entry);
  assert.throws(() => hold.account(entry), { code: 'CDC_MYSQL_XA' });
});
