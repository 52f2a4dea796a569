import type { Ports, ServiceName } from '../options.ts';

/** What a service is given: its own folder and everything about the stack it belongs to. */
export interface ServiceContext {
  /** The service's folder inside the stack's; its data, configuration, log and pid file. Exists. */
  readonly folder: string;
  readonly ports: Ports;
  /** More command line options (MySQL, MariaDB, Databend) or `key=value` configuration lines (the others). */
  readonly extra: readonly string[];
  readonly log: (line: string) => void;
}

/** One kind of server. All functions may be called any number of times. */
export interface Service {
  readonly name: ServiceName;
  /** Must answer before this one starts. */
  readonly after: readonly ServiceName[];
  readonly listens: (ports: Ports) => readonly number[];
  /** Brings its programs into the cache; nothing to do when they are there. */
  readonly fetch: (log: (line: string) => void) => Promise<void>;
  /** Starts the process and resolves once it answers its clients. Throws with the end of its log when it ends before. */
  readonly start: (context: ServiceContext) => Promise<void>;
  readonly stopGraceMs: number;
  /** How to reach it, for people. */
  readonly address: (ports: Ports) => string;
}
