import { CdcError } from '../model/errors.ts';

/**
 * What a task is. Connect's names, which REST shows as they are; `FINISHED` (a snapshot-only task that
 * is done) is shown as RUNNING, which is what Connect shows for such a task.
 */
export type TaskState = 'UNASSIGNED' | 'STARTING' | 'RUNNING' | 'PAUSED' | 'RESTARTING' | 'FAILED' | 'FINISHED' | 'STOPPED';

const NEXT: Readonly<Record<TaskState, readonly TaskState[]>> = {
  UNASSIGNED: ['STARTING', 'FAILED', 'STOPPED'],
  STARTING: ['RUNNING', 'RESTARTING', 'FAILED', 'STOPPED', 'FINISHED'],
  RUNNING: ['PAUSED', 'RESTARTING', 'FAILED', 'FINISHED', 'STOPPED'],
  PAUSED: ['RUNNING', 'RESTARTING', 'FAILED', 'STOPPED'],
  RESTARTING: ['STARTING', 'FAILED', 'STOPPED'],
  FAILED: ['STARTING', 'STOPPED'],
  FINISHED: ['STARTING', 'STOPPED'],
  STOPPED: ['STARTING'],
};

/** `to`, when it may follow `from`; throws CDC_INTERNAL_ASSERTION otherwise. */
export function transition(from: TaskState, to: TaskState): TaskState {
  if (from === to || NEXT[from].includes(to)) return to;
  throw new CdcError('CDC_INTERNAL_ASSERTION', 'fatal', `task state ${from} cannot become ${to}`);
}

/** The name Kafka Connect's REST API has for it. */
export function connectState(state: TaskState): 'UNASSIGNED' | 'RUNNING' | 'PAUSED' | 'RESTARTING' | 'FAILED' {
  switch (state) {
    case 'UNASSIGNED':
    case 'STARTING':
    case 'STOPPED':
      return 'UNASSIGNED';
    case 'FINISHED':
      return 'RUNNING';
    default:
      return state;
  }
}
