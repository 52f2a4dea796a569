import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Ports, ServiceName } from './options.ts';
import { freePortBase, HOST, isPortFree, portsFrom, SERVICE_NAMES } from './options.ts';
import { kill, runningPid, terminate, waitFor } from './processes.ts';
import { requireMachine } from './requirements.ts';
import { connect } from './services/connect.ts';
import { databend, databendDsn } from './services/databend.ts';
import { kafka } from './services/kafka.ts';
import { mariadb } from './services/mariadb.ts';
import { mysql } from './services/mysql.ts';
import { registry, registryUrl } from './services/registry.ts';
import type { Service } from './services/service.ts';
import { socketPath } from './services/sql-server.ts';

const SERVICES: Readonly<Record<ServiceName, Service>> = { mysql, mariadb, kafka, registry, databend, connect };

/** More command line options or `key=value` lines of a service, e.g. `{mysql: ['--binlog-row-metadata=MINIMAL']}`. */
export type Extra = Partial<Record<ServiceName, readonly string[]>>;

export interface StackOptions {
  /** Everything of the stack is kept here: data, configurations, logs, pid files. */
  readonly dir: string;
  /** The first of its ports; `auto` looks for free ones. Not given: what the folder had before, else free ones. */
  readonly portBase?: number | 'auto';
  readonly services: readonly ServiceName[];
  readonly extra?: Extra;
  readonly log?: (line: string) => void;
}

/** A set of real servers on this machine's loopback interface. */
export interface Stack {
  readonly dir: string;
  readonly portBase: number;
  readonly ports: Ports;
  readonly mysql: { readonly host: string; readonly port: number };
  readonly mariadb: { readonly host: string; readonly port: number };
  readonly kafka: { readonly bootstrap: string };
  readonly registry: { readonly url: string };
  readonly databend: { readonly dsn: string };
  readonly connect: { readonly url: string };
  /** `RIVERBEND_TEST_*` for the services that run; what the integration tests read. */
  env(): Record<string, string>;
  pid(name: ServiceName): number | null;
  folder(name: ServiceName): string;
  /** Starts one server (again, over its data) and waits until it answers. `extra` replaces what was given before. */
  start(name: ServiceName, extra?: readonly string[]): Promise<void>;
  /** Ends one server in good order, or all of them. */
  stop(name?: ServiceName): Promise<void>;
  /** SIGKILL, as in a power cut of that one machine. */
  kill9(name: ServiceName): Promise<void>;
  /** SIGSTOP: the process stays, its sockets too, but nothing answers, until `thaw`. */
  freeze(name: ServiceName): void;
  thaw(name: ServiceName): void;
  /** Ends everything and removes the folder. */
  clean(): Promise<void>;
}

interface Saved {
  readonly portBase: number;
  readonly extra: Extra;
}

const SAVED_FILE = 'stack.json';

