import type { SchemaChangeChunk } from '../../../model/chunk.ts';
import { CdcError } from '../../../model/errors.ts';
import type { Table } from '../../../relational/table.ts';
import { schemaChangeRecord } from '../../../relational/table-change.ts';
import { anchoredPattern } from '../../../relational/table-filter.ts';
import { quoteIdentifier, type RowStream } from '../connection.ts';
import { tableScan } from '../notifications.ts';
import type { DdlOutcome } from '../schema/database-schema.ts';
import type { SnapshotRequest } from '../signals.ts';
import { sourceInfo } from '../source-info.ts';
import { openConsistentView } from './locking.ts';
import { compileSnapshotReader, SNAPSHOT_SESSION } from './row-codec.ts';
import type { SnapshotterOptions } from './snapshotter.ts';
import { readTable, SnapshotRows } from './table-reader.ts';

/**
 * A blocking snapshot: the tables of one signal, read whole in a consistent view while the stream stands still. The
 * stream then goes on where it stood, so what happened in between comes again. Nothing resumes within it.
 */
export class BlockingSnapshot {
  readonly #o: SnapshotterOptions;
  #stream: RowStream | null = null;

  constructor(options: SnapshotterOptions) {
    this.#o = options;
  }

  /** The queue has room again. */
  resume(): void {
    this.#stream?.resume();
  }

  /** False when it could not be taken: what the log says has to be changed, and the signal sent anew. */
  async run(request: SnapshotRequest, signal: AbortSignal): Promise<boolean> {
    const { notifier, logger } = this.#o;
    notifier.send(null, 'Initial Snapshot', 'STARTED');
    try {
      await this.#run(request, signal);
      notifier.send(null, 'Initial Snapshot', 'COMPLETED');
      return true;
    } catch (error) {
      notifier.send(null, 'Initial Snapshot', 'ABORTED');
      if (signal.aborted || !(error instanceof CdcError) || (error.kind !== 'environment' && error.kind !== 'config')) throw error;
      logger.error({ code: error.code, error: error.message }, 'a blocking snapshot was not taken; correct the signal and send it anew');
      return false;
    }
  }

  async #run(request: SnapshotRequest, signal: AbortSignal): Promise<void> {
    const { connection, config, flavour, queue, clock, logger, notifier } = this.#o;
    const tables = this.#tables(request);
    const names = tables.map((t) => `${t.id.database}.${t.id.table}`);
    const view = await openConsistentView(
      connection,
      flavour,
      { lockingMode: config['snapshot.locking.mode'], lockTimeoutMs: config['snapshot.lock.timeout.ms'], logger },
      signal,
    );
    const { position } = view;
    const creates: string[] = [];
    let nowSec: number;
    try {
      for (const t of tables) {
        const qualified = `${quoteIdentifier(t.id.database)}.${quoteIdentifier(t.id.table)}`;
        await connection.query(`SELECT 1 FROM ${qualified} LIMIT 1`, [], signal);
        creates.push((await connection.one(`SHOW CREATE TABLE ${qualified}`, [], signal))?.['Create Table'] ?? '');
      }
      nowSec = Math.floor(Number((await connection.one('SELECT UNIX_TIMESTAMP() AS now', [], signal))?.['now'] ?? '0'));
    } finally {
      await view.release();
    }
    const outcomes = this.#definitions(tables, creates);
    outcomes.forEach((o, i) => {
      this.#pushDefinition(o, i === outcomes.length - 1 && tables.length === 0, position.file, position.pos);
    });
    const rows = new SnapshotRows(
      {
        connector: flavour.name,
        name: config['topic.prefix'],
        file: position.file,
        pos: position.pos,
        tsUs: nowSec * 1_000_000,
        runningOffset: null,
        completeOffset: null,
        onDemand: true,
        clock,
        queue,
      },
      Math.min(config['snapshot.fetch.size'] ?? 1024, config['max.batch.size']),
      () => {},
    );
    for (const statement of SNAPSHOT_SESSION) await connection.query(statement, [], signal);
    for (const [i, table] of tables.entries()) {
      await tableScan(notifier, names, i, rows, () => this.#readTable(table, request, rows));
      if (signal.aborted) throw new CdcError('CDC_ABORTED', 'aborted', 'stopped during a blocking snapshot');
    }
    await connection.query('COMMIT', [], signal);
    rows.finish();
    logger.info({ tables: names, rows: rows.total, file: position.file, pos: position.pos }, 'blocking snapshot complete');
  }

