/** The public API: riverbend embedded in another program, and the contracts to extend it. */
export type { Batch, Chunk, Op, Row, RowChunk, SchemaChangeChunk, SourceRecord } from './model/chunk.ts';
export { UNAVAILABLE } from './model/chunk.ts';
export { CdcError, type ErrorKind } from './model/errors.ts';
export type { PartitionOffset, SourceOffset, SourcePartition } from './model/offset.ts';
export type { Field, Schema } from './model/schema.ts';
export type { TableId, TableSchema } from './model/table-schema.ts';
export { createEngine, type Engine, type EngineOptions, type EngineState } from './runtime/engine.ts';
export type { RawConfig } from './spi/config-def.ts';
export type { SinkConnector, SinkTask, SinkTaskContext, SourceConnector, SourceTask, SourceTaskContext } from './spi/connector.ts';
export type { Logger } from './spi/telemetry.ts';
