import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Batch } from '../../model/chunk.ts';
import type { SinkTask } from '../../spi/connector.ts';
import { type LineConverters, MessageLines } from '../message-lines.ts';

/** Prints every message as a line of JSON. What was handed to the stream counts as delivered. */
export class LogSinkTask implements SinkTask {
  readonly #lines: MessageLines;
  readonly #out: Writable;

  constructor(converters: LineConverters, out: Writable) {
    this.#lines = new MessageLines(converters);
    this.#out = out;
  }

  async start(): Promise<void> {}

  async put(batch: Batch, signal: AbortSignal): Promise<void> {
    const text = (await this.#lines.format(batch)).join('');
    if (text !== '' && !this.#out.write(text)) await once(this.#out, 'drain', { signal });
  }

  shouldFlush(): boolean {
    return true;
  }

  async flush(): Promise<void> {}

  async stop(): Promise<void> {}
}
