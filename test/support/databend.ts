import { createRequire } from 'node:module';

interface DriverConnection {
  exec(sql: string): Promise<number>;
  queryAll(sql: string): Promise<{ values(): unknown[] }[]>;
  close(): Promise<void>;
}

const { Client } = createRequire(import.meta.url)('databend-driver') as {
  Client: new (dsn: string) => { getConn(): Promise<DriverConnection> };
};

/** A connection to the target for looking at it, independent of the sink's own client. Cast what must be exact to string in the SQL. */
export class DatabendProbe {
  readonly #connection: DriverConnection;

  private constructor(connection: DriverConnection) {
    this.#connection = connection;
  }

  static async open(dsn: string): Promise<DatabendProbe> {
    return new DatabendProbe(await new Client(dsn).getConn());
  }

  async rows(sql: string): Promise<unknown[][]> {
    return (await this.#connection.queryAll(sql)).map((r) => r.values());
  }

  async exec(sql: string): Promise<void> {
    await this.#connection.exec(sql);
  }

  /** Number of rows of a table, or -1 while it does not exist. */
  async count(database: string, table: string): Promise<number> {
    try {
      return Number((await this.rows(`SELECT count(*)::string FROM "${database}"."${table}"`))[0]?.[0]);
    } catch (error) {
      if (/\[(1025|1003)\]/.test(String(error))) return -1;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }
}
