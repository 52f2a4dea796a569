import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { CdcError } from '../model/errors.ts';
import { parseProperties } from './properties.ts';

/** One setting as written (placeholders unresolved) and where it stands: `conf/application.properties:12`, `env DEBEZIUM_SINK_TYPE`. */
export interface ConfigEntry {
  readonly value: string;
  readonly origin: string;
}

export type ConfigEntries = ReadonlyMap<string, ConfigEntry>;

export interface ConfigFile {
  readonly path: string;
  /** Every dotted key outside `connectors`. */
  readonly entries: ConfigEntries;
  /** What stands under `connectors`, by connector name; null when the file has no such part. */
  readonly connectors: ReadonlyMap<string, ConfigEntries> | null;
}

/**
 * Reads a `.properties`, `.yaml`, `.yml` or `.json` file: the same dotted keys in each, nesting counting as dots, lists
 * as comma-separated text, scalars exactly as written. Throws CDC_CONFIG_FILE with every syntax error.
 */
export function readConfigFile(path: string): ConfigFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CdcError('CDC_CONFIG_FILE', 'config', `configuration file "${path}" cannot be read: ${reason(cause)}`, {
      cause,
      hint: 'check the path and its permissions',
    });
  }
  return parseConfigFile(text, path);
}

function reason(cause: unknown): string {
  const { code } = cause as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'it does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  return code === 'EISDIR' ? 'it is a folder' : (code ?? 'for an unknown reason');
}

/** `readConfigFile` for text already read; `path` decides the format. */
export function parseConfigFile(text: string, path: string): ConfigFile {
  const extension = extname(path).toLowerCase();
  if (extension === '.properties') return fromProperties(text, path);
  if (extension === '.yaml' || extension === '.yml' || extension === '.json') return fromYaml(text, path);
  throw new CdcError('CDC_CONFIG_FILE', 'config', `configuration file "${path}": the format "${extension}" is not known`, {
    hint: 'name it .properties, .yaml, .yml or .json',
  });
}

function fromProperties(text: string, path: string): ConfigFile {
  const entries = new Map<string, ConfigEntry>();
  const connectors = new Map<string, Map<string, ConfigEntry>>();
  for (const { key, value, line } of located(path, () => parseProperties(text))) {
    const entry = { value, origin: `${path}:${line}` };
    const match = /^connectors\.([^.]+)\.(.+)$/.exec(key);
    if (match === null) entries.set(key, entry);
    else {
      const name = match[1] as string;
      const config = connectors.get(name) ?? new Map<string, ConfigEntry>();
      connectors.set(name, config.set(match[2] as string, entry));
    }
  }
  return { path, entries, connectors: connectors.size === 0 ? null : connectors };
}

function located<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof CdcError)) throw error;
    throw new CdcError(error.code, error.kind, `configuration file "${path}": ${error.message}`, { hint: error.hint ?? '' });
  }
}

/** JSON is read as the YAML it is, which keeps numbers as they were written. */
function fromYaml(text: string, path: string): ConfigFile {
  const lines = new LineCounter();
  const doc = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const fail = (message: string): CdcError =>
    new CdcError('CDC_CONFIG_FILE', 'config', message, { hint: 'correct the syntax at the lines named' });
  if (doc.errors.length > 0)
    throw fail(doc.errors.map((e) => `configuration file "${path}" line ${lines.linePos(e.pos[0]).line}: ${e.message}`).join('\n'));

  const at = (node: Node): string => `${path}:${lines.linePos(node.range?.[0] ?? 0).line}`;
  const flatten = (start: unknown, prefix: string, into: Map<string, ConfigEntry>): void => {
    const node = isAlias(start) ? start.resolve(doc) : start;
    if (isMap(node)) {
      for (const pair of node.items) {
        const name = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
        if (name === '<<') flatten(pair.value, prefix, into);
        else flatten(pair.value, prefix === '' ? name : `${prefix}.${name}`, into);
      }
    } else if (isSeq(node)) {
      const items = node.items.map((i) => (isAlias(i) ? i.resolve(doc) : i));
      if (!items.every((i) => isScalar(i))) throw fail(`${at(node)}: "${prefix}" must be a list of plain values`);
      into.set(prefix, { value: items.map((i) => scalarText(i)).join(','), origin: at(node) });
    } else if (isScalar(node)) into.set(prefix, { value: scalarText(node), origin: at(node) });
    else if (prefix !== '') into.set(prefix, { value: '', origin: path });
  };

  const root = doc.contents;
  if (root !== null && !isMap(root)) throw fail(`configuration file "${path}": expected keys and values at the top`);
  const entries = new Map<string, ConfigEntry>();
  let connectors: Map<string, ConfigEntries> | null = null;
  for (const pair of root?.items ?? []) {
    const name = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
    if (name !== 'connectors') {
      flatten(pair.value, name, entries);
      continue;
    }
    const node = isAlias(pair.value) ? pair.value.resolve(doc) : pair.value;
    if (!isMap(node)) throw fail(`configuration file "${path}": "connectors" must map names to configurations`);
    connectors = new Map();
    for (const item of node.items) {
      const config = new Map<string, ConfigEntry>();
      flatten(item.value, '', config);
      connectors.set(isScalar(item.key) ? String(item.key.value) : String(item.key), config);
    }
  }
  return { path, entries, connectors };
}

/** A scalar as written: `1.10` stays `1.10`, `0123` stays `0123`. */
function scalarText(node: unknown): string {
  if (!isScalar(node) || node.value === null || node.value === undefined) return '';
  if (typeof node.value === 'string') return node.value;
  return node.source ?? String(node.value);
}

/**
 * Lets environment variables override a file, as MicroProfile Config maps names: `DEBEZIUM_SOURCE_DATABASE_HOSTNAME` is
 * `debezium.source.database.hostname`. A name the file or `known` has keeps its spelling there (`-`, capitals);
 * otherwise underscores become dots. Only variables with one of the prefixes are looked at.
 */
export function overrideByEnvironment(
  entries: ConfigEntries,
  env: Readonly<Record<string, string | undefined>>,
  prefixes: readonly string[],
  known: readonly string[],
): ConfigEntries {
  const spelled = new Map([...known, ...entries.keys()].map((key) => [environmentName(key), key]));
  const out = new Map(entries);
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || !prefixes.some((p) => name.startsWith(p))) continue;
    const key = spelled.get(name) ?? name.toLowerCase().replaceAll('_', '.');
    out.set(key, { value, origin: `env ${name}` });
  }
  return out;
}

/** MicroProfile's rule: what is not a letter or digit becomes `_`, letters become capitals. */
export function environmentName(key: string): string {
  return key.replace(/[^A-Za-z0-9]/g, '_').toUpperCase();
}
