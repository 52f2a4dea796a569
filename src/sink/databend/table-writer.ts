import { type Row, UNAVAILABLE } from '../../model/chunk.ts';
import { CdcError } from '../../model/errors.ts';
import type { TableBuffer } from '../table-buffer.ts';
import type { Session } from './client.ts';
import type { CsvBlocks } from './csv-blocks.ts';
import {
  countCopies,
  countOrphans,
  deleteAll,
  deleteCopies,
  formatTarget,
  insertStaged,
  mergeStaged,
  quoteIdentifier,
  stagePath,
} from './dialect.ts';
import { type RowPlan, rowText } from './row-plan.ts';
import { type Segment, segmentsOf, type TargetTable } from './target-tables.ts';
import { tryExpression } from './type-mapping.ts';

/** A file for the stage. */
export interface StagedFile {
  readonly path: string;
  readonly content: readonly Buffer[];
  readonly rows: number;
}

/** What one flush does to one table. */
export interface TableLoad {
  readonly table: TargetTable;
  readonly buffer: TableBuffer;
  readonly plan: RowPlan;
  /** Key known: rows to merge; else rows to append. Null when there are none. */
  readonly file: StagedFile | null;
  /** No key: distinct rows that go, numbered by line, and how many of each. */
  readonly removals: { readonly file: StagedFile; readonly counts: readonly number[]; readonly texts: readonly string[] } | null;
  /** INSERT is enough: no row of the file can be in the table. */
  readonly insertOnly: boolean;
  readonly partial: boolean;
  readonly deletes: number;
  readonly writes: number;
}

/** The table's buffers as files, in the order they must be written; `path` names the n-th. Synchronous. Throws CDC_DATABEND_VALUE_RANGE, CDC_VALUE_CONVERT. */
export function encodeLoads(table: TargetTable, blocks: CsvBlocks, path: (n: number) => string): readonly TableLoad[] {
  return segmentsOf(table).map((s, i) => encodeSegment(table, s, i === 0, blocks, (n) => path(2 * i + n)));
}

function encodeSegment(table: TargetTable, segment: Segment, first: boolean, blocks: CsvBlocks, path: (n: number) => string): TableLoad {
  const b = segment.buffer;
  if (b.isEncoded) throw new CdcError('CDC_INTERNAL_ASSERTION', 'fatal', `table ${formatTarget(table.id)}: flushed again after a failure`);
  // A truncated table without rows needs no plan.
  const plan = segment.plan as RowPlan;
  const base = {
    table,
    buffer: b,
    plan,
    partial: b.partial.size > 0,
    insertOnly: false,
    deletes: b.deletes,
    writes: b.rows.length - b.deletes,
    removals: null,
    file: null,
  };
  if (!b.keyed) {
    if (b.removed.length > 0) return { ...base, ...netOf(plan, b.rows, b.removed, blocks, path), deletes: b.removed.length };
    const made = blocks.write(appendedLines(plan, b.rows));
    return { ...base, insertOnly: true, file: made.rows === 0 ? null : { path: path(0), ...made } };
  }
  const fresh = first && (table.empty || (table.snapshotOnly && b.onlyReads));
  const insertOnly = (fresh || b.truncated) && b.partial.size === 0;
  const made = blocks.write(keyedLines(plan, b, insertOnly));
  return { ...base, insertOnly, file: made.rows === 0 ? null : { path: path(0), ...made } };
}

function* appendedLines(plan: RowPlan, rows: readonly Row[]): Generator<string> {
  for (const row of rows) yield `u${rowText(plan, row)}\n`;
}

function* keyedLines(plan: RowPlan, buffer: TableBuffer, insertOnly: boolean): Generator<string> {
  const { rows, deleted, partial } = buffer;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as Row;
    if (deleted[i]) {
      if (!insertOnly) yield `d${keyText(plan, row)}${partial.size > 0 ? ',\\N' : ''}\n`;
    } else if (partial.size === 0) yield `u${rowText(plan, row)}\n`;
    else yield `u${rowText(plan, row)},${partial.has(i) ? absentText(plan, row) : '\\N'}\n`;
  }
}

/** Only the key's cells of a delete: the others may be anything, and are not looked at. */
function keyText(plan: RowPlan, row: Row): string {
  const only: unknown[] = [];
  for (const c of plan.columns) only[c.ordinal] = c.key ? row[c.ordinal] : null;
  return rowText(plan, only);
}

function absentText(plan: RowPlan, row: Row): string {
  let out = '",';
  plan.columns.forEach((c, i) => {
    if (row[c.ordinal] === UNAVAILABLE) out += `${i},`;
  });
  return `${out}"`;
}

