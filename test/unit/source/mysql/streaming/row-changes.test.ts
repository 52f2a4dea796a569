import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Row } from '../../../../../src/model/chunk.ts';
import type { TableSchema } from '../../../../../src/model/table-schema.ts';
import { changeRuns, sameValue } from '../../../../../src/source/mysql/streaming/row-changes.ts';

const keyed = { keyOrdinals: [0] } as unknown as TableSchema;

function runs(before: readonly Row[], after: readonly Row[], from = 0, findUnchanged = false): string[] {
  const out: string[] = [];
  changeRuns(keyed, before, after, from, findUnchanged, (kind, first, until) => out.push(`${kind} ${first}-${until}`));
  return out;
}

test('runs of one kind stay together, in order', () => {
  assert.deepEqual(
    runs(
      [
        [1, 'a'],
        [2, 'a'],
        [3, 'a'],
        [4, 'a'],
      ],
      [
        [1, 'b'],
        [2, 'b'],
        [30, 'a'],
        [4, 'b'],
      ],
    ),
    ['same-key 0-2', 'new-key 2-3', 'same-key 3-4'],
  );
});

test('rows done before a restart are left out', () => {
  assert.deepEqual(runs([[1], [2], [3]], [[1], [20], [3]], 1), ['new-key 1-2', 'same-key 2-3']);
  assert.deepEqual(runs([[1]], [[1]], 1), []);
});

test('unchanged rows are told apart only when asked for', () => {
  assert.deepEqual(runs([[1, 5]], [[1, 5]]), ['same-key 0-1']);
  assert.deepEqual(
    runs(
      [
        [1, 5],
        [2, 5],
      ],
      [
        [1, 5],
        [2, 6],
      ],
      0,
      true,
    ),
    ['unchanged 0-1', 'same-key 1-2'],
  );
});

test('values compare by content', () => {
  assert.ok(sameValue(Buffer.from('a'), Buffer.from('a')));
  assert.ok(!sameValue(Buffer.from('a'), Buffer.from('b')));
  assert.ok(sameValue([1, Buffer.from('x')], [1, Buffer.from('x')]));
  assert.ok(!sameValue(1, 1n));
  assert.ok(!sameValue(null, 0));
});
