import { CdcError } from '../model/errors.ts';
import { type ConfigDef, type ConfigKey, type RawConfig, REQUIRED } from '../spi/config-def.ts';
import { nearestName } from './config-def.ts';
import type { ConfigFinding } from './run-config.ts';
import { resolvePlaceholders, type SecretSources } from './secrets.ts';
import type { ConfigEntries } from './sources.ts';

/** Entries with their placeholders resolved; what cannot be resolved becomes a finding and is left out. */
export function resolveEntries(
  entries: ConfigEntries,
  sources: SecretSources,
  options: { readonly bare: boolean; readonly findings: ConfigFinding[]; readonly keyPrefix?: string },
): ConfigEntries {
  const out = new Map<string, { value: string; origin: string }>();
  for (const [key, { value, origin }] of entries) {
    try {
      out.set(key, { value: resolvePlaceholders(value, sources, options.bare), origin });
    } catch (error) {
      if (!(error instanceof CdcError)) throw error;
      const { code, message, hint } = error;
      options.findings.push({
        severity: 'error',
        code,
        kind: 'config',
        key: (options.keyPrefix ?? '') + key,
        message,
        hint: hint ?? '',
        origin,
      });
    }
  }
  return out;
}

/** A key as the user wrote it, and where. */
export interface KeyPlace {
  readonly key: string;
  readonly origin: string | null;
}

export interface ParsedFindings<C> {
  /** null when something is wrong. */
  readonly config: C | null;
  /** What is left without the wrong values, for looking further; null when not even that can be read. */
  readonly partial: C | null;
  /** The keys whose values are wrong or missing. */
  readonly wrong: readonly string[];
  /** Keys the definition does not claim, for whoever may know them. */
  readonly unknown: readonly string[];
}

/** Parses with a definition; every error becomes a finding. */
export function parseFindings<C>(
  def: ConfigDef<C>,
  raw: RawConfig,
  context: {
    readonly keyPrefix: string;
    readonly origins: ReadonlyMap<string, string>;
    readonly findings: ConfigFinding[];
    /** For keys that do not all stand below one prefix. */
    readonly place?: (key: string) => KeyPlace;
  },
): ParsedFindings<C> {
  const place = context.place ?? ((key: string): KeyPlace => ({ key: context.keyPrefix + key, origin: context.origins.get(key) ?? null }));
  try {
    const { config, unknown } = def.parse(raw);
    return { config, partial: config, wrong: [], unknown };
  } catch (error) {
    if (!(error instanceof CdcError) || error.kind !== 'config') throw error;
    const errors = (error.context['errors'] as readonly { key: string; message: string }[] | undefined) ?? [
      { key: '', message: error.message },
    ];
    for (const { key, message } of errors) {
      const at = place(writtenName(def, raw, key));
      context.findings.push({ severity: 'error', code: error.code, kind: 'config', ...at, message, hint: hintFor(def, key, message) });
    }
    const wrong = errors.map((e) => e.key);
    const claimed = claimedNames(def);
    const unknown = Object.keys(raw).filter((k) => !claimed.has(k) && !def.patterns.some((p) => p.pattern.test(k)));
    return { config: null, partial: parseWithout(def, raw, wrong), wrong, unknown };
  }
}

/** The name a key was given by: itself, or one of its aliases. */
export function writtenName(def: ConfigDef<unknown>, raw: RawConfig, key: string): string {
  return raw[key] !== undefined ? key : (def.keys[key]?.aliases?.find((a) => raw[a] !== undefined) ?? key);
}

/** The rest of a configuration: wrong keys take their defaults, missing required ones a stand-in. null when that does not parse either. */
function parseWithout<C>(def: ConfigDef<C>, raw: RawConfig, wrong: readonly string[]): C | null {
  const rest: Record<string, string> = { ...raw };
  for (const name of wrong) {
    const key = def.keys[name];
    for (const given of [name, ...(key?.aliases ?? [])]) delete rest[given];
    if (key?.default === REQUIRED) rest[name] = standIn(key);
  }
  try {
    return def.parse(rest).config;
  } catch {
    return null;
  }
}

function standIn(key: ConfigKey<unknown>): string {
  if (key.allowed !== undefined) return key.allowed[0] as string;
  return ['int', 'long', 'double'].includes(key.type) ? String(key.min ?? 0) : 'unset';
}

function hintFor(def: ConfigDef<unknown>, key: string, message: string): string {
  const known = def.keys[key];
  if (known === undefined) return 'correct the key and start again';
  if (message.includes('is not supported')) return 'remove it';
  const allowed = known.allowed === undefined ? '' : `one of ${known.allowed.join(', ')}: `;
  return `${message.startsWith('Missing') ? 'set it' : 'correct it'}: ${allowed}${known.doc}`;
}

/** Every name a definition answers to. */
export function claimedNames(def: ConfigDef<unknown>): ReadonlySet<string> {
  return new Set(Object.entries(def.keys).flatMap(([name, key]) => [name, ...(key.aliases ?? [])]));
}

/** The finding for a key nobody knows: a warning, or an error with `config.strict=true`. */
export function unknownKey(
  key: string,
  known: Iterable<string>,
  options: { readonly strict: boolean; readonly keyPrefix: string; readonly origin: string | null },
): ConfigFinding {
  const near = nearestName(key, known);
  return {
    severity: options.strict ? 'error' : 'warning',
    code: 'CDC_CONFIG_UNKNOWN_KEY',
    kind: 'config',
    key: options.keyPrefix + key,
    message: `the key "${options.keyPrefix}${key}" is not known and has no effect`,
    hint: near === null ? 'remove it' : `did you mean "${options.keyPrefix}${near}"?`,
    origin: options.origin,
  };
}
