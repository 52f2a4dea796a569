import type { Connector, Herder } from './herder.ts';

export interface HealthCheck {
  readonly name: string;
  readonly status: 'UP' | 'DOWN';
  readonly data: Readonly<Record<string, string | number | boolean>>;
}

/**
 * Ready: every connector and task is where it should be (streaming or done; paused or stopped when asked to be) and no
 * lag is over `maxLagMs`. One check a connector.
 */
export function readiness(herder: Herder, maxLagMs: number | null): readonly HealthCheck[] {
  if (herder.isStopping) return [{ name: 'riverbend', status: 'DOWN', data: { reason: 'stopping' } }];
  return herder.list().map((connector) => checkConnector(connector, maxLagMs));
}

function checkConnector(connector: Connector, maxLagMs: number | null): HealthCheck {
  const check = (reason: string | null, data: HealthCheck['data'] = {}): HealthCheck => ({
    name: connector.name,
    status: reason === null ? 'UP' : 'DOWN',
    data: reason === null ? data : { ...data, reason },
  });
  if (connector.failure !== null) return check(`${connector.failure.code}: could not be started`);
  if (connector.target === 'STOPPED') return check(null, { state: 'STOPPED' });
  if (connector.tasks.length === 0) return check('starting');
  for (const task of connector.tasks) {
    const progress = task.progress();
    const data = {
      state: task.state,
      ...(progress === null ? {} : { phase: progress.phase, rows: progress.rowsTotal }),
      ...(progress === null || progress.lagMs === null ? {} : { lagMs: progress.lagMs }),
    };
    if (task.state === 'FAILED' || task.state === 'RESTARTING')
      return check(`task ${task.id}: ${task.failure === null ? task.state : task.failure.code}`, data);
    if (connector.target === 'PAUSED') {
      if (task.state !== 'PAUSED' && task.state !== 'FINISHED') return check(`task ${task.id} is not paused yet`, data);
      continue;
    }
    if (task.state === 'FINISHED') continue;
    if (task.state !== 'RUNNING') return check(`task ${task.id} is ${task.state}`, data);
    if (progress?.failure != null) return check(`task ${task.id}: ${progress.failure.code}, ${progress.phase}`, data);
    if (progress !== null && progress.phase !== 'streaming') return check(`task ${task.id}: ${progress.phase}`, data);
    if (maxLagMs !== null && progress?.lagMs !== null && progress !== null && progress.lagMs > maxLagMs)
      return check(`task ${task.id} is ${progress.lagMs} ms behind, over ${maxLagMs}`, data);
    if (connector.tasks.length === 1) return check(null, data);
  }
  return check(null, { tasks: connector.tasks.length });
}
