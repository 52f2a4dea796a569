import { CdcError } from '../../../model/errors.ts';
import type { SourceOffset, SourcePartition } from '../../../model/offset.ts';
import type { SchemaOperation } from '../../../model/schema-operation.ts';
import { formatTableId, type TableId, type TableSchema } from '../../../model/table-schema.ts';
import type { Table } from '../../../relational/table.ts';
import { type TableChange, tableChangeToJson } from '../../../relational/table-change.ts';
import { Tables } from '../../../relational/tables.ts';
import type { HistoryRecord } from '../../../spi/schema-history.ts';
import { charsetOfCollation } from '../charsets.ts';
import { alterTable, createTable, ModelMismatch } from './apply-ddl.ts';
import { resolveCharset } from './collations.ts';
import type { ColumnContext } from './column-builder.ts';
import { isSystemDatabase } from './ddl-filter.ts';
import type { DdlDialect } from './ddl-lexer.ts';
import { parseStatement } from './ddl-parser.ts';
import type { Statement, TableName } from './ddl-statement.ts';
import { compactHistory, recoverRecord } from './history-recovery.ts';
import { hashSetOrder } from './java-set-order.ts';
import { renameOperations } from './rename-operations.ts';
import { alterOperations, columnOperations, sameTable } from './schema-operations.ts';
import { type SnapshotDatabase, snapshotPlan } from './snapshot-ddl.ts';

export interface DatabaseSchemaOptions {
  readonly connector: 'mysql' | 'mariadb';
  /** Called once per table version and only when somebody asks. */
  readonly compile: (table: Table) => TableSchema;
  readonly captured: (id: TableId) => boolean;
  databaseCaptured(database: string): boolean;
  readonly lowerCaseTableNames: 0 | 1 | 2;
  readonly serverCharset: string;
  readonly serverCollation: string;
  /** `schema.history.internal.store.only.captured.tables.ddl`. */
  readonly storeOnlyCapturedTables: boolean;
  /** `schema.history.internal.skip.unparseable.ddl`. */
  readonly skipUnparseable: boolean;
}

/** What the session of a statement had set; from the status variables of its Query event. */
export interface DdlContext {
  readonly database: string;
  readonly sqlMode?: bigint | number | null;
  readonly charsetClient?: number;
  /** Collation of `collation_server`, for CREATE DATABASE without a charset. */
  readonly serverCollationId?: number | null;
  /** Default true, as on MySQL 8 and MariaDB 10.10. */
  readonly explicitDefaultsForTimestamp?: boolean;
}

/** One record Debezium would write of a statement, and what it means for the tables. */
export interface DdlOutcome {
  readonly database: string;
  /** As Debezium gives it: DROP and RENAME split and rewritten, others as they came. */
  readonly ddl: string;
  /** `source.table`: table names, '' for indexes and ALTER DATABASE, null for databases. */
  readonly sourceTable: string | null;
  readonly changes: readonly TableChange[];
  /** Of captured tables only. */
  readonly operations: readonly SchemaOperation[];
  /** A record for the schema-change topic is due. */
  readonly emit: boolean;
  /** Belongs in the schema history. */
  readonly store: boolean;
}

export interface Charset {
  readonly charset: string | null;
  readonly collation: string | null;
}

/**
 * What every table of the server looks like at the position reached: applies DDL in binlog order, compiles table
 * versions on demand. Not thread-safe, no I/O. A DDL of tables nobody captures never throws; one of a captured
 * table that cannot be read throws CDC_MYSQL_DDL_UNPARSEABLE (fatal) and leaves the catalogue as it was.
 */
export class DatabaseSchema {
  readonly tables: Tables;
  readonly #o: DatabaseSchemaOptions;
  readonly #compiled = new WeakMap<Table, TableSchema>();
  readonly #databases = new Map<string, Charset>();
  #server: Charset;
  #generation = 0;

