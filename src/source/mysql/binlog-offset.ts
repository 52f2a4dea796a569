import type { Json, SourceOffset } from '../../model/offset.ts';
import { MariaDbGtidPosition, MySqlGtidSet } from './gtid.ts';

/**
 * Debezium's binlog offset: where the transaction starts in which reading stopped (`file`, `pos`, and `gtids`
 * without that transaction), how many of its events were read completely (`event`, BEGIN is the first), and
 * how many rows of the next one (`row`).
 */
export interface BinlogOffset {
  readonly tsSec: number | null;
  readonly file: string;
  readonly pos: number;
  readonly gtids: string | null;
  readonly event: number;
  readonly row: number;
  readonly serverId: number | null;
  /** The snapshot at this position is not complete. */
  readonly snapshot: boolean;
  readonly transactionId: string | null;
}

/** The offset's meaning, or null when it is not a binlog offset. */
export function parseBinlogOffset(offset: SourceOffset): BinlogOffset | null {
  const { file, pos, gtids, event, row } = offset;
  if (typeof file !== 'string' || typeof pos !== 'number') return null;
  return {
    tsSec: typeof offset['ts_sec'] === 'number' ? offset['ts_sec'] : null,
    file,
    pos,
    gtids: typeof gtids === 'string' && gtids !== '' ? gtids : null,
    event: typeof event === 'number' ? event : 0,
    row: typeof row === 'number' ? row : 0,
    serverId: typeof offset['server_id'] === 'number' ? offset['server_id'] : null,
    // An incremental snapshot runs beside the stream; what it has done is in keys of its own.
    snapshot:
      offset['snapshot'] !== undefined && offset['snapshot'] !== null && ![false, 'INCREMENTAL'].includes(offset['snapshot'] as string),
    transactionId: typeof offset['transaction_id'] === 'string' ? offset['transaction_id'] : null,
  };
}

/** `bin.999999` < `bin.1000000`: the number decides. */
export function compareBinlogFiles(a: string, b: string): number {
  const x = Number(a.slice(a.lastIndexOf('.') + 1));
  const y = Number(b.slice(b.lastIndexOf('.') + 1));
  if (Number.isFinite(x) && Number.isFinite(y)) return x - y;
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Whether what happened at `a` precedes or is at `b`, the question schema history recovery asks. GTIDs decide
 * when both have them and differ, else file, position, event and row.
 */
export function isAtOrBefore(flavour: 'mysql' | 'mariadb', a: BinlogOffset, b: BinlogOffset): boolean {
  if (a.gtids !== null && b.gtids !== null && a.gtids !== b.gtids) {
    if (flavour === 'mysql') {
      const x = MySqlGtidSet.parse(a.gtids);
      const y = MySqlGtidSet.parse(b.gtids);
      const within = y.contains(x);
      if (!within || !x.contains(y)) return within;
    } else {
      const x = MariaDbGtidPosition.parse(a.gtids);
      const y = MariaDbGtidPosition.parse(b.gtids);
      const within = y.contains(x);
      if (!within || !x.contains(y)) return within;
    }
  }
  const files = compareBinlogFiles(a.file, b.file);
  if (files !== 0) return files < 0;
  if (a.pos !== b.pos) return a.pos < b.pos;
  if (a.event !== b.event) return a.event < b.event;
  return a.row <= b.row;
}

/** Builds the stored form; keys absent where Debezium leaves them out. */
export function formatBinlogOffset(o: {
  readonly tsSec: number;
  readonly file: string;
  readonly pos: number;
  readonly gtids: string | null;
  readonly row?: number;
  readonly serverId?: number;
  readonly event?: number;
  readonly snapshot?: boolean;
}): SourceOffset {
  const out: Record<string, Json> = { ts_sec: o.tsSec, file: o.file, pos: o.pos };
  if (o.gtids !== null) out['gtids'] = o.gtids;
  if (o.row !== undefined && o.row > 0) out['row'] = o.row;
  if (o.serverId !== undefined) out['server_id'] = o.serverId;
  if (o.event !== undefined && o.event > 0) out['event'] = o.event;
  if (o.snapshot === true) out['snapshot'] = 'INITIAL';
  return out;
}
