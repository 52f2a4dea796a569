import type { ConfigFinding, ConnectorSpec, RunConfig } from '../config/run-config.ts';
import { CdcError } from '../model/errors.ts';
import type { PartitionOffset } from '../model/offset.ts';
import type { RawConfig } from '../spi/config-def.ts';
import type { SinkTask } from '../spi/connector.ts';
import type { OffsetStore } from '../spi/offset-store.ts';
import type { Logger } from '../spi/telemetry.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { TaskMetrics } from '../telemetry/task-metrics.ts';
import { assemble } from './assembly.ts';
import { formatTrace } from './error-policy.ts';
import { type ConnectorPlan, type Planned, planConnector, shownConfig } from './plan.ts';
import { findPlugin, type Plugins } from './plugins.ts';
import { probeTargets } from './probe.ts';
import { TaskWorker } from './task-worker.ts';

export type TargetState = 'STARTED' | 'PAUSED' | 'STOPPED';

export interface HerderOptions {
  readonly run: RunConfig;
  readonly plugins: Plugins;
  readonly offsets: OffsetStore;
  readonly logging: { logger(name: string): Logger };
  readonly metrics: Metrics;
  readonly clock: { now(): number };
  /** How long the checks before a start may take, ms. */
  readonly probeTimeoutMs: number;
  readonly sinkTask?: SinkTask;
}

/** A connector as the herder holds it. */
export interface Connector {
  readonly name: string;
  readonly spec: ConnectorSpec;
  readonly plan: ConnectorPlan | null;
  readonly target: TargetState;
  /** Why it could not be started; null once it was. */
  readonly failure: CdcError | null;
  readonly tasks: readonly TaskWorker[];
}

interface Entry extends Connector {
  plan: ConnectorPlan | null;
  target: TargetState;
  failure: CdcError | null;
  tasks: TaskWorker[];
  planned: Planned;
}

/** The connectors of this process, by name, in the order they were configured. */
export class Herder {
  readonly #o: HerderOptions;
  readonly #connectors = new Map<string, Entry>();
  readonly #listeners: (() => void)[] = [];
  #isStopping = false;

