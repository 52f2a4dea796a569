import { CdcError } from '../../model/errors.ts';
import { equalSchemas, type Field } from '../../model/schema.ts';
import { formatTableId, type TableId, type TableSchema } from '../../model/table-schema.ts';
import type { Logger } from '../../spi/telemetry.ts';
import { diffColumns, matchColumn } from '../schema-evolution.ts';
import { TableBuffer } from '../table-buffer.ts';
import { isEmpty, loadColumns } from './catalog.ts';
import type { Session } from './client.ts';
import type { DatabendConfig } from './config.ts';
import {
  addColumn,
  commentColumn,
  createDatabase,
  createTable,
  formatTarget,
  modifyColumn,
  type TargetColumn,
  type TargetId,
} from './dialect.ts';
import type { OffsetRow, OffsetTable } from './offset-table.ts';
import { compilePlan, type RowPlan } from './row-plan.ts';
import { commentFor, sourceTypeOf, wantedColumn } from './source-type.ts';
import { targetName } from './table-name.ts';
import { commonType, tryExpression } from './type-mapping.ts';

/** Whose rows a target table holds; kept in the offsets table (kind `table`), so that it outlives the process. */
export interface Origin {
  readonly server: string;
  readonly database: string;
  readonly table: string;
  /** The sink created it, or found it empty: all its rows are ours. */
  readonly created: boolean;
  /** Rows of other source tables came as well. */
  readonly shared: boolean;
}

/** Buffered rows of one table version. */
export interface Segment {
  readonly plan: RowPlan | null;
  readonly buffer: TableBuffer;
}

/** A table of the target and what waits to be written to it. */
export interface TargetTable {
  readonly id: TargetId;
  /** As last seen; null when it must be asked for. */
  columns: readonly TargetColumn[] | null;
  origin: Origin;
  /** The table version the buffered rows have. */
  version: TableSchema | null;
  plan: RowPlan | null;
  buffer: TableBuffer;
  /** Rows of older versions, to be written before those of `buffer`. */
  older: Segment[];
  /** Known to hold no row. */
  empty: boolean;
  /** Known to hold nothing but rows of one snapshot that is still going on. */
  snapshotOnly: boolean;
  /** The snapshot of its source table has begun in this run. */
  snapshotSeen: boolean;
}

/** What waits to be written, in order. */
export function segmentsOf(t: TargetTable): readonly Segment[] {
  return [...t.older, { plan: t.plan, buffer: t.buffer }].filter((s) => !s.buffer.isEmpty);
}

/** Everything the table holds goes with the next flush; what was buffered before needs not be written. */
export function truncateTarget(t: TargetTable): void {
  t.older = [];
  t.buffer.truncate();
}

/** The table's buffers are durable. */
export function afterFlush(t: TargetTable): void {
  for (const { buffer } of segmentsOf(t)) {
    if (!buffer.onlyReads) t.snapshotOnly = false;
    t.empty = (t.empty || buffer.truncated) && buffer.onlyDeletes;
  }
  t.older = [];
  t.buffer.clear();
}

/** The target tables by name and by source table version: creates and widens them as rows need it. */
export class TargetTables {
  readonly #config: DatabendConfig;
  readonly #session: Session;
  readonly #offsets: OffsetTable;
  readonly #database: string;
  readonly #logger: Logger;
  readonly #byName = new Map<string, TargetTable>();
  readonly #byVersion = new WeakMap<TableSchema, TargetTable>();
  readonly #origins = new Map<string, Origin>();
  /** Origins to be saved with the next flush. */
  readonly #unsaved = new Set<string>();
  readonly #databases = new Set<string>();

  constructor(o: {
    readonly config: DatabendConfig;
    readonly session: Session;
    readonly offsets: OffsetTable;
    readonly database: string;
    readonly logger: Logger;
  }) {
    this.#config = o.config;
    this.#session = o.session;
    this.#offsets = o.offsets;
    this.#database = o.database;
    this.#logger = o.logger;
  }

