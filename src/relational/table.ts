import type { TableId } from '../model/table-schema.ts';

/**
 * One column as the source database defines it, in the terms of Debezium's schema history
 * (`io.debezium.connector.schema.Column`); field comments give the Debezium name where it differs.
 */
export interface Column {
  readonly name: string;
  /** 1-based. */
  readonly position: number;
  /** `java.sql.Types`, as Debezium assigns it. */
  readonly jdbcType: number;
  /** Upper case with modifiers: `INT UNSIGNED ZEROFILL`, `DECIMAL UNSIGNED`, `VARCHAR`, `GEOMCOLLECTION`, `BOOLEAN`. */
  readonly typeName: string;
  readonly typeExpression: string;
  readonly charsetName: string | null;
  readonly collation: string | null;
  /** Display width, precision, characters or fraction digits as written; null when not written. */
  readonly length: number | null;
  readonly scale: number | null;
  /** Nullable. */
  readonly optional: boolean;
  readonly autoIncremented: boolean;
  /** As Debezium means it: AUTO_INCREMENT or ON UPDATE CURRENT_TIMESTAMP. */
  readonly generated: boolean;
  /** A generated (computed) column: `AS (expr) VIRTUAL | STORED`; null otherwise. Not part of Debezium's JSON. */
  readonly computed: 'VIRTUAL' | 'STORED' | null;
  /** Not shown by SELECT * (MySQL INVISIBLE). */
  readonly invisible: boolean;
  /** Spatial reference of a geometry column (`SRID n`), null when any. */
  readonly srid: number | null;
  readonly comment: string | null;
  readonly hasDefault: boolean;
  /** Text without quotes; null with `hasDefault` = DEFAULT NULL. */
  readonly defaultValueExpression: string | null;
  /** ENUM and SET members as quoted SQL literals (`'it''s'`), null for other types. */
  readonly enumValues: readonly string[] | null;
}

/** One version of one table of the source. Immutable. */
export interface Table {
  readonly id: TableId;
  readonly columns: readonly Column[];
  /** Names in key order; empty when the table has no primary key. */
  readonly primaryKeyColumnNames: readonly string[];
  /** Unique indexes in definition order, for tables without primary key (names of their columns, in index order). */
  readonly uniqueIndexes: readonly { readonly name: string; readonly columns: readonly string[] }[];
  readonly defaultCharsetName: string | null;
  readonly defaultCollation: string | null;
  readonly comment: string | null;
}

export function columnOf(table: Table, name: string): Column | undefined {
  const exact = table.columns.find((c) => c.name === name);
  return exact ?? table.columns.find((c) => c.name.toLowerCase() === name.toLowerCase());
}
