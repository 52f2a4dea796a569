/**
 * Replays recordings of real Debezium through `riverbend run` with the `file` sink, on real servers,
 * and compares record by record. What a case holds and which fields vary: README.md beside this file.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import mysql from 'mysql2/promise';
import { freePort } from '../support/free-port.ts';
import { Riverbend } from '../support/riverbend.ts';
import { mariadbPort, mysqlPort } from '../support/servers.ts';
import { until } from '../support/until.ts';
import { compareDelivered, loadProduced, loadRecording } from './compare.ts';

const CASES = join(import.meta.dirname, 'cases');

/** Recordings of features riverbend does not have yet, by name. */
const NOT_YET: Readonly<Record<string, string>> = {};

/** Recordings of Debezium defects: nothing here is to be imitated. What riverbend does instead is tested elsewhere. */
const DEFECTS = new Set(['json-partial', 'xa', 'row-image-minimal', 'types-mariadb', 'heartbeat']);

/** Recordings riverbend differs from on purpose; docs/differences-from-debezium.md has the reasons. */
const DELIBERATE: Readonly<Record<string, string>> = {
  'purged-binlog': 'the offset moves past a finished transaction, so purging that transaction loses nothing and streaming goes on',
  'snapshot-when-needed': 'for the same reason no new snapshot is needed',
};

/** The same for one of the servers only. */
const DELIBERATE_ON: Readonly<Record<string, string>> = {
  'mariadb outbox': 'a JSON column of MariaDB is LONGTEXT, while streaming too and not only in a snapshot',
};

/**
 * The compressed size of a transaction, and with it every position behind it, differs from run to run; on MariaDB also the size of a
 * GTID event (with or without a group commit id).
 */
function alsoVaries(server: string, name: string): readonly string[] {
  return server === 'mariadb' || name === 'tx-compression' ? ['pos'] : [];
}

interface Phase {
  readonly before?: string;
  readonly run?: string;
  readonly after?: string;
  readonly config?: Readonly<Record<string, string>>;
  readonly deleteHistory?: boolean;
  readonly noStream?: boolean;
  readonly linger?: number;
  readonly idle?: number;
}

/** Statements of a script, split at semicolons outside quotes and comments. */
function statements(script: string): string[] {
  const out: string[] = [];
  const token = /'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`[^`]*`|;|[^'"`;]+/gs;
  let current = '';
  for (const [part] of script.matchAll(token)) {
    if (part === ';') {
      out.push(current.trim());
      current = '';
    } else current += part;
  }
  return [...out, current.trim()].filter((s) => s !== '');
}

for (const server of ['mysql', 'mariadb'] as const) {
  const suffix = server === 'mariadb' ? '.mariadb' : '';
  const cases = readdirSync(CASES).filter((c) => existsSync(join(CASES, c, `events${suffix}.jsonl`)));

  describe(`recordings of Debezium on ${server}`, { concurrency: false }, () => {
    let admin: mysql.Connection;
    let work: string;
    const port = () => (server === 'mysql' ? mysqlPort() : mariadbPort());

    before(async () => {
      work = mkdtempSync(join(tmpdir(), 'riverbend-golden-'));
      admin = await mysql.createConnection({ host: '127.0.0.1', port: port(), user: 'root', charset: 'utf8mb4' });
      await admin.query("CREATE USER IF NOT EXISTS 'dbz'@'%' IDENTIFIED BY 'dbz'");
      await admin.query("GRANT ALL ON *.* TO 'dbz'@'%' WITH GRANT OPTION");
      await admin.query(`SET GLOBAL server_id = ${server === 'mysql' ? 194 : 193}`);
    });
    after(async () => {
      await admin.end();
      rmSync(work, { recursive: true, force: true });
    });

    async function sql(script: string): Promise<void> {
      // The recordings' own user: its name is part of some events, and so of the positions behind them.
      const c = await mysql.createConnection({ host: '127.0.0.1', port: port(), user: 'dbz', password: 'dbz', charset: 'utf8mb4' });
      try {
        for (const s of statements(script)) await c.query(s);
      } finally {
        await c.end();
      }
    }

    async function wipe(): Promise<void> {
      const [rows] = (await admin.query('SHOW DATABASES')) as unknown as [{ Database: string }[]];
      await admin.query('SET FOREIGN_KEY_CHECKS=0');
      for (const { Database: d } of rows) {
        if (!['mysql', 'sys', 'performance_schema', 'information_schema'].includes(d)) await admin.query(`DROP DATABASE \`${d}\``);
      }
      await admin.query(server === 'mysql' ? 'RESET BINARY LOGS AND GTIDS' : 'RESET MASTER');
    }

    function script(folder: string, name: string): string {
      const own = join(folder, name.replace('.sql', `.${server}.sql`));
      const file = existsSync(own) ? own : join(folder, name);
      return existsSync(file) ? readFileSync(file, 'utf8') : '';
    }

    for (const name of cases) {
      if (
        NOT_YET[name] !== undefined ||
        DELIBERATE[name] !== undefined ||
        DELIBERATE_ON[`${server} ${name}`] !== undefined ||
        DEFECTS.has(name)
      )
        continue;
      test(name, { timeout: 90_000 }, async () => {
        const folder = join(CASES, name);
        const expected = loadRecording(folder, suffix);
        await wipe();
        const dir = join(work, name);
        mkdirSync(dir);
        const out = join(dir, 'out.jsonl');
        const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as Record<string, string>;
        const phases = existsSync(join(folder, 'phases.json'))
          ? (JSON.parse(readFileSync(join(folder, 'phases.json'), 'utf8')) as Phase[])
          : [{ before: 'setup.sql', run: 'run.sql' }];
        for (const [i, phase] of phases.entries()) {
          if (phase.before !== undefined) await sql(script(folder, phase.before));
          if (phase.deleteHistory === true) rmSync(join(dir, 'history.dat'), { force: true });
          await runPhase(
            { dir, out, port: port(), server, config: { ...config, ...phase.config }, serverId: 19310 + i },
            async (daemon) => {
              await daemon.ready();
              if (phase.run !== undefined && phase.noStream !== true) await sql(script(folder, phase.run));
              const last = i === phases.length - 1;
              await daemon.settled(last ? expected.length : 0);
            },
          );
          if (phase.after !== undefined) await sql(script(folder, phase.after));
        }
        const differences = compareDelivered(expected, loadProduced(out), alsoVaries(server, name));
        assert.deepEqual(differences, [], readFileSync(join(dir, 'log'), 'utf8').slice(-2000));
      });
    }
  });
}

