import type { TableId } from '../model/table-schema.ts';
import type { Table } from './table.ts';

/**
 * The catalogue: what every known table looks like now. Names compare as the server compares them
 * (`lower_case_table_names`: 0 exactly, 1 stored in lower case, 2 kept but compared without case).
 */
export class Tables {
  readonly #lowerCaseTableNames: 0 | 1 | 2;
  readonly #byKey = new Map<string, Table>();

  constructor(lowerCaseTableNames: 0 | 1 | 2) {
    this.#lowerCaseTableNames = lowerCaseTableNames;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(id: TableId): Table | null {
    return this.#byKey.get(this.#key(id)) ?? null;
  }

  put(table: Table): void {
    this.#byKey.set(this.#key(table.id), table);
  }

  /** What was removed, or null. */
  remove(id: TableId): Table | null {
    const key = this.#key(id);
    const table = this.#byKey.get(key) ?? null;
    this.#byKey.delete(key);
    return table;
  }

  clear(): void {
    this.#byKey.clear();
  }

  /** All tables, or those of one database, by name. */
  list(database?: string): readonly Table[] {
    const wanted = database === undefined ? null : this.#name(database);
    return [...this.#byKey.entries()]
      .filter(([, t]) => wanted === null || this.#name(t.id.database) === wanted)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([, t]) => t);
  }

  /** A name as the server stores it. */
  stored(name: string): string {
    return this.#lowerCaseTableNames === 1 ? name.toLowerCase() : name;
  }

  /** True when both name the same table for the server. */
  same(a: TableId, b: TableId): boolean {
    return this.#key(a) === this.#key(b);
  }

  #name(name: string): string {
    return this.#lowerCaseTableNames === 0 ? name : name.toLowerCase();
  }

  #key(id: TableId): string {
    return `${this.#name(id.database)}\u0000${this.#name(id.table)}`;
  }
}