/** Rows of a table without key are a multiset: what came minus what went, by their text. */
function netOf(
  plan: RowPlan,
  came: readonly Row[],
  went: readonly Row[],
  blocks: CsvBlocks,
  path: (n: number) => string,
): Pick<TableLoad, 'file' | 'removals'> {
  const net = new Map<string, number>();
  for (const row of came) {
    const text = rowText(plan, row);
    net.set(text, (net.get(text) ?? 0) + 1);
  }
  for (const row of went) {
    const text = rowText(plan, row);
    net.set(text, (net.get(text) ?? 0) - 1);
  }
  const gone = [...net].filter(([, n]) => n < 0);
  const made = blocks.write(copies(net));
  const texts = gone.map(([text]) => text);
  return {
    file: made.rows === 0 ? null : { path: path(0), ...made },
    removals:
      gone.length === 0
        ? null
        : { file: { path: path(1), ...blocks.write(texts.map((text, i) => `${i}${text}\n`)) }, counts: gone.map(([, n]) => -n), texts },
  };
}

function* copies(net: ReadonlyMap<string, number>): Generator<string> {
  for (const [text, n] of net) for (let i = 0; i < n; i++) yield `u${text}\n`;
}

/** What writing a load needs besides the session. */
export interface LoadContext {
  readonly session: Session;
  /** `insert.mode=update`: rows the target lacks are left out. */
  readonly inserts: boolean;
  readonly blocks: CsvBlocks;
  upload(file: StagedFile): Promise<void>;
}

/** The statements of one load, within the open transaction. Its files are staged already. Returns how many there were. */
export async function writeLoad(load: TableLoad, o: LoadContext): Promise<number> {
  const { table, buffer, plan } = load;
  const { id } = table;
  const name = formatTarget(id);
  let statements = 0;
  if (buffer.truncated) {
    await o.session.exec(deleteAll(id), `table ${name}: truncate`);
    statements++;
  }
  if (load.removals !== null) statements += await removeCopies(load, load.removals, o);
  if (load.file === null) return statements;
  if (!buffer.keyed || (load.insertOnly && o.inserts)) {
    await o.session.exec(insertStaged(id, load.file.path, plan.columns), `table ${name}: insert`);
    return statements + 1;
  }
  if (load.partial) {
    const [row] = await o.session.query(`${countOrphans(id, load.file.path, plan.columns)}`, `table ${name}: check partial updates`);
    if (Number(row?.[0]) > 0)
      throw new CdcError(
        'CDC_DATABEND_ROW_MISSING',
        'data',
        `table ${name}: an update carries only some columns of a row that is not there`,
        {
          hint: 'set binlog_row_image=FULL on the source and snapshot the table anew',
          context: { table: name },
        },
      );
  }
  const options = { deletes: load.deletes > 0, writes: load.writes > 0, inserts: o.inserts, absent: load.partial };
  await o.session.exec(mergeStaged(id, load.file.path, plan.columns, options), `table ${name}: merge`);
  return statements + 1;
}

/** Deletes so many copies of each row as the source did: all of them, and then those that should stay are put back. */
async function removeCopies(load: TableLoad, removals: NonNullable<TableLoad['removals']>, o: LoadContext): Promise<number> {
  const { id } = load.table;
  const name = formatTarget(id);
  const { file, counts, texts } = removals;
  const found = new Map<number, number>();
  for (const [n, copies] of await o.session.query(countCopies(id, file.path, load.plan.columns), `table ${name}: find rows without key`))
    found.set(Number(n), Number(copies));
  const back: string[] = [];
  counts.forEach((wanted, i) => {
    const there = found.get(i) ?? 0;
    if (there < wanted)
      throw new CdcError(
        'CDC_DATABEND_KEYLESS',
        'data',
        `table ${name}: a row without key was updated or deleted and is not in the target`,
        {
          hint: 'the table differs from the source; drop it and snapshot it anew, or give it a key',
          context: { table: name },
        },
      );
    for (let n = wanted; n < there; n++) back.push(`u${texts[i]}\n`);
  });
  await o.session.exec(deleteCopies(id, file.path, load.plan.columns), `table ${name}: delete rows without key`);
  if (back.length === 0) return 2;
  const again: StagedFile = { path: file.path.replace(/\.csv$/, '-back.csv'), ...o.blocks.write(back) };
  await o.upload(again);
  await o.session.exec(insertStaged(id, again.path, load.plan.columns), `table ${name}: keep copies of rows without key`);
  return 3;
}

/** Names the column a load failed for, by trying each one alone; null when none is found. */
export async function findBadColumn(load: TableLoad, session: Session): Promise<string | null> {
  if (load.file === null) return null;
  const tests = load.plan.columns.map((c, i) => {
    const field = `$${i + 2}`;
    const attempt = tryExpression(c.type, field);
    const column = load.table.columns?.find((x) => x.name === c.name);
    const missing = column?.nullable === false ? `${field} IS NULL AND $1 <> 'd'` : 'false';
    return `count_if((${attempt === null ? 'false' : `${field} IS NOT NULL AND ${attempt} IS NULL`}) OR (${missing}))::VARCHAR`;
  });
  const [row] = await session.query(
    `SELECT ${tests.join(', ')} FROM ${stagePath(load.file.path)} (FILE_FORMAT => 'csv')`,
    `table ${formatTarget(load.table.id)}: look for the column`,
  );
  const at = row?.findIndex((n) => n !== '0') ?? -1;
  const column = load.plan.columns[at];
  return column === undefined ? null : `${formatTarget(load.table.id)}.${quoteIdentifier(column.name)}`;
}
