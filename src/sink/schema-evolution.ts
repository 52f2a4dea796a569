/** A column of either side of a comparison, in the target's types. */
export interface EvolvingColumn {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
}

export interface ColumnDiff {
  readonly add: readonly EvolvingColumn[];
  /** Columns that need another type or must take NULL; as they should be. */
  readonly modify: readonly EvolvingColumn[];
  /** Columns that cannot hold what is wanted, and cannot be widened to. */
  readonly conflicts: readonly { readonly name: string; readonly current: string; readonly wanted: string }[];
}

/** The target's name for a column: exact, else the only one that differs in case. */
export function matchColumn<C extends { readonly name: string }>(columns: readonly C[], name: string): C | undefined {
  const exact = columns.find((c) => c.name === name);
  if (exact !== undefined) return exact;
  const near = columns.filter((c) => c.name.toLowerCase() === name.toLowerCase());
  return near.length === 1 ? near[0] : undefined;
}

/**
 * What the target lacks to take rows of `wanted`. Columns the source does not have are left alone: that one was dropped or renamed
 * is not to be concluded from its absence. `common` gives the narrowest type for the values of both, null when there is none.
 */
export function diffColumns(
  current: readonly EvolvingColumn[],
  wanted: readonly EvolvingColumn[],
  common: (current: string, wanted: string) => string | null,
): ColumnDiff {
  const add: EvolvingColumn[] = [];
  const modify: EvolvingColumn[] = [];
  const conflicts: { name: string; current: string; wanted: string }[] = [];
  for (const w of wanted) {
    const c = matchColumn(current, w.name);
    if (c === undefined) {
      add.push({ ...w, nullable: true });
      continue;
    }
    const type = common(c.type, w.type);
    const nullable = c.nullable || w.nullable;
    if (type === null) conflicts.push({ name: c.name, current: c.type, wanted: w.type });
    else if (type !== c.type || nullable !== c.nullable) modify.push({ name: c.name, type, nullable });
  }
  return { add, modify, conflicts };
}
