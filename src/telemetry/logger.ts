import type { Writable } from 'node:stream';
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import { isSecretName, MASK } from '../config/secrets.ts';
import type { Logger } from '../spi/telemetry.ts';

export interface LoggingOptions {
  /** Java's or pino's name of the least severe level. */
  readonly level: string;
  /** JSON lines, or text for people. */
  readonly json: boolean;
  readonly out: Writable;
}

/** Connect's level names, most verbose first. */
export const CONNECT_LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'OFF'] as const;

/**
 * The process's logging: a root logger and named ones (`runtime`, `http`, `connector.<name>`), whose levels can be
 * changed while running. JSON lines carry pino's fields; secrets by name are masked.
 */
export class Logging {
  readonly #root: PinoLogger;
  readonly #named = new Map<string, { logger: PinoLogger; ownLevel: boolean; lastModified: number | null }>();
  #rootModified: number | null = null;

  constructor(options: LoggingOptions) {
    const destination: DestinationStream = options.json
      ? { write: (line) => void options.out.write(line) }
      : { write: (line) => void options.out.write(formatLine(line)) };
    this.#root = pino(
      {
        level: pinoLevel(options.level),
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }), log: redact },
        serializers: { error: errorFields, err: errorFields },
      },
      destination,
    );
  }

  /** The logger of a part of riverbend; the same object for the same name. */
  logger(name: string): Logger {
    let entry = this.#named.get(name);
    if (entry === undefined) {
      entry = { logger: this.#root.child({ logger: name }), ownLevel: false, lastModified: null };
      this.#named.set(name, entry);
    }
    return entry.logger;
  }

  /** Level and time of change by logger name, `root` included. */
  levels(): ReadonlyMap<string, { readonly level: string; readonly lastModified: number | null }> {
    const out = new Map([['root', { level: connectLevel(this.#root.level), lastModified: this.#rootModified }]]);
    for (const [name, e] of [...this.#named].sort(([a], [b]) => (a < b ? -1 : 1)))
      out.set(name, { level: connectLevel(e.logger.level), lastModified: e.lastModified });
    return out;
  }

  /** Sets the level of a logger and of those below it; answers the names it changed. Children made before keep their level. */
  setLevel(name: string, level: string, nowMs: number): readonly string[] {
    const to = pinoLevel(level);
    const changed: string[] = [];
    if (name === 'root') {
      this.#root.level = to;
      this.#rootModified = nowMs;
      changed.push('root');
    } else this.logger(name);
    for (const [other, entry] of this.#named) {
      const covered = name === 'root' ? !entry.ownLevel : other === name || other.startsWith(`${name}.`);
      if (!covered) continue;
      entry.logger.level = to;
      entry.ownLevel = name !== 'root';
      entry.lastModified = nowMs;
      changed.push(other);
    }
    return changed.sort();
  }
}

function pinoLevel(level: string): string {
  switch (level.toUpperCase()) {
    case 'ALL':
    case 'TRACE':
    case 'FINEST':
    case 'FINER':
      return 'trace';
    case 'DEBUG':
    case 'FINE':
      return 'debug';
    case 'WARN':
    case 'WARNING':
      return 'warn';
    case 'ERROR':
    case 'SEVERE':
      return 'error';
    case 'FATAL':
      return 'fatal';
    case 'OFF':
      return 'silent';
    default:
      return 'info';
  }
}

function connectLevel(level: string): string {
  return level === 'silent' ? 'OFF' : level.toUpperCase();
}

function redact(fields: Record<string, unknown>): Record<string, unknown> {
  for (const key of Object.keys(fields)) if (isSecretName(key) && typeof fields[key] === 'string') return { ...fields, ...masked(fields) };
  return fields;
}

function masked(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.keys(fields)
      .filter(isSecretName)
      .map((key) => [key, MASK]),
  );
}

/** Error fields in the order a reader wants them; the stack is one of them. */
function errorFields(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code, kind, hint, context } = error as Partial<Record<'code' | 'kind' | 'hint' | 'context', unknown>>;
  return { code, kind, message: error.message, hint: hint ?? undefined, ...(isEmpty(context) ? {} : { context }), stack: error.stack };
}

function isEmpty(value: unknown): boolean {
  return typeof value !== 'object' || value === null || Object.keys(value).length === 0;
}

/** `12:03:04.123 WARN  connector.inventory task restarts  attempt=1 delayMs=800` */
export function formatLine(json: string): string {
  const { level, time, logger, msg, error, err, ...rest } = JSON.parse(json) as Record<string, unknown>;
  const failure = (error ?? err) as { code?: string; message?: string; hint?: string } | undefined;
  const fields = Object.entries(rest).map(([k, v]) => `${k}=${typeof v === 'string' ? v : JSON.stringify(v)}`);
  const head = `${String(time).slice(11, 23)} ${String(level).toUpperCase().padEnd(5)} ${String(logger ?? '')} ${String(msg ?? '')}`;
  const tail =
    failure === undefined ? '' : `\n    ${failure.code ?? ''} ${failure.message ?? ''}${failure.hint ? `\n    hint: ${failure.hint}` : ''}`;
  return `${head}${fields.length === 0 ? '' : `  ${fields.join(' ')}`}${tail}\n`;
}
