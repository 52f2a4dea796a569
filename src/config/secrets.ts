import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CdcError } from '../model/errors.ts';
import type { RawConfig } from '../spi/config-def.ts';
import { parseProperties } from './properties.ts';

export const MASK = '********';

const PLACEHOLDER = /\$\{(env|file|dir):([^}]*)\}/g;
const SECRET_NAME =
  /(?:^|[._-])(?:password|passwd|secret|token|credentials?|passphrase|sasl\.jaas\.config|private\.key|key\.pem|basic\.auth\.user\.info|access\.key|api\.key)(?:$|[._-])/i;

export interface SecretSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile?: (path: string) => string;
}

/**
 * Replaces `${env:NAME}`, `${file:/path:key}` (a properties file) and `${dir:/path:name}` (a file's content without its last
 * line end) in a value; any other `${…}` is left alone. With `bare`, `${NAME}` and `${NAME:default}` in capitals are
 * environment variables too, as in Debezium Server's files. Throws CDC_CONFIG_INVALID naming what is missing, never a value.
 */
export function resolvePlaceholders(value: string, sources: SecretSources, bare = false): string {
  if (!value.includes('${')) return value;
  const read = sources.readFile ?? ((path: string) => readFileSync(path, 'utf8'));
  const resolved = value.replace(PLACEHOLDER, (whole, provider: string, rest: string) => {
    if (provider === 'env') return sources.env[rest] ?? missing(whole, `environment variable ${rest} is not set`);
    const colon = rest.lastIndexOf(':');
    if (colon <= 0) return missing(whole, `expected \${${provider}:/path:${provider === 'file' ? 'key' : 'name'}}`);
    const path = rest.slice(0, colon);
    const name = rest.slice(colon + 1);
    if (provider === 'dir') return readOr(whole, join(path, name), read).replace(/\r?\n$/, '');
    const found = parseProperties(readOr(whole, path, read)).findLast((p) => p.key === name);
    return found?.value ?? missing(whole, `"${path}" has no key "${name}"`);
  });
  if (!bare) return resolved;
  return resolved.replace(
    /\$\{([A-Z][A-Z0-9_]*)(?::([^}]*))?\}/g,
    (whole, name: string, fallback: string | undefined) =>
      sources.env[name] ?? fallback ?? missing(whole, `environment variable ${name} is not set`),
  );
}

function readOr(whole: string, path: string, read: (path: string) => string): string {
  try {
    return read(path);
  } catch {
    return missing(whole, `"${path}" cannot be read`);
  }
}

function missing(whole: string, why: string): never {
  throw new CdcError('CDC_CONFIG_INVALID', 'config', `${whole} cannot be resolved: ${why}`, {
    hint: 'provide it, or write the value itself',
  });
}

/** True for keys whose values are never shown, judged by name; keys of type password are known to their ConfigDef. */
export function isSecretName(key: string): boolean {
  return SECRET_NAME.test(key);
}

/** A value fit to be shown: secrets masked, user:password in URLs and `password=` in connection strings too. Placeholders stay. */
export function maskValue(key: string, value: string, secret = false): string {
  if ((secret || isSecretName(key)) && value !== '') return /^\$\{(env|file|dir):[^}]*\}$/.test(value) ? value : MASK;
  return value
    .replace(/(\/\/[^/:@\s]*):([^/@\s]+)@/g, `$1:${MASK}@`)
    .replace(/((?:^|[?&;])[^=&;]*(?:password|secret|token)[^=&;]*=)[^&;]+/gi, `$1${MASK}`);
}

/** A whole configuration fit to be shown. */
export function maskConfig(config: RawConfig, secretKeys: ReadonlySet<string> = new Set()): RawConfig {
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key, maskValue(key, value, secretKeys.has(key))]));
}
