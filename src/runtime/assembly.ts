import { CdcError } from '../model/errors.ts';
import type { SourceOffset, SourcePartition } from '../model/offset.ts';
import type { BatchWriter } from '../spi/batch-writer.ts';
import type { SinkTask, SourceTask, SourceTaskContext, TaskContext } from '../spi/connector.ts';
import type { Converter } from '../spi/converter.ts';
import type { OffsetStore } from '../spi/offset-store.ts';
import { MemoryOffsetStore } from '../storage/memory-offset-store.ts';
import { transformingWriter } from '../transform/chain.ts';
import type { ConnectorPlan } from './plan.ts';
import type { Plugins } from './plugins.ts';
import { SinkBatchWriter } from './sink-batch-writer.ts';
import { createChain } from './transform-plan.ts';

/** The three parts of the loop for one task. */
export interface Assembly {
  readonly task: SourceTask;
  readonly writer: BatchWriter;
  readonly offsets: OffsetStore;
  /** The store belongs to this task: it is started before and stopped after it. */
  readonly ownsOffsets?: boolean;
}

export interface AssemblyContext extends TaskContext {
  /** The process's offset store, for sources. */
  readonly offsets: OffsetStore;
  readonly plugins: Plugins;
  /** A sink in this process flushed. */
  readonly flushed: () => void;
  /** Embedding: a sink task of the caller's instead of the configured one. */
  readonly sinkTask?: SinkTask;
}

/**
 * Makes one task's parts, anew for every attempt:
 *
 * | mode | task | writer | offsets |
 * |---|---|---|---|
 * | source-to-kafka | source | Kafka | the process's store |
 * | kafka-to-sink | Kafka consumer | sink | consumer group, the sink's own winning |
 * | embedded | source | sink | the process's store; a sink that keeps offsets is asked instead |
 */
export function assemble(plan: ConnectorPlan, taskId: number, context: AssemblyContext): Assembly {
  const parts = assembleParts(plan, taskId, context);
  const takesRows = plan.mode !== 'source-to-kafka' && context.sinkTask === undefined && plan.sink?.plugin.takes !== 'messages';
  const chain = takesRows ? null : createChain(plan.transforms, context.logger);
  return chain === null ? parts : { ...parts, writer: transformingWriter(parts.writer, chain) };
}

function assembleParts(plan: ConnectorPlan, taskId: number, context: AssemblyContext): Assembly {
  const { mode } = plan;
  const placeholder = plan.spec.config['unavailable.value.placeholder'];
  const converting = { logger: context.logger, ...(placeholder === undefined ? {} : { unavailablePlaceholder: placeholder }) };
  const keyConverter = plan.keyConverter.plugin.create(plan.keyConverter.raw, 'key', converting);
  const valueConverter = plan.valueConverter.plugin.create(plan.valueConverter.raw, 'value', converting);
  const headerFormat = plan.spec.keyPrefix === 'debezium.source.' ? ('json' as const) : ('simple' as const);
  const kafkaOptions = { worker: plan.worker, connector: plan.connector, keyConverter, valueConverter, headerFormat };

  if (mode === 'source-to-kafka') {
    const committed = (partition: SourcePartition): Promise<SourceOffset | null> => context.offsets.load(context.name, partition);
    return {
      task: sourceTask(plan, taskId, { ...context, committed }),
      writer: kafkaEnds(context.plugins).writer(kafkaOptions, context),
      offsets: context.offsets,
    };
  }
  const sink = context.sinkTask ?? sinkTask(plan, taskId, context, { key: keyConverter, value: valueConverter });
  const writer = new SinkBatchWriter(sink, context.flushed);
  if (mode === 'kafka-to-sink') {
    const { task, offsets } = kafkaEnds(context.plugins).consumer(kafkaOptions, context, sink);
    return { task, writer, offsets: offsets ?? new MemoryOffsetStore(), ownsOffsets: true };
  }
  // A sink that keeps offsets beside its data is the only truth: falling back to a file when it has none would skip rows it never got.
  const committed = (partition: SourcePartition): Promise<SourceOffset | null> =>
    sink.committedOffset === undefined ? context.offsets.load(context.name, partition) : sink.committedOffset(partition);
  return { task: sourceTask(plan, taskId, { ...context, committed }), writer, offsets: context.offsets };
}

function sourceTask(plan: ConnectorPlan, taskId: number, context: SourceTaskContext): SourceTask {
  const source = plan.source;
  if (source === null) throw new CdcError('CDC_INTERNAL_ASSERTION', 'fatal', `connector ${plan.spec.name}: no source in mode ${plan.mode}`);
  const raw = plan.taskConfigs[taskId];
  const config = raw === undefined ? source.config : source.plugin.config.parse(raw).config;
  return source.plugin.createTask(config, context);
}

function sinkTask(
  plan: ConnectorPlan,
  taskId: number,
  context: AssemblyContext,
  converters: { key: Converter; value: Converter },
): SinkTask {
  const sink = plan.sink;
  if (sink === null) throw new CdcError('CDC_INTERNAL_ASSERTION', 'fatal', `connector ${plan.spec.name}: no sink in mode ${plan.mode}`);
  const raw = plan.mode === 'kafka-to-sink' ? plan.taskConfigs[taskId] : undefined;
  const config = raw === undefined ? sink.config : sink.plugin.config.parse(raw).config;
  return sink.plugin.createTask(config, { ...context, converters: { ...converters, header: headerConverter(context) } });
}

/** Headers are JSON without schema, whatever the format of keys and values. */
function headerConverter(context: AssemblyContext): Converter {
  const json = context.plugins.converters.find((c) => c.format === 'json');
  if (json === undefined) throw new CdcError('CDC_INTERNAL_ASSERTION', 'fatal', 'no JSON converter in this process');
  return json.create({ 'schemas.enable': 'false' }, 'value', { logger: context.logger });
}

function kafkaEnds(plugins: Plugins): NonNullable<Plugins['kafka']> {
  if (plugins.kafka === null) throw new CdcError('CDC_INTERNAL_ASSERTION', 'fatal', 'no Kafka end in this process');
  return plugins.kafka;
}
