import { Writable } from 'node:stream';
import type { Connector, Herder } from '../runtime/herder.ts';
import type { TaskWorker } from '../runtime/task-worker.ts';
import { formatDuration } from '../util/duration.ts';

const REFRESH_MS = 500;

/** A terminal: log lines above, one line per connector below, refreshed in place. Log text is written to it as to a stream. */
export class StatusScreen extends Writable {
  readonly #out: Writable & { readonly columns?: number };
  readonly #rates = new Map<string, { rows: number; atMs: number; perSecond: number }>();
  #herder: Herder | null = null;
  #timer: NodeJS.Timeout | null = null;
  #shown = 0;

  constructor(out: Writable & { readonly columns?: number }) {
    super({ decodeStrings: false });
    this.#out = out;
  }

  show(herder: Herder): void {
    this.#herder = herder;
    this.#timer = setInterval(() => this.#redraw(''), REFRESH_MS);
    this.#timer.unref();
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#redraw('');
    this.#herder = null;
    this.#shown = 0;
  }

  override _write(chunk: unknown, _encoding: BufferEncoding, done: () => void): void {
    this.#redraw(String(chunk));
    done();
  }

  /** Erases the status lines, writes `above`, and draws them anew. */
  #redraw(above: string): void {
    const erase = this.#shown === 0 ? '' : `\u001b[${this.#shown}A\u001b[0J`;
    const lines = (this.#herder?.list() ?? []).map((c) => this.#line(c).slice(0, (this.#out.columns || 120) - 1));
    this.#shown = lines.length;
    this.#out.write(erase + above + lines.map((l) => `${l}\n`).join(''));
  }

  #line(connector: Connector): string {
    if (connector.failure !== null) return `${connector.name}  FAILED  ${connector.failure.code}`;
    const task = connector.tasks[0];
    if (task === undefined) return `${connector.name}  ${connector.target === 'STARTED' ? 'starting' : connector.target}`;
    return statusLine(connector.name, task, this.#perSecond(connector.name, task));
  }

  /** Rows per second, smoothed over the last seconds. */
  #perSecond(name: string, task: TaskWorker): number {
    const rows = task.progress()?.rowsTotal ?? 0;
    const atMs = performance.now();
    const last = this.#rates.get(name);
    if (last === undefined || rows < last.rows) {
      this.#rates.set(name, { rows, atMs, perSecond: 0 });
      return 0;
    }
    if (atMs - last.atMs < REFRESH_MS / 2) return last.perSecond;
    const now = ((rows - last.rows) * 1000) / (atMs - last.atMs);
    const perSecond = last.perSecond === 0 ? now : last.perSecond * 0.6 + now * 0.4;
    this.#rates.set(name, { rows, atMs, perSecond });
    return perSecond;
  }
}

/** `inventory  snapshot  45 % of 2,700,000 rows  40,000 rows/s  38 s left` */
export function statusLine(name: string, task: Pick<TaskWorker, 'state' | 'failure' | 'progress'>, perSecond: number): string {
  const progress = task.progress();
  const parts = [name];
  if (task.state !== 'RUNNING' || progress === null) {
    parts.push(task.state);
    if (task.failure !== null) parts.push(task.failure.code);
    return parts.join('  ');
  }
  parts.push(progress.phase);
  const { snapshot } = progress;
  const number = (n: number): string => Math.round(n).toLocaleString('en-US');
  if (snapshot !== null && snapshot.expected !== null && snapshot.expected > 0)
    parts.push(`${Math.min(100, Math.floor((snapshot.done * 100) / snapshot.expected))} % of ${number(snapshot.expected)} rows`);
  else parts.push(`${number(progress.rowsTotal)} rows`);
  parts.push(`${number(perSecond)} rows/s`);
  if (snapshot !== null && snapshot.expected !== null && perSecond > 1 && snapshot.expected > snapshot.done)
    parts.push(`${formatDuration(((snapshot.expected - snapshot.done) * 1000) / perSecond)} left`);
  if (progress.lagMs !== null) parts.push(`lag ${formatDuration(progress.lagMs)}`);
  return parts.join('  ');
}
