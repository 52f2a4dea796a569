import { createHash } from 'node:crypto';
import type { SchemaChangeChunk } from '../../model/chunk.ts';
import { CdcError } from '../../model/errors.ts';
import type { Field } from '../../model/schema.ts';
import type { SchemaOperation } from '../../model/schema-operation.ts';
import { formatTableId, type TableId, type TableSchema } from '../../model/table-schema.ts';
import type { Logger } from '../../spi/telemetry.ts';
import { failpoint } from '../../util/failpoint.ts';
import { matchColumn } from '../schema-evolution.ts';
import { loadColumns, tableExists } from './catalog.ts';
import type { Session } from './client.ts';
import { fillValue } from './column-fill.ts';
import type { DatabendConfig } from './config.ts';
import {
  addColumn,
  commentColumn,
  createDatabase,
  dropColumn,
  dropTable,
  formatTarget,
  quoteIdentifier,
  renameColumn,
  renameTable,
  type TargetColumn,
  type TargetId,
} from './dialect.ts';
import type { OffsetRow, OffsetTable } from './offset-table.ts';
import { commentFor, sourceTypeOf, wantedColumn } from './source-type.ts';
import { targetName } from './table-name.ts';
import { changeColumn, type TargetTables } from './target-tables.ts';
import { changeTimeDigits } from './time-digits.ts';
import { commonType, convertible } from './type-mapping.ts';

/** State of a step in the offsets table. `intent` is written before it, with the columns as they were: only so a crash between the DDL and its mark can be told from one before it. */
interface StepMark {
  readonly state: 'intent' | 'done';
  readonly before: readonly TargetColumn[] | null;
}

interface Step {
  /** The table whose columns tell whether it happened. */
  readonly id: TargetId;
  run(columns: readonly TargetColumn[] | null): Promise<void>;
  /** Whether it happened, when an intent was found; null = it may be run again whatever happened. */
  readonly happened: ((before: readonly TargetColumn[] | null, now: readonly TargetColumn[] | null) => Promise<boolean>) | null;
}

/**
 * Repeats the source's DDL in the target. DDL commits by itself in Databend, so each operation is a step of its own with a mark in
 * `riverbend_offsets`; a chunk that comes again after a crash goes on behind its last step.
 */
export class DdlApplier {
  readonly #config: DatabendConfig;
  readonly #session: Session;
  readonly #offsets: OffsetTable;
  readonly #tables: TargetTables;
  readonly #logger: Logger;
  readonly #database: string;
  #marks = new Map<string, StepMark>();

  constructor(o: {
    readonly config: DatabendConfig;
    readonly session: Session;
    readonly offsets: OffsetTable;
    readonly tables: TargetTables;
    readonly logger: Logger;
    readonly database: string;
  }) {
    this.#config = o.config;
    this.#session = o.session;
    this.#offsets = o.offsets;
    this.#tables = o.tables;
    this.#logger = o.logger;
    this.#database = o.database;
  }

