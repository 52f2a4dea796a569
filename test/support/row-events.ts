import mysql from 'mysql2';
import type { Row } from '../../src/model/chunk.ts';
import type { TableSchema } from '../../src/model/table-schema.ts';
import type { Table } from '../../src/relational/table.ts';
import { MySqlConnection } from '../../src/source/mysql/connection.ts';
import type { CodecOptions } from '../../src/source/mysql/schema/table-codec.ts';
import type { SnapshotReader } from '../../src/source/mysql/snapshot/row-codec.ts';
import { SNAPSHOT_SESSION } from '../../src/source/mysql/snapshot/row-codec.ts';
import { BinlogClient } from '../../src/source/mysql/streaming/binlog-client.ts';
import { compileRowsDecoder, inflateMariadbRows, isMariadbCompressed } from '../../src/source/mysql/streaming/rows-decoder.ts';
import { parseTableMap, rowsEventTableId, type TableMap } from '../../src/source/mysql/streaming/table-map.ts';
import { until } from './until.ts';

export type Server = 'mysql' | 'mariadb';

/** A plain connection with promises and multiple statements, for setting up and looking. */
export async function adminOf(port: number): Promise<Admin> {
  const connection = mysql.createConnection({
    host: '127.0.0.1',
    port,
    user: 'root',
    multipleStatements: true,
    charset: 'utf8mb4',
    supportBigNumbers: true,
    bigNumberStrings: true,
  });
  const admin: Admin = {
    connection,
    query: (sql, values = []) =>
      new Promise((resolve, reject) => {
        connection.query(sql, [...values], (error, rows) => (error === null ? resolve(rows as Record<string, unknown>[]) : reject(error)));
      }),
    end: () => new Promise((resolve) => connection.end(() => resolve())),
  };
  await admin.query("SET NAMES utf8mb4; SET SESSION sql_mode = ''; SET SESSION time_zone = '+00:00'");
  return admin;
}

export interface Admin {
  readonly connection: mysql.Connection;
  query(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  end(): Promise<void>;
}

export interface Position {
  readonly file: string;
  readonly pos: number;
}

export async function positionOf(admin: Admin, server: Server): Promise<Position> {
  const [status] = await admin.query(server === 'mysql' ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS');
  return { file: status?.['File'] as string, pos: Number(status?.['Position']) };
}

/** A rows event as it came, with the table map before it. */
export interface RawRows {
  readonly mapBody: Buffer;
  readonly body: Buffer;
  readonly type: number;
  readonly map: TableMap;
}

/** The rows events of one database between two positions; waits for `to` to be reached. */
export async function rowsBetween(
  port: number,
  from: Position,
  to: Position,
  database: string,
  server: Server = 'mysql',
): Promise<RawRows[]> {
  const events: RawRows[] = [];
  const maps = new Map<number, { body: Buffer; map: TableMap }>();
  let file = from.file;
  let reached = false;
  let failure: Error | null = null;
  const client = new BinlogClient({
    connection: { host: '127.0.0.1', port, user: 'root', password: '' },
    serverId: 70_000 + Math.floor(Math.random() * 1_000_000),
    from,
    annotateRows: false,
    heartbeatMs: 1000,
    sessionStatements: [],
    onFailure: (error) => {
      failure = error;
    },
    onEvent: (buffer, start, end) => {
      const type = buffer[start + 4] as number;
      const next = buffer.readUInt32LE(start + 13);
      const body = Buffer.from(buffer.subarray(start + 19, end));
      if (type === 4) file = body.subarray(8).toString();
      if (type === 19) {
        const map = parseTableMap(body, 0, body.length, server);
        maps.set(map.tableId, { body, map });
      } else if ((type >= 23 && type <= 25) || (type >= 30 && type <= 32) || type === 39 || (type >= 166 && type <= 171)) {
        const known = maps.get(rowsEventTableId(body, 0));
        if (known?.map.database === database) {
          const plain = isMariadbCompressed(type) ? inflateMariadbRows(body, 0, body.length, type) : { buf: body, type };
          events.push({ mapBody: known.body, body: plain.buf, type: plain.type, map: known.map });
        }
      }
      if (file === to.file && next >= to.pos) reached = true;
    },
  });
  client.start();
  try {
    await until(`binlog position ${to.file}:${to.pos}`, 30_000, () => {
      if (failure !== null) throw failure;
      return reached;
    });
  } finally {
    await client.stop();
  }
  return events;
}

/** A change as the decoder gives it, one a row. */
export interface DecodedChange {
  readonly table: string;
  readonly op: 'c' | 'u' | 'd';
  readonly before: Row | null;
  readonly after: Row | null;
}

/** Decodes events of tables known by name. */
export function decodeAll(
  events: readonly RawRows[],
  tables: ReadonlyMap<string, { readonly table: Table; readonly schema: TableSchema }>,
  options: CodecOptions,
): DecodedChange[] {
  const changes: DecodedChange[] = [];
  for (const event of events) {
    const known = tables.get(event.map.table);
    if (known === undefined) continue;
    const decoder = compileRowsDecoder(event.map, known.table, known.schema, options);
    const rows = decoder.decode(event.body, 0, event.body.length, event.type);
    const op = rows.before === null ? 'c' : rows.after === null ? 'd' : 'u';
    for (let i = 0; i < rows.count; i++) {
      changes.push({ table: event.map.table, op, before: rows.before?.[i] ?? null, after: rows.after?.[i] ?? null });
    }
  }
  return changes;
}

/** Reads a table with a snapshot reader, over a session set up as it asks for. */
export async function snapshotRows(port: number, from: string, reader: SnapshotReader, tail = ''): Promise<Row[]> {
  const admin = await adminOf(port);
  try {
    for (const sql of SNAPSHOT_SESSION) await admin.query(sql);
    const rows: Row[] = [];
    const connection = new MySqlConnection(admin.connection, {}, 0);
    await connection.stream(`SELECT ${reader.selectList} FROM ${from} ${tail}`, (packet, offset) =>
      rows.push(reader.decodeRow(packet, offset)),
    ).done;
    return rows;
  } finally {
    await admin.end();
  }
}
