import { CdcError } from '../model/errors.ts';
import type { ConfigDef, RawConfig } from '../spi/config-def.ts';
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

/** Parses with a definition; every error becomes a finding. Unknown keys are returned, for whoever may know them. */
export function parseFindings<C>(
  def: ConfigDef<C>,
  raw: RawConfig,
  context: { readonly keyPrefix: string; readonly origins: ReadonlyMap<string, string>; readonly findings: ConfigFinding[] },
): { readonly config: C | null; readonly unknown: readonly string[] } {
  try {
    return def.parse(raw);
  } catch (error) {
    if (!(error instanceof CdcError) || error.kind !== 'config') throw error;
    const errors = (error.context['errors'] as readonly { key: string; message: string }[] | undefined) ?? [
      { key: '', message: error.message },
    ];
    for (const { key, message } of errors) {
      context.findings.push({
        severity: 'error',
        code: error.code,
        kind: 'config',
        key: context.keyPrefix + key,
        message,
        hint: hintFor(def, key),
        origin: context.origins.get(key) ?? null,
      });
    }
    const claimed = claimedNames(def);
    return { config: null, unknown: Object.keys(raw).filter((k) => !claimed.has(k) && !def.patterns.some((p) => p.pattern.test(k))) };
  }
}

function hintFor(def: ConfigDef<unknown>, key: string): string {
  const known = def.keys[key];
  if (known === undefined) return 'correct the key and start again';
  return known.allowed === undefined ? known.doc : `one of ${known.allowed.join(', ')}: ${known.doc}`;
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
