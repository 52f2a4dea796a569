/** Databend SQL text (dialect PostgreSQL). Pure; every identifier and literal of this sink goes through the two functions on top. */

/** `"name"` with quotes doubled: the only form in which any name, in any script, keeps its spelling. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A string literal. Databend reads backslash escapes inside quotes, so both characters are escaped. */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''").replaceAll('\0', '\\0')}'`;
}

/** A table of the target. */
export interface TargetId {
  readonly database: string;
  readonly table: string;
}

export function formatTarget(id: TargetId): string {
  return `${quoteIdentifier(id.database)}.${quoteIdentifier(id.table)}`;
}

/** One column as Databend has it; `type` in the normal form of type-mapping.ts. */
export interface TargetColumn {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
  /** COMMENT; null or absent = none. */
  readonly comment?: string | null;
}

function columnText(c: TargetColumn, fill: string | null = null): string {
  const text = `${quoteIdentifier(c.name)} ${c.type} ${c.nullable ? 'NULL' : 'NOT NULL'}`;
  const comment = c.comment == null || c.comment === '' ? '' : ` COMMENT ${quoteLiteral(c.comment)}`;
  return `${text}${fill === null ? '' : ` DEFAULT ${fill}`}${comment}`;
}

export function createDatabase(name: string): string {
  return `CREATE DATABASE IF NOT EXISTS ${quoteIdentifier(name)}`;
}

/**
 * Parquet is named because the other format is wrong: Databend 1.2.895 on a file system takes its `native` one, which gives
 * back other values than it was given for DECIMAL beyond 38 digits when a block repeats values.
 */
export function createTable(id: TargetId, columns: readonly TargetColumn[]): string {
  return `CREATE TABLE IF NOT EXISTS ${formatTarget(id)} (${columns.map((c) => columnText(c)).join(', ')}) STORAGE_FORMAT = 'parquet'`;
}

export function dropTable(id: TargetId): string {
  return `DROP TABLE IF EXISTS ${formatTarget(id)}`;
}

export function renameTable(from: TargetId, to: TargetId): string {
  return `RENAME TABLE ${formatTarget(from)} TO ${formatTarget(to)}`;
}

/** One column per statement: Databend takes no list. `fill`: an expression, the DEFAULT. */
export function addColumn(id: TargetId, column: TargetColumn, fill: string | null = null): string {
  return `ALTER TABLE ${formatTarget(id)} ADD COLUMN ${columnText(column, fill)}`;
}

export function dropColumn(id: TargetId, name: string): string {
  return `ALTER TABLE ${formatTarget(id)} DROP COLUMN ${quoteIdentifier(name)}`;
}

export function renameColumn(id: TargetId, from: string, to: string): string {
  return `ALTER TABLE ${formatTarget(id)} RENAME COLUMN ${quoteIdentifier(from)} TO ${quoteIdentifier(to)}`;
}

export function commentColumn(id: TargetId, name: string, comment: string): string {
  return `ALTER TABLE ${formatTarget(id)} MODIFY COLUMN ${quoteIdentifier(name)} COMMENT ${quoteLiteral(comment)}`;
}

/** Rewrites the table; type, nullability and comment must all be stated. */
export function modifyColumn(id: TargetId, column: TargetColumn): string {
  return `ALTER TABLE ${formatTarget(id)} MODIFY COLUMN ${columnText(column)}`;
}

/** One column of a load: where it goes, and the expression that makes its value from the staged text. */
export interface LoadColumn {
  readonly name: string;
  readonly expression: string;
  readonly key: boolean;
  /** A key column that may hold NULL: matched with IS NOT DISTINCT FROM. */
  readonly nullable: boolean;
}

/** A staged CSV file as a sub-select with columns c0…cn, plus `op` (first field) and, when asked, `absent` (last field). */
export function stagedRows(file: string, columns: readonly LoadColumn[], absent: boolean): string {
  const list = columns.map((c, i) => `${c.expression} AS c${i}`);
  if (absent) list.push(`$${columns.length + 2} AS absent`);
  return `SELECT $1 AS op, ${list.join(', ')} FROM ${stagePath(file)} (FILE_FORMAT => 'csv')`;
}

/** `@~/path` as SQL takes it; the path is one of ours (stage.ts), without quotes or blanks. */
export function stagePath(file: string): string {
  return `@~/${file}`;
}

