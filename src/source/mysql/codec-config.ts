import { formatTableId, type TableId } from '../../model/table-schema.ts';
import { compileColumnMasks } from '../../relational/column-masks.ts';
import {
  anchoredPattern,
  compileMessageKeyColumns,
  compileTableFilter,
  type TableFilter,
  type TableFilterConfig,
} from '../../relational/table-filter.ts';
import type { Logger } from '../../spi/telemetry.ts';
import type { TopicNaming } from '../../spi/topic-naming.ts';
import type { MySqlConfig } from './config.ts';
import type { FlavourName } from './flavour.ts';
import type { CodecOptions } from './schema/table-codec.ts';
import { signalTable } from './signals.ts';

/** The include and exclude lists in the filter's terms. */
export function filterConfig(config: MySqlConfig): TableFilterConfig {
  const text = (
    key:
      | 'database.include.list'
      | 'database.exclude.list'
      | 'table.include.list'
      | 'table.exclude.list'
      | 'column.include.list'
      | 'column.exclude.list',
  ): string => config[key].join(',');
  return {
    databaseInclude: text('database.include.list'),
    databaseExclude: text('database.exclude.list'),
    tableInclude: text('table.include.list'),
    tableExclude: text('table.exclude.list'),
    columnInclude: text('column.include.list'),
    columnExclude: text('column.exclude.list'),
    ignoreBuiltin: config['table.ignore.builtin'],
  };
}

/** What is captured. The signal table always is, as in Debezium. */
export function captureFilter(config: MySqlConfig): TableFilter {
  const filter = compileTableFilter(filterConfig(config));
  const signals = signalTable(config['signal.data.collection']);
  if (signals === null) return filter;
  const isSignals = (id: TableId): boolean => id.table === signals.table && id.database === signals.database;
  return {
    includes: (id) => isSignals(id) || filter.includes(id),
    includesDatabase: (database) => database === signals.database || filter.includesDatabase(database),
    includesColumn: (id, column) => isSignals(id) || filter.includesColumn(id, column),
  };
}

/** What of the configuration decides how rows look. Throws CDC_CONFIG_INVALID for patterns that cannot be read. */
export function codecOptions(
  flavour: FlavourName,
  config: MySqlConfig,
  topics: TopicNaming,
  filter: TableFilter,
  logger: Logger,
): CodecOptions {
  const masks = compileColumnMasks(config.raw);
  const byColumn = config['column.propagate.source.type'].map(anchoredPattern);
  const byType = config['datatype.propagate.source.type'].map(anchoredPattern);
  const keys = config['message.key.columns'];
  const keyColumns = keys === null || keys.trim() === '' ? null : compileMessageKeyColumns(keys);
  return {
    connector: flavour,
    prefix: config['topic.prefix'],
    decimalHandling: config['decimal.handling.mode'] as CodecOptions['decimalHandling'],
    timePrecision: config['time.precision.mode'] as CodecOptions['timePrecision'],
    bigintUnsigned: config['bigint.unsigned.handling.mode'] as CodecOptions['bigintUnsigned'],
    binaryHandling: config['binary.handling.mode'] as CodecOptions['binaryHandling'],
    convertFailure: config['event.converting.failure.handling.mode'] as CodecOptions['convertFailure'],
    unavailablePlaceholder: config['unavailable.value.placeholder'],
    schemaNameAdjustment: config['schema.name.adjustment.mode'] as CodecOptions['schemaNameAdjustment'],
    fieldNameAdjustment: config['field.name.adjustment.mode'] as CodecOptions['fieldNameAdjustment'],
    includeComments: config['include.schema.comments'],
    topicFor: (id) => topics.dataChangeTopic(id),
    columnIncluded: (id, column) => filter.includesColumn(id, column),
    maskFor: masks,
    ...(keyColumns === null ? {} : { messageKeyColumns: keyColumns }),
    propagateSourceType: (id, column) => {
      const name = `${formatTableId(id)}.${column.name}`;
      return (
        byColumn.some((p) => p.test(name)) ||
        byType.some(
          (p) =>
            p.test(`${id.database}.${column.typeName}`) ||
            p.test(`${id.database}.${id.table}.${column.typeName}`) ||
            p.test(column.typeName),
        )
      );
    },
    warn: (message, context) => logger.warn({ ...context }, message),
  };
}
