import { formatTrace } from '../runtime/error-policy.ts';
import { type Connector, connectorTrace, type Herder } from '../runtime/herder.ts';
import { connectState } from '../runtime/task-state.ts';
import type { TaskWorker } from '../runtime/task-worker.ts';

export interface TaskStatusView {
  readonly id: number;
  readonly state: string;
  readonly worker_id: string;
  readonly version: string;
  readonly trace?: string;
}

export interface StatusView {
  readonly name: string;
  readonly connector: { readonly state: string; readonly worker_id: string; readonly version: string; readonly trace?: string };
  readonly tasks: readonly TaskStatusView[];
  readonly type: string;
}

/** Answers in Kafka Connect's forms. */
export class ConnectorViews {
  readonly #herder: Herder;
  readonly #workerId: string;

  constructor(herder: Herder, workerId: string) {
    this.#herder = herder;
    this.#workerId = workerId;
  }

  info(c: Connector): object {
    const tasks = c.tasks.map((t) => ({ connector: c.name, task: t.id }));
    return { name: c.name, config: this.#herder.shownConfig(c.name), tasks, type: typeOf(c) };
  }

  /** `restarting` = shown as RESTARTING, because they are about to be. */
  status(
    c: Connector,
    restarting: { readonly connector: boolean; readonly task: (task: TaskWorker) => boolean } | null = null,
  ): StatusView {
    const trace = connectorTrace(c);
    const state = restarting?.connector === true ? 'RESTARTING' : connectorState(c);
    return {
      name: c.name,
      connector: { state, worker_id: this.#workerId, version: versionOf(c), ...(trace === null ? {} : { trace }) },
      tasks: c.tasks.map((t) => this.task(c, t, restarting?.task(t) === true)),
      type: typeOf(c),
    };
  }

  task(c: Connector, task: TaskWorker, restarting = false): TaskStatusView {
    // A task that reconnects by itself is, for those who ask, one that restarts.
    const lost = task.state === 'RUNNING' ? (task.progress()?.failure ?? null) : null;
    const trace = lost !== null ? formatTrace(lost) : task.state === 'FAILED' || task.state === 'RESTARTING' ? task.trace : null;
    const state = restarting || lost !== null ? 'RESTARTING' : connectState(task.state);
    return { id: task.id, state, worker_id: this.#workerId, version: versionOf(c), ...(trace === null ? {} : { trace }) };
  }
}

function connectorState(c: Connector): string {
  if (c.failure !== null) return 'FAILED';
  if (c.target === 'STARTED') return c.tasks.length === 0 ? 'UNASSIGNED' : 'RUNNING';
  return c.target;
}

function typeOf(c: Connector): string {
  return c.plan === null ? 'unknown' : c.plan.mode === 'kafka-to-sink' ? 'sink' : 'source';
}

function versionOf(c: Connector): string {
  return c.plan?.source?.plugin.version ?? c.plan?.sink?.plugin.version ?? '';
}
