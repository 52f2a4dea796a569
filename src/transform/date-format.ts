const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');
const TOKEN = /'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+/g;

type Part = (d: Date, width: number) => string;
const number =
  (of: (d: Date) => number): Part =>
  (d, width) =>
    String(of(d)).padStart(width, '0');
const name =
  (names: readonly string[], of: (d: Date) => number): Part =>
  (d, width) => {
    const text = names[of(d)] as string;
    return width >= 4 ? text : text.slice(0, 3);
  };

/** The letters of Java's SimpleDateFormat (root locale, UTC) that are supported. */
const LETTERS: Readonly<Record<string, Part>> = {
  y: (d, width) => (width === 2 ? String(d.getUTCFullYear() % 100).padStart(2, '0') : String(d.getUTCFullYear()).padStart(width, '0')),
  M: (d, width) => (width >= 3 ? name(MONTHS, (x) => x.getUTCMonth())(d, width) : String(d.getUTCMonth() + 1).padStart(width, '0')),
  d: number((d) => d.getUTCDate()),
  H: number((d) => d.getUTCHours()),
  k: number((d) => d.getUTCHours() || 24),
  K: number((d) => d.getUTCHours() % 12),
  h: number((d) => d.getUTCHours() % 12 || 12),
  m: number((d) => d.getUTCMinutes()),
  s: number((d) => d.getUTCSeconds()),
  S: number((d) => d.getUTCMilliseconds()),
  a: (d) => (d.getUTCHours() < 12 ? 'AM' : 'PM'),
  E: name(DAYS, (d) => d.getUTCDay()),
  u: number((d) => d.getUTCDay() || 7),
  X: () => 'Z',
  Z: () => '+0000',
  z: () => 'UTC',
};

/** null, or what of a pattern is not supported. */
export function patternProblem(pattern: string | null): string | null {
  if (pattern === null) return null;
  for (const [, , letter] of pattern.matchAll(TOKEN)) {
    if (letter !== undefined && LETTERS[letter] === undefined) return `the pattern letter ${letter} is not supported`;
  }
  return pattern.replace(TOKEN, '') === '' ? null : 'a quote is not closed';
}

/** Milliseconds since the epoch by a SimpleDateFormat pattern, in UTC. */
export function formatDate(epochMs: number, pattern: string): string {
  const date = new Date(epochMs);
  return pattern.replace(TOKEN, (whole, quoted: string | undefined, letter: string | undefined) => {
    if (quoted !== undefined) return quoted === '' ? "'" : quoted.replaceAll("''", "'");
    return letter === undefined ? whole : (LETTERS[letter] as Part)(date, whole.length);
  });
}
