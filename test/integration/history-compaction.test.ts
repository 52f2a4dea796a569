/** The schema history stays small however often definitions change, and still tells those a restart needs. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import mysql, { type Connection } from 'mysql2/promise';
import type { SourceOffset } from '../../src/model/offset.ts';
import { freePort } from '../support/free-port.ts';
import { Riverbend } from '../support/riverbend.ts';
import { mysqlPort } from '../support/servers.ts';
import { connectorOf, sourceConfig } from '../support/source-config.ts';
import { Run } from '../support/source-run.ts';
import { until } from '../support/until.ts';

const MIB = 1 << 20;
const DATABASE = 'history_compaction';
const dir = mkdtempSync(join(tmpdir(), 'riverbend-compaction-'));
let sql: Connection;

before(async () => {
  sql = await mysql.createConnection({ host: '127.0.0.1', port: mysqlPort(), user: 'root', multipleStatements: true });
});
after(async () => {
  await sql.query(`DROP DATABASE IF EXISTS ${DATABASE}`);
  await sql.end();
  rmSync(dir, { recursive: true, force: true });
});

/** Many columns make a definition of some 20 KB. */
async function fresh(): Promise<void> {
  const wide = Array.from({ length: 60 }, (_, i) => `filler_column_${i} VARCHAR(20) DEFAULT 'nothing'`).join(', ');
  await sql.query(
    `DROP DATABASE IF EXISTS ${DATABASE}; CREATE DATABASE ${DATABASE}; USE ${DATABASE};
     CREATE TABLE narrow (id INT PRIMARY KEY, v0 INT); CREATE TABLE wide (id INT PRIMARY KEY, ${wide})`,
  );
}

/** `count` changes of definitions; every 50th renames the column of `narrow`, after which it gets a row. Returns the rows' images. */
async function change(count: number, from = 0): Promise<string[]> {
  const rows: string[] = [];
  for (let i = from + 1; i <= from + count; i += 50) {
    const round = Math.ceil(i / 50);
    const defaults = Array.from({ length: 49 }, (_, k) => `ALTER TABLE wide ALTER COLUMN filler_column_${k} SET DEFAULT '${i + k}'`);
    await sql.query(
      `${defaults.join(';')}; ALTER TABLE narrow RENAME COLUMN v${round - 1} TO v${round}; INSERT INTO narrow VALUES (${round}, ${-round})`,
    );
    rows.push(`c narrow {id:${round},v${round}:${-round}}`);
  }
  return rows;
}

const history = (name: string): string => join(dir, name);

async function run(name: string, from: SourceOffset | null, acknowledge: boolean): Promise<Run> {
  const config = sourceConfig('mysql', { port: mysqlPort(), database: DATABASE, history: history(name) }, { 'snapshot.mode': 'no_data' });
  return await new Run(connectorOf('mysql'), config, from, { named: true, acknowledge }).start();
}

test('what a restart from the committed offset needs outlives the compaction, and only that', { timeout: 120_000 }, async () => {
  await fresh();
  const first = await run('lagging', null, false);
  await until('the snapshot', 20_000, () => first.committed !== null && first.committed['snapshot'] === undefined);
  const rows = await change(600);
  await first.seen(rows.length);
  assert.deepEqual(first.texts(), rows);
  const grown = statSync(history('lagging')).size;
  assert.ok(grown > 4 * MIB, `${grown} bytes`);
  const middle = first.events[6]?.offset as SourceOffset;
  await first.task.committed?.({ server: 'p' }, middle);
  await first.stop();
  const left = statSync(history('lagging')).size;
  assert.ok(left < 0.6 * grown, `${left} of ${grown} bytes are left`);
  const versions = new Set(readFileSync(history('lagging'), 'utf8').match(/"name":"v\d+"/g));
  assert.deepEqual(
    [...versions],
    Array.from({ length: 6 }, (_, i) => `"name":"v${i + 7}"`),
  );
  for (const [done, offset] of [
    [7, middle],
    [10, first.events[9]?.offset as SourceOffset],
    [12, first.committed as SourceOffset],
  ] as const) {
    const again = await run('lagging', offset, true);
    await sql.query(`DELETE FROM narrow WHERE id = 9999; INSERT INTO narrow VALUES (9999, ${done})`);
    await until('the last row', 20_000, () => again.error !== null || again.texts().at(-1) === `c narrow {id:9999,v12:${done}}`);
    await again.stop();
    assert.ifError(again.error);
    const own = again.texts().filter((t) => !t.includes('id:9999'));
    assert.deepEqual(own, rows.slice(done));
  }
  // Behind the compaction nothing is known: not guessed at, refused.
  await assert.rejects(run('lagging', first.events[2]?.offset as SourceOffset, false), { code: 'CDC_HISTORY_MISSING' });
});

