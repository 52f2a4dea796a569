import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Batch } from '../../src/model/chunk.ts';
import type { SinkTask } from '../../src/spi/connector.ts';
import { batchOf, PARTITION } from '../unit/sink/builders.ts';

/** What a sink under test must offer: a target of its own per `name`. */
export interface SinkTaskFixture {
  /** A started task; called again with the same name it is the same connector after a restart. */
  start(name: string): Promise<SinkTask>;
  /** A batch that ends at `pos` and creates rows with these ids. */
  creates(name: string, ids: readonly number[], pos: number): Batch;
  /** A batch that ends at `pos` and holds a row the sink cannot write. */
  impossible(name: string, pos: number): Batch;
  /** Ids in the target, ascending. */
  ids(name: string): Promise<readonly number[]>;
}

/** What every SinkTask that keeps offsets beside its data must do. */
export function sinkTaskContract(what: string, fixture: SinkTaskFixture): void {
  const signal = new AbortController().signal;
  const begin = async (name: string): Promise<SinkTask> => fixture.start(name);
  const offsetOf = async (task: SinkTask): Promise<unknown> => task.committedOffset?.(PARTITION);

  describe(`${what} as a SinkTask`, () => {
    test('has no offset before the first flush, and after it that of the last batch', async () => {
      const task = await begin('first');
      assert.equal(await offsetOf(task), null);
      await task.put(fixture.creates('first', [1], 10), signal);
      assert.equal(await offsetOf(task), null);
      await task.put(fixture.creates('first', [2], 20), signal);
      await task.flush(signal);
      assert.deepEqual(await offsetOf(task), { pos: 20 });
      assert.deepEqual(await fixture.ids('first'), [1, 2]);
      await task.stop();
    });

    test('keeps nothing of what was not flushed when it ends', async () => {
      const task = await begin('unflushed');
      await task.put(fixture.creates('unflushed', [1], 1), signal);
      await task.flush(signal);
      await task.put(fixture.creates('unflushed', [2], 2), signal);
      await task.stop();
      const next = await begin('unflushed');
      assert.deepEqual(await offsetOf(next), { pos: 1 });
      assert.deepEqual(await fixture.ids('unflushed'), [1]);
      await next.put(fixture.creates('unflushed', [2], 2), signal);
      await next.flush(signal);
      await next.stop();
      assert.deepEqual(await fixture.ids('unflushed'), [1, 2]);
    });

    test('writes all of a flush or nothing', async () => {
      const task = await begin('atomic');
      await task.put(fixture.creates('atomic', [1], 1), signal);
      await task.flush(signal);
      await task.put(fixture.creates('atomic', [2], 2), signal);
      await assert.rejects(async () => {
        await task.put(fixture.impossible('atomic', 3), signal);
        await task.flush(signal);
      });
      assert.deepEqual(await offsetOf(task), { pos: 1 });
      assert.deepEqual(await fixture.ids('atomic'), [1]);
      await task.stop();
    });

    test('moves the offset with a batch that has no rows', async () => {
      const task = await begin('idle');
      await task.put(batchOf([], 7), signal);
      await task.flush(signal);
      assert.deepEqual(await offsetOf(task), { pos: 7 });
      await task.stop();
    });

    test('flushes nothing without complaint, and wants no flush then', async () => {
      const task = await begin('nothing');
      await task.flush(signal);
      assert.equal(task.shouldFlush(), false);
      assert.equal(await offsetOf(task), null);
      await task.stop();
    });
  });
}
