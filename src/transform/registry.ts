import { extractChangedRecordState, filter, readToInsertEvent, schemaChangeEventFilter } from './debezium-filters.ts';
import { extractNewRecordState } from './extract-new-record-state.ts';
import { headerToValue } from './header-to-value.ts';
import { extractField, flatten, hoistField, insertField, replaceField, setSchemaMetadata, valueToKey } from './kafka-fields.ts';
import { dropHeaders, headerFrom, insertHeader } from './kafka-headers.ts';
import { regexRouter, timestampRouter } from './kafka-routers.ts';
import { cast, maskField } from './kafka-values.ts';
import { byLogicalTableRouter, toLogicalTopicRouter } from './logical-topic-router.ts';
import { outboxEventRouter } from './outbox-event-router.ts';
import type { TransformPlugin } from './plugin.ts';
import { timestampConverter } from './timestamp-converter.ts';

/** Every transform of this build. */
export const TRANSFORMS: readonly TransformPlugin[] = [
  extractNewRecordState,
  byLogicalTableRouter,
  toLogicalTopicRouter,
  outboxEventRouter,
  extractChangedRecordState,
  headerToValue,
  readToInsertEvent,
  schemaChangeEventFilter,
  cast,
  dropHeaders,
  extractField,
  filter,
  flatten,
  headerFrom,
  hoistField,
  insertField,
  insertHeader,
  maskField,
  regexRouter,
  replaceField,
  setSchemaMetadata,
  timestampConverter,
  timestampRouter,
  valueToKey,
] as unknown as readonly TransformPlugin[];

const NOT_YET = 'this version does not have it yet';
const SCRIPTING = 'it runs scripts in a language of the JVM; a Filter with a predicate, or RegexRouter, does without';

/** Transforms that exist and riverbend will not run, with the reason. */
export const REFUSED: Readonly<Record<string, string>> = {
  'io.debezium.transforms.Filter': SCRIPTING,
  'io.debezium.transforms.ContentBasedRouter': SCRIPTING,
  'io.debezium.transforms.TimezoneConverter': 'it rewrites temporal values zone by zone; convert them where they are read',
  'io.debezium.transforms.reselect.ReselectColumns':
    'it queries the source once per row; set binlog_row_image=FULL, then no column is missing',
  'io.debezium.transforms.partitions.PartitionRouting': NOT_YET,
  'io.debezium.transforms.EnforceRecordSize': NOT_YET,
  'io.debezium.transforms.GeometryFormatTransformer': NOT_YET,
  'io.debezium.transforms.SwapGeometryCoordinates': NOT_YET,
  'io.debezium.transforms.VectorToJsonConverter': NOT_YET,
  'io.debezium.transforms.tracing.ActivateTracingSpan': 'there is no OpenTelemetry tracer in this process',
  'io.debezium.transforms.openlineage.OpenLineage': 'there is no OpenLineage client in this process',
};
