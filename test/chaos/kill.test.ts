/**
 * `kill -9` of riverbend, of Kafka and of MySQL at random moments of snapshot, stream and sink flush.
 * Afterwards source and Databend are equal and no key is doubled. The seed is printed; RIVERBEND_CHAOS_SEED repeats a run,
 * RIVERBEND_CHAOS_CHANGES and RIVERBEND_CHAOS_KILLS make it longer.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { DatabendProbe } from '../support/databend.ts';
import { Pipeline } from '../support/pipeline.ts';
import { Random } from '../support/random.ts';
import type { Riverbend } from '../support/riverbend.ts';
import { databendDsn, mysqlPort, openTestStack } from '../support/servers.ts';
import { until } from '../support/until.ts';
import { Workload } from '../support/workload.ts';

const SEED = Number(process.env['RIVERBEND_CHAOS_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const CHANGES = Number(process.env['RIVERBEND_CHAOS_CHANGES'] ?? 30_000);
const KILLS = Number(process.env['RIVERBEND_CHAOS_KILLS'] ?? 6);

type Victim = 'riverbend' | 'kafka' | 'mysql';

for (const mode of ['embedded', 'kafka'] as const) {
  const victims: readonly Victim[] = mode === 'kafka' ? ['riverbend', 'riverbend', 'kafka', 'mysql'] : ['riverbend', 'riverbend', 'mysql'];

  test(`source and Databend are equal after random kills of ${[...new Set(victims)].join(', ')} (${mode}, seed ${SEED})`, {
    timeout: 600_000,
  }, async (t) => {
    const random = new Random(SEED);
    const stack = await openTestStack();
    const database = `kill_${mode}_${process.pid}`;
    const dir = mkdtempSync(join(tmpdir(), 'riverbend-kill-'));
    const target = await DatabendProbe.open(databendDsn());
    const workload = new Workload({ port: mysqlPort(), database, seed: SEED, changes: CHANGES, initialRows: 20_000 });
    const stop = new AbortController();
    let running: Promise<void> = Promise.resolve();
    let daemon: Riverbend | null = null;
    try {
      await workload.prepare();
      const pipeline = await Pipeline.create({
        server: 'mysql',
        mode,
        port: mysqlPort(),
        name: database,
        databases: database,
        dir,
        serverId: 81_000 + random.below(9000),
        partitions: 3,
      });
      daemon = pipeline.start();
      running = workload.run(stop.signal);
      running.catch(() => {});
      for (let kill = 0; kill < KILLS; kill++) {
        // Random moments are the point here: the first kills fall into the snapshot, the later ones into stream and flush,
        // spread over the workload as far as it goes.
        const from = (CHANGES * (kill - 2)) / KILLS;
        if (kill > 2) await until('the workload to go on', 120_000, () => workload.done >= from);
        await delay(random.below(kill < 2 ? 1500 : 4000));
        const victim = kill < 2 ? 'riverbend' : random.pick(victims);
        t.diagnostic(`kill ${kill + 1}: ${victim} after ${workload.done} changes`);
        if (victim === 'riverbend') {
          await daemon.kill9();
        } else {
          await stack.kill9(victim);
          await stack.start(victim);
        }
        if (!daemon.running) daemon = pipeline.start();
      }
      await running;
      await until(
        'Databend to catch up',
        180_000,
        async () => {
          // It was starting when Kafka or MySQL was killed: not reachable at start is exit code 3, and whoever supervises it starts it again.
          if (daemon?.running === false && daemon.exitCode === 3) daemon = pipeline.start();
          if (daemon?.running !== true) throw new Error(`riverbend ended with ${daemon?.exitCode}\n${daemon?.log().slice(-4000)}`);
          return workload.looksEqual(target);
        },
        500,
      ).catch(async (error: unknown) => {
        const differences = await workload.compare(target).catch((e: unknown) => [String(e)]);
        throw new Error([String(error), ...differences, daemon?.log().slice(-4000)].join('\n'), { cause: error });
      });
      assert.deepEqual(await workload.compare(target), []);
      assert.ok(await daemon.stop(), 'drained within the time');
    } finally {
      stop.abort();
      await running.catch(() => {});
      await daemon?.kill9();
      await target.exec(`DROP DATABASE IF EXISTS "${database}"`);
      await target.close();
      rmSync(dir, { recursive: true, force: true });
    }
  });
}
