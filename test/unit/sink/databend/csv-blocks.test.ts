import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CsvBlocks } from '../../../../src/sink/databend/csv-blocks.ts';

const text = (content: readonly Buffer[]): string => Buffer.concat(content).toString('utf8');

test('blocks hold the lines as UTF-8, whatever their length (property)', () => {
  const line = fc.tuple(fc.string({ unit: 'grapheme' }), fc.constantFrom(1, 100, 30_000)).map(([s, n]) => `${s.repeat(n)}\n`);
  const blocks = new CsvBlocks(1 << 21);
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
      const first = blocks.write(lines);
      const second = blocks.write(['other\n']);
      assert.equal(text(first.content), lines.join(''));
      assert.equal(first.rows, lines.length);
      assert.equal(text(second.content), 'other\n');
      blocks.release();
    }),
    { numRuns: 50 },
  );
});

test('released memory is used again, abandoned memory is not', () => {
  const blocks = new CsvBlocks(1 << 20);
  const memoryOf = (): ArrayBufferLike => blocks.write(['a\n']).content[0]?.buffer as ArrayBufferLike;
  const first = memoryOf();
  blocks.release();
  assert.equal(memoryOf(), first);
  blocks.abandon();
  assert.notEqual(memoryOf(), first);
});
