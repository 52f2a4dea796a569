import { charsetName } from './ddl-columns.ts';
import type { KeyDefinition, TableOptions } from './ddl-statement.ts';
import type { TokenCursor } from './token-cursor.ts';

/** What follows PRIMARY KEY or UNIQUE [name]: index type, the parenthesized parts, options. */
export function parseKey(c: TokenCursor, name: string | null, kind: 'primary' | 'unique'): KeyDefinition {
  // MySQL allows a name before the columns of a primary key, and ignores it.
  if (kind === 'primary' && !c.isPunct('(') && !c.isWord('USING', 'TYPE') && c.isIdentifier()) c.identifier();
  if (c.acceptAny('USING', 'TYPE') !== null) c.next();
  c.expectPunct('(');
  const columns: string[] = [];
  let expression = false;
  do {
    if (c.isPunct('(')) {
      c.skipParens();
      expression = true;
    } else {
      const column = c.identifier();
      if (c.isPunct('(')) c.skipParens();
      // MariaDB: the period's columns are part of the key, which no row image names; see apply-ddl.ts.
      columns.push(c.accept('WITHOUT', 'OVERLAPS') ? `\u0000${column}` : column);
    }
    c.acceptAny('ASC', 'DESC');
  } while (c.acceptPunct(','));
  c.expectPunct(')');
  c.skipToComma();
  if (kind === 'primary') return { kind, columns };
  return { kind, name, columns: expression ? null : columns, ifNotExists: false };
}

/** One table or database option if it is one that matters here (charset, collation, comment), else null and nothing taken. */
export function tableOption(c: TokenCursor): TableOptions | null {
  const mark = c.index;
  c.accept('DEFAULT');
  if (c.accept('CHARSET') || c.accept('CHARACTER', 'SET') || c.accept('CHAR', 'SET')) {
    c.acceptPunct('=');
    return { charset: charsetName(c), collation: null, comment: null };
  }
  if (c.accept('COLLATE')) {
    c.acceptPunct('=');
    return { charset: null, collation: charsetName(c), comment: null };
  }
  if (c.isWord('COMMENT')) {
    c.next();
    c.acceptPunct('=');
    if (c.token.kind === 'string') return { charset: null, collation: null, comment: c.next().text };
  }
  c.index = mark;
  return null;
}

/**
 * A key, constraint or period of a table: the definition, null for one that does not matter here (plain
 * index, foreign key, check), undefined when a column comes next.
 */
export function tableKey(c: TokenCursor): KeyDefinition | null | undefined {
  let symbol: string | null = null;
  const mark = c.index;
  if (c.accept('CONSTRAINT')) {
    c.ifNotExists();
    if (!c.isWord('PRIMARY', 'UNIQUE', 'FOREIGN', 'CHECK')) symbol = c.identifier();
    if (!c.isWord('PRIMARY', 'UNIQUE', 'FOREIGN', 'CHECK')) c.fail('a constraint');
  }
  if (c.accept('PRIMARY', 'KEY')) return parseKey(c, null, 'primary');
  if (c.accept('UNIQUE')) {
    c.acceptAny('INDEX', 'KEY');
    const ifNotExists = c.ifNotExists();
    const name = c.isIdentifier() && !(c.isWord('USING', 'TYPE') && c.peek().kind === 'word') ? c.identifier() : symbol;
    return { ...parseKey(c, name, 'unique'), ifNotExists } as KeyDefinition;
  }
  if (c.accept('FOREIGN', 'KEY') || c.accept('CHECK')) {
    c.skipToComma();
    return null;
  }
  if (c.accept('PERIOD', 'FOR')) {
    c.ifNotExists();
    const name = c.identifier();
    c.expectPunct('(');
    const from = c.identifier();
    c.expectPunct(',');
    const to = c.identifier();
    c.expectPunct(')');
    return { kind: 'period', name, columns: [from, to] };
  }
  // INDEX, KEY … are reserved words, so a column of that name is always quoted; VECTOR is one only before INDEX.
  const index = c.acceptAny('INDEX', 'KEY', 'FULLTEXT', 'SPATIAL') !== null || (c.isWord('VECTOR') && /^(INDEX|KEY)$/.test(c.peek().upper));
  if (index) {
    c.skipToComma();
    return null;
  }
  c.index = mark;
  return undefined;
}
