/** A database as a snapshot finds it. */
export interface SnapshotDatabase {
  readonly name: string;
  /** From information_schema.schemata. */
  readonly charset: string;
  readonly collation: string;
  /** Base tables in the order of their names, with the text of SHOW CREATE TABLE. */
  readonly tables: readonly { readonly name: string; readonly create: string }[];
}

export interface SnapshotStep {
  readonly database: string;
  readonly ddl: string;
  /** False for what only our history is to know. */
  readonly emit: boolean;
}

const quote = (name: string): string => `\`${name.replaceAll('`', '``')}\``;

/** Debezium's order (readTableStructure): one SET, all DROP TABLE, then each database with its tables. */
export function snapshotPlan(
  server: { readonly charset: string | null; readonly collation: string | null },
  databases: readonly SnapshotDatabase[],
): SnapshotStep[] {
  const out: SnapshotStep[] = [
    { database: '', ddl: `SET character_set_server=${server.charset}, collation_server=${server.collation}`, emit: true },
  ];
  const step = (database: string, ddl: string, emit = true): number => out.push({ database, ddl, emit });
  for (const d of databases) {
    for (const t of d.tables) step(d.name, `DROP TABLE IF EXISTS ${quote(d.name)}.${quote(t.name)}`);
  }
  for (const d of databases) {
    const listed = d.tables.length > 0;
    if (listed) step(d.name, `DROP DATABASE IF EXISTS ${quote(d.name)}`);
    step(d.name, `CREATE DATABASE ${quote(d.name)} CHARSET ${d.charset} COLLATE ${d.collation}`, listed);
    if (listed) step(d.name, `USE ${quote(d.name)}`);
    for (const t of d.tables) step(d.name, t.create);
  }
  return out;
}
