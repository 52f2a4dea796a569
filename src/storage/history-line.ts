import { crc32 } from 'node:zlib';
import type { Json } from '../model/offset.ts';
import type { HistoryRecord } from '../spi/schema-history.ts';

const CHECKSUM = /,"crc32":(\d+)\}$/;

/** One line of a history file: Debezium's JSON with the checksum of the rest as last member. No line end. */
export function formatHistoryLine(r: HistoryRecord): string {
  const json = JSON.stringify({
    source: r.source,
    position: r.position,
    ts_ms: r.tsMs,
    databaseName: r.databaseName,
    ddl: r.ddl,
    tableChanges: r.tableChanges,
  });
  return `${json.slice(0, -1)},"crc32":${crc32(json)}}`;
}

/** A line read back; Debezium's have no checksum. null when it is not a history record or its checksum is wrong. */
export function parseHistoryLine(line: string): HistoryRecord | null {
  const m = CHECKSUM.exec(line);
  const json = m === null ? line : `${line.slice(0, m.index)}}`;
  if (m !== null && crc32(json) !== Number(m[1])) return null;
  let o: { [key: string]: Json };
  try {
    o = JSON.parse(json) as { [key: string]: Json };
  } catch {
    return null;
  }
  if (typeof o !== 'object' || o === null || !isObject(o['source']) || !isObject(o['position'])) return null;
  const { source, position, ddl, databaseName, tableChanges, ts_ms } = o;
  return {
    source: source as HistoryRecord['source'],
    position: position as HistoryRecord['position'],
    databaseName: typeof databaseName === 'string' ? databaseName : '',
    ddl: typeof ddl === 'string' ? ddl : '',
    tableChanges: Array.isArray(tableChanges) ? tableChanges : [],
    tsMs: typeof ts_ms === 'number' ? ts_ms : 0,
  };
}

function isObject(v: Json | undefined): boolean {
  return typeof v === 'object' && v !== null && !Array.isArray(v);
}
