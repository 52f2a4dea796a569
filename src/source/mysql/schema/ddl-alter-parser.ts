import { charsetName, parseColumnDefinition, parseDefault, parsePlace } from './ddl-columns.ts';
import { tableKey, tableOption } from './ddl-keys.ts';
import type { AlterAction, KeyDefinition } from './ddl-statement.ts';
import type { TokenCursor } from './token-cursor.ts';

/** Everything after `ALTER TABLE name`. Actions that change neither columns nor keys nor charsets are left out. */
export function parseAlterActions(c: TokenCursor): AlterAction[] {
  const out: AlterAction[] = [];
  while (c.token.kind !== 'end' && !c.isPunct(';')) {
    if (c.isWord('ADD')) add(c, out);
    else if (c.isWord('DROP')) drop(c, out);
    else if (c.isWord('MODIFY', 'CHANGE')) change(c, out);
    else if (c.isWord('ALTER')) alterColumn(c, out);
    else if (c.isWord('RENAME')) rename(c, out);
    else if (c.isWord('CONVERT')) convert(c, out);
    else if (c.accept('ORDER', 'BY')) {
      c.skipToEnd();
    } else if (c.accept('TRUNCATE', 'PARTITION')) out.push({ kind: 'clearPartitions', partitions: partitionNames(c) });
    else if (
      c.areWords('PARTITION', 'BY') ||
      (c.peek().upper === 'PARTITION' &&
        c.isWord('COALESCE', 'REORGANIZE', 'EXCHANGE', 'ANALYZE', 'CHECK', 'OPTIMIZE', 'REBUILD', 'REPAIR', 'DISCARD', 'IMPORT'))
    ) {
      c.skipToEnd();
    } else options(c, out);
    // Only partitioning may follow without a comma.
    if (!c.acceptPunct(',') && !c.atEnd() && !c.isPunct(';') && !c.isWord('PARTITION', 'REMOVE')) c.fail('","');
  }
  return out;
}

/** Options come with or without commas between them: up to the next comma, charset, collation and comment are taken, the rest skipped. */
function options(c: TokenCursor, out: AlterAction[]): void {
  while (c.token.kind !== 'end' && !c.isPunct(',') && !c.isPunct(')') && !c.isPunct(';')) {
    if (c.areWords('PARTITION', 'BY')) {
      c.skipToEnd();
      return;
    }
    const option = tableOption(c);
    if (option === null) c.skipOne();
    else out.push({ kind: 'options', options: option });
  }
}

function add(c: TokenCursor, out: AlterAction[]): void {
  c.next();
  if (c.accept('PARTITION')) {
    c.skipToEnd();
    return;
  }
  if (c.accept('SYSTEM', 'VERSIONING')) return;
  const column = c.accept('COLUMN');
  if (!column) {
    const key: KeyDefinition | null | undefined = tableKey(c);
    if (key !== undefined) {
      if (key !== null) out.push({ kind: 'addKey', key });
      return;
    }
  }
  const ifNotExists = c.ifNotExists();
  if (!c.acceptPunct('(')) {
    const definition = parseColumnDefinition(c);
    out.push({ kind: 'addColumn', column: definition, place: parsePlace(c), ifNotExists });
    return;
  }
  do {
    const key = tableKey(c);
    if (key === undefined) out.push({ kind: 'addColumn', column: parseColumnDefinition(c), place: null, ifNotExists });
    else if (key !== null) out.push({ kind: 'addKey', key });
  } while (c.acceptPunct(','));
  c.expectPunct(')');
}

