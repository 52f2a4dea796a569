import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import mysql from 'mysql2/promise';
import type { SourceOffset } from '../../src/model/offset.ts';
import { mariadbPort, mysqlPort } from '../support/servers.ts';
import { connectorOf, type SourceServer, sourceConfig } from '../support/source-config.ts';
import { Run } from '../support/source-run.ts';
import { until } from '../support/until.ts';

const ROWS = 20_000;

for (const [server, port] of [['mysql', mysqlPort] as const, ['mariadb', mariadbPort] as const]) suite(server, port);

function suite(server: SourceServer, port: () => number): void {
  describe(`snapshots by signal on ${server}`, { concurrency: false, timeout: 180_000 }, () => {
    const database = `adhoc_${process.pid}`;
    let sql: mysql.Connection;
    let dir: string;
    let files = 0;
    const runs: Run[] = [];

    before(async () => {
      dir = mkdtempSync(join(tmpdir(), 'riverbend-adhoc-'));
      sql = await mysql.createConnection({ host: '127.0.0.1', port: port(), user: 'root', multipleStatements: true });
      await sql.query(`DROP DATABASE IF EXISTS ${database}; CREATE DATABASE ${database}; USE ${database}`);
    });
    afterEach(async () => {
      for (const run of runs.splice(0)) await run.stop();
    });
    after(async () => {
      await sql.query(`DROP DATABASE ${database}`);
      await sql.end();
      rmSync(dir, { recursive: true, force: true });
    });

    async function fresh(ddl: string): Promise<void> {
      await sql.query(`DROP DATABASE ${database}; CREATE DATABASE ${database}; USE ${database};
        CREATE TABLE signals (id VARCHAR(42) PRIMARY KEY, type VARCHAR(32) NOT NULL, data VARCHAR(2048)); ${ddl}`);
    }

    async function signal(id: string, type: string, data: unknown): Promise<void> {
      await sql.query('INSERT INTO signals VALUES (?, ?, ?)', [id, type, JSON.stringify(data)]);
    }

    function runOf(history: string, committed: SourceOffset | null, extra: Readonly<Record<string, string>> = {}): Promise<Run> {
      const config = sourceConfig(
        server,
        { port: port(), database, history },
        { 'snapshot.mode': 'no_data', 'signal.data.collection': `${database}.signals`, ...extra },
      );
      const run = new Run(connectorOf(server), config, committed);
      runs.push(run);
      return run.start();
    }

    const historyFile = (): string => join(dir, `history-${files++}`);

    /** A run that streams. */
    async function streaming(history: string, extra: Readonly<Record<string, string>> = {}): Promise<Run> {
      const run = await runOf(history, null, extra);
      await until('streaming', 20_000, () => run.error !== null || run.task.progress?.().phase === 'streaming');
      return run;
    }

    const reads = (run: Run, table: string): string[] => run.texts().filter((t) => t.startsWith(`r ${table} `));

    async function complete(run: Run, what = 'the incremental snapshot to end'): Promise<void> {
      await until(
        what,
        60_000,
        () => run.error !== null || (run.texts().length > 0 && run.committed?.['incremental_snapshot_collections'] === undefined),
      );
      if (run.error !== null) throw run.error;
    }

    /** Everything up to a row written now. */
    async function caughtUp(run: Run, id: string): Promise<void> {
      await signal(id, 'log', { message: id });
      await until(`signal ${id}`, 60_000, () => run.error !== null || run.texts().some((t) => t.startsWith(`c signals ["${id}"`)));
      if (run.error !== null) throw run.error;
    }

    /** What a table is after these events, by the first `keys` columns. */
    function replay(texts: readonly string[], table: string, keys: number): Map<string, string> {
      const rows = new Map<string, string>();
      for (const text of texts) {
        const [op, name, ...images] = text.split(' ');
        if (name !== table) continue;
        if (op === 't') {
          rows.clear();
          continue;
        }
        const keyOf = (image: string): string => JSON.stringify((JSON.parse(image) as unknown[]).slice(0, keys));
        const last = images.at(-1) as string;
        if (op === 'd') rows.delete(keyOf(last));
        else {
          if (op === 'u') rows.delete(keyOf(images[0] as string));
          rows.set(keyOf(last), last);
        }
      }
      return rows;
    }

    async function actual(table: string, keys: number): Promise<Map<string, string>> {
      const [rows] = (await sql.query({ sql: `SELECT * FROM ${table}`, rowsAsArray: true })) as unknown as [unknown[][]];
      return new Map(rows.map((r) => [JSON.stringify(r.slice(0, keys)), JSON.stringify(r)]));
    }

    test('a table of 20 000 rows ends equal while writes go on and the connector is stopped in between', async () => {
      await fresh(`CREATE TABLE t (part VARCHAR(10), id INT, v INT, PRIMARY KEY (part, id));
        CREATE TABLE digits (d INT PRIMARY KEY); INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)`);
      await sql.query(`INSERT INTO t SELECT CONCAT('p', e.d), a.d + 10*b.d + 100*c.d + 1000*f.d, 0
        FROM digits a, digits b, digits c, digits f, (SELECT d FROM digits WHERE d < ${ROWS / 10_000}) e`);
      const history = historyFile();
      const first = await streaming(history);
      await signal('s1', 'execute-snapshot', { 'data-collections': [`${database}.t`], type: 'incremental' });
      let writing = true;
      let n = 0;
      const writer = await mysql.createConnection({ host: '127.0.0.1', port: port(), user: 'root', database });
      const writes = (async () => {
        while (writing) {
          n++;
          const id = (n * 7919) % 10_000;
          await writer.query(`UPDATE t SET v = v + 1 WHERE part = 'p${n % 2}' AND id BETWEEN ? AND ?`, [id, id + 3]);
          if (n % 3 === 0) await writer.query("DELETE FROM t WHERE part = 'p1' AND id = ?", [(id + 50) % 10_000]);
          if (n % 5 === 0) await writer.query("INSERT IGNORE INTO t VALUES ('p1', ?, -1)", [(id + 50) % 10_000]);
          if (n % 7 === 0) await writer.query("UPDATE IGNORE t SET part = 'p2' WHERE part = 'p0' AND id = ?", [id]);
        }
      })();
      let second: Run | null = null;
      try {
        await until('a part of the rows', 60_000, () => first.error !== null || reads(first, 't').length > 5000);
        await first.stop();
        assert.equal(first.error, null);
        assert.ok(first.committed?.['incremental_snapshot_primary_key'] !== undefined, 'the offset says how far it is');
        second = await runOf(history, first.committed);
        await complete(second);
      } finally {
        writing = false;
        await writes;
        await writer.end();
        await first.stop();
      }
      const run = second as Run;
      await caughtUp(run, 'end');
      await run.stop();
      const texts = [...first.texts(), ...run.texts()];
      assert.deepEqual(replay(texts, 't', 2), await actual('t', 2));
      const again = reads(first, 't').length + reads(run, 't').length;
      assert.ok(again <= ROWS + 4096, `${again} rows were read: the second run began anew`);
      assert.ok(n > 50, `${n} writes went on`);
    });

    test('without writing to the server a table ends equal while writes go on, and on an idle server', async () => {
      await fresh('CREATE TABLE t (id INT PRIMARY KEY, v INT)');
      await sql.query(`INSERT INTO t VALUES ${Array.from({ length: 2000 }, (_, i) => `(${i},0)`).join()}`);
      const file = join(dir, 'read-only.txt');
      writeFileSync(file, '');
      const run = await streaming(historyFile(), {
        'read.only': 'true',
        'signal.enabled.channels': 'file',
        'signal.file': file,
        'signal.poll.interval.ms': '20',
        'incremental.snapshot.chunk.size': '50',
      });
      const data = { 'data-collections': [`${database}.t`] };
      writeFileSync(file, `${JSON.stringify({ id: 'r1', type: 'execute-snapshot', data })}\n`);
      let n = 0;
      await until(
        'rows while writes go on',
        30_000,
        async () => {
          n++;
          await sql.query('UPDATE t SET v = v + 1 WHERE id BETWEEN ? AND ?', [(n * 37) % 2000, ((n * 37) % 2000) + 5]);
          if (n % 4 === 0) await sql.query('DELETE FROM t WHERE id = ?', [(n * 61) % 2000]);
          return run.error !== null || reads(run, 't').length > 1000;
        },
        1,
      );
      await complete(run, 'the rest, without writes');
      await caughtUp(run, 'end');
      await run.stop();
      assert.deepEqual(replay(run.texts(), 't', 1), await actual('t', 1));
      const [windows] = (await sql.query("SELECT id FROM signals WHERE type LIKE 'snapshot-window%'")) as unknown as [unknown[]];
      assert.deepEqual(windows, []);
    });

    test('a column added, one dropped and a truncate meanwhile leave the tables equal', async () => {
      await fresh('CREATE TABLE t (id INT PRIMARY KEY, v INT); CREATE TABLE u (id INT PRIMARY KEY, v INT)');
      for (const t of ['t', 'u']) await sql.query(`INSERT INTO ${t} VALUES ${Array.from({ length: 600 }, (_, i) => `(${i},${i})`).join()}`);
      const run = await streaming(historyFile(), { 'incremental.snapshot.chunk.size': '20' });
      await signal('s', 'execute-snapshot', { 'data-collections': [`${database}.[tu]`] });
      await until('rows', 20_000, () => reads(run, 't').length >= 100);
      await sql.query('ALTER TABLE t ADD COLUMN w INT DEFAULT 5');
      await until('more rows', 20_000, () => reads(run, 't').length >= 300);
      await sql.query('ALTER TABLE t DROP COLUMN v; DELETE FROM t WHERE id < 10');
      await until('rows of u', 20_000, () => reads(run, 'u').length >= 100);
      await sql.query('TRUNCATE TABLE u; INSERT INTO u VALUES (1000, 1)');
      await complete(run);
      await caughtUp(run, 'end');
      await run.stop();
      const t = replay(run.texts(), 't', 1);
      assert.deepEqual([...t.keys()].sort(), [...(await actual('t', 1)).keys()].sort());
      assert.deepEqual(replay(run.texts(), 'u', 1), await actual('u', 1));
    });

    test('conditions, surrogate keys and every type of key; a table without a key is left out', async () => {
      await fresh(`CREATE TABLE keyless (v INT); INSERT INTO keyless VALUES (1);
        CREATE TABLE cond (id INT PRIMARY KEY, v INT); INSERT INTO cond VALUES (1,1),(2,2),(3,1),(4,1),(5,2);
        CREATE TABLE sur (a INT PRIMARY KEY, b INT NOT NULL UNIQUE); INSERT INTO sur VALUES (1,30),(2,20),(3,10);
        CREATE TABLE k_text (k VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci PRIMARY KEY);
        INSERT INTO k_text VALUES ('b'),('A'),('ä'),('c'),('it''s');
        CREATE TABLE k_time (k DATETIME(3) PRIMARY KEY); INSERT INTO k_time VALUES ('2020-01-01 00:00:00.001'),('2020-01-01'),('1999-12-31 23:59:59');
        CREATE TABLE k_bin (k VARBINARY(8) PRIMARY KEY); INSERT INTO k_bin VALUES (x'00'),(x'ff00'),(x'27');
        CREATE TABLE k_enum (k ENUM('z','a','m') PRIMARY KEY); INSERT INTO k_enum VALUES ('a'),('m'),('z');
        CREATE TABLE k_dec (k DECIMAL(20,4) PRIMARY KEY); INSERT INTO k_dec VALUES (-1.5),(2),(123456789012345.6789);
        CREATE TABLE k_big (k BIGINT UNSIGNED, l TINYINT, PRIMARY KEY (k, l)); INSERT INTO k_big VALUES (1,-1),(1,0),(9007199254740991,5)`);
      const run = await streaming(historyFile(), { 'incremental.snapshot.chunk.size': '1' });
      await signal('s1', 'execute-snapshot', {
        'data-collections': [`${database}.keyless`, `${database}.nowhere`, `${database}.cond`, `${database}.k_.*`],
        'additional-conditions': [{ 'data-collection': `${database}.cond`, filter: 'v = 1 OR id = 5' }],
      });
      await until('the last table', 20_000, () => run.error !== null || reads(run, 'k_time').length === 3);
      await complete(run);
      await signal('s2', 'execute-snapshot', { 'data-collections': [`${database}.sur`], 'surrogate-key': 'b' });
      await until('the rows by surrogate key', 20_000, () => run.error !== null || reads(run, 'sur').length === 3);
      await run.stop();
      assert.equal(run.error, null);
      assert.deepEqual(reads(run, 'keyless'), []);
      assert.deepEqual(reads(run, 'cond'), ['r cond [1,1]', 'r cond [3,1]', 'r cond [4,1]', 'r cond [5,2]']);
      assert.deepEqual(reads(run, 'sur'), ['r sur [3,10]', 'r sur [2,20]', 'r sur [1,30]']);
      assert.deepEqual(
        reads(run, 'k_text').map((t) => t.slice(9)),
        ['"A"', '"b"', '"c"', '"it\'s"', '"ä"'].map((v) => `[${v}]`),
      );
      for (const table of ['k_bin', 'k_enum', 'k_dec', 'k_big']) assert.equal(reads(run, table).length, 3, table);
    });

    test('a snapshot pauses, resumes and stops; windows end with a delete where asked', async () => {
      await fresh('CREATE TABLE t (id INT PRIMARY KEY)');
      await sql.query(`INSERT INTO t VALUES ${Array.from({ length: 3000 }, (_, i) => `(${i})`).join()}`);
      const run = await streaming(historyFile(), {
        'incremental.snapshot.chunk.size': '10',
        'incremental.snapshot.watermarking.strategy': 'insert_delete',
      });
      await signal('s', 'execute-snapshot', { 'data-collections': [`${database}.t`] });
      await until('rows', 20_000, () => reads(run, 't').length >= 50);
      await signal('p', 'pause-snapshot', { type: 'incremental' });
      await caughtUp(run, 'paused');
      // A window that was open closes; no other one opens.
      await caughtUp(run, 'closed');
      const paused = reads(run, 't').length;
      await caughtUp(run, 'still');
      assert.equal(reads(run, 't').length, paused);
      await signal('r', 'resume-snapshot', { type: 'incremental' });
      await until('more rows', 20_000, () => reads(run, 't').length >= paused + 50);
      await signal('x', 'stop-snapshot', { type: 'incremental' });
      await caughtUp(run, 'stopped');
      await caughtUp(run, 'closed2');
      const stopped = reads(run, 't').length;
      assert.ok(stopped < 3000, `${stopped} rows`);
      assert.equal(run.committed?.['incremental_snapshot_collections'], undefined);
      const [open] = (await sql.query("SELECT id FROM signals WHERE type LIKE 'snapshot-window%'")) as unknown as [unknown[]];
      assert.deepEqual(open, []);
      await run.stop();
      assert.equal(run.error, null);
    });

    test('a file of signals asks for a blocking snapshot of some rows; the stream goes on behind it', async () => {
      await fresh(
        'CREATE TABLE t (id INT PRIMARY KEY, e ENUM("x","y"), s VARCHAR(10)); INSERT INTO t VALUES (1,"x","a"),(2,"y","ä"),(3,"y","c")',
      );
      const file = join(dir, 'signals.txt');
      writeFileSync(file, '');
      const run = await streaming(historyFile(), {
        'signal.enabled.channels': 'source,file',
        'signal.file': file,
        'signal.poll.interval.ms': '20',
      });
      const data = {
        type: 'blocking',
        'data-collections': [`${database}.t`],
        'additional-conditions': [{ 'data-collection': `${database}.t`, filter: `SELECT * FROM ${database}.t WHERE id > 1` }],
      };
      writeFileSync(file, `${JSON.stringify({ id: 'b1', type: 'execute-snapshot', data })}\n`);
      await until('the rows', 20_000, () => run.error !== null || reads(run, 't').length === 2);
      await sql.query('INSERT INTO t VALUES (4,"x","d")');
      await until('the stream', 20_000, () => run.error !== null || run.texts().includes('c t [4,"x","d"]'));
      assert.ok(existsSync(file) && readFileSync(file, 'utf8') === '');
      await signal('b2', 'execute-snapshot', { ...data, 'additional-conditions': [] });
      await until('all rows', 20_000, () => run.error !== null || reads(run, 't').length === 6);
      await until('its end in the offset', 20_000, () => run.error !== null || run.committed?.['blocking_snapshots'] === undefined);
      await run.stop();
      assert.equal(run.error, null);
      assert.deepEqual(
        reads(run, 't'),
        [2, 3, 1, 2, 3, 4].map((i) => `r t [${i},"${' xyyx'[i]}","${' aäcd'[i]}"]`),
      );
    });
  });
}
