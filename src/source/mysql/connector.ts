import { CdcError, isAborted } from '../../model/errors.ts';
import type { Finding, SourceConnector } from '../../spi/connector.ts';
import { captureFilter } from './codec-config.ts';
import { type MySqlConfig, mariadbConfig, mysqlConfig } from './config.ts';
import { connect } from './connection.ts';
import { type FlavourName, flavourOf } from './flavour.ts';
import { historyFindings } from './history.ts';
import { checkServer, checkStoredOffset } from './server-check.ts';
import { MySqlSourceTask } from './source-task.ts';

const VERSION = '0.1.0';

function connector(
  flavour: FlavourName,
  names: readonly string[],
  config: SourceConnector<MySqlConfig>['config'],
): SourceConnector<MySqlConfig> {
  return {
    type: 'source',
    names,
    version: VERSION,
    config,
    probeNeeds: [
      'database.hostname',
      'database.port',
      'database.user',
      'database.password',
      'database.ssl.mode',
      'connect.timeout.ms',
      'database.query.timeout.ms',
    ],
    async probe(c, signal, committed) {
      const findings: Finding[] = [...historyFindings(c)];
      try {
        const filter = captureFilter(c);
        const connection = await connect(c, signal);
        try {
          findings.push(
            ...(await checkServer(connection, c, flavour, { includes: (database, table) => filter.includes({ database, table }) }, signal)),
          );
          if (committed !== undefined) findings.push(...(await checkStoredOffset(connection, c, flavourOf(flavour), committed, signal)));
        } finally {
          await connection.end();
        }
      } catch (error) {
        if (isAborted(error))
          findings.push(
            findingOf(
              new CdcError(
                'CDC_MYSQL_UNREACHABLE',
                'environment',
                `the server ${c['database.hostname']}:${c['database.port']} does not answer in time`,
                { hint: 'check database.hostname, database.port and the network' },
              ),
            ),
          );
        else findings.push(findingOf(error));
      }
      return findings;
    },
    taskConfigs: (raw) => [raw],
    createTask: (c, context) => new MySqlSourceTask(flavour, c, context),
  };
}

function findingOf(error: unknown): Finding {
  const e = error instanceof CdcError ? error : new CdcError('CDC_INTERNAL_ASSERTION', 'fatal', `the checks failed: ${String(error)}`);
  const denied = String(e.context['code'] ?? '').startsWith('ER_ACCESS_DENIED');
  const key = denied ? 'database.password' : e.code === 'CDC_MYSQL_PRIVILEGE' ? 'database.user' : 'database.hostname';
  return {
    severity: 'error',
    code: e.code,
    kind: e.kind === 'config' ? 'config' : 'environment',
    key: typeof e.context['key'] === 'string' ? e.context['key'] : key,
    message: e.message,
    hint: e.hint ?? 'see the message',
  };
}

export const mysqlConnector: SourceConnector<MySqlConfig> = connector(
  'mysql',
  ['io.debezium.connector.mysql.MySqlConnector', 'MySqlConnector', 'MySql', 'mysql'],
  mysqlConfig,
);

export const mariadbConnector: SourceConnector<MySqlConfig> = connector(
  'mariadb',
  ['io.debezium.connector.mariadb.MariaDbConnector', 'MariaDbConnector', 'MariaDb', 'mariadb'],
  mariadbConfig,
);
