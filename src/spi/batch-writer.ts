import type { Batch } from '../model/chunk.ts';

/**
 * Where a source task's batches go: KafkaBatchWriter (convert and produce) or SinkBatchWriter
 * (hand to a SinkTask in the same process). The task loop knows only this.
 */
export interface BatchWriter {
  start(signal: AbortSignal): Promise<void>;
  /** Resolves when accepted. `onDurable` fires once, in submission order, when the batch may be acknowledged. */
  write(batch: Batch, onDurable: () => void, signal: AbortSignal): Promise<void>;
  /** Called when nothing was written for a while; a chance to flush by age. */
  idle(signal: AbortSignal): Promise<void>;
  /** Resolves when every accepted batch is durable. */
  flush(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}
