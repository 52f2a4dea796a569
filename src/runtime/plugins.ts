import type { SourceOffset, SourcePartition } from '../model/offset.ts';
import type { BatchWriter } from '../spi/batch-writer.ts';
import type { ConfigDef, RawConfig } from '../spi/config-def.ts';
import type { Finding, Plugin, SinkConnector, SourceConnector, SourceTask, TaskContext } from '../spi/connector.ts';
import type { Converter } from '../spi/converter.ts';
import type { OffsetStore } from '../spi/offset-store.ts';
import type { Logger } from '../spi/telemetry.ts';

/** A converter class and how to make one. */
export interface ConverterPlugin {
  /** First the Java class. */
  readonly names: readonly string[];
  readonly format: 'json' | 'avro';
  /** Keys after `key.converter.` or `value.converter.`. */
  readonly config: ConfigDef<unknown>;
  create(raw: RawConfig, part: 'key' | 'value', context: ConverterContext): Converter;
  /** Keys without which it cannot be asked. */
  readonly probeNeeds?: readonly string[];
  /** Asks what the converter needs (a schema registry); never throws. Keys are relative to the converter's. */
  probe?(raw: RawConfig, signal: AbortSignal): Promise<readonly Finding[]>;
}

export interface ConverterContext {
  readonly logger: Logger;
  /** `unavailable.value.placeholder` of the connector, when it has one. */
  readonly unavailablePlaceholder?: string;
}

/** The two ends in Kafka. */
export interface KafkaEnds {
  writer(options: KafkaEndOptions, context: TaskContext): BatchWriter;
  /**
   * The consuming end. Where the sink keeps offsets (`committedOffset`) they are the truth and the group's commits are for lag tools; otherwise
   * the answer's `offsets` are the group's commits, and the caller starts and stops that store.
   */
  consumer(
    options: KafkaEndOptions,
    context: TaskContext,
    sink: { committedOffset?(partition: SourcePartition): Promise<SourceOffset | null> },
  ): KafkaConsumerEnd;
  /** Whether client settings are right and the brokers can be reached; never throws. */
  probe(worker: RawConfig, connector: RawConfig, use: 'producer' | 'consumer', signal: AbortSignal): Promise<readonly Finding[]>;
}

export interface KafkaConsumerEnd {
  readonly task: SourceTask;
  /** null = the sink keeps them. */
  readonly offsets: OffsetStore | null;
}

export interface KafkaEndOptions {
  /** Worker keys: `bootstrap.servers`, `producer.*`, `consumer.*` … */
  readonly worker: RawConfig;
  /** The connector's keys: `topics`, `topic.creation.*`, `producer.override.*` … */
  readonly connector: RawConfig;
  readonly keyConverter: Converter;
  readonly valueConverter: Converter;
  /** `simple` for Connect workers, `json` for Debezium Server's layout. */
  readonly headerFormat: 'simple' | 'json';
}

/** Everything that can be named in a configuration. */
export interface Plugins {
  readonly sources: readonly SourceConnector[];
  readonly sinks: readonly SinkConnector[];
  readonly converters: readonly ConverterPlugin[];
  readonly kafka: KafkaEnds | null;
}

/**
 * The plugin a class name means: its full Java name, the same without package, without `Connector` too, or its short name.
 * undefined when there is none.
 */
export function findPlugin<P extends { readonly names: readonly string[] }>(plugins: readonly P[], given: string): P | undefined {
  const name = given.trim();
  return plugins.find((p) => p.names.some((n) => n === name || simpleNames(n).includes(name.toLowerCase())));
}

function simpleNames(name: string): readonly string[] {
  const simple = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  return [simple, simple.replace(/connector$/, '')];
}

/** Full dotted names of every key in Debezium Server's layout, so that environment variables find their spelling. */
export function knownServerKeys(plugins: Plugins): readonly string[] {
  const keysOf = (prefix: string, p: Plugin<unknown>): string[] => Object.keys(p.config.keys).map((k) => prefix + k);
  return [
    ...plugins.sources.flatMap((p) => keysOf('debezium.source.', p)),
    ...plugins.sinks.flatMap((p) => p.names.flatMap((n) => keysOf(`debezium.sink.${n}.`, p))),
  ];
}