  #tables(request: SnapshotRequest): readonly Table[] {
    const { schema, config } = this.#o;
    const wanted = request.collections.map((c) => anchoredPattern(c));
    const included = config['table.include.list'].map(anchoredPattern);
    const rank = (t: Table): number => included.findIndex((p) => p.test(`${t.id.database}.${t.id.table}`));
    return schema.definitions.tables
      .list()
      .filter((t) => schema.filter.includes(t.id) && wanted.some((p) => p.test(`${t.id.database}.${t.id.table}`)))
      .toSorted((a, b) => rank(a) - rank(b));
  }

  /** What the schema-change topic is told. The stream's own definitions stay as they are: it has not come here yet. */
  #definitions(tables: readonly Table[], creates: readonly string[]): readonly DdlOutcome[] {
    const { definitions } = this.#o.schema;
    const drops: DdlOutcome[] = [];
    const made: DdlOutcome[] = [];
    try {
      for (const t of tables) {
        const name = `${quoteIdentifier(t.id.database)}.${quoteIdentifier(t.id.table)}`;
        drops.push(...definitions.applyDdl(`DROP TABLE IF EXISTS ${name}`, { database: t.id.database }));
      }
      for (const [i, t] of tables.entries()) {
        made.push(...definitions.applyDdl(creates[i] as string, { database: t.id.database }));
        const now = definitions.tables.get(t.id)?.columns.map((c) => c.name);
        if (JSON.stringify(now) !== JSON.stringify(t.columns.map((c) => c.name))) {
          throw new CdcError('CDC_MYSQL_SNAPSHOT', 'environment', `table ${t.id.database}.${t.id.table} was altered behind the signal`, {
            hint: 'send the signal anew',
          });
        }
      }
    } finally {
      for (const t of tables) definitions.setTable(t);
    }
    return [...drops, ...made];
  }

  async #readTable(table: Table, request: SnapshotRequest, rows: SnapshotRows): Promise<void> {
    const { connection, schema, queue } = this.#o;
    const version = schema.definitions.schemaOf(table.id);
    if (version === null) throw new CdcError('CDC_INTERNAL_ASSERTION', 'fatal', 'a table vanished from the catalogue');
    const name = `${table.id.database}.${table.id.table}`;
    const filter = request.conditions.find((c) => c.collection === name || anchoredPattern(c.collection).test(name))?.filter ?? null;
    const reader = compileSnapshotReader(table, version, schema.options);
    const from =
      filter === null
        ? `${quoteIdentifier(table.id.database)}.${quoteIdentifier(table.id.table)}`
        : `(${filter.trim().replace(/;\s*$/, '')}) AS filtered`;
    const select = `SELECT ${reader.selectList} FROM ${from}`;
    await readTable(
      connection,
      { schema: version, select, decodeRow: (packet, offset) => reader.decodeRow(packet, offset) },
      rows,
      queue,
      (stream) => {
        this.#stream = stream;
      },
    );
  }

  #pushDefinition(outcome: DdlOutcome, last: boolean, file: string, pos: number): void {
    const { config, flavour, clock, queue, schema } = this.#o;
    if (!outcome.emit || !config['include.schema.changes']) return;
    const nowMs = clock.now();
    const source = sourceInfo(flavour.name, config['topic.prefix'], {
      db: outcome.database,
      table: outcome.sourceTable,
      tsUs: nowMs * 1000,
      snapshot: last ? 'last' : 'true',
      serverId: 0,
      gtid: null,
      file,
      pos,
      thread: null,
      query: null,
    });
    const records = [schemaChangeRecord(outcome, source, schema.schemaChangeTopic, nowMs, { comments: config['include.schema.comments'] })];
    // A message for the topic; nothing changes for whoever has the table already.
    const chunk: SchemaChangeChunk = {
      kind: 'schemaChange',
      source,
      database: outcome.database,
      ddl: outcome.ddl,
      operations: [],
      records,
      offset: null,
    };
    queue.push({ chunks: [chunk], rows: 0, bytes: outcome.ddl.length, offset: null });
  }
}
