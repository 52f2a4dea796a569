import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  parseGtidEvent,
  parseMariaDbGtidEvent,
  parseQueryEvent,
  parseTaggedGtidEvent,
} from '../../../../../src/source/mysql/streaming/binlog-events.ts';

const UUID = '8fe98ac7e58211f1a85c02fc00000001';
const uuidText = '8fe98ac7-e582-11f1-a85c-02fc00000001';

function uint56(n: number, flag: boolean): Buffer {
  const b = Buffer.alloc(7);
  b.writeUIntLE(n % 2 ** 48, 0, 6);
  b[6] = Math.floor(n / 2 ** 48) | (flag ? 0x80 : 0);
  return b;
}

test('a GTID event tells the time of its first commit', () => {
  const head = Buffer.concat([
    Buffer.from([0]),
    Buffer.from(UUID, 'hex'),
    Buffer.from([42, 0, 0, 0, 0, 0, 0, 0]),
    Buffer.from([2]),
    Buffer.alloc(16),
  ]);
  const own = Buffer.concat([head, uint56(1_795_251_132_659_123, false)]);
  assert.deepEqual(parseGtidEvent(own, 0, own.length, false), { gtid: `${uuidText}:42`, commitUs: 1_795_251_132_659_123 });
  const replicated = Buffer.concat([head, uint56(9, true), uint56(7, false)]);
  assert.deepEqual(parseGtidEvent(replicated, 0, replicated.length, true), { gtid: null, commitUs: 7 });
  assert.equal(parseGtidEvent(head, 0, head.length, false).commitUs, 0);
});

test('a tagged GTID event is one serialized message', () => {
  const small = (n: number): number[] => (n < 128 ? [n << 1] : [((n & 63) << 2) | 1, n >> 6]);
  const fields = [
    ...[0, ...small(1)],
    ...[1 << 1, ...[...Buffer.from(UUID, 'hex')].flatMap(small)],
    ...[2 << 1, ...small(5 << 1)],
    ...[3 << 1, ...small(3), ...Buffer.from('abc')],
  ];
  const body = Buffer.from([...small(1), ...small(fields.length + 3), ...small(4), ...fields]);
  assert.deepEqual(parseTaggedGtidEvent(body, 0, body.length), { gtid: `${uuidText}:abc:5`, commitUs: 0 });
});

test('a MariaDB GTID event names domain, server and XA branch', () => {
  const b = Buffer.alloc(13 + 6 + 2);
  b.writeBigUInt64LE(1074n, 0);
  b.writeUInt32LE(3, 8);
  b[12] = 64;
  b.writeUInt32LE(1, 13);
  b[17] = 2;
  b.write('x1', 19);
  const g = parseMariaDbGtidEvent(b, 0, b.length, 2001);
  assert.deepEqual(g, { gtid: '3-2001-1074', standalone: false, preparedXa: true, completedXa: false, xid: '1:2:7831' });
});

test('a query event gives text, database, sql_mode and character sets', () => {
  const status = Buffer.concat([
    Buffer.from([0, 0, 0, 0, 0]),
    Buffer.from([1]),
    Buffer.from([4, 0, 0, 0, 0, 0, 0, 0]),
    Buffer.from([6, 3, ...Buffer.from('std')]),
    Buffer.from([4, 8, 0, 8, 0, 255, 0]),
    Buffer.from([16, 1]),
  ]);
  const b = Buffer.alloc(13);
  b.writeUInt32LE(77, 0);
  b[8] = 2;
  b.writeUInt16LE(status.length, 11);
  const event = Buffer.concat([b, status, Buffer.from('db\0BEGIN')]);
  const q = parseQueryEvent(event, 0, event.length);
  assert.deepEqual(
    { ...q, sql: q.sql.toString() },
    {
      thread: 77,
      database: 'db',
      sql: 'BEGIN',
      sqlMode: 4n,
      clientCharset: 8,
      serverCollation: 255,
      explicitDefaultsForTimestamp: true,
      errorCode: 0,
    },
  );
});
