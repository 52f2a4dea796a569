import { parseAlterActions } from './ddl-alter-parser.ts';
import { charsetName, parseColumnDefinition } from './ddl-columns.ts';
import { parseKey, tableKey, tableOption } from './ddl-keys.ts';
import { type DdlDialect, LexerError } from './ddl-lexer.ts';
import type { ColumnDefinition, KeyDefinition, ParsedStatement, Statement, TableName, TableOptions } from './ddl-statement.ts';
import { SyntaxFailure, TokenCursor } from './token-cursor.ts';

const IGNORED: ParsedStatement = { statement: { kind: 'ignored' }, text: '' };

/**
 * Reads one statement of MySQL (to 9) or MariaDB (to 11). Never throws: whatever touches no table is
 * `ignored`; a table statement that cannot be read is `unparseable` with the tables it names.
 */
export function parseStatement(sql: string, dialect: DdlDialect): ParsedStatement {
  let c: TokenCursor;
  try {
    c = new TokenCursor(sql, dialect);
  } catch (error) {
    if (!(error instanceof LexerError)) throw error;
    return { statement: lexerFailure(sql, dialect, error), text: sql.trim() };
  }
  // MariaDB: SET STATEMENT var=value FOR <statement>.
  if (c.accept('SET', 'STATEMENT')) {
    while (c.token.kind !== 'end' && !c.isWord('FOR')) c.skipOne();
    c.next();
  }
  const start = c.token;
  const tables: TableName[] = [];
  let statement: Statement;
  try {
    statement = parseKind(c, tables);
    c.acceptPunct(';');
    if (statement.kind !== 'ignored' && c.token.kind !== 'end') c.fail('the end of the statement');
  } catch (error) {
    if (!(error instanceof SyntaxFailure)) throw error;
    statement = { kind: 'unparseable', verb: start.upper, tables, reason: error.message };
  }
  if (statement.kind === 'ignored') return IGNORED;
  const last = c.tokens.findLast((t) => t.kind !== 'end' && !(t.kind === 'punct' && t.text === ';'));
  return { statement, text: last === undefined ? '' : sql.slice(start.start, last.end) };
}

/** The text cannot even be split into tokens: what it names is taken from the part before the fault. */
function lexerFailure(sql: string, dialect: DdlDialect, error: LexerError): Statement {
  const head = parseStatement(sql.slice(0, error.at), dialect).statement;
  if (head.kind === 'ignored') return head;
  const tables = head.kind === 'unparseable' ? head.tables : 'table' in head ? [head.table] : 'tables' in head ? head.tables : [];
  return { kind: 'unparseable', verb: (/^\W*(\w+)/.exec(sql)?.[1] ?? '').toUpperCase(), tables, reason: error.message };
}

function parseKind(c: TokenCursor, tables: TableName[]): Statement {
  const verb = c.token.kind === 'word' ? c.token.upper : '';
  const start = c.token;
  switch (verb) {
    case 'CREATE':
      c.next();
      return parseCreate(c, tables);
    case 'ALTER':
      c.next();
      return parseAlter(c, tables);
    case 'DROP':
      return parseDrop(c, start.start, tables);
    case 'RENAME':
      return parseRename(c, start.start, tables);
    case 'TRUNCATE': {
      c.next();
      c.accept('TABLE');
      const table = named(c, tables);
      c.skipToEnd();
      return { kind: 'truncateTable', table };
    }
    case 'USE':
      c.next();
      return { kind: 'use', database: c.identifier() };
    case 'SET':
      return parseSet(c);
    default:
      return { kind: 'ignored' };
  }
}

function named(c: TokenCursor, tables: TableName[]): TableName {
  const name = c.tableName();
  tables.push(name);
  return name;
}

function parseCreate(c: TokenCursor, tables: TableName[]): Statement {
  const orReplace = c.accept('OR', 'REPLACE');
  if (c.isWord('TEMPORARY')) return { kind: 'ignored' };
  if (c.accept('TABLE')) return parseCreateTable(c, orReplace, tables);
  if (c.acceptAny('DATABASE', 'SCHEMA') !== null) {
    const ifNotExists = c.ifNotExists();
    const database = c.identifier();
    return { kind: 'createDatabase', database, ifNotExists, ...databaseOptions(c) };
  }
  const mark = c.index;
  c.acceptAny('ONLINE', 'OFFLINE');
  const kind = c.acceptAny('UNIQUE', 'FULLTEXT', 'SPATIAL', 'VECTOR');
  if (c.accept('INDEX')) {
    c.ifNotExists();
    const name = c.identifier();
    if (c.acceptAny('USING', 'TYPE') !== null) c.next();
    c.expect('ON');
    const table = named(c, tables);
    const key = kind === 'UNIQUE' ? parseKey(c, name, 'unique') : null;
    c.skipToEnd();
    return { kind: 'createIndex', table, key };
  }
  c.index = mark;
  while (c.token.kind !== 'end' && !c.isWord('EVENT', 'VIEW', 'PROCEDURE', 'FUNCTION', 'TRIGGER', 'TABLE', 'USER', 'ROLE', 'SERVER'))
    c.next();
  if (!c.isWord('EVENT')) return { kind: 'ignored' };
  c.skipToEnd();
  return { kind: 'event' };
}

const NO_OPTIONS: TableOptions = { charset: null, collation: null, comment: null };

