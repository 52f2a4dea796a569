export interface Logger {
  child(bindings: Readonly<Record<string, unknown>>): Logger;
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface Counter {
  add(n: number): void;
}
export interface Gauge {
  set(n: number): void;
}
export interface Histogram {
  observe(seconds: number): void;
}

/** Metrics of one connector task; every series carries its connector and task as labels. Touched once a batch, never once a row. */
export interface MetricGroup {
  counter(name: string, help: string, labels?: Readonly<Record<string, string>>): Counter;
  gauge(name: string, help: string, labels?: Readonly<Record<string, string>>): Gauge;
  histogram(name: string, help: string, labels?: Readonly<Record<string, string>>): Histogram;
}
