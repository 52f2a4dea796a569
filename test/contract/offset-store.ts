import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OffsetStore } from '../../src/spi/offset-store.ts';

/** What every OffsetStore must do. `open` gives a store over the same place each time, not started. */
export function offsetStoreContract(name: string, open: () => OffsetStore, options: { readonly survivesReopening: boolean }): void {
  const a = { server: 'a' };
  const b = { server: 'b', shard: 1 };

  test(`${name}: an offset is found under any order of its partition's keys`, async () => {
    const store = open();
    await store.start();
    await store.save('keys', [{ partition: b, offset: { pos: 4 } }]);
    assert.deepEqual(await store.load('keys', { shard: 1, server: 'b' }), { pos: 4 });
    assert.equal(await store.load('keys', { server: 'b' }), null);
  });

  test(`${name}: connectors do not see each other's offsets`, async () => {
    const store = open();
    await store.start();
    await store.save('one', [{ partition: a, offset: { pos: 1 } }]);
    await store.save('two', [{ partition: a, offset: { pos: 2 } }]);
    assert.deepEqual(await store.load('one', a), { pos: 1 });
    assert.deepEqual(await store.list('two'), [{ partition: a, offset: { pos: 2 } }]);
  });

  test(`${name}: a null offset deletes, in the same save that writes another`, async () => {
    const store = open();
    await store.start();
    await store.save('del', [{ partition: a, offset: { pos: 1 } }]);
    await store.save('del', [
      { partition: a, offset: null },
      { partition: b, offset: { pos: 2, gtids: 'x:1-5', nested: { list: [1, null, true] } } },
    ]);
    assert.equal(await store.load('del', a), null);
    assert.deepEqual(await store.list('del'), [{ partition: b, offset: { pos: 2, gtids: 'x:1-5', nested: { list: [1, null, true] } } }]);
  });

  test(`${name}: saves that overlap in time all take effect, the later one last`, async () => {
    const store = open();
    await store.start();
    await Promise.all(Array.from({ length: 20 }, (_, i) => store.save(`c${i % 3}`, [{ partition: a, offset: { pos: i } }])));
    assert.deepEqual(await store.load('c0', a), { pos: 18 });
    assert.deepEqual(await store.load('c1', a), { pos: 19 });
    assert.deepEqual(await store.load('c2', a), { pos: 17 });
  });

  if (!options.survivesReopening) return;

  test(`${name}: what was saved is there after reopening`, async () => {
    const store = open();
    await store.start();
    await store.save('durable', [{ partition: a, offset: { pos: 9 } }]);
    await store.stop();
    const again = open();
    await again.start();
    assert.deepEqual(await again.load('durable', a), { pos: 9 });
  });
}
