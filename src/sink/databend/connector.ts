import { CdcError } from '../../model/errors.ts';
import type { Finding, SinkConnector } from '../../spi/connector.ts';
import { DatabendSession } from './client.ts';
import { type DatabendConfig, databendConfig, endpointOf } from './config.ts';
import { quoteLiteral } from './dialect.ts';
import { databendError } from './errors.ts';
import { DatabendSinkTask } from './sink-task.ts';
import { checkStage } from './stage-check.ts';

/** Sink connector for Databend; its names are those of databend-kafka-connect. */
export const databendSinkConnector: SinkConnector<DatabendConfig> = {
  type: 'sink',
  names: ['com.databend.kafka.connect.DatabendSinkConnector', 'DatabendSinkConnector', 'DatabendSink', 'databend'],
  version: '0.1.0',
  config: databendConfig,
  probe,
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
    await session.query('SELECT version()', 'connect to Databend');
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
    await checkStage(endpoint, session, 'check', process.pid, signal);
  } catch (caught) {
    const error = caught instanceof CdcError ? caught : databendError(caught, 'connect to Databend');
    findings.push({
      severity: 'error',
      code: error.code,
      kind: error.kind === 'config' ? 'config' : 'environment',
      key: error.code === 'CDC_DATABEND_AUTH' ? 'connection.user' : 'connection.url',
      message: error.message,
      hint: error.hint ?? '',
    });
  } finally {
    await session.close();
  }
  return findings;
}
