import type { TableId } from '../../../model/table-schema.ts';
import type { Column, Table } from '../../../relational/table.ts';
import { resolveCharset } from './collations.ts';
import { buildColumn, type ColumnContext, convertColumn, defaultOf, notNull } from './column-builder.ts';
import type { AlterAction, ColumnDefinition, KeyDefinition, Statement } from './ddl-statement.ts';

/** The statement contradicts the table it is applied to: the model is not what the server has. */
export class ModelMismatch extends Error {}

type CreateTable = Extract<Statement, { kind: 'createTable' }>;
type ColumnAction = Extract<AlterAction, { kind: 'addColumn' | 'changeColumn' }>;
type UniqueIndex = Table['uniqueIndexes'][number];

/** MariaDB marks the period of WITHOUT OVERLAPS; see ddl-keys.ts. */
const PERIOD = '\u0000';

const same = (a: string, b: string): boolean => a === b || a.toLowerCase() === b.toLowerCase();

/** The table of CREATE TABLE (columns). `context` carries the charset of its database. */
export function createTable(id: TableId, s: CreateTable, context: ColumnContext): Table {
  const { charset, collation } = resolveCharset(s.options, context);
  const own = { ...context, charset, collation };
  let columns = s.columns.map((d, i) => buildColumn(d, i + 1, own));
  let firstTimestamp = !context.explicitDefaultsForTimestamp;
  columns = columns.map((column, i) => {
    if (column.typeName !== 'TIMESTAMP' || column.optional || context.explicitDefaultsForTimestamp) return column;
    const first = firstTimestamp;
    firstTimestamp = false;
    return implicitTimestamp(column, s.columns[i] as ColumnDefinition, first);
  });
  const draft = new KeyDraft(columns, [], []);
  for (const d of s.columns) draft.addInline(d);
  for (const key of s.keys) draft.add(key);
  const comment = s.options.comment === '' ? null : s.options.comment;
  return { id, ...draft.finish(), defaultCharsetName: charset, defaultCollation: collation, comment };
}

/** explicit_defaults_for_timestamp=0: the first TIMESTAMP without attributes maintains itself, others start at zero. */
function implicitTimestamp(column: Column, d: ColumnDefinition, first: boolean): Column {
  if (d.default !== null || d.onUpdateNow) return column;
  if (!first) return { ...column, hasDefault: true, defaultValueExpression: '0000-00-00 00:00:00' };
  return { ...column, hasDefault: true, defaultValueExpression: '1970-01-01 00:00:00', autoIncremented: true, generated: true };
}

/**
 * The table after ALTER TABLE, its id unchanged (a rename is the caller's). Columns are placed as the server does
 * it: first the existing ones are dropped, renamed and redefined where they stand, then the new and the moved ones
 * are put in the order written, AFTER naming columns by their new names. Throws ModelMismatch.
 */
