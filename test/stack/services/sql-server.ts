import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { locked } from '../downloads.ts';
import { HOST } from '../options.ts';
import { launch, mysqlGreets, runningPid, tail, waitFor } from '../processes.ts';
import type { ServiceContext } from './service.ts';

/** How a server binary is called: unpacked packages run with the loader and the libraries that came with them. */
export interface Binary {
  readonly command: string;
  readonly prefix: readonly string[];
  /** Where the package's files are: `<root>/usr/share/…`; empty for the system's own. */
  readonly root: string;
  readonly version: string;
}

/** A binary of an unpacked Debian package, run with that package's own loader: this machine's libc may be older than it asks for. */
export function unpackedBinary(root: string, path: string, version: string): Binary {
  const triplet = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const loader = process.arch === 'arm64' ? 'ld-linux-aarch64.so.1' : 'ld-linux-x86-64.so.2';
  const libraries = join(root, 'usr/lib', triplet);
  const program = join(root, path);
  return {
    command: join(libraries, loader),
    prefix: ['--library-path', libraries, '--argv0', program, program],
    root,
    version,
  };
}

/** Root may not run a database server unless it says so. */
export function asRoot(): readonly string[] {
  return process.getuid?.() === 0 ? ['--user=root'] : [];
}

/** The socket's path must stay under 107 bytes, so it does not live in the stack's folder. */
export function socketPath(port: number): string {
  return join(tmpdir(), `riverbend-${port}.sock`);
}

/** Copies the template data folder, made once per server version by `initialise`, to where a new server keeps its data. */
export async function fromTemplate(
  template: string,
  data: string,
  log: (line: string) => void,
  initialise: (folder: string) => Promise<void>,
): Promise<void> {
  if (!existsSync(template)) {
    await locked(`${template.slice(template.lastIndexOf('/') + 1)}`, log, async () => {
      if (existsSync(template)) return;
      const unfinished = `${template}.unfinished`;
      rmSync(unfinished, { recursive: true, force: true });
      mkdirSync(dirname(unfinished), { recursive: true });
      await initialise(unfinished);
      // two servers must not have one UUID
      rmSync(join(unfinished, 'auto.cnf'), { force: true });
      renameSync(unfinished, template);
    });
  }
  const copying = `${data}.copying`;
  rmSync(copying, { recursive: true, force: true });
  cpSync(template, copying, { recursive: true });
  renameSync(copying, data);
}

/** The accounts of every SQL server of a stack: root without password and cdc / cdc-pw with what a connector needs. */
export function writeInitFile(folder: string, cdcPrivileges: string): string {
  const file = join(folder, 'init.sql');
  // MariaDB wants one statement a line
  writeFileSync(
    file,
    `CREATE USER IF NOT EXISTS root@'%';
GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
CREATE USER IF NOT EXISTS cdc@'%' IDENTIFIED BY 'cdc-pw';
GRANT ${cdcPrivileges} ON *.* TO cdc@'%';
`,
  );
  return file;
}

/** Starts a prepared server and waits for its greeting. */
export async function startSqlServer(binary: Binary, args: readonly string[], port: number, { folder }: ServiceContext): Promise<void> {
  const pidFile = join(folder, 'pid');
  const errorLog = join(folder, 'error.log');
  await launch({
    command: binary.command,
    args: [
      ...binary.prefix,
      ...args,
      `--port=${port}`,
      `--bind-address=${HOST}`,
      `--socket=${socketPath(port)}`,
      `--pid-file=${join(folder, 'server.pid')}`,
      `--tmpdir=${join(folder, 'tmp')}`,
      `--log-error=${errorLog}`,
    ],
    logFile: join(folder, 'out.log'),
    pidFile,
  });
  try {
    await waitFor('the server did not answer', () => mysqlGreets(port), { deadlineMs: 90_000, alive: () => runningPid(pidFile) !== null });
  } catch (cause) {
    throw new Error(`${(cause as Error).message}\n${tail(errorLog)}\n${tail(join(folder, 'out.log'))}`, { cause });
  }
}
