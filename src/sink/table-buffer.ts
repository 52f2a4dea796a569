import { type Row, type RowChunk, UNAVAILABLE } from '../model/chunk.ts';
import { CdcError } from '../model/errors.ts';
import { formatTableId } from '../model/table-schema.ts';

export interface BufferOptions {
  /** Ordinals of the key within a row; null = rows have no identity. */
  readonly keyOrdinals: readonly number[] | null;
  /** Deletes and truncates are taken over. */
  readonly deletes: boolean;
  /** Every after image is a new row; nothing is ever updated or deleted (`insert.mode=insert`). */
  readonly appendOnly: boolean;
  /** The key is not the source's own: an update may change it without being split into delete and create. */
  readonly foreignKey: boolean;
}

/**
 * Changes of one table since the last flush. With a key: the last change per key in order of arrival, which is source order.
 * Without: the rows that came and those that went. Filled by `add`, read by the writer, emptied by `clear`.
 */
export class TableBuffer {
  readonly #options: BufferOptions;
  readonly #slots = new Map<unknown, number>();
  /** Rows that were here, encoded by now. */
  #encoded = 0;
  /** With a key: the row of each slot. Without: rows that came. */
  rows: Row[] = [];
  /** With a key: whether slot i is a delete. */
  deleted: boolean[] = [];
  /** Without a key: whole rows that went. */
  removed: Row[] = [];
  /** Slots whose row leaves columns as they are. */
  partial = new Set<number>();
  deletes = 0;
  /** All rows of the table that were there before go first. */
  truncated = false;
  /** Every change so far is a row read by a snapshot. */
  onlyReads = true;

  constructor(options: BufferOptions) {
    this.#options = options;
  }

  get keyed(): boolean {
    return this.#options.keyOrdinals !== null && !this.#options.appendOnly;
  }

  /** Changes to write. */
  get size(): number {
    return this.rows.length + this.removed.length + this.#encoded;
  }

  /** No row of the buffer is one that stays. */
  get onlyDeletes(): boolean {
    return this.rows.length + this.#encoded === this.deletes;
  }

  /** The rows were encoded and are gone; what is left waits for `clear`. */
  get isEncoded(): boolean {
    return this.#encoded > 0;
  }

  /** Lets go of the rows: they take several times the memory of their encoded form. */
  dropRows(): void {
    this.#encoded += this.rows.length + this.removed.length;
    this.#slots.clear();
    this.rows = [];
    this.deleted = [];
    this.removed = [];
  }

  get isEmpty(): boolean {
    return this.size === 0 && !this.truncated;
  }

  clear(): void {
    this.#slots.clear();
    this.#encoded = 0;
    this.rows = [];
    this.deleted = [];
    this.removed = [];
    this.partial = new Set();
    this.deletes = 0;
    this.truncated = false;
    this.onlyReads = true;
  }

  /** What was buffered before needs not be written any more. */
  truncate(): void {
    this.clear();
    this.truncated = true;
  }

  /** Takes the chunk over. Throws CDC_DATABEND_ROW_MISSING and CDC_DATABEND_KEYLESS. */
  add(chunk: RowChunk): void {
    const o = this.#options;
    if (chunk.op !== 'r' || chunk.source.snapshot === 'incremental') this.onlyReads = false;
    if (chunk.op === 't') {
      if (o.deletes && !o.appendOnly) this.truncate();
      return;
    }
    if (o.appendOnly) {
      if (chunk.after !== null) for (let i = 0; i < chunk.count; i++) this.rows.push(chunk.after[i] as Row);
      return;
    }
    if (o.keyOrdinals === null) this.#addKeyless(chunk);
    else if (chunk.op === 'd') this.#addDeletes(chunk, o.keyOrdinals);
    else this.#addWrites(chunk, o.keyOrdinals);
  }

  // Hot path: one map look-up and one array write per row, nothing allocated but the map entry.
  #addWrites(chunk: RowChunk, ordinals: readonly number[]): void {
    const after = chunk.after as readonly Row[];
    const mayLack = chunk.op === 'u';
    for (let i = 0; i < chunk.count; i++) {
      let row = after[i] as Row;
      const key = keyOf(row, ordinals);
      if (mayLack && this.#options.foreignKey && chunk.before !== null) this.#deleteOld(chunk.before[i] as Row, key, ordinals, chunk);
      const at = this.#slots.get(key);
      const lacks = mayLack && row.includes(UNAVAILABLE);
      if (at === undefined) {
        const slot = this.rows.length;
        this.#slots.set(key, slot);
        this.rows.push(row);
        this.deleted.push(false);
        if (lacks) this.partial.add(slot);
        continue;
      }
      if (lacks) {
        if (this.deleted[at]) throw missingRow(chunk);
        const before = this.rows[at] as Row;
        row = row.map((v, n) => (v === UNAVAILABLE ? before[n] : v));
        if (!row.includes(UNAVAILABLE)) this.partial.delete(at);
      } else this.partial.delete(at);
      this.rows[at] = row;
      if (this.deleted[at]) {
        this.deleted[at] = false;
        this.deletes--;
      }
    }
  }

