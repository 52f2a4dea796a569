import type { SourceOffset } from '../../model/offset.ts';
import type { CommittedOffset, Finding } from '../../spi/connector.ts';
import { parseBinlogOffset } from './binlog-offset.ts';
import type { MySqlConfig } from './config.ts';
import type { MySqlConnection, ResultRow } from './connection.ts';
import { type Flavour, type FlavourName, flavourOf } from './flavour.ts';
import { positionState } from './position-check.ts';

/** What the checks need to know of the tables; the filter is compiled by the caller. */
export interface TableScope {
  includes(database: string, table: string): boolean;
}

const BUILTIN = "'mysql','information_schema','performance_schema','sys'";
const DAY_SECONDS = 86_400;

function finding(severity: Finding['severity'], code: string, key: string, message: string, hint: string): Finding {
  return { severity, code, kind: 'environment', key, message, hint };
}

const error = (code: string, key: string, message: string, hint: string): Finding => finding('error', code, key, message, hint);
const warning = (code: string, key: string, message: string, hint: string): Finding => finding('warning', code, key, message, hint);

async function variables(connection: MySqlConnection, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const rows = await connection.query('SHOW GLOBAL VARIABLES', [], signal);
  return new Map(rows.map((r) => [(r['Variable_name'] ?? '').toLowerCase(), r['Value'] ?? '']));
}

/** Every finding about the server's settings, the user's privileges and the captured tables, in one go. */
export async function checkServer(
  connection: MySqlConnection,
  config: MySqlConfig,
  flavourName: FlavourName,
  scope: TableScope,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const flavour = flavourOf(flavourName);
  const vars = await variables(connection, signal);
  const out: Finding[] = [];
  const version = vars.get('version') ?? '';
  if (/mariadb/i.test(version) !== (flavourName === 'mariadb')) {
    const right = /mariadb/i.test(version)
      ? 'io.debezium.connector.mariadb.MariaDbConnector'
      : 'io.debezium.connector.mysql.MySqlConnector';
    out.push(
      error('CDC_CONFIG_INVALID', 'connector.class', `the server is version ${version}, which is not ${flavourName}`, `use ${right}`),
    );
  }
  checkSettings(vars, flavourName, out);
  await checkPrivileges(connection, config, flavourName, vars, out, signal);
  await checkServerId(connection, config, vars, flavour, out, signal);
  await checkTables(connection, config, flavourName, version, scope, out, signal);
  return out;
}

/** Whether the server still has what comes after the stored offset; nothing to say where a snapshot would be taken anyway. */
export async function checkStoredOffset(
  connection: MySqlConnection,
  config: MySqlConfig,
  flavour: Flavour,
  committed: CommittedOffset,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  if (['always', 'initial_only', 'when_needed'].includes(config['snapshot.mode'])) return [];
  const key = 'snapshot.mode';
  let stored: SourceOffset | null;
  const late = new Promise<null>((resolve) => signal.addEventListener('abort', () => resolve(null), { once: true }));
  try {
    stored = await Promise.race([committed({ server: config['topic.prefix'] }), late]);
  } catch {
    return []; // where offsets are kept is asked by others
  }
  if (stored === null) return [];
  const offset = parseBinlogOffset(stored);
  if (offset === null)
    return [
      error(
        'CDC_OFFSET_INVALID',
        'topic.prefix',
        `the stored offset of "${config['topic.prefix']}" is not a binlog offset`,
        'correct or reset it: riverbend offsets',
      ),
    ];
  // An unfinished snapshot starts over.
  if (offset.snapshot) return [];
  const wrong = await positionState(connection, flavour, offset, signal);
  return wrong === null ? [] : [error(wrong.code, key, `${wrong.message} (${offset.file}:${offset.pos})`, wrong.hint ?? '')];
}

