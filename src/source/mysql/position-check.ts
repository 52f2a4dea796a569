import { CdcError } from '../../model/errors.ts';
import type { BinlogOffset } from './binlog-offset.ts';
import type { MySqlConnection } from './connection.ts';
import type { Flavour } from './flavour.ts';
import { MySqlGtidSet } from './gtid.ts';

/**
 * Whether the server still has what comes after `offset`: null, or what is wrong. MariaDB's GTID positions are left to the
 * server to judge when streaming starts (it answers 1236 at once).
 */
export async function positionState(
  connection: MySqlConnection,
  flavour: Flavour,
  offset: BinlogOffset,
  signal: AbortSignal,
): Promise<CdcError | null> {
  const context = { file: offset.file, pos: offset.pos };
  if (offset.gtids !== null) {
    if (flavour.name === 'mariadb') return null;
    const row = await connection.one(
      'SELECT @@GLOBAL.gtid_executed AS executed, @@GLOBAL.gtid_purged AS purged, @@GLOBAL.gtid_mode AS mode',
      [],
      signal,
    );
    if (row?.['mode'] === 'ON') {
      const read = MySqlGtidSet.parse(offset.gtids);
      const executed = MySqlGtidSet.parse(row['executed'] ?? '');
      const purged = MySqlGtidSet.parse(row['purged'] ?? '');
      if (!executed.contains(read)) {
        return new CdcError('CDC_MYSQL_POSITION_AHEAD', 'environment', 'the stored offset holds transactions the server does not have', {
          hint: 'the server was restored or is another one; point the connector at the right one, or reset its offsets for a new snapshot',
          context: { ...context, missing: read.minus(executed).format() },
        });
      }
      const gone = executed.minus(read);
      if (gone.intersects(purged)) {
        return new CdcError('CDC_MYSQL_BINLOG_PURGED', 'environment', 'the server purged transactions that were not read yet', {
          hint: 'snapshot anew (snapshot.mode=when_needed does it by itself) and keep binlogs longer: binlog_expire_logs_seconds',
          context,
        });
      }
      return null;
    }
  }
  const files = await flavour.binaryLogs(connection, signal);
  const file = files.find((f) => f.file === offset.file);
  if (file === undefined) {
    return new CdcError(
      'CDC_MYSQL_BINLOG_PURGED',
      'environment',
      `the binlog file "${offset.file}" of the stored offset is no longer on the server`,
      {
        hint: 'snapshot anew (snapshot.mode=when_needed does it by itself) and keep binlogs longer: binlog_expire_logs_seconds',
        context,
      },
    );
  }
  if (offset.pos > file.bytes) {
    return new CdcError('CDC_MYSQL_POSITION_INVALID', 'environment', `the binlog file "${offset.file}" ends before the stored offset`, {
      hint: 'the binlog was reset or the server is another one; reset the offsets for a new snapshot',
      context: { ...context, bytes: file.bytes },
    });
  }
  return null;
}

/** Whether streaming can start by GTIDs: the offset has them and the server keeps them. */
export async function startsByGtid(
  connection: MySqlConnection,
  flavour: Flavour,
  offset: BinlogOffset,
  ignoreGtids: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  if (offset.gtids === null || ignoreGtids) return false;
  return flavour.name === 'mariadb' || (await flavour.executedGtids(connection, signal)) !== null;
}
