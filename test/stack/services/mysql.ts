import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached, run } from '../downloads.ts';
import { cacheDir, HOST } from '../options.ts';
import type { Service, ServiceContext } from './service.ts';
import type { Binary } from './sql-server.ts';
import { asRoot, fromTemplate, startSqlServer, unpackedBinary, writeInitFile } from './sql-server.ts';

const FOLDER = 'mysql-sid';
const FETCH = join(import.meta.dirname, '..', 'fetch-debian.sh');

/** MySQL 9 from Debian sid, the only suite that packages Oracle's server; sid keeps one version, so the exact one is printed. */
export const mysql: Service = {
  name: 'mysql',
  after: [],
  listens: (ports) => [ports.mysql],
  stopGraceMs: 60_000,
  fetch: async (log) => {
    await cached(FOLDER, log, (folder) => run('bash', [FETCH, 'mysql-server-core', 'sid', folder]).then(() => undefined));
  },
  start: startMysql,
  address: (ports) => `mysql://root@${HOST}:${ports.mysql} (also cdc, password cdc-pw)`,
};

function binary(): Binary {
  const root = join(cacheDir(), FOLDER);
  return unpackedBinary(root, 'usr/sbin/mysqld', readFileSync(join(root, 'VERSION'), 'utf8').trim());
}

async function startMysql(context: ServiceContext): Promise<void> {
  const { folder, ports, log } = context;
  const server = binary();
  const share = join(server.root, 'usr/share/mysql');
  const data = join(folder, 'data');
  const base = (datadir: string): string[] => [
    '--no-defaults',
    `--basedir=${join(server.root, 'usr')}`,
    `--lc-messages-dir=${share}`,
    `--character-sets-dir=${join(share, 'charsets')}`,
    `--plugin-dir=${join(server.root, 'usr/lib/mysql/plugin')}`,
    `--datadir=${datadir}`,
    '--innodb-data-file-path=ibdata1:12M:autoextend',
    '--secure-file-priv=',
    ...asRoot(),
  ];
  mkdirSync(join(folder, 'tmp'), { recursive: true });
  const init: string[] = [];
  if (!existsSync(data)) {
    const template = join(cacheDir(), `mysql-template-${server.version}`);
    await fromTemplate(template, data, log, async (into) => {
      await run(server.command, [...server.prefix, ...base(into), '--initialize-insecure', '--innodb-redo-log-capacity=8M']);
    });
    init.push(`--init-file=${writeInitFile(folder, `${CDC_PRIVILEGES}, BACKUP_ADMIN`)}`);
  }
  const args = [
    ...base(data),
    '--mysqlx=OFF',
    '--skip-name-resolve',
    '--innodb-redo-log-capacity=256M',
    '--innodb-buffer-pool-size=256M',
    '--server-id=1001',
    '--log-bin=mysql-bin',
    '--binlog-format=ROW',
    '--binlog-row-image=FULL',
    '--binlog-row-metadata=FULL',
    '--gtid-mode=ON',
    '--enforce-gtid-consistency=ON',
    '--default-time-zone=+00:00',
    '--local-infile=1',
    ...init,
    ...context.extra,
  ];
  await startSqlServer(server, args, ports.mysql, context);
  log(`MySQL ${server.version} answers on port ${ports.mysql}`);
}

export const CDC_PRIVILEGES = 'SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT, LOCK TABLES';