function checkSettings(vars: ReadonlyMap<string, string>, flavour: FlavourName, out: Finding[]): void {
  const value = (name: string): string => (vars.get(name) ?? '').toUpperCase();
  const key = 'database.hostname';
  if (value('log_bin') !== 'ON')
    out.push(
      error(
        'CDC_MYSQL_BINLOG_DISABLED',
        key,
        'log_bin is off: the server writes no binary log',
        'start the server with log_bin and a server_id',
      ),
    );
  if (value('binlog_format') !== '' && value('binlog_format') !== 'ROW')
    out.push(
      error(
        'CDC_MYSQL_BINLOG_FORMAT',
        key,
        `binlog_format is ${value('binlog_format')}, not ROW`,
        'SET PERSIST binlog_format=ROW (MariaDB: SET GLOBAL and my.cnf), then reconnect the writers',
      ),
    );
  if (value('binlog_row_image') !== 'FULL')
    out.push(
      error(
        'CDC_MYSQL_ROW_IMAGE',
        key,
        `binlog_row_image is ${value('binlog_row_image')}, not FULL`,
        'SET GLOBAL binlog_row_image=FULL, then reconnect the writers',
      ),
    );
  if (value('binlog_row_metadata') !== '' && value('binlog_row_metadata') !== 'FULL')
    out.push(
      warning(
        'CDC_MYSQL_TABLE_UNKNOWN',
        key,
        `binlog_row_metadata is ${value('binlog_row_metadata')}: column names come from the schema history alone`,
        'SET GLOBAL binlog_row_metadata=FULL lets every row event be checked',
      ),
    );
  if (flavour === 'mysql' && value('gtid_mode') !== 'ON')
    out.push(
      warning(
        'CDC_MYSQL_POSITION_INVALID',
        key,
        'gtid_mode is not ON: reading cannot go on from another server after a failover',
        'set gtid_mode=ON and enforce_gtid_consistency=ON',
      ),
    );
  const seconds = Number(vars.get('binlog_expire_logs_seconds') ?? '0') || Number(vars.get('expire_logs_days') ?? '0') * DAY_SECONDS;
  if (seconds > 0 && seconds < DAY_SECONDS)
    out.push(
      warning(
        'CDC_MYSQL_BINLOG_PURGED',
        key,
        `binlogs are kept for ${Math.round(seconds / 60)} minutes only`,
        'keep them longer than riverbend may ever stand still: binlog_expire_logs_seconds',
      ),
    );
}

