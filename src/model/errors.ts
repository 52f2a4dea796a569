export type ErrorKind = 'config' | 'environment' | 'retriable' | 'data' | 'fatal' | 'aborted';

export interface CdcErrorOptions {
  readonly cause?: unknown;
  /** The next action, for the person who reads it. */
  readonly hint?: string;
  /** Where: file, position, table, column, key. Never row values, never secrets. */
  readonly context?: Readonly<Record<string, unknown>>;
}

/**
 * The one error type that crosses module borders. `code` is API: stable, documented in
 * error-codes.ts, never reused; `kind` alone decides what the runtime does with it.
 */
export class CdcError extends Error {
  override readonly name: string = 'CdcError';
  readonly code: string;
  readonly kind: ErrorKind;
  readonly hint: string | null;
  readonly context: Readonly<Record<string, unknown>>;

  constructor(code: string, kind: ErrorKind, message: string, options: CdcErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.kind = kind;
    this.hint = options.hint ?? null;
    this.context = options.context ?? {};
  }
}

/** True for the error that says we were asked to stop. */
export function isAborted(error: unknown): boolean {
  return error instanceof CdcError ? error.kind === 'aborted' : error instanceof Error && error.name === 'AbortError';
}
