import { randomUUID } from 'node:crypto';
import { CdcError } from '../../model/errors.ts';
import type { Logger } from '../../spi/telemetry.ts';
import { failpoint } from '../../util/failpoint.ts';
import { type Session, throwIfAborted } from './client.ts';
import { CsvBlocks } from './csv-blocks.ts';
import type { Endpoint } from './dsn.ts';
import { databendError } from './errors.ts';
import type { OffsetRow, OffsetTable } from './offset-table.ts';
import { removeStaged, stageName, uploadToStage } from './stage.ts';
import { encodeLoads, findBadColumn, type LoadContext, type StagedFile, type TableLoad, writeLoad } from './table-writer.ts';
import { segmentsOf, type TargetTable } from './target-tables.ts';

export interface FlusherOptions {
  readonly session: Session;
  readonly endpoint: Endpoint;
  readonly offsets: OffsetTable;
  readonly logger: Logger;
  readonly connector: string;
  readonly taskId: number;
  readonly inserts: boolean;
  readonly parallelism: number;
  readonly timeoutMs: number;
  readonly maxRetries: number;
  readonly backoffMs: number;
}

export interface FlushResult {
  readonly rows: number;
  readonly deletes: number;
  readonly bytes: number;
  readonly statements: number;
}

/** Of the files' memory, between flushes: 50,000 rows of 300 bytes. */
const KEPT_BYTES = 16 << 20;

/**
 * One flush: a file a table into the stage, then everything and the offsets in one transaction. A token in the offsets table commits with
 * it: it tells whether a COMMIT whose answer was lost took effect, and whether another task writes in our name.
 */
export class Flusher {
  readonly #o: FlusherOptions;
  readonly #folder: string;
  readonly #taskKey: string;
  readonly #blocks = new CsvBlocks(KEPT_BYTES);
  #token: string | null = null;
  #files = 0;

  constructor(o: FlusherOptions) {
    this.#o = o;
    this.#taskKey = `task-${o.taskId}`;
    this.#folder = `riverbend/${stageName(o.connector)}/${o.taskId}`;
  }

  /** Takes the place of earlier tasks of the same name and removes what they left in the stage. */
  async start(): Promise<void> {
    const token = randomUUID();
    await this.#o.offsets.save(this.#o.session, [{ kind: 'flush', key: this.#taskKey, value: token }]);
    this.#token = token;
    await this.#o.session.exec(removeStaged(`${this.#folder}/`), 'clean the stage');
  }

  /** Everything durable, or nothing and it throws. Retriable errors are tried again inside. The rows are let go in either case. */
  async flush(tables: readonly TargetTable[], offsets: readonly OffsetRow[], signal: AbortSignal): Promise<FlushResult> {
    try {
      return await this.#flush(tables, offsets, signal);
    } finally {
      this.#blocks.abandon();
    }
  }

