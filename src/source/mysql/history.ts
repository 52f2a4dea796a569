import { dirname, join } from 'node:path';
import { CdcError } from '../../model/errors.ts';
import type { Finding } from '../../spi/connector.ts';
import type { SchemaHistory } from '../../spi/schema-history.ts';
import type { Logger } from '../../spi/telemetry.ts';
import { FileSchemaHistory } from '../../storage/file-schema-history.ts';
import { MemorySchemaHistory } from '../../storage/memory-schema-history.ts';
import { historyKind, type MySqlConfig } from './config.ts';

/** The file of the history: the one named, else one beside the offsets. Null when neither is known. */
function historyFile(config: MySqlConfig): string | null {
  const named = config['schema.history.internal.file.filename'];
  if (named !== null && named !== '') return named;
  const offsets = config['offset.storage.file.filename'];
  return offsets === null || offsets === '' ? null : join(dirname(offsets), `${config['topic.prefix']}.schema-history.jsonl`);
}

/** Opens the store `schema.history.internal` names. Kafka's is kept in a file for now, which is said once. */
export function openHistory(config: MySqlConfig, logger: Logger): SchemaHistory {
  const kind = historyKind(config['schema.history.internal']);
  if (kind === 'memory') return new MemorySchemaHistory();
  const file = historyFile(config);
  if (file === null) {
    throw new CdcError('CDC_CONFIG_INVALID', 'config', 'the schema history needs a place', {
      hint: 'set schema.history.internal=io.debezium.storage.file.history.FileSchemaHistory and schema.history.internal.file.filename',
      context: { key: 'schema.history.internal.file.filename' },
    });
  }
  if (kind === 'kafka') logger.warn({ file }, 'the schema history is kept in a file, not in Kafka');
  return new FileSchemaHistory(file);
}

/** What is to be said of the history's settings without opening it. */
export function historyFindings(config: MySqlConfig): readonly Finding[] {
  const kind = historyKind(config['schema.history.internal']);
  if (kind === 'memory') {
    return [
      {
        severity: 'warning',
        code: 'CDC_HISTORY_MISSING',
        kind: 'config',
        key: 'schema.history.internal',
        message: 'the schema history is kept in memory: after a restart only a new snapshot helps',
        hint: 'use io.debezium.storage.file.history.FileSchemaHistory',
      },
    ];
  }
  if (historyFile(config) !== null) {
    if (kind !== 'kafka') return [];
    return [
      {
        severity: 'warning',
        code: 'CDC_NOT_AVAILABLE',
        kind: 'config',
        key: 'schema.history.internal',
        message: `the schema history is kept in the file "${historyFile(config)}", not in Kafka`,
        hint: 'keep that file with the offsets',
      },
    ];
  }
  return [
    {
      severity: 'error',
      code: 'CDC_CONFIG_INVALID',
      kind: 'config',
      key: 'schema.history.internal.file.filename',
      message: 'the schema history needs a file',
      hint: 'set schema.history.internal.file.filename',
    },
  ];
}