/** Starts the services that don't run yet, in parallel, and resolves once each answers. When one fails, those it started are stopped again. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const log = options.log ?? (() => undefined);
  const dir = resolve(options.dir);
  const saved = load(dir);
  const asked = options.portBase;
  const portBase = typeof asked === 'number' ? asked : asked === 'auto' || saved === null ? await freePortBase() : saved.portBase;
  if (saved !== null && saved.portBase !== portBase && running(dir).length > 0) {
    throw new Error(`the stack in ${dir} runs on ports from ${saved.portBase}: stop it first, or leave the port base out`);
  }
  await requireMachine(options.services, log);
  mkdirSync(dir, { recursive: true });
  save(dir, { portBase, extra: { ...saved?.extra, ...options.extra } });
  const stack = openStack(dir, log);
  const wanted = SERVICE_NAMES.filter((name) => options.services.includes(name) && stack.pid(name) === null);
  const begun = new Map<ServiceName, Promise<void>>();
  for (const name of wanted) {
    const waitsFor = SERVICES[name].after.map((other) => begun.get(other) ?? Promise.resolve());
    begun.set(
      name,
      (async () => {
        await SERVICES[name].fetch((line) => log(`${name}: ${line}`));
        await Promise.all(waitsFor);
        await stack.start(name);
      })(),
    );
  }
  const results = await Promise.allSettled(begun.values());
  const failures = results.flatMap((r) => (r.status === 'rejected' ? [r.reason as Error] : []));
  if (failures.length > 0) {
    await Promise.all(wanted.map((name) => stack.stop(name)));
    throw failures.length === 1 ? failures[0] : new AggregateError(failures, failures.map((f) => f.message).join('\n'));
  }
  return stack;
}

/** The stack of a folder as it is, running or not. Throws when no stack was ever started there. */
export function openStack(folder: string, log: (line: string) => void = () => undefined): Stack {
  const dir = resolve(folder);
  const saved = load(dir);
  if (saved === null) throw new Error(`no stack in ${dir}`);
  const ports = portsFrom(saved.portBase);
  const pidFile = (name: ServiceName): string => join(dir, name, 'pid');
  const pid = (name: ServiceName): number | null => runningPid(pidFile(name));
  const signal = (name: ServiceName, what: NodeJS.Signals): void => {
    const found = pid(name);
    if (found === null) throw new Error(`${name} does not run`);
    kill(found, what);
  };
  const end = async (name: ServiceName, how: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    const ended = await terminate(pidFile(name), how, SERVICES[name].stopGraceMs);
    for (const port of SERVICES[name].listens(ports)) {
      // other threads of a killed process may hold its sockets a little longer
      if (ended) await waitFor(`${name}: port ${port} is still taken`, () => isPortFree(port), { deadlineMs: 10_000 });
      for (const suffix of ['', '.lock']) rmSync(socketPath(port) + suffix, { force: true });
    }
  };
  const stack: Stack = {
    dir,
    portBase: saved.portBase,
    ports,
    mysql: { host: HOST, port: ports.mysql },
    mariadb: { host: HOST, port: ports.mariadb },
    kafka: { bootstrap: kafka.address(ports) },
    registry: { url: registryUrl(ports) },
    databend: { dsn: databendDsn(ports) },
    connect: { url: connect.address(ports) },
    pid,
    folder: (name) => join(dir, name),
    env: () => {
      const all: Record<ServiceName, Record<string, string>> = {
        mysql: { RIVERBEND_TEST_MYSQL_PORT: String(ports.mysql) },
        mariadb: { RIVERBEND_TEST_MARIADB_PORT: String(ports.mariadb) },
        kafka: { RIVERBEND_TEST_KAFKA: kafka.address(ports) },
        registry: { RIVERBEND_TEST_REGISTRY: registryUrl(ports) },
        databend: { RIVERBEND_TEST_DATABEND: databendDsn(ports) },
        connect: { RIVERBEND_TEST_CONNECT: connect.address(ports) },
      };
      return Object.assign({ RIVERBEND_TEST_STACK: dir }, ...SERVICE_NAMES.filter((name) => pid(name) !== null).map((name) => all[name]));
    },
    start: async (name, extra) => {
      if (pid(name) !== null) return;
      if (extra !== undefined) save(dir, { ...saved, extra: { ...load(dir)?.extra, [name]: extra } });
      for (const port of SERVICES[name].listens(ports)) {
        if (!(await isPortFree(port)))
          throw new Error(`${name}: port ${port} is taken by another process; give the stack another --port-base`);
      }
      const own = join(dir, name);
      mkdirSync(own, { recursive: true });
      const startedAt = Date.now();
      const context = { folder: own, ports, extra: load(dir)?.extra[name] ?? [], log: (line: string) => log(`${name}: ${line}`) };
      try {
        await SERVICES[name].start(context);
      } catch (cause) {
        await end(name, 'SIGKILL');
        throw new Error(`${name}: ${(cause as Error).message}`, { cause });
      }
      log(`${name}: started in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
    },
    stop: async (name) => {
      if (name !== undefined) return await end(name, 'SIGTERM');
      // those that lean on others end first, else they wait for what is gone
      await Promise.all(SERVICE_NAMES.filter((n) => SERVICES[n].after.length > 0).map((n) => end(n, 'SIGTERM')));
      await Promise.all(SERVICE_NAMES.map((n) => end(n, 'SIGTERM')));
    },
    kill9: (name) => end(name, 'SIGKILL'),
    freeze: (name) => signal(name, 'SIGSTOP'),
    thaw: (name) => signal(name, 'SIGCONT'),
    clean: async () => {
      await stack.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return stack;
}

/** Whether a stack was ever started in the folder. */
export function hasStack(dir: string): boolean {
  return existsSync(join(resolve(dir), SAVED_FILE));
}

export function serviceAddress(name: ServiceName, ports: Ports): string {
  return SERVICES[name].address(ports);
}

function running(dir: string): readonly ServiceName[] {
  return SERVICE_NAMES.filter((name) => runningPid(join(dir, name, 'pid')) !== null);
}

function load(dir: string): Saved | null {
  try {
    return JSON.parse(readFileSync(join(dir, SAVED_FILE), 'utf8')) as Saved;
  } catch {
    return null;
  }
}

function save(dir: string, saved: Saved): void {
  writeFileSync(join(dir, SAVED_FILE), `${JSON.stringify(saved)}\n`);
}
