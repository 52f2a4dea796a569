/** A regular expression in Java's syntax as one of JavaScript's. Throws SyntaxError where there is none. */
export function javaRegex(pattern: string): RegExp {
  let flags = '';
  // Inline flags at the start are the one difference people use.
  const source = pattern.replace(/^\(\?([imsu]+)\)/, (_, given: string) => {
    flags = [...given].filter((f) => f !== 'u').join('');
    return '';
  });
  try {
    return new RegExp(source, `${flags}u`);
  } catch {
    // Java allows escapes such as `\-` that JavaScript refuses in Unicode mode.
    return new RegExp(source, flags);
  }
}

/** A pattern that must match the whole text, as `matches()` does. */
export function wholeRegex(pattern: string): RegExp {
  const { source, flags } = javaRegex(pattern);
  return new RegExp(`^(?:${source})$`, flags);
}

/** null, or what is wrong with a pattern. */
export function regexProblem(pattern: string | null): string | null {
  if (pattern === null) return null;
  try {
    javaRegex(pattern);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** `Matcher.matches()` and then `replaceFirst(replacement)`: null when the whole text does not match. */
export function replacer(pattern: string, replacement: string): (text: string) => string | null {
  const whole = wholeRegex(pattern);
  const first = javaRegex(pattern);
  return (text) => {
    if (!whole.test(text)) return null;
    const match = first.exec(text);
    if (match === null) return null;
    return text.slice(0, match.index) + expand(replacement, match) + text.slice(match.index + match[0].length);
  };
}

/** Java's replacement: `$1`, `${name}`, `\` before a literal. */
function expand(replacement: string, match: RegExpExecArray): string {
  return replacement.replace(/\\(.)|\$\{([A-Za-z][A-Za-z0-9]*)\}|\$(\d+)/gs, (whole, literal?: string, name?: string, digits?: string) => {
    if (literal !== undefined) return literal;
    if (name !== undefined) {
      if (match.groups === undefined || !(name in match.groups)) throw new SyntaxError(`no group with name {${name}}`);
      return match.groups[name] ?? '';
    }
    // As many digits as name a group that exists.
    let n = String(digits);
    while (n.length > 1 && Number(n) >= match.length) n = n.slice(0, -1);
    if (Number(n) >= match.length) throw new SyntaxError(`no group ${n} for ${whole}`);
    return (match[Number(n)] ?? '') + String(digits).slice(n.length);
  });
}

/** null, or what is wrong with a replacement for a pattern. */
export function replacementProblem(pattern: string, replacement: string): string | null {
  try {
    const empty = new RegExp(`${javaRegex(pattern).source}|`, javaRegex(pattern).flags).exec('');
    if (empty !== null) expand(replacement, empty);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
