import type { SchemaChangeChunk, SnapshotMarker } from '../../../model/chunk.ts';
import { CdcError } from '../../../model/errors.ts';
import type { SourceOffset } from '../../../model/offset.ts';
import type { SchemaOperation } from '../../../model/schema-operation.ts';
import type { TableId } from '../../../model/table-schema.ts';
import type { Table } from '../../../relational/table.ts';
import { schemaChangeRecord } from '../../../relational/table-change.ts';
import { anchoredPattern } from '../../../relational/table-filter.ts';
import type { Logger } from '../../../spi/telemetry.ts';
import { failpoint } from '../../../util/failpoint.ts';
import type { ChangeQueue } from '../../change-queue.ts';
import { formatBinlogOffset } from '../binlog-offset.ts';
import type { MySqlConfig } from '../config.ts';
import { type MySqlConnection, quoteIdentifier, type RowStream } from '../connection.ts';
import type { Flavour, ServerPosition } from '../flavour.ts';
import { type Notifier, tableScan } from '../notifications.ts';
import type { DdlOutcome } from '../schema/database-schema.ts';
import type { SnapshotDatabase } from '../schema/snapshot-ddl.ts';
import { sourceInfo } from '../source-info.ts';
import type { DatabaseStreamSchema } from '../streaming/stream-schema.ts';
import { openConsistentView } from './locking.ts';
import { compileSnapshotReader, SNAPSHOT_SESSION } from './row-codec.ts';
import { readTable, SnapshotRows } from './table-reader.ts';

export interface SnapshotterOptions {
  readonly config: MySqlConfig;
  readonly flavour: Flavour;
  readonly connection: MySqlConnection;
  readonly schema: DatabaseStreamSchema;
  readonly queue: ChangeQueue;
  readonly clock: { now(): number };
  readonly logger: Logger;
  readonly notifier: Notifier;
}

const BUILTIN = "'mysql','information_schema','performance_schema','sys'";
const CHUNK_ROWS = 1024;

/**
 * One snapshot: a consistent view with its binlog position, the definitions of every table (to the history and the
 * schema-change topic), then the rows of the captured tables, streamed. Until its last record is out the offset says
 * `"snapshot":"INITIAL"`: a crash starts it anew.
 */
export class Snapshotter {
  readonly #o: SnapshotterOptions;
  #stream: RowStream | null = null;
  #rows: SnapshotRows | null = null;
  #expected: number | null = null;

  constructor(options: SnapshotterOptions) {
    this.#o = options;
  }

