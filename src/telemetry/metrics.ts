import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { CdcError } from '../model/errors.ts';
import type { Counter as CounterPort, Gauge as GaugePort, Histogram as HistogramPort, MetricGroup } from '../spi/telemetry.ts';

const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

type Labels = Readonly<Record<string, string>>;

/** The process's metrics: groups for connector tasks, process metrics (CPU, memory, event-loop lag), one text for Prometheus. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #histograms = new Map<string, Histogram>();
  readonly #collectors: (() => void)[] = [];

  constructor(options: { readonly processMetrics: boolean } = { processMetrics: true }) {
    if (options.processMetrics) collectDefaultMetrics({ register: this.#registry });
  }

  readonly contentType = this.#registry.contentType;

  /** Called before each scrape, to set gauges that nobody sets on the way. */
  onScrape(collect: () => void): void {
    this.#collectors.push(collect);
  }

  async text(): Promise<string> {
    for (const collect of this.#collectors) collect();
    return this.#registry.metrics();
  }

  /** Stops the timers of process metrics. */
  close(): void {
    this.#registry.clear();
  }

  /** Series of one task: every one carries `base` as labels. */
  group(base: Labels): MetricGroup {
    return {
      counter: (name, help, labels): CounterPort => {
        const all = { ...base, ...labels };
        const series = this.#once(
          this.#counters,
          name,
          all,
          () => new Counter({ name, help, labelNames: Object.keys(all), registers: [this.#registry] }),
        ).labels(all);
        series.inc(0);
        return { add: (n) => series.inc(n) };
      },
      gauge: (name, help, labels): GaugePort => {
        const all = { ...base, ...labels };
        const series = this.#once(
          this.#gauges,
          name,
          all,
          () => new Gauge({ name, help, labelNames: Object.keys(all), registers: [this.#registry] }),
        ).labels(all);
        return { set: (n) => series.set(n) };
      },
      histogram: (name, help, labels): HistogramPort => {
        const all = { ...base, ...labels };
        const series = this.#once(
          this.#histograms,
          name,
          all,
          () => new Histogram({ name, help, labelNames: Object.keys(all), buckets: DURATION_BUCKETS, registers: [this.#registry] }),
        ).labels(all);
        return { observe: (seconds) => series.observe(seconds) };
      },
    };
  }

  /** One metric a name; a second use must have the same labels, or Prometheus could not add them up. */
  #once<M extends Counter | Gauge | Histogram>(known: Map<string, M>, name: string, labels: Labels, create: () => M): M {
    const found = known.get(name);
    if (found === undefined) {
      const made = create();
      known.set(name, made);
      return made;
    }
    const names = (found as unknown as { labelNames: string[] }).labelNames;
    if (names.length !== Object.keys(labels).length || !names.every((n) => n in labels))
      throw new CdcError(
        'CDC_INTERNAL_ASSERTION',
        'fatal',
        `metric ${name} is used with labels ${Object.keys(labels).join(', ')} and ${names.join(', ')}`,
      );
    return found;
  }
}

/** A group that counts nothing: for probes and tests. */
export const NO_METRICS: MetricGroup = {
  counter: () => ({ add() {} }),
  gauge: () => ({ set() {} }),
  histogram: () => ({ observe() {} }),
};
