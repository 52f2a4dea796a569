import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Batch } from '../../model/chunk.ts';
import { CdcError } from '../../model/errors.ts';
import type { SinkTask } from '../../spi/connector.ts';
import { type LineConverters, MessageLines } from '../message-lines.ts';

const SYNC_BYTES = 4 << 20;
const SYNC_AGE_MS = 100;

/**
 * Appends lines to a file. A line is written as soon as it is put and is durable after `flush` (fsync): at-least-once.
 * A last line without its end, left by a crash, is cut off at start; its record comes again.
 */
export class FileSinkTask implements SinkTask {
  readonly #path: string;
  readonly #lines: MessageLines;
  #file: FileHandle | null = null;
  #unsyncedBytes = 0;
  #unsyncedSince = 0;

  constructor(path: string, converters: LineConverters) {
    this.#path = path;
    this.#lines = new MessageLines(converters);
  }

  async start(): Promise<void> {
    try {
      await mkdir(dirname(this.#path), { recursive: true });
      this.#file = await open(this.#path, 'a+');
      await this.#file.truncate(await wholeLines(this.#file));
    } catch (cause) {
      throw this.#error('cannot be opened', 'environment', cause);
    }
  }

  async put(batch: Batch): Promise<void> {
    const text = (await this.#lines.format(batch)).join('');
    if (text === '') return;
    if (this.#unsyncedBytes === 0) this.#unsyncedSince = performance.now();
    try {
      await this.#handle().appendFile(text);
    } catch (cause) {
      throw this.#error('cannot be written', 'retriable', cause);
    }
    this.#unsyncedBytes += Buffer.byteLength(text);
  }

  /** A batch of offsets only has nothing to sync, and is durable at once. */
  shouldFlush(): boolean {
    const bytes = this.#unsyncedBytes;
    return bytes === 0 || bytes >= SYNC_BYTES || performance.now() - this.#unsyncedSince >= SYNC_AGE_MS;
  }

  async flush(): Promise<void> {
    if (this.#unsyncedBytes === 0) return;
    try {
      await this.#handle().datasync();
    } catch (cause) {
      throw this.#error('cannot be synced', 'retriable', cause);
    }
    this.#unsyncedBytes = 0;
  }

  async stop(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
  }

  #handle(): FileHandle {
    if (this.#file === null) throw new CdcError('CDC_INTERNAL_ASSERTION', 'fatal', 'the file sink was not started');
    return this.#file;
  }

  #error(what: string, kind: 'environment' | 'retriable', cause: unknown): CdcError {
    return new CdcError('CDC_FILE_SINK', kind, `file "${this.#path}": ${what}`, {
      cause,
      hint: 'check debezium.sink.file.path, its permissions and free space',
    });
  }
}

/** Length of the file up to and with its last line end. */
async function wholeLines(file: FileHandle): Promise<number> {
  const { size } = await file.stat();
  const block = Buffer.alloc(1 << 16);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - block.length);
    const { bytesRead } = await file.read(block, 0, end - start, start);
    const at = block.subarray(0, bytesRead).lastIndexOf(10);
    if (at >= 0) return start + at + 1;
    end = start;
  }
  return 0;
}
