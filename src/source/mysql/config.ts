import { defineConfig } from '../../config/config-def.ts';
import { type ConfigDef, type ConfigKey, type RawConfig, REQUIRED } from '../../spi/config-def.ts';
import { signalTable } from './signals.ts';

/** Parsed configuration of the MySQL and MariaDB connectors; keys, defaults and meanings are Debezium 3.6's. */
export interface MySqlConfig {
  /** Everything as given: keys with a variable part (`column.mask.with.N.chars`) are read from here. */
  readonly raw: RawConfig;
  readonly name: string | null;
  readonly 'topic.prefix': string;
  readonly 'tasks.max': number;
  readonly 'database.hostname': string;
  readonly 'database.port': number;
  readonly 'database.user': string;
  readonly 'database.password': string | null;
  readonly 'database.server.id': number;
  readonly 'database.server.id.offset': number;
  readonly 'database.initial.statements': string | null;
  readonly 'database.query.timeout.ms': number;
  readonly 'database.ssl.mode': string;
  readonly 'database.ssl.keystore': string | null;
  readonly 'database.ssl.keystore.password': string | null;
  readonly 'database.ssl.truststore': string | null;
  readonly 'database.ssl.truststore.password': string | null;
  readonly 'database.protocol': string | null;
  readonly 'database.jdbc.driver': string | null;
  readonly 'connect.timeout.ms': number;
  readonly 'connection.validation.timeout.ms': number;
  readonly 'connect.keep.alive': boolean;
  readonly 'connect.keep.alive.interval.ms': number;
  readonly 'use.nongraceful.disconnect': boolean;
  readonly 'binlog.net.read.timeout': number;
  readonly 'binlog.net.write.timeout': number;
  readonly 'executor.shutdown.timeout.ms': number;

  readonly 'database.include.list': readonly string[];
  readonly 'database.exclude.list': readonly string[];
  readonly 'table.include.list': readonly string[];
  readonly 'table.exclude.list': readonly string[];
  readonly 'column.include.list': readonly string[];
  readonly 'column.exclude.list': readonly string[];
  readonly 'table.ignore.builtin': boolean;
  readonly 'column.propagate.source.type': readonly string[];
  readonly 'datatype.propagate.source.type': readonly string[];
  readonly 'message.key.columns': string | null;
  readonly 'skipped.operations': readonly string[];
  readonly 'skip.messages.without.change': boolean;
  readonly 'tombstones.on.delete': boolean;
  readonly 'include.query': boolean;
  readonly 'include.schema.changes': boolean;
  readonly 'include.schema.comments': boolean;
  readonly 'provide.transaction.metadata': boolean;
  readonly 'transaction.metadata.factory': string;
  readonly 'topic.naming.strategy': string;
  readonly 'topic.delimiter': string;
  readonly 'topic.cache.size': number;
  readonly 'topic.transaction': string;
  readonly 'topic.heartbeat.prefix': string;
  readonly 'topic.heartbeat.name': string | null;
  readonly 'schema.name.adjustment.mode': string;
  readonly 'field.name.adjustment.mode': string;
  readonly 'source.struct.version': string;
  readonly 'sourceinfo.struct.maker': string | null;
  readonly 'extended.headers.enabled': boolean;
  readonly 'unavailable.value.placeholder': string;
  readonly converters: readonly string[];
  readonly 'post.processors': readonly string[];

  readonly 'time.precision.mode': string;
  readonly 'decimal.handling.mode': string;
  readonly 'bigint.unsigned.handling.mode': string;
  readonly 'binary.handling.mode': string;
  readonly 'enable.time.adjuster': boolean;
  readonly 'event.converting.failure.handling.mode': string;

  readonly 'snapshot.mode': string;
  readonly 'snapshot.mode.custom.name': string | null;
  readonly 'snapshot.mode.configuration.based.snapshot.data': boolean;
  readonly 'snapshot.mode.configuration.based.snapshot.schema': boolean;
  readonly 'snapshot.mode.configuration.based.start.stream': boolean;
  readonly 'snapshot.mode.configuration.based.snapshot.on.schema.error': boolean;
  readonly 'snapshot.mode.configuration.based.snapshot.on.data.error': boolean;
  readonly 'snapshot.locking.mode': string;
  readonly 'snapshot.locking.mode.custom.name': string | null;
  readonly 'snapshot.query.mode': string;
  readonly 'snapshot.query.mode.custom.name': string | null;
  readonly 'snapshot.lock.timeout.ms': number;
  readonly 'snapshot.include.collection.list': readonly string[];
  readonly 'snapshot.select.statement.overrides': readonly string[];
  readonly 'snapshot.max.threads': number;
  readonly 'snapshot.max.threads.multiplier': number;
  readonly 'legacy.snapshot.max.threads': boolean;
  readonly 'snapshot.tables.order.by.row.count': string;
  readonly 'snapshot.fetch.size': number | null;
  readonly 'query.fetch.size': number;
  readonly 'min.row.count.to.stream.results': number;
  readonly 'snapshot.delay.ms': number;
  readonly 'streaming.delay.ms': number;
  readonly 'snapshot.scan.all.columns.force': boolean;
  readonly 'incremental.snapshot.chunk.size': number;
  readonly 'incremental.snapshot.allow.schema.changes': boolean;
  readonly 'incremental.snapshot.watermarking.strategy': string;
  readonly 'read.only': boolean;