  #addDeletes(chunk: RowChunk, ordinals: readonly number[]): void {
    if (!this.#options.deletes) return;
    const before = chunk.before as readonly Row[];
    for (let i = 0; i < chunk.count; i++) this.#delete(before[i] as Row, keyOf(before[i] as Row, ordinals));
  }

  #delete(row: Row, key: unknown): void {
    const at = this.#slots.get(key);
    if (at === undefined) {
      this.#slots.set(key, this.rows.length);
      this.rows.push(row);
      this.deleted.push(true);
      this.deletes++;
      return;
    }
    this.rows[at] = row;
    this.partial.delete(at);
    if (!this.deleted[at]) this.deletes++;
    this.deleted[at] = true;
  }

  #deleteOld(before: Row, key: unknown, ordinals: readonly number[], chunk: RowChunk): void {
    const old = keyOf(before, ordinals);
    if (old === key) return;
    if ((chunk.after as readonly Row[]).some((r) => r.includes(UNAVAILABLE))) throw missingRow(chunk);
    if (this.#options.deletes) this.#delete(before, old);
  }

  #addKeyless(chunk: RowChunk): void {
    const { deletes } = this.#options;
    if (chunk.op === 'u' || (chunk.op === 'd' && deletes)) {
      const before = chunk.before;
      if (before === null) throw keyless(chunk, 'has no before image');
      for (let i = 0; i < chunk.count; i++) {
        const row = before[i] as Row;
        if (row.includes(UNAVAILABLE)) throw keyless(chunk, 'has an incomplete before image');
        this.removed.push(row);
      }
    }
    if (chunk.op === 'd') return;
    const after = chunk.after as readonly Row[];
    for (let i = 0; i < chunk.count; i++) {
      const row = after[i] as Row;
      if (chunk.op === 'u' && row.includes(UNAVAILABLE)) throw keyless(chunk, 'has an incomplete after image');
      this.rows.push(row);
    }
  }
}

function missingRow(chunk: RowChunk): CdcError {
  return new CdcError(
    'CDC_DATABEND_ROW_MISSING',
    'data',
    `table ${formatTableId(chunk.table.id)}: an update carries only some columns of a row that is not there`,
    {
      hint: 'set binlog_row_image=FULL on the source and snapshot the table anew',
      context: { table: formatTableId(chunk.table.id), file: chunk.source.file, pos: chunk.source.pos },
    },
  );
}

function keyless(chunk: RowChunk, what: string): CdcError {
  return new CdcError('CDC_DATABEND_KEYLESS', 'data', `table ${formatTableId(chunk.table.id)}: a change of a table without key ${what}`, {
    hint: 'set binlog_row_image=FULL on the source, or give the table a primary key',
    context: { table: formatTableId(chunk.table.id), file: chunk.source.file, pos: chunk.source.pos },
  });
}

/** A map key equal for equal keys only: the value itself for one number or text, else a text with lengths in it. */
export function keyOf(row: Row, ordinals: readonly number[]): unknown {
  if (ordinals.length === 1) {
    const v = row[ordinals[0] as number];
    if (typeof v === 'number' || typeof v === 'string' || typeof v === 'bigint') return v;
    return part(v);
  }
  let key = '';
  for (let i = 0; i < ordinals.length; i++) key += part(row[ordinals[i] as number]);
  return key;
}

function part(v: unknown): string {
  if (typeof v === 'number' || typeof v === 'bigint') return `#${v};`;
  if (typeof v === 'string') return `${v.length}:${v}`;
  if (v === null || v === undefined) return '~';
  if (Buffer.isBuffer(v)) return `x${v.toString('hex')};`;
  const text = JSON.stringify(v, (_, x) => (typeof x === 'bigint' ? `${x}` : x)) ?? String(v);
  return `j${text.length}:${text}`;
}
