/** Where in the source's history a message belongs. */
export interface Position {
  /** Binlog base name (`mysql-bin`), or null for sources without binlog files. */
  readonly base: string | null;
  readonly fileNumber: number;
  readonly pos: number;
  /** Ordinal within the rows event. */
  readonly row: number;
  /** 0 in snapshots: the position is then that of the server the snapshot was taken from. */
  readonly serverId: number;
  /** When it was committed, microseconds since the epoch. */
  readonly tsUs: number;
}

const FILE = /^(.*)\.(\d+)$/;
let lastFile = '';
let lastBase: string | null = null;
let lastNumber = 0;

/** The position of a Debezium source block. Files without a number have no base, so they compare by time. */
export function positionOf(file: string | null, pos: number, row: number, serverId: number, tsUs: number): Position {
  if (file === null || file === '') return { base: null, fileNumber: 0, pos, row, serverId, tsUs };
  if (file !== lastFile) {
    const match = FILE.exec(file);
    lastFile = file;
    lastBase = match === null ? null : (match[1] as string);
    lastNumber = match === null ? 0 : Number(match[2]);
  }
  return { base: lastBase, fileNumber: lastNumber, pos, row, serverId, tsUs };
}

/**
 * Source order of two messages: by binlog position when both are of one server's binlog (file *number*, so
 * `bin.999999` < `bin.1000000`), otherwise by commit time. The row ordinal does not count: the rows of an event are one moment.
 */
export function comparePositions(a: Position, b: Position): number {
  if (comparable(a, b)) return a.fileNumber - b.fileNumber || a.pos - b.pos;
  return a.tsUs - b.tsUs;
}

/** True when file and pos decide, not the clock. */
export function comparable(a: Position, b: Position): boolean {
  return a.base !== null && a.base === b.base && (a.serverId === b.serverId || a.serverId === 0 || b.serverId === 0);
}
