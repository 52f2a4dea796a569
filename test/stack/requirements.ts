import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ServiceName } from './options.ts';
import { pythonWithPip } from './python.ts';

/** A program the machine has to bring; `find` yields how to call it. */
interface Requirement {
  readonly name: string;
  readonly usedBy: readonly ServiceName[];
  /** Debian packages that bring it. */
  readonly packages: readonly string[];
  readonly otherwise: string;
  readonly find: () => string | null;
}

const REQUIREMENTS: readonly Requirement[] = [
  {
    name: 'Java 17 or newer (java)',
    usedBy: ['kafka', 'registry', 'connect'],
    packages: ['default-jre-headless'],
    otherwise: 'install a JDK or JRE 17+ and put its java on the PATH',
    find: () => findJava(17),
  },
  {
    name: 'Maven (mvn)',
    usedBy: ['kafka', 'registry', 'connect'],
    packages: ['maven'],
    otherwise: 'install Apache Maven 3.8+',
    find: () => onPath('mvn'),
  },
  {
    name: 'Python 3 with pip',
    usedBy: ['databend', 'registry'],
    packages: ['python3', 'python3-pip'],
    otherwise: 'install Python 3 with pip; below 3.12 one of Debian trixie is unpacked beside it',
    find: () => pythonWithPip(),
  },
  {
    name: 'a C compiler (cc)',
    usedBy: ['databend'],
    packages: ['gcc', 'libc6-dev'],
    otherwise: 'install gcc or clang',
    find: () => onPath('cc') ?? onPath('gcc') ?? onPath('clang'),
  },
  {
    name: 'Debian package tools (apt-get, dpkg)',
    usedBy: ['mysql'],
    packages: [],
    otherwise: 'use a Debian machine: the MySQL server is taken from its packages',
    find: () => (onPath('dpkg') === null ? null : onPath('apt-get')),
  },
  {
    name: 'the Debian archive keyring',
    usedBy: ['mysql'],
    packages: ['debian-archive-keyring'],
    otherwise: 'install debian-archive-keyring',
    find: () => (existsSync('/usr/share/keyrings/debian-archive-keyring.gpg') ? 'found' : null),
  },
];

/**
 * Makes sure the machine has what the services need. As root on Debian the missing packages are installed, and that is said;
 * else throws one message that names everything missing and how to get it.
 */
export async function requireMachine(services: readonly ServiceName[], log: (line: string) => void): Promise<void> {
  if (process.platform !== 'linux') throw new Error('the stack runs on Linux only (it uses /proc and Debian packages)');
  const wanted = REQUIREMENTS.filter((r) => r.usedBy.some((s) => services.includes(s)));
  let missing = wanted.filter((r) => r.find() === null);
  if (missing.length === 0) return;
  const packages = missing.flatMap((r) => r.packages);
  if (process.getuid?.() === 0 && packages.length > 0 && onPath('apt-get') !== null) {
    log(`this machine lacks ${missing.map((r) => r.name).join(', ')}: running apt-get install ${packages.join(' ')}`);
    await aptInstall(packages, log);
    missing = missing.filter((r) => r.find() === null);
    if (missing.length === 0) return;
  }
  const lines = missing.map((r) => {
    const apt = r.packages.length === 0 ? '' : ` (Debian: apt-get install ${r.packages.join(' ')})`;
    return `  - ${r.name}, for ${r.usedBy.join(', ')}: ${r.otherwise}${apt}`;
  });
  throw new Error(`this machine lacks what the local stack needs:\n${lines.join('\n')}`);
}

function aptInstall(packages: readonly string[], log: (line: string) => void): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const run = (args: readonly string[]): Promise<string | null> =>
    new Promise((done) => {
      execFile('apt-get', [...args], { env, maxBuffer: 1 << 26 }, (error, _out, stderr) => done(error === null ? null : stderr));
    });
  return (async () => {
    await run(['-qq', 'update']);
    const failure = await run(['-qq', '-y', '--no-install-recommends', 'install', ...packages]);
    if (failure !== null) log(`apt-get install failed: ${failure.trim().split('\n').slice(-3).join(' / ')}`);
  })();
}

/** A java of at least this major version: `RIVERBEND_STACK_JAVA`, `JAVA_HOME`'s, or the one on the PATH. */
export function findJava(atLeast: number): string | null {
  const home = process.env['JAVA_HOME'];
  const candidates = [process.env['RIVERBEND_STACK_JAVA'], home === undefined ? undefined : join(home, 'bin', 'java'), 'java'];
  for (const java of candidates) {
    if (java === undefined || java === '') continue;
    const run = spawnSync(java, ['-version'], { encoding: 'utf8' });
    const major = /version "(\d+)/.exec(run.stderr ?? '')?.[1];
    if (major !== undefined && Number(major) >= atLeast) return java;
  }
  return null;
}

/** The full path of a program, looked for on the PATH and in the system's sbin folders; null when it is not there. */
export function onPath(program: string): string | null {
  for (const dir of [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin']) {
    const file = join(dir, program);
    if (dir !== '' && existsSync(file)) return file;
  }
  return null;
}