  readonly 'signal.data.collection': string | null;
  readonly 'signal.enabled.channels': readonly string[];
  readonly 'signal.poll.interval.ms': number;
  readonly 'signal.emit.failure.max.retries': number;
  readonly 'signal.emit.failure.backoff.ms': number;
  readonly 'signal.kafka.topic': string | null;
  readonly 'signal.kafka.groupId': string;
  readonly 'signal.kafka.bootstrap.servers': string | null;
  readonly 'signal.kafka.poll.timeout.ms': number;
  readonly 'signal.file': string;
  readonly 'notification.enabled.channels': readonly string[];
  readonly 'notification.sink.topic.name': string | null;
  readonly 'heartbeat.interval.ms': number;
  readonly 'heartbeat.action.query': string | null;

  readonly 'max.batch.size': number;
  readonly 'max.queue.size': number;
  readonly 'max.queue.size.in.bytes': number;
  readonly 'poll.interval.ms': number;
  readonly 'poll.dispatch.interval.ms': number;
  readonly 'queue.provider.type': string;
  readonly 'chronicle.queue.path': string | null;
  readonly 'binlog.buffer.size': number;
  readonly 'event.processing.failure.handling.mode': string;
  readonly 'event.deserialization.failure.handling.mode': string;
  readonly 'inconsistent.schema.handling.mode': string;
  readonly 'errors.max.retries': number;
  readonly 'retriable.restart.connector.wait.ms': number;
  readonly 'custom.retriable.exception': string | null;
  readonly 'gtid.source.includes': readonly string[];
  readonly 'gtid.source.excludes': readonly string[];
  readonly 'gtid.source.filter.dml.events': boolean;
  readonly 'gtid.ignore.on.recovery': boolean;
  readonly 'log.position.check.enable': boolean;
  readonly 'offset.activity.monitor.interval.ms': number;
  readonly 'ddl.parser.type': string;
  readonly 'resolve.create.table.like.schema': boolean;
  readonly 'statistics.metrics.enabled': boolean;
  readonly 'advanced.metrics.enable': boolean;
  readonly 'custom.metric.tags': string | null;
  readonly 'custom.sanitize.pattern': string | null;
  readonly 'guardrail.collections.max': number;
  readonly 'guardrail.collections.limit.action': string;
  readonly 'memory.management.schemas.class': string | null;
  readonly 'memory.management.tables.class': string | null;

  readonly 'schema.history.internal': string;
  readonly 'schema.history.internal.file.filename': string | null;
  readonly 'schema.history.internal.kafka.topic': string | null;
  readonly 'schema.history.internal.kafka.bootstrap.servers': string | null;
  readonly 'schema.history.internal.kafka.recovery.poll.interval.ms': number;
  readonly 'schema.history.internal.kafka.recovery.attempts': number;
  readonly 'schema.history.internal.kafka.query.timeout.ms': number;
  readonly 'schema.history.internal.kafka.create.timeout.ms': number;
  readonly 'schema.history.internal.kafka.buffer.batch.size': number;
  readonly 'schema.history.internal.skip.unparseable.ddl': boolean;
  readonly 'schema.history.internal.store.only.captured.tables.ddl': boolean;
  readonly 'schema.history.internal.store.only.captured.databases.ddl': boolean;
  readonly 'schema.history.internal.memory.optimization': string;
  readonly 'schema.history.internal.ddl.filter': string | null;
  readonly 'schema.history.internal.prefer.ddl': boolean;
  readonly 'schema.history.internal.name': string | null;
  readonly 'offset.storage.file.filename': string | null;
}

type Extra<T> = Partial<ConfigKey<T>>;

function key<T>(
  type: ConfigKey<T>['type'],
  fallback: ConfigKey<T>['default'],
  group: string,
  doc: string,
  extra: Extra<T> = {},
): ConfigKey<T> {
  return { type, default: fallback, importance: 'medium', group, doc, ...extra };
}

