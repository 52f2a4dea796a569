import type { RowChunk } from '../model/chunk.ts';
import type { TableSchema } from '../model/table-schema.ts';

/** Single message transform, compiled per table version: schema work once, row work per chunk. */
export interface Transform {
  /** The chunk function for this table version; `null` drops the table's chunks; `undefined` passes them through. */
  compile(table: TableSchema): ((chunk: RowChunk) => RowChunk | null) | null | undefined;
  close?(): Promise<void>;
}
