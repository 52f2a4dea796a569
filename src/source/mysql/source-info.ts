import type { SnapshotMarker, SourceInfo } from '../../model/chunk.ts';
import { EVENT_VERSION } from '../../model/envelope.ts';

export interface SourceInfoInput {
  readonly db: string;
  readonly table: string | null;
  readonly tsUs: number;
  readonly snapshot: SnapshotMarker | null;
  readonly serverId: number;
  readonly gtid: string | null;
  readonly file: string;
  readonly pos: number;
  readonly thread: number | null;
  readonly query: string | null;
  /** Of DDL only: Debezium leaves the number of the last row before it. */
  readonly row?: number;
}

/** Microseconds as nanoseconds; past 2^53, hence a bigint. */
function nanos(us: number): bigint {
  return BigInt(us) * 1000n;
}

/** Builds the `source` block of a chunk; `values` follows envelope.ts `sourceSchema`. Called once per rows event. */
export function sourceInfo(connector: string, name: string, i: SourceInfoInput): SourceInfo {
  return {
    connector,
    name,
    db: i.db,
    table: i.table,
    tsUs: i.tsUs,
    snapshot: i.snapshot,
    serverId: i.serverId,
    gtid: i.gtid,
    file: i.file,
    pos: i.pos,
    thread: i.thread,
    query: i.query,
    values: [
      EVENT_VERSION,
      connector,
      name,
      Math.floor(i.tsUs / 1000),
      i.snapshot ?? 'false',
      i.db,
      null,
      i.tsUs,
      nanos(i.tsUs),
      i.table,
      i.serverId,
      i.gtid,
      i.file,
      i.pos,
      i.row ?? 0,
      i.thread,
      i.query,
    ],
  };
}