function matchKeys(columns: readonly LoadColumn[]): string {
  const parts: string[] = [];
  columns.forEach((c, i) => {
    if (c.key) parts.push(`t.${quoteIdentifier(c.name)} ${c.nullable ? 'IS NOT DISTINCT FROM' : '='} s.c${i}`);
  });
  return parts.join(' AND ');
}

export interface MergeOptions {
  /** Some row is a delete (op `d`). */
  readonly deletes: boolean;
  /** Some row is not. */
  readonly writes: boolean;
  /** Insert what matches nothing (false for insert.mode=update). */
  readonly inserts: boolean;
  /** Some row leaves columns as they are (field `absent`, `,2,5,`). */
  readonly absent: boolean;
}

/** Inserts, updates and deletes of one table in one statement. Keys in the file must be unique. */
export function mergeStaged(id: TargetId, file: string, columns: readonly LoadColumn[], o: MergeOptions): string {
  const out = [`MERGE INTO ${formatTarget(id)} t USING (${stagedRows(file, columns, o.absent)}) s ON ${matchKeys(columns)}`];
  if (o.deletes) out.push("WHEN MATCHED AND s.op = 'd' THEN DELETE");
  const set = columns
    .map((c, i) => {
      const name = quoteIdentifier(c.name);
      return c.key ? '' : `${name} = ${o.absent ? `IF(COALESCE(s.absent, '') LIKE '%,${i},%', t.${name}, s.c${i})` : `s.c${i}`}`;
    })
    .filter((s) => s !== '');
  if (o.writes && set.length > 0) out.push(`WHEN MATCHED${o.deletes ? " AND s.op <> 'd'" : ''} THEN UPDATE SET ${set.join(', ')}`);
  if (o.writes && o.inserts)
    out.push(
      `WHEN NOT MATCHED${o.deletes ? " AND s.op <> 'd'" : ''} THEN INSERT (${names(columns)}) VALUES (${columns.map((_, i) => `s.c${i}`).join(', ')})`,
    );
  return out.join(' ');
}

/** How many staged rows leave columns as they are although the target has no such row. */
export function countOrphans(id: TargetId, file: string, columns: readonly LoadColumn[]): string {
  const staged = stagedRows(file, columns, true);
  return `SELECT count(*) FROM (SELECT * FROM (${staged}) WHERE absent IS NOT NULL) s LEFT ANTI JOIN ${formatTarget(id)} t ON ${matchKeys(columns)}`;
}

export function insertStaged(id: TargetId, file: string, columns: readonly LoadColumn[]): string {
  const list = columns.map((c) => c.expression).join(', ');
  return `INSERT INTO ${formatTarget(id)} (${names(columns)}) SELECT ${list} FROM ${stagePath(file)} (FILE_FORMAT => 'csv')`;
}

function names(columns: readonly LoadColumn[]): string {
  return columns.map((c) => quoteIdentifier(c.name)).join(', ');
}

/** DML, so it is part of the transaction; TRUNCATE would commit it. */
export function deleteAll(id: TargetId): string {
  return `DELETE FROM ${formatTarget(id)}`;
}

/** Equality of whole rows where Databend has none for the type itself. */
function sameValue(target: string, staged: string, type: string): string {
  if (type === 'GEOMETRY') return `hex(st_asewkb(${target})) IS NOT DISTINCT FROM hex(st_asewkb(${staged}))`;
  if (type.startsWith('VECTOR'))
    return `((${target} IS NULL AND ${staged} IS NULL) OR COALESCE(l2_distance(${target}, ${staged}) = 0, false))`;
  return `${target} IS NOT DISTINCT FROM ${staged}`;
}

function matchWhole(columns: readonly (LoadColumn & { readonly type: string })[]): string {
  return columns.map((c, i) => sameValue(`t.${quoteIdentifier(c.name)}`, `s.c${i}`, c.type)).join(' AND ');
}

type WholeColumns = readonly (LoadColumn & { readonly type: string })[];

/** Rows of a table without key that equal a staged row (`op` = its number in the file): `[number, copies]`. */
export function countCopies(id: TargetId, file: string, columns: WholeColumns): string {
  return `SELECT s.op, count(*)::VARCHAR FROM (${stagedRows(file, columns, false)}) s JOIN ${formatTarget(id)} t ON ${matchWhole(columns)} GROUP BY s.op`;
}

/** Deletes every row that equals a staged row. */
export function deleteCopies(id: TargetId, file: string, columns: WholeColumns): string {
  return `MERGE INTO ${formatTarget(id)} t USING (${stagedRows(file, columns, false)}) s ON ${matchWhole(columns)} WHEN MATCHED THEN DELETE`;
}
