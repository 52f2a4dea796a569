import { primitive, type Schema, struct } from './schema.ts';
import { ENUM } from './semantic-types.ts';

const str = primitive('string');
const optStr = primitive('string', { optional: true });
const int64 = primitive('int64');
const optInt64 = primitive('int64', { optional: true });

/** Version riverbend's events carry in `source.version`: that of the Debezium whose format they have. */
export const EVENT_VERSION = '3.6.1.Final';

const snapshotMarker = primitive('string', {
  optional: true,
  name: ENUM,
  version: 1,
  parameters: { allowed: 'true,first,first_in_data_collection,last_in_data_collection,last,false,incremental' },
  defaultValue: 'false',
});

/** The `source` struct of `connector` (`mysql`, `mariadb`), as Debezium 3.6 writes it. */
export function sourceSchema(connector: string): Schema {
  return struct(
    [
      ['version', str],
      ['connector', str],
      ['name', str],
      ['ts_ms', int64],
      ['snapshot', snapshotMarker],
      ['db', str],
      ['sequence', optStr],
      ['ts_us', optInt64],
      ['ts_ns', optInt64],
      ['table', optStr],
      ['server_id', int64],
      ['gtid', optStr],
      ['file', str],
      ['pos', int64],
      ['row', primitive('int32')],
      ['thread', optInt64],
      ['query', optStr],
    ],
    { name: `io.debezium.connector.${connector}.Source`, version: 1 },
  );
}

/** Ordinal of `row` in the source struct: the one field that differs between the rows of a chunk. */
export const SOURCE_ROW_FIELD = 14;

const transaction = struct(
  [
    ['id', str],
    ['total_order', int64],
    ['data_collection_order', int64],
  ],
  { name: 'event.block', version: 1, optional: true },
);

/** Ordinals of the envelope's fields. */
export const ENVELOPE = { before: 0, after: 1, source: 2, transaction: 3, op: 4, tsMs: 5, tsUs: 6, tsNs: 7 } as const;

/** The envelope around rows of `value`; `name` is `<prefix>.<db>.<table>.Envelope`. */
export function envelopeSchema(name: string, value: Schema, source: Schema): Schema {
  return struct(
    [
      ['before', value],
      ['after', value],
      ['source', source],
      ['transaction', transaction],
      ['op', str],
      ['ts_ms', optInt64],
      ['ts_us', optInt64],
      ['ts_ns', optInt64],
    ],
    { name, version: 2 },
  );
}