test('recordings that are not replayed are named', () => {
  const known = new Set(readdirSync(CASES));
  for (const name of [...Object.keys(NOT_YET), ...Object.keys(DELIBERATE), ...DEFECTS]) assert.ok(known.has(name), name);
});

interface PhaseRun {
  readonly dir: string;
  readonly out: string;
  readonly port: number;
  readonly server: 'mysql' | 'mariadb';
  readonly config: Readonly<Record<string, string>>;
  readonly serverId: number;
}

interface Daemon {
  /** Streaming, or ended by itself (initial_only, a refusal that the recording shows too). */
  ready(): Promise<void>;
  /** At least `lines` lines are in the file and it stopped growing. */
  settled(lines: number): Promise<void>;
}

async function runPhase(run: PhaseRun, body: (daemon: Daemon) => Promise<void>): Promise<void> {
  const http = await freePort();
  const source: Record<string, string | number> = {
    name: 'golden',
    'connector.class':
      run.server === 'mariadb' ? 'io.debezium.connector.mariadb.MariaDbConnector' : 'io.debezium.connector.mysql.MySqlConnector',
    'database.hostname': '127.0.0.1',
    'database.port': run.port,
    'database.user': 'dbz',
    'database.password': 'dbz',
    'database.ssl.mode': run.server === 'mariadb' ? 'disable' : 'disabled',
    'database.server.id': run.serverId,
    'poll.interval.ms': 50,
    'offset.storage.file.filename': `${run.dir}/offsets.dat`,
    'offset.flush.interval.ms': 0,
    'schema.history.internal': 'io.debezium.storage.file.history.FileSchemaHistory',
    'schema.history.internal.file.filename': `${run.dir}/history.dat`,
    'event.converting.failure.handling.mode': 'warn',
    'bigint.unsigned.handling.mode': 'long_wrap',
    ...run.config,
  };
  const text = Object.entries(source).map(([k, v]) => `debezium.source.${k}=${String(v).replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`);
  text.push('debezium.sink.type=file', `debezium.sink.file.path=${run.out}`, 'debezium.format.key=json', 'debezium.format.value=json');
  text.push('debezium.format.key.schemas.enable=true', 'debezium.format.value.schemas.enable=true', `quarkus.http.port=${http}`);
  const file = join(run.dir, 'app.properties');
  writeFileSync(file, `${text.join('\n')}\n`);
  const riverbend = new Riverbend(['run', file], { logFile: join(run.dir, 'log'), httpPort: http });
  try {
    await body({
      ready: () => riverbend.ready(30_000),
      async settled(atLeast) {
        let size = -1;
        let since = Date.now();
        await until('the file to settle', 20_000, () => {
          const now = existsSync(run.out) ? statSync(run.out).size : 0;
          if (now !== size) [size, since] = [now, Date.now()];
          if (!riverbend.running) return true;
          const quietMs = Date.now() - since;
          return quietMs > 3000 || (quietMs > 400 && atLeast > 0 && countLines(run.out) >= atLeast);
        });
      },
    });
  } finally {
    await riverbend.stop(15_000);
  }
}

function countLines(path: string): number {
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0;
}
