import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { UNAVAILABLE } from '../../../src/model/chunk.ts';
import { primitive } from '../../../src/model/schema.ts';
import { keyOf, TableBuffer } from '../../../src/sink/table-buffer.ts';
import { rowsOf, tableOf } from './builders.ts';

const int32 = primitive('int32');
const str = primitive('string', { optional: true });
const t = tableOf(
  'db',
  't',
  [
    ['id', int32],
    ['v', str],
  ],
  ['id'],
);
const keyed = { keyOrdinals: [0], deletes: true, appendOnly: false, foreignKey: false };

describe('a keyed buffer', () => {
  test('holds the last change of every key, whatever the order (property)', () => {
    const change = fc.record({ op: fc.constantFrom('c', 'u', 'd', 't'), id: fc.integer({ min: 0, max: 5 }), v: fc.string() });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const buffer = new TableBuffer(keyed);
        const expected = new Map<number, string | null>();
        let truncated = false;
        for (const { op, id, v } of changes) {
          buffer.add(rowsOf(t, op as 'c', op === 't' ? [] : [[id, v]]));
          if (op === 't') {
            expected.clear();
            truncated = true;
          } else expected.set(id, op === 'd' ? null : v);
        }
        const actual = new Map(buffer.rows.map((r, i) => [r[0], buffer.deleted[i] ? null : r[1]]));
        assert.deepEqual(actual, expected);
        assert.equal(buffer.truncated, truncated);
        assert.equal(buffer.deletes, [...expected.values()].filter((v) => v === null).length);
      }),
    );
  });

  test('completes a row that lacks cells from the row before it', () => {
    const buffer = new TableBuffer(keyed);
    buffer.add(rowsOf(t, 'c', [[1, 'a']]));
    buffer.add(rowsOf(t, 'u', [[1, UNAVAILABLE]]));
    buffer.add(rowsOf(t, 'u', [[2, UNAVAILABLE]]));
    assert.deepEqual(buffer.rows[0], [1, 'a']);
    assert.deepEqual([...buffer.partial], [1]);
  });

  test('knows what it held when the rows are dropped, until it is cleared', () => {
    const buffer = new TableBuffer(keyed);
    buffer.add(rowsOf(t, 'd', [[1, 'a']]));
    buffer.dropRows();
    assert.deepEqual([buffer.size, buffer.isEmpty, buffer.onlyDeletes, buffer.isEncoded], [1, false, true, true]);
    buffer.clear();
    assert.deepEqual([buffer.size, buffer.isEmpty, buffer.isEncoded], [0, true, false]);
    buffer.add(rowsOf(t, 'c', [[1, 'a']]));
    buffer.dropRows();
    assert.equal(buffer.onlyDeletes, false);
  });

  test('refuses a row that lacks cells after its own delete', () => {
    const buffer = new TableBuffer(keyed);
    buffer.add(rowsOf(t, 'd', [[1, 'a']]));
    assert.throws(() => buffer.add(rowsOf(t, 'u', [[1, UNAVAILABLE]])), { code: 'CDC_DATABEND_ROW_MISSING' });
  });

  test('leaves deletes and truncates out when delete.enabled=false', () => {
    const buffer = new TableBuffer({ ...keyed, deletes: false });
    buffer.add(rowsOf(t, 'd', [[1, 'a']]));
    buffer.add(rowsOf(t, 't', []));
    assert.ok(buffer.isEmpty);
  });

  test('deletes the old row when an update changes a key of our own choice', () => {
    const buffer = new TableBuffer({ ...keyed, keyOrdinals: [1], foreignKey: true });
    buffer.add(rowsOf(t, 'u', [[1, 'new']], { before: [[1, 'old']] }));
    assert.deepEqual(
      buffer.rows.map((r, i) => [r[1], buffer.deleted[i]]),
      [
        ['old', true],
        ['new', false],
      ],
    );
  });
});

describe('a buffer without key', () => {
  test('refuses an update without a whole before image', () => {
    const buffer = new TableBuffer({ ...keyed, keyOrdinals: null });
    assert.throws(() => buffer.add(rowsOf(t, 'u', [[1, 'a']])), { code: 'CDC_DATABEND_KEYLESS' });
    assert.throws(() => buffer.add(rowsOf(t, 'u', [[1, 'a']], { before: [[1, UNAVAILABLE]] })), { code: 'CDC_DATABEND_KEYLESS' });
  });
});

test('keys are equal only when every part is', () => {
  const ordinals = [0, 1];
  const different = [
    [1, 23],
    [12, 3],
    ['1', 23],
    ['a', 'bc'],
    ['ab', 'c'],
    [null, 'c'],
    ['~', 'c'],
    [Buffer.from('a'), 'c'],
    ['a', 'c'],
    [1n, 'x'],
    ['', ''],
  ];
  assert.equal(new Set(different.map((r) => keyOf(r, ordinals))).size, different.length);
  assert.equal(keyOf([Buffer.from([255])], [0]), keyOf([Buffer.from([255])], [0]));
});
