import { inflateRawSync, inflateSync } from 'node:zlib';
import { CdcError } from '../../../model/errors.ts';

/** A body without its compression, and the plain event type it now has. */
export interface InflatedEvent {
  readonly buf: Buffer;
  readonly start: number;
  readonly end: number;
  readonly type: number;
}

const QUERY_COMPRESSED = 165;
/** WRITE, UPDATE, DELETE of version 1 (166…168) and 2 (169…171). */
const PLAIN_TYPE: Readonly<Record<number, number>> = { 165: 2, 166: 23, 167: 24, 168: 25, 169: 30, 170: 31, 171: 32 };

/** True for the events `log_bin_compress=ON` makes MariaDB write. */
export function isMariadbCompressed(eventType: number): boolean {
  return PLAIN_TYPE[eventType] !== undefined;
}

/**
 * The plain form of a compressed rows or Query event of MariaDB: `buf[start, end)` is the body after the 19-byte header,
 * without checksum. Throws CDC_ROW_DECODE (fatal).
 */
export function inflateMariadbRows(buf: Buffer, start: number, end: number, eventType: number): InflatedEvent {
  const type = PLAIN_TYPE[eventType];
  if (type === undefined) throw failure(`event type ${eventType} is not compressed`);
  const payload = eventType === QUERY_COMPRESSED ? queryText(buf, start) : firstRow(buf, start, eventType);
  const inflated = inflateEventPayload(buf, payload, end);
  const plain = Buffer.concat([buf.subarray(start, payload), inflated]);
  return { buf: plain, start: 0, end: plain.length, type };
}

/** Offset of the statement: thread, time, database length, error, status length, status, database and its zero byte. */
function queryText(buf: Buffer, start: number): number {
  return start + 13 + buf.readUInt16LE(start + 11) + (buf[start + 8] as number) + 1;
}

/** Offset behind table id, flags, extra data, column count and bitmaps: what is compressed starts there. */
function firstRow(buf: Buffer, start: number, eventType: number): number {
  let pos = start + 8;
  if (eventType >= 169) pos += buf.readUInt16LE(pos);
  let count = buf[pos++] as number;
  if (count >= 251) {
    const size = count === 252 ? 2 : 3;
    count = buf.readUIntLE(pos, size);
    pos += size;
  }
  const update = eventType === 167 || eventType === 170;
  return pos + ((count + 7) >> 3) * (update ? 2 : 1);
}

/** Header byte: bit 7 set, bits 4-6 algorithm (0 = zlib), bits 0-2 bytes of the big-endian length. */
function inflateEventPayload(buf: Buffer, start: number, end: number): Buffer {
  const header = buf[start] as number;
  const lengthBytes = header & 7;
  if ((header & 0xf0) !== 0x80 || lengthBytes < 1 || lengthBytes > 4) throw failure(`compression header ${header} is not known`);
  const length = buf.readUIntBE(start + 1, lengthBytes);
  const inflated = inflate(() => inflateSync(buf.subarray(start + 1 + lengthBytes, end)));
  if (inflated.length !== length) throw failure(`inflated to ${inflated.length} bytes, ${length} were announced`);
  return inflated;
}

/** A value of a COMPRESSED column. Header byte: bits 4-7 method (0 stored, 8 zlib), bit 3 no zlib wrapper, bits 0-2 length bytes. */
export function inflateColumn(value: Buffer): Buffer {
  if (value.length === 0) return value;
  const header = value[0] as number;
  if (header >> 4 === 0) return value.subarray(1);
  if (header >> 4 !== 8) throw failure(`column compression method ${header >> 4} is not known`);
  const body = value.subarray(1 + (header & 7));
  return inflate(() => ((header & 8) !== 0 ? inflateRawSync(body) : inflateSync(body)));
}

function inflate(run: () => Buffer): Buffer {
  try {
    return run();
  } catch (cause) {
    throw failure('compressed data is damaged', cause);
  }
}

function failure(what: string, cause?: unknown): CdcError {
  return new CdcError('CDC_ROW_DECODE', 'fatal', `MariaDB compression: ${what}`, { cause });
}
