import type { Chunk, RowChunk } from '../../../model/chunk.ts';
import { CdcError } from '../../../model/errors.ts';
import type { SourceOffset, SourcePartition } from '../../../model/offset.ts';
import { formatTableId, type TableId } from '../../../model/table-schema.ts';
import type { Table } from '../../../relational/table.ts';
import { schemaChangeRecord } from '../../../relational/table-change.ts';
import type { TableFilter } from '../../../relational/table-filter.ts';
import type { HistoryRecord, SchemaHistory } from '../../../spi/schema-history.ts';
import type { Logger } from '../../../spi/telemetry.ts';
import type { TopicNaming } from '../../../spi/topic-naming.ts';
import { type BinlogOffset, isAtOrBefore, parseBinlogOffset } from '../binlog-offset.ts';
import { charsetOf, charsetOfCollation } from '../charsets.ts';
import { captureFilter, codecOptions } from '../codec-config.ts';
import type { MySqlConfig } from '../config.ts';
import { connect, type MySqlConnection, quoteIdentifier } from '../connection.ts';
import type { FlavourName } from '../flavour.ts';
import { DatabaseSchema, type DdlOutcome } from '../schema/database-schema.ts';
import { mayBeDdl } from '../schema/ddl-filter.ts';
import { type CodecOptions, compileTable } from '../schema/table-codec.ts';
import { sourceInfo } from '../source-info.ts';
import { HEADER_BYTES, type QueryEvent } from './binlog-events.ts';
import type { DdlContext, StreamSchema, StreamTable } from './binlog-reader.ts';
import { compileRowsDecoder, inflateMariadbRows, isMariadbCompressed, rowsEventTableId } from './rows-decoder.ts';
import { parseTableMap, type TableMap } from './table-map.ts';

export interface StreamSchemaOptions {
  readonly flavour: FlavourName;
  readonly config: MySqlConfig;
  readonly connection: MySqlConnection;
  readonly history: SchemaHistory;
  readonly partition: SourcePartition;
  readonly topics: TopicNaming;
  readonly clock: { now(): number };
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Table definitions of one task: what is captured, how it is decoded, what a DDL makes of it, and the history behind it. */
export class DatabaseStreamSchema implements StreamSchema {
  readonly definitions: DatabaseSchema;
  readonly options: CodecOptions;
  readonly filter: TableFilter;
  readonly #o: StreamSchemaOptions;
  readonly #explicitDefaults: boolean;

  private constructor(o: StreamSchemaOptions, server: Readonly<Record<string, string | null>>) {
    const { config } = o;
    this.#o = o;
    this.filter = captureFilter(config);
    this.options = codecOptions(o.flavour, config, o.topics, this.filter, o.logger);
    this.#explicitDefaults = server['explicit_defaults'] !== '0';
    this.definitions = new DatabaseSchema({
      connector: o.flavour,
      compile: (table: Table) => compileTable(table, this.options),
      captured: (id) => this.filter.includes(id),
      databaseCaptured: (database) => this.filter.includesDatabase(database),
      lowerCaseTableNames: Number(server['lower_case']) as 0 | 1 | 2,
      serverCharset: server['charset'] ?? 'utf8mb4',
      serverCollation: server['collation'] ?? 'utf8mb4_general_ci',
      storeOnlyCapturedTables: config['schema.history.internal.store.only.captured.tables.ddl'],
      skipUnparseable: config['schema.history.internal.skip.unparseable.ddl'],
    });
  }

  static async create(o: StreamSchemaOptions): Promise<DatabaseStreamSchema> {
    const server = await o.connection.one(
      `SELECT @@GLOBAL.lower_case_table_names AS lower_case, @@GLOBAL.character_set_server AS charset,
              @@GLOBAL.collation_server AS collation, @@GLOBAL.explicit_defaults_for_timestamp AS explicit_defaults`,
      [],
      o.signal,
    );
    return new DatabaseStreamSchema(o, server ?? {});
  }