const str = (d: string, group: string, doc: string, x: Extra<string> = {}) => key<string>('string', d, group, doc, x);
const opt = (group: string, doc: string, x: Extra<string | null> = {}) => key<string | null>('string', null, group, doc, x);
const int = (d: number, group: string, doc: string, x: Extra<number> = {}) => key<number>('int', d, group, doc, { min: 0, ...x });
const bool = (d: boolean, group: string, doc: string, x: Extra<boolean> = {}) => key<boolean>('boolean', d, group, doc, x);
const list = (d: readonly string[], group: string, doc: string, x: Extra<readonly string[]> = {}) =>
  key<readonly string[]>('list', d, group, doc, x);

const C = 'connection';
const E = 'events';
const T = 'types';
const S = 'snapshot';
const G = 'signals';
const F = 'streaming';
const H = 'schema history';

/** Regular expressions are anchored and case-insensitive, as Debezium's. */
function regexes(value: readonly string[]): string | null {
  for (const text of value) {
    try {
      new RegExp(`^(?:${text})$`, 'i');
    } catch {
      return `"${text}" is not a regular expression`;
    }
  }
  return null;
}

function exclusive(other: string): (value: readonly string[], raw: RawConfig) => string | null {
  return (value, raw) =>
    value.length > 0 && (raw[other] ?? '').trim() !== '' ? `"${other}" is set too; give one of the two` : regexes(value);
}

const FILE_HISTORY = ['io.debezium.storage.file.history.FileSchemaHistory', 'io.debezium.relational.history.FileDatabaseHistory', 'file'];
const MEMORY_HISTORY = ['io.debezium.relational.history.MemorySchemaHistory', 'memory'];
const KAFKA_HISTORY = ['io.debezium.storage.kafka.history.KafkaSchemaHistory', 'kafka'];

/** Which store `schema.history.internal` asks for. */
export function historyKind(value: string): 'file' | 'memory' | 'kafka' | null {
  if (FILE_HISTORY.includes(value)) return 'file';
  if (MEMORY_HISTORY.includes(value)) return 'memory';
  return KAFKA_HISTORY.includes(value) ? 'kafka' : null;
}

const NAMING_STRATEGIES = [
  'io.debezium.schema.DefaultTopicNamingStrategy',
  'io.debezium.schema.SchemaTopicNamingStrategy',
  'io.debezium.schema.DefaultUnicodeTopicNamingStrategy',
  'io.debezium.schema.SchemaUnicodeTopicNamingStrategy',
];

const NO_JAVA = 'it names Java code, which riverbend cannot run';
const NOT_YET = 'riverbend does not have it yet';

const SIGNAL_CHANNELS: Readonly<Record<string, string>> = {
  kafka: `the channel kafka: ${NOT_YET}; use source or file`,
  jmx: 'the channel jmx needs a Java virtual machine; use source or file',
  'in-process': 'the channel in-process is called from Java code; use source or file',
};
const NOTIFICATION_CHANNELS: Readonly<Record<string, string>> = {
  jmx: 'the channel jmx needs a Java virtual machine; use sink or log',
};

function channels(given: readonly string[], known: readonly string[], refused: Readonly<Record<string, string>>): string | null {
  const wrong = given.find((c) => !known.includes(c));
  return wrong === undefined ? null : (refused[wrong] ?? `the channel ${wrong} is unknown: there are ${known.join(' and ')}`);
}

