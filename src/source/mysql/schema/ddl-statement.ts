/** A table's name as written; `database` null when not qualified. */
export interface TableName {
  readonly database: string | null;
  readonly table: string;
}

/** A column type as written, before charsets are inherited. */
export interface TypeSpec {
  /** Upper case as written, without UNSIGNED, ZEROFILL and length: `INT`, `DOUBLE PRECISION`, `NATIONAL VARCHAR`. */
  readonly name: string;
  readonly length: number | null;
  readonly scale: number | null;
  readonly unsigned: boolean;
  readonly zerofill: boolean;
  /** Written on the column; `collation` decides the charset when only it is given. */
  readonly charset: string | null;
  readonly collation: string | null;
  /** ENUM and SET members, decoded. */
  readonly members: readonly string[] | null;
}

/** A DEFAULT clause. `expression`: only the server can compute it. `now`: CURRENT_TIMESTAMP and its synonyms. */
export type DefaultSpec =
  | { readonly kind: 'literal'; readonly text: string }
  /** A number as written; what a hexadecimal or bit literal (its digits) means depends on the column's type. */
  | { readonly kind: 'number' | 'hex' | 'bits'; readonly text: string }
  | { readonly kind: 'null' }
  | { readonly kind: 'now' }
  | { readonly kind: 'expression' };

export interface ColumnDefinition {
  readonly name: string;
  readonly type: TypeSpec;
  /** null = neither NULL nor NOT NULL was written. */
  readonly nullable: boolean | null;
  readonly default: DefaultSpec | null;
  readonly autoIncrement: boolean;
  readonly onUpdateNow: boolean;
  readonly computed: 'VIRTUAL' | 'STORED' | null;
  readonly invisible: boolean;
  readonly srid: number | null;
  readonly comment: string | null;
  readonly primaryKey: boolean;
  readonly unique: boolean;
}

export type KeyDefinition =
  | { readonly kind: 'primary'; readonly columns: readonly string[] }
  /** `columns` is null when a part is an expression: such an index can never serve as key. */
  | { readonly kind: 'unique'; readonly name: string | null; readonly columns: readonly string[] | null; readonly ifNotExists: boolean }
  /** PERIOD FOR: its two columns become NOT NULL. */
  | { readonly kind: 'period'; readonly name: string; readonly columns: readonly string[] };

export interface TableOptions {
  readonly charset: string | null;
  readonly collation: string | null;
  readonly comment: string | null;
}

export type Place = { readonly kind: 'first' } | { readonly kind: 'after'; readonly column: string } | null;

export type AlterAction =
  | { readonly kind: 'addColumn'; readonly column: ColumnDefinition; readonly place: Place; readonly ifNotExists: boolean }
  /** MODIFY (`name` = `column.name`) and CHANGE. */
  | {
      readonly kind: 'changeColumn';
      readonly name: string;
      readonly column: ColumnDefinition;
      readonly place: Place;
      readonly ifExists: boolean;
    }
  | { readonly kind: 'renameColumn'; readonly name: string; readonly to: string; readonly ifExists: boolean }
  | { readonly kind: 'dropColumn'; readonly name: string; readonly ifExists: boolean }
  | { readonly kind: 'setDefault'; readonly name: string; readonly default: DefaultSpec | null; readonly ifExists: boolean }
  | { readonly kind: 'setInvisible'; readonly name: string; readonly invisible: boolean }
  | { readonly kind: 'addKey'; readonly key: KeyDefinition }
  | { readonly kind: 'dropPrimaryKey' }
  /** DROP INDEX, KEY or CONSTRAINT. */
  | { readonly kind: 'dropIndex'; readonly name: string }
  | { readonly kind: 'renameIndex'; readonly name: string; readonly to: string }
  | { readonly kind: 'renameTable'; readonly to: TableName }
  | { readonly kind: 'convertCharset'; readonly charset: string | null; readonly collation: string | null }
  | { readonly kind: 'options'; readonly options: TableOptions }
  /** Partitions that lost their rows: TRUNCATE PARTITION, DROP PARTITION. `ALL` stands for every partition. */
  | { readonly kind: 'clearPartitions'; readonly partitions: readonly string[] };

export type Statement =
  | {
      readonly kind: 'createTable';
      readonly table: TableName;
      readonly orReplace: boolean;
      readonly ifNotExists: boolean;
      readonly like: TableName | null;
      readonly columns: readonly ColumnDefinition[];
      readonly keys: readonly KeyDefinition[];
      readonly options: TableOptions;
    }
  | { readonly kind: 'alterTable'; readonly table: TableName; readonly actions: readonly AlterAction[] }
  /** `prefix` is the text before the first table (`DROP TABLE IF EXISTS `), `suffix` RESTRICT, CASCADE or ''. */
  | { readonly kind: 'dropTables'; readonly tables: readonly TableName[]; readonly prefix: string; readonly suffix: string }
  | {
      readonly kind: 'renameTables';
      readonly pairs: readonly { readonly from: TableName; readonly to: TableName; readonly text: string }[];
      readonly prefix: string;
    }
  | { readonly kind: 'truncateTable'; readonly table: TableName }
  | { readonly kind: 'createIndex'; readonly table: TableName; readonly key: KeyDefinition | null }
  | { readonly kind: 'dropIndex'; readonly table: TableName; readonly name: string }
  | {
      readonly kind: 'createDatabase';
      readonly database: string;
      readonly charset: string | null;
      readonly collation: string | null;
      readonly ifNotExists: boolean;
    }
  | { readonly kind: 'alterDatabase'; readonly database: string | null; readonly charset: string | null; readonly collation: string | null }
  | { readonly kind: 'dropDatabase'; readonly database: string }
  | { readonly kind: 'setServerCharset'; readonly charset: string | null; readonly collation: string | null }
  | { readonly kind: 'use'; readonly database: string }
  /** CREATE, ALTER, DROP EVENT: no table changes, but Debezium reports them. */
  | { readonly kind: 'event' }
  /** Nothing that touches tables: views, routines, users, temporary tables, transaction control … */
  | { readonly kind: 'ignored' }
  /** A table statement whose body could not be read; `tables` are those it names. */
  | { readonly kind: 'unparseable'; readonly verb: string; readonly tables: readonly TableName[]; readonly reason: string };

/** A statement and the range of its text, without comments and semicolons around it. */
export interface ParsedStatement {
  readonly statement: Statement;
  readonly text: string;
}
