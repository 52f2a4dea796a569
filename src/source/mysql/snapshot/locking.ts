import { CdcError } from '../../../model/errors.ts';
import type { Logger } from '../../../spi/telemetry.ts';
import type { MySqlConnection } from '../connection.ts';
import type { Flavour, ServerPosition } from '../flavour.ts';

export interface ConsistentView {
  readonly position: ServerPosition;
  /** Definitions may be read until then; ends the lock where there is one. */
  release(): Promise<void>;
}

const SANDWICH_ATTEMPTS = 10;

/**
 * Opens a transaction that sees exactly what the position says was written. MariaDB tells the position of a consistent
 * snapshot itself, without any lock. MySQL is stopped for the moment between both with FLUSH TABLES WITH READ LOCK; where
 * that is not allowed or `snapshot.locking.mode=none`, the executed GTIDs are read before and after until they agree.
 * Throws CDC_MYSQL_PRIVILEGE when neither is possible.
 */
export async function openConsistentView(
  connection: MySqlConnection,
  flavour: Flavour,
  options: { readonly lockingMode: string; readonly lockTimeoutMs: number; readonly logger: Logger },
  signal: AbortSignal,
): Promise<ConsistentView> {
  const prepared = await connection.query('XA RECOVER', [], signal).catch(() => []);
  if (prepared.length > 0) {
    throw new CdcError(
      'CDC_MYSQL_XA',
      'retriable',
      `the server holds ${prepared.length} prepared XA transactions, which a snapshot cannot see`,
      {
        hint: 'commit or roll them back (XA RECOVER lists them); the snapshot is tried again',
      },
    );
  }
  await connection.query('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ', [], signal);
  if (flavour.name === 'mariadb') return await mariadbView(connection, signal);
  if (options.lockingMode !== 'none') {
    const locked = await lockGlobally(connection, options, signal);
    if (locked) {
      await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT', [], signal);
      const position = await flavour.position(connection, signal);
      return {
        position,
        release: async () => {
          await connection.query('UNLOCK TABLES', [], signal);
        },
      };
    }
  }
  return await gtidView(connection, flavour, options.logger, signal);
}

async function mariadbView(connection: MySqlConnection, signal: AbortSignal): Promise<ConsistentView> {
  await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT', [], signal);
  const rows = await connection.query("SHOW STATUS LIKE 'binlog_snapshot%'", [], signal);
  const status = Object.fromEntries(rows.map((r) => [(r['Variable_name'] ?? '').toLowerCase(), r['Value'] ?? '']));
  const file = status['binlog_snapshot_file'] ?? '';
  const pos = Number(status['binlog_snapshot_position'] ?? '0');
  if (file === '') {
    throw new CdcError('CDC_MYSQL_BINLOG_DISABLED', 'environment', 'the server writes no binary log', {
      hint: 'start it with log_bin and a server_id',
    });
  }
  const gtid = await connection.one('SELECT BINLOG_GTID_POS(?, ?) AS gtids', [file, pos], signal);
  return { position: { file, pos, gtids: gtid?.['gtids'] || null }, release: async () => {} };
}

/** False when the privilege is missing or the lock is not had in time. */
async function lockGlobally(
  connection: MySqlConnection,
  options: { readonly lockTimeoutMs: number; readonly logger: Logger },
  signal: AbortSignal,
): Promise<boolean> {
  await connection.query(`SET SESSION lock_wait_timeout = ${Math.max(1, Math.ceil(options.lockTimeoutMs / 1000))}`, [], signal);
  try {
    await connection.query('FLUSH TABLES WITH READ LOCK', [], signal);
    return true;
  } catch (error) {
    const errno = error instanceof CdcError ? (error.cause as { errno?: number } | undefined)?.errno : undefined;
    // 1227 access denied, 1045 on some services, 1205 lock wait timeout, 1290 read-only server.
    if (errno !== 1227 && errno !== 1045 && errno !== 1205 && errno !== 1290) throw error;
    options.logger.warn({ errno }, 'FLUSH TABLES WITH READ LOCK is not possible; the position is found by GTIDs instead');
    return false;
  }
}

/**
 * gtid_executed grows only after the storage engine committed, so everything in it before the view opened is in the view.
 * When it is the same afterwards nothing came between. Otherwise the transactions between may be read twice, never lost.
 */
async function gtidView(connection: MySqlConnection, flavour: Flavour, logger: Logger, signal: AbortSignal): Promise<ConsistentView> {
  for (let attempt = 1; ; attempt++) {
    const before = await flavour.executedGtids(connection, signal);
    if (before === null) {
      throw new CdcError('CDC_MYSQL_PRIVILEGE', 'environment', 'a consistent position needs the RELOAD privilege, or GTIDs on the server', {
        hint: 'GRANT RELOAD ON *.* TO the connector user, or set gtid_mode=ON',
      });
    }
    const position = await flavour.position(connection, signal);
    await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT', [], signal);
    const after = await flavour.executedGtids(connection, signal);
    if (after === before || attempt === SANDWICH_ATTEMPTS) {
      if (after !== before)
        logger.warn({ attempt }, 'the server commits without pause: some changes will come both in the snapshot and after it');
      return { position: { ...position, gtids: before }, release: async () => {} };
    }
    await connection.query('ROLLBACK', [], signal);
  }
}