function definition(flavour: 'mysql' | 'mariadb'): ConfigDef<MySqlConfig> {
  const mysql = flavour === 'mysql';
  const keys = defineConfig<Omit<MySqlConfig, 'raw'>>(
    {
      name: opt(C, 'Unique name of the connector; part of its offsets.'),
      'topic.prefix': key<string>('string', REQUIRED, C, 'Logical name of the server: the first part of every topic. Never change it.', {
        importance: 'high',
        validate: (v) => (/^[\w.-]+$/.test(v) ? null : 'only letters, digits, dots, underscores and hyphens are allowed'),
      }),
      'tasks.max': int(1, C, 'Always one task reads a binlog.', { min: 1 }),
      'database.hostname': key<string>('string', REQUIRED, C, 'Host name or address of the server.', { importance: 'high' }),
      'database.port': int(3306, C, 'Port of the server.', { min: 1, max: 65535, importance: 'high' }),
      'database.user': key<string>('string', REQUIRED, C, 'User to connect as.', { importance: 'high' }),
      'database.password': key<string | null>('password', null, C, 'Password of that user.', { importance: 'high' }),
      'database.server.id': key<number>(
        'long',
        REQUIRED,
        C,
        'Id of this connector as a replication client; unique among all replicas of the server.',
        {
          min: 1,
          max: 4294967295,
          importance: 'high',
        },
      ),
      'database.server.id.offset': int(10000, C, 'Debezium adds it for extra connections; riverbend needs none.'),
      'database.initial.statements': opt(
        C,
        'SQL statements, separated by semicolons, run on each connection that is opened (not on the replication connection).',
      ),
      'database.query.timeout.ms': int(600000, C, 'Limit of one query, milliseconds; 0 = none.'),
      'database.ssl.mode': str(mysql ? 'preferred' : 'disable', C, 'Whether and how strictly TLS is used.', {
        allowed: mysql
          ? ['disabled', 'preferred', 'required', 'verify_ca', 'verify_identity']
          : ['disable', 'disabled', 'preferred', 'required', 'trust', 'verify-ca', 'verify-full', 'verify_ca', 'verify_identity'],
      }),
      'database.ssl.keystore': opt(C, 'PEM file with the client certificate and its key. Java key stores are not read.'),
      'database.ssl.keystore.password': key<string | null>('password', null, C, 'Password of the client key.'),
      'database.ssl.truststore': opt(C, 'PEM file with the certificate authorities to trust. Java trust stores are not read.'),
      'database.ssl.truststore.password': key<string | null>('password', null, C, 'Not needed for PEM files.'),
      'database.protocol': opt(C, 'JDBC protocol; has no meaning here.', {
        validate: (v) => (v === null || v === 'jdbc:mysql' || v === 'jdbc:mariadb' ? null : NO_JAVA),
      }),
      'database.jdbc.driver': opt(C, 'JDBC driver class; has no meaning here.', {
        validate: (v) => (v === null || v === 'com.mysql.cj.jdbc.Driver' || v === 'org.mariadb.jdbc.Driver' ? null : NO_JAVA),
      }),
      'connect.timeout.ms': int(30000, C, 'Limit for connecting, milliseconds.', { min: 1 }),
      'connection.validation.timeout.ms': int(60000, C, 'Limit for the checks at start, milliseconds.'),
      'connect.keep.alive': bool(true, C, 'Reconnect when the replication connection is lost or silent.', {
        refused: 'the replication connection is always watched',
      }),
      'connect.keep.alive.interval.ms': int(
        60000,
        C,
        'Heartbeats of the replication connection come at half of it (at most 10 s); three missing ones make it reconnect.',
        { min: 200 },
      ),
      'use.nongraceful.disconnect': bool(false, C, 'Debezium: SO_LINGER 0. Sockets are always closed at once here.'),
      'binlog.net.read.timeout': int(
        0,
        C,
        'Session net_read_timeout of the replication connection, seconds; 0 leaves the default of the server.',
      ),
      'binlog.net.write.timeout': int(
        0,
        C,
        'Session net_write_timeout of the replication connection, seconds; 0 means one day, so that a slow consumer is no disconnect.',
      ),
      'executor.shutdown.timeout.ms': int(4000, C, 'Debezium: limit for its executors to end.'),

      'database.include.list': list([], E, 'Regular expressions of the databases to capture.', {
        validate: exclusive('database.exclude.list'),
        importance: 'high',
      }),
      'database.exclude.list': list([], E, 'Regular expressions of the databases not to capture.', {
        validate: exclusive('database.include.list'),
      }),
      'table.include.list': list([], E, 'Regular expressions of the tables (database.table) to capture.', {
        validate: exclusive('table.exclude.list'),
        importance: 'high',
      }),
      'table.exclude.list': list([], E, 'Regular expressions of the tables not to capture.', { validate: exclusive('table.include.list') }),
      'column.include.list': list([], E, 'Regular expressions of the columns (database.table.column) to capture.', {
        validate: exclusive('column.exclude.list'),
      }),
      'column.exclude.list': list([], E, 'Regular expressions of the columns not to capture.', {
        validate: exclusive('column.include.list'),
      }),
      'table.ignore.builtin': bool(true, E, 'Leave out the system databases.'),
      'column.propagate.source.type': list([], E, 'Columns whose source type is written into schema parameters.', { validate: regexes }),
      'datatype.propagate.source.type': list([], E, 'Types whose name is written into schema parameters.', { validate: regexes }),
      'message.key.columns': opt(E, 'Key columns by table: `db.table:col,col;…`.'),
      'skipped.operations': list(['t'], E, 'Operations not emitted: c, u, d, t, or none.', {
        validate: (v) => (v.every((o) => ['c', 'u', 'd', 't', 'none', ''].includes(o)) ? null : 'allowed are c, u, d, t and none'),
      }),
      'skip.messages.without.change': bool(false, E, 'Leave out updates that change no captured column.'),
      'tombstones.on.delete': bool(true, E, 'A null message of the same key follows every delete.'),
      'include.query': bool(
        false,
        E,
        'The SQL text in source.query (needs binlog_rows_query_log_events, MariaDB: binlog_annotate_row_events).',
      ),
      'include.schema.changes': bool(true, E, 'Write schema changes to the topic named by topic.prefix.'),
      'include.schema.comments': bool(false, E, 'Keep comments of tables and columns in schemas.'),
      'provide.transaction.metadata': bool(false, E, 'Transaction topic, and the transaction block of events.'),
      'transaction.metadata.factory': str('io.debezium.pipeline.txmetadata.DefaultTransactionMetadataFactory', E, 'Java class.', {
        refused: NO_JAVA,
      }),
      'topic.naming.strategy': str('io.debezium.schema.DefaultTopicNamingStrategy', E, 'How topics are named.', {
        validate: (v) => (NAMING_STRATEGIES.includes(v) ? null : `known are ${NAMING_STRATEGIES.join(', ')}`),
      }),
      'topic.delimiter': str('.', E, 'Between the parts of a topic name.'),
      'topic.cache.size': int(10000, E, 'Debezium: size of its cache of names.'),
      'topic.transaction': str('transaction', E, 'Last part of the name of the transaction topic.'),
      'topic.heartbeat.prefix': str('__debezium-heartbeat', E, 'First part of the name of the heartbeat topic.'),
      'topic.heartbeat.name': opt(E, 'Whole name of the heartbeat topic; replaces prefix and topic.prefix.'),
      'schema.name.adjustment.mode': str('none', E, 'How schema names are made fit for Avro.', {
        allowed: ['none', 'avro', 'avro_unicode'],
      }),
      'field.name.adjustment.mode': str('none', E, 'How field names are made fit for Avro.', { allowed: ['none', 'avro', 'avro_unicode'] }),
      'source.struct.version': str('v2', E, 'Form of the source block.', { refused: 'only v2 exists' }),
      'sourceinfo.struct.maker': opt(E, 'Java class.', {
        validate: (v) => (v === null || /^io\.debezium\.connector\.(mysql|mariadb|binlog)\./.test(v) ? null : NO_JAVA),
      }),
      'extended.headers.enabled': bool(true, E, 'The four __debezium.context headers.'),
      'unavailable.value.placeholder': str('__debezium_unavailable_value', E, 'Stands for values the binlog does not have.'),
      converters: list([], E, 'Custom converters.', { refused: NO_JAVA }),
      'post.processors': list([], E, 'Custom post processors.', { refused: NO_JAVA }),

      'time.precision.mode': str('adaptive_time_microseconds', T, 'How temporal columns are represented.', {
        allowed: ['adaptive_time_microseconds', 'connect', 'isostring', 'microseconds', 'nanoseconds'],
      }),
      'decimal.handling.mode': str('precise', T, 'How DECIMAL is represented.', { allowed: ['precise', 'double', 'string'] }),
      'bigint.unsigned.handling.mode': str(
        'long',
        T,
        'How BIGINT UNSIGNED is represented; `long` refuses values that do not fit, `long_wrap` wraps them as Debezium does.',
        {
          allowed: ['long', 'precise', 'long_wrap'],
        },
      ),
      'binary.handling.mode': str('bytes', T, 'How binary columns are represented.', {
        allowed: ['bytes', 'base64', 'base64-url-safe', 'hex'],
      }),
      'enable.time.adjuster': bool(true, T, 'Years of two digits were adjusted by the server already; nothing is left to do.'),
      'event.converting.failure.handling.mode': str(
        'fail',
        T,
        'A value that cannot be represented: stop (fail), null and a warning (warn), or null (skip). Debezium: warn.',
        {
          allowed: ['fail', 'warn', 'skip'],
        },
      ),

      'snapshot.mode': str('initial', S, 'When a snapshot is taken.', {
        allowed: [
          'always',
          'initial',
          'initial_only',
          'no_data',
          'when_needed',
          'schema_only',
          'recovery',
          'never',
          'schema_only_recovery',
          'configuration_based',
          'custom',
        ],
        validate: (v) =>
          ({
            schema_only: 'Debezium renamed it: use no_data',
            schema_only_recovery: 'Debezium renamed it: use recovery',
            never: 'Debezium 3.6 has no such mode: use no_data, or keep the offsets',
            recovery: NOT_YET,
            configuration_based: NOT_YET,
            custom: NO_JAVA,
          })[v] ?? null,
        importance: 'high',
      }),
      'snapshot.mode.custom.name': opt(S, 'Java service name.', { refused: NO_JAVA }),
      'snapshot.mode.configuration.based.snapshot.data': bool(false, S, 'For configuration_based.', { refused: NOT_YET }),
      'snapshot.mode.configuration.based.snapshot.schema': bool(false, S, 'For configuration_based.', { refused: NOT_YET }),
      'snapshot.mode.configuration.based.start.stream': bool(false, S, 'For configuration_based.', { refused: NOT_YET }),
      'snapshot.mode.configuration.based.snapshot.on.schema.error': bool(false, S, 'For configuration_based.', { refused: NOT_YET }),
      'snapshot.mode.configuration.based.snapshot.on.data.error': bool(false, S, 'For configuration_based.', { refused: NOT_YET }),
      'snapshot.locking.mode': str(
        'minimal',
        S,
        'minimal: no lock beyond the moment in which the position is read. none: no lock at all.',
        {
          allowed: ['minimal', 'minimal_percona', 'minimal_percona_no_table_locks', 'extended', 'none', 'custom'],
          validate: (v) =>
            ({
              custom: NO_JAVA,
              minimal_percona: NOT_YET,
              minimal_percona_no_table_locks: NOT_YET,
              extended: `${NOT_YET}; minimal gives the same consistency`,
            })[v] ?? null,
        },
      ),
      'snapshot.locking.mode.custom.name': opt(S, 'Java service name.', { refused: NO_JAVA }),
      'snapshot.query.mode': str('select_all', S, 'How tables are read.', { allowed: ['select_all', 'custom'], refused: NO_JAVA }),
      'snapshot.query.mode.custom.name': opt(S, 'Java service name.', { refused: NO_JAVA }),
      'snapshot.lock.timeout.ms': int(10000, S, 'Limit for waiting for the lock, milliseconds.', { min: 1 }),
      'snapshot.include.collection.list': list([], S, 'Tables whose rows the snapshot reads; all captured ones when empty.', {
        validate: regexes,
      }),
      'snapshot.select.statement.overrides': list([], S, 'Tables with a SELECT of their own.', { refused: NOT_YET }),
      'snapshot.max.threads': int(1, S, 'Connections reading at once.', { refused: NOT_YET }),
      'snapshot.max.threads.multiplier': int(1, S, 'For snapshot.max.threads.', { refused: NOT_YET }),
      'legacy.snapshot.max.threads': bool(false, S, 'For snapshot.max.threads.', { refused: NOT_YET }),
      'snapshot.tables.order.by.row.count': str('disabled', S, 'Order of the tables.', {
        allowed: ['disabled', 'ascending', 'descending'],
        refused: NOT_YET,
      }),
      'snapshot.fetch.size': key<number | null>(
        'int',
        null,
        S,
        'Rows a chunk of the snapshot has at most; rows are streamed whatever it says.',
        { min: 1 },
      ),
      'query.fetch.size': int(0, S, 'JDBC fetch size; has no meaning here.'),
      'min.row.count.to.stream.results': int(1000, S, 'Results are always streamed.'),
      'snapshot.delay.ms': int(0, S, 'Wait before the snapshot, milliseconds.'),
      'streaming.delay.ms': int(0, S, 'Wait between snapshot and streaming, milliseconds.'),
      'snapshot.scan.all.columns.force': bool(false, S, 'Only captured columns are read; the result is the same.'),
      'incremental.snapshot.chunk.size': int(1024, S, 'Rows of one chunk of an incremental snapshot.', { min: 1 }),
      'incremental.snapshot.allow.schema.changes': bool(
        false,
        S,
        'Debezium: changes of definitions during an incremental snapshot. They are always allowed: the chunk is read again.',
      ),
      'incremental.snapshot.watermarking.strategy': str(
        'insert_insert',
        S,
        'How the end of a chunk is marked in the signal table: by a second row, or by deleting the first.',
        { allowed: ['insert_insert', 'insert_delete'] },
      ),
      'read.only': bool(false, S, 'Incremental snapshots that write no watermarks: GTIDs are compared instead.'),

      'signal.data.collection': opt(G, 'Table of signals (database.table); always captured.', {
        validate: (v) => (v === null || signalTable(v) !== null ? null : 'it is database.table'),
      }),
      'signal.enabled.channels': list(['source'], G, 'Channels of signals: source (the table), file.', {
        validate: (v) => channels(v, ['source', 'file'], SIGNAL_CHANNELS),
      }),
      'signal.poll.interval.ms': int(5000, G, 'How often signal.file is looked at, milliseconds.', { min: 1 }),
      'signal.emit.failure.max.retries': int(0, G, 'Retries of a watermark that could not be written to the signal table.'),
      'signal.emit.failure.backoff.ms': int(10000, G, 'Wait before such a retry, milliseconds.'),
      'signal.kafka.topic': opt(G, 'Signals from Kafka.', { refused: NOT_YET }),
      'signal.kafka.groupId': str('kafka-signal', G, 'Signals from Kafka.'),
      'signal.kafka.bootstrap.servers': opt(G, 'Signals from Kafka.', { refused: NOT_YET }),
      'signal.kafka.poll.timeout.ms': int(100, G, 'Signals from Kafka.'),
      'signal.file': str('file-signals.txt', G, 'File of signals, one JSON object a line; emptied once read.'),
      'notification.enabled.channels': list([], G, 'Channels of notifications: sink, log.', {
        validate: (v, raw) =>
          channels(v, ['sink', 'log'], NOTIFICATION_CHANNELS) ??
          (v.includes('sink') && (raw['notification.sink.topic.name'] ?? '').trim() === ''
            ? 'the channel sink needs notification.sink.topic.name'
            : null),
      }),
      'notification.sink.topic.name': opt(G, 'Topic of notifications.'),
      'heartbeat.interval.ms': int(0, G, 'Interval of heartbeat records, milliseconds; 0 = none. A timer, unlike in Debezium.'),
      'heartbeat.action.query': opt(G, 'SQL run at each heartbeat.'),

      'max.batch.size': int(2048, F, 'Rows of one batch.', { min: 1 }),
      'max.queue.size': int(8192, F, 'Rows held between reader and batch.', { min: 1 }),
      'max.queue.size.in.bytes': int(0, F, 'Bytes held between reader and batch; 0 means 32 MiB.'),
      'poll.interval.ms': int(500, F, 'Longest wait for a batch, milliseconds.', { min: 1 }),
      'poll.dispatch.interval.ms': int(0, F, 'Debezium: interval of its dispatcher.', { refused: NOT_YET }),
      'queue.provider.type': str('memory', F, 'Kind of queue.', { refused: NOT_YET }),
      'chronicle.queue.path': opt(F, 'Disk queue.', { refused: NOT_YET }),
      'binlog.buffer.size': int(0, F, 'Look-ahead for ROLLBACK.', { refused: NOT_YET }),
      'event.processing.failure.handling.mode': str('fail', F, 'An event that cannot be processed.', {
        allowed: ['fail', 'warn', 'ignore', 'skip'],
        refused: 'riverbend never leaves out an event it could not process',
      }),
      'event.deserialization.failure.handling.mode': str('fail', F, 'Old name of the above.', {
        allowed: ['fail', 'warn', 'ignore', 'skip'],
        refused: 'riverbend never leaves out an event it could not process',
      }),
      'inconsistent.schema.handling.mode': str('fail', F, 'A row of a table whose definition is not known.', {
        allowed: ['fail', 'warn', 'skip'],
        refused: 'riverbend never leaves out rows it could not interpret',
      }),
      'errors.max.retries': key<number>('int', -1, F, 'Retries of a lost connection; -1 = without end.', { min: -1 }),
      'retriable.restart.connector.wait.ms': int(10000, F, 'Debezium: wait before a restart. Here the wait grows from 0.2 s to 10 s.'),
      'custom.retriable.exception': opt(F, 'Regular expression over Java exceptions.', { refused: NO_JAVA }),
      'gtid.source.includes': list([], F, 'GTID sources to read.', { refused: NOT_YET }),
      'gtid.source.excludes': list([], F, 'GTID sources not to read.', { refused: NOT_YET }),
      'gtid.source.filter.dml.events': bool(true, F, 'With the above.'),
      'gtid.ignore.on.recovery': bool(false, F, 'Use file and position at a restart though there are GTIDs.'),
      'log.position.check.enable': bool(true, F, 'Check at start that the offset is still in the binlog.'),
      'offset.activity.monitor.interval.ms': int(600000, F, 'Debezium: warns of offsets that do not move.'),
      'ddl.parser.type': str('default', F, 'Debezium: which grammar.', { allowed: ['default', 'legacy'] }),
      'resolve.create.table.like.schema': bool(false, F, 'CREATE TABLE LIKE is always resolved.'),
      'statistics.metrics.enabled': bool(true, F, 'Debezium: JMX.'),
      'advanced.metrics.enable': bool(false, F, 'Debezium: JMX.'),
      'custom.metric.tags': opt(F, 'Debezium: JMX.'),
      'custom.sanitize.pattern': opt(F, 'Debezium: what its log hides. Passwords are never logged here.'),
      'guardrail.collections.max': int(0, F, 'Most tables captured; 0 = no limit.'),
      'guardrail.collections.limit.action': str('warn', F, 'What happens above it.', { allowed: ['warn', 'fail'] }),
      'memory.management.schemas.class': opt(F, 'Java class.', { refused: NO_JAVA }),
      'memory.management.tables.class': opt(F, 'Java class.', { refused: NO_JAVA }),

      'schema.history.internal': str(
        KAFKA_HISTORY[0] as string,
        H,
        'Where the history of table definitions is kept: file, memory, or Kafka (kept in a file for now).',
        {
          validate: (v) =>
            historyKind(v) === null ? `known are ${[...FILE_HISTORY, ...MEMORY_HISTORY, ...KAFKA_HISTORY].join(', ')}` : null,
        },
      ),
      'schema.history.internal.file.filename': opt(H, 'File of the history.'),
      'schema.history.internal.kafka.topic': opt(H, 'Topic of the history.'),
      'schema.history.internal.kafka.bootstrap.servers': opt(H, 'Kafka of the history.'),
      'schema.history.internal.kafka.recovery.poll.interval.ms': int(100, H, 'Kafka history.'),
      'schema.history.internal.kafka.recovery.attempts': int(100, H, 'Kafka history.'),
      'schema.history.internal.kafka.query.timeout.ms': int(3000, H, 'Kafka history.'),
      'schema.history.internal.kafka.create.timeout.ms': int(30000, H, 'Kafka history.'),
      'schema.history.internal.kafka.buffer.batch.size': int(1024, H, 'Kafka history.'),
      'schema.history.internal.skip.unparseable.ddl': bool(
        false,
        H,
        'Go on after a statement that cannot be parsed, at the risk of a wrong definition.',
      ),
      'schema.history.internal.store.only.captured.tables.ddl': bool(false, H, 'Keep only definitions of captured tables.'),
      'schema.history.internal.store.only.captured.databases.ddl': bool(false, H, 'Keep only definitions of captured databases.'),
      'schema.history.internal.memory.optimization': str('off', H, 'Debezium: sharing of equal strings.', {
        allowed: ['off', 'on', 'shared'],
      }),
      'schema.history.internal.ddl.filter': opt(H, 'Regular expressions of statements to ignore.', { refused: NOT_YET }),
      'schema.history.internal.prefer.ddl': bool(false, H, 'Recover from statements rather than from definitions.', { refused: NOT_YET }),
      'schema.history.internal.name': opt(H, 'Debezium: name for JMX.'),
      'offset.storage.file.filename': opt(
        H,
        "File of the offsets; beside it the history is kept where schema.history.internal doesn't say.",
      ),
    },
    [
      { pattern: /^column\.mask\.with\.\d+\.chars$/, doc: 'Columns shown as that many asterisks.' },
      { pattern: /^column\.mask\.hash(\.v2)?\.[^.]+\.with\.salt\..+$/, doc: 'Columns replaced by a salted hash.' },
      { pattern: /^column\.truncate\.to\.\d+\.chars$/, doc: 'Columns cut to that many characters.' },
      { pattern: /^driver\./, doc: 'JDBC settings; have no meaning here.' },
      { pattern: /^snapshot\.select\.statement\.overrides\..+$/, doc: 'The SELECT of one table.' },
      { pattern: /^schema\.history\.internal\.(producer|consumer)\./, doc: 'Kafka clients of the history.' },
      { pattern: /^signal\.consumer\./, doc: 'Kafka client of the signals.' },
      { pattern: /^post\.processors\./, doc: 'Settings of post processors.' },
      { pattern: /^topic\.creation\./, doc: 'Settings of topics that are created.' },
      { pattern: /^openlineage\./, doc: 'OpenLineage.' },
      { pattern: /^offset\.(storage|flush|commit)\b/, doc: 'Settings of the runtime.' },
    ],
  );
  return {
    ...keys,
    parse(raw) {
      const { config, unknown } = keys.parse(raw);
      return { config: { ...config, raw }, unknown };
    },
  };
}

export const mysqlConfig: ConfigDef<MySqlConfig> = definition('mysql');
export const mariadbConfig: ConfigDef<MySqlConfig> = definition('mariadb');
