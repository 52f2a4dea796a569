import { defineConfig } from '../../config/config-def.ts';
import { CdcError } from '../../model/errors.ts';
import { type ConfigKey, REQUIRED } from '../../spi/config-def.ts';
import type { RangePolicy } from './cell-text.ts';
import { type Endpoint, parseEndpoint } from './dsn.ts';

/** Parsed configuration of the Databend sink: the keys of databend-kafka-connect, and a few of our own. */
export interface DatabendConfig {
  readonly 'connection.url': string;
  readonly 'connection.user': string | null;
  readonly 'connection.password': string | null;
  readonly 'connection.database': string | null;
  readonly 'connection.ssl': boolean | null;
  readonly 'connection.query_timeout': number;
  readonly 'connection.attempts': number;
  readonly 'connection.backoff.ms': number;
  readonly 'quote.sql.identifiers': string;
  readonly 'insert.mode': 'insert' | 'upsert' | 'update';
  readonly 'batch.size': number;
  readonly 'flush.bytes': number;
  readonly 'flush.interval.ms': number;
  readonly 'upload.parallelism': number;
  readonly 'table.types': readonly string[];
  readonly 'delete.enabled': boolean;
  readonly 'table.name.format': string | null;
  readonly 'pk.mode': 'none' | 'record_key' | 'record_value' | 'kafka';
  readonly 'pk.fields': readonly string[];
  readonly 'fields.whitelist': readonly string[];
  readonly 'db.timezone': string;
  readonly 'auto.create': boolean;
  readonly 'auto.evolve': boolean;
  readonly 'schema.evolution': 'evolve' | 'ignore' | 'fail';
  readonly 'value.range.policy': RangePolicy;
  readonly 'max.retries': number;
  readonly 'retry.backoff.ms': number;
  readonly 'trim.sensitive.log': boolean;
}

const CONNECTION = 'Connection';
const WRITES = 'Writes';
const MAPPING = 'Data Mapping';
const DDL = 'DDL Support';
const RETRIES = 'Retries';

function key<T>(
  type: ConfigKey<T>['type'],
  value: ConfigKey<T>['default'],
  group: string,
  doc: string,
  more: Partial<ConfigKey<T>> = {},
): ConfigKey<T> {
  return { type, default: value, importance: 'medium', group, doc, ...more };
}

