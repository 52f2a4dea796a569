/** How a statement's text is to be read: the server family and the session's sql_mode. */
export interface DdlDialect {
  readonly connector: 'mysql' | 'mariadb';
  /** `"x"` is an identifier, not a string. */
  readonly ansiQuotes: boolean;
  /** `\` is an ordinary character in strings. */
  readonly noBackslashEscapes: boolean;
}

export type TokenKind = 'word' | 'quoted' | 'string' | 'number' | 'hex' | 'bit' | 'punct' | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** Decoded: identifiers and strings without quotes and escapes, hex and bit literals their digits. */
  readonly text: string;
  /** `text` in upper case for words, else ''. Keywords compare with this. */
  readonly upper: string;
  /** Range within the statement. */
  readonly start: number;
  readonly end: number;
}

/** Text no token can be read from; `at` is the offset within the statement. */
export class LexerError extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

const SPACE = /\s/;
const WORD_START = /[A-Za-z_$@\u0080-\uffff]/;
const WORD_PART = /[A-Za-z0-9_$@\u0080-\uffff]/;
const EXECUTABLE = /\/\*(M?)!(\d{5,6})?/y;
const NUMBER = /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const HEX = /0x([0-9a-fA-F]+)/y;
const BITS = /0b([01]+)/y;

/**
 * Splits a statement into tokens, comments left out and executable comments read as the server reads them:
 * MySQL skips MariaDB's (slash, star, M, !), MariaDB skips those of MySQL 5.7 and later (versions 50700 to
 * 99999). Throws LexerError for an unclosed quote. The last token has kind 'end'.
 */
export function tokenize(sql: string, dialect: DdlDialect): Token[] {
  const out: Token[] = [];
  let i = 0;
  let inExecutable = false;
  const add = (kind: TokenKind, text: string, start: number, end: number): void => {
    out.push({ kind, text, upper: kind === 'word' ? text.toUpperCase() : '', start, end });
    i = end;
  };
  while (i < sql.length) {
    const c = sql[i] as string;
    const next = sql[i + 1] ?? '';
    if (SPACE.test(c) || c === '\u0000') i++;
    else if (inExecutable && c === '*' && next === '/') {
      inExecutable = false;
      i += 2;
    } else if (c === '#' || (c === '-' && next === '-' && (i + 2 >= sql.length || SPACE.test(sql[i + 2] as string)))) {
      const eol = sql.indexOf('\n', i);
      i = eol < 0 ? sql.length : eol + 1;
    } else if (c === '/' && next === '*') {
      EXECUTABLE.lastIndex = i;
      const m = EXECUTABLE.exec(sql);
      if (m !== null && executes(dialect, m[1] === 'M', m[2] === undefined ? null : Number(m[2]))) {
        inExecutable = true;
        i = EXECUTABLE.lastIndex;
      } else {
        const close = sql.indexOf('*/', i + 2);
        i = close < 0 ? sql.length : close + 2;
      }
    } else if (c === '`' || (c === '"' && dialect.ansiQuotes)) {
      const { text, end } = quoted(sql, i, c, true);
      add('quoted', text, i, end);
    } else if (c === "'" || c === '"') {
      const { text, end } = quoted(sql, i, c, dialect.noBackslashEscapes);
      add('string', text, i, end);
    } else if ((c === 'x' || c === 'X' || c === 'b' || c === 'B') && next === "'") {
      const { text, end } = quoted(sql, i + 1, "'", true);
      add(c === 'x' || c === 'X' ? 'hex' : 'bit', text, i, end);
    } else if ((c === 'n' || c === 'N') && next === "'") {
      const { text, end } = quoted(sql, i + 1, "'", dialect.noBackslashEscapes);
      add('string', text, i, end);
    } else if (/[0-9]/.test(c) || (c === '.' && /[0-9]/.test(next) && !follows(out, i))) {
      numberOrWord(sql, i, add);
    } else if (WORD_START.test(c)) {
      let end = i + 1;
      while (end < sql.length && WORD_PART.test(sql[end] as string)) end++;
      add('word', sql.slice(i, end), i, end);
    } else add('punct', c, i, i + 1);
  }
  out.push({ kind: 'end', text: '', upper: '', start: sql.length, end: sql.length });
  return out;
}

function executes(dialect: DdlDialect, mariadbOnly: boolean, version: number | null): boolean {
  if (dialect.connector === 'mysql') return !mariadbOnly;
  return mariadbOnly || version === null || version < 50700 || version > 99999;
}

/** True when `.` directly after this token belongs to a qualified name (`db.1table`). */
function follows(out: readonly Token[], at: number): boolean {
  const last = out[out.length - 1];
  return last !== undefined && last.end === at && (last.kind === 'word' || last.kind === 'quoted');
}

function numberOrWord(sql: string, start: number, add: (kind: TokenKind, text: string, start: number, end: number) => void): void {
  const afterDot = sql[start - 1] === '.';
  let end = start;
  while (end < sql.length && WORD_PART.test(sql[end] as string)) end++;
  for (const [kind, pattern] of [['hex', HEX] as const, ['bit', BITS] as const]) {
    pattern.lastIndex = start;
    const m = pattern.exec(sql);
    if (m === null || pattern.lastIndex !== end || afterDot) continue;
    add(kind, m[1] as string, start, end);
    return;
  }
  NUMBER.lastIndex = start;
  const m = NUMBER.exec(sql);
  const stop = m === null ? start : NUMBER.lastIndex;
  // Identifiers may begin with digits: `1st`, and after a dot even consist of them.
  if (m === null || stop < end || afterDot) add('word', sql.slice(start, end), start, end);
  else add('number', m[0], start, stop);
}

const ESCAPES: Readonly<Record<string, string>> = { '0': '\u0000', b: '\b', n: '\n', r: '\r', t: '\t', Z: '\u001a', '%': '\\%', _: '\\_' };

function quoted(sql: string, start: number, quote: string, raw: boolean): { text: string; end: number } {
  let text = '';
  let i = start + 1;
  while (i < sql.length) {
    const c = sql[i] as string;
    if (c === quote) {
      if (sql[i + 1] !== quote) return { text, end: i + 1 };
      text += quote;
      i += 2;
    } else if (c === '\\' && !raw) {
      const e = sql[i + 1] ?? '';
      text += ESCAPES[e] ?? e;
      i += 2;
    } else {
      text += c;
      i++;
    }
  }
  throw new LexerError(`the quote opened at offset ${start} is not closed`, start);
}
