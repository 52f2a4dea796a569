import type { PartitionOffset } from '../model/offset.ts';
import type { SourceTask } from '../spi/connector.ts';
import type { OffsetStore } from '../spi/offset-store.ts';
import type { InFlight } from './in-flight.ts';

export interface OffsetCommitterOptions {
  readonly connector: string;
  readonly inFlight: InFlight;
  readonly offsets: OffsetStore;
  readonly task: SourceTask;
  /** `offset.flush.interval.ms`. */
  readonly intervalMs: number;
  readonly clock: { now(): number };
  readonly committed: (offsets: readonly PartitionOffset[]) => void;
}

/** Saves what is durable: at most every `intervalMs` while batches flow, at once when there is nothing else to do. */
export class OffsetCommitter {
  readonly #o: OffsetCommitterOptions;
  #lastMs: number;

  constructor(options: OffsetCommitterOptions) {
    this.#o = options;
    this.#lastMs = options.clock.now();
  }

  async commitIfDue(): Promise<void> {
    if (this.#o.clock.now() - this.#lastMs >= this.#o.intervalMs) await this.commit();
  }

  async commit(): Promise<void> {
    this.#lastMs = this.#o.clock.now();
    const offsets = this.#o.inFlight.takeCommittable();
    if (offsets.length === 0) return;
    await this.#o.offsets.save(this.#o.connector, offsets);
    for (const { partition, offset } of offsets) await this.#o.task.committed?.(partition, offset);
    this.#o.committed(offsets);
  }
}