export const databendConfig = defineConfig<DatabendConfig>({
  'connection.url': key<string>(
    'string',
    REQUIRED,
    CONNECTION,
    '`jdbc:databend://host:8000/database?ssl=true` (TLS off unless asked) or `databend://user:password@host:8000/database?sslmode=disable` (TLS on unless disabled). The database is where `riverbend_offsets` lives and where tables without a database in their name go.',
    {
      importance: 'high',
      aliases: ['database.url'],
      validate: (text) => {
        try {
          parseEndpoint(text, { user: null, password: null, database: null, ssl: null });
          return null;
        } catch (error) {
          return error instanceof CdcError ? (error.hint ?? error.message) : String(error);
        }
      },
    },
  ),
  'connection.user': key<string | null>('string', null, CONNECTION, 'User; wins over the one in the URL.', {
    importance: 'high',
    aliases: ['connection.username', 'database.username'],
  }),
  'connection.password': key<string | null>('password', null, CONNECTION, 'Password; wins over the one in the URL.', {
    importance: 'high',
    aliases: ['database.password'],
  }),
  'connection.database': key<string | null>('string', null, CONNECTION, 'Database; wins over the one in the URL.', {
    aliases: ['database.databaseName'],
  }),
  'connection.ssl': key<boolean | null>('boolean', null, CONNECTION, 'TLS on or off; wins over the URL.'),
  'connection.query_timeout': key<number>('int', 120, CONNECTION, 'Seconds a statement may run.', { min: 1 }),
  'connection.attempts': key<number>('int', 3, CONNECTION, 'How often a connection is tried at start.', { min: 1 }),
  'connection.backoff.ms': key<number>('long', 10_000, CONNECTION, 'Wait between attempts to connect.', { min: 0 }),
  'quote.sql.identifiers': key<string>(
    'string',
    'always',
    CONNECTION,
    'Identifiers are always quoted: only so they keep the spelling of the source.',
    {
      importance: 'low',
      allowed: ['always', 'never'],
      refused: 'without quotes Databend folds names to lower case and refuses many',
    },
  ),
  'insert.mode': key<DatabendConfig['insert.mode']>(
    'string',
    'upsert',
    WRITES,
    '`upsert`: the last change per key, deletes included, in one MERGE a table; tables without key are appended to and their deletes matched by whole rows. `insert`: every after image becomes a row. `update`: as upsert, but rows the target lacks are not inserted. (databend-kafka-connect: insert)',
    {
      importance: 'high',
      allowed: ['insert', 'upsert', 'update'],
    },
  ),
  'batch.size': key<number>(
    'int',
    50_000,
    WRITES,
    'Rows after which the buffers are written. A MERGE costs about as much for one row as for thousands. (databend-kafka-connect: 10)',
    { min: 1 },
  ),
  'flush.bytes': key<number>('long', 64 << 20, WRITES, 'Bytes (on the source wire) after which the buffers are written.', { min: 1 }),
  'flush.interval.ms': key<number>(
    'long',
    1000,
    WRITES,
    'Age after which buffered rows are written; grows to the time the last write took.',
    { min: 0 },
  ),
  'upload.parallelism': key<number>('int', 4, WRITES, 'Tables whose files are uploaded at the same time.', {
    min: 1,
    max: 64,
    importance: 'low',
  }),
  'table.types': key<readonly string[]>('list', ['table'], WRITES, 'Accepted; the sink writes tables only.', {
    importance: 'low',
    refused: 'views cannot be written',
  }),
  'delete.enabled': key<boolean>('boolean', true, WRITES, 'Deletes and truncates are taken over. (databend-kafka-connect: false)'),
  'table.name.format': key<string | null>(
    'string',
    null,
    MAPPING,
    'Target table: `${topic}`, `${source.db}`, `${source.table}` and text; a dot separates database and table, except inside a topic. Default `${source.db}.${source.table}` for Debezium envelopes, `${topic}` otherwise.',
    {
      validate: (text) =>
        text === null || /\$\{(topic|source\.table)\}|^[^$]+$/.test(text) ? null : 'expected ${topic} or ${source.table} in it',
    },
  ),
  'pk.mode': key<DatabendConfig['pk.mode']>(
    'string',
    'record_key',
    MAPPING,
    '`record_key`: the fields of the message key (all, or those of pk.fields). `record_value`: the value fields named by pk.fields (all when empty). `none`: no key. (databend-kafka-connect: record_value)',
    {
      importance: 'high',
      allowed: ['none', 'record_key', 'record_value', 'kafka'],
      validate: (mode) => (mode === 'kafka' ? 'kafka coordinates as key are not supported: they name a message, not a row' : null),
    },
  ),
  'pk.fields': key<readonly string[]>('list', [], MAPPING, 'Key columns, see pk.mode.'),
  'fields.whitelist': key<readonly string[]>('list', [], MAPPING, 'Columns to write; empty = all. Key columns always are.'),
  'db.timezone': key<string>('string', 'UTC', MAPPING, 'Timestamps are written as UTC.', {
    refused: 'timestamps keep their instant (TIMESTAMP) or wall clock (DATETIME), both written as UTC',
  }),
  'auto.create': key<boolean>('boolean', true, DDL, 'Create missing tables and databases. (databend-kafka-connect: false)'),
  'auto.evolve': key<boolean>('boolean', true, DDL, 'Add columns and widen types when rows need it. (databend-kafka-connect: false)'),
  'schema.evolution': key<DatabendConfig['schema.evolution']>(
    'string',
    'evolve',
    DDL,
    'What a DDL statement of the source does to the target: `evolve` repeats it, `ignore` leaves the target (rows still add columns with auto.evolve), `fail` stops the task.',
    {
      allowed: ['evolve', 'ignore', 'fail'],
    },
  ),
  'value.range.policy': key<RangePolicy>(
    'string',
    'fail',
    MAPPING,
    'A date or time Databend cannot hold (after 9999-12-30 21:59:59.999999, before 0001-01-01): `fail` stops, `clamp` stores the limit, `null` stores NULL.',
    {
      allowed: ['fail', 'clamp', 'null'],
    },
  ),
  'max.retries': key<number>('int', 10, RETRIES, 'How often a failed write is tried again before the task restarts.', { min: 0 }),
  'retry.backoff.ms': key<number>('int', 3000, RETRIES, 'Longest wait before a retry; the first ones are shorter.', { min: 0 }),
  'trim.sensitive.log': key<boolean>('boolean', false, RETRIES, 'Accepted; row values are never logged.', { importance: 'low' }),
});

export function endpointOf(c: DatabendConfig): Endpoint {
  return parseEndpoint(c['connection.url'], {
    user: c['connection.user'],
    password: c['connection.password'],
    database: c['connection.database'],
    ssl: c['connection.ssl'],
  });
}
