import { CdcError } from '../../model/errors.ts';
import type { MySqlConnection } from './connection.ts';

export type FlavourName = 'mysql' | 'mariadb';

/** Where the server's binlog stands. */
export interface ServerPosition {
  readonly file: string;
  readonly pos: number;
  readonly gtids: string | null;
}

/** What differs between the two servers, in SQL. */
export interface Flavour {
  readonly name: FlavourName;
  /** The newest position; fails CDC_MYSQL_BINLOG_DISABLED when there is no binlog. */
  position(connection: MySqlConnection, signal: AbortSignal): Promise<ServerPosition>;
  /** Transactions the server knows to have executed, or null without GTIDs. */
  executedGtids(connection: MySqlConnection, signal: AbortSignal): Promise<string | null>;
  /** Oldest binlog file still there; null = none. */
  binaryLogs(connection: MySqlConnection, signal: AbortSignal): Promise<readonly { readonly file: string; readonly bytes: number }[]>;
}

const disabled = (): CdcError =>
  new CdcError('CDC_MYSQL_BINLOG_DISABLED', 'environment', 'the server writes no binary log', {
    hint: 'start it with log_bin and a server_id',
  });

async function binaryLogs(connection: MySqlConnection, signal: AbortSignal): Promise<readonly { file: string; bytes: number }[]> {
  const rows = await connection.query('SHOW BINARY LOGS', [], signal);
  return rows.map((r) => ({ file: r['Log_name'] as string, bytes: Number(r['File_size']) }));
}

const mysql: Flavour = {
  name: 'mysql',
  async position(connection, signal) {
    // 8.4 renamed the statement, 9.x knows only the new name.
    const row = await connection.one('SHOW BINARY LOG STATUS', [], signal).catch((error: CdcError) => {
      if ((error.cause as { errno?: number } | undefined)?.errno !== 1064) throw error;
      return connection.one('SHOW MASTER STATUS', [], signal);
    });
    if (row === null || row['File'] === null || row['File'] === undefined) throw disabled();
    const gtids = (row['Executed_Gtid_Set'] ?? '').replace(/\s/g, '');
    return { file: row['File'], pos: Number(row['Position']), gtids: gtids === '' ? null : gtids };
  },
  async executedGtids(connection, signal) {
    const row = await connection.one('SELECT @@GLOBAL.gtid_executed AS gtids, @@GLOBAL.gtid_mode AS mode', [], signal);
    return row?.['mode'] === 'ON' ? (row['gtids'] ?? '').replace(/\s/g, '') : null;
  },
  binaryLogs,
};

const mariadb: Flavour = {
  name: 'mariadb',
  async position(connection, signal) {
    const row = await connection.one('SHOW MASTER STATUS', [], signal);
    if (row === null || row['File'] === null || row['File'] === undefined) throw disabled();
    const gtid = await connection.one('SELECT BINLOG_GTID_POS(?, ?) AS gtids', [row['File'], Number(row['Position'])], signal);
    const gtids = gtid?.['gtids'] ?? '';
    return { file: row['File'], pos: Number(row['Position']), gtids: gtids === '' ? null : gtids };
  },
  async executedGtids(connection, signal) {
    const row = await connection.one('SELECT @@GLOBAL.gtid_binlog_pos AS gtids', [], signal);
    return row?.['gtids'] ?? null;
  },
  binaryLogs,
};

export function flavourOf(name: FlavourName): Flavour {
  return name === 'mysql' ? mysql : mariadb;
}
