import { CdcError } from '../../model/errors.ts';
import type { Finding, SinkConnector } from '../../spi/connector.ts';
import { DatabendSession } from './client.ts';
import { type DatabendConfig, databendConfig, endpointOf } from './config.ts';
import { quoteLiteral } from './dialect.ts';
import type { Endpoint } from './dsn.ts';
import { databendError } from './errors.ts';
import { DatabendOffsetStore } from './offset-store.ts';
import { DatabendSinkTask } from './sink-task.ts';

/** What Databend answers where neither database nor table of the offsets exist. */
const ABSENT: ReadonlySet<string> = new Set(['CDC_DATABEND_TABLE_MISSING', 'CDC_DATABEND_SCHEMA']);

/** Sink connector for Databend; its names are those of databend-kafka-connect. */
export const databendSinkConnector: SinkConnector<DatabendConfig> = {
  type: 'sink',
  names: ['com.databend.kafka.connect.DatabendSinkConnector', 'DatabendSinkConnector', 'DatabendSink', 'databend'],
  version: '0.1.0',
  config: databendConfig,
  probeNeeds: ['connection.url', 'connection.user', 'connection.password', 'connection.database', 'connection.ssl'],
  probe,
  async committedOffset(config, connector, partition) {
    const store = new DatabendOffsetStore(config);
    try {
      return await store.load(connector, partition);
    } catch (error) {
      // No table yet: nothing was ever committed.
      if (error instanceof CdcError && ABSENT.has(error.code)) return null;
      throw error;
    } finally {
      await store.stop();
    }
  },
  taskConfigs: (raw, maxTasks) => Array.from({ length: Math.max(1, maxTasks) }, () => raw),
  createTask: (config, context) => new DatabendSinkTask(config, context),
};

/** Contradictions between keys. */
export function crossKeyFindings(c: DatabendConfig): readonly Finding[] {
  const out: Finding[] = [];
  const add = (severity: Finding['severity'], key: keyof DatabendConfig, message: string, hint: string): void => {
    out.push({ severity, code: 'CDC_CONFIG_INVALID', kind: 'config', key, message, hint });
  };
  if (c['insert.mode'] === 'update' && c['pk.mode'] === 'none')
    add('error', 'insert.mode', 'insert.mode=update needs a key, and pk.mode is none', 'set pk.mode=record_key');
  if (c['insert.mode'] === 'upsert' && c['pk.mode'] === 'none')
    add('warning', 'pk.mode', 'without a key rows are matched as a whole, which is slow', 'set pk.mode=record_key');
  if (c['insert.mode'] === 'insert')
    add(
      'warning',
      'insert.mode',
      'insert.mode=insert appends a row for every change; updates, deletes and truncates do not change rows',
      'set insert.mode=upsert for a copy of the source',
    );
  if (c['insert.mode'] !== 'insert' && !c['delete.enabled'])
    add('warning', 'delete.enabled', 'rows deleted at the source stay in the target', 'set delete.enabled=true for a copy of the source');
  if (c['schema.evolution'] === 'evolve' && !c['auto.evolve'])
    add(
      'warning',
      'auto.evolve',
      'DDL is repeated, but columns that only rows tell of are not added',
      'set auto.evolve=true, or schema.evolution=ignore',
    );
  return out;
}

async function probe(config: DatabendConfig, signal: AbortSignal): Promise<readonly Finding[]> {
  const findings = [...crossKeyFindings(config)];
  const session = new DatabendSession(endpointOf(config), Math.min(30, config['connection.query_timeout']));
  try {
    const endpoint = endpointOf(config);
    await inTime(session.query('SELECT version()', 'connect to Databend'), endpoint, signal);
    const known = await session.query(
      `SELECT 1 FROM system.databases WHERE name = ${quoteLiteral(endpoint.database)}`,
      'look up the database',
    );
    if (known.length === 0 && !config['auto.create'])
      findings.push({
        severity: 'error',
        code: 'CDC_DATABEND_SCHEMA',
        kind: 'environment',
        key: 'connection.url',
        message: `database "${endpoint.database}" does not exist`,
        hint: 'create it, or set auto.create=true',
      });
  } catch (caught) {
    const error = caught instanceof CdcError ? caught : databendError(caught, 'connect to Databend');
    findings.push({
      severity: 'error',
      code: error.code,
      kind: error.kind === 'config' ? 'config' : 'environment',
      key: error.code === 'CDC_DATABEND_AUTH' ? credentialsKey(config) : 'connection.url',
      message: error.code === 'CDC_DATABEND_CONNECTION' ? unreachable(config, error.message) : error.message,
      hint: error.hint ?? '',
    });
  } finally {
    // A connection that is still being made is not waited for.
    if (signal.aborted) session.reset();
    else await session.close();
  }
  return findings;
}

/** The driver's chain of causes, shortened to the last one. */
function unreachable(config: DatabendConfig, message: string): string {
  const { host, port } = endpointOf(config);
  const cause = message.includes(' -> ') ? `: ${message.slice(message.lastIndexOf(' -> ') + 4)}` : '';
  return `Databend does not answer at ${host}:${port}${cause}`;
}

/** Where the password, or else the user, was given. */
function credentialsKey(config: DatabendConfig): keyof DatabendConfig {
  if (config['connection.password'] !== null) return 'connection.password';
  return config['connection.user'] === null ? 'connection.url' : 'connection.user';
}

async function inTime<T>(answer: Promise<T>, endpoint: Endpoint, signal: AbortSignal): Promise<T> {
  answer.catch(() => {});
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener(
      'abort',
      () =>
        reject(
          new CdcError('CDC_DATABEND_CONNECTION', 'retriable', `Databend does not answer in time at ${endpoint.host}:${endpoint.port}`, {
            hint: 'check connection.url and the network',
          }),
        ),
      { once: true },
    );
  });
  return Promise.race([answer, late]);
}