  /** Rebuilds the definitions valid at `offset` from the history. */
  async recover(offset: BinlogOffset): Promise<void> {
    const records: HistoryRecord[] = [];
    await this.#o.history.recover((entry) => {
      const position = parseBinlogOffset(entry.position);
      if (position !== null && isAtOrBefore(this.#o.flavour, position, offset)) records.push(entry);
    });
    if (records.length === 0) {
      throw new CdcError('CDC_HISTORY_MISSING', 'environment', 'the schema history begins behind the stored offset', {
        hint: 'restore the history that belongs to the offset, or reset the offsets (riverbend offsets) for a new snapshot',
        context: { file: offset.file, pos: offset.pos },
      });
    }
    this.definitions.recover(records);
  }

  /** The history keeps one version a table of what happened up to `durable`, behind which no restart goes back, and all after it. */
  async compactHistory(durable: BinlogOffset): Promise<void> {
    const { history, flavour, logger } = this.#o;
    await history.compact?.(
      (stored) => {
        const position = parseBinlogOffset(stored);
        return position !== null && isAtOrBefore(flavour, position, durable);
      },
      (records) => this.definitions.compactHistory(records),
    );
    logger.info({ file: durable.file, pos: durable.pos }, 'schema history compacted');
  }

  get schemaChangeTopic(): string {
    return this.#o.topics.schemaChangeTopic();
  }

  /** The snapshot's definitions, durable before its rows. */
  async recordSnapshot(outcomes: readonly DdlOutcome[], position: SourceOffset): Promise<void> {
    const nowMs = this.#o.clock.now();
    await this.#o.history.record(
      outcomes.filter((o) => o.store).map((o) => this.definitions.toHistory(o, position, this.#o.partition, nowMs)),
    );
  }

  get generation(): number {
    return this.definitions.generation;
  }

  tableId(buffer: Buffer, start: number): number {
    return rowsEventTableId(buffer, start + HEADER_BYTES);
  }

  table(buffer: Buffer, start: number, end: number): StreamTable | null | Promise<StreamTable | null> {
    // What is not captured is not parsed beyond its name.
    const id = tableMapId(buffer, start + HEADER_BYTES);
    if (!this.filter.includes(id)) return null;
    const map = parseTableMap(buffer, start + HEADER_BYTES, end, this.options.connector);
    const table = this.definitions.tables.get(id);
    return table === null ? this.#ask(map, id) : this.#compile(map, table);
  }

  #compile(map: TableMap, table: Table): StreamTable {
    const schema = this.definitions.schemaOf(table.id);
    if (schema === null) throw unknownTable(table.id);
    const decoder = compileRowsDecoder(map, table, schema, this.options);
    return {
      schema,
      decode(buffer, start, end, type) {
        if (!isMariadbCompressed(type)) return decoder.decode(buffer, start + HEADER_BYTES, end, type);
        const plain = inflateMariadbRows(buffer, start + HEADER_BYTES, end, type);
        return decoder.decode(plain.buf, plain.start, plain.end, plain.type);
      },
    };
  }

