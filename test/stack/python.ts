import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { cached, run } from './downloads.ts';
import { cacheDir } from './options.ts';
import { unpackedBinary } from './services/sql-server.ts';

/** How a Python is called that can load Databend's engine. */
export interface Python {
  readonly command: string;
  readonly prefix: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** `3.13`; wheels with native code belong to one such version. */
  readonly version: string;
}

/** The engine's wheel asks for 3.12; a machine with less runs Debian trixie's Python, unpacked. */
const UNPACKED = { folder: 'python3.13-trixie', version: '3.13' };
const FETCH = join(import.meta.dirname, 'fetch-debian.sh');
const PIP_INSTALL = ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--root-user-action=ignore'];

/** Any Python 3 with pip: it downloads wheels, for itself or another version. null when there is none. */
export function pythonWithPip(): string | null {
  return candidates().find((command) => succeeds(command, 'import pip')) ?? null;
}

let found: Python | null = null;

/** A Python of at least 3.12: the machine's, else the unpacked one. `RIVERBEND_STACK_PYTHON` names one, or `unpacked`. */
export function python(): Python {
  found ??= installed() ?? unpacked();
  return found;
}

/** Brings the Python that `python()` speaks of. */
export async function fetchPython(log: (line: string) => void): Promise<void> {
  if (python().prefix.length === 0) return;
  await cached(UNPACKED.folder, log, (folder) => run('bash', [FETCH, `python${UNPACKED.version}`, 'trixie', folder]).then(() => undefined));
}

/** Installs wheels for that Python into a folder of their own. */
export async function pipInstall(packages: readonly string[], folder: string, version: string | null): Promise<void> {
  const pip = pythonWithPip();
  if (pip === null) throw new Error('no Python with pip');
  const forVersion = version === null ? ['--no-deps'] : ['--python-version', version, '--only-binary=:all:'];
  await run(pip, [...PIP_INSTALL, ...forVersion, '--target', folder, ...packages]);
}

function installed(): Python | null {
  if (process.env['RIVERBEND_STACK_PYTHON'] === 'unpacked') return null;
  for (const command of candidates()) {
    const print = 'import sys; print("%d.%d" % sys.version_info[:2]); sys.exit(sys.version_info < (3, 12))';
    const asked = spawnSync(command, ['-c', print], { encoding: 'utf8' });
    if (asked.status === 0) return { command, prefix: [], env: {}, version: asked.stdout.trim() };
  }
  return null;
}

function unpacked(): Python {
  const root = join(cacheDir(), UNPACKED.folder);
  const { command, prefix } = unpackedBinary(root, `usr/bin/python${UNPACKED.version}`, UNPACKED.version);
  return { command, prefix, env: { PYTHONHOME: join(root, 'usr') }, version: UNPACKED.version };
}

function succeeds(command: string, script: string): boolean {
  return spawnSync(command, ['-c', script], { stdio: 'ignore' }).status === 0;
}

/** Interpreters worth asking, best first. */
function candidates(): readonly string[] {
  const pyenv = join(process.env['PYENV_ROOT'] || join(homedir(), '.pyenv'), 'versions');
  let versions: string[] = [];
  try {
    versions = readdirSync(pyenv).filter((name) => /^3\.(1[2-9]|[2-9]\d)/.test(name));
  } catch {
    // no pyenv on this machine
  }
  const asked = process.env['RIVERBEND_STACK_PYTHON'];
  return [
    ...(asked && asked !== 'unpacked' ? [asked] : []),
    'python3.13',
    'python3.12',
    ...versions.sort().map((name) => join(pyenv, name, 'bin', 'python3')),
    'python3',
  ];
}