function drop(c: TokenCursor, out: AlterAction[]): void {
  c.next();
  if (c.accept('PRIMARY', 'KEY')) {
    out.push({ kind: 'dropPrimaryKey' });
  } else if (c.isWord('INDEX', 'KEY', 'CONSTRAINT') && (c.peek().kind === 'word' || c.peek().kind === 'quoted')) {
    c.next();
    c.ifExists();
    const name = c.identifier();
    out.push(name.toUpperCase() === 'PRIMARY' ? { kind: 'dropPrimaryKey' } : { kind: 'dropIndex', name });
  } else if (c.accept('FOREIGN', 'KEY') || (c.isWord('CHECK') && c.peek().kind !== 'punct' && c.accept('CHECK'))) {
    c.ifExists();
    c.identifier();
  } else if (c.accept('SYSTEM', 'VERSIONING')) {
    // Implicit row_start and row_end columns were never part of the model.
  } else if (c.accept('PERIOD', 'FOR')) {
    c.ifExists();
    c.identifier();
  } else if (c.accept('PARTITION')) {
    c.ifExists();
    out.push({ kind: 'clearPartitions', partitions: partitionNames(c) });
  } else {
    c.accept('COLUMN');
    const ifExists = c.ifExists();
    out.push({ kind: 'dropColumn', name: c.identifier(), ifExists });
    c.acceptAny('RESTRICT', 'CASCADE');
  }
}

function change(c: TokenCursor, out: AlterAction[]): void {
  const verb = c.next().upper;
  c.accept('COLUMN');
  const ifExists = c.ifExists();
  const old = verb === 'CHANGE' ? c.identifier() : null;
  const column = parseColumnDefinition(c);
  out.push({ kind: 'changeColumn', name: old ?? column.name, column, place: parsePlace(c), ifExists });
}

function alterColumn(c: TokenCursor, out: AlterAction[]): void {
  c.next();
  if (c.isWord('INDEX', 'KEY', 'CHECK', 'CONSTRAINT') && c.peek().kind !== 'punct' && !c.peek().upper.startsWith('SET')) {
    c.skipToComma();
    return;
  }
  c.accept('COLUMN');
  const ifExists = c.ifExists();
  const name = c.identifier();
  if (c.accept('DROP', 'DEFAULT')) out.push({ kind: 'setDefault', name, default: null, ifExists });
  else if (c.accept('SET', 'DEFAULT')) out.push({ kind: 'setDefault', name, default: parseDefault(c), ifExists });
  else if (c.accept('SET', 'INVISIBLE')) out.push({ kind: 'setInvisible', name, invisible: true });
  else if (c.accept('SET', 'VISIBLE')) out.push({ kind: 'setInvisible', name, invisible: false });
  else c.fail('SET DEFAULT, DROP DEFAULT, SET VISIBLE or SET INVISIBLE');
}

function rename(c: TokenCursor, out: AlterAction[]): void {
  c.next();
  if (c.accept('COLUMN')) {
    const ifExists = c.ifExists();
    const name = c.identifier();
    c.expect('TO');
    out.push({ kind: 'renameColumn', name, to: c.identifier(), ifExists });
    return;
  }
  if (c.isWord('INDEX', 'KEY') && c.peek(2).upper === 'TO') {
    c.next();
    const name = c.identifier();
    c.expect('TO');
    out.push({ kind: 'renameIndex', name, to: c.identifier() });
    return;
  }
  if (c.accept('INDEX', 'IF', 'EXISTS') || c.accept('KEY', 'IF', 'EXISTS')) {
    const name = c.identifier();
    c.expect('TO');
    out.push({ kind: 'renameIndex', name, to: c.identifier() });
    return;
  }
  if (c.acceptAny('TO', 'AS') === null) c.acceptPunct('=');
  out.push({ kind: 'renameTable', to: c.tableName() });
}

function convert(c: TokenCursor, out: AlterAction[]): void {
  c.next();
  if (c.isWord('PARTITION', 'TABLE')) c.fail('TO CHARACTER SET');
  c.expect('TO');
  if (!c.accept('CHARSET') && !c.accept('CHAR', 'SET')) c.expect('CHARACTER', 'SET');
  const charset = c.accept('DEFAULT') ? null : charsetName(c);
  const collation = c.accept('COLLATE') ? charsetName(c) : null;
  out.push({ kind: 'convertCharset', charset, collation });
}

function partitionNames(c: TokenCursor): string[] {
  const names = [c.identifier()];
  while (c.acceptPunct(',')) names.push(c.identifier());
  return names;
}
