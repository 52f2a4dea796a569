import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { httpOk, launch, peakRssMib, runningPid, statOf, tail, terminate, waitFor } from '../stack/processes.ts';
import type { Stack } from '../stack/stack.ts';
import { NODE_OPTIONS } from '../support/launch.ts';

const ROOT = join(import.meta.dirname, '..', '..');

export type DemoMode = 'kafka' | 'direct';

/** `riverbend run` as a process of its own, with the configuration that ships with it. */
export interface Daemon {
  readonly pid: number;
  readonly url: string;
  readonly logFile: string;
  /** Throws when the process ended or a connector or task FAILED, with what it says. */
  check(): Promise<void>;
  /** CPU seconds so far and the largest memory, MiB. */
  usage(): { readonly cpuSeconds: number; readonly peakRssMib: number };
}

/** Ends a daemon that a demo left running in this folder. */
export async function stopDaemon(folder: string): Promise<void> {
  await terminate(join(folder, 'riverbend.pid'), 'SIGTERM', 40_000);
}

/** Starts riverbend on the stack's servers and waits until its HTTP listener answers. */
export async function startDaemon(stack: Stack, mode: DemoMode, source: 'mysql' | 'mariadb'): Promise<Daemon> {
  const folder = join(stack.dir, 'riverbend');
  mkdirSync(folder, { recursive: true });
  const port = stack.ports.connect + 1;
  const url = `http://127.0.0.1:${port}`;
  const logFile = join(folder, 'riverbend.log');
  const pidFile = join(folder, 'riverbend.pid');
  const pid = await launch({
    command: process.execPath,
    args: [...NODE_OPTIONS, join(ROOT, 'src', 'main.ts'), 'run', configuration(folder, mode, source)],
    cwd: ROOT,
    logFile,
    pidFile,
    env: {
      MYSQL_HOST: stack[source].host,
      MYSQL_PORT: String(stack[source].port),
      MYSQL_USER: 'cdc',
      MYSQL_PASSWORD: 'cdc-pw',
      KAFKA_BOOTSTRAP_SERVERS: stack.kafka.bootstrap,
      SCHEMA_REGISTRY_URL: stack.registry.url,
      DATABEND_DSN: stack.databend.dsn,
      RIVERBEND_DATA: folder,
      RIVERBEND_LISTENER: url,
      RIVERBEND_HTTP_PORT: String(port),
    },
  });
  const alive = (): boolean => runningPid(pidFile) !== null;
  try {
    await waitFor('riverbend did not answer', () => httpOk(`${url}/health/live`), { deadlineMs: 60_000, alive });
  } catch (cause) {
    throw new Error(`${(cause as Error).message}\n${tail(logFile)}`, { cause });
  }
  return {
    pid,
    url,
    logFile,
    check: async () => {
      if (!alive()) throw new Error(`riverbend ended:\n${tail(logFile)}`);
      if (mode === 'kafka') await checkConnectors(url);
    },
    usage: () => ({ cpuSeconds: statOf(pid)?.cpuSeconds ?? 0, peakRssMib: peakRssMib(pid) }),
  };
}

/** The shipped file; for MariaDB a copy with the other connector's class. */
function configuration(folder: string, mode: DemoMode, source: 'mysql' | 'mariadb'): string {
  const name = mode === 'kafka' ? 'riverbend.yaml' : 'riverbend-direct.properties';
  const shipped = join(ROOT, 'config', name);
  if (source === 'mysql') return shipped;
  const copy = join(folder, name);
  const text = readFileSync(shipped, 'utf8');
  writeFileSync(copy, text.replaceAll('io.debezium.connector.mysql.MySqlConnector', 'io.debezium.connector.mariadb.MariaDbConnector'));
  return copy;
}

interface ConnectorStatus {
  readonly status: {
    readonly connector: { readonly state: string; readonly trace?: string };
    readonly tasks: readonly { readonly id: number; readonly state: string; readonly trace?: string }[];
  };
}

async function checkConnectors(url: string): Promise<void> {
  const response = await fetch(`${url}/connectors?expand=status`, { signal: AbortSignal.timeout(5_000) });
  if (!response.ok) return;
  const connectors = (await response.json()) as Record<string, ConnectorStatus>;
  for (const [name, { status }] of Object.entries(connectors)) {
    for (const part of [status.connector, ...status.tasks]) {
      if (part.state === 'FAILED') throw new Error(`connector ${name} failed: ${part.trace ?? 'no trace'}`);
    }
  }
}
