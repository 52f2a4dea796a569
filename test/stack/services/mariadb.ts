import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached, run } from '../downloads.ts';
import { cacheDir, HOST } from '../options.ts';
import { onPath } from '../requirements.ts';
import { CDC_PRIVILEGES } from './mysql.ts';
import type { Service, ServiceContext } from './service.ts';
import type { Binary } from './sql-server.ts';
import { asRoot, fromTemplate, startSqlServer, unpackedBinary, writeInitFile } from './sql-server.ts';

const SUITE = 'trixie';
const FOLDER = `mariadb-${SUITE}`;
const FETCH = join(import.meta.dirname, '..', 'fetch-debian.sh');

/**
 * The machine's own MariaDB server when it has one, else Debian trixie's, unpacked.
 * `RIVERBEND_STACK_MARIADB=trixie` asks for the unpacked one although the machine has its own.
 */
export const mariadb: Service = {
  name: 'mariadb',
  after: [],
  listens: (ports) => [ports.mariadb],
  stopGraceMs: 60_000,
  fetch: async (log) => {
    if (systemServer() !== null) return;
    await cached(FOLDER, log, (folder) => run('bash', [FETCH, 'mariadb-server-core', SUITE, folder]).then(() => undefined));
  },
  start: startMariadb,
  address: (ports) => `mysql://root@${HOST}:${ports.mariadb} (also cdc, password cdc-pw)`,
};

function systemServer(): string | null {
  return process.env['RIVERBEND_STACK_MARIADB'] === SUITE ? null : onPath('mariadbd');
}

function binary(): Binary {
  const own = systemServer();
  if (own !== null) {
    const version = /Ver (\S+)/.exec(spawnSync(own, ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1] ?? 'system';
    return { command: own, prefix: [], root: '', version };
  }
  const root = join(cacheDir(), FOLDER);
  const version = readFileSync(join(root, 'VERSION'), 'utf8').trim().replace(/^\d+:/, '');
  return unpackedBinary(root, 'usr/sbin/mariadbd', version);
}

async function startMariadb(context: ServiceContext): Promise<void> {
  const { folder, ports, log } = context;
  const server = binary();
  const usr = join(server.root, '/usr');
  const share = ['share/mysql', 'share/mariadb'].map((d) => join(usr, d)).find((d) => existsSync(join(d, 'charsets')));
  if (share === undefined) throw new Error(`${server.command}: its folder share/mysql/charsets is missing`);
  const data = join(folder, 'data');
  const base = (datadir: string): string[] => [
    '--no-defaults',
    `--basedir=${usr}`,
    `--lc-messages-dir=${share}`,
    `--character-sets-dir=${join(share, 'charsets')}`,
    `--plugin-dir=${join(usr, 'lib/mysql/plugin')}`,
    `--datadir=${datadir}`,
    ...asRoot(),
  ];
  mkdirSync(join(folder, 'tmp'), { recursive: true });
  const init: string[] = [];
  if (!existsSync(data)) {
    const template = join(cacheDir(), `mariadb-template-${server.version}`);
    await fromTemplate(template, data, log, (into) => {
      mkdirSync(into);
      return bootstrap(server, base(into), share);
    });
    init.push(`--init-file=${writeInitFile(folder, `${CDC_PRIVILEGES}, BINLOG MONITOR, SLAVE MONITOR`)}`);
  }
  const args = [
    ...base(data),
    '--skip-name-resolve',
    '--innodb-log-file-size=64M',
    '--innodb-buffer-pool-size=128M',
    '--server-id=2001',
    '--gtid-strict-mode=1',
    '--log-bin=binlog',
    '--binlog-format=ROW',
    '--binlog-row-image=FULL',
    '--binlog-row-metadata=FULL',
    '--default-time-zone=+00:00',
    '--character-set-server=utf8mb4',
    '--local-infile=1',
    ...init,
    ...context.extra,
  ];
  await startSqlServer(server, args, ports.mariadb, context);
  log(`MariaDB ${server.version} answers on port ${ports.mariadb}`);
}

/** What mariadb-install-db does, which the server-core package lacks: the system tables' SQL through --bootstrap. */
function bootstrap(server: Binary, base: readonly string[], share: string): Promise<void> {
  const parts = [
    'system_tables',
    'performance_tables',
    'system_tables_data',
    'fill_help_tables',
    'maria_add_gis_sp_bootstrap',
    'sys_schema',
  ];
  let sql = 'create database if not exists mysql;\nuse mysql;\n';
  for (const part of parts) {
    const file = [`mysql_${part}.sql`, `mariadb_${part}.sql`, `${part}.sql`].map((f) => join(share, f)).find((f) => existsSync(f));
    if (file !== undefined) sql += readFileSync(file, 'utf8');
  }
  return new Promise((done, fail) => {
    const args = [...server.prefix, ...base, '--bootstrap', '--skip-log-bin', '--innodb-log-file-size=8M', '--log-warnings=0'];
    const child = spawn(server.command, args, { stdio: ['pipe', 'ignore', 'pipe'] });
    let output = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-4_000);
    });
    child.stdin.on('error', () => undefined);
    child.once('error', fail);
    child.once('close', (code) => (code === 0 ? done() : fail(new Error(`mariadbd --bootstrap ended with ${code}:\n${output}`))));
    child.stdin.end(sql);
  });
}
