import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RowItem, SchemaItem } from '../../../src/kafka/message-reader.ts';
import { type Position, positionOf } from '../../../src/kafka/position.ts';
import { Redelivery } from '../../../src/kafka/redelivery.ts';
import { testSchemaChange, testTable } from '../../support/kafka-rows.ts';

const keyed = testTable('s', 't');
const keyless = testTable('s', 'k', { keyed: false });

function row(table: typeof keyed, pos: number, options: Partial<RowItem> & { row?: number; ts?: number; serverId?: number } = {}): RowItem {
  const position: Position = positionOf('bin.000001', pos, options.row ?? 0, options.serverId ?? 1, options.ts ?? pos);
  return {
    kind: 'row',
    offset: 0,
    bytes: 0,
    position,
    schemaChange: false,
    table,
    op: 'c',
    before: null,
    after: [],
    source: null,
    plan: null,
    snapshot: null,
    processedUs: 0,
    ...options,
  };
}

function schema(pos: number, ddl: string): SchemaItem {
  const change = testSchemaChange('s', pos, ddl, [{ kind: 'truncateTable', table: keyed.id }]);
  return { kind: 'schema', offset: 0, bytes: 0, position: positionOf('bin.000001', pos, 0, 1, pos), schemaChange: true, change };
}

test('a keyed row delivered again passes, a keyless one is dropped', () => {
  const r = new Redelivery();
  assert.equal(r.row('a', row(keyed, 10)), 'new');
  assert.equal(r.row('a', row(keyed, 20)), 'new');
  assert.equal(r.row('a', row(keyed, 10)), 'again');
  assert.equal(r.row('a', row(keyed, 20)), 'new', 'the create half of a changed key shares the position');
  assert.equal(r.row('a', row(keyed, 30)), 'new');
  assert.equal(r.row('b', row(keyless, 10)), 'new');
  assert.equal(r.row('b', row(keyless, 10, { row: 1 })), 'new');
  assert.equal(r.row('b', row(keyless, 10)), 'drop');
  assert.equal(r.row('b', row(keyless, 10, { row: 1 })), 'drop');
  assert.equal(r.row('b', row(keyless, 10, { row: 2 })), 'new');
});

test('a keyed row delivered again from before a schema change of its table is dropped', () => {
  const r = new Redelivery();
  r.row('a', row(keyed, 10));
  assert.equal(r.schema('s', schema(15, 'TRUNCATE t')), 'new');
  r.row('a', row(keyed, 20));
  assert.equal(r.row('a', row(keyed, 10)), 'drop');
  assert.equal(r.schema('s', schema(15, 'TRUNCATE t')), 'drop');
  assert.equal(r.row('a', row(keyed, 16)), 'again');
});

test('snapshot rows, rows newer by the clock and rows of another server are never taken for repetitions', () => {
  const r = new Redelivery();
  r.row('a', row(keyless, 50));
  assert.equal(r.row('a', row(keyless, 40, { snapshot: 'true', serverId: 0 })), 'new');
  assert.equal(r.row('a', row(keyless, 40, { ts: 51 })), 'new');
  assert.equal(r.row('a', row(keyless, 30, { serverId: 9, ts: 1 })), 'new');
});

test('what was reached before the start counts', () => {
  const r = new Redelivery();
  r.seed('a', positionOf('bin.000001', 50, 0, 1, 50));
  assert.equal(r.row('a', row(keyless, 50)), 'drop');
  assert.equal(r.row('a', row(keyless, 51)), 'new');
});

test('two statements at one position are both new, each only once', () => {
  const r = new Redelivery();
  assert.equal(r.schema('s', schema(5, 'RENAME a TO b')), 'new');
  assert.equal(r.schema('s', schema(5, 'RENAME b TO c')), 'new');
  assert.equal(r.schema('s', schema(5, 'RENAME a TO b')), 'drop');
});

test('a task that takes over in the middle of a repetition goes on recognising it', () => {
  const first = new Redelivery();
  for (const pos of [10, 20, 30]) first.row('a', row(keyless, pos));
  assert.equal(first.reached('a'), null, 'the message before the offset tells it');
  first.schema('s', schema(15, 'TRUNCATE t'));
  first.schema('s', schema(25, 'TRUNCATE t'));
  assert.equal(first.row('a', row(keyless, 10)), 'drop');
  assert.equal(first.schema('s', schema(15, 'TRUNCATE t')), 'drop');

  const second = new Redelivery();
  second.restore('a', JSON.parse(JSON.stringify(first.reached('a'))));
  second.restore('s', JSON.parse(JSON.stringify(first.reached('s'))));
  second.seed('a', positionOf('bin.000001', 10, 0, 1, 10));
  assert.equal(second.row('a', row(keyless, 20)), 'drop');
  assert.equal(second.row('a', row(keyless, 30)), 'drop');
  assert.equal(second.row('a', row(keyless, 40)), 'new');
  assert.equal(second.schema('s', schema(25, 'TRUNCATE t')), 'drop');
  assert.equal(second.schema('s', schema(35, 'TRUNCATE t')), 'new');
});

test('a keyed row from before a schema change is dropped by the next task too', () => {
  const first = new Redelivery();
  first.row('a', row(keyed, 10));
  first.schema('s', schema(15, 'TRUNCATE t'));
  first.row('a', row(keyed, 20));

  const second = new Redelivery();
  second.restore('s', JSON.parse(JSON.stringify(first.reached('s'))));
  second.seed('a', positionOf('bin.000001', 20, 0, 1, 20));
  assert.equal(second.row('a', row(keyed, 10)), 'drop');
  assert.equal(second.row('a', row(keyed, 16)), 'again');
});
