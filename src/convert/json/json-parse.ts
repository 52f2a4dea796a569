/**
 * A JSON parser that keeps integers exact: those beyond 2^53 become bigint (JSON.parse rounds them).
 * Objects have no prototype surprises: `__proto__` is an own property. Throws SyntaxError with the offset.
 */
export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | { [key: string]: JsonValue };

/** Parses the whole text. */
export function parseJson(text: string): JsonValue {
  const cursor = { text, at: 0 };
  const value = parseValue(cursor);
  skipSpace(cursor);
  if (cursor.at !== text.length) throw unexpected(cursor);
  return value;
}

/** Where a parse stands. */
export interface Cursor {
  readonly text: string;
  at: number;
}

function unexpected(c: Cursor): SyntaxError {
  return new SyntaxError(c.at >= c.text.length ? 'JSON ends too early' : `unexpected character at offset ${c.at} of the JSON text`);
}

/** Moves past white space. */
export function skipSpace(c: Cursor): void {
  const { text } = c;
  let code = text.charCodeAt(c.at);
  while (code === 32 || code === 10 || code === 13 || code === 9) code = text.charCodeAt(++c.at);
}

/** Parses one value at the cursor and moves past it. */
export function parseValue(c: Cursor): JsonValue {
  skipSpace(c);
  switch (c.text.charCodeAt(c.at)) {
    case 123:
      return parseObject(c);
    case 91:
      return parseArray(c);
    case 34:
      return parseString(c);
    case 116:
      return literal(c, 'true', true);
    case 102:
      return literal(c, 'false', false);
    case 110:
      return literal(c, 'null', null);
    default:
      return parseNumber(c);
  }
}

function literal<T>(c: Cursor, word: string, value: T): T {
  if (!c.text.startsWith(word, c.at)) throw unexpected(c);
  c.at += word.length;
  return value;
}

function parseObject(c: Cursor): JsonValue {
  const object: { [key: string]: JsonValue } = {};
  c.at++;
  skipSpace(c);
  if (c.text.charCodeAt(c.at) === 125) {
    c.at++;
    return object;
  }
  for (;;) {
    skipSpace(c);
    if (c.text.charCodeAt(c.at) !== 34) throw unexpected(c);
    const key = parseString(c);
    skipSpace(c);
    if (c.text.charCodeAt(c.at) !== 58) throw unexpected(c);
    c.at++;
    const value = parseValue(c);
    if (key === '__proto__') Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
    else object[key] = value;
    skipSpace(c);
    const code = c.text.charCodeAt(c.at++);
    if (code === 125) return object;
    if (code !== 44) {
      c.at--;
      throw unexpected(c);
    }
  }
}

function parseArray(c: Cursor): JsonValue {
  const array: JsonValue[] = [];
  c.at++;
  skipSpace(c);
  if (c.text.charCodeAt(c.at) === 93) {
    c.at++;
    return array;
  }
  for (;;) {
    array.push(parseValue(c));
    skipSpace(c);
    const code = c.text.charCodeAt(c.at++);
    if (code === 93) return array;
    if (code !== 44) {
      c.at--;
      throw unexpected(c);
    }
  }
}

/** Parses the string literal at the cursor. */
export function parseString(c: Cursor): string {
  const { text } = c;
  const start = c.at;
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 34) {
      c.at = i + 1;
      return text.slice(start + 1, i);
    }
    if (code === 92) return escapedString(c, i);
    if (code < 32) {
      c.at = i;
      throw unexpected(c);
    }
  }
  c.at = text.length;
  throw unexpected(c);
}

function escapedString(c: Cursor, firstEscape: number): string {
  const { text } = c;
  let i = firstEscape;
  while (i < text.length && text.charCodeAt(i) !== 34) i += text.charCodeAt(i) === 92 ? 2 : 1;
  if (i >= text.length) {
    c.at = text.length;
    throw unexpected(c);
  }
  const value = JSON.parse(text.slice(c.at, i + 1)) as string;
  c.at = i + 1;
  return value;
}

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;

/** Parses the number at the cursor: an integer beyond 2^53 is a bigint. */
export function parseNumber(c: Cursor): number | bigint {
  const { text } = c;
  const start = c.at;
  let i = start;
  const negative = text.charCodeAt(i) === 45;
  if (negative) i++;
  const firstDigit = i;
  let n = 0;
  let code = text.charCodeAt(i);
  while (code >= 48 && code <= 57) {
    n = n * 10 + (code - 48);
    code = text.charCodeAt(++i);
  }
  const digits = i - firstDigit;
  const plain = code !== 46 && code !== 101 && code !== 69;
  if (plain && digits > 0 && digits <= 15 && (digits === 1 || text.charCodeAt(firstDigit) !== 48)) {
    c.at = i;
    return negative ? -n : n;
  }
  NUMBER.lastIndex = start;
  const m = NUMBER.exec(text);
  if (m === null) throw unexpected(c);
  c.at = NUMBER.lastIndex;
  const value = Number(m[0]);
  return m[1] === undefined && m[2] === undefined && !Number.isSafeInteger(value) ? BigInt(m[0]) : value;
}

/** Moves past one value without building it. */
export function skipValue(c: Cursor): void {
  skipSpace(c);
  const { text } = c;
  const first = text.charCodeAt(c.at);
  if (first !== 123 && first !== 91) {
    parseValue(c);
    return;
  }
  let depth = 0;
  for (; c.at < text.length; c.at++) {
    const code = text.charCodeAt(c.at);
    if (code === 34) {
      c.at++;
      while (c.at < text.length && text.charCodeAt(c.at) !== 34) c.at += text.charCodeAt(c.at) === 92 ? 2 : 1;
    } else if (code === 123 || code === 91) depth++;
    else if ((code === 125 || code === 93) && --depth === 0) {
      c.at++;
      return;
    }
  }
  throw unexpected(c);
}
