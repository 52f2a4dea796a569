import { readServerConfig } from '../config/server-config.ts';
import { CdcError } from '../model/errors.ts';
import type { RawConfig } from '../spi/config-def.ts';
import type { SinkConnector, SinkTask, SourceConnector } from '../spi/connector.ts';
import type { OffsetStore } from '../spi/offset-store.ts';
import type { Logger } from '../spi/telemetry.ts';
import { FileOffsetStore } from '../storage/file-offset-store.ts';
import { MemoryOffsetStore } from '../storage/memory-offset-store.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { type Deferred, deferred } from '../util/deferred.ts';
import { type Connector, Herder, logFindings } from './herder.ts';
import { PLUGINS } from './plugin-list.ts';
import type { Plugins } from './plugins.ts';

export type EngineState = 'created' | 'starting' | 'running' | 'stopping' | 'stopped' | 'failed';

/** One connector in the caller's process. */
export interface Engine {
  readonly state: EngineState;
  /** Runs until the signal aborts or the connector has nothing more to give. Throws the CdcError it failed with. Once only. */
  run(signal: AbortSignal): Promise<void>;
  /** Drains, commits and resolves when `run` has. */
  stop(): Promise<void>;
}

export interface EngineOptions {
  /** Connectors besides the built-in ones. */
  readonly plugins?: readonly (SourceConnector | SinkConnector)[];
  /** Default: silent. */
  readonly logger?: Logger;
  /** Where rows go, instead of `debezium.sink.type`. */
  readonly sink?: SinkTask;
}

const SILENT: Logger = { child: () => SILENT, debug() {}, info() {}, warn() {}, error() {} };

/**
 * Embeds riverbend: `config` has the keys of Debezium Server's layout (`debezium.source.*` …). No HTTP, no signals, no
 * environment overrides. Throws CDC_CONFIG_INVALID with everything that is wrong.
 */
export function createEngine(config: RawConfig, options: EngineOptions = {}): Engine {
  const raw = options.sink === undefined ? config : { ...config, 'debezium.sink.type': 'log' };
  const entries = new Map(Object.entries(raw).map(([key, value]) => [key, { value, origin: 'createEngine' }]));
  const { run, findings } = readServerConfig(entries, { env: {} });
  const errors = findings.filter((f) => f.severity === 'error');
  if (run === null || errors.length > 0) throw invalid(errors.map((f) => `${f.key}: ${f.message}`));
  const plugins = withPlugins(options.plugins ?? []);
  const offsets = run.offsets.kind === 'file' ? new FileOffsetStore(run.offsets.path) : new MemoryOffsetStore();
  const logger = options.logger ?? SILENT;
  const herder = new Herder({
    run,
    plugins,
    offsets,
    logging: { logger: (name) => logger.child({ logger: name }) },
    metrics: new Metrics({ processMetrics: false }),
    clock: { now: () => Date.now() },
    probeTimeoutMs: 20_000,
    ...(options.sink === undefined ? {} : { sinkTask: options.sink }),
  });
  const failed = herder.findings.filter((f) => f.severity === 'error');
  if (failed.length > 0) throw invalid(failed.map((f) => `${f.key}: ${f.message}`));
  logFindings(logger, [...findings, ...herder.findings]);
  return new ConnectorEngine(herder, offsets, logger);
}

class ConnectorEngine implements Engine {
  readonly #herder: Herder;
  readonly #offsets: OffsetStore;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  readonly #ended: Deferred<void> = deferred();
  #state: EngineState = 'created';

  constructor(herder: Herder, offsets: OffsetStore, logger: Logger) {
    this.#herder = herder;
    this.#offsets = offsets;
    this.#logger = logger;
  }

  get state(): EngineState {
    return this.#state;
  }

  async run(signal: AbortSignal): Promise<void> {
    if (this.#state !== 'created') throw new CdcError('CDC_INTERNAL_ASSERTION', 'fatal', `an engine runs once; this one is ${this.#state}`);
    this.#state = 'starting';
    try {
      await this.#offsets.start();
      const failure = await this.#untilEnd(AbortSignal.any([signal, this.#stop.signal]));
      this.#state = 'stopping';
      await this.#herder.stop();
      await this.#offsets.stop();
      this.#state = failure === null ? 'stopped' : 'failed';
      if (failure !== null) throw failure;
    } catch (error) {
      this.#state = 'failed';
      throw error;
    } finally {
      this.#ended.resolve();
    }
  }

  async #untilEnd(signal: AbortSignal): Promise<CdcError | null> {
    const settled = deferred<CdcError | null>();
    signal.addEventListener('abort', () => settled.resolve(null), { once: true });
    this.#herder.onChange(() => {
      for (const c of this.#herder.list()) {
        if (c.tasks.some((t) => t.state === 'RUNNING')) this.#state = 'running';
        const end = endOf(c);
        if (end !== undefined) settled.resolve(end);
      }
    });
    logFindings(this.#logger, await this.#herder.start(signal));
    for (const c of this.#herder.list()) if (c.failure !== null) settled.resolve(c.failure);
    return settled.promise;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    if (this.#state === 'created') this.#state = 'stopped';
    else await this.#ended.promise;
  }
}

/** The error a connector ended with, null when it finished, undefined while it runs. */
function endOf(connector: Connector): CdcError | null | undefined {
  const failed = connector.tasks.find((t) => t.state === 'FAILED');
  if (failed !== undefined) return failed.failure;
  return connector.tasks.length > 0 && connector.tasks.every((t) => t.state === 'FINISHED') ? null : undefined;
}

function withPlugins(added: readonly (SourceConnector | SinkConnector)[]): Plugins {
  return {
    ...PLUGINS,
    sources: [...added.filter((p) => p.type === 'source'), ...PLUGINS.sources],
    sinks: [...added.filter((p) => p.type === 'sink'), ...PLUGINS.sinks],
  };
}

function invalid(errors: readonly string[]): CdcError {
  return new CdcError('CDC_CONFIG_INVALID', 'config', errors.join('\n'), { hint: 'correct the keys named' });
}
