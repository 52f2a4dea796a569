import type { RawConfig } from '../spi/config-def.ts';
import type { Finding } from '../spi/connector.ts';
import type { KeyPlace } from './entry-resolution.ts';
import type { ConfigEntries } from './sources.ts';

/** A finding with where the key stands, when it stands somewhere. */
export interface ConfigFinding extends Finding {
  /** `conf/application.properties:12`; null when the key is not written anywhere. */
  readonly origin: string | null;
}

/** One connector as the configuration describes it; not yet checked against its plugin. */
export interface ConnectorSpec {
  readonly name: string;
  /** The connector's own keys (`connector.class`, `database.hostname`, `key.converter` …), placeholders resolved. */
  readonly config: RawConfig;
  /** The same as written, placeholders unresolved: what may be shown once masked. */
  readonly written: RawConfig;
  /** Where each key stands. */
  readonly origins: ReadonlyMap<string, string>;
  /** Put before a key to name it as the user wrote it: `debezium.source.`, `connectors.inventory.`. */
  readonly keyPrefix: string;
  /** Keys that stand elsewhere than below `keyPrefix`: a worker's converters, `debezium.format.*`, `debezium.transforms`. */
  readonly elsewhere?: ReadonlyMap<string, KeyPlace>;
  /** Embedded mode: the sink in this process. null = Kafka is the other end. */
  readonly sink: EmbeddedSink | null;
}

/** A connector's key as the user wrote it, and where. */
export function placeOf(spec: ConnectorSpec, key: string): KeyPlace {
  return spec.elsewhere?.get(key) ?? { key: spec.keyPrefix + key, origin: spec.origins.get(key) ?? null };
}

export interface EmbeddedSink {
  /** Empty when the configured one is not a sink; that is told already. */
  readonly type: string;
  readonly config: RawConfig;
  readonly origins: ReadonlyMap<string, string>;
  /** `debezium.sink.databend.` */
  readonly keyPrefix: string;
}

export interface HttpConfig {
  readonly host: string;
  readonly port: number;
  /** Ready only while every connector's lag is at most this, ms; null = any lag. */
  readonly maxLagMs: number | null;
}

/** Everything a `run` needs to know, whichever layout it was written in. */
export interface RunConfig {
  /** `server`: Debezium Server's layout, one connector, the process ends with it. `daemon`: riverbend.yaml. */
  readonly layout: 'server' | 'daemon';
  readonly http: HttpConfig;
  readonly log: { readonly level: string; readonly json: boolean };
  readonly shutdownTimeoutMs: number;
  readonly strict: boolean;
  /** Keys of a Connect worker (`bootstrap.servers`, `producer.*` …), placeholders resolved. */
  readonly worker: RawConfig;
  /** Where the Kafka client keys of `worker` stand. */
  readonly workerPlaces?: ReadonlyMap<string, KeyPlace>;
  readonly offsets: OffsetsConfig;
  readonly connectors: readonly ConnectorSpec[];
}

export interface OffsetsConfig {
  readonly kind: 'file' | 'memory';
  /** The file; empty for memory. */
  readonly path: string;
  /** True when nothing was configured and the default is used. */
  readonly isDefault: boolean;
  /** `offset.flush.interval.ms`. */
  readonly flushIntervalMs: number;
}

/** What reading a configuration gives: null when it is too broken to describe a run; then the findings say why. */
export interface ReadConfig {
  readonly run: RunConfig | null;
  /** What is left of a broken one, for looking further: never to be run. */
  readonly partial: RunConfig | null;
  readonly findings: readonly ConfigFinding[];
}

/** Values of a set of entries. */
export function valuesOf(entries: ConfigEntries): RawConfig {
  return Object.fromEntries([...entries].map(([key, entry]) => [key, entry.value]));
}

/** The entries below a prefix, without it. */
export function below(entries: ConfigEntries, prefix: string): ConfigEntries {
  return new Map([...entries].filter(([key]) => key.startsWith(prefix)).map(([key, entry]) => [key.slice(prefix.length), entry]));
}
