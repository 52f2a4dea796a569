/**
 * riverbend kills itself once at a named place (src/util/failpoint.ts), is started again, and source and Databend end equal: nothing is lost,
 * no key and no row without key is there twice, dropped columns do not come back. Snapshot, DDL, rows with and without key flow meanwhile.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Failpoint } from '../../src/util/failpoint.ts';
import { DatabendProbe } from '../support/databend.ts';
import { Pipeline } from '../support/pipeline.ts';
import { databendDsn, mysqlPort } from '../support/servers.ts';
import { until } from '../support/until.ts';
import { Workload } from '../support/workload.ts';

interface Case {
  readonly mode: 'embedded' | 'kafka';
  readonly point: Failpoint;
  /** Which pass through it counts: the first ones belong to the snapshot. */
  readonly hit: number;
}

// The two of history.compact are not among them: they need a history of megabytes; test/unit/storage has them.
const CASES: readonly Case[] = [
  { mode: 'embedded', point: 'snapshot.mid', hit: 4 },
  { mode: 'embedded', point: 'snapshot.end', hit: 1 },
  { mode: 'embedded', point: 'history.record.before', hit: 2 },
  { mode: 'embedded', point: 'history.record.after', hit: 1 },
  { mode: 'embedded', point: 'history.record.after', hit: 2 },
  { mode: 'embedded', point: 'sink.flush.before', hit: 2 },
  { mode: 'embedded', point: 'sink.commit.before', hit: 8 },
  { mode: 'embedded', point: 'sink.commit.after', hit: 8 },
  { mode: 'embedded', point: 'sink.flush.after', hit: 2 },
  { mode: 'embedded', point: 'sink.ddl.before', hit: 1 },
  { mode: 'embedded', point: 'sink.ddl.after', hit: 2 },
  { mode: 'embedded', point: 'sink.ddl.marked', hit: 3 },
  { mode: 'kafka', point: 'snapshot.mid', hit: 4 },
  { mode: 'kafka', point: 'snapshot.end', hit: 1 },
  { mode: 'kafka', point: 'kafka.produce.before', hit: 40 },
  { mode: 'kafka', point: 'kafka.produce.after', hit: 40 },
  { mode: 'kafka', point: 'offset.save.before', hit: 3 },
  { mode: 'kafka', point: 'offset.save.after', hit: 3 },
  { mode: 'kafka', point: 'history.record.after', hit: 3 },
  { mode: 'kafka', point: 'sink.commit.after', hit: 8 },
  { mode: 'kafka', point: 'sink.ddl.after', hit: 2 },
];

for (const [n, { mode, point, hit }] of CASES.entries()) {
  test(`killed at ${point} (pass ${hit}, ${mode}) and started again, source and Databend are equal`, { timeout: 120_000 }, async () => {
    const database = `failpoint_${mode}_${process.pid}_${n}`;
    const dir = mkdtempSync(join(tmpdir(), 'riverbend-failpoint-'));
    const target = await DatabendProbe.open(databendDsn());
    const workload = new Workload({ port: mysqlPort(), database, seed: 1000 + n, changes: 3000, initialRows: 1500, ddl: 6 });
    const stop = new AbortController();
    let running: Promise<void> = Promise.resolve();
    let pipeline: Pipeline | null = null;
    try {
      await workload.prepare();
      pipeline = await Pipeline.create({
        server: 'mysql',
        mode,
        port: mysqlPort(),
        name: database,
        databases: database,
        dir,
        serverId: 71_000 + n,
        partitions: 3,
        sink: { 'flush.interval.ms': '300' },
      });
      const doomed = pipeline.start({ RIVERBEND_FAILPOINT: `${point}:${hit}` });
      // The workload waits for the snapshot where the point lies behind it: its DDL is to be streamed.
      if (!point.startsWith('snapshot.')) {
        await until('the snapshot', 30_000, async () => !doomed.running || (await target.count(database, 'accounts')) > 0, 200);
      }
      running = workload.run(stop.signal);
      running.catch(() => {});
      await until(`the kill at ${point}`, 60_000, () => !doomed.running).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${doomed.log().slice(-3000)}`);
      });
      assert.equal(doomed.exitCode, null, `killed, not ended by itself\n${doomed.log().slice(-3000)}`);

      const daemon = pipeline.start();
      await running;
      await until('Databend to catch up', 60_000, () => !daemon.running || workload.looksEqual(target), 300).catch(
        async (error: unknown) => {
          const differences = await workload.compare(target).catch((e: unknown) => [String(e)]);
          throw new Error([String(error), ...differences, daemon.log().slice(-3000)].join('\n'), { cause: error });
        },
      );
      assert.ok(daemon.running, `riverbend ended with ${daemon.exitCode}\n${daemon.log().slice(-3000)}`);
      assert.deepEqual(await workload.compare(target), []);
      assert.ok(await daemon.stop(), 'drained within the time');
    } finally {
      stop.abort();
      await running.catch(() => {});
      await pipeline?.daemon.kill9();
      await target.exec(`DROP DATABASE IF EXISTS "${database}"`);
      await target.close();
      rmSync(dir, { recursive: true, force: true });
    }
  });
}
