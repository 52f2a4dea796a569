/** Event type codes of binlog v4, MySQL and MariaDB. */
export const EVENT = {
  QUERY: 2,
  STOP: 3,
  ROTATE: 4,
  INTVAR: 5,
  RAND: 13,
  USER_VAR: 14,
  FORMAT: 15,
  XID: 16,
  TABLE_MAP: 19,
  INCIDENT: 26,
  HEARTBEAT: 27,
  ROWS_QUERY: 29,
  GTID: 33,
  ANONYMOUS_GTID: 34,
  PREVIOUS_GTIDS: 35,
  XA_PREPARE: 38,
  TRANSACTION_PAYLOAD: 40,
  HEARTBEAT_V2: 41,
  GTID_TAGGED: 42,
  MARIADB_ANNOTATE: 160,
  MARIADB_CHECKPOINT: 161,
  MARIADB_GTID: 162,
  MARIADB_GTID_LIST: 163,
  MARIADB_START_ENCRYPTION: 164,
  MARIADB_QUERY_COMPRESSED: 165,
} as const;

export const HEADER_BYTES = 19;

/** What a rows event does by its type, PARTIAL_UPDATE_ROWS (39) included; undefined for other events. */
export const ROWS_OP: readonly ('c' | 'u' | 'd' | undefined)[] = (() => {
  const ops: ('c' | 'u' | 'd' | undefined)[] = [];
  for (const [op, types] of [
    ['c', [23, 30, 166, 169]],
    ['u', [24, 31, 39, 167, 170]],
    ['d', [25, 32, 168, 171]],
  ] as const)
    for (const t of types) ops[t] = op;
  return ops;
})();

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

function uuid(buf: Buffer, at: number): string {
  let s = '';
  for (let i = 0; i < 16; i++) {
    s += HEX[buf[at + i] as number];
    if (i === 3 || i === 5 || i === 7 || i === 9) s += '-';
  }
  return s;
}

/** A transaction's identity and when it was committed where it was first written, microseconds (0 = not told). */
export interface GtidEvent {
  readonly gtid: string | null;
  readonly commitUs: number;
}

function uint56(buf: Buffer, at: number): number {
  return buf.readUIntLE(at, 6) + ((buf[at + 6] as number) & 0x7f) * 2 ** 48;
}

/** GTID_LOG_EVENT and ANONYMOUS_GTID_LOG_EVENT. Layout: flags, uuid, gno, logical clock (17 bytes), commit times. */
export function parseGtidEvent(buf: Buffer, body: number, end: number, anonymous: boolean): GtidEvent {
  const gno = buf.readBigUInt64LE(body + 17);
  let commitUs = 0;
  const times = body + 25 + 17;
  if (times + 7 <= end) {
    commitUs = uint56(buf, times);
    if (((buf[times + 6] as number) & 0x80) !== 0 && times + 14 <= end) {
      const original = uint56(buf, times + 7);
      if (original !== 0) commitUs = original;
    }
  }
  return { gtid: anonymous ? null : `${uuid(buf, body + 1)}:${gno}`, commitUs };
}

