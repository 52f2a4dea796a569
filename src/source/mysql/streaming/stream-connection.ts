import { CdcError, isAborted } from '../../../model/errors.ts';
import type { Logger } from '../../../spi/telemetry.ts';
import { pause } from '../../../util/backoff.ts';
import type { BinlogOffset } from '../binlog-offset.ts';
import type { MySqlConfig } from '../config.ts';
import { connect } from '../connection.ts';
import type { Flavour } from '../flavour.ts';
import { startsByGtid } from '../position-check.ts';
import { BinlogClient } from './binlog-client.ts';
import type { BinlogReader } from './binlog-reader.ts';

export interface StreamConnectionOptions {
  readonly config: MySqlConfig;
  readonly flavour: Flavour;
  readonly reader: BinlogReader;
  readonly logger: Logger;
  /** The connection was lost; it is made anew. */
  readonly onLost?: () => void;
}

const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 10_000;
const LONGEST_HEARTBEAT_MS = 10_000;
const DAY_SECONDS = 86_400;

/**
 * Keeps a replication connection alive: a lost or silent one is replaced by a new instance that goes on at the reader's
 * resume point, with growing delays. Ends with the first error that a new connection cannot mend.
 */
export class StreamConnection {
  readonly #o: StreamConnectionOptions;
  #client: BinlogClient | null = null;
  #reject: ((error: CdcError) => void) | null = null;
  #paused = false;
  #fatal: CdcError | null = null;
  #lastEventAt = 0;
  #lost: CdcError | null = null;

  constructor(options: StreamConnectionOptions) {
    this.#o = options;
  }

  /** Connected, and nothing came for a second: the newest event is read. */
  get quiet(): boolean {
    return this.#client !== null && !this.#paused && Date.now() - this.#lastEventAt > 1000;
  }

  /** Why there is no connection just now; null while events come. */
  get lost(): CdcError | null {
    return this.#lost;
  }

  pause(): void {
    this.#paused = true;
    this.#client?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#client?.resume();
  }

  /** The reader met something it cannot process. */
  fail(error: CdcError): void {
    this.#fatal ??= error;
    this.#reject?.(error);
  }

  async stop(): Promise<void> {
    this.#reject?.(new CdcError('CDC_ABORTED', 'aborted', 'stopped while streaming'));
    const client = this.#client;
    this.#client = null;
    await client?.stop();
  }

  /** Streams until `stop`, or rejects. */
  async run(from: BinlogOffset, signal: AbortSignal): Promise<void> {
    const { reader, logger, config } = this.#o;
    let next = from;
    let failures = 0;
    for (;;) {
      const startedAt = Date.now();
      const rows = reader.rowsTotal;
      try {
        await this.#session(next, signal);
        return;
      } catch (error) {
        if (signal.aborted || isAborted(error)) throw error;
        if (!(error instanceof CdcError) || error.kind !== 'retriable') throw error;
        // A session that got somewhere starts the count of failures anew.
        if (reader.rowsTotal > rows || Date.now() - startedAt > 60_000) failures = 0;
        failures++;
        this.#lost = error;
        this.#o.onLost?.();
        const limit = config['errors.max.retries'];
        if (limit >= 0 && failures > limit) throw error;
        const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(failures - 1, 10));
        const delayMs = Math.round(ceiling / 2 + (Math.random() * ceiling) / 2);
        logger.warn({ code: error.code, attempt: failures, delayMs, ...reader.position }, `${error.message}; reconnecting`);
        await pause(delayMs, signal);
        if (signal.aborted) throw new CdcError('CDC_ABORTED', 'aborted', 'stopped while waiting to reconnect');
        await reader.settled();
        if (this.#fatal !== null) throw this.#fatal;
        next = reader.resumePoint();
      } finally {
        reader.disconnected();
        const client = this.#client;
        this.#client = null;
        await client?.stop();
      }
    }
  }

  async #session(from: BinlogOffset, signal: AbortSignal): Promise<void> {
    const { config, flavour, reader } = this.#o;
    const control = await connect(config, signal);
    let byGtid: boolean;
    try {
      byGtid = await startsByGtid(control, flavour, from, config['gtid.ignore.on.recovery'], signal);
    } finally {
      await control.end();
    }
    reader.restart(from);
    this.#paused = false;
    const readTimeout = config['binlog.net.read.timeout'];
    const writeTimeout = config['binlog.net.write.timeout'];
    const session = [`SET SESSION net_write_timeout=${writeTimeout > 0 ? writeTimeout : DAY_SECONDS}`];
    if (readTimeout > 0) session.push(`SET SESSION net_read_timeout=${readTimeout}`);
    await new Promise<void>((_, reject) => {
      this.#reject = reject;
      if (signal.aborted) {
        reject(new CdcError('CDC_ABORTED', 'aborted', 'stopped before streaming'));
        return;
      }
      const client = new BinlogClient({
        connection: control.options,
        serverId: config['database.server.id'],
        from: byGtid ? { gtids: from.gtids as string } : { file: from.file, pos: from.pos },
        annotateRows: config['include.query'],
        heartbeatMs: Math.min(LONGEST_HEARTBEAT_MS, Math.max(100, Math.floor(config['connect.keep.alive.interval.ms'] / 6))),
        sessionStatements: session,
        onEvent: (buffer, start, end) => {
          this.#lastEventAt = Date.now();
          this.#lost = null;
          reader.onEvent(buffer, start, end);
        },
        onFailure: reject,
      });
      this.#client = client;
      client.start();
    });
  }
}
