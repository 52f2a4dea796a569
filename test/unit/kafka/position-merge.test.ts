import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { comparePositions, type Position, positionOf } from '../../../src/kafka/position.ts';
import { type MergeItem, PositionMerge } from '../../../src/kafka/position-merge.ts';

interface Item extends MergeItem {
  readonly n: number;
}

const at = (n: number, file = 'bin.000001'): Position => positionOf(file, n, 0, 1, n);
const item = (n: number, offset: number, schemaChange = false): Item => ({ n, offset, bytes: 1, position: at(n), schemaChange });
const said = (released: readonly { readonly item: Item }[]): number[] => released.map((r) => r.item.n);

function lanes(...ids: readonly string[]): PositionMerge<Item> {
  const merge = new PositionMerge<Item>();
  for (const id of ids) merge.add(id, { schema: id === 'schema', start: 0 });
  return merge;
}

test('positions compare by file number, then pos; other servers and unnumbered files by time', () => {
  assert.ok(comparePositions(positionOf('bin.999999', 9, 0, 1, 5), positionOf('bin.1000000', 4, 0, 1, 1)) < 0);
  assert.ok(comparePositions(positionOf('bin.000002', 4, 0, 0, 1), positionOf('bin.000002', 5, 0, 7, 0)) < 0, 'snapshots have server id 0');
  assert.ok(comparePositions(positionOf('bin.000009', 4, 0, 1, 1), positionOf('bin.000001', 5, 0, 2, 2)) < 0, 'two servers: the clock');
  assert.ok(comparePositions(positionOf('a.000009', 4, 0, 1, 1), positionOf('b.000001', 5, 0, 1, 2)) < 0);
  assert.ok(comparePositions(positionOf('', 0, 0, 0, 1), positionOf('', 0, 0, 0, 2)) < 0);
});

test('a message waits until an empty partition is known to hold nothing earlier', () => {
  const merge = lanes('a', 'b');
  merge.push('a', [item(5, 0)], 1);
  assert.deepEqual(said(merge.release(10)), []);
  assert.deepEqual(merge.blocked, { ask: ['b'], waiting: true, topics: false });
  merge.end('b', 0, merge.tick);
  assert.deepEqual(said(merge.release(10)), [5]);
});

test('a high watermark taken before the message arrived proves nothing', () => {
  const merge = lanes('a', 'b');
  const early = merge.tick;
  merge.push('a', [item(5, 0)], 1);
  merge.end('b', 0, early);
  assert.deepEqual(said(merge.release(10)), []);
});

test('a partition not yet read to its watermark holds later messages back, earlier ones pass', () => {
  const merge = lanes('a', 'b');
  merge.push('b', [item(3, 0)], 1);
  merge.push('a', [item(2, 0), item(7, 1)], 2);
  merge.end('b', 2, merge.tick);
  merge.end('a', 2, merge.tick);
  assert.deepEqual(said(merge.release(10)), [2, 3]);
  assert.deepEqual(merge.blocked.ask, [], 'asked already: only the message is waited for');
  merge.push('b', [item(6, 1)], 2);
  merge.end('b', 2, merge.tick);
  assert.deepEqual(said(merge.release(10)), [6, 7]);
});

test('at one position the schema change goes first, and waits until the topics are known', () => {
  const merge = lanes('a', 'schema');
  merge.push('a', [item(4, 0)], 1);
  merge.push('schema', [item(4, 0, true)], 1);
  assert.deepEqual(said(merge.release(10)), []);
  assert.equal(merge.blocked.topics, true);
  merge.topicsKnown(merge.tick);
  assert.deepEqual(said(merge.release(10)), [4]);
  merge.end('schema', 1, merge.tick);
  merge.end('a', 1, merge.tick);
  assert.deepEqual(said(merge.release(10)), [4]);
});

test('messages without position pass at once and bound nothing, but never overtake in their partition', () => {
  const merge = lanes('a', 'b');
  const none = (n: number, offset: number): Item => ({ n, offset, bytes: 0, position: null, schemaChange: false });
  merge.push('a', [none(1, 0), item(9, 1), none(2, 2)], 3);
  assert.deepEqual(said(merge.release(10)), [1]);
  merge.end('b', 0, merge.tick);
  assert.deepEqual(said(merge.release(10)), [9, 2]);
});

test('released is the next offset to commit: control records count once everything before them went', () => {
  const merge = lanes('a', 'b');
  merge.push('a', [item(1, 0), item(8, 4)], 9);
  merge.push('b', [item(2, 0)], 1);
  assert.equal(merge.release(1).length, 1);
  assert.equal(merge.released('a'), 1);
  merge.end('b', 1, merge.tick);
  merge.release(10);
  assert.equal(merge.released('a'), 9);
  assert.equal(merge.bytes, 0);
});

/** A source's history: what goes where. Barriers (schema changes, truncates) become visible alone. */
const history = fc.array(
  fc.record({ lane: fc.integer({ min: 0, max: 3 }), kind: fc.constantFrom('row', 'row', 'row', 'row', 'truncate', 'schema') }),
  { minLength: 1, maxLength: 120 },
);

