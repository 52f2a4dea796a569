import { CdcError, type ErrorKind } from '../../model/errors.ts';

interface Verdict {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly hint: string;
}

const RETRY: Verdict = {
  code: 'CDC_DATABEND_UNAVAILABLE',
  kind: 'retriable',
  hint: 'it is tried again; if it goes on, look at the Databend server',
};
const DATA: Verdict = {
  code: 'CDC_DATABEND_VALUE',
  kind: 'data',
  hint: 'compare the column types of the table in Databend with those of the source',
};
const SCHEMA: Verdict = {
  code: 'CDC_DATABEND_SCHEMA',
  kind: 'data',
  hint: 'the table in Databend is not as expected; somebody else may have changed it',
};

/** Databend's error codes (src/common/exception/src/exception_code.rs) by what we do about them. */
const BY_CODE: Readonly<Record<number, Verdict>> = {
  1002: { code: 'CDC_DATABEND_UNSUPPORTED', kind: 'fatal', hint: 'this Databend version lacks something the sink needs' },
  1003: { code: 'CDC_DATABEND_SCHEMA', kind: 'data', hint: 'create the database, or set auto.create=true' },
  1005: { code: 'CDC_DATABEND_UNSUPPORTED', kind: 'fatal', hint: 'Databend could not parse a statement of the sink; please report it' },
  1006: DATA,
  1025: { code: 'CDC_DATABEND_TABLE_MISSING', kind: 'data', hint: 'create the table, or set auto.create=true' },
  1042: RETRY,
  1043: { ...RETRY, hint: 'the statement took too long; raise connection.query_timeout' },
  1046: DATA,
  1049: DATA,
  1058: SCHEMA,
  1063: { code: 'CDC_DATABEND_PRIVILEGE', kind: 'environment', hint: 'grant the privilege to connection.user' },
  1065: SCHEMA,
  1104: { ...RETRY, code: 'CDC_DATABEND_PANIC' },
  1108: SCHEMA,
  1122: RETRY,
  1303: SCHEMA,
  2009: RETRY,
  2011: RETRY,
  2015: { ...RETRY, hint: 'another session holds a lock on the table; it is tried again' },
  2302: SCHEMA,
  2317: RETRY,
  4000: DATA,
  4001: RETRY,
  4002: RETRY,
  4003: RETRY,
  5100: { code: 'CDC_DATABEND_AUTH', kind: 'environment', hint: 'check connection.user and connection.password' },
  5103: RETRY,
  5111: RETRY,
};

/** The engine's code in a driver message (`… [1006]text …`), or null: then nothing answered. */
export function engineCode(error: unknown): number | null {
  const m = /\[(\d{4})\]/.exec(error instanceof Error ? error.message : String(error));
  return m === null ? null : Number(m[1]);
}

/** Engine texts quote values; what stands in quotes or after "value" is dropped for data errors. */
function withoutValues(text: string): string {
  return text
    .replace(/\n.*/s, '')
    .replace(/'(?:[^'\\]|\\.|'')*'/g, "'…'")
    .replace(/"(?:[^"\\]|\\.|"")*"/g, '"…"')
    .replace(/`[^`]*`/g, '`…`')
    .slice(0, 200);
}

function bare(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/^.*?\[\d{4}\]\s*/s, '').replace(/\s*\[v[\d.]+\]\s*$/, '');
}

/**
 * A driver or HTTP error as CdcError. `doing` says what was tried (`table inventory.orders: merge`). The original is not
 * kept as cause: its text can hold row values.
 */
export function databendError(error: unknown, doing: string): CdcError {
  if (error instanceof CdcError) return error;
  const number = engineCode(error);
  if (number === null) {
    const text = bare(error);
    const auth = /\b40[13]\b|AuthFailure/.test(text);
    return new CdcError(
      auth ? 'CDC_DATABEND_AUTH' : 'CDC_DATABEND_CONNECTION',
      auth ? 'environment' : 'retriable',
      `${doing}: ${withoutValues(text)}`,
      {
        hint: auth ? 'check connection.user and connection.password' : 'check that the Databend server of connection.url is reachable',
      },
    );
  }
  const verdict =
    BY_CODE[number] ??
    (number >= 3000 && number < 4000 ? RETRY : { code: 'CDC_DATABEND_FAILED', kind: 'fatal' as const, hint: 'see the Databend error' });
  const text = verdict.kind === 'data' && verdict !== SCHEMA ? withoutValues(bare(error)) : bare(error).replace(/\s+/g, ' ').slice(0, 300);
  return new CdcError(verdict.code, verdict.kind, `${doing}: Databend error ${number}: ${text}`, {
    hint: verdict.hint,
    context: { databendCode: number },
  });
}