test('2,000 changes leave a small file', { timeout: 300_000 }, async () => {
  await fresh();
  const r = await run('steady', null, true);
  await until('the snapshot', 20_000, () => r.committed !== null && r.committed['snapshot'] === undefined);
  let largest = 0;
  let seen = 0;
  for (let done = 0; done < 2000; done += 100) {
    seen += (await change(100, done)).length;
    await r.seen(seen);
    largest = Math.max(largest, statSync(history('steady')).size);
  }
  await r.stop();
  // Those of other databases of the server are told, too.
  assert.ok(r.ddl.length >= 2000);
  assert.ok(largest < 10 * MIB, `the file grew to ${largest} bytes`);
  assert.ok(statSync(history('steady')).size < 10 * MIB);
  const again = await run('steady', r.committed, true);
  await sql.query('INSERT INTO narrow VALUES (5000, 1)');
  await again.seen(1);
  await again.stop();
  assert.deepEqual(again.texts(), ['c narrow {id:5000,v40:1}']);
});

for (const failpoint of ['history.compact.before', 'history.compact.after']) {
  test(`killed at ${failpoint}, a restart reads every row by its own definition`, { timeout: 180_000 }, async () => {
    await fresh();
    const name = failpoint.replaceAll('.', '_');
    const httpPort = await freePort();
    const output = join(dir, `${name}.jsonl`);
    const file = join(dir, `${name}.properties`);
    const source = {
      'connector.class': 'io.debezium.connector.mysql.MySqlConnector',
      'database.hostname': '127.0.0.1',
      'database.port': String(mysqlPort()),
      'database.user': 'root',
      'database.password': '',
      'database.server.id': String(83_000 + (process.pid % 1000)),
      'database.ssl.mode': 'disabled',
      'topic.prefix': name,
      'database.include.list': DATABASE,
      'snapshot.mode': 'no_data',
      'offset.storage.file.filename': join(dir, `${name}.offsets`),
      'offset.flush.interval.ms': '100',
      'schema.history.internal': 'io.debezium.storage.file.history.FileSchemaHistory',
      'schema.history.internal.file.filename': history(name),
    };
    const lines = [
      ...Object.entries(source).map(([k, v]) => `debezium.source.${k}=${v}`),
      'debezium.sink.type=file',
      `debezium.sink.file.path=${output}`,
      'debezium.format.key.schemas.enable=false',
      'debezium.format.value.schemas.enable=false',
      `quarkus.http.port=${httpPort}`,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    const options = { logFile: join(dir, `${name}.log`), httpPort };
    const doomed = new Riverbend(['run', file], { ...options, env: { RIVERBEND_FAILPOINT: failpoint } });
    await doomed.ready();
    await until(
      'the snapshot',
      30_000,
      () => statSync(history(name), { throwIfNoEntry: false }) !== undefined && /"pos"/.test(safe(join(dir, `${name}.offsets`))),
    );
    const rows: string[] = [];
    for (let done = 0; doomed.running && done < 3000; done += 50) rows.push(...(await change(50, done)));
    await until('the kill', 30_000, () => !doomed.running);
    rows.push(...(await change(100, rows.length * 50)));
    const second = new Riverbend(['run', file], options);
    try {
      await second.ready();
      const images = (): string[] => [
        ...new Set(
          safe(output)
            .split('\n')
            .flatMap((line) => image(line)),
        ),
      ];
      await until('the last row', 60_000, () => !second.running || images().length >= rows.length);
      assert.ok(second.running, second.log());
      assert.deepEqual(images(), rows);
    } finally {
      await second.stop();
    }
  });
}

function safe(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The row of a line of the file sink, as `Run` prints it. */
function image(line: string): string[] {
  const m = /"after":\{([^}]*)\}/.exec(line);
  return m === null ? [] : [`c narrow {${(m[1] as string).replaceAll('"', '')}}`];
}
