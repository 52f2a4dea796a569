import { readDaemonConfig } from './daemon-config.ts';
import type { ReadConfig } from './run-config.ts';
import type { SecretSources } from './secrets.ts';
import { readServerConfig } from './server-config.ts';
import { type ConfigFile, overrideByEnvironment } from './sources.ts';

/**
 * What a configuration file describes, in either layout. `knownKeys` are the full dotted names of the connectors' and
 * sinks' keys, so that environment variables find their spelling.
 */
export function interpretConfig(file: ConfigFile, secrets: SecretSources, knownKeys: readonly string[]): ReadConfig {
  const isDaemon = file.connectors !== null || [...file.entries.keys()].some((key) => key.startsWith('worker.') || key === 'connectors');
  if (isDaemon) return readDaemonConfig(file, secrets);
  return readServerConfig(overrideByEnvironment(file.entries, secrets.env, ['DEBEZIUM_', 'QUARKUS_'], knownKeys), secrets);
}
