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

const NUMBERS: Readonly<Record<string, keyof Parsed>> = {
  y: 'year',
  M: 'month',
  d: 'day',
  H: 'hour',
  m: 'minute',
  s: 'second',
  S: 'milli',
};
interface Parsed {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  milli: number;
}

/** Milliseconds since the epoch of a text in a pattern of numbers (and X, Z, z); null when it is not of that form. */
export function parseDate(text: string, pattern: string): number | null {
  const parsed: Parsed = { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0, milli: 0 };
  const tokens = [...pattern.matchAll(TOKEN)];
  let rest = text;
  let offsetMs = 0;
  for (const [i, [whole, quoted, letter]] of tokens.entries()) {
    const literal = quoted !== undefined ? (quoted === '' ? "'" : quoted.replaceAll("''", "'")) : letter === undefined ? whole : null;
    if (literal !== null) {
      if (!rest.startsWith(literal)) return null;
      rest = rest.slice(literal.length);
      continue;
    }
    const field = NUMBERS[letter as string];
    if (field === undefined && !/[XZz]/.test(letter as string)) return null;
    // Numbers side by side have as many digits as letters; otherwise as many as there are.
    const adjacent = tokens[i + 1]?.[2] !== undefined && NUMBERS[tokens[i + 1]?.[2] as string] !== undefined;
    const form = field === undefined ? /^(?:Z|UTC|GMT|[+-]\d{2}:?(?:\d{2})?)/ : adjacent ? new RegExp(`^\\d{${whole.length}}`) : /^\d+/;
    const found = form.exec(rest)?.[0];
    if (found === undefined) return null;
    rest = rest.slice(found.length);
    if (field !== undefined) parsed[field] = Number(found);
    else offsetMs = zoneMs(found);
  }
  const date = new Date(0);
  date.setUTCFullYear(parsed.year, parsed.month - 1, parsed.day);
  date.setUTCHours(parsed.hour, parsed.minute, parsed.second, parsed.milli);
  return date.getTime() - offsetMs;
}

function zoneMs(zone: string): number {
  const [, sign, hours = '0', minutes = '0'] = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone) ?? [];
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
}
