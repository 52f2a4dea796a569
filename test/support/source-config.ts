import type { MySqlConfig } from '../../src/source/mysql/config.ts';
import { mariadbConnector, mysqlConnector } from '../../src/source/mysql/connector.ts';

export type SourceServer = 'mysql' | 'mariadb';

let nextServerId = 62_000 + (process.pid % 1000) * 20;

/** A source as root on 127.0.0.1 with a history in the file given and a server id of its own. Settings refused throw. */
export function sourceConfig(
  server: SourceServer,
  o: { readonly port: number; readonly database: string; readonly history: string },
  extra: Readonly<Record<string, string>> = {},
): MySqlConfig {
  const connector = server === 'mysql' ? mysqlConnector : mariadbConnector;
  return connector.config.parse({
    'topic.prefix': 'p',
    'database.hostname': '127.0.0.1',
    'database.port': String(o.port),
    'database.user': 'root',
    'database.password': '',
    'database.server.id': String(nextServerId++),
    'database.include.list': o.database,
    'skipped.operations': 'none',
    'poll.interval.ms': '50',
    'schema.history.internal': 'file',
    'schema.history.internal.file.filename': o.history,
    ...extra,
  }).config;
}

export const connectorOf = (server: SourceServer) => (server === 'mysql' ? mysqlConnector : mariadbConnector);
