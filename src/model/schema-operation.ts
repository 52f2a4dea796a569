import type { TableId, TableSchema } from './table-schema.ts';

/**
 * What one DDL statement did to one table, in terms a sink can repeat. `schema` is the table after
 * the whole statement. A statement yields its operations in the order they take effect.
 */
export type SchemaOperation =
  | { readonly kind: 'createTable'; readonly table: TableId; readonly schema: TableSchema }
  /** A snapshot is about to read every row of the table: whatever an earlier, interrupted one brought is superseded. Comes before `createTable`. */
  | { readonly kind: 'snapshotTable'; readonly table: TableId; readonly schema: TableSchema }
  | { readonly kind: 'dropTable'; readonly table: TableId }
  | { readonly kind: 'renameTable'; readonly table: TableId; readonly to: TableId; readonly schema: TableSchema | null }
  | { readonly kind: 'truncateTable'; readonly table: TableId }
  | { readonly kind: 'addColumn'; readonly table: TableId; readonly column: string; readonly schema: TableSchema }
  | { readonly kind: 'dropColumn'; readonly table: TableId; readonly column: string; readonly schema: TableSchema }
  | { readonly kind: 'renameColumn'; readonly table: TableId; readonly column: string; readonly to: string; readonly schema: TableSchema }
  | { readonly kind: 'modifyColumn'; readonly table: TableId; readonly column: string; readonly schema: TableSchema }
  | { readonly kind: 'changeKey'; readonly table: TableId; readonly schema: TableSchema }
  /** Rows vanish without delete events (TRUNCATE/DROP PARTITION). */
  | { readonly kind: 'truncatePartitions'; readonly table: TableId; readonly partitions: readonly string[] }
  | { readonly kind: 'createDatabase'; readonly database: string }
  | { readonly kind: 'dropDatabase'; readonly database: string };
