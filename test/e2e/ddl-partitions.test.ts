/** Definitions change under continuous writes; through Kafka with four partitions Databend ends as the source does. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DatabendProbe } from '../support/databend.ts';
import { DdlWorkload } from '../support/ddl-workload.ts';
import { Pipeline } from '../support/pipeline.ts';
import { databendDsn, mariadbPort, mysqlPort } from '../support/servers.ts';
import { until } from '../support/until.ts';

const SCENARIOS = {
  'while riverbend runs': 'live',
  'while riverbend is ended and killed, twice each': 'restarts',
  'all before riverbend goes on': 'backlog',
} as const;

for (const server of ['mysql', 'mariadb'] as const) {
  for (const [title, scenario] of Object.entries(SCENARIOS)) {
    test(`${server}: rows between changes of definitions, ${title}`, { timeout: 240_000 }, async () => {
      const port = server === 'mysql' ? mysqlPort() : mariadbPort();
      const database = `ddlpart_${server}_${scenario}_${process.pid}`;
      const dir = mkdtempSync(join(tmpdir(), 'riverbend-ddl-'));
      const target = await DatabendProbe.open(databendDsn());
      const workload = new DdlWorkload(port, database, 7);
      let pipeline: Pipeline | null = null;
      try {
        await workload.prepare();
        pipeline = await Pipeline.create({
          server,
          mode: 'kafka',
          port,
          name: database,
          databases: database,
          dir,
          serverId: 66_000 + (process.pid % 1000) + (server === 'mysql' ? 0 : 1000),
          partitions: 4,
          sink: { 'flush.interval.ms': '300' },
        });
        const p = pipeline;
        p.start();
        await until('the snapshot', 60_000, async () => !p.daemon.running || (await target.count(database, 'c')) === 300, 200);
        if (scenario === 'backlog') assert.ok(await p.daemon.stop(), 'drained within the time');
        await workload.run(async (changed) => {
          if (scenario !== 'restarts') return;
          // Killed twice and ended twice, in turn.
          if (changed === 3 || changed === 11) await p.daemon.kill9();
          else if (changed === 7 || changed === 15) await p.daemon.stop();
          else return;
          p.start();
        });
        if (scenario === 'backlog') p.start();
        await until(
          'Databend to catch up',
          60_000,
          async () => !p.daemon.running || (await workload.compare(target)).length === 0,
          500,
        ).catch(async (error: unknown) => {
          throw new Error([String(error), ...(await workload.compare(target)), p.daemon.log().slice(-3000)].join('\n'), { cause: error });
        });
        assert.ok(p.daemon.running, `riverbend ended with ${p.daemon.exitCode}\n${p.daemon.log().slice(-4000)}`);
        assert.deepEqual(await workload.compare(target), []);
        assert.equal(workload.changed, 18);
        assert.ok(await p.daemon.stop(), 'drained within the time');
      } finally {
        await pipeline?.daemon.kill9();
        await workload.clean();
        await target.exec(`DROP DATABASE IF EXISTS "${database}"`);
        await target.close();
        rmSync(dir, { recursive: true, force: true });
      }
    });
  }
}
