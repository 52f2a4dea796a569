import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CdcError } from '../../../src/model/errors.ts';
import { Gate } from '../../../src/runtime/gate.ts';
import { SinkBatchWriter } from '../../../src/runtime/sink-batch-writer.ts';
import { type RunObserver, runTask } from '../../../src/runtime/task-runner.ts';
import { MemoryOffsetStore } from '../../../src/storage/memory-offset-store.ts';
import { MemorySink, MemorySource, type MemorySourceOptions, PARTITION } from '../../support/memory-source.ts';
import { until } from '../../support/until.ts';

const QUIET: RunObserver = { started() {}, wrote() {}, committed() {}, paused() {}, resumed() {} };

function setUp(source: MemorySourceOptions, every: number, observer: Partial<RunObserver> = {}) {
  const memory = new MemorySource(source);
  const sink = new MemorySink(every);
  const offsets = new MemoryOffsetStore();
  const gate = new Gate();
  const stop = new AbortController();
  const run = (): Promise<'stopped' | 'finished'> =>
    runTask(
      {
        connector: 'c',
        task: memory.task({ committed: (p) => offsets.load('c', p) }),
        writer: new SinkBatchWriter(sink),
        offsets,
        flushIntervalMs: 0,
        drainTimeoutMs: 1000,
        gate,
        clock: { now: () => 0 },
        observer: { ...QUIET, ...observer },
      },
      stop.signal,
    );
  return { memory, sink, offsets, gate, stop, run };
}

test('an offset is committed only after the sink flushed the rows before it (I1)', async () => {
  const t = setUp({ rows: 5, finishes: true }, 2);
  const save = t.offsets.save.bind(t.offsets);
  t.offsets.save = async (c, o) => {
    t.sink.log.push(`saved ${String(o[0]?.offset?.['next'])}`);
    await save(c, o);
  };
  assert.equal(await t.run(), 'finished');
  assert.deepEqual(t.sink.log, ['flushed 2', 'saved 3', 'flushed 4', 'saved 5', 'flushed 5', 'saved 6']);
  assert.deepEqual(t.memory.committed, [{ next: 3 }, { next: 5 }, { next: 6 }]);
});

test('a stop flushes and commits what was accepted', async () => {
  const t = setUp({ rows: 7 }, 1000, { wrote: () => void (seen++ === 6 && t.stop.abort()) });
  let seen = 0;
  assert.equal(await t.run(), 'stopped');
  assert.deepEqual(t.sink.durable, [1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual(await t.offsets.load('c', PARTITION), { next: 8 });
});

test("after the source's error what was accepted before it is flushed and committed", async () => {
  const error = new CdcError('CDC_X', 'retriable', 'lost');
  const t = setUp({ rows: 9, failAt: { row: 4, error } }, 1000);
  await assert.rejects(t.run(), error);
  assert.deepEqual(t.sink.durable, [1, 2, 3]);
  assert.deepEqual(await t.offsets.load('c', PARTITION), { next: 4 });
});

test("after the writer's error nothing more is flushed, and only what is durable is committed", async () => {
  const t = setUp({ rows: 9 }, 2, { committed: () => void (t.sink.failFlush = new CdcError('CDC_X', 'retriable', 'lost')) });
  await assert.rejects(t.run(), /lost/);
  assert.deepEqual(t.sink.durable, [1, 2]);
  assert.deepEqual(await t.offsets.load('c', PARTITION), { next: 3 });
});

test('a paused task flushed and committed everything, polls no more, and goes on where it was', async () => {
  const events: string[] = [];
  const t = setUp({ rows: 6 }, 1000, {
    wrote: () => void (events.length === 0 && t.gate.close()),
    paused: () => void events.push(`paused with ${t.sink.durable.length}`),
    resumed: () => void events.push('resumed'),
  });
  const done = t.run();
  await until('the pause', 2000, () => events.length === 1);
  assert.deepEqual(await t.offsets.load('c', PARTITION), { next: 2 });
  t.gate.open();
  await until('the rest', 2000, () => t.memory.committed.length > 0 && events.length === 2);
  t.stop.abort();
  await done;
  assert.deepEqual(t.sink.durable, [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(events, ['paused with 1', 'resumed']);
});

test('a stop ends a paused task', async () => {
  const t = setUp({ rows: 1 }, 1000, { paused: () => t.stop.abort() });
  t.gate.close();
  assert.equal(await t.run(), 'stopped');
});

test('timers run while batches never end', async () => {
  const t = setUp({ rows: 1e9 }, 1e9);
  let ticks = 0;
  const timer = setInterval(() => {
    if (++ticks === 5) t.stop.abort();
  }, 1);
  await t.run();
  clearInterval(timer);
  assert.equal(ticks >= 5, true);
});