function parseCreateTable(c: TokenCursor, orReplace: boolean, tables: TableName[]): Statement {
  const ifNotExists = c.ifNotExists();
  const table = named(c, tables);
  const columns: ColumnDefinition[] = [];
  const keys: KeyDefinition[] = [];
  const base = { kind: 'createTable', table, orReplace, ifNotExists } as const;
  const parenthesized = c.isPunct('(') && c.peek().upper === 'LIKE';
  if (parenthesized) c.next();
  if (c.accept('LIKE')) {
    const like = c.tableName();
    if (parenthesized) c.expectPunct(')');
    c.skipToEnd();
    return { ...base, like, columns, keys, options: NO_OPTIONS };
  }
  if (c.isPunct('(') && !c.peek().upper.startsWith('SELECT')) {
    c.next();
    do parseElement(c, columns, keys);
    while (c.acceptPunct(','));
    c.expectPunct(')');
  }
  let options = NO_OPTIONS;
  while (c.token.kind !== 'end' && !c.areWords('PARTITION', 'BY')) {
    // With row events the server logs the finished column list instead; a SELECT here is a statement-format log.
    if (c.isWord('SELECT') || (c.isPunct('(') && c.peek().upper === 'SELECT')) c.fail('a column list instead of a SELECT');
    const option = tableOption(c);
    if (option === null) c.skipOne();
    else options = mergeOptions(options, option);
  }
  c.skipToEnd();
  if (columns.length === 0) c.fail('columns');
  return { ...base, like: null, columns, keys, options };
}

function mergeOptions(a: TableOptions, b: TableOptions): TableOptions {
  return { charset: b.charset ?? a.charset, collation: b.collation ?? a.collation, comment: b.comment ?? a.comment };
}

function parseElement(c: TokenCursor, columns: ColumnDefinition[], keys: KeyDefinition[]): void {
  const key = tableKey(c);
  if (key === undefined) columns.push(parseColumnDefinition(c));
  else if (key !== null) keys.push(key);
}

function parseAlter(c: TokenCursor, tables: TableName[]): Statement {
  c.acceptAny('ONLINE', 'OFFLINE');
  c.accept('IGNORE');
  if (c.accept('TABLE')) {
    c.ifExists();
    const table = named(c, tables);
    if (c.accept('WAIT')) c.next();
    else c.accept('NOWAIT');
    return { kind: 'alterTable', table, actions: parseAlterActions(c) };
  }
  if (c.acceptAny('DATABASE', 'SCHEMA') !== null) {
    const bare = c.isWord('DEFAULT', 'CHARSET', 'CHARACTER', 'COLLATE', 'COMMENT', 'READ', 'ENCRYPTION');
    const database = bare || c.token.kind === 'end' ? null : c.identifier();
    return { kind: 'alterDatabase', database, ...databaseOptions(c) };
  }
  while (c.token.kind !== 'end' && !c.isWord('EVENT', 'VIEW', 'PROCEDURE', 'FUNCTION', 'USER')) c.next();
  if (!c.isWord('EVENT')) return { kind: 'ignored' };
  c.skipToEnd();
  return { kind: 'event' };
}

function databaseOptions(c: TokenCursor): { charset: string | null; collation: string | null } {
  let charset: string | null = null;
  let collation: string | null = null;
  while (c.token.kind !== 'end') {
    const option = tableOption(c);
    charset = option?.charset ?? charset;
    collation = option?.collation ?? collation;
    if (option === null) c.next();
  }
  return { charset, collation };
}

function parseDrop(c: TokenCursor, from: number, tables: TableName[]): Statement {
  c.next();
  if (c.isWord('TEMPORARY')) return { kind: 'ignored' };
  if (c.acceptAny('TABLE', 'TABLES') !== null) {
    c.ifExists();
    const prefix = c.sql.slice(from, c.token.start);
    do named(c, tables);
    while (c.acceptPunct(','));
    if (c.accept('WAIT')) c.next();
    else c.accept('NOWAIT');
    const suffix = c.acceptAny('RESTRICT', 'CASCADE') ?? '';
    return { kind: 'dropTables', tables, prefix, suffix };
  }
  if (c.acceptAny('DATABASE', 'SCHEMA') !== null) {
    c.ifExists();
    return { kind: 'dropDatabase', database: c.identifier() };
  }
  c.acceptAny('ONLINE', 'OFFLINE');
  if (c.accept('INDEX')) {
    c.ifExists();
    const name = c.identifier();
    c.expect('ON');
    const table = named(c, tables);
    c.skipToEnd();
    return { kind: 'dropIndex', table, name };
  }
  if (!c.isWord('EVENT')) return { kind: 'ignored' };
  c.skipToEnd();
  return { kind: 'event' };
}

function parseRename(c: TokenCursor, from: number, tables: TableName[]): Statement {
  c.next();
  if (c.acceptAny('TABLE', 'TABLES') === null) return { kind: 'ignored' };
  c.ifExists();
  const prefix = c.sql.slice(from, c.token.start);
  const pairs: { from: TableName; to: TableName; text: string }[] = [];
  do {
    const start = c.token;
    const old = named(c, tables);
    if (c.accept('WAIT')) c.next();
    else c.accept('NOWAIT');
    c.expect('TO');
    const to = named(c, tables);
    pairs.push({ from: old, to, text: c.textFrom(start) });
  } while (c.acceptPunct(','));
  return { kind: 'renameTables', pairs, prefix };
}

/** Only what Debezium's snapshot writes: `SET character_set_server=…, collation_server=…`. */
function parseSet(c: TokenCursor): Statement {
  c.next();
  if (!c.isWord('CHARACTER_SET_SERVER')) return { kind: 'ignored' };
  c.next();
  c.expectPunct('=');
  const charset = charsetName(c);
  let collation: string | null = null;
  if (c.acceptPunct(',')) {
    c.expect('COLLATION_SERVER');
    c.expectPunct('=');
    collation = charsetName(c);
  }
  return { kind: 'setServerCharset', charset, collation };
}
