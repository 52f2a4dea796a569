import type { ConfigFinding, RunConfig } from '../config/run-config.ts';
import { asCdcError } from '../runtime/error-policy.ts';
import { type Connector, Herder, logFindings } from '../runtime/herder.ts';
import { PLUGINS } from '../runtime/plugin-list.ts';
import { handleSignals } from '../runtime/shutdown.ts';
import { createApp, listen } from '../server/app.ts';
import type { OffsetStore } from '../spi/offset-store.ts';
import { FileOffsetStore } from '../storage/file-offset-store.ts';
import { MemoryOffsetStore } from '../storage/memory-offset-store.ts';
import { Logging } from '../telemetry/logger.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { deferred } from '../util/deferred.ts';
import { EXIT, exitCodeOf, exitCodeOfFindings } from './exit-codes.ts';
import { countFindings, formatError, formatFindings } from './findings-text.ts';
import { inspect } from './inspect.ts';
import type { CommandIo, Package } from './io.ts';
import { StatusScreen } from './status-screen.ts';

/** How long the checks of systems before a connector's restart may take, ms. */
const PROBE_TIMEOUT_MS = 20_000;

/** `riverbend run [FILE]`: until SIGTERM or SIGINT, or until there is nothing left to do. Answers the exit code. */
export async function run(file: string | undefined, io: CommandIo, own: Package): Promise<number> {
  await using closing = new AsyncDisposableStack();
  let tellSignal = (_name: string): void => {};
  const signals = handleSignals((name) => tellSignal(name));
  closing.defer(() => signals.dispose());
  const { run: config, findings } = await inspect(file, io.env, signals.signal);
  if (signals.signal.aborted) return EXIT.ok;
  if (config === null || findings.some((f) => f.severity === 'error')) return refuse(findings, io);

  const screen = io.stdout.isTTY === true ? new StatusScreen(io.stdout) : null;
  const logging = new Logging({ level: config.log.level, json: config.log.json && screen === null, out: screen ?? io.stdout });
  const logger = logging.logger('runtime');
  tellSignal = (signal) => logger.info({ signal }, 'stopping');
  const offsets = openOffsets(config);
  const metrics = new Metrics();
  const clock = { now: () => Date.now() };
  const herder = new Herder({ run: config, plugins: PLUGINS, offsets, logging, metrics, clock, probeTimeoutMs: PROBE_TIMEOUT_MS });
  logFindings(logging.logger('config'), findings);
  try {
    const { host, port, maxLagMs } = config.http;
    const app = createApp({
      herder,
      plugins: PLUGINS,
      logging,
      metrics,
      host,
      port,
      maxLagMs,
      version: own.version,
      kafkaClusterId: '',
      clock,
    });
    closing.defer(() => app.close());
    const bound = await listen(app, host, port);
    logger.info(
      { version: own.version, http: `http://${host}:${bound}`, connectors: herder.list().map((c) => c.name) },
      'riverbend starts',
    );
    await offsets.start();
    closing.defer(() => offsets.stop());
    tellOffsets(config, logging);

    const ended = deferred<number | 'signal'>();
    signals.signal.addEventListener('abort', () => ended.resolve('signal'), { once: true });
    if (signals.signal.aborted) ended.resolve('signal');
    if (config.layout === 'server') herder.onChange(() => settleServer(herder, ended.resolve));
    screen?.show(herder);
    await herder.start(signals.signal, { probed: true });
    const why = await ended.promise;
    // A signal: drain. Otherwise the tasks are done already, or failed; what is left is stopped the same way.
    const drained = await herder.stop();
    screen?.close();
    if (!drained) logger.error({ code: 'CDC_SHUTDOWN_TIMEOUT' }, 'not everything could be drained; it is read again at the next start');
    logger.info({}, 'riverbend ended');
    if (why !== 'signal') return why;
    return drained ? EXIT.ok : EXIT.failed;
  } catch (thrown) {
    const error = asCdcError(thrown);
    screen?.close();
    logger.error({ error }, 'riverbend cannot go on');
    io.stderr.write(formatError(error));
    await herder.stop();
    return exitCodeOf(error.kind);
  }
}

function openOffsets(config: RunConfig): OffsetStore {
  return config.offsets.kind === 'file' ? new FileOffsetStore(config.offsets.path) : new MemoryOffsetStore();
}

function tellOffsets(config: RunConfig, logging: Logging): void {
  const logger = logging.logger('runtime');
  const { kind, path, isDefault } = config.offsets;
  if (kind === 'memory') logger.warn({}, 'offsets are kept in memory: after a restart everything is read again');
  else if (isDefault) logger.info({ path }, 'offsets are kept in the default file; offset.storage.file.filename names another');
}

/** Prints everything that is wrong and answers the exit code. */
function refuse(findings: readonly ConfigFinding[], io: CommandIo): number {
  io.stderr.write(`${formatFindings(findings)}riverbend does not start: ${countFindings(findings)}\n`);
  return exitCodeOfFindings(findings);
}

/** Debezium Server's layout: the process ends with its one connector. */
function settleServer(herder: Herder, resolve: (code: number) => void): void {
  for (const c of herder.list()) {
    const code = endOf(c);
    if (code !== null) resolve(code);
  }
}

function endOf(connector: Connector): number | null {
  const failed = connector.tasks.find((t) => t.state === 'FAILED');
  if (failed !== undefined) return exitCodeOf(failed.failure?.kind ?? 'fatal');
  const done = connector.tasks.length > 0 && connector.tasks.every((t) => t.state === 'FINISHED');
  return done ? EXIT.ok : null;
}