async function checkPrivileges(
  connection: MySqlConnection,
  config: MySqlConfig,
  flavour: FlavourName,
  vars: ReadonlyMap<string, string>,
  out: Finding[],
  signal: AbortSignal,
): Promise<void> {
  const rows = await connection.query('SHOW GRANTS', [], signal);
  // Privileges that come by a role are not in SHOW GRANTS; a role makes their absence unprovable.
  const grants = rows.map((r) => Object.values(r)[0] ?? '');
  const globals = grants
    .filter((g) => /\bON \*\.\*/.test(g))
    .join(' ')
    .toUpperCase();
  const everything = grants.join(' ').toUpperCase();
  const viaRole = grants.some((g) => /^GRANT [`'"]/.test(g));
  if (globals.includes('ALL PRIVILEGES') || globals.includes('SUPER')) return;
  const severity = viaRole ? 'warning' : 'error';
  const missing = (privilege: string, why: string): void => {
    out.push(
      finding(
        severity,
        'CDC_MYSQL_PRIVILEGE',
        'database.user',
        `the user "${config['database.user']}" lacks ${privilege}: ${why}`,
        `GRANT ${privilege} ON *.* TO '${config['database.user']}'@'%'`,
      ),
    );
  };
  if (!/REPLICATION (SLAVE|REPLICA)\b(?! ADMIN)/.test(globals)) missing('REPLICATION SLAVE', 'it may not read the binlog');
  if (!/REPLICATION CLIENT|BINLOG MONITOR/.test(globals))
    missing(flavour === 'mariadb' ? 'BINLOG MONITOR' : 'REPLICATION CLIENT', 'it may not ask for the binlog position');
  if (!/\bSELECT\b/.test(everything)) missing('SELECT', 'it may not read the tables');
  const gtids = (vars.get('gtid_mode') ?? '').toUpperCase() === 'ON';
  if (flavour === 'mysql' && !globals.includes('RELOAD') && config['snapshot.locking.mode'] !== 'none') {
    if (!gtids) missing('RELOAD', 'without it and without GTIDs no consistent snapshot is possible');
    else
      out.push(
        warning(
          'CDC_MYSQL_PRIVILEGE',
          'database.user',
          `the user "${config['database.user']}" lacks RELOAD: the snapshot finds its position by GTIDs, which may repeat a few changes on a busy server`,
          `GRANT RELOAD ON *.* TO '${config['database.user']}'@'%'`,
        ),
      );
  }
}

async function checkServerId(
  connection: MySqlConnection,
  config: MySqlConfig,
  vars: ReadonlyMap<string, string>,
  flavour: Flavour,
  out: Finding[],
  signal: AbortSignal,
): Promise<void> {
  const id = config['database.server.id'];
  const clash = (whose: string): void => {
    out.push({
      ...error(
        'CDC_MYSQL_SERVER_ID_IN_USE',
        'database.server.id',
        `database.server.id ${id} is ${whose}`,
        'choose an id no server, replica or connector has',
      ),
      kind: 'config',
    });
  };
  if (Number(vars.get('server_id')) === id) clash('the id of the server itself');
  const statement = flavour.name === 'mysql' ? 'SHOW REPLICAS' : 'SHOW SLAVE HOSTS';
  const hosts = await connection.query(statement, [], signal).catch((): readonly ResultRow[] => []);
  if (hosts.some((h) => Number(h['Server_Id'] ?? h['Server_id']) === id)) clash('in use by a registered replica');
}

async function checkTables(
  connection: MySqlConnection,
  config: MySqlConfig,
  flavour: FlavourName,
  version: string,
  scope: TableScope,
  out: Finding[],
  signal: AbortSignal,
): Promise<void> {
  const tables = await connection.query(
    `SELECT t.TABLE_SCHEMA AS d, t.TABLE_NAME AS t, t.ENGINE AS e FROM information_schema.TABLES t WHERE t.TABLE_TYPE IN ('BASE TABLE','SYSTEM VERSIONED') AND t.TABLE_SCHEMA NOT IN (${BUILTIN})`,
    [],
    signal,
  );
  const captured = tables.filter((t) => scope.includes(t['d'] as string, t['t'] as string));
  if (captured.length === 0) {
    out.push(
      warning(
        'CDC_CONFIG_INVALID',
        'table.include.list',
        'no table of the server matches the include and exclude lists',
        'lists hold regular expressions over the whole name: database\\.table',
      ),
    );
  }
  const names = new Set(tables.map((t) => `${t['d']}.${t['t']}`.toLowerCase()));
  for (const pattern of config['table.include.list']) {
    // Only a plain name can be said to be missing; a pattern may match what is still to come.
    const plain = /^[\w$]+(?:\\?\.)[\w$]+$/.test(pattern) ? pattern.replace('\\.', '.').toLowerCase() : null;
    if (plain !== null && !names.has(plain)) {
      out.push(
        warning(
          'CDC_CONFIG_INVALID',
          'table.include.list',
          `the table "${plain}" does not exist, or the user may not see it`,
          'check the spelling and the privileges',
        ),
      );
    }
  }
  const keys = await connection.query(
    `SELECT s.TABLE_SCHEMA AS d, s.TABLE_NAME AS t FROM information_schema.STATISTICS s WHERE s.NON_UNIQUE = 0 AND s.TABLE_SCHEMA NOT IN (${BUILTIN}) GROUP BY s.TABLE_SCHEMA, s.TABLE_NAME, s.INDEX_NAME HAVING SUM(s.NULLABLE = 'YES') = 0`,
    [],
    signal,
  );
  const keyed = new Set(keys.map((k) => `${k['d']}.${k['t']}`));
  const keyless = captured.map((t) => `${t['d']}.${t['t']}`).filter((n) => !keyed.has(n));
  if (keyless.length > 0) {
    out.push(
      warning(
        'CDC_CONFIG_INVALID',
        'message.key.columns',
        `${keyless.length} captured tables have no key: ${some(keyless)}`,
        'give them a primary key, or name key columns in message.key.columns',
      ),
    );
  }
  const engines = captured
    .filter((t) => t['e'] !== null && !/innodb|ndb|rocksdb|tokudb/i.test(t['e'] as string))
    .map((t) => `${t['d']}.${t['t']}`);
  if (engines.length > 0) {
    out.push(
      warning(
        'CDC_MYSQL_SNAPSHOT',
        'snapshot.locking.mode',
        `${engines.length} captured tables are not transactional: ${some(engines)}`,
        'changes made while the snapshot runs may come twice; convert them to InnoDB',
      ),
    );
  }
  const [major, minor] = version.split('.').map(Number);
  if (flavour === 'mariadb' || (major ?? 0) < 9 || (major === 9 && (minor ?? 0) < 6)) {
    const cascades = await connection.query(
      `SELECT DISTINCT CONSTRAINT_SCHEMA AS d, TABLE_NAME AS t FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE DELETE_RULE IN ('CASCADE','SET NULL') OR UPDATE_RULE IN ('CASCADE','SET NULL')`,
      [],
      signal,
    );
    const children = cascades.filter((c) => scope.includes(c['d'] as string, c['t'] as string)).map((c) => `${c['d']}.${c['t']}`);
    if (children.length > 0) {
      out.push(
        warning(
          'CDC_MYSQL_BINLOG_EVENT',
          'table.include.list',
          `this server does not log rows changed by foreign key cascades: changes of ${some(children)} may be missing`,
          'MySQL 9.6 and later log them; or let the application or triggers make the change',
        ),
      );
    }
  }
  const max = config['guardrail.collections.max'];
  if (max > 0 && captured.length > max) {
    const make = config['guardrail.collections.limit.action'] === 'fail' ? error : warning;
    out.push(
      make(
        'CDC_CONFIG_INVALID',
        'guardrail.collections.max',
        `${captured.length} tables are captured, more than ${max}`,
        'narrow the include lists or raise the limit',
      ),
    );
  }
}

function some(names: readonly string[]): string {
  return names.length <= 5 ? names.join(', ') : `${names.slice(0, 5).join(', ')} and ${names.length - 5} more`;
}
