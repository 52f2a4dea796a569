import type { SchemaOperation } from '../../../model/schema-operation.ts';
import type { TableId, TableSchema } from '../../../model/table-schema.ts';
import type { Table } from '../../../relational/table.ts';
import type { Tables } from '../../../relational/tables.ts';
import { columnOperations } from './schema-operations.ts';

export interface RenameStep {
  readonly from: TableId;
  readonly to: TableId;
  /** What was renamed, as it was before the step; null when not known. */
  readonly table: Table | null;
}

interface Journey {
  readonly first: TableId;
  readonly steps: { readonly from: TableId; readonly to: TableId }[];
  last: TableId;
  readonly before: Table | null;
}

/**
 * What the renames of one statement mean for captured tables. A table that starts and ends captured is renamed,
 * step by step, whatever the names in between, each step with the table's columns. One that leaves is renamed away (`schema` null); one that enters
 * from outside is created. When one leaves and another takes its name in the same statement, as online schema change
 * tools do, the table stays and gets the newcomer's columns: its rows were copied, not changed.
 */
export function renameOperations(
  steps: readonly RenameStep[],
  tables: Tables,
  captured: (id: TableId) => boolean,
  compile: (table: Table) => TableSchema,
): SchemaOperation[] {
  const journeys: Journey[] = [];
  for (const { from, to, table } of steps) {
    const going = journeys.find((j) => tables.same(j.last, from));
    if (going === undefined) journeys.push({ first: from, steps: [{ from, to }], last: to, before: table });
    else {
      going.steps.push({ from, to });
      going.last = to;
    }
  }
  const stays = (j: Journey): boolean => captured(j.first) && captured(j.last);
  const leaves = (j: Journey): boolean => captured(j.first) && !captured(j.last);
  const enters = (j: Journey): boolean => !captured(j.first) && captured(j.last);
  const successor = (j: Journey): Journey | undefined => journeys.find((o) => enters(o) && tables.same(o.last, j.first));
  const out: SchemaOperation[] = [];
  for (const { from, to, table } of steps) {
    const j = journeys.find((o) => o.steps.some((s) => s.from === from)) as Journey;
    const now = tables.get(to);
    if (stays(j) || (leaves(j) && successor(j) === undefined)) {
      const arrives = j.steps.at(-1)?.to === to;
      // A name it only passes through has, after the statement, no table or another one.
      const schema = arrives ? (now !== null && captured(to) ? compile(now) : null) : table === null ? null : compile({ ...table, id: to });
      out.push({ kind: 'renameTable', table: from, to, schema });
    } else if (enters(j) && tables.same(to, j.last) && now !== null) {
      const left = journeys.find((o) => leaves(o) && tables.same(o.first, to));
      if (left?.before) out.push(...columnOperations(left.before, now, new Map(), new Set(), compile(now)));
      else if (left === undefined) out.push({ kind: 'createTable', table: to, schema: compile(now) });
    }
  }
  return out;
}