  constructor(options: DatabaseSchemaOptions) {
    this.#o = options;
    this.tables = new Tables(options.lowerCaseTableNames);
    this.#server = { charset: options.serverCharset, collation: options.serverCollation };
  }

  /** Grows with every statement that may have changed a definition. */
  get generation(): number {
    return this.#generation;
  }

  /** The current version of a table, null when it is not known. The same object until its definition changes. */
  schemaOf(id: TableId): TableSchema | null {
    const table = this.tables.get(id);
    return table === null ? null : this.#compile(table);
  }

  /** Enters a definition learned otherwise (asked of the server). */
  setTable(table: Table): void {
    this.#generation++;
    this.tables.put(table);
  }

  /** Default charset of a database: its own, else the server's. */
  charsetOf(database: string): Charset {
    return this.#databases.get(this.tables.stored(database)) ?? this.#server;
  }

  setCharset(database: string | null, charset: Charset): void {
    if (database === null) this.#server = charset;
    else this.#databases.set(this.tables.stored(database), charset);
  }

  /** Databases with a charset of their own, by name. */
  databases(): readonly (readonly [string, Charset])[] {
    return [...this.#databases].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Applies one statement. Empty when it is none that concerns tables or databases. */
  applyDdl(ddl: string, context: DdlContext): readonly DdlOutcome[] {
    const { statement, text } = parseStatement(ddl, this.#dialect(context));
    if (statement.kind === 'ignored') return [];
    this.#generation++;
    return this.#apply(statement, text, context);
  }

  /**
   * The statements with which a snapshot begins, as Debezium's does, entering every table: server charset, DROP TABLE
   * of each table, then database by database DROP, CREATE, USE and its tables in the order given. Databases without
   * tables are only remembered. `operations` never drop anything here.
   */
  snapshotStatements(databases: readonly SnapshotDatabase[], context: Partial<DdlContext> = {}): readonly DdlOutcome[] {
    const out: DdlOutcome[] = [];
    for (const step of snapshotPlan(this.#server, databases)) {
      const applied = this.applyDdl(step.ddl, { ...context, database: step.database });
      for (const o of applied.length > 0 ? applied : [this.#outcome(step.database, step.ddl, null, [], [])]) {
        const operations = o.operations.filter((op) => op.kind === 'createTable' || op.kind === 'createDatabase');
        out.push({ ...o, database: step.database, operations, emit: step.emit && o.emit });
      }
    }
    return out;
  }

  toHistory(outcome: DdlOutcome, position: SourceOffset, source: SourcePartition, tsMs: number): HistoryRecord {
    return {
      source,
      position,
      databaseName: outcome.database,
      ddl: outcome.ddl,
      tableChanges: outcome.changes.map(tableChangeToJson),
      tsMs,
    };
  }

  /** Rebuilds the catalogue from a history (ours or Debezium's), record by record in order; `accept` picks those at or before the resume point. */
  recover(records: Iterable<HistoryRecord>, accept: (record: HistoryRecord) => boolean = () => true): void {
    for (const record of records) if (accept(record)) recoverRecord(this, record, (ddl, c) => this.#applyQuietly(ddl, c));
    this.#generation++;
  }

  /** The fewest records that recover to the same catalogue as `records`; for FileSchemaHistory.compact. */
  compactHistory(records: readonly HistoryRecord[]): readonly HistoryRecord[] {
    const fresh = new DatabaseSchema(this.#o);
    fresh.recover(records);
    return compactHistory(fresh, records);
  }

  get serverCharset(): Charset {
    return this.#server;
  }

  #dialect(context: DdlContext): DdlDialect {
    const mode = BigInt(context.sqlMode ?? 0);
    return { connector: this.#o.connector, ansiQuotes: (mode & 4n) !== 0n, noBackslashEscapes: (mode & 0x100000n) !== 0n };
  }

  #compile(table: Table): TableSchema {
    const known = this.#compiled.get(table);
    if (known !== undefined) return known;
    const schema = this.#o.compile(table);
    this.#compiled.set(table, schema);
    return schema;
  }

  /** Effect on the catalogue only; what cannot be read is left out, the record's own table changes decide. */
  #applyQuietly(ddl: string, context: DdlContext): void {
    const { statement, text } = parseStatement(ddl, this.#dialect(context));
    if (statement.kind === 'ignored' || statement.kind === 'unparseable') return;
    try {
      this.#apply(statement, text, context, true);
    } catch (error) {
      if (!(error instanceof CdcError) || error.code !== 'CDC_MYSQL_DDL_UNPARSEABLE') throw error;
    }
  }

  #id(name: TableName, context: DdlContext): TableId {
    return { database: this.tables.stored(name.database ?? context.database), table: this.tables.stored(name.table) };
  }

  #columnContext(database: string, context: DdlContext): ColumnContext {
    return {
      connector: this.#o.connector,
      ...this.charsetOf(database),
      explicitDefaultsForTimestamp: context.explicitDefaultsForTimestamp ?? true,
    };
  }

  #outcome(
    database: string,
    ddl: string,
    sourceTable: string | null,
    changes: readonly TableChange[],
    operations: readonly SchemaOperation[],
    touched: readonly TableId[] = [],
  ): DdlOutcome {
    const captured = touched.some(this.#o.captured);
    const wanted = touched.length > 0 ? captured : database === '' || this.#o.databaseCaptured(database);
    const due = captured || (this.#o.storeOnlyCapturedTables ? wanted : !isSystemDatabase(database));
    return { database, ddl, sourceTable, changes, operations, emit: due, store: due };
  }

  #apply(s: Exclude<Statement, { kind: 'ignored' }>, text: string, context: DdlContext, quiet = false): DdlOutcome[] {
    switch (s.kind) {
      case 'createTable':
        return this.#create(s, text, context, quiet);
      case 'alterTable':
        return this.#alter(s, text, context, quiet);
      case 'dropTables':
        return this.#drop(s, context);
      case 'renameTables':
        return this.#rename(s, context, quiet);
      case 'truncateTable': {
        const id = this.#id(s.table, context);
        const operations: SchemaOperation[] = this.#o.captured(id) ? [{ kind: 'truncateTable', table: id }] : [];
        return [{ database: id.database, ddl: text, sourceTable: id.table, changes: [], operations, emit: false, store: false }];
      }
      case 'createIndex':
      case 'dropIndex':
        return this.#index(s, text, context, quiet);
      case 'createDatabase': {
        const database = this.tables.stored(s.database);
        if (!(s.ifNotExists && this.#databases.has(database))) this.setCharset(database, resolveCharset(s, this.#serverCharsetOf(context)));
        const operations: SchemaOperation[] = this.#o.databaseCaptured(database) ? [{ kind: 'createDatabase', database }] : [];
        return [this.#outcome(database, text, null, [], operations)];
      }
      case 'alterDatabase': {
        const database = this.tables.stored(s.database ?? context.database);
        this.setCharset(database, resolveCharset(s, this.charsetOf(database)));
        return [this.#outcome(database, text, '', [], [])];
      }
      case 'dropDatabase': {
        const database = this.tables.stored(s.database);
        const gone = this.tables.list(database).map((t) => t.id);
        for (const id of gone) this.tables.remove(id);
        this.#databases.delete(database);
        const operations: SchemaOperation[] = gone.filter(this.#o.captured).map((table) => ({ kind: 'dropTable', table }));
        if (this.#o.databaseCaptured(database)) operations.push({ kind: 'dropDatabase', database });
        return [this.#outcome(database, text, null, [], operations)];
      }
      case 'setServerCharset':
        this.#server = resolveCharset(s, this.#server);
        return [this.#outcome('', text, null, [], [])];
      case 'use':
        return [this.#outcome(s.database, text, null, [], [])];
      case 'event':
        return [this.#outcome(context.database, text, null, [], [])];
      case 'unparseable':
        return this.#unreadable(
          s.tables.map((t) => this.#id(t, context)),
          text,
          context,
          s.verb,
          s.reason,
        );
      default:
        return s satisfies never;
    }
  }

  #serverCharsetOf(context: DdlContext): Charset {
    const charset = context.serverCollationId ? charsetOfCollation(context.serverCollationId) : null;
    return charset === null || charset === this.#server.charset ? this.#server : { charset, collation: null };
  }

  #create(s: Extract<Statement, { kind: 'createTable' }>, text: string, context: DdlContext, quiet: boolean): DdlOutcome[] {
    const id = this.#id(s.table, context);
    const known = this.tables.get(id);
    let table: Table;
    if (known !== null && s.ifNotExists) table = known;
    else if (s.like !== null) {
      const like = this.#id(s.like, context);
      const model = this.tables.get(like);
      if (model === null)
        return this.#unreadable([id], text, context, 'CREATE', `the table it is to be like, ${formatTableId(like)}, is not known`);
      table = { ...model, id };
    } else {
      const made = this.#attempt([id], text, context, 'CREATE', () => createTable(id, s, this.#columnContext(id.database, context)));
      if (!('columns' in made)) return made.outcomes;
      table = made;
    }
    this.tables.put(table);
    const operations: SchemaOperation[] = [];
    if (!quiet && this.#o.captured(id) && table !== known) {
      if (known !== null && s.orReplace) operations.push({ kind: 'dropTable', table: id });
      operations.push({ kind: 'createTable', table: id, schema: this.#compile(table) });
    }
    return [this.#outcome(id.database, text, id.table, [{ type: 'CREATE', id, previousId: null, table }], operations, [id])];
  }

  #alter(s: Extract<Statement, { kind: 'alterTable' }>, text: string, context: DdlContext, quiet: boolean): DdlOutcome[] {
    const id = this.#id(s.table, context);
    const rename = s.actions.findLast((a) => a.kind === 'renameTable');
    const to = rename === undefined ? id : this.#id({ ...rename.to, database: rename.to.database ?? id.database }, context);
    const touched = rename === undefined ? [id] : [id, to];
    const before = this.tables.get(id);
    if (before === null) return [this.#outcome(to.database, text, to.table, [], [], touched)];
    const altered = this.#attempt(touched, text, context, 'ALTER', () =>
      alterTable(before, s.actions, this.#columnContext(id.database, context)),
    );
    if (!('columns' in altered)) return altered.outcomes;
    const after = rename === undefined && sameTable(before, altered) ? before : { ...altered, id: to };
    this.tables.remove(id);
    this.tables.put(after);
    const operations: SchemaOperation[] = [];
    if (!quiet && rename !== undefined) {
      operations.push(...renameOperations([{ from: id, to, table: before }], this.tables, this.#o.captured, (t) => this.#compile(t)));
    }
    if (!quiet && this.#o.captured(to) && this.#o.captured(id))
      operations.push(...alterOperations(before, after, s.actions, this.#compile(after)));
    const change: TableChange = { type: 'ALTER', id: to, previousId: rename === undefined ? null : id, table: after };
    return [this.#outcome(to.database, text, to.table, [change], operations, touched)];
  }

  #drop(s: Extract<Statement, { kind: 'dropTables' }>, context: DdlContext): DdlOutcome[] {
    const ids = s.tables.map((t) => this.#id(t, context));
    return ids.map((id) => {
      this.tables.remove(id);
      const ddl = `${s.prefix}${backquote(id.database)}.${backquote(id.table)}${s.suffix === '' ? '' : ` ${s.suffix}`}`;
      const operations: SchemaOperation[] = this.#o.captured(id) ? [{ kind: 'dropTable', table: id }] : [];
      return this.#outcome(
        id.database,
        ddl,
        joinTables(ids, id.database),
        [{ type: 'DROP', id, previousId: null, table: null }],
        operations,
        [id],
      );
    });
  }

  #rename(s: Extract<Statement, { kind: 'renameTables' }>, context: DdlContext, quiet: boolean): DdlOutcome[] {
    const steps = s.pairs.map((p) => {
      const from = this.#id(p.from, context);
      const to = this.#id(p.to, context);
      const table = this.tables.remove(from);
      if (table !== null) this.tables.put({ ...table, id: to });
      return { from, to, table, text: p.text };
    });
    const targets = steps.map((step) => step.to);
    const operations = quiet ? [] : renameOperations(steps, this.tables, this.#o.captured, (t) => this.#compile(t));
    const touched = steps.flatMap((step) => [step.from, step.to]);
    return steps.map((step, i) => {
      // Debezium looks tables up when the whole statement is done: a name that was only passed through has none.
      const table = this.tables.get(step.to);
      const changes: TableChange[] = table === null ? [] : [{ type: 'ALTER', id: step.to, previousId: step.from, table }];
      const all = i === steps.length - 1 ? operations : [];
      return this.#outcome(step.to.database, s.prefix + step.text, joinTables(targets, step.to.database), changes, all, touched);
    });
  }

  #index(s: Extract<Statement, { kind: 'createIndex' | 'dropIndex' }>, text: string, context: DdlContext, quiet: boolean): DdlOutcome[] {
    const id = this.#id(s.table, context);
    const before = this.tables.get(id);
    const operations: SchemaOperation[] = [];
    if (before !== null && (s.kind === 'dropIndex' || s.key !== null)) {
      const action =
        s.kind === 'dropIndex'
          ? s.name.toUpperCase() === 'PRIMARY'
            ? ({ kind: 'dropPrimaryKey' } as const)
            : ({ kind: 'dropIndex', name: s.name } as const)
          : ({ kind: 'addKey', key: s.key as NonNullable<typeof s.key> } as const);
      const made = this.#attempt([id], text, context, s.kind, () =>
        alterTable(before, [action], this.#columnContext(id.database, context)),
      );
      if (!('columns' in made)) return made.outcomes;
      if (!sameTable(before, made)) {
        this.tables.put(made);
        if (!quiet && this.#o.captured(id)) operations.push(...columnOperations(before, made, new Map(), new Set(), this.#compile(made)));
      }
    }
    return [this.#outcome(id.database, text, '', [], operations, [id])];
  }

  /** Runs a change of the model; one the model cannot follow counts as unreadable. */
  #attempt(
    ids: readonly TableId[],
    text: string,
    context: DdlContext,
    verb: string,
    change: () => Table,
  ): Table | { outcomes: DdlOutcome[] } {
    try {
      return change();
    } catch (error) {
      if (!(error instanceof ModelMismatch)) throw error;
      return { outcomes: this.#unreadable(ids, text, context, verb, error.message) };
    }
  }

  /** A statement that says nothing to us. Captured: stop, unless told to go on. Otherwise forget what may be wrong now. */
  #unreadable(ids: readonly TableId[], text: string, context: DdlContext, verb: string, reason: string): DdlOutcome[] {
    const captured = ids.find(this.#o.captured);
    if (captured !== undefined && !this.#o.skipUnparseable) {
      throw new CdcError(
        'CDC_MYSQL_DDL_UNPARSEABLE',
        'fatal',
        `table ${formatTableId(captured)}: the ${verb} statement cannot be read: ${reason}`,
        {
          hint: 'set schema.history.internal.skip.unparseable.ddl=true to go on with the definition known before, or take a new snapshot; please report the statement',
          context: { table: formatTableId(captured), statement: verb },
        },
      );
    }
    if (captured === undefined) for (const id of ids) this.tables.remove(id);
    const database = ids[0]?.database ?? context.database;
    return [this.#outcome(database, text, joinTables(ids, database), [], [], ids)];
  }
}

function backquote(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** `source.table` of a statement over several tables: those of one database, in the order of Debezium's set. */
function joinTables(ids: readonly TableId[], database: string): string {
  const own = ids.filter((id) => id.database === database).map(formatTableId);
  return hashSetOrder(own)
    .map((id) => id.slice(database.length + 1))
    .join(',');
}
