import { crc32 } from 'node:zlib';
import ZongJi from '@vlasky/zongji';
import type { ConnectionOptions } from 'mysql2';
import { CdcError } from '../../../model/errors.ts';

/** One binlog event as it came: header at `start`, payload to `end`, checksum already cut off. Valid during the call only unless retained. */
export type BinlogEventHandler = (buffer: Buffer, start: number, end: number) => void;

export interface BinlogClientOptions {
  readonly connection: ConnectionOptions;
  readonly serverId: number;
  /** GTIDs win where given. */
  readonly from: { readonly gtids: string } | { readonly file: string; readonly pos: number };
  readonly annotateRows: boolean;
  readonly heartbeatMs: number;
  /** Session SETs of the dump connection, run before the dump starts. */
  readonly sessionStatements: readonly string[];
  readonly onEvent: BinlogEventHandler;
  /** Once, after which nothing more comes: the connection is lost, refused, or silent. */
  readonly onFailure: (error: CdcError) => void;
}

const ROTATE = 4;
const FORMAT_DESCRIPTION = 15;
const CHECKSUM_BYTES = 4;

interface Packet {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly end: number;
  isEOF(): boolean;
}

/** The parts of zongji 0.9.0 this file leans on beside its documented API; test/contract/zongji-seam.test.ts pins them. */
interface ZongJiInternals {
  connection: {
    pause(): void;
    resume(): void;
    query(sql: string, done: (error: Error | null) => void): void;
    threadId: number | null;
    stream?: { destroy(): void };
  } | null;
  ctrlConnection: { removeAllListeners(event: string): void; on(event: string, f: () => void): void; stream?: { destroy(): void } } | null;
  BinlogClass: { prototype: { binlogData: unknown; onResult?: (error: Error) => void } };
  isMariaDb: boolean;
}

/**
 * The replication connection: zongji connects, negotiates checksum and GTIDs and sends the dump command; its decoding
 * is replaced by handing every event's raw bytes to `onEvent`. One instance is one connection: after a failure make a
 * new one. The only importer of zongji.
 *
 * `start` → (events, `pause`/`resume`) → `onFailure` at most once, or `stop`.
 */
export class BinlogClient {
  readonly #options: BinlogClientOptions;
  readonly #zongji: ZongJi & ZongJiInternals;
  #checksumBytes = 0;
  #sawFormat = false;
  #paused = false;
  #over = false;
  #lastPacketAt = Date.now();
  #watchdog: NodeJS.Timeout | null = null;

  constructor(options: BinlogClientOptions) {
    this.#options = options;
    this.#zongji = new ZongJi(options.connection) as unknown as ZongJi & ZongJiInternals;
  }

  /** Connection id of the dump connection on the server; null before it is connected. */
  get threadId(): number | null {
    return this.#zongji.connection?.threadId ?? null;
  }

