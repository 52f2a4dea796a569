import { readFileSync } from 'node:fs';
import mysql, { type Connection, type ConnectionOptions, type RowDataPacket } from 'mysql2';
import { CdcError } from '../../model/errors.ts';
import type { MySqlConfig } from './config.ts';

export type ResultRow = Readonly<Record<string, string | null>>;

/** Connection options for mysql2 and zongji; TLS as `database.ssl.mode` says. `preferred` is decided by `connect`. */
export function connectionOptions(config: MySqlConfig, tls: boolean): ConnectionOptions {
  const mode = config['database.ssl.mode'];
  const read = (path: string): Buffer => {
    try {
      return readFileSync(path);
    } catch (cause) {
      throw new CdcError('CDC_CONFIG_INVALID', 'config', `the file "${path}" named in the database.ssl.* settings cannot be read`, {
        cause,
      });
    }
  };
  const ca = config['database.ssl.truststore'];
  const cert = config['database.ssl.keystore'];
  return {
    host: config['database.hostname'],
    port: config['database.port'],
    user: config['database.user'],
    password: config['database.password'] ?? '',
    connectTimeout: config['connect.timeout.ms'],
    charset: 'utf8mb4',
    supportBigNumbers: true,
    bigNumberStrings: true,
    dateStrings: true,
    enableKeepAlive: true,
    keepAliveInitialDelay: 10_000,
    ...(tls
      ? {
          ssl: {
            rejectUnauthorized: mode === 'verify_ca' || mode === 'verify_identity',
            verifyIdentity: mode === 'verify_identity',
            ...(ca === null ? {} : { ca: read(ca) }),
            ...(cert === null
              ? {}
              : { cert: read(cert), key: read(cert), passphrase: config['database.ssl.keystore.password'] ?? undefined }),
          } as NonNullable<Exclude<ConnectionOptions['ssl'], string>>,
        }
      : {}),
  };
}

/** A plain client connection with promises, abortable, errors translated. Made by `connect`. */
export class MySqlConnection {
  readonly #connection: Connection;
  readonly #queryTimeoutMs: number;
  readonly options: ConnectionOptions;
  #lost: Error | null = null;
  #stream: RowStream | null = null;

  constructor(connection: Connection, options: ConnectionOptions, queryTimeoutMs: number) {
    this.#connection = connection;
    this.options = options;
    this.#queryTimeoutMs = queryTimeoutMs;
    connection.on('error', (error) => {
      this.#lost ??= error;
    });
  }

  get threadId(): number {
    return this.#connection.threadId as number;
  }

