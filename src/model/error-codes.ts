/**
 * Every error code riverbend can raise, with what it means and what to do: docs/errors.md is generated
 * from this table. A code is API: it is never reused for something else.
 */
export const ERROR_CODES: Readonly<Record<string, string>> = {
  CDC_ABORTED: 'riverbend was asked to stop. Never an error.',
  CDC_AVRO_SCHEMA:
    'A schema cannot be written as Avro: a name Avro does not allow, or one name for two different schemas. Set schema.name.adjustment.mode and field.name.adjustment.mode to avro.',
  CDC_CHECK_TIMEOUT: 'A system did not answer the checks in time. Check its address and the network between.',
  CDC_COMMAND_INVALID: 'The command line is not understood. `riverbend help` shows the commands.',
  CDC_CONFIG_FILE: 'A configuration file is missing or is not the properties, YAML or JSON it should be. The message names the line.',
  CDC_CONFIG_INVALID: 'The configuration has errors; every one is listed with its key. Correct them and start again.',
  CDC_CONFIG_UNKNOWN_KEY:
    'No part of riverbend knows this key. Correct it (the nearest known name is given) or remove it; with `config.strict=true` it is an error.',
  CDC_DATABEND_AUTH: 'Databend refused user or password. Check `connection.user` and `connection.password`.',
  CDC_DATABEND_CONNECTION: 'Databend does not answer at `connection.url`, or the connection was lost. riverbend tries again.',
  CDC_DATABEND_FAILED: 'Databend refused a statement for a reason riverbend does not know; the error number tells.',
  CDC_DATABEND_FENCED: 'Another task with the same connector name wrote to the target since this one started; this one may write no more.',
  CDC_DATABEND_KEYLESS:
    'A row of a table without key was updated or deleted and cannot be found by its values. Give the table a key, or use insert.mode=insert.',
  CDC_DATABEND_PANIC: 'Databend failed internally on a statement. riverbend tries again.',
  CDC_DATABEND_PARTITIONS:
    'Partitions of a source table were truncated or dropped: rows vanished without delete events. Snapshot the table anew.',
  CDC_DATABEND_PRIVILEGE: 'The Databend user may not do what the sink needs. Grant the privilege named.',
  CDC_DATABEND_ROW_MISSING:
    'An update carries only some columns, and the row it changes is not in Databend. Set binlog_row_image=FULL and snapshot anew.',
  CDC_DATABEND_SCHEMA: 'A table in Databend is not as the sink left it. Compare it with the source table.',
  CDC_DATABEND_STAGE: 'The Databend server reads a staged file differently from what the sink relies on.',
  CDC_DATABEND_TABLE_MISSING: 'The target table does not exist and auto.create is off.',
  CDC_DATABEND_TYPE_CONFLICT:
    'A column of the target cannot hold what the source sends, and cannot be changed to without loss. Change it by hand.',
  CDC_DATABEND_UNAVAILABLE: 'Databend is busy, overloaded or in conflict with another writer. riverbend tries again.',
  CDC_DATABEND_UNSUPPORTED: 'Databend does not understand a statement of the sink: version too old, or a defect. Please report it.',
  CDC_DATABEND_VALUE: 'Databend refused a value; the message names table and column where known.',
  CDC_DATABEND_VALUE_RANGE: 'A date or time lies outside what Databend can hold. See `value.range.policy`.',
  CDC_FILE_SINK: 'The file sink cannot write its file. Check `debezium.sink.file.path`, permissions and free space.',
  CDC_HISTORY_CORRUPT: 'The schema history is damaged. Restore it from a backup, or remove it and reset the offsets for a new snapshot.',
  CDC_HISTORY_MISSING: 'There is an offset but no schema history to interpret the binlog with.',
  CDC_HISTORY_UNAVAILABLE: 'The schema history cannot be read or written. Check its path, permissions and free space.',
  CDC_HTTP_LISTEN: 'The HTTP listener could not be opened. Choose a free port or an address of this machine.',
  CDC_INTERNAL_ASSERTION: 'Something happened that riverbend holds to be impossible. Please report it with the log.',
  CDC_MESSAGE_DECODE:
    'A message or its schema is not what the configured converter reads. Check that key.converter and value.converter match the producer.',
  CDC_KAFKA_AUTHENTICATION: 'The broker refused our credentials or TLS. Check `security.protocol`, `sasl.*`, `ssl.*`.',
  CDC_KAFKA_AUTHORIZATION: 'The principal lacks an ACL on the topic, group or cluster named. Grant it.',
  CDC_KAFKA_COMPRESSION: 'Messages are compressed in a way riverbend cannot read or write (snappy, lz4). Use zstd, gzip or none.',
  CDC_KAFKA_FENCED: 'A newer producer with the same transactional id took over; this one may write no more.',
  CDC_KAFKA_MESSAGE: 'A message of a consumed topic has a form riverbend does not know. The context has topic, partition and offset.',
  CDC_KAFKA_MESSAGE_TOO_LARGE:
    'A message is larger than the topic or `max.request.size` allows. Raise `max.message.bytes` and `max.request.size`, or exclude the column.',
  CDC_KAFKA_OFFSET_LOST:
    'The stored offset lies outside of what the topic holds: messages were removed before they were consumed, or the topic was created anew.',
  CDC_KAFKA_REBALANCED: 'The consumer group gave partitions to another member. The task begins anew at the stored offsets.',
  CDC_KAFKA_SCHEMALESS: 'A message carries no schema, so columns and types are not known. Use Avro, or JSON with `schemas.enable=true`.',
  CDC_KAFKA_TOPIC: 'A topic is missing and could not be created. Create it, or correct `topic.creation.*`.',
  CDC_KAFKA_UNAVAILABLE: 'Kafka does not answer, or lost the connection. riverbend tries again.',
  CDC_MYSQL_BINLOG_DISABLED: 'The server writes no binary log. Start it with log_bin and a server_id.',
  CDC_MYSQL_BINLOG_EVENT:
    'A binlog event has a form riverbend does not know. It stops rather than skip it; please report it with the position.',
  CDC_MYSQL_BINLOG_FORMAT:
    'binlog_format is not ROW, or a statement-format change of a captured table is in the binlog. Set binlog_format=ROW globally and in sessions, then snapshot anew.',
  CDC_MYSQL_BINLOG_INCIDENT: 'The server wrote an incident event: it lost changes itself. Snapshot anew.',
  CDC_MYSQL_BINLOG_PURGED:
    'The binlog file or GTIDs the stored offset needs are gone from the server. Snapshot anew, and keep binlogs longer.',
  CDC_MYSQL_CHARSET_UNKNOWN: 'A text column has a character set riverbend has no table for. Convert the column to utf8mb4, or exclude it.',
  CDC_MYSQL_CONNECTION_LOST: 'The connection to MySQL ended. riverbend reconnects from the last transaction boundary.',
  CDC_MYSQL_CONNECTION_SILENT: 'Nothing, not even a heartbeat, came on the replication connection. riverbend reconnects.',
  CDC_MYSQL_DDL_UNPARSEABLE:
    'A DDL statement of a captured table cannot be read. Set `schema.history.internal.skip.unparseable.ddl=true` to go on with the old definition, or take a new snapshot.',
  CDC_MYSQL_POSITION_AHEAD: 'The stored offset holds transactions the server does not have. The server was restored or is another one.',
  CDC_MYSQL_POSITION_INVALID: "The stored offset points to no event of the server's binlog.",
  CDC_MYSQL_PRIVILEGE: 'The database user may not do what riverbend needs. Grant the privilege named.',
  CDC_MYSQL_QUERY: 'The server refused a statement of riverbend; its own words follow.',
  CDC_MYSQL_REPLICATION: 'The server refused to send its binlog; its own words follow.',
  CDC_MYSQL_ROW_IMAGE: 'binlog_row_image is not FULL, globally or in the session that wrote a row event. Set it to FULL.',
  CDC_MYSQL_SERVER_ID_IN_USE: 'Two replication clients use one server id. Give every connector its own database.server.id.',
  CDC_MYSQL_SIGNAL_TABLE:
    'The signal table (signal.data.collection) could not be written to. Grant INSERT and DELETE on it; it needs three columns.',
  CDC_MYSQL_SNAPSHOT: 'The snapshot could not be taken.',
  CDC_MYSQL_TABLE_UNKNOWN:
    'A row change came for a captured table whose definition at that position is not known. Snapshot anew, or recover the schema history.',
  CDC_MYSQL_TRANSACTION_PAYLOAD: 'A compressed transaction could not be inflated.',
  CDC_MYSQL_TYPE_UNKNOWN:
    'A column has a type riverbend does not know. Exclude the column with `column.exclude.list` and please report it.',
  CDC_MYSQL_UNREACHABLE: 'The server does not answer at database.hostname:database.port.',
  CDC_MYSQL_XA: 'A prepared XA transaction is larger than what may be held back until it commits.',
  CDC_NOT_AVAILABLE: 'This version of riverbend does not have what was asked for yet.',
  CDC_OFFSET_INVALID: 'The stored offset is not a binlog offset, or not one of this kind of server.',
  CDC_OFFSET_STORE_CORRUPT: 'The offset file cannot be read as one. Restore it or its `.bak`, or use another path to start over.',
  CDC_OFFSET_STORE_UNAVAILABLE: 'The offset file cannot be opened or written. Check path, permissions and free space.',
  CDC_REGISTRY_INCOMPATIBLE:
    "The schema registry refuses a schema under the subject's compatibility rule. Relax the subject's compatibility, or evolve the table compatibly.",
  CDC_REGISTRY_NOT_FOUND: 'The schema registry has no such schema or subject. Register it, or let auto.register.schemas do it.',
  CDC_REGISTRY_REJECTED:
    'The schema registry refused a request: credentials, permissions or an invalid schema. The message has its answer.',
  CDC_REGISTRY_UNAVAILABLE: 'The schema registry could not be reached or failed. The task retries with backoff; check schema.registry.url.',
  CDC_ROW_DECODE:
    'A rows event of the binlog could not be decoded. The message says what is wrong with it; nothing of the event was emitted. Please report it.',
  CDC_ROW_SCHEMA_MISMATCH:
    'A rows event does not fit the table definition known at its position, so its values cannot be told apart. Set `binlog_row_metadata=FULL` and take a new snapshot.',
  CDC_SHUTDOWN_TIMEOUT: 'The tasks did not drain within `shutdown.timeout.ms`. What was not committed is read again at the next start.',
  CDC_TRANSFORM:
    'A record does not fit what a transform needs of it. Correct the transform, or exclude such records from it with a predicate.',
  CDC_VALUE_CONVERT:
    'A value cannot be expressed in the type its column is emitted with, for instance an unsigned BIGINT beyond int64. Choose the handling mode the message names, or `event.converting.failure.handling.mode=warn` to emit null instead.',
  CDC_SCHEMA_EVOLUTION: 'The source table changed and schema.evolution (or auto.evolve) does not allow the target to follow.',
};
