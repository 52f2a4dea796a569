import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type BinlogOffset,
  compareBinlogFiles,
  formatBinlogOffset,
  isAtOrBefore,
  parseBinlogOffset,
} from '../../../../src/source/mysql/binlog-offset.ts';

const A = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const at = (o: Record<string, string | number>): BinlogOffset => parseBinlogOffset({ file: 'b.000001', pos: 4, ...o }) as BinlogOffset;

test("Debezium's offset is read with all its parts", () => {
  const offset = parseBinlogOffset({
    transaction_id: null,
    ts_sec: 1,
    file: 'mysql-bin.000013',
    pos: 131071,
    gtids: `${A}:1-503`,
    row: 1,
    server_id: 194,
    event: 2,
  });
  assert.deepEqual(offset, {
    tsSec: 1,
    file: 'mysql-bin.000013',
    pos: 131071,
    gtids: `${A}:1-503`,
    event: 2,
    row: 1,
    serverId: 194,
    snapshot: false,
    transactionId: null,
  });
  assert.equal(parseBinlogOffset({ file: 'b.000001', pos: 4, snapshot: 'INITIAL' })?.snapshot, true);
  assert.equal(parseBinlogOffset({ kafka_offset: 3 }), null);
});

test('keys Debezium leaves out are left out', () => {
  assert.deepEqual(formatBinlogOffset({ tsSec: 1, file: 'f', pos: 2, gtids: null, row: 0, event: 0 }), { ts_sec: 1, file: 'f', pos: 2 });
  assert.deepEqual(formatBinlogOffset({ tsSec: 1, file: 'f', pos: 2, gtids: 'g', snapshot: true }), {
    ts_sec: 1,
    file: 'f',
    pos: 2,
    gtids: 'g',
    snapshot: 'INITIAL',
  });
});

test('file numbers decide, not their text', () => {
  assert.ok(compareBinlogFiles('bin.999999', 'bin.1000000') < 0);
  assert.equal(compareBinlogFiles('bin.000002', 'bin.000002'), 0);
});

test('a DDL of the history belongs to every offset behind it and to none before', () => {
  const ddl = at({ gtids: `${A}:1-4`, pos: 500 });
  assert.ok(isAtOrBefore('mysql', ddl, at({ gtids: `${A}:1-5`, pos: 500 })));
  assert.ok(isAtOrBefore('mysql', ddl, at({ gtids: `${A}:1-7`, pos: 4, file: 'other.000001' })));
  assert.ok(!isAtOrBefore('mysql', ddl, at({ gtids: `${A}:1-4`, pos: 400 })));
  assert.ok(!isAtOrBefore('mysql', ddl, at({ gtids: `${A}:1-3`, pos: 300, event: 2, row: 1 })));
});

test('without GTIDs position, event and row decide', () => {
  assert.ok(isAtOrBefore('mysql', at({ pos: 10, event: 2 }), at({ pos: 10, event: 2 })));
  assert.ok(!isAtOrBefore('mysql', at({ pos: 10, event: 2 }), at({ pos: 10, event: 1 })));
  assert.ok(isAtOrBefore('mysql', at({ pos: 99 }), at({ pos: 4, file: 'b.000002' })));
});