test('barriers come in source order with all rows, whatever becomes visible, is fetched and asked when', () => {
  fc.assert(
    fc.property(history, fc.infiniteStream(fc.nat()), (events, chance) => {
      const draw = (n: number): number => (chance.next().value as number) % n;
      const ids = ['0', '1', '2', '3', 'schema'];
      const merge = lanes(...ids);
      // Logs in Kafka, filled segment by segment; within a segment partitions fill in any interleaving.
      const segments: { lane: string; item: Item; barrier: boolean }[][] = [[]];
      const lengths = new Map(ids.map((id) => [id, 0]));
      events.forEach((e, i) => {
        const lane = e.kind === 'schema' ? 'schema' : String(e.lane);
        const offset = lengths.get(lane) as number;
        lengths.set(lane, offset + 1);
        const entry = { lane, item: item(i, offset, e.kind === 'schema'), barrier: e.kind !== 'row' };
        if (entry.barrier) segments.push([entry], []);
        else (segments.at(-1) as unknown[]).push(entry);
      });
      const log = new Map<string, Item[]>(ids.map((id) => [id, []]));
      const makeVisible = (): boolean => {
        while (segments[0]?.length === 0) segments.shift();
        const segment = segments[0];
        if (segment === undefined) return false;
        const lane = (segment[draw(segment.length)] as { lane: string }).lane;
        const [first] = segment.splice(
          segment.findIndex((e) => e.lane === lane),
          1,
        );
        (log.get(lane) as Item[]).push((first as { item: Item }).item);
        return true;
      };
      const out: { lane: string; item: Item }[] = [];
      const answers: (() => void)[] = [];
      const fetch = (lane: string, most: number): void => {
        const from = merge.consumed(lane);
        const items = (log.get(lane) as Item[]).slice(from, from + most);
        if (items.length > 0) merge.push(lane, items, from + items.length);
      };
      const ask = (lane: string): void => {
        const { tick } = merge;
        const high = (log.get(lane) as Item[]).length;
        answers.push(() => merge.end(lane, high, tick));
      };
      for (let step = 0; step < 4 * events.length; step++) {
        const lane = ids[draw(ids.length)] as string;
        switch (draw(5)) {
          case 0:
            makeVisible();
            break;
          case 1:
            fetch(lane, 1 + draw(4));
            break;
          case 2:
            ask(lane);
            break;
          case 3:
            if (answers.length > 0) answers.splice(draw(answers.length), 1)[0]?.();
            merge.topicsKnown(merge.tick);
            break;
          default:
            out.push(...merge.release(1 + draw(5)));
        }
      }
      while (makeVisible()) {}
      for (let round = 0; round < 2 * events.length + 2; round++) {
        for (const id of ids) fetch(id, 1000);
        merge.topicsKnown(merge.tick);
        out.push(...merge.release(1000));
        for (const id of merge.blocked.ask) merge.end(id, (log.get(id) as Item[]).length, merge.tick);
      }
      assert.equal(out.length, events.length, 'everything comes out');
      for (const id of ids) {
        const own = out.filter((o) => o.lane === id).map((o) => o.item.offset);
        assert.deepEqual(
          own,
          [...own].sort((a, b) => a - b),
          'arrival order within a partition',
        );
        assert.equal(merge.released(id), lengths.get(id));
      }
      const seen = out.map((o) => o.item.n);
      events.forEach((e, n) => {
        if (e.kind === 'row') return;
        const place = seen.indexOf(n);
        assert.ok(
          seen.slice(0, place).every((m) => m < n) && seen.slice(place + 1).every((m) => m > n),
          `barrier ${n} is out of place: ${seen.join(' ')}`,
        );
      });
    }),
    { numRuns: 400 },
  );
});

test('a schema change is released alone: batches end before and after it', () => {
  const merge = lanes('a', 'schema');
  merge.push('schema', [item(5, 0, true)], 1);
  merge.push('a', [item(3, 0), item(7, 1)], 2);
  merge.end('a', 2, merge.tick);
  merge.end('schema', 1, merge.tick);
  merge.topicsKnown(merge.tick);
  assert.deepEqual(said(merge.release(10)), [3]);
  assert.deepEqual(said(merge.release(10)), [5]);
  assert.deepEqual(said(merge.release(10)), [7]);
});

test('what an interrupted snapshot produced goes before the start of the next one, whatever its position', () => {
  const merge = lanes('a', 'b', 'schema');
  const start: Item = {
    ...item(5, 0, true),
    awaits: [
      { lane: 'a', offset: 2 },
      { lane: 'b', offset: 1 },
    ],
  };
  merge.push('schema', [start], 1);
  merge.push('a', [item(5, 0), item(5, 1), item(5, 2)], 3);
  for (const id of ['a', 'b', 'schema']) merge.end(id, { a: 3, b: 0, schema: 1 }[id] as number, 0);
  merge.end('schema', 1, merge.tick);
  merge.topicsKnown(merge.tick);
  merge.end('b', 1, merge.tick);
  assert.deepEqual(said(merge.release(10)), [], 'partition b has not been read that far');
  merge.push('b', [item(9, 0)], 1);
  merge.end('b', 1, merge.tick);
  merge.end('schema', 1, merge.tick);
  merge.topicsKnown(merge.tick);
  const order: string[] = [];
  for (let batch = merge.release(10); batch.length > 0; batch = merge.release(10))
    for (const { lane, item: i } of batch) order.push(`${lane}${i.offset}`);
  assert.deepEqual(order, ['a0', 'a1', 'b0', 'schema0', 'a2']);
});
