import type { TableId } from '../../../model/table-schema.ts';
import { formatTableId } from '../../../model/table-schema.ts';
import type { TextMask } from '../../../relational/column-masks.ts';
import type { NameAdjustmentMode } from '../../../relational/name-adjustment.ts';
import type { Column } from '../../../relational/table.ts';

/** Everything of the configuration that decides how a table's rows look; one object per task, compiled into each table once. */
export interface CodecOptions {
  readonly connector: 'mysql' | 'mariadb';
  /** `topic.prefix`. */
  readonly prefix: string;
  readonly decimalHandling: 'precise' | 'double' | 'string';
  readonly timePrecision: 'adaptive_time_microseconds' | 'connect' | 'isostring' | 'microseconds' | 'nanoseconds';
  /** `long` refuses what int64 cannot hold, `long_wrap` wraps around as Debezium's `long` does. */
  readonly bigintUnsigned: 'long' | 'long_wrap' | 'precise';
  readonly binaryHandling: 'bytes' | 'base64' | 'base64-url-safe' | 'hex';
  /** `event.converting.failure.handling.mode`: fail stops, warn and skip emit null for the value (warn says so). */
  readonly convertFailure: 'fail' | 'warn' | 'skip';
  readonly unavailablePlaceholder: string;
  readonly schemaNameAdjustment: NameAdjustmentMode;
  readonly fieldNameAdjustment: NameAdjustmentMode;
  /** `include.schema.comments`: comments become the `doc` of fields. */
  readonly includeComments: boolean;
  topicFor(id: TableId): string;
  columnIncluded(id: TableId, column: string): boolean;
  /** `compileColumnMasks` of the raw configuration. */
  maskFor?(id: TableId, column: string): TextMask | null;
  /** `message.key.columns`, in the order given; null = the table's own key. */
  messageKeyColumns?(id: TableId): readonly string[] | null;
  /** `column.propagate.source.type` and `datatype.propagate.source.type`. */
  propagateSourceType?(id: TableId, column: Column): boolean;
  /** Hears of values given up under `convertFailure=warn`, and of masks that do not apply. Never gets the value. */
  warn?(message: string, context: Readonly<Record<string, unknown>>): void;
}

/** Debezium's defaults, but for `convertFailure`, which here stops rather than loses. */
export function defaultCodecOptions(prefix: string, connector: 'mysql' | 'mariadb' = 'mysql'): CodecOptions {
  return {
    connector,
    prefix,
    decimalHandling: 'precise',
    timePrecision: 'adaptive_time_microseconds',
    bigintUnsigned: 'long',
    binaryHandling: 'bytes',
    convertFailure: 'fail',
    unavailablePlaceholder: '__debezium_unavailable_value',
    schemaNameAdjustment: 'none',
    fieldNameAdjustment: 'none',
    includeComments: false,
    topicFor: (id) => `${prefix}.${formatTableId(id)}`.replace(/[^A-Za-z0-9._-]/g, '_'),
    columnIncluded: () => true,
  };
}