export function alterTable(table: Table, actions: readonly AlterAction[], context: ColumnContext): Table {
  let charset = table.defaultCharsetName;
  let collation = table.defaultCollation;
  let comment = table.comment;
  let convert: { charset: string; collation: string | null } | null = null;
  for (const a of actions) {
    if (a.kind === 'options') {
      if (a.options.charset !== null || a.options.collation !== null)
        ({ charset, collation } = resolveCharset(a.options, { charset, collation }));
      if (a.options.comment !== null) comment = a.options.comment === '' ? null : a.options.comment;
    } else if (a.kind === 'convertCharset') {
      const to = a.charset === null && a.collation === null ? context : resolveCharset(a, context);
      if (to.charset !== null) convert = { charset: to.charset, collation: to.collation };
      // With DEFAULT CHARSET in the same statement the last one counts, on MariaDB the explicit default.
      const explicit = actions.some((o) => o.kind === 'options' && (o.options.charset ?? o.options.collation) !== null);
      if (!(explicit && context.connector === 'mariadb')) ({ charset, collation } = to);
    }
  }
  const own = { ...context, charset, collation };
  const { columns, changedFrom } = alterColumns(table.columns, actions, own, convert);
  // A part of an existing key stays with its column: the first that was of that name, or is of that name and no other's before.
  const renamed = (names: readonly string[]): string[] =>
    names.flatMap((name) => columns.find((c) => same(changedFrom.get(c.name) ?? c.name, name))?.name ?? []);
  const draft = new KeyDraft(
    columns,
    renamed(table.primaryKeyColumnNames),
    table.uniqueIndexes.map((u) => ({ name: u.name, columns: renamed(u.columns) })).filter((u) => u.columns.length > 0),
  );
  for (const a of actions) {
    if (a.kind === 'dropPrimaryKey') draft.primary = [];
    else if (a.kind === 'dropIndex') draft.unique = draft.unique.filter((u) => !same(u.name, a.name));
    else if (a.kind === 'renameIndex') draft.unique = draft.unique.map((u) => (same(u.name, a.name) ? { ...u, name: a.to } : u));
  }
  for (const a of actions) {
    if (a.kind === 'addColumn' || a.kind === 'changeColumn') draft.addInline(a.column);
    else if (a.kind === 'addKey') draft.add(a.key);
  }
  return { id: table.id, ...draft.finish(), defaultCharsetName: charset, defaultCollation: collation, comment };
}

function alterColumns(
  existing: readonly Column[],
  actions: readonly AlterAction[],
  context: ColumnContext,
  convert: { charset: string; collation: string | null } | null,
): { readonly columns: readonly Column[]; readonly changedFrom: ReadonlyMap<string, string> } {
  const find = (name: string): Column | undefined => existing.find((c) => same(c.name, name));
  const missing = (name: string): never => {
    throw new ModelMismatch(`column "${name}" is not known`);
  };
  // MariaDB also lets SET DEFAULT name a column the same statement adds.
  const isAdded = (name: string): boolean =>
    find(name) === undefined && actions.some((a) => a.kind === 'addColumn' && same(a.column.name, name));
  const columnActions = actions
    .filter((a): a is ColumnAction => a.kind === 'addColumn' || a.kind === 'changeColumn')
    .map((a) => {
      const later =
        a.kind === 'addColumn' && isAdded(a.column.name)
          ? actions.find((o) => o.kind === 'setDefault' && same(o.name, a.column.name))
          : undefined;
      return later?.kind === 'setDefault' ? { ...a, column: { ...a.column, default: later.default } } : a;
    });
  const stay = new Map<Column, Column | null>();
  /** New name → old name of columns renamed or redefined. */
  const changedFrom = new Map<string, string>();
  const built = new Map<ColumnAction, Column>();
  // MariaDB lets SET DEFAULT go with a MODIFY of the same column, and it is what counts.
  const ordered = [...actions.filter((a) => a.kind !== 'setDefault'), ...actions.filter((a) => a.kind === 'setDefault')];
  for (const a of ordered) {
    if (!('name' in a) || a.kind === 'dropIndex' || a.kind === 'renameIndex') continue;
    if (a.kind === 'setDefault' && isAdded(a.name)) continue;
    const column = find(a.name) ?? ('ifExists' in a && a.ifExists ? null : missing(a.name));
    if (column === null) continue;
    const current = stay.get(column) ?? column;
    if (a.kind === 'dropColumn') stay.set(column, null);
    else if (a.kind === 'renameColumn') {
      stay.set(column, { ...current, name: a.to });
      changedFrom.set(a.to, column.name);
    } else if (a.kind === 'setInvisible') stay.set(column, { ...current, invisible: a.invisible });
    else if (a.kind === 'setDefault') {
      const next = { ...current, ...defaultOf(a.default, current.optional, current.typeName) };
      stay.set(column, next);
      for (const [action, made] of built) if (made === current) built.set(action, next);
    } else if (a.kind === 'changeColumn') {
      const changed = buildColumn(a.column, 0, context);
      stay.set(column, changed);
      built.set(a, changed);
      changedFrom.set(changed.name, column.name);
    }
  }
  const out: Column[] = [];
  for (const column of existing) {
    const now = stay.has(column) ? (stay.get(column) ?? null) : column;
    if (now !== null) out.push(now);
  }
  for (const a of columnActions) {
    const moved = built.get(a);
    if (a.kind === 'changeColumn') {
      if (moved === undefined || a.place === null) continue;
      out.splice(out.indexOf(moved), 1);
    } else if (a.ifNotExists) {
      const known = find(a.column.name);
      if (known !== undefined && stay.get(known) !== null) continue;
    }
    const column = moved ?? buildColumn(a.column, 0, context);
    if (out.some((c) => same(c.name, column.name))) throw new ModelMismatch(`column "${column.name}" exists already`);
    if (a.place === null) out.push(column);
    else if (a.place.kind === 'first') out.unshift(column);
    else {
      const after = a.place.column;
      const at = out.findIndex((c) => same(c.name, after));
      out.splice(at < 0 ? missing(after) : at + 1, 0, column);
    }
  }
  // An explicit charset on a column written in the same statement is converted as well, as the server does.
  return { columns: convert === null ? out : out.map((c) => convertColumn(c, convert.charset, convert.collation)), changedFrom };
}