  progress(): { readonly done: number; readonly expected: number | null } {
    return { done: this.#rows?.total ?? 0, expected: this.#expected };
  }

  /** The queue has room again. */
  resume(): void {
    this.#stream?.resume();
  }

  stop(): void {
    this.#o.connection.destroy();
  }

  /** The offset to stream from. Throws CDC_MYSQL_SNAPSHOT (retriable) when a table was altered meanwhile. */
  async run(signal: AbortSignal): Promise<SourceOffset> {
    const { connection, config, flavour, schema, queue, clock, logger } = this.#o;
    const view = await openConsistentView(
      connection,
      flavour,
      { lockingMode: config['snapshot.locking.mode'], lockTimeoutMs: config['snapshot.lock.timeout.ms'], logger },
      signal,
    );
    const { position } = view;
    let databases: readonly SnapshotDatabase[];
    let nowSec: number;
    try {
      databases = await this.#readDefinitions(signal);
      const now = await connection.one('SELECT UNIX_TIMESTAMP() AS now', [], signal);
      nowSec = Math.floor(Number(now?.['now'] ?? '0'));
    } finally {
      await view.release();
    }
    const at = { tsSec: nowSec, file: position.file, pos: position.pos, gtids: position.gtids };
    const runningOffset = formatBinlogOffset({ ...at, snapshot: true });
    const completeOffset = formatBinlogOffset(at);
    const statements = schema.definitions.snapshotStatements(databases, {});
    await schema.recordSnapshot(statements, runningOffset);
    const tables = config['snapshot.mode'] === 'no_data' ? [] : this.#tablesToRead(databases);
    const outcomes = announced(statements, tables);
    const due = outcomes.filter((o) => o.emit || o.operations.length > 0);
    // The last definition is the snapshot's last record when no row follows; only the first row tells.
    const held = due.pop() ?? null;
    for (const o of due) this.#pushDefinition(o, 'true', position, runningOffset);
    let pendingDefinition = held;
    const rows = new SnapshotRows(
      {
        connector: flavour.name,
        name: config['topic.prefix'],
        file: position.file,
        pos: position.pos,
        tsUs: nowSec * 1_000_000,
        runningOffset,
        completeOffset,
        clock,
        queue,
      },
      Math.min(config['snapshot.fetch.size'] ?? CHUNK_ROWS, config['max.batch.size']),
      () => {
        if (pendingDefinition !== null) this.#pushDefinition(pendingDefinition, 'true', position, runningOffset);
        pendingDefinition = null;
      },
    );
    this.#rows = rows;
    this.#expected = await this.#estimate(tables, signal);
    for (const statement of SNAPSHOT_SESSION) await connection.query(statement, [], signal);
    const names = tables.map((t) => `${t.id.database}.${t.id.table}`);
    for (const [i, table] of tables.entries()) {
      await tableScan(this.#o.notifier, names, i, rows, () => this.#readTable(table, rows, signal));
    }
    await connection.query('COMMIT', [], signal);
    if (!rows.finish()) {
      if (pendingDefinition !== null) this.#pushDefinition(pendingDefinition, 'last', position, completeOffset);
      else queue.push({ chunks: [], rows: 0, bytes: 0, offset: completeOffset });
    }
    failpoint('snapshot.end');
    logger.info({ tables: tables.length, rows: rows.total, file: position.file, pos: position.pos }, 'snapshot complete');
    return completeOffset;
  }

  async #readDefinitions(signal: AbortSignal): Promise<readonly SnapshotDatabase[]> {
    const { connection, schema } = this.#o;
    const schemas = await connection.query(
      `SELECT SCHEMA_NAME AS name, DEFAULT_CHARACTER_SET_NAME AS charset, DEFAULT_COLLATION_NAME AS collation FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN (${BUILTIN}) ORDER BY SCHEMA_NAME`,
      [],
      signal,
    );
    const onlyCaptured = this.#o.config['schema.history.internal.store.only.captured.databases.ddl'];
    const databases: SnapshotDatabase[] = [];
    for (const s of schemas) {
      const name = s['name'] as string;
      if (onlyCaptured && !schema.filter.includesDatabase(name)) continue;
      const list = await connection.query(
        "SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_TYPE IN ('BASE TABLE','SYSTEM VERSIONED') ORDER BY TABLE_NAME",
        [name],
        signal,
      );
      const tables: { name: string; create: string }[] = [];
      // Names are ordered as bytes, not by the collation of information_schema.
      const names = list.map((r) => r['name'] as string).sort((a, b) => (a < b ? -1 : 1));
      for (const table of names) {
        const captured = schema.filter.includes({ database: name, table });
        if (!captured && this.#o.config['schema.history.internal.store.only.captured.tables.ddl']) continue;
        const qualified = `${quoteIdentifier(name)}.${quoteIdentifier(table)}`;
        // Without a global lock: taking the metadata lock first means that what SHOW CREATE says stays so; a table
        // altered after the view opened fails here with 1412.
        if (captured) await connection.query(`SELECT 1 FROM ${qualified} LIMIT 1`, [], signal).catch(rethrow);
        const row = await connection.one(`SHOW CREATE TABLE ${qualified}`, [], signal).catch((error: CdcError) => {
          // An uncaptured table may be broken or dropped meanwhile; nobody asks for it.
          if (!captured && error.kind !== 'retriable' && error.kind !== 'aborted') return null;
          throw error;
        });
        const create = row?.['Create Table'];
        if (create !== null && create !== undefined) tables.push({ name: table, create });
      }
      databases.push({ name, charset: s['charset'] as string, collation: s['collation'] as string, tables });
    }
    return databases;
  }

  #tablesToRead(databases: readonly SnapshotDatabase[]): readonly Table[] {
    const { schema, config } = this.#o;
    const only = config['snapshot.include.collection.list'].map(anchoredPattern);
    const ids: TableId[] = databases.flatMap((d) => d.tables.map((t) => ({ database: d.name, table: t.name })));
    // Debezium reads tables in the order in which table.include.list names them.
    const included = config['table.include.list'].map(anchoredPattern);
    // The signal table, captured without being named, comes last.
    const rank = (id: TableId) =>
      (included.findIndex((p) => p.test(`${id.database}.${id.table}`)) + included.length + 1) % (included.length + 1);
    return ids
      .toSorted((a, b) => rank(a) - rank(b))
      .filter((id) => schema.filter.includes(id) && (only.length === 0 || only.some((p) => p.test(`${id.database}.${id.table}`))))
      .map((id) => {
        const table = schema.definitions.tables.get(id);
        if (table === null)
          throw new CdcError('CDC_MYSQL_SNAPSHOT', 'fatal', `table ${id.database}.${id.table}: its definition could not be read`, {
            hint: 'please report the output of SHOW CREATE TABLE',
          });
        return table;
      });
  }

  async #estimate(tables: readonly Table[], signal: AbortSignal): Promise<number | null> {
    const rows = await this.#o.connection.query(
      `SELECT TABLE_SCHEMA AS d, TABLE_NAME AS t, TABLE_ROWS AS n FROM information_schema.TABLES WHERE TABLE_SCHEMA NOT IN (${BUILTIN})`,
      [],
      signal,
    );
    const byName = new Map(rows.map((r) => [`${r['d']}.${r['t']}`, Number(r['n'] ?? 0)]));
    return tables.reduce((sum, t) => sum + (byName.get(`${t.id.database}.${t.id.table}`) ?? 0), 0);
  }

  async #readTable(table: Table, rows: SnapshotRows, signal: AbortSignal): Promise<void> {
    const { connection, schema, queue } = this.#o;
    const version = schema.definitions.schemaOf(table.id);
    if (version === null)
      throw new CdcError('CDC_INTERNAL_ASSERTION', 'fatal', `table ${table.id.database}.${table.id.table} vanished from the catalogue`);
    const reader = compileSnapshotReader(table, version, schema.options);
    const list = reader.selectList === '' ? '1' : reader.selectList;
    const select = `SELECT ${list} FROM ${quoteIdentifier(table.id.database)}.${quoteIdentifier(table.id.table)}`;
    await readTable(
      connection,
      { schema: version, select, decodeRow: (packet, offset) => reader.decodeRow(packet, offset) },
      rows,
      queue,
      (stream) => {
        this.#stream = stream;
      },
    ).catch(rethrow);
    if (signal.aborted) throw new CdcError('CDC_ABORTED', 'aborted', 'stopped during the snapshot');
  }

  #pushDefinition(outcome: DdlOutcome, marker: SnapshotMarker, position: ServerPosition, offset: SourceOffset): void {
    const { config, flavour, clock, queue, schema } = this.#o;
    const nowMs = clock.now();
    const source = sourceInfo(flavour.name, config['topic.prefix'], {
      db: outcome.database,
      table: outcome.sourceTable,
      tsUs: nowMs * 1000,
      snapshot: marker,
      serverId: 0,
      gtid: null,
      file: position.file,
      pos: position.pos,
      thread: null,
      query: null,
    });
    const records =
      outcome.emit && config['include.schema.changes']
        ? [schemaChangeRecord(outcome, source, schema.schemaChangeTopic, nowMs, { comments: config['include.schema.comments'] })]
        : [];
    const chunk: SchemaChangeChunk = {
      kind: 'schemaChange',
      source,
      database: outcome.database,
      ddl: outcome.ddl,
      operations: outcome.operations,
      records,
      offset,
    };
    queue.push({ chunks: [chunk], rows: 0, bytes: outcome.ddl.length, offset });
  }
}

/** Says of every table that will be read, where its definition is told, that its rows are read anew (docs/adr/0004). */
function announced(outcomes: readonly DdlOutcome[], tables: readonly Table[]): readonly DdlOutcome[] {
  const read = new Set(tables.map((t) => JSON.stringify(t.id)));
  return outcomes.map((o) => {
    if (!o.operations.some((op) => op.kind === 'createTable' && read.has(JSON.stringify(op.table)))) return o;
    const operations = o.operations.flatMap((op): SchemaOperation[] =>
      op.kind === 'createTable' && read.has(JSON.stringify(op.table))
        ? [{ kind: 'snapshotTable', table: op.table, schema: op.schema }, op]
        : [op],
    );
    return { ...o, operations };
  });
}

/** 1412: the table was altered after the view opened. */
function rethrow(error: unknown): never {
  if (error instanceof CdcError && (error.cause as { errno?: number } | undefined)?.errno === 1412) {
    throw new CdcError('CDC_MYSQL_SNAPSHOT', 'retriable', 'a table was altered while the snapshot ran; it starts anew', { cause: error });
  }
  throw error;
}
