import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { InFlight } from '../../../src/runtime/in-flight.ts';
import { batchOf, PARTITION } from '../../support/memory-source.ts';

test('in whatever order batches become durable, only a contiguous prefix is committable and offsets never move back', () => {
  const orders = fc.integer({ min: 1, max: 30 }).chain((n) =>
    fc.shuffledSubarray(
      Array.from({ length: n }, (_, i) => i),
      { minLength: n, maxLength: n },
    ),
  );
  fc.assert(
    fc.property(orders, (order) => {
      const inFlight = new InFlight();
      const durable = order.map((_, i) => inFlight.submit(batchOf(i + 1, 1)));
      const done = new Set<number>();
      let last = 1;
      for (const i of order) {
        durable[i]?.();
        done.add(i);
        let prefix = 0;
        while (done.has(prefix)) prefix++;
        const taken = inFlight.takeCommittable();
        if (taken.length > 0) last = Number(taken[0]?.offset['next']);
        assert.equal(last, prefix + 1);
      }
      assert.equal(inFlight.size, 0);
    }),
  );
});

test('the last offset of each partition counts; batches without offsets commit nothing', () => {
  const inFlight = new InFlight();
  const a = { partition: PARTITION, offset: { next: 1 } };
  const b = { partition: { server: 'other' }, offset: { next: 9 } };
  inFlight.submit({ ...batchOf(1, 1), offsets: [a, b] })();
  inFlight.submit({ ...batchOf(2, 1), offsets: [] })();
  assert.deepEqual(inFlight.takeCommittable(), [a, b]);
  assert.deepEqual(inFlight.takeCommittable(), []);
});