/** Keys while a table is put together. */
class KeyDraft {
  primary: readonly string[];
  unique: readonly UniqueIndex[];
  #columns: readonly Column[];
  readonly #periods = new Map<string, readonly string[]>();

  constructor(columns: readonly Column[], primary: readonly string[], unique: readonly UniqueIndex[]) {
    this.#columns = columns;
    this.primary = primary;
    this.unique = unique;
  }

  addInline(d: ColumnDefinition): void {
    if (d.primaryKey) this.add({ kind: 'primary', columns: [d.name] });
    if (d.unique || d.type.name === 'SERIAL') this.add({ kind: 'unique', name: null, columns: [d.name], ifNotExists: false });
  }

  add(key: KeyDefinition): void {
    switch (key.kind) {
      case 'period':
        this.#periods.set(key.name.toLowerCase(), key.columns);
        this.#notNull(key.columns);
        return;
      case 'primary':
        this.primary = key.columns;
        return;
      case 'unique': {
        if (key.columns === null) return;
        if (key.ifNotExists && this.unique.some((u) => same(u.name, key.name ?? ''))) return;
        this.unique = [...this.unique, { name: key.name ?? this.#freeName(key.columns[0] as string), columns: key.columns }];
        return;
      }
      default:
        key satisfies never;
    }
  }

  finish(): Pick<Table, 'columns' | 'primaryKeyColumnNames' | 'uniqueIndexes'> {
    const primary = this.#resolve(this.primary);
    this.#notNull(primary);
    const uniqueIndexes = this.unique.map((u) => ({ name: u.name, columns: this.#resolve(u.columns) }));
    return {
      columns: this.#columns.map((c, i) => (c.position === i + 1 ? c : { ...c, position: i + 1 })),
      primaryKeyColumnNames: primary,
      uniqueIndexes,
    };
  }

  /** Key parts in the columns' own spelling, a period as its two columns. */
  #resolve(names: readonly string[]): string[] {
    return names.flatMap((name) => {
      if (name.startsWith(PERIOD)) return [...(this.#periods.get(name.slice(1).toLowerCase()) ?? [])].reverse();
      return [this.#columns.find((c) => same(c.name, name))?.name ?? missingKeyPart(name)];
    });
  }

  #notNull(names: readonly string[]): void {
    this.#columns = this.#columns.map((c) => (names.some((n) => same(n, c.name)) ? notNull(c) : c));
  }

  /** An index without a name is called after its first column, `_2` … when taken. */
  #freeName(column: string): string {
    for (let n = 1; ; n++) {
      const name = n === 1 ? column : `${column}_${n}`;
      if (!this.unique.some((u) => same(u.name, name))) return name;
    }
  }
}

function missingKeyPart(name: string): never {
  throw new ModelMismatch(`key column "${name}" is not known`);
}