  /**
   * A captured table the history does not know. The server's present definition is taken only when the event names its
   * columns (binlog_row_metadata=FULL) and the two agree column by column, which the decoder's compiler proves.
   */
  async #ask(map: TableMap, id: TableId): Promise<StreamTable> {
    if (!map.named) throw unknownTable(id);
    const { config, signal, logger } = this.#o;
    const connection = await connect(config, signal);
    try {
      const row = await connection
        .one(`SHOW CREATE TABLE ${quoteIdentifier(id.database)}.${quoteIdentifier(id.table)}`, [], signal)
        .catch((cause: unknown) => {
          throw unknownTable(id, cause);
        });
      const ddl = row?.['Create Table'];
      if (ddl === null || ddl === undefined) throw unknownTable(id);
      this.definitions.applyDdl(ddl, { database: id.database, explicitDefaultsForTimestamp: this.#explicitDefaults });
      const table = this.definitions.tables.get(id);
      if (table === null) throw unknownTable(id);
      const names = map.columns.map((c) => c.name);
      if (table.columns.length !== names.length || table.columns.some((c, i) => c.name !== names[i])) {
        this.definitions.tables.remove(id);
        throw unknownTable(id);
      }
      logger.warn(
        { table: formatTableId(id) },
        'the definition of a table the schema history did not know was taken from the server; it agrees with the binlog',
      );
      return this.#compile(map, table);
    } finally {
      await connection.end();
    }
  }

  isRelevant(sql: string): boolean {
    return mayBeDdl(sql);
  }

  namesCapturedTable(sql: string, database: string): string | null {
    const text = sql.toLowerCase();
    for (const table of this.definitions.tables.list()) {
      if (!this.filter.includes(table.id) || !text.includes(table.id.table.toLowerCase())) continue;
      if (table.id.database === database || text.includes(table.id.database.toLowerCase())) return formatTableId(table.id);
    }
    return null;
  }

  inflate(buffer: Buffer, start: number, end: number): { buffer: Buffer; start: number; end: number } {
    const plain = inflateMariadbRows(buffer, start + HEADER_BYTES, end, buffer[start + 4] as number);
    const whole = Buffer.concat([buffer.subarray(start, start + HEADER_BYTES), plain.buf.subarray(plain.start, plain.end)]);
    return { buffer: whole, start: 0, end: whole.length };
  }

  async apply(context: DdlContext): Promise<readonly Chunk[]> {
    const { query } = context;
    const outcomes = this.definitions.applyDdl(textOf(query), {
      database: query.database,
      sqlMode: query.sqlMode,
      ...(query.clientCharset === null ? {} : { charsetClient: query.clientCharset }),
      serverCollationId: query.serverCollation,
      explicitDefaultsForTimestamp: query.explicitDefaultsForTimestamp ?? this.#explicitDefaults,
    });
    if (outcomes.length === 0) return [];
    const nowMs = this.#o.clock.now();
    const stored = outcomes.filter((o) => o.store);
    // Durable before any row of the new version leaves (invariant I7).
    if (stored.length > 0)
      await this.#o.history.record(stored.map((o) => this.definitions.toHistory(o, context.position, this.#o.partition, nowMs)));
    const chunks = outcomes.flatMap((o) => this.#chunks(o, context, nowMs));
    const last = chunks.length - 1;
    return chunks.map((c, i) => (i === last ? { ...c, offset: context.offset } : c));
  }

  #chunks(outcome: DdlOutcome, context: DdlContext, nowMs: number): readonly Chunk[] {
    const { flavour, config, topics } = this.#o;
    const source = sourceInfo(flavour, config['topic.prefix'], { ...context.source, db: outcome.database, table: outcome.sourceTable });
    const [first] = outcome.operations;
    if (first?.kind === 'truncateTable') return this.#truncate(first.table, source, nowMs);
    if (!outcome.emit && outcome.operations.length === 0) return [];
    const records =
      outcome.emit && config['include.schema.changes']
        ? [schemaChangeRecord(outcome, source, topics.schemaChangeTopic(), nowMs, { comments: config['include.schema.comments'] })]
        : [];
    return [
      { kind: 'schemaChange', source, database: outcome.database, ddl: outcome.ddl, operations: outcome.operations, records, offset: null },
    ];
  }

  #truncate(id: TableId, source: RowChunk['source'], nowMs: number): readonly Chunk[] {
    const table = this.definitions.schemaOf(id);
    if (table === null) throw unknownTable(id);
    return [
      {
        kind: 'rows',
        table,
        op: 't',
        before: null,
        after: null,
        count: 1,
        source,
        firstRow: 0,
        processedUs: nowMs * 1000,
        transaction: null,
        tombstones: false,
        otherKeys: null,
        offset: null,
      },
    ];
  }
}

/** Database and table of a TABLE_MAP body: after table id (6) and flags (2), each with a length before and a zero after. */
function tableMapId(buffer: Buffer, body: number): TableId {
  const database = body + 9;
  const databaseEnd = database + (buffer[body + 8] as number);
  const table = databaseEnd + 2;
  return {
    database: buffer.toString('utf8', database, databaseEnd),
    table: buffer.toString('utf8', table, table + (buffer[databaseEnd + 1] as number)),
  };
}

/** A statement's text, by the character set its client had. */
function textOf(query: QueryEvent): string {
  const name = query.clientCharset === null ? null : charsetOfCollation(query.clientCharset);
  return charsetOf(name ?? 'utf8mb4').decode(query.sql, 0, query.sql.length);
}

function unknownTable(id: TableId, cause?: unknown): CdcError {
  return new CdcError('CDC_MYSQL_TABLE_UNKNOWN', 'fatal', `table ${formatTableId(id)}: its definition at this position is not known`, {
    cause,
    hint: 'take a new snapshot of it; it happens when the include lists grow while schema.history.internal.store.only.captured.tables.ddl=true',
    context: { table: formatTableId(id) },
  });
}