  async start(): Promise<void> {
    for (const [key, value] of await this.#offsets.load(this.#session, 'step')) this.#marks.set(key, JSON.parse(value) as StepMark);
  }

  /** Rows that remove the marks, to be saved together with the offset behind the chunk. */
  finished(): readonly OffsetRow[] {
    const rows = [...this.#marks.keys()].map((key): OffsetRow => ({ kind: 'step', key, value: null }));
    return rows;
  }

  forgetMarks(): void {
    this.#marks = new Map();
  }

  /**
   * Applies the operations in order. `flush` makes everything before the chunk durable; it is called only when an operation touches
   * the target. Throws CDC_SCHEMA_EVOLUTION, CDC_DATABEND_TYPE_CONFLICT, CDC_DATABEND_PARTITIONS.
   */
  async apply(chunk: SchemaChangeChunk, flush: () => Promise<void>): Promise<void> {
    const operations = withoutCutOvers(chunk.operations);
    const id = createHash('sha256')
      .update(JSON.stringify([chunk.source.name, chunk.source.file, chunk.source.pos, chunk.source.gtid, chunk.ddl]))
      .digest('hex')
      .slice(0, 24);
    for (const [i, op] of operations.entries()) {
      if (op.kind === 'truncateTable') {
        this.#truncate(chunk.source.name, op.table);
        continue;
      }
      if (op.kind === 'snapshotTable') {
        await this.#renew(chunk.source.name, op.schema, flush);
        continue;
      }
      if (op.kind === 'createDatabase' || (chunk.source.snapshot !== null && op.kind !== 'createTable')) continue;
      const step = this.#step(chunk, op);
      if (step === null) continue;
      if (this.#config['schema.evolution'] === 'fail')
        throw new CdcError('CDC_SCHEMA_EVOLUTION', 'fatal', `${op.kind} of the source: schema.evolution=fail`, {
          hint: 'bring the target into the new form, or set schema.evolution=evolve',
          context: { operation: op.kind, database: chunk.database },
        });
      if (this.#config['schema.evolution'] === 'ignore') {
        this.#logger.warn({ operation: op.kind, database: chunk.database }, 'schema change ignored');
        continue;
      }
      await flush();
      if (chunk.source.snapshot !== null) await step.run(null);
      else await this.#runOnce(`${id}#${i}`, step);
    }
  }

  async #runOnce(key: string, step: Step): Promise<void> {
    const mark = this.#marks.get(key);
    if (mark?.state === 'done') return;
    const now = await loadColumns(this.#session, step.id);
    let done = false;
    if (mark !== undefined) done = step.happened !== null && (await step.happened(mark.before, now));
    else await this.#mark(key, { state: 'intent', before: now });
    failpoint('sink.ddl.before');
    if (!done) await step.run(now);
    failpoint('sink.ddl.after');
    await this.#mark(key, { state: 'done', before: null });
    failpoint('sink.ddl.marked');
  }

  async #mark(key: string, mark: StepMark): Promise<void> {
    await this.#offsets.save(this.#session, [{ kind: 'step', key, value: JSON.stringify(mark) }]);
    this.#marks.set(key, mark);
  }

  #truncate(server: string, table: TableId): void {
    if (!this.#config['delete.enabled'] || this.#config['insert.mode'] === 'insert') return;
    const found = this.#tables.targetOf(server, table);
    if (found === null) return;
    this.#tables.truncate(found.id, found.origin);
  }

  #step(chunk: SchemaChangeChunk, op: SchemaOperation): Step | null {
    const server = chunk.source.name;
    const changed = async (before: readonly TargetColumn[] | null, now: readonly TargetColumn[] | null): Promise<boolean> =>
      JSON.stringify(before) !== JSON.stringify(now);
    switch (op.kind) {
      case 'createTable': {
        if (!this.#config['auto.create']) return null;
        const id = this.#tables.nameOf(op.schema);
        return { id, happened: null, run: () => this.#prepare(op.schema, server) };
      }
      case 'dropTable': {
        const found = this.#tables.targetOf(server, op.table);
        if (found === null) return null;
        return { id: found.id, happened: null, run: () => this.#drop(found.id, found.origin.created && !found.origin.shared) };
      }
      case 'dropDatabase': {
        const ids = this.#tables.createdFor(server, op.database);
        const [first] = ids;
        if (first === undefined) return null;
        return {
          id: first,
          happened: null,
          run: async () => {
            for (const id of ids) await this.#drop(id, true);
          },
        };
      }
      case 'renameTable':
        return this.#rename(server, op.table, op.to, op.schema);
      case 'addColumn': {
        const field = op.schema.value.fields.find((f) => f.name === op.column);
        const id = this.#tables.nameOf(op.schema);
        return field === undefined ? null : { id, happened: changed, run: (now) => this.#add(id, op.schema, field, now, server) };
      }
      case 'dropColumn': {
        const id = this.#tables.nameOf(op.schema);
        return { id, happened: changed, run: (now) => this.#dropColumn(id, op.column, now) };
      }
      case 'renameColumn': {
        const id = this.#tables.nameOf(op.schema);
        return { id, happened: changed, run: (now) => this.#renameColumn(id, op.column, op.to, now) };
      }
      case 'modifyColumn': {
        const field = op.schema.value.fields.find((f) => f.name === op.column);
        const id = this.#tables.nameOf(op.schema);
        return field === undefined ? null : { id, happened: changed, run: (now) => this.#modify(id, op.schema, field, now) };
      }
      case 'changeKey': {
        const id = this.#tables.nameOf(op.schema);
        return { id, happened: null, run: (now) => this.#changeKey(id, op.schema, now) };
      }
      case 'truncatePartitions':
        throw new CdcError(
          'CDC_DATABEND_PARTITIONS',
          'fatal',
          `table ${formatTableId(op.table)}: rows of partitions vanished without delete events`,
          {
            hint: 'snapshot the table anew (incremental snapshot after emptying the target table)',
            context: { table: formatTableId(op.table), partitions: op.partitions },
          },
        );
      case 'createDatabase':
      case 'snapshotTable':
      case 'truncateTable':
        return null;
      default:
        return op satisfies never;
    }
  }

  async #prepare(schema: TableSchema, server: string): Promise<void> {
    this.#tables.invalidate(this.#tables.nameOf(schema));
    await this.#tables.prepare(schema, server);
  }

  async #drop(id: TargetId, ours: boolean): Promise<void> {
    if (ours) await this.#session.exec(dropTable(id), `table ${formatTarget(id)}: drop`);
    else
      this.#logger.warn(
        { table: formatTarget(id) },
        'the source table was dropped; its target was not created by this connector and stays',
      );
    await this.#tables.forget(id);
  }

  /**
   * The rows of a table we made come anew: what an interrupted snapshot left goes with the flush that brings the first of them. When
   * columns are left over or do not convert, the table is made anew.
   */
  async #renew(server: string, schema: TableSchema, flush: () => Promise<void>): Promise<void> {
    if (!this.#config['delete.enabled'] || this.#config['insert.mode'] === 'insert') return;
    const found = this.#tables.targetOf(server, schema.id);
    if (found === null || !found.origin.created || found.origin.shared || this.#tables.isEmpty(found.id)) return;
    const now = await loadColumns(this.#session, found.id);
    if (now === null) return;
    const free = this.#config['auto.create'] && this.#config['schema.evolution'] === 'evolve';
    if (free && !this.#tables.fits(schema, now)) {
      await flush();
      await this.#drop(found.id, true);
    } else this.#tables.truncate(found.id, found.origin);
  }

  #rename(server: string, from: TableId, to: TableId, schema: TableSchema | null): Step | null {
    const found = this.#tables.targetOf(server, from);
    if (found === null) {
      if (schema === null) return null;
      this.#logger.warn(
        { table: formatTableId(to) },
        'a table that was not captured was renamed to one that is: the rows it had are unknown',
      );
      return { id: this.#tables.nameOf(schema), happened: null, run: () => this.#prepare(schema, server) };
    }
    const target =
      schema === null
        ? targetName(this.#config['table.name.format'], this.#database, {
            id: to,
            topic: `${server}.${to.database}.${to.table}`,
            shape: 'envelope',
          })
        : this.#tables.nameOf(schema);
    const origin = { ...found.origin, database: to.database, table: to.table };
    return {
      id: found.id,
      happened: null,
      run: async () => {
        const there = await tableExists(this.#session, target);
        if (await tableExists(this.#session, found.id)) {
          if (there)
            throw new CdcError(
              'CDC_DATABEND_SCHEMA',
              'fatal',
              `table ${formatTarget(found.id)} cannot be renamed: ${formatTarget(target)} exists`,
              {
                hint: 'rename or drop the table that stands in the way',
              },
            );
          if (target.database !== found.id.database)
            await this.#session.exec(createDatabase(target.database), `database ${target.database}: create`);
          await this.#session.exec(renameTable(found.id, target), `table ${formatTarget(found.id)}: rename`);
        }
        await this.#tables.renamed(found.id, target, origin);
      },
    };
  }

  async #add(id: TargetId, schema: TableSchema, field: Field, now: readonly TargetColumn[] | null, server: string): Promise<void> {
    if (now === null) return this.#prepare(schema, server);
    this.#tables.invalidate(id);
    if (matchColumn(now, field.name) !== undefined) return;
    const only = this.#config['fields.whitelist'];
    if (only.length > 0 && !only.includes(field.name)) return;
    const column = wantedColumn(schema, field, false, undefined);
    const { type } = column;
    const fill = fillValue(field.schema, sourceTypeOf(schema, field, undefined));
    const name = formatTarget(id);
    const asDefault = fill !== null && type !== 'BINARY' && type !== 'GEOMETRY' && !type.startsWith('VECTOR') && !type.startsWith('ARRAY');
    await this.#session.exec(addColumn(id, { ...column, nullable: true }, asDefault ? fill : null), `column ${name}.${field.name}: add`);
    if (fill !== null && !asDefault)
      await this.#session.exec(`UPDATE ${name} SET ${quoteIdentifier(field.name)} = ${fill}`, `column ${name}.${field.name}: fill`);
  }

  async #dropColumn(id: TargetId, column: string, now: readonly TargetColumn[] | null): Promise<void> {
    this.#tables.invalidate(id);
    const found = now === null ? undefined : matchColumn(now, column);
    if (found !== undefined) await this.#session.exec(dropColumn(id, found.name), `column ${formatTarget(id)}.${column}: drop`);
  }

  async #renameColumn(id: TargetId, from: string, to: string, now: readonly TargetColumn[] | null): Promise<void> {
    this.#tables.invalidate(id);
    const found = now?.find((c) => c.name === from);
    if (found !== undefined) await this.#session.exec(renameColumn(id, from, to), `column ${formatTarget(id)}.${from}: rename`);
  }

  async #modify(id: TargetId, schema: TableSchema, field: Field, now: readonly TargetColumn[] | null): Promise<void> {
    this.#tables.invalidate(id);
    const current = now === null ? undefined : matchColumn(now, field.name);
    if (now === null || current === undefined) return;
    const column = wantedColumn(schema, field, false, current);
    const wanted = column.type;
    const key = schema.keyOrdinals.includes(field.index);
    const nullable = key ? current.nullable : current.nullable || field.schema.optional;
    const type = typeAfterModify(current.type, wanted);
    if (type === null)
      throw new CdcError(
        'CDC_DATABEND_TYPE_CONFLICT',
        'data',
        `column ${formatTarget(id)}.${current.name}: ${current.type} cannot become ${wanted} without guessing`,
        {
          hint: 'drop the table in Databend and snapshot it anew',
          context: { table: formatTarget(id), column: current.name, current: current.type, wanted },
        },
      );
    const comment = commentFor(current, column);
    if (type !== current.type || nullable !== current.nullable)
      await changeColumn(this.#session, id, now, { name: current.name, type, nullable, comment: comment ?? column.comment ?? null });
    else if (comment !== null) {
      const rewrite = changeTimeDigits(current, comment);
      const name = formatTarget(id);
      if (rewrite !== null)
        await this.#session.exec(`UPDATE ${name} SET ${rewrite}`, `column ${name}.${current.name}: write its fractions anew`);
      await this.#session.exec(commentColumn(id, current.name, comment), `column ${name}.${current.name}: note its source type`);
    }
  }

  async #changeKey(id: TargetId, schema: TableSchema, now: readonly TargetColumn[] | null): Promise<void> {
    this.#tables.invalidate(id);
    if (now === null) return;
    for (const field of schema.value.fields) {
      const c = matchColumn(now, field.name);
      if (c === undefined) continue;
      const nullable = !schema.keyOrdinals.includes(field.index) || field.schema.optional;
      if (c.nullable !== nullable) await changeColumn(this.#session, id, now, { ...c, nullable });
    }
  }
}

/**
 * The type a column gets by the source's MODIFY: what holds both old and new values, except that a smaller scale rounds
 * stored decimals in the source, so it must here (both round half away from zero). null = Databend would convert differently.
 */
export function typeAfterModify(current: string, wanted: string): string | null {
  const a = /^DECIMAL\((\d+), (\d+)\)$/.exec(current);
  const b = /^DECIMAL\((\d+), (\d+)\)$/.exec(wanted);
  if (a && b && Number(b[2]) < Number(a[2])) return wanted;
  if (a && commonType(current, wanted) === current && !b) return wanted;
  return commonType(current, wanted) ?? (convertible(current, wanted) ? wanted : null);
}

/**
 * Online schema change tools end with `RENAME t TO old, ghost TO t`, where neither `old` nor `ghost` is captured. The ghost holds the
 * rows of t, so for the target it is a change of t's columns, not a table that leaves and an unknown one that comes.
 */
function withoutCutOvers(operations: readonly SchemaOperation[]): readonly SchemaOperation[] {
  const out: SchemaOperation[] = [];
  for (let i = 0; i < operations.length; i++) {
    const a = operations[i] as SchemaOperation;
    const b = operations[i + 1];
    const leaves = a.kind === 'renameTable' && a.schema === null && b?.kind === 'renameTable' && b.schema !== null;
    if (leaves && a.table.database === b.to.database && a.table.table === b.to.table && b.schema !== null) {
      out.push({ kind: 'createTable', table: b.to, schema: b.schema });
      i++;
    } else out.push(a);
  }
  return out;
}
