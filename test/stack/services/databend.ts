import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached, run } from '../downloads.ts';
import type { Ports } from '../options.ts';
import { cacheDir, HOST } from '../options.ts';
import { httpOk, launch, runningPid, tail, waitFor } from '../processes.ts';
import { fetchPython, pipInstall, python } from '../python.ts';
import { onPath } from '../requirements.ts';
import type { Service, ServiceContext } from './service.ts';

const VERSION = '1.2.895';
const PACKAGES = [`databend==${VERSION}`, 'pyarrow==26.0.1'];
const SOURCES = join(import.meta.dirname, '..', 'databend');

/** The real Databend engine, embedded in Python, behind an HTTP bridge that speaks the protocol of a Databend server's drivers. */
export const databend: Service = {
  name: 'databend',
  after: [],
  listens: (ports) => [ports.databend],
  stopGraceMs: 15_000,
  fetch: async (log) => {
    await fetchPython(log);
    await cached(packagesFolder(), log, fetchDatabend);
  },
  start: startDatabend,
  address: databendDsn,
};

export function databendDsn(ports: Ports): string {
  return `databend://databend:databend@${HOST}:${ports.databend}/default?sslmode=disable`;
}

/** Wheels with native code belong to one Python version. */
function packagesFolder(): string {
  return `databend-${VERSION}-python${python().version}`;
}

async function fetchDatabend(folder: string): Promise<void> {
  await pipInstall(PACKAGES, folder, python().version);
  const cc = onPath('cc') ?? onPath('gcc') ?? onPath('clang');
  if (cc === null) throw new Error('no C compiler (cc) for fixport.c');
  await run(cc, ['-O1', '-shared', '-fPIC', '-o', join(folder, 'fixport.so'), join(SOURCES, 'fixport.c'), '-ldl']);
}

async function startDatabend({ folder, ports, extra, log }: ServiceContext): Promise<void> {
  const packages = join(cacheDir(), packagesFolder());
  const interpreter = python();
  const data = join(folder, 'data');
  const pidFile = join(folder, 'pid');
  const logFile = join(folder, 'server.log');
  mkdirSync(data, { recursive: true });
  // The catalog is stored under the engine's internal ports: a data folder keeps those of its first start.
  const portsFile = join(folder, 'internal-port');
  if (!existsSync(portsFile)) writeFileSync(portsFile, String(ports.databend + 1));
  await launch({
    command: interpreter.command,
    args: [...interpreter.prefix, join(SOURCES, 'bridge.py'), '--data', data, '--host', HOST, '--port', String(ports.databend), ...extra],
    env: {
      ...interpreter.env,
      PYTHONPATH: packages,
      PYTHONDONTWRITEBYTECODE: '1',
      LD_PRELOAD: join(packages, 'fixport.so'),
      FIXPORT_BASE: readFileSync(portsFile, 'utf8').trim(),
      FIXPORT_COUNT: '40',
      // the engine reports its start to its makers; a closed port gets that
      HTTPS_PROXY: `http://${HOST}:1`,
      https_proxy: `http://${HOST}:1`,
      NO_PROXY: `${HOST},localhost`,
      no_proxy: `${HOST},localhost`,
    },
    // it leaves a log folder where it is started
    cwd: folder,
    logFile,
    pidFile,
  });
  try {
    await waitFor('the engine did not answer', () => httpOk(`http://${HOST}:${ports.databend}/v1/health`), {
      deadlineMs: 90_000,
      alive: () => runningPid(pidFile) !== null,
    });
  } catch (cause) {
    throw new Error(`${(cause as Error).message}\n${tail(logFile)}`, { cause });
  }
  log(`Databend engine ${VERSION} answers on port ${ports.databend}`);
}
