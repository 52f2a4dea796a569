import type { Session } from './client.ts';
import { createDatabase, createTable, formatTarget, quoteLiteral, type TargetId } from './dialect.ts';

/** Name of the table that says what of the source is in the target; it commits together with the data. */
export const OFFSET_TABLE = 'riverbend_offsets';

/**
 * What a row of it says, by `kind`: `offset` — key: the source partition, value: the offset (both JSON as Connect's REST shows them);
 * `flush` — key: the task, value: token of its last committed flush; `step` — key: one step of a DDL statement, value: its state;
 * `table` — key: a target table, value: the source table it was created for.
 */
export type OffsetRowKind = 'offset' | 'flush' | 'step' | 'table';

export interface OffsetRow {
  readonly kind: OffsetRowKind;
  readonly key: string;
  /** null deletes the row. */
  readonly value: string | null;
}

export class OffsetTable {
  readonly id: TargetId;
  readonly #connector: string;

  constructor(database: string, connector: string) {
    this.id = { database, table: OFFSET_TABLE };
    this.#connector = connector;
  }

  async create(session: Session): Promise<void> {
    const doing = `table ${formatTarget(this.id)}: create`;
    await session.exec(createDatabase(this.id.database), doing);
    const text = (name: string): { name: string; type: string; nullable: boolean } => ({ name, type: 'VARCHAR', nullable: false });
    const columns = [
      text('connector'),
      text('kind'),
      text('key'),
      text('value'),
      { name: 'updated_at', type: 'TIMESTAMP', nullable: false },
    ];
    await session.exec(createTable(this.id, columns), doing);
  }

  #doing(what: string): string {
    return `table ${formatTarget(this.id)}: ${what}`;
  }

  /** Values by key; only of the given keys when there are any. */
  async load(session: Session, kind: OffsetRowKind, keys: readonly string[] = []): Promise<ReadonlyMap<string, string>> {
    const only = keys.length === 0 ? '' : ` AND "key" IN (${keys.map(quoteLiteral).join(', ')})`;
    const rows = await session.query(
      `SELECT "key", "value" FROM ${formatTarget(this.id)} WHERE "connector" = ${quoteLiteral(this.#connector)} AND "kind" = '${kind}'${only}`,
      this.#doing('read'),
    );
    return new Map(rows.map((r) => [String(r[0]), String(r[1])]));
  }

  /** Inserts, replaces and deletes rows in one statement; part of the transaction if one is open. Keys must be unique. */
  async save(session: Session, rows: readonly OffsetRow[]): Promise<void> {
    if (rows.length === 0) return;
    const text = (r: OffsetRow): string =>
      `(${[this.#connector, r.kind, r.key].map(quoteLiteral).join(', ')}, ${r.value === null ? "'', true" : `${quoteLiteral(r.value)}, false`})`;
    const values = `SELECT col0 AS c, col1 AS k, col2 AS n, col3 AS v, col4 AS gone FROM (VALUES ${rows.map(text).join(', ')})`;
    const merge = [
      `MERGE INTO ${formatTarget(this.id)} t USING (${values}) s ON t."connector" = s.c AND t."kind" = s.k AND t."key" = s.n`,
      'WHEN MATCHED AND s.gone THEN DELETE',
      'WHEN MATCHED AND NOT s.gone THEN UPDATE SET "value" = s.v, "updated_at" = now()',
      'WHEN NOT MATCHED AND NOT s.gone THEN INSERT ("connector", "kind", "key", "value", "updated_at") VALUES (s.c, s.k, s.n, s.v, now())',
    ];
    await session.exec(merge.join(' '), this.#doing('save'));
  }

  async clear(session: Session, kind: OffsetRowKind): Promise<void> {
    const where = `"connector" = ${quoteLiteral(this.#connector)} AND "kind" = '${kind}'`;
    await session.exec(`DELETE FROM ${formatTarget(this.id)} WHERE ${where}`, this.#doing('save'));
  }
}
