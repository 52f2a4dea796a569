import { CdcError } from '../model/errors.ts';
import { type ConfigDef, type ConfigKey, type ConfigValue, type RawConfig, REQUIRED } from '../spi/config-def.ts';

const INTEGER = /^[+-]?\d+$/;

/** What a key's text means, or a sentence saying what is wrong with it. */
function parseValue(key: ConfigKey<unknown>, text: string): { value: unknown } | { error: string } {
  const t = text.trim();
  switch (key.type) {
    case 'boolean': {
      const lower = t.toLowerCase();
      return lower === 'true' || lower === 'false' ? { value: lower === 'true' } : { error: 'expected true or false' };
    }
    case 'int':
    case 'long': {
      if (!INTEGER.test(t)) return { error: 'expected a whole number' };
      const n = Number(t);
      if (!Number.isSafeInteger(n)) return { error: 'the number is too large' };
      return range(key, n);
    }
    case 'double': {
      const n = Number(t);
      return t !== '' && Number.isFinite(n) ? range(key, n) : { error: 'expected a number' };
    }
    case 'list':
      return {
        value: t === '' ? [] : t.split(',').map((s) => s.trim()),
      };
    case 'password':
      return { value: text };
    default: {
      if (key.allowed !== undefined) {
        const found = key.allowed.find((a) => a.toLowerCase() === t.toLowerCase());
        return found === undefined ? { error: `expected one of ${key.allowed.join(', ')}` } : { value: found };
      }
      return { value: t };
    }
  }
}

function range(key: ConfigKey<unknown>, n: number): { value: unknown } | { error: string } {
  if (key.min !== undefined && n < key.min) return { error: `must be at least ${key.min}` };
  if (key.max !== undefined && n > key.max) return { error: `must be at most ${key.max}` };
  return { value: n };
}

interface Evaluated {
  readonly value: unknown;
  readonly text: string | null;
  readonly errors: readonly string[];
}

function evaluate(name: string, key: ConfigKey<unknown>, raw: RawConfig): Evaluated {
  const given = [name, ...(key.aliases ?? [])].find((n) => raw[n] !== undefined);
  const text = given === undefined ? null : (raw[given] as string);
  if (text === null || (text.trim() === '' && key.type !== 'password' && key.type !== 'string' && key.type !== 'list')) {
    if (key.default === REQUIRED)
      return { value: null, text: null, errors: [`Missing required configuration "${name}" which has no default value.`] };
    return { value: key.default, text: null, errors: [] };
  }
  if (key.default === REQUIRED && text.trim() === '') return { value: null, text, errors: [`"${name}" must not be empty`] };
  const parsed = parseValue(key, text);
  const shown = key.type === 'password' ? '[hidden]' : text;
  if ('error' in parsed) return { value: null, text, errors: [`Invalid value ${shown} for configuration ${name}: ${parsed.error}`] };
  if (key.refused !== undefined && JSON.stringify(parsed.value) !== JSON.stringify(key.default))
    return { value: parsed.value, text, errors: [`${name}=${shown} is not supported: ${key.refused}`] };
  const wrong = key.validate?.(parsed.value, raw) ?? null;
  return { value: parsed.value, text, errors: wrong === null ? [] : [`Invalid value ${shown} for configuration ${name}: ${wrong}`] };
}

/**
 * Builds the definition of a component's configuration. The type C maps each dotted key to its parsed
 * type; a parsed config is read as `config['max.batch.size']`.
 */
export function defineConfig<C>(
  keys: { readonly [K in keyof C]: ConfigKey<C[K]> },
  patterns: readonly { readonly pattern: RegExp; readonly doc: string }[] = [],
): ConfigDef<C> {
  const all = keys as unknown as Readonly<Record<string, ConfigKey<unknown>>>;
  const names = Object.keys(all);
  const claimed = new Set(names.flatMap((n) => [n, ...((all[n] as ConfigKey<unknown>).aliases ?? [])]));
  return {
    keys: all,
    patterns,
    parse(raw) {
      const config: Record<string, unknown> = {};
      const errors: { key: string; message: string }[] = [];
      for (const name of names) {
        const e = evaluate(name, all[name] as ConfigKey<unknown>, raw);
        config[name] = e.value;
        for (const message of e.errors) errors.push({ key: name, message });
      }
      if (errors.length > 0) {
        throw new CdcError('CDC_CONFIG_INVALID', 'config', errors.map((e) => e.message).join('\n'), {
          hint: 'correct the keys named and start again',
          context: { errors },
        });
      }
      const unknown = Object.keys(raw).filter((k) => !claimed.has(k) && !patterns.some((p) => p.pattern.test(k)));
      return { config: config as C, unknown };
    },
    validate(raw): readonly ConfigValue[] {
      return names.map((name) => {
        const key = all[name] as ConfigKey<unknown>;
        const e = evaluate(name, key, raw);
        return {
          name,
          value: e.text ?? (key.default === REQUIRED || key.default === null ? null : formatDefault(key.default)),
          recommended: key.allowed ?? [],
          errors: e.errors,
          visible: true,
        };
      });
    },
  };
}

/** A default as it would be written in a file. */
export function formatDefault(value: unknown): string {
  return Array.isArray(value) ? value.join(',') : String(value);
}

/** The known name nearest to a mistyped one (edit distance at most 3), or null. */
export function nearestName(name: string, known: Iterable<string>): string | null {
  let best: string | null = null;
  let least = 4;
  for (const k of known) {
    const d = distance(name, k, least);
    if (d < least) {
      least = d;
      best = k;
    }
  }
  return best;
}

function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
