import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket, connect as tcpConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import mysql, { type Connection } from 'mysql2/promise';
import type { SourceOffset } from '../../src/model/offset.ts';
import { mariadbConnector, mysqlConnector } from '../../src/source/mysql/connector.ts';
import { noMetrics, quiet, Run } from '../support/source-run.ts';
import { until } from '../support/until.ts';

/** The same facts hold for both servers. */
export function binlogSourceSuite(flavour: 'mysql' | 'mariadb', port: () => number): void {
  const connector = flavour === 'mysql' ? mysqlConnector : mariadbConnector;
  const database = `src_${flavour}`;
  let nextServerId = 57_000 + (process.pid % 1000) * 10;
  let sql: Connection;
  let folder: string;
  const runs: Run[] = [];

  before(async () => {
    sql = await mysql.createConnection({ host: '127.0.0.1', port: port(), user: 'root', multipleStatements: true });
    // A user of its own: the tests kill its connections, and only those.
    await sql.query(`DROP USER IF EXISTS ${database}@'%'; CREATE USER ${database}@'%' IDENTIFIED BY 'pw';
      GRANT SELECT, RELOAD, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO ${database}@'%'`);
    folder = mkdtempSync(join(tmpdir(), 'riverbend-source-'));
  });
  after(async () => {
    for (const run of runs) await run.stop();
    await sql.query(`DROP DATABASE IF EXISTS ${database}; DROP USER ${database}@'%'`);
    await sql.end();
    rmSync(folder, { recursive: true });
  });

  const fresh = async (ddl: string): Promise<void> => {
    await sql.query(`DROP DATABASE IF EXISTS ${database}; CREATE DATABASE ${database}; USE ${database}; ${ddl}`);
  };
  const run = async (history: string, committed: SourceOffset | null, extra: Record<string, string> = {}): Promise<Run> => {
    const { config } = connector.config.parse({
      'topic.prefix': 'p',
      'database.hostname': '127.0.0.1',
      'database.port': String(port()),
      'database.user': database,
      'database.password': 'pw',
      'database.server.id': String(nextServerId++),
      'database.include.list': database,
      'poll.interval.ms': '50',
      'schema.history.internal': 'file',
      'schema.history.internal.file.filename': join(folder, history),
      ...extra,
    });
    const r = new Run(connector, config, committed);
    runs.push(r);
    return await r.start();
  };
  const dumpThreads = async (): Promise<number[]> => {
    const [rows] = await sql.query(
      `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = '${database}' AND COMMAND LIKE 'Binlog Dump%'`,
    );
    return (rows as { id: number }[]).map((r) => r.id);
  };

  test('a snapshot and the stream after it give every change once, in order', async () => {
    await fresh('CREATE TABLE t (id INT PRIMARY KEY, v INT); CREATE TABLE e (id INT PRIMARY KEY); INSERT INTO t VALUES (1,1),(2,2),(3,3)');
    const r = await run('order', null, { 'skipped.operations': 'none' });
    await r.seen(3);
    await sql.query(`INSERT INTO t VALUES (4,4),(5,5); UPDATE t SET v=v+10 WHERE id<3; UPDATE t SET id=40 WHERE id=4; DELETE FROM t WHERE id=5;
      ALTER TABLE t ADD COLUMN n VARCHAR(10) DEFAULT 'x'; INSERT INTO t VALUES (6,6,'six'); TRUNCATE TABLE e; RENAME TABLE t TO t2; INSERT INTO t2 VALUES (7,7,'seven')`);
    await r.seen(13);
    await r.stop();
    assert.deepEqual(r.texts(), [
      'r t [1,1]',
      'r t [2,2]',
      'r t [3,3]',
      'c t [4,4]',
      'c t [5,5]',
      'u t [1,1] [1,11]',
      'u t [2,2] [2,12]',
      'd t [4,4]',
      'c t [40,4]',
      'd t [5,5]',
      'c t [6,6,"six"]',
      't e',
      'c t2 [7,7,"seven"]',
    ]);
    // The first table in name order is empty: nobody is `first`.
    assert.deepEqual(r.snapshotMarkers, ['first_in_data_collection', 'true', 'last']);
    assert.deepEqual(r.ddl, ['addColumn', 'renameTable']);
  });

  test('reading resumes at every offset inside a transaction with exactly the rest', async () => {
    await fresh('CREATE TABLE t (id INT PRIMARY KEY, v INT); CREATE TABLE u (id INT PRIMARY KEY, v INT)');
    const first = await run('resume', null, { 'snapshot.mode': 'no_data' });
    await until('the snapshot', 10_000, () => first.committed !== null && first.committed['snapshot'] === undefined);
    await sql.query(
      'BEGIN; INSERT INTO t VALUES (1,1),(2,2),(3,3); INSERT INTO u VALUES (9,9); UPDATE t SET v=0; UPDATE t SET id=id+10 WHERE id=3; DELETE FROM u; COMMIT; INSERT INTO t VALUES (99,99)',
    );
    await first.seen(11);
    await first.stop();
    const all = first.texts();
    assert.equal(all.length, 11);
    for (const [i, event] of first.events.entries()) {
      if (event.offset === null) continue;
      const rest = all.slice(i + 1);
      const again = await run('resume', event.offset);
      await again.seen(rest.length);
      await until('the boundary behind the last row', 5000, () => again.committed !== null && again.committed['event'] === undefined);
      await again.stop();
      assert.deepEqual(again.texts(), rest, `after row ${i}, at ${JSON.stringify(event.offset)}`);
    }
    // Rows in the middle of an event have no chunk boundary of their own, but their offsets are valid, too.
    const whole = first.events.find((e) => e.offset !== null && e.offset['row'] === 3);
    const middle = await run('resume', { ...(whole?.offset as SourceOffset), row: 1 });
    await middle.seen(10);
    assert.deepEqual(middle.texts(), all.slice(1));
    await middle.stop();
  });

  test('killed replication connections lose and double nothing', async () => {
    await fresh('CREATE TABLE t (id INT PRIMARY KEY, v INT)');
    const r = await run('kill', null);
    await until('the replication connection', 10_000, async () => (await dumpThreads()).length > 0);
    const expected: string[] = [];
    for (let round = 0; round < 4; round++) {
      await sql.query('BEGIN');
      for (let i = 0; i < 50; i++) {
        const a = round * 1000 + i * 2;
        await sql.query(`INSERT INTO t VALUES (${a},1),(${a + 1},2)`);
        expected.push(`c t [${a},1]`, `c t [${a + 1},2]`);
      }
      await sql.query('COMMIT');
      for (const id of await dumpThreads()) await sql.query(`KILL ${id}`).catch(() => {});
    }
    await r.seen(expected.length);
    await r.stop();
    assert.deepEqual(r.texts(), expected);
  });

  test('a connection that falls silent is replaced', async () => {
    await fresh('CREATE TABLE t (id INT PRIMARY KEY)');
    const proxy = await SilentProxy.open(port());
    try {
      const r = await run('silent', null, { 'database.port': String(proxy.port), 'connect.keep.alive.interval.ms': '1200' });
      await until('the replication connection', 10_000, async () => (await dumpThreads()).length > 0);
      await sql.query('INSERT INTO t VALUES (1)');
      await r.seen(1);
      proxy.fallSilent();
      await sql.query('INSERT INTO t VALUES (2)');
      await r.seen(2);
      await r.stop();
      assert.deepEqual(r.texts(), ['c t [1]', 'c t [2]']);
    } finally {
      await proxy.close();
    }
  });

  test('rows of an XA transaction come when it commits and never when it is rolled back', async () => {
    await fresh('CREATE TABLE t (id INT PRIMARY KEY)');
    const r = await run('xa', null, { 'snapshot.mode': 'no_data' });
    await until('the replication connection', 10_000, async () => (await dumpThreads()).length > 0);
    // MariaDB lets nobody but the session itself decide while it is connected.
    const xa = await mysql.createConnection({ host: '127.0.0.1', port: port(), user: 'root', database, multipleStatements: true });
    await xa.query("XA START 'a'; INSERT INTO t VALUES (1); XA END 'a'; XA PREPARE 'a'");
    await sql.query('INSERT INTO t VALUES (2)');
    await r.seen(1);
    const held = r.committed;
    await xa.query("XA COMMIT 'a'; XA START 'b'; INSERT INTO t VALUES (3); XA END 'b'; XA PREPARE 'b'; XA ROLLBACK 'b'");
    await xa.end();
    await sql.query('INSERT INTO t VALUES (4)');
    await r.seen(3);
    assert.deepEqual(r.texts(), ['c t [2]', 'c t [1]', 'c t [4]']);
    await r.stop();
    // While 'a' was undecided nothing after it was acknowledged: a restart sees its rows again.
    const again = await run('xa', held);
    await again.seen(3);
    await again.stop();
    assert.deepEqual(again.texts(), ['c t [2]', 'c t [1]', 'c t [4]']);
  });

  test('initial_only ends with the last row', async () => {
    await fresh('CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)');
    const r = await run('only', null, { 'snapshot.mode': 'initial_only' });
    await until('the end', 10_000, () => r.task.finished?.() === true);
    await r.stop();
    assert.deepEqual(r.snapshotMarkers, ['last']);
    assert.equal(r.committed?.['snapshot'], undefined);
  });

  test('stop is prompt while streaming', async () => {
    await fresh('CREATE TABLE t (id INT PRIMARY KEY)');
    const r = await run('stop', null);
    await until('the replication connection', 10_000, async () => (await dumpThreads()).length > 0);
    const before = Date.now();
    await r.stop();
    assert.ok(Date.now() - before < 1500, `stopping took ${Date.now() - before} ms`);
    await until('the server to see it', 5000, async () => (await dumpThreads()).length === 0);
  });

  test('heartbeats come by the clock, with an offset, without context headers', async () => {
    await fresh('CREATE TABLE t (id INT PRIMARY KEY)');
    const { config } = connector.config.parse({
      'topic.prefix': 'p',
      'database.hostname': '127.0.0.1',
      'database.port': String(port()),
      'database.user': database,
      'database.password': 'pw',
      'database.server.id': String(nextServerId++),
      'database.include.list': database,
      'schema.history.internal': 'memory',
      'heartbeat.interval.ms': '100',
      'poll.interval.ms': '20',
    });
    const signal = new AbortController().signal;
    const task = connector.createTask(config, {
      name: 'c',
      taskId: 0,
      logger: quiet,
      metrics: noMetrics,
      clock: { now: () => Date.now() },
      committed: async () => null,
    });
    await task.start(signal);
    let beats = 0;
    try {
      await until('three heartbeats', 10_000, async () => {
        const batch = await task.poll(signal);
        for (const c of batch?.chunks ?? []) {
          if (c.kind !== 'record' || c.record.topic !== '__debezium-heartbeat.p') continue;
          assert.equal(c.plain, true);
          assert.notEqual(c.offset, null);
          beats++;
        }
        return beats >= 3;
      });
    } finally {
      await task.stop();
    }
  });

  test('probe names a wrong password, an unreachable host and missing privileges', async () => {
    const probe = async (extra: Record<string, string>): Promise<readonly string[]> => {
      const { config } = connector.config.parse({
        'topic.prefix': 'p',
        'database.hostname': '127.0.0.1',
        'database.port': String(port()),
        'database.user': database,
        'database.password': 'pw',
        'database.server.id': String(nextServerId++),
        'schema.history.internal': 'memory',
        ...extra,
      });
      const findings = await connector.probe(config, AbortSignal.timeout(10_000));
      return findings.filter((f) => f.severity === 'error').map((f) => `${f.code} ${f.key} ${f.message}`);
    };
    assert.deepEqual(await probe({}), []);
    assert.match((await probe({ 'database.password': 'wrong' })).join(), /^CDC_MYSQL_PRIVILEGE database\.(user|password) /);
    assert.match((await probe({ 'database.port': '1' })).join(), /^CDC_MYSQL_UNREACHABLE database\.hostname/);
    await sql.query("DROP USER IF EXISTS src_weak@'%'; CREATE USER src_weak@'%' IDENTIFIED BY 'w'; GRANT SELECT ON *.* TO src_weak@'%'");
    const missing = (await probe({ 'database.user': 'src_weak', 'database.password': 'w' })).join('\n');
    assert.match(missing, /lacks REPLICATION SLAVE/);
    assert.match(missing, flavour === 'mysql' ? /lacks REPLICATION CLIENT/ : /lacks BINLOG MONITOR/);
    await sql.query("DROP USER src_weak@'%'");
  });
}

/** Forwards to a server until told to fall silent; connections made after that work. */
class SilentProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #pairs: { from: Socket; to: Socket }[] = [];

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async open(target: number): Promise<SilentProxy> {
    let proxy: SilentProxy | null = null;
    const server = createServer((from) => proxy?.accept(from, target));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    proxy = new SilentProxy(server, (server.address() as { port: number }).port);
    return proxy;
  }

  accept(from: Socket, target: number): void {
    const to = tcpConnect(target, '127.0.0.1');
    for (const socket of [from, to]) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    }
    from.on('data', (data) => to.write(data));
    to.on('data', (data) => from.write(data));
    from.on('close', () => to.destroy());
    to.on('close', () => from.destroy());
    this.#pairs.push({ from, to });
  }

  /** Open connections stay open and carry nothing any more. */
  fallSilent(): void {
    for (const { from, to } of this.#pairs.splice(0)) {
      from.removeAllListeners('data');
      to.removeAllListeners('data');
      from.resume();
      to.resume();
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