  constructor(options: HerderOptions) {
    this.#o = options;
    for (const spec of options.run.connectors) {
      const planned = planConnector(spec, options.run, options.plugins);
      const failure = planned.plan === null ? failureOf(spec.name, planned.findings) : null;
      this.#connectors.set(spec.name, { name: spec.name, spec, plan: planned.plan, target: 'STARTED', failure, tasks: [], planned });
    }
    options.metrics.onScrape(() => this.#showMetrics());
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** What is wrong or doubtful in the connectors' configurations. */
  get findings(): readonly ConfigFinding[] {
    return [...this.#connectors.values()].flatMap((c) => c.planned.findings);
  }

  list(): readonly Connector[] {
    return [...this.#connectors.values()];
  }

  get(name: string): Connector | undefined {
    return this.#connectors.get(name);
  }

  /** Told whenever a connector's or task's state changed. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Starts every connector, all at once, after asking the systems it needs (unless they were asked just now: `probed`);
   * answers what was found, for the caller to tell. Failures stay with their connector.
   */
  async start(signal: AbortSignal, options: { readonly probed: boolean } = { probed: false }): Promise<readonly ConfigFinding[]> {
    const found = await Promise.all([...this.#connectors.values()].map((c) => this.#startConnector(c, signal, options.probed)));
    return found.flat();
  }

  async #startConnector(entry: Entry, signal: AbortSignal, probed = false): Promise<readonly ConfigFinding[]> {
    const { plan } = entry;
    if (plan === null) return [];
    const { plugins, offsets, probeTimeoutMs } = this.#o;
    const until = AbortSignal.any([signal, AbortSignal.timeout(probeTimeoutMs)]);
    const findings = probed ? [] : await probeTargets(entry.planned.targets, { plugins, offsets }, until);
    if (signal.aborted || this.#isStopping || entry.target === 'STOPPED') return findings;
    entry.failure = findings.some((f) => f.severity === 'error') ? failureOf(entry.name, findings) : null;
    if (entry.failure === null) {
      entry.tasks = plan.taskConfigs.map((_, id) => this.#taskWorker(entry, plan, id));
      for (const task of entry.tasks) {
        if (entry.target === 'PAUSED') task.pause();
        task.start();
      }
    }
    this.#changed();
    return findings;
  }

  async #startAgain(entry: Entry): Promise<void> {
    logFindings(this.#o.logging.logger(`connector.${entry.name}`), await this.#startConnector(entry, new AbortController().signal));
  }

  #taskWorker(entry: Entry, plan: ConnectorPlan, taskId: number): TaskWorker {
    const o = this.#o;
    const metrics = new TaskMetrics(o.metrics.group({ connector: entry.name, task: String(taskId) }));
    const logger = o.logging.logger(`connector.${entry.name}`).child({ task: taskId });
    const context = {
      name: entry.name,
      taskId,
      logger,
      metrics: o.metrics.group({ connector: entry.name, task: String(taskId) }),
      clock: o.clock,
      offsets: o.offsets,
      plugins: o.plugins,
      flushed: () => metrics.flushed(),
      ...(o.sinkTask === undefined ? {} : { sinkTask: o.sinkTask }),
    };
    return new TaskWorker({
      connector: entry.name,
      taskId,
      assemble: () => assemble(plan, taskId, context),
      flushIntervalMs: o.run.offsets.flushIntervalMs,
      drainTimeoutMs: o.run.shutdownTimeoutMs,
      maxRetries: plan.keys['errors.max.retries'],
      retryDelayMs: { initialMs: plan.keys['errors.retry.delay.initial.ms'], maxMs: plan.keys['errors.retry.delay.max.ms'] },
      clock: o.clock,
      logger,
      metrics,
      changed: () => this.#changed(),
    });
  }

  /** Polling stops, connections stay. */
  pause(name: string): void {
    const entry = this.#entry(name);
    entry.target = 'PAUSED';
    for (const task of entry.tasks) task.pause();
    this.#changed();
  }

  /** Goes on, after a pause or a stop. */
  async resume(name: string): Promise<void> {
    const entry = this.#entry(name);
    const wasStopped = entry.target === 'STOPPED';
    entry.target = 'STARTED';
    for (const task of entry.tasks) task.resume();
    if (wasStopped) await this.#startAgain(entry);
    this.#changed();
  }

  /** Tasks end and their connections close; configuration and offsets stay. */
  async stopConnector(name: string): Promise<void> {
    const entry = this.#entry(name);
    entry.target = 'STOPPED';
    await Promise.all(entry.tasks.map((t) => t.stop()));
    entry.tasks = [];
    this.#changed();
  }

  /** Restarts the connector: one that could not start is tried again; with `tasks`, the tasks chosen are restarted. */
  async restart(name: string, tasks: (task: TaskWorker) => boolean): Promise<void> {
    const entry = this.#entry(name);
    if (entry.target === 'STOPPED') return;
    if (entry.failure !== null) await this.#startAgain(entry);
    else await Promise.all(entry.tasks.filter(tasks).map((t) => t.restart()));
  }

  async offsetsOf(name: string): Promise<readonly PartitionOffset[]> {
    const entry = this.#entry(name);
    if (entry.plan?.mode === 'kafka-to-sink') return (await Promise.all(entry.tasks.map((t) => t.offsets()))).flat();
    return this.#o.offsets.list(name);
  }

  /** The configuration as it may be shown. */
  shownConfig(name: string): RawConfig {
    const { spec } = this.#entry(name);
    const all = [...this.#o.plugins.sources, ...this.#o.plugins.sinks];
    return shownConfig(spec, findPlugin(all, spec.config['connector.class'] ?? '')?.config ?? null);
  }

  /** Drains and stops every task; false when one could not be drained. */
  async stop(): Promise<boolean> {
    this.#isStopping = true;
    const drained = await Promise.all([...this.#connectors.values()].flatMap((c) => c.tasks).map((t) => t.stop()));
    return drained.every((d) => d);
  }

  #entry(name: string): Entry {
    const entry = this.#connectors.get(name);
    if (entry === undefined) throw new CdcError('CDC_INTERNAL_ASSERTION', 'fatal', `connector ${name} does not exist`);
    return entry;
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  #showMetrics(): void {
    for (const c of this.#connectors.values()) for (const task of c.tasks) task.showMetrics();
  }
}

/** All error findings of a connector as the one error it fails with; the kind that needs the configuration wins. */
function failureOf(name: string, findings: readonly ConfigFinding[]): CdcError {
  const errors = findings.filter((f) => f.severity === 'error');
  const kind = errors.some((f) => f.kind === 'config') ? 'config' : 'environment';
  const first = errors.find((f) => f.kind === kind);
  const message = errors.map((f) => `${f.key}: ${f.message}`).join('\n');
  return new CdcError(first?.code ?? 'CDC_CONFIG_INVALID', kind, `connector ${name}: ${message}`, {
    hint: errors.map((f) => f.hint).join('\n'),
  });
}

/** Tells findings to the log: what is wrong, where, what to do. */
export function logFindings(logger: Logger, findings: readonly ConfigFinding[]): void {
  for (const f of findings) {
    const fields = { code: f.code, key: f.key, ...(f.origin === null ? {} : { origin: f.origin }), hint: f.hint };
    if (f.severity === 'error') logger.error(fields, f.message);
    else logger.warn(fields, f.message);
  }
}

/** The trace of a connector that could not start, without stack. */
export function connectorTrace(connector: Connector): string | null {
  return connector.failure === null ? null : (formatTrace(connector.failure).split('\n    at ')[0] ?? null);
}
