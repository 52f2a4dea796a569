import type { SchemaOperation } from '../../../model/schema-operation.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import type { Column, Table } from '../../../relational/table.ts';
import { effectiveKey } from '../../../relational/table-change.ts';
import type { AlterAction } from './ddl-statement.ts';

/** What an ALTER did to a table's columns and key: drops, then renames, additions, modifications, the key, lost partitions. */
export function alterOperations(before: Table, after: Table, actions: readonly AlterAction[], schema: TableSchema): SchemaOperation[] {
  const id = schema.id;
  const renames = new Map<string, string>();
  const cleared: string[] = [];
  for (const a of actions) {
    if (a.kind === 'renameColumn') renames.set(a.name.toLowerCase(), a.to);
    else if (a.kind === 'changeColumn') renames.set(a.name.toLowerCase(), a.column.name);
    else if (a.kind === 'clearPartitions') cleared.push(...a.partitions);
  }
  // DROP x, ADD x is another column of the same name: what it held is gone.
  const replaced = new Set(actions.flatMap((a) => (a.kind === 'dropColumn' ? [a.name.toLowerCase()] : [])));
  const out = columnOperations(before, after, renames, replaced, schema);
  if (cleared.length > 0) out.push({ kind: 'truncatePartitions', table: id, partitions: cleared });
  return out;
}

/** The difference of two versions as operations; `renames` maps old names (lower case) to new ones. */
export function columnOperations(
  before: Table,
  after: Table,
  renames: ReadonlyMap<string, string>,
  replaced: ReadonlySet<string>,
  schema: TableSchema,
): SchemaOperation[] {
  const table = schema.id;
  const out: SchemaOperation[] = [];
  const later = new Map(after.columns.map((c) => [c.name.toLowerCase(), c]));
  const origin = new Map<string, Column>();
  const moves: { from: string; to: string }[] = [];
  for (const column of before.columns) {
    const key = column.name.toLowerCase();
    const target = replaced.has(key) ? undefined : later.get((renames.get(key) ?? column.name).toLowerCase());
    if (target === undefined) {
      out.push({ kind: 'dropColumn', table, column: column.name, schema });
      continue;
    }
    origin.set(target.name.toLowerCase(), column);
    if (target.name !== column.name) moves.push({ from: column.name, to: target.name });
  }
  for (const { from, to } of orderRenames(moves)) out.push({ kind: 'renameColumn', table, column: from, to, schema });
  for (const column of after.columns) {
    const old = origin.get(column.name.toLowerCase());
    if (old === undefined) out.push({ kind: 'addColumn', table, column: column.name, schema });
    else if (!sameDefinition(old, column)) out.push({ kind: 'modifyColumn', table, column: column.name, schema });
  }
  const key = (t: Table): string => JSON.stringify(effectiveKey(t).map((n) => n.toLowerCase()));
  const oldKey = JSON.stringify(effectiveKey(before).map((n) => (renames.get(n.toLowerCase()) ?? n).toLowerCase()));
  if (oldKey !== key(after)) out.push({ kind: 'changeKey', table, schema });
  return out;
}

/** Renames so that none takes a name still in use; a cycle (a→b, b→a) goes over a name of its own. */
function orderRenames(moves: readonly { from: string; to: string }[]): { from: string; to: string }[] {
  const pending = moves.map((m) => ({ ...m }));
  const out: { from: string; to: string }[] = [];
  while (pending.length > 0) {
    const free = pending.findIndex((m) => !pending.some((o) => o !== m && o.from.toLowerCase() === m.to.toLowerCase()));
    if (free >= 0) {
      out.push(...pending.splice(free, 1));
      continue;
    }
    const first = pending[0] as { from: string; to: string };
    const aside = `${first.from}__renamed`;
    out.push({ from: first.from, to: aside });
    first.from = aside;
  }
  return out;
}

function sameDefinition(a: Column, b: Column): boolean {
  const plain = (c: Column): string => JSON.stringify({ ...c, name: '', position: 0, comment: null });
  return plain(a) === plain(b);
}

/** True when nothing differs, so that the old object can go on being the table's version. */
export function sameTable(a: Table, b: Table): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
