import { type DdlDialect, type Token, tokenize } from './ddl-lexer.ts';
import type { TableName } from './ddl-statement.ts';

/** What the grammar did not expect; caught by the statement parser, never seen outside. */
export class SyntaxFailure extends Error {}

/** Position in the tokens of one statement, with the few moves a recursive descent parser needs. */
export class TokenCursor {
  readonly sql: string;
  readonly tokens: readonly Token[];
  index = 0;

  constructor(sql: string, dialect: DdlDialect) {
    this.sql = sql;
    this.tokens = tokenize(sql, dialect);
  }

  get token(): Token {
    return this.tokens[this.index] as Token;
  }

  atEnd(): boolean {
    return this.token.kind === 'end';
  }

  peek(ahead = 1): Token {
    return this.tokens[Math.min(this.index + ahead, this.tokens.length - 1)] as Token;
  }

  next(): Token {
    const t = this.token;
    if (t.kind !== 'end') this.index++;
    return t;
  }

  /** Text from a token's start to the end of the last token taken. */
  textFrom(start: Token): string {
    const last = this.tokens[this.index - 1];
    return last === undefined ? '' : this.sql.slice(start.start, last.end);
  }

  fail(expected: string): never {
    const t = this.token;
    const found = t.kind === 'end' ? 'the end' : t.kind === 'string' ? 'a string' : `"${this.sql.slice(t.start, t.end)}"`;
    throw new SyntaxFailure(`expected ${expected} but found ${found} at offset ${t.start}`);
  }

  isWord(...words: readonly string[]): boolean {
    return this.token.kind === 'word' && words.includes(this.token.upper);
  }

  /** True when the next tokens are these words, in order. */
  areWords(...words: readonly string[]): boolean {
    return words.every((w, i) => this.peek(i).kind === 'word' && this.peek(i).upper === w);
  }

  isPunct(p: string): boolean {
    return this.token.kind === 'punct' && this.token.text === p;
  }

  /** Takes the words if they all come next. */
  accept(...words: readonly string[]): boolean {
    if (!this.areWords(...words)) return false;
    this.index += words.length;
    return true;
  }

  acceptAny(...words: readonly string[]): string | null {
    return this.isWord(...words) ? this.next().upper : null;
  }

  acceptPunct(p: string): boolean {
    if (!this.isPunct(p)) return false;
    this.index++;
    return true;
  }

  expect(...words: readonly string[]): void {
    if (!this.accept(...words)) this.fail(words.join(' '));
  }

  expectPunct(p: string): void {
    if (!this.acceptPunct(p)) this.fail(`"${p}"`);
  }

  ifExists(): boolean {
    return this.accept('IF', 'EXISTS');
  }

  ifNotExists(): boolean {
    return this.accept('IF', 'NOT', 'EXISTS');
  }

  isIdentifier(): boolean {
    return this.token.kind === 'word' || this.token.kind === 'quoted';
  }

  identifier(): string {
    if (!this.isIdentifier()) this.fail('a name');
    return this.next().text;
  }

  tableName(): TableName {
    // `.t` is legal and means the current database.
    if (this.acceptPunct('.')) return { database: null, table: this.identifier() };
    const first = this.identifier();
    return this.acceptPunct('.') ? { database: first, table: this.identifier() } : { database: null, table: first };
  }

  /** Passes over a balanced parenthesis; the cursor must stand at `(`. */
  skipParens(): void {
    this.expectPunct('(');
    for (let depth = 1; depth > 0; ) {
      const t = this.token;
      if (t.kind === 'end') this.fail('")"');
      if (t.kind === 'punct' && t.text === '(') depth++;
      if (t.kind === 'punct' && t.text === ')') depth--;
      this.index++;
    }
  }

  /** Passes over one token, or a whole parenthesis. */
  skipOne(): void {
    if (this.isPunct('(')) this.skipParens();
    else this.next();
  }

  /** Passes over everything up to a top-level comma, closing parenthesis or the end. */
  skipToComma(): void {
    while (this.token.kind !== 'end' && !this.isPunct(',') && !this.isPunct(')')) this.skipOne();
  }

  skipToEnd(): void {
    this.index = this.tokens.length - 1;
  }

  wholeNumber(): number {
    if (this.token.kind !== 'number') this.fail('a number');
    return Number(this.next().text);
  }
}