  start(): void {
    const { from, serverId, annotateRows, heartbeatMs } = this.#options;
    const z = this.#zongji;
    z.on('error', (error: Error) => this.#fail(classifyReplicationError(error, from)));
    z.on('ready', () => this.#takeOver());
    z.start({
      serverId,
      requestAnnotateRows: annotateRows,
      ...('gtids' in from ? { gtidSet: from.gtids } : { filename: from.file, position: from.pos }),
    });
    // Queued on the dump connection before the dump command: zongji made the connection inside start().
    const nanos = heartbeatMs * 1_000_000;
    for (const sql of [`SET @master_heartbeat_period=${nanos}, @source_heartbeat_period=${nanos}`, ...this.#options.sessionStatements]) {
      z.connection?.query(sql, (error) => {
        if (error !== null) this.#fail(classifyReplicationError(error, from));
      });
    }
    // A server that accepts the connection and says nothing is as dead as one that stops in the middle.
    this.#watchdog = setInterval(() => this.#watch(), Math.max(100, heartbeatMs / 2));
    this.#watchdog.unref();
  }

  pause(): void {
    if (this.#paused || this.#over) return;
    this.#paused = true;
    this.#zongji.connection?.pause();
  }

  /** Not to be called from within `onEvent`. */
  resume(): void {
    if (!this.#paused || this.#over) return;
    this.#paused = false;
    this.#lastPacketAt = Date.now();
    this.#zongji.connection?.resume();
  }

  /** Closes both sockets; waits at most about a second for the server to be told. */
  async stop(): Promise<void> {
    const silent = this.#over;
    this.#end();
    const z = this.#zongji;
    const sockets = [z.connection?.stream, z.ctrlConnection?.stream];
    if (!silent) {
      const stopped = new Promise<void>((resolve) => z.once('stopped', () => resolve()));
      z.stop();
      await stopped;
    } else z.stop();
    for (const socket of sockets) socket?.destroy();
  }

  #takeOver(): void {
    const z = this.#zongji;
    // The control connection only served the hand-shake; losing it later must not end a healthy stream.
    z.ctrlConnection?.removeAllListeners('error');
    z.ctrlConnection?.on('error', () => {});
    const prototype = z.BinlogClass.prototype;
    const next = (packet: Packet): unknown => {
      this.#receive(packet);
      return next;
    };
    prototype.binlogData = next;
    prototype.onResult = (error) => this.#fail(classifyReplicationError(error, this.#options.from));
  }

  #receive(packet: Packet): void {
    if (this.#over) return;
    this.#lastPacketAt = Date.now();
    if (packet.isEOF()) {
      this.#fail(new CdcError('CDC_MYSQL_CONNECTION_LOST', 'retriable', 'the server ended the binlog stream'));
      return;
    }
    const { buffer } = packet;
    const start = packet.offset + 1; // after the OK marker
    const type = buffer[start + 4] as number;
    let end = packet.end;
    if (type === FORMAT_DESCRIPTION) {
      // Its own last five bytes are the algorithm of what follows and a checksum, whether used or not.
      this.#checksumBytes = buffer[end - CHECKSUM_BYTES - 1] === 0 ? 0 : CHECKSUM_BYTES;
      this.#sawFormat = true;
      end -= CHECKSUM_BYTES;
    } else if (type === ROTATE && !this.#sawFormat) {
      // The rotate the server makes up comes before any format event: its checksum is seen, not known.
      const body = end - CHECKSUM_BYTES;
      if (body > start + 19 && crc32(buffer.subarray(start, body)) === buffer.readUInt32LE(body)) end = body;
    } else end -= this.#checksumBytes;
    try {
      this.#options.onEvent(buffer, start, end);
    } catch (error) {
      this.#fail(
        error instanceof CdcError
          ? error
          : new CdcError('CDC_MYSQL_BINLOG_EVENT', 'fatal', 'a binlog event could not be processed', { cause: error }),
      );
    }
  }

  #watch(): void {
    const silentMs = Date.now() - this.#lastPacketAt;
    if (this.#paused || this.#over || silentMs < 3 * this.#options.heartbeatMs) return;
    this.#fail(
      new CdcError(
        'CDC_MYSQL_CONNECTION_SILENT',
        'retriable',
        `nothing came on the replication connection for ${silentMs} ms, not even a heartbeat`,
        {
          hint: 'check the network between riverbend and the server',
        },
      ),
    );
  }

  #fail(error: CdcError): void {
    if (this.#over) return;
    this.#end();
    // Lost or not, nothing more may come from it.
    this.#zongji.connection?.stream?.destroy();
    this.#options.onFailure(error);
  }

  #end(): void {
    this.#over = true;
    if (this.#watchdog !== null) clearInterval(this.#watchdog);
    this.#watchdog = null;
  }
}

const ACCESS_DENIED = new Set([
  'ER_ACCESS_DENIED_ERROR',
  'ER_SPECIFIC_ACCESS_DENIED_ERROR',
  'ER_DBACCESS_DENIED_ERROR',
  'ER_NOT_SUPPORTED_AUTH_MODE',
]);

/**
 * What the server's or the driver's error means. Errno 1236 stands for many things that only its text tells apart
 * (MySQL 9.7 and MariaDB 10.11 texts).
 */
export function classifyReplicationError(error: Error, from: BinlogClientOptions['from']): CdcError {
  if (error instanceof CdcError) return error;
  const { code, errno } = error as Error & { code?: string; errno?: number };
  const text = error.message;
  const context = { from, code: code ?? null };
  if (/same server[_ ]?(id|uuid)|same server_uuid\/server_id|A (slave|replica) with the same/i.test(text)) {
    return new CdcError(
      'CDC_MYSQL_SERVER_ID_IN_USE',
      'environment',
      'another client connected with the same database.server.id, and the server closed this connection',
      {
        cause: error,
        hint: 'give every connector and every replica of this server an id of its own in database.server.id',
        context,
      },
    );
  }
  if (errno === 1236 || code === 'ER_SOURCE_FATAL_ERROR_READING_BINLOG' || code === 'ER_MASTER_FATAL_ERROR_READING_BINLOG') {
    if (/has more GTIDs than|GTID .* is not in the (master|primary|source)'s binlog|ahead|errant/i.test(text)) {
      return new CdcError(
        'CDC_MYSQL_POSITION_AHEAD',
        'environment',
        'the stored offset is ahead of the server: it knows fewer transactions than were read',
        {
          cause: error,
          hint: 'the server lost transactions or is another one; point the connector at the right server, or reset its offsets and snapshot anew',
          context,
        },
      );
    }
    if (/first log file name|purged|Could not find GTID state|could not be found|not found/i.test(text)) {
      return new CdcError('CDC_MYSQL_BINLOG_PURGED', 'environment', 'the binlog the stored offset needs is no longer on the server', {
        cause: error,
        hint: 'snapshot anew (snapshot.mode=when_needed does it by itself) and keep binlogs longer: binlog_expire_logs_seconds',
        context,
      });
    }
    if (/impossible position|bogus data|beyond|exceeds|event .* too/i.test(text)) {
      return new CdcError('CDC_MYSQL_POSITION_INVALID', 'environment', 'the server has no event at the stored offset', {
        cause: error,
        hint: 'the binlog was reset or the offset belongs to another server; reset the offsets and snapshot anew',
        context,
      });
    }
    if (/checksum/i.test(text)) {
      return new CdcError('CDC_MYSQL_CONNECTION_LOST', 'retriable', 'binlog_checksum changed on the server while reading', {
        cause: error,
        context,
      });
    }
    return new CdcError('CDC_MYSQL_REPLICATION', 'environment', `the server refused to send its binlog: ${text}`, {
      cause: error,
      hint: 'see the server error log',
      context,
    });
  }
  if (code !== undefined && ACCESS_DENIED.has(code)) {
    return new CdcError('CDC_MYSQL_PRIVILEGE', 'environment', `the server refused: ${text}`, {
      cause: error,
      hint: 'grant REPLICATION SLAVE and REPLICATION CLIENT to database.user, or correct database.password',
      context,
    });
  }
  return new CdcError('CDC_MYSQL_CONNECTION_LOST', 'retriable', `the replication connection was lost: ${text}`, { cause: error, context });
}
