import { CdcError } from '../model/errors.ts';
import { formatTableId, type TableId } from '../model/table-schema.ts';

/** Debezium's include and exclude lists: comma-separated regular expressions, empty = no restriction. */
export interface TableFilterConfig {
  readonly databaseInclude?: string;
  readonly databaseExclude?: string;
  readonly tableInclude?: string;
  readonly tableExclude?: string;
  readonly columnInclude?: string;
  readonly columnExclude?: string;
  /** `table.ignore.builtin`. */
  readonly ignoreBuiltin?: boolean;
}

export interface TableFilter {
  includes(id: TableId): boolean;
  includesDatabase(database: string): boolean;
  includesColumn(id: TableId, column: string): boolean;
}

const BUILTIN = new Set(['mysql', 'information_schema', 'performance_schema', 'sys']);

/** Compiles the lists. Throws CDC_CONFIG_INVALID (config) for a pattern that is no regular expression. */
export function compileTableFilter(config: TableFilterConfig): TableFilter {
  const databases = includeExclude(config.databaseInclude, config.databaseExclude);
  const tables = includeExclude(config.tableInclude, config.tableExclude);
  const columns = includeExclude(config.columnInclude, config.columnExclude);
  const ignoreBuiltin = config.ignoreBuiltin ?? true;
  const includesDatabase = (database: string): boolean => !(ignoreBuiltin && BUILTIN.has(database.toLowerCase())) && databases(database);
  return {
    includesDatabase,
    includes: (id) => includesDatabase(id.database) && tables(formatTableId(id)),
    includesColumn: (id, column) => columns(`${formatTableId(id)}.${column}`),
  };
}

function includeExclude(include: string | undefined, exclude: string | undefined): (name: string) => boolean {
  const included = patterns(include);
  const excluded = patterns(exclude);
  if (included.length > 0) return (name) => included.some((p) => p.test(name)) && !excluded.some((p) => p.test(name));
  return (name) => !excluded.some((p) => p.test(name));
}

function patterns(list: string | undefined): RegExp[] {
  return splitPatterns(list ?? '').map(anchoredPattern);
}

/** Splits a list at its commas; `\,` is a comma within a pattern. */
export function splitPatterns(list: string): string[] {
  return list
    .split(/(?<!\\),/)
    .map((part) => part.trim().replaceAll('\\,', ','))
    .filter((part) => part !== '');
}

/**
 * A Java regular expression over a whole name, ignoring case. What Java writes differently (possessive quantifiers,
 * `\Q…\E`, `\p{Alnum}`) is translated; what JavaScript cannot express is refused with CDC_CONFIG_INVALID.
 */
export function anchoredPattern(pattern: string): RegExp {
  const translated = pattern
    .replace(/^\(\?i\)/, '')
    .replace(/\\Q(.*?)(\\E|$)/gs, (_, literal: string) => literal.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'))
    .replace(/\\p\{(Alnum|Alpha|Digit|Upper|Lower|Punct)\}/g, (_, name: string) => POSIX[name] as string)
    .replace(/(?<!\\)([*+?}])\+/g, '$1')
    .replace(/^\\A|\\[zZ]$/g, '');
  try {
    return new RegExp(`^(?:${translated})$`, 'i');
  } catch (cause) {
    throw new CdcError('CDC_CONFIG_INVALID', 'config', `"${pattern}" is not a regular expression`, {
      cause,
      hint: 'lists are comma-separated regular expressions over the whole name; escape a literal comma as \\,',
      context: { pattern },
    });
  }
}

const POSIX: Readonly<Record<string, string>> = {
  Alnum: '[A-Za-z0-9]',
  Alpha: '[A-Za-z]',
  Digit: '[0-9]',
  Upper: '[A-Z]',
  Lower: '[a-z]',
  Punct: '[!-\\/:-@\\[-`{-~]',
};

/** `message.key.columns`: `regex:col,col;regex:col` → the key's columns of a table in the order given, or null. */
export function compileMessageKeyColumns(text: string): (id: TableId) => readonly string[] | null {
  const rules = text
    .split(';')
    .filter((rule) => rule.trim() !== '')
    .map((rule) => {
      const colon = rule.lastIndexOf(':');
      const columns = rule
        .slice(colon + 1)
        .split(',')
        .map((c) => c.trim())
        .filter((c) => c !== '');
      if (colon <= 0 || columns.length === 0) {
        throw new CdcError('CDC_CONFIG_INVALID', 'config', `message.key.columns: "${rule}" is not <regex>:<column>[,<column>]`, {
          hint: 'separate rules with ;',
          context: { key: 'message.key.columns' },
        });
      }
      return { pattern: anchoredPattern(rule.slice(0, colon).trim()), columns };
    });
  return (id) => rules.find((rule) => rule.pattern.test(formatTableId(id)))?.columns ?? null;
}

/**
 * `column.propagate.source.type` (patterns over `db.table.column`) and `datatype.propagate.source.type` (over
 * `db.TYPE` and `db.table.column.TYPE`), as a test of one column.
 */
export function compileSourceTypePropagation(
  columns: string | undefined,
  datatypes: string | undefined,
): (id: TableId, column: { readonly name: string; readonly typeName: string }) => boolean {
  const byColumn = patterns(columns);
  const byType = patterns(datatypes);
  return (id, column) => {
    const name = `${formatTableId(id)}.${column.name}`;
    const types = [`${id.database}.${column.typeName}`, `${name}.${column.typeName}`];
    return byColumn.some((p) => p.test(name)) || byType.some((p) => types.some((type) => p.test(type)));
  };
}