  async start(): Promise<void> {
    for (const [key, value] of await this.#offsets.load(this.#session, 'table')) this.#origins.set(key, JSON.parse(value) as Origin);
  }

  all(): Iterable<TargetTable> {
    return this.#byName.values();
  }

  /** The table ready for rows of this version, or undefined: then `prepare` must come first. */
  ready(schema: TableSchema): TargetTable | undefined {
    const t = this.#byVersion.get(schema);
    return t !== undefined && t.version !== null && (t.version === schema || sameLayout(t.version, schema)) ? t : undefined;
  }

  /** The table whatever its state, if rows of this version would go to a known one. */
  known(schema: TableSchema): TargetTable | undefined {
    return this.#byName.get(formatTarget(this.nameOf(schema)));
  }

  nameOf(schema: TableSchema): TargetId {
    return targetName(this.#config['table.name.format'], this.#database, schema);
  }

  /** Target of a source table, known by what was written there. */
  targetOf(server: string, table: TableId): { readonly id: TargetId; readonly origin: Origin } | null {
    for (const [key, origin] of this.#origins)
      if (origin.server === server && origin.database === table.database && origin.table === table.table)
        return { id: parseKey(key), origin };
    return null;
  }

  /** Targets created for tables of a source database. */
  createdFor(server: string, database: string): readonly TargetId[] {
    return [...this.#origins]
      .filter(([, o]) => o.server === server && o.database === database && o.created && !o.shared)
      .map(([key]) => parseKey(key));
  }

  /** The table is known to hold no row, and nothing waits to be written to it. */
  isEmpty(id: TargetId): boolean {
    const t = this.#byName.get(formatTarget(id));
    return t?.empty === true && segmentsOf(t).length === 0;
  }

  /** The columns are those of the version, or can become so without loss; none is left over. */
  fits(schema: TableSchema, columns: readonly TargetColumn[]): boolean {
    const wanted = this.#wanted(schema, columns);
    return (
      diffColumns(columns, wanted, commonType).conflicts.length === 0 && columns.every((c) => matchColumn(wanted, c.name) !== undefined)
    );
  }

  /** Everything the table held goes with the next flush; rows buffered before need not be written. */
  truncate(id: TargetId, origin: Origin): void {
    const t = this.#byName.get(formatTarget(id));
    if (t !== undefined) truncateTarget(t);
    else this.#byName.set(formatTarget(id), { ...unprepared(id, origin), buffer: truncatedBuffer() });
  }

  /** Forgets what was read of the table's columns; its rows must be flushed already. */
  invalidate(id: TargetId): void {
    const t = this.#byName.get(formatTarget(id));
    if (t === undefined) return;
    if (segmentsOf(t).length > 0)
      throw new CdcError('CDC_INTERNAL_ASSERTION', 'fatal', `table ${formatTarget(id)}: changed with rows waiting`);
    this.#byName.delete(formatTarget(id));
    t.version = null;
  }

  /** Rows for the offsets table that belong into the next flush. */
  unsaved(): readonly OffsetRow[] {
    return [...this.#unsaved].map((key) => ({ kind: 'table', key, value: JSON.stringify(this.#origins.get(key)) }));
  }

  /** The rows of `unsaved` are durable. */
  saved(): void {
    this.#unsaved.clear();
  }

  /** The table is gone from the target. */
  async forget(id: TargetId): Promise<void> {
    this.invalidate(id);
    this.#unsaved.delete(keyOf(id));
    if (!this.#origins.delete(keyOf(id))) return;
    await this.#offsets.save(this.#session, [{ kind: 'table', key: keyOf(id), value: null }]);
  }

  async renamed(from: TargetId, to: TargetId, origin: Origin): Promise<void> {
    this.invalidate(from);
    this.invalidate(to);
    this.#origins.delete(keyOf(from));
    this.#origins.set(keyOf(to), origin);
    this.#unsaved.delete(keyOf(from));
    this.#unsaved.delete(keyOf(to));
    this.#databases.add(to.database);
    await this.#offsets.save(this.#session, [
      { kind: 'table', key: keyOf(from), value: null },
      { kind: 'table', key: keyOf(to), value: JSON.stringify(origin) },
    ]);
  }

  /**
   * Makes the target fit for rows of this version: creates it (auto.create), adds and widens columns (auto.evolve). Throws CDC_DATABEND_TABLE_MISSING, CDC_DATABEND_TYPE_CONFLICT, CDC_SCHEMA_EVOLUTION.
   */
  async prepare(schema: TableSchema, server: string): Promise<TargetTable> {
    const id = this.nameOf(schema);
    const name = formatTarget(id);
    const fields = this.#fields(schema);
    let t = this.#byName.get(name);
    let columns = t?.columns ?? (await loadColumns(this.#session, id));
    const wanted = this.#wanted(schema, columns ?? []);
    let created = false;
    if (columns === null) {
      if (!this.#config['auto.create'])
        throw new CdcError('CDC_DATABEND_TABLE_MISSING', 'environment', `table ${name} does not exist`, {
          hint: 'create it, or set auto.create=true',
          context: { table: name },
        });
      if (!this.#databases.has(id.database)) await this.#session.exec(createDatabase(id.database), `database ${id.database}: create`);
      this.#databases.add(id.database);
      // Known as ours before it exists: a crash right behind must not leave a table that nobody made.
      await this.#noteOrigin(id, schema.id, server, true);
      await this.#offsets.save(this.#session, this.unsaved());
      this.saved();
      await this.#session.exec(createTable(id, wanted), `table ${name}: create`);
      created = true;
      columns = await loadColumns(this.#session, id);
    } else columns = await this.#evolve(id, columns, wanted);
    if (columns === null) throw new CdcError('CDC_DATABEND_SCHEMA', 'retriable', `table ${name} vanished while it was prepared`);
    const origin = await this.#noteOrigin(id, schema.id, server, created);
    const truncated = t?.buffer.truncated === true && t.version === null;
    const buffer = new TableBuffer({
      keyOrdinals: this.#keyOrdinals(schema),
      deletes: this.#config['delete.enabled'],
      appendOnly: this.#config['insert.mode'] === 'insert',
      foreignKey: this.#config['pk.mode'] !== 'record_key' || this.#config['pk.fields'].length > 0,
    });
    if (t === undefined) {
      t = { ...unprepared(id, origin), empty: created, snapshotOnly: created };
      this.#byName.set(name, t);
    }
    const known = columns;
    t.columns = columns;
    t.origin = origin;
    if (truncated) buffer.truncate();
    // Rows of the older version fit the widened table as well: they are written first, in the same transaction.
    else if (!t.buffer.isEmpty) t.older.push({ plan: t.plan, buffer: t.buffer });
    t.buffer = buffer;
    t.version = schema;
    t.plan = compilePlan(
      name,
      fields.flatMap(({ field, key }) => {
        const column = matchColumn(known, field.name);
        return column === undefined ? [] : [{ field, key, name: column.name, sourceType: sourceTypeOf(schema, field, column) }];
      }),
      this.#config['value.range.policy'],
    );
    this.#byVersion.set(schema, t);
    return t;
  }

  /** Same layout, other identity: nothing to do but remember it. */
  adopt(schema: TableSchema, t: TargetTable): void {
    this.#byVersion.set(schema, t);
  }

  async #noteOrigin(id: TargetId, table: TableId, server: string, created: boolean): Promise<Origin> {
    const old = created ? undefined : this.#origins.get(keyOf(id));
    const same = old !== undefined && old.server === server && old.database === table.database && old.table === table.table;
    if (old !== undefined && (same || old.shared)) return old;
    const origin: Origin =
      old === undefined
        ? { server, database: table.database, table: table.table, created: created || (await isEmpty(this.#session, id)), shared: false }
        : { ...old, shared: true };
    this.#origins.set(keyOf(id), origin);
    this.#unsaved.add(keyOf(id));
    return origin;
  }

  #keyOrdinals(schema: TableSchema): readonly number[] | null {
    const mode = this.#config['pk.mode'];
    const names = this.#config['pk.fields'];
    if (mode === 'none') return null;
    if (mode === 'record_key' && names.length === 0) return schema.keyOrdinals.length === 0 ? null : schema.keyOrdinals;
    const fields = schema.value.fields;
    if (names.length === 0) return fields.map((f) => f.index);
    return names.map((name) => {
      const field = fields.find((f) => f.name === name);
      if (field === undefined)
        throw new CdcError('CDC_CONFIG_INVALID', 'config', `table ${formatTableId(schema.id)} has no column "${name}"`, {
          hint: 'pk.fields names columns every table of this connector must have',
        });
      return field.index;
    });
  }

  #wanted(schema: TableSchema, columns: readonly TargetColumn[]): readonly TargetColumn[] {
    return this.#fields(schema).map(({ field, key }) => wantedColumn(schema, field, key, matchColumn(columns, field.name)));
  }

  #fields(schema: TableSchema): readonly { readonly field: Field; readonly key: boolean }[] {
    const only = this.#config['fields.whitelist'];
    const keys = this.#keyOrdinals(schema) ?? [];
    return schema.value.fields
      .map((field) => ({ field, key: keys.includes(field.index) }))
      .filter(({ field, key }) => key || only.length === 0 || only.includes(field.name));
  }

  async #evolve(id: TargetId, columns: readonly TargetColumn[], wanted: readonly TargetColumn[]): Promise<readonly TargetColumn[] | null> {
    const diff = diffColumns(columns, wanted, commonType);
    const name = formatTarget(id);
    const [conflict] = diff.conflicts;
    if (conflict !== undefined)
      throw new CdcError(
        'CDC_DATABEND_TYPE_CONFLICT',
        'data',
        `column ${name}.${conflict.name}: is ${conflict.current}, rows need ${conflict.wanted}`,
        {
          hint: 'change the column in Databend, or drop the table and snapshot it anew',
          context: { table: name, ...conflict },
        },
      );
    const comments = columns.flatMap((c): readonly TargetColumn[] => {
      const w = wanted.find((x) => matchColumn(columns, x.name) === c);
      const comment = w === undefined ? null : commentFor(c, w);
      return comment === null ? [] : [{ ...c, comment }];
    });
    if (this.#config['auto.evolve'])
      for (const c of comments)
        await this.#session.exec(commentColumn(id, c.name, c.comment ?? ''), `column ${name}.${c.name}: note its source type`);
    if (diff.add.length + diff.modify.length === 0) return comments.length === 0 ? columns : loadColumns(this.#session, id);
    if (!this.#config['auto.evolve']) {
      const what = [...diff.add, ...diff.modify].map((c) => `${c.name} ${c.type}`).join(', ');
      throw new CdcError('CDC_SCHEMA_EVOLUTION', 'environment', `table ${name} lacks: ${what}`, {
        hint: 'change the table, or set auto.evolve=true',
        context: { table: name },
      });
    }
    for (const c of diff.add) await this.#session.exec(addColumn(id, c), `column ${name}.${c.name}: add`);
    for (const c of diff.modify) await changeColumn(this.#session, id, columns, c);
    this.#logger.info({ table: name, added: diff.add.map((c) => c.name), changed: diff.modify.map((c) => c.name) }, 'table evolved');
    return loadColumns(this.#session, id);
  }
}

/**
 * MODIFY COLUMN, after a look whether the values convert: a MODIFY that fails half-way leaves the table locked for minutes
 * (Databend 1.2.895, error 2015).
 */
export async function changeColumn(session: Session, id: TargetId, columns: readonly TargetColumn[], c: TargetColumn): Promise<void> {
  const name = formatTarget(id);
  const old = columns.find((x) => x.name === c.name);
  const quoted = `"${c.name.replaceAll('"', '""')}"`;
  const bad: string[] = [];
  if (old?.nullable && !c.nullable) bad.push(`${quoted} IS NULL`);
  const attempt = old === undefined || old.type === c.type ? null : tryExpression(c.type, `${quoted}::VARCHAR`);
  if (attempt !== null) bad.push(`(${quoted} IS NOT NULL AND ${attempt} IS NULL)`);
  if (bad.length > 0) {
    const rows = await session.query(
      `SELECT 1 FROM ${name} WHERE ${bad.join(' OR ')} LIMIT 1`,
      `column ${name}.${c.name}: look whether it converts`,
    );
    if (rows.length > 0)
      throw new CdcError(
        'CDC_DATABEND_TYPE_CONFLICT',
        'data',
        `column ${name}.${c.name}: its values do not convert to ${c.type}${c.nullable ? '' : ' NOT NULL'}`,
        {
          hint: 'change the column in Databend, or drop the table and snapshot it anew',
          context: { table: name, column: c.name, current: old?.type, wanted: c.type },
        },
      );
  }
  const comment = c.comment ?? old?.comment ?? null;
  await session.exec(modifyColumn(id, { ...c, comment }), `column ${name}.${c.name}: change to ${c.type}`);
}

/** Whether rows of both versions can wait in one buffer. */
function sameLayout(a: TableSchema, b: TableSchema): boolean {
  const fields = a.value.fields;
  return (
    fields.length === b.value.fields.length &&
    a.keyOrdinals.length === b.keyOrdinals.length &&
    a.keyOrdinals.every((k, i) => k === b.keyOrdinals[i]) &&
    fields.every((f, i) => {
      const g = b.value.fields[i] as Field;
      const sameSource = (a.sourceTypes?.[i] ?? null) === (b.sourceTypes?.[i] ?? null);
      return sameSource && f.name === g.name && equalSchemas(f.schema, g.schema);
    })
  );
}

function keyOf(id: TargetId): string {
  return JSON.stringify([id.database, id.table]);
}

function parseKey(key: string): TargetId {
  const [database, table] = JSON.parse(key) as [string, string];
  return { database, table };
}

function unprepared(id: TargetId, origin: Origin): TargetTable {
  const buffer = new TableBuffer({ keyOrdinals: null, deletes: true, appendOnly: false, foreignKey: false });
  return {
    id,
    columns: null,
    origin,
    version: null,
    plan: null,
    buffer,
    older: [],
    empty: false,
    snapshotOnly: false,
    snapshotSeen: false,
  };
}

function truncatedBuffer(): TableBuffer {
  const buffer = new TableBuffer({ keyOrdinals: null, deletes: true, appendOnly: false, foreignKey: false });
  buffer.truncate();
  return buffer;
}
