import { zstdDecompressSync } from 'node:zlib';
import { CdcError } from '../../../model/errors.ts';
import { HEADER_BYTES, parsePayloadHeader } from './binlog-events.ts';

const ZSTD = 0;
const NONE = 255;

/**
 * The events inside a TRANSACTION_PAYLOAD_EVENT (binlog_transaction_compression=ON), one `next` at a time so that the
 * reader can stop between them. They carry no checksums and no usable positions.
 */
export class TransactionPayload {
  readonly buffer: Buffer;
  start = 0;
  end = 0;

  private constructor(buffer: Buffer) {
    this.buffer = buffer;
  }

  /** Throws CDC_MYSQL_TRANSACTION_PAYLOAD for a compression it doesn't know or bytes that don't inflate to the length told. */
  static open(buf: Buffer, body: number, end: number): TransactionPayload {
    const { compression, uncompressedBytes, data } = parsePayloadHeader(buf, body, end);
    if (compression === NONE) return new TransactionPayload(data);
    if (compression !== ZSTD) throw failure(`compression ${compression} is unknown`);
    let plain: Buffer;
    try {
      plain = zstdDecompressSync(data);
    } catch (cause) {
      throw failure('the payload does not decompress', cause);
    }
    if (uncompressedBytes !== 0 && plain.length !== uncompressedBytes) {
      throw failure(`the payload has ${plain.length} bytes instead of ${uncompressedBytes}`);
    }
    return new TransactionPayload(plain);
  }

  /** Moves to the next event; false at the end. */
  next(): boolean {
    this.start = this.end;
    if (this.start === this.buffer.length) return false;
    if (this.start + HEADER_BYTES > this.buffer.length) throw failure('an event is cut off');
    this.end = this.start + this.buffer.readUInt32LE(this.start + 9);
    if (this.end > this.buffer.length || this.end <= this.start) throw failure('an event has a wrong length');
    return true;
  }
}

function failure(what: string, cause?: unknown): CdcError {
  return new CdcError('CDC_MYSQL_TRANSACTION_PAYLOAD', 'fatal', `compressed transaction: ${what}`, {
    cause,
    hint: 'check the binlog file with mysqlbinlog --verify-binlog-checksum',
  });
}
