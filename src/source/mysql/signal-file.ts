import { readFileSync, truncateSync } from 'node:fs';
import type { Logger } from '../../spi/telemetry.ts';
import { type Signal, signalOf } from './signals.ts';

export interface SignalFileOptions {
  readonly path: string;
  /** Milliseconds. */
  readonly intervalMs: number;
  readonly logger: Logger;
  readonly onSignal: (signal: Signal) => void;
}

/** Signals from a file: one JSON object a line; the file is emptied once it was read. */
export class SignalFile {
  readonly #o: SignalFileOptions;
  #timer: NodeJS.Timeout | null = null;
  #missing = false;

  constructor(options: SignalFileOptions) {
    this.#o = options;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#read(), Math.max(1, this.#o.intervalMs));
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #read(): void {
    const { path, logger } = this.#o;
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
      // A line still being written waits for its end.
      if (text.trim() === '' || !/[\n}]\s*$/.test(text)) return;
      truncateSync(path, 0);
      this.#missing = false;
    } catch (error) {
      if (!this.#missing) logger.warn({ file: path, code: (error as NodeJS.ErrnoException).code ?? null }, 'signal.file cannot be read');
      this.#missing = true;
      return;
    }
    for (const line of text.split('\n')) {
      if (line.trim() === '') continue;
      const signal = this.#parse(line);
      if (signal === null) logger.warn({ file: path }, 'a line of signal.file is no signal {"id", "type", "data"}');
      else this.#o.onSignal(signal);
    }
  }

  #parse(line: string): Signal | null {
    try {
      const value = JSON.parse(line) as { id?: unknown; type?: unknown; data?: unknown } | null;
      if (typeof value?.type !== 'string') return null;
      return signalOf(typeof value.id === 'string' ? value.id : '', value.type, value.data, this.#o.logger);
    } catch {
      return null;
    }
  }
}
