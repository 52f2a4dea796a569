import { CdcError } from '../model/errors.ts';

export interface PropertyLine {
  readonly key: string;
  readonly value: string;
  /** 1-based line the entry begins on. */
  readonly line: number;
}

/**
 * Reads a Java `.properties` text as `java.util.Properties` does: `=`, `:` or white space after the key,
 * `#` and `!` comments, continuation by an odd number of backslashes at the end of a line, `\uXXXX`, `\t`, `\n`,
 * `\r`, `\f`, any other escaped character itself. A later entry of the same key wins.
 * Throws CDC_CONFIG_FILE for a malformed `\u` escape.
 */
export function parseProperties(text: string): readonly PropertyLine[] {
  const out: PropertyLine[] = [];
  for (const { content, line } of logicalLines(text)) {
    const end = keyEnd(content);
    const key = unescapeText(content.slice(0, end), line);
    const value = unescapeText(content.slice(end).replace(/^[ \t\f]*[=:]?[ \t\f]*/, ''), line);
    out.push({ key, value, line });
  }
  return out;
}

/** Lines without comments and blanks, continuations joined (their leading white space dropped). */
function logicalLines(text: string): { content: string; line: number }[] {
  const out: { content: string; line: number }[] = [];
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/);
  for (let i = 0; i < lines.length; i++) {
    const first = i;
    let content = (lines[i] as string).replace(/^[ \t\f]+/, '');
    if (content === '' || content.startsWith('#') || content.startsWith('!')) continue;
    while (endsInContinuation(content)) {
      content = content.slice(0, -1);
      i++;
      if (i >= lines.length) break;
      content += (lines[i] as string).replace(/^[ \t\f]+/, '');
    }
    out.push({ content, line: first + 1 });
  }
  return out;
}

function endsInContinuation(content: string): boolean {
  let backslashes = 0;
  for (let i = content.length - 1; i >= 0 && content[i] === '\\'; i--) backslashes++;
  return backslashes % 2 === 1;
}

/** Index of the first unescaped separator. */
function keyEnd(content: string): number {
  for (let i = 0; i < content.length; i++) {
    const c = content[i] as string;
    if (c === '\\') i++;
    else if (c === '=' || c === ':' || c === ' ' || c === '\t' || c === '\f') return i;
  }
  return content.length;
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

function unescapeText(text: string, line: number): string {
  if (!text.includes('\\')) return text;
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    if (c !== '\\') {
      out += c;
      continue;
    }
    const next = text[++i];
    if (next === undefined) break;
    if (next === 'u') {
      const hex = text.slice(i + 1, i + 5);
      if (!/^[0-9a-fA-F]{4}$/.test(hex))
        throw new CdcError('CDC_CONFIG_FILE', 'config', `line ${line}: malformed \\uXXXX escape`, {
          hint: 'write four hexadecimal digits, or double the backslash',
        });
      out += String.fromCharCode(Number.parseInt(hex, 16));
      i += 4;
    } else out += ESCAPES[next] ?? next;
  }
  return out;
}
