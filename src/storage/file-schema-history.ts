import { type FileHandle, mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CdcError } from '../model/errors.ts';
import type { SourceOffset } from '../model/offset.ts';
import type { HistoryRecord, SchemaHistory } from '../spi/schema-history.ts';
import { replaceFile, syncDirectory } from '../util/atomic-file.ts';
import { failpoint } from '../util/failpoint.ts';
import { formatHistoryLine, parseHistoryLine } from './history-line.ts';

/** Appended bytes after which a compaction is worth its while, at the least. */
const COMPACT_AT_BYTES = 4 << 20;

interface Content {
  readonly records: readonly HistoryRecord[];
  /** Bytes up to the end of the last whole record. */
  readonly goodBytes: number;
  /** The last record lacks its line end. */
  readonly open: boolean;
}

/**
 * Schema history in a file, a JSON line a record, each with its checksum; Debezium's FileSchemaHistory files are
 * read as well and gone on with. A last line cut short by a crash was never acknowledged and is dropped; anything
 * else unreadable is CDC_HISTORY_CORRUPT. Appends are fsynced. One process may write at a time.
 */
export class FileSchemaHistory implements SchemaHistory {
  readonly #path: string;
  #file: FileHandle | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #bytes = 0;
  #compactAt = COMPACT_AT_BYTES;

  constructor(path: string) {
    this.#path = path;
  }

  async exists(): Promise<boolean> {
    return (await this.#read()).records.length > 0;
  }

  async record(entries: readonly HistoryRecord[]): Promise<void> {
    if (entries.length === 0) return;
    await this.#exclusive(async () => {
      const file = this.#file ?? (await this.#open());
      const text = Buffer.from(entries.map((r) => `${formatHistoryLine(r)}\n`).join(''));
      failpoint('history.record.before');
      try {
        for (let done = 0; done < text.length; ) {
          done += (await file.write(text, done, text.length - done, this.#bytes + done)).bytesWritten;
        }
        await file.datasync();
      } catch (cause) {
        // What reached the disk is unknown: the next append looks again.
        await this.#close();
        throw unavailable(this.#path, 'cannot be written', cause);
      }
      this.#bytes += text.length;
      failpoint('history.record.after');
    });
  }

  async recover(apply: (entry: HistoryRecord) => void): Promise<void> {
    for (const r of (await this.#read()).records) apply(r);
  }

  /** True when the file has grown enough since it was last compacted. */
  shouldCompact(): boolean {
    return this.#bytes >= this.#compactAt;
  }

  /**
   * Rewrites the file: the records up to the last `durable` one become what `fold` makes of them, later ones stay.
   * `durable` must be true only for positions no restart will go back behind.
   */
  async compact(
    durable: (position: SourceOffset) => boolean,
    fold: (entries: readonly HistoryRecord[]) => readonly HistoryRecord[],
  ): Promise<void> {
    await this.#exclusive(async () => {
      const { records } = await this.#read();
      const end = records.findIndex((r) => !durable(r.position));
      const split = end < 0 ? records.length : end;
      const text = [...fold(records.slice(0, split)), ...records.slice(split)].map((r) => `${formatHistoryLine(r)}\n`).join('');
      await this.#close();
      failpoint('history.compact.before');
      try {
        await replaceFile(this.#path, text);
      } catch (cause) {
        throw unavailable(this.#path, 'cannot be rewritten', cause);
      }
      failpoint('history.compact.after');
      this.#bytes = Buffer.byteLength(text);
      this.#compactAt = Math.max(COMPACT_AT_BYTES, 2 * this.#bytes);
    });
  }

  async stop(): Promise<void> {
    await this.#exclusive(() => this.#close());
  }

  async #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #read(): Promise<Content> {
    let bytes: Buffer;
    try {
      bytes = await readFile(this.#path);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return { records: [], goodBytes: 0, open: false };
      throw unavailable(this.#path, 'cannot be read', cause);
    }
    return parseHistoryFile(bytes, this.#path);
  }

  /** Opens for appending; cuts off what a crash left half written. */
  async #open(): Promise<FileHandle> {
    const content = await this.#read();
    try {
      await mkdir(dirname(this.#path), { recursive: true });
      const file = await open(this.#path, content.goodBytes === 0 ? 'w+' : 'r+', 0o600);
      await file.truncate(content.goodBytes);
      this.#bytes = content.goodBytes;
      if (content.open) this.#bytes += (await file.write('\n', this.#bytes)).bytesWritten;
      await file.sync();
      await syncDirectory(dirname(this.#path));
      this.#file = file;
      return file;
    } catch (cause) {
      throw unavailable(this.#path, 'cannot be opened', cause);
    }
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close().catch(() => {});
  }
}

function parseHistoryFile(bytes: Buffer, path: string): Content {
  const records: HistoryRecord[] = [];
  let start = 0;
  for (let line = 1; start < bytes.length; line++) {
    const eol = bytes.indexOf(0x0a, start);
    const end = eol < 0 ? bytes.length : eol;
    const text = bytes.toString('utf8', start, end);
    const record = text.trim() === '' ? null : parseHistoryLine(text);
    if (record !== null) records.push(record);
    else if (text.trim() !== '') {
      // A power failure may leave the length of the append without its content.
      const torn = eol < 0 || bytes.subarray(start).every((b) => b === 0);
      if (!torn) throw corrupt(path, line);
      return { records, goodBytes: start, open: false };
    }
    if (eol < 0) return { records, goodBytes: end, open: record !== null };
    start = eol + 1;
  }
  return { records, goodBytes: bytes.length, open: false };
}

function corrupt(path: string, line: number): CdcError {
  return new CdcError('CDC_HISTORY_CORRUPT', 'fatal', `schema history "${path}": line ${line} is damaged`, {
    hint: 'restore the file from a backup, or remove it and reset the offsets for a new snapshot',
    context: { path, line },
  });
}

function unavailable(path: string, what: string, cause: unknown): CdcError {
  return new CdcError('CDC_HISTORY_UNAVAILABLE', 'environment', `schema history "${path}": ${what}`, {
    cause,
    hint: 'check the path schema.history.internal.file.filename, its permissions and free space',
  });
}