  async #flush(tables: readonly TargetTable[], offsets: readonly OffsetRow[], signal: AbortSignal): Promise<FlushResult> {
    const run = `${this.#folder}/${(this.#token ?? '').slice(0, 8)}-${++this.#files}`;
    const loads = tables.flatMap((t, i) => encodeLoads(t, this.#blocks, (n) => `${run}-${i}-${n}.csv`));
    // The files are what is tried again: the rows may go, a task that fails is made anew.
    for (const t of tables) for (const { buffer } of segmentsOf(t)) buffer.dropRows();
    const files = loads.flatMap((l) => [l.file, l.removals?.file ?? null].filter((f) => f !== null));
    const token = randomUUID();
    let attempt = 0;
    let uploaded = 0;
    let statements = 0;
    for (;;) {
      const progress = { committing: false };
      try {
        throwIfAborted(signal);
        uploaded = await this.#upload(files, uploaded, signal);
        statements = await this.#transaction(loads, offsets, token, progress, signal);
        break;
      } catch (caught) {
        const error = databendError(caught, 'flush');
        const failed = await this.#settle(error, token, progress.committing, signal);
        if (failed === null) break;
        if (failed.kind !== 'retriable' || attempt >= this.#o.maxRetries) throw await this.#explained(failed, loads);
        const delayMs = Math.min(this.#o.backoffMs, 100 * 2 ** attempt) * (0.5 + Math.random() / 2);
        attempt++;
        this.#o.logger.warn({ code: failed.code, attempt, delayMs: Math.round(delayMs) }, 'flush retried');
        await wait(delayMs, signal);
      }
    }
    this.#token = token;
    // An upload that was cut off may still be reading.
    if (attempt === 0) this.#blocks.release();
    await this.#removeFiles(`${run}-`, files.length);
    return {
      rows: loads.reduce((n, l) => n + l.writes + l.deletes, 0),
      deletes: loads.reduce((n, l) => n + l.deletes, 0),
      bytes: files.reduce((n, f) => n + size(f), 0),
      statements,
    };
  }

  /** Uploads `files` from the `done`-th on, several at a time; returns how many are there now. */
  async #upload(files: readonly StagedFile[], done: number, signal: AbortSignal): Promise<number> {
    let next = done;
    const worker = async (): Promise<void> => {
      for (let f = files[next++]; f !== undefined; f = files[next++]) await this.#put(f, signal);
    };
    await Promise.all(Array.from({ length: Math.min(this.#o.parallelism, files.length - done) }, worker));
    return files.length;
  }

  #put(file: StagedFile, signal: AbortSignal): Promise<void> {
    return uploadToStage(this.#o.endpoint, file.path, file.content, this.#o.timeoutMs, signal);
  }

  async #transaction(
    loads: readonly TableLoad[],
    offsets: readonly OffsetRow[],
    token: string,
    progress: { committing: boolean },
    signal: AbortSignal,
  ): Promise<number> {
    const { session } = this.#o;
    const context: LoadContext = { session, inserts: this.#o.inserts, blocks: this.#blocks, upload: (f) => this.#put(f, signal) };
    let statements = 4;
    await session.exec('BEGIN', 'flush: begin');
    for (const load of loads) {
      throwIfAborted(signal);
      statements += await writeLoad(load, context);
    }
    const stored = (await this.#o.offsets.load(session, 'flush', [this.#taskKey])).get(this.#taskKey) ?? null;
    if (stored !== this.#token)
      throw new CdcError('CDC_DATABEND_FENCED', 'fatal', `another task writes to the target as connector "${this.#o.connector}"`, {
        hint: 'stop the other one, or give one of them another name',
      });
    await this.#o.offsets.save(session, [...offsets, { kind: 'flush', key: this.#taskKey, value: token }]);
    progress.committing = true;
    failpoint('sink.commit.before');
    await session.exec('COMMIT', 'flush: commit');
    failpoint('sink.commit.after');
    return statements;
  }

  /** Ends a failed attempt. null = the transaction was committed after all; else the error to act on. */
  async #settle(error: CdcError, token: string, committing: boolean, signal: AbortSignal): Promise<CdcError | null> {
    const { session, offsets } = this.#o;
    if (!committing) {
      try {
        await session.exec('ROLLBACK', 'flush: roll back');
      } catch {
        session.reset();
      }
      return error;
    }
    // The answer to COMMIT did not come, or was an error: what is stored decides.
    for (let attempt = 0; ; attempt++) {
      try {
        const stored = await offsets.load(session, 'flush', [this.#taskKey]);
        return stored.get(this.#taskKey) === token ? null : error;
      } catch (caught) {
        const again = databendError(caught, 'flush: look whether it was committed');
        if (again.kind !== 'retriable' || attempt >= this.#o.maxRetries) throw again;
        session.reset();
        await wait(this.#o.backoffMs, signal);
      }
    }
  }

  /** A value the target refused, with the column's name where it can be found. */
  async #explained(error: CdcError, loads: readonly TableLoad[]): Promise<CdcError> {
    if (error.code !== 'CDC_DATABEND_VALUE') return error;
    for (const load of loads) {
      let column: string | null = null;
      try {
        column = await findBadColumn(load, this.#o.session);
      } catch {
        // Only an explanation: the error itself stands without it.
        return error;
      }
      if (column !== null)
        return new CdcError(error.code, error.kind, `column ${column}: ${error.message}`, {
          ...(error.hint === null ? {} : { hint: error.hint }),
          context: { ...error.context, column },
        });
    }
    return error;
  }

  async #removeFiles(prefix: string, count: number): Promise<void> {
    if (count === 0) return;
    try {
      await this.#o.session.exec(removeStaged(`${prefix.slice(0, prefix.lastIndexOf('/') + 1)}`), 'clean the stage');
    } catch (error) {
      this.#o.logger.warn({ code: databendError(error, 'clean the stage').code }, 'staged files stay until the next flush');
    }
  }
}

function size(f: StagedFile): number {
  return f.content.reduce((n, b) => n + b.length, 0);
}

/** Resolves after `ms`; throws CDC_ABORTED when asked to stop. */
export async function wait(ms: number, signal: AbortSignal): Promise<void> {
  throwIfAborted(signal);
  await new Promise<void>((resolve) => {
    const stop = (): void => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
  });
  throwIfAborted(signal);
}