/** A reader of mysql::serialization's variable-length integers: the number of trailing ones of the first byte tells the length. */
class VarintReader {
  readonly #buf: Buffer;
  pos: number;
  constructor(buf: Buffer, pos: number) {
    this.#buf = buf;
    this.pos = pos;
  }
  unsigned(): bigint {
    const first = this.#buf[this.pos] as number;
    let extra = 0;
    while (extra < 8 && (first & (1 << extra)) !== 0) extra++;
    let value = BigInt(first) >> BigInt(extra + 1);
    if (extra === 8) value = 0n;
    const shift = extra >= 7 ? 0n : BigInt(7 - extra);
    for (let i = 0; i < extra; i++) value |= BigInt(this.#buf[this.pos + 1 + i] as number) << (shift + 8n * BigInt(i));
    this.pos += extra + 1;
    return value;
  }
  /** Zigzag: the lowest bit is the sign. */
  signed(): bigint {
    const v = this.unsigned();
    return (v & 1n) === 0n ? v >> 1n : -((v >> 1n) + 1n);
  }
}

/** GTID_TAGGED_LOG_EVENT (MySQL 8.3+): one mysql::serialization message, fields in ascending id order. */
export function parseTaggedGtidEvent(buf: Buffer, body: number, end: number): GtidEvent {
  const r = new VarintReader(buf, body);
  const version = r.unsigned();
  const size = Number(r.unsigned());
  const messageEnd = Math.min(body + size, end);
  const lastNonIgnorable = r.unsigned();
  if (version !== 1n || lastNonIgnorable > 12n) throw new RangeError('a tagged GTID event of an unknown version');
  let source = '';
  let gno = 0n;
  let tag = '';
  let immediate = 0;
  let original = 0;
  while (r.pos < messageEnd) {
    const id = Number(r.unsigned());
    if (id === 0) r.unsigned();
    else if (id === 1) {
      const bytes = Buffer.alloc(16);
      for (let i = 0; i < 16; i++) bytes[i] = Number(r.unsigned());
      source = uuid(bytes, 0);
    } else if (id === 2) gno = r.signed();
    else if (id === 3) {
      const n = Number(r.unsigned());
      tag = buf.toString('latin1', r.pos, r.pos + n);
      r.pos += n;
    } else if (id === 4 || id === 5) r.signed();
    else if (id === 6) immediate = Number(r.unsigned());
    else if (id === 7) original = Number(r.unsigned());
    else break;
  }
  if (source === '' || gno === 0n) throw new RangeError('a tagged GTID event without source or number');
  return { gtid: tag === '' ? `${source}:${gno}` : `${source}:${tag}:${gno}`, commitUs: original !== 0 ? original : immediate };
}

export interface MariaDbGtidEvent {
  readonly gtid: string;
  /** One statement that is its own group (DDL); no BEGIN is implied. */
  readonly standalone: boolean;
  readonly preparedXa: boolean;
  readonly completedXa: boolean;
  /** Identity of an XA branch, for prepared and completed ones. */
  readonly xid: string | null;
}

export function parseMariaDbGtidEvent(buf: Buffer, body: number, end: number, serverId: number): MariaDbGtidEvent {
  const seq = buf.readBigUInt64LE(body);
  const domain = buf.readUInt32LE(body + 8);
  const flags = buf[body + 12] as number;
  const preparedXa = (flags & 64) !== 0;
  const completedXa = (flags & 128) !== 0;
  let pos = body + 13 + ((flags & 2) !== 0 ? 8 : 0);
  let xid: string | null = null;
  if (preparedXa || completedXa) {
    const format = buf.readUInt32LE(pos);
    const length = (buf[pos + 4] as number) + (buf[pos + 5] as number);
    pos += 6;
    if (pos + length > end) throw new RangeError('a MariaDB GTID event with a broken XA identity');
    xid = `${format}:${buf.readUInt8(pos - 2)}:${buf.toString('hex', pos, pos + length)}`;
  }
  return { gtid: `${domain}-${serverId}-${seq}`, standalone: (flags & 1) !== 0, preparedXa, completedXa, xid };
}

export interface QueryEvent {
  readonly thread: number;
  readonly database: string;
  /** Raw bytes: the client's character set is in `clientCharset`. */
  readonly sql: Buffer;
  readonly sqlMode: bigint | null;
  /** Collation id of character_set_client; null when not told. */
  readonly clientCharset: number | null;
  readonly serverCollation: number | null;
  readonly explicitDefaultsForTimestamp: boolean | null;
  readonly errorCode: number;
}

const Q_STATUS_SIZES: Readonly<Record<number, number>> = {
  0: 4,
  1: 8,
  3: 4,
  4: 6,
  7: 2,
  8: 2,
  9: 8,
  10: 4,
  13: 3,
  16: 1,
  17: 8,
  18: 2,
  19: 1,
  20: 1,
  128: 3,
  129: 8,
  130: 2,
};

/** Whether a QUERY event is the BEGIN of a transaction; all but a few are. */
export function isBegin(buf: Buffer, body: number, end: number): boolean {
  return (
    end - 5 === body + 14 + buf.readUInt16LE(body + 11) + (buf[body + 8] as number) &&
    buf.readUInt32BE(end - 5) === 0x42454749 &&
    buf[end - 1] === 0x4e
  );
}

/** QUERY_EVENT. Status variables are read as far as they are known: an unknown code ends them, as in the server's own reader. */
export function parseQueryEvent(buf: Buffer, body: number, end: number): QueryEvent {
  const thread = buf.readUInt32LE(body);
  const databaseLength = buf[body + 8] as number;
  const errorCode = buf.readUInt16LE(body + 9);
  const statusLength = buf.readUInt16LE(body + 11);
  let pos = body + 13;
  const statusEnd = pos + statusLength;
  let sqlMode: bigint | null = null;
  let clientCharset: number | null = null;
  let serverCollation: number | null = null;
  let explicitDefaultsForTimestamp: boolean | null = null;
  while (pos < statusEnd) {
    const code = buf[pos++] as number;
    if (code === 1) sqlMode = buf.readBigUInt64LE(pos);
    else if (code === 16) explicitDefaultsForTimestamp = buf[pos] !== 0;
    else if (code === 4) {
      clientCharset = buf.readUInt16LE(pos);
      serverCollation = buf.readUInt16LE(pos + 4);
    }
    if (code === 2) pos += (buf[pos] as number) + 2;
    else if (code === 5 || code === 6) pos += (buf[pos] as number) + 1;
    else if (code === 11) {
      pos += (buf[pos] as number) + 1;
      pos += (buf[pos] as number) + 1;
    } else if (code === 12) {
      const n = buf[pos++] as number;
      if (n !== 254) for (let i = 0; i < n; i++) pos = buf.indexOf(0, pos) + 1;
    } else {
      const size = Q_STATUS_SIZES[code];
      if (size === undefined) break;
      pos += size;
    }
  }
  const database = buf.toString('utf8', statusEnd, statusEnd + databaseLength);
  return {
    thread,
    database,
    sql: buf.subarray(statusEnd + databaseLength + 1, end),
    sqlMode,
    clientCharset,
    serverCollation,
    explicitDefaultsForTimestamp,
    errorCode,
  };
}

/** Fields of TRANSACTION_PAYLOAD_EVENT: type and length in packed integers, ended by type 0. */
export function parsePayloadHeader(
  buf: Buffer,
  body: number,
  end: number,
): { compression: number; uncompressedBytes: number; data: Buffer } {
  let pos = body;
  let compression = 255;
  let uncompressedBytes = 0;
  const packed = (): number => {
    const first = buf[pos++] as number;
    if (first < 251) return first;
    const bytes = first === 252 ? 2 : first === 253 ? 3 : 8;
    const n = bytes === 8 ? Number(buf.readBigUInt64LE(pos)) : buf.readUIntLE(pos, bytes);
    pos += bytes;
    return n;
  };
  while (pos < end) {
    const type = packed();
    if (type === 0) break;
    const length = packed();
    const next = pos + length;
    if (type === 2) compression = packed();
    else if (type === 3) uncompressedBytes = packed();
    pos = next;
  }
  return { compression, uncompressedBytes, data: buf.subarray(pos, end) };
}
