import { CdcError, isAborted } from '../model/errors.ts';

export interface ErrorPolicy {
  /** `errors.max.retries`: restarts in a row without a durable batch between them; -1 = no limit. */
  readonly maxRetries: number;
}

export type ErrorAction = 'stop' | 'restart' | 'fail';

/** What a task's error leads to. Only the kind is looked at; `retries` are those since the last durable batch. */
export function decide(error: CdcError, policy: ErrorPolicy, retries: number): ErrorAction {
  switch (error.kind) {
    case 'aborted':
      return 'stop';
    case 'retriable':
      return policy.maxRetries < 0 || retries < policy.maxRetries ? 'restart' : 'fail';
    case 'config':
    case 'environment':
    case 'data':
    case 'fatal':
      return 'fail';
    default:
      return error.kind satisfies never;
  }
}

/** Any thrown thing as a CdcError. What no adapter translated is a defect of ours: fatal, with its cause. */
export function asCdcError(error: unknown): CdcError {
  if (error instanceof CdcError) return error;
  if (isAborted(error)) return new CdcError('CDC_ABORTED', 'aborted', 'stopped', { cause: error });
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new CdcError('CDC_INTERNAL_ASSERTION', 'fatal', message, { cause: error, hint: 'please report it with the log' });
}

/** Code, message, hint, and the causes' stacks: the `trace` of a failed task. */
export function formatTrace(error: CdcError): string {
  const lines = [`${error.code}: ${error.message}`];
  if (error.hint !== null) lines.push(`hint: ${error.hint}`);
  const context = Object.entries(error.context).filter(([key]) => key !== 'errors');
  if (context.length > 0)
    lines.push(`where: ${context.map(([k, v]) => `${k}=${typeof v === 'string' ? v : JSON.stringify(v)}`).join(' ')}`);
  let cause: unknown = error;
  for (let depth = 0; cause instanceof Error && depth < 5; depth++) {
    lines.push((depth === 0 ? '' : 'Caused by: ') + (cause.stack ?? cause.message));
    cause = cause.cause;
  }
  return lines.join('\n');
}
