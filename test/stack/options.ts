import { createServer } from 'node:net';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Every server listens here and nowhere else. */
export const HOST = '127.0.0.1';

/** The servers the stack knows, in the order in which they are shown. */
export const SERVICE_NAMES = ['mysql', 'mariadb', 'kafka', 'registry', 'databend', 'connect'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

/** Without names, `up` starts what riverbend's tests need; Kafka Connect (the reference) only on request. */
export const DEFAULT_SERVICES: readonly ServiceName[] = ['mysql', 'mariadb', 'kafka', 'registry', 'databend'];

/** A stack takes this many consecutive ports from its base; the last 41 belong to the Databend engine. */
export const PORTS_PER_STACK = 60;

/** The ports of a stack whose first one is `base`. */
export interface Ports {
  readonly mysql: number;
  readonly mariadb: number;
  readonly kafka: number;
  readonly kafkaController: number;
  readonly registry: number;
  readonly registryManagement: number;
  readonly connect: number;
  /** The engine takes the 40 ports after this one for itself. */
  readonly databend: number;
}

export function portsFrom(base: number): Ports {
  return {
    mysql: base,
    mariadb: base + 1,
    kafka: base + 2,
    kafkaController: base + 3,
    registry: base + 4,
    registryManagement: base + 5,
    connect: base + 6,
    databend: base + 19,
  };
}

/** Where downloads are kept, shared by all checkouts of a user: `RIVERBEND_STACK_CACHE` or `~/.cache/riverbend-stack`. */
export function cacheDir(): string {
  const asked = process.env['RIVERBEND_STACK_CACHE'];
  if (asked !== undefined && asked !== '') return resolve(asked);
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'riverbend-stack');
}

/** The first multiple of 100 from which a whole stack's ports are free. Throws when there is none below the ephemeral range. */
export async function freePortBase(from = 20_000): Promise<number> {
  // Two stacks that look at the same moment would find the same base: begin at a place of one's own.
  const first = from + 100 * (process.pid % 60);
  for (let i = 0; i < 120; i++) {
    const base = from + ((first - from + 100 * i) % 12_000);
    if (await allFree(base)) return base;
  }
  throw new Error(`no ${PORTS_PER_STACK} free ports in a row between ${from} and ${from + 12_000}`);
}

async function allFree(base: number): Promise<boolean> {
  const free = await Promise.all(Array.from({ length: PORTS_PER_STACK }, (_, i) => isPortFree(base + i)));
  return free.every(Boolean);
}

export function isPortFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const probe = createServer();
    probe.once('error', () => done(false));
    probe.listen({ port, host: HOST, exclusive: true }, () => probe.close(() => done(true)));
  });
}
