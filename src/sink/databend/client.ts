import type { Connection } from 'databend-driver';
import { CdcError } from '../../model/errors.ts';
import { driverDsn, type Endpoint } from './dsn.ts';
import { databendError, engineCode } from './errors.ts';

/** What the sink needs of a Databend session; a test puts itself in between here. */
export interface Session {
  /** Runs a statement; resolves with the rows it affected as the driver reports them. `doing` names it in errors. */
  exec(sql: string, doing: string): Promise<number>;
  /** All rows; select text (`::VARCHAR`) where digits matter: the driver gives 64-bit integers and times inexactly. */
  query(sql: string, doing: string): Promise<readonly (readonly unknown[])[]>;
  /** Drops the connection; the next statement opens a new one (new transaction state). */
  reset(): void;
  close(): Promise<void>;
}

/**
 * One Databend session, connected on first use and again after it was lost. Statements run one after another. The driver's parameter
 * binding is never used (it is unescaped text substitution); nor its file loads (stage.ts). Only importer of databend-driver.
 */
export class DatabendSession implements Session {
  readonly #endpoint: Endpoint;
  readonly #timeoutSec: number;
  #connection: Promise<Connection> | null = null;

  constructor(endpoint: Endpoint, timeoutSec: number) {
    this.#endpoint = endpoint;
    this.#timeoutSec = timeoutSec;
  }

  async #open(): Promise<Connection> {
    // The driver's logger writes to stdout, where our JSON lines go.
    process.env['RUST_LOG'] ??= 'off';
    const { default: driver } = await import('databend-driver');
    const connection = await new driver.Client(driverDsn(this.#endpoint)).getConn();
    for (const [name, value] of [
      ['sql_dialect', "'PostgreSQL'"],
      ['timezone', "'UTC'"],
      ['max_execute_time_in_seconds', String(this.#timeoutSec)],
    ])
      await connection.exec(`SET ${name} = ${value}`);
    return connection;
  }

  #connected(): Promise<Connection> {
    this.#connection ??= this.#open();
    return this.#connection;
  }

  async #run<T>(doing: string, work: (c: Connection) => Promise<T>): Promise<T> {
    try {
      return await work(await this.#connected());
    } catch (error) {
      // Without an engine code nobody answered: the session and its transaction are gone.
      if (engineCode(error) === null) this.reset();
      throw databendError(error, doing);
    }
  }

  exec(sql: string, doing: string): Promise<number> {
    return this.#run(doing, (c) => c.exec(sql));
  }

  query(sql: string, doing: string): Promise<readonly (readonly unknown[])[]> {
    return this.#run(doing, async (c) => (await c.queryAll(sql)).map((r) => r.values()));
  }

  reset(): void {
    const old = this.#connection;
    this.#connection = null;
    old?.then((c) => c.close()).catch(ignoreLost);
  }

  async close(): Promise<void> {
    const old = this.#connection;
    this.#connection = null;
    if (old !== null) await old.then((c) => c.close()).catch(ignoreLost);
  }
}

/** A connection that never opened or is lost already needs no closing. */
function ignoreLost(): void {}

/** Throws the error of being asked to stop. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new CdcError('CDC_ABORTED', 'aborted', 'stopped while writing to Databend');
}
