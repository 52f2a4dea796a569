import type { Batch } from '../model/chunk.ts';
import type { BatchWriter } from '../spi/batch-writer.ts';
import type { SinkTask } from '../spi/connector.ts';
import { failpoint } from '../util/failpoint.ts';

/** A SinkTask as the end of the loop: what `put` accepted becomes durable with the sink's next flush. */
export class SinkBatchWriter implements BatchWriter {
  readonly #sink: SinkTask;
  readonly #flushed: () => void;
  #waiting: (() => void)[] = [];

  /** `flushed` is told after every successful flush, for metrics. */
  constructor(sink: SinkTask, flushed: () => void = () => {}) {
    this.#sink = sink;
    this.#flushed = flushed;
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#sink.start(signal);
  }

  async write(batch: Batch, onDurable: () => void, signal: AbortSignal): Promise<void> {
    await this.#sink.put(batch, signal);
    this.#waiting.push(onDurable);
    if (this.#sink.shouldFlush()) await this.flush(signal);
  }

  async idle(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length > 0 && this.#sink.shouldFlush(true)) await this.flush(signal);
  }

  async flush(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length === 0) return;
    failpoint('sink.flush.before');
    await this.#sink.flush(signal);
    failpoint('sink.flush.after');
    const settled = this.#waiting;
    this.#waiting = [];
    for (const durable of settled) durable();
    this.#flushed();
  }

  async stop(): Promise<void> {
    await this.#sink.stop();
  }
}