  /** Rows with every value as text, so that no driver conversion comes between. */
  query(sql: string, values: readonly unknown[] = [], signal?: AbortSignal): Promise<readonly ResultRow[]> {
    return new Promise((resolve, reject) => {
      if (this.#lost !== null) {
        reject(translateError(this.#lost, sql));
        return;
      }
      let timer: NodeJS.Timeout | null = null;
      const onAbort = (): void => {
        if (timer !== null) clearTimeout(timer);
        this.destroy();
        reject(new CdcError('CDC_ABORTED', 'aborted', 'stopped while a query ran'));
      };
      if (signal?.aborted === true) {
        onAbort();
        return;
      }
      signal?.addEventListener('abort', onAbort, { once: true });
      // The driver's own timer outlives a connection that is destroyed, and the process with it.
      if (this.#queryTimeoutMs > 0) {
        timer = setTimeout(() => {
          signal?.removeEventListener('abort', onAbort);
          this.destroy();
          reject(translateError(new Error(`no answer within database.query.timeout.ms (${this.#queryTimeoutMs})`), sql));
        }, this.#queryTimeoutMs);
        timer.unref();
      }
      this.#connection.query<RowDataPacket[]>(
        {
          sql,
          values: [...values],
          typeCast: (field) => field.string('utf8'),
        },
        (error, rows) => {
          if (timer !== null) clearTimeout(timer);
          signal?.removeEventListener('abort', onAbort);
          if (error !== null) reject(translateError(error, sql));
          else resolve(Array.isArray(rows) ? (rows as readonly ResultRow[]) : []);
        },
      );
    });
  }

  async one(sql: string, values: readonly unknown[] = [], signal?: AbortSignal): Promise<ResultRow | null> {
    return (await this.query(sql, values, signal))[0] ?? null;
  }

  /**
   * Runs a SELECT and hands over each row packet as it came (text protocol, from `offset`), with no row objects made.
   * `pause`/`resume` act on the socket, so a slow reader slows the server down and nothing piles up.
   */
  stream(sql: string, onRow: (packet: Buffer, offset: number) => void): RowStream {
    this.#stream = new RowStream(this.#connection, sql, onRow);
    return this.#stream;
  }

  async end(): Promise<void> {
    if (this.#lost !== null) {
      this.destroy();
      return;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, 1000);
      this.#connection.end(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    this.destroy();
  }

  destroy(): void {
    this.#lost ??= new Error('the connection was closed');
    this.#connection.destroy();
    // mysql2 only half-closes: a paused socket with rows unread would never end, nor would whoever awaits the stream.
    (this.#connection as unknown as { readonly stream: { destroy(): void } }).stream.destroy();
    this.#stream?.fail(new CdcError('CDC_ABORTED', 'aborted', 'the connection was closed while rows were read'));
  }
}

interface RawQuery {
  on(event: 'end', listener: () => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
}

export class RowStream {
  readonly done: Promise<void>;
  readonly #connection: Connection;
  #reject: (error: Error) => void = () => {};

  constructor(connection: Connection, sql: string, onRow: (packet: Buffer, offset: number) => void) {
    this.#connection = connection;
    this.done = new Promise((resolve, reject) => {
      this.#reject = reject;
      let failed: unknown = null;
      const command = connection.query({ sql }) as unknown as RawQuery;
      // mysql2 sets the parser it compiled for the columns here; ours takes the packets instead (mysql2 3.24, commands/query.js `row`).
      const parser = {
        next(packet: { buffer: Buffer; offset: number }): undefined {
          if (failed !== null) return undefined;
          try {
            onRow(packet.buffer, packet.offset);
          } catch (error) {
            failed = error;
            connection.destroy();
            reject(error);
          }
          return undefined;
        },
      };
      Object.defineProperty(command, '_rowParser', { get: () => parser, set: () => {} });
      const onError = (error: Error): void => reject(translateError(error, sql));
      command.on('end', () => {
        connection.removeListener('error', onError);
        if (failed === null) resolve();
      });
      command.on('error', (error) => {
        connection.removeListener('error', onError);
        reject(translateError(error, sql));
      });
      connection.once('error', onError);
    });
    // Whoever awaits it later sees the failure; until then it is not "unhandled".
    this.done.catch(() => {});
  }

  /** Ends `done` with an error, unless it ended already. */
  fail(error: Error): void {
    this.#reject(error);
  }

  pause(): void {
    this.#connection.pause();
  }

  resume(): void {
    this.#connection.resume();
  }
}

/**
 * Connects and sets up the session. With `database.ssl.mode=preferred` TLS is tried first and plain text used where the
 * server has none, as MySQL's own client does.
 */
export async function connect(config: MySqlConfig, signal: AbortSignal): Promise<MySqlConnection> {
  const mode = config['database.ssl.mode'];
  if (mode === 'disabled' || mode === 'disable') return await open(config, connectionOptions(config, false), signal);
  try {
    return await open(config, connectionOptions(config, true), signal);
  } catch (error) {
    const cause = error instanceof CdcError ? (error.cause as { code?: string } | undefined) : undefined;
    if (mode !== 'preferred' || cause?.code !== 'HANDSHAKE_NO_SSL_SUPPORT') throw error;
    return await open(config, connectionOptions(config, false), signal);
  }
}

async function open(config: MySqlConfig, options: ConnectionOptions, signal: AbortSignal): Promise<MySqlConnection> {
  if (signal.aborted) throw new CdcError('CDC_ABORTED', 'aborted', 'stopped while connecting');
  const connection = mysql.createConnection(options);
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      connection.destroy();
      reject(new CdcError('CDC_ABORTED', 'aborted', 'stopped while connecting'));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    connection.connect((error) => {
      signal.removeEventListener('abort', onAbort);
      if (error === null) resolve();
      else {
        connection.destroy();
        reject(translateError(error, 'connect', config));
      }
    });
  });
  const session = new MySqlConnection(connection, options, config['database.query.timeout.ms']);
  try {
    await session.query("SET time_zone = '+00:00', sql_mode = '', net_write_timeout = 86400, wait_timeout = 86400", [], signal);
    for (const statement of initialStatements(config['database.initial.statements'])) await session.query(statement, [], signal);
  } catch (error) {
    session.destroy();
    throw error;
  }
  return session;
}

/** Statements separated by `;`; `;;` is one `;` inside a statement. */
export function initialStatements(text: string | null): readonly string[] {
  if (text === null) return [];
  return text
    .split(/(?<!;);(?!;)/)
    .map((s) => s.replaceAll(';;', ';').trim())
    .filter((s) => s !== '');
}

const UNREACHABLE = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EAI_AGAIN', 'ECONNRESET', 'EPIPE']);
const DENIED = new Set([
  'ER_ACCESS_DENIED_ERROR',
  'ER_DBACCESS_DENIED_ERROR',
  'ER_ACCESS_DENIED_NO_PASSWORD_ERROR',
  'ER_MUST_CHANGE_PASSWORD',
  'ER_ACCOUNT_HAS_BEEN_LOCKED',
]);
const FORBIDDEN = new Set([
  'ER_SPECIFIC_ACCESS_DENIED_ERROR',
  'ER_TABLEACCESS_DENIED_ERROR',
  'ER_COLUMNACCESS_DENIED_ERROR',
  'ER_PROCACCESS_DENIED_ERROR',
]);

/** The driver's error in our terms, by its code. `statement` is named without values. */
export function translateError(error: Error, statement: string, config?: MySqlConfig): CdcError {
  if (error instanceof CdcError) return error;
  const { code, errno, fatal } = error as Error & { code?: string; errno?: number; fatal?: boolean };
  const where = config === undefined ? '' : ` ${config['database.hostname']}:${config['database.port']}`;
  const context = { code: code ?? null, statement: statement.slice(0, 120) };
  if (code !== undefined && DENIED.has(code)) {
    return new CdcError('CDC_MYSQL_PRIVILEGE', 'environment', `the server${where} does not accept database.user and database.password`, {
      cause: error,
      hint: 'check both, and that the user may connect from this host',
      context,
    });
  }
  if (code !== undefined && FORBIDDEN.has(code)) {
    return new CdcError('CDC_MYSQL_PRIVILEGE', 'environment', `a privilege is missing: ${error.message}`, {
      cause: error,
      hint: 'GRANT SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO the connector user',
      context,
    });
  }
  if (code !== undefined && UNREACHABLE.has(code) && config !== undefined) {
    return new CdcError('CDC_MYSQL_UNREACHABLE', 'retriable', `the server${where} does not answer (${code})`, {
      cause: error,
      hint: 'check database.hostname, database.port and the network',
      context,
    });
  }
  if (
    fatal === true ||
    code === 'PROTOCOL_CONNECTION_LOST' ||
    (code !== undefined && UNREACHABLE.has(code)) ||
    errno === 1927 ||
    errno === 1317
  ) {
    return new CdcError('CDC_MYSQL_CONNECTION_LOST', 'retriable', `the connection to the server was lost: ${error.message}`, {
      cause: error,
      context,
    });
  }
  return new CdcError('CDC_MYSQL_QUERY', 'environment', `the server refused a statement: ${error.message}`, { cause: error, context });
}

/** `name` as an SQL identifier. */
export function quoteIdentifier(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}
