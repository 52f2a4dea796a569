interface CommandHelp {
  readonly usage: string;
  readonly summary: string;
  readonly details: string;
}

const COMMANDS: Readonly<Record<string, CommandHelp>> = {
  run: {
    usage: 'riverbend run [FILE]',
    summary: 'run what the file describes until SIGTERM or SIGINT',
    details: `FILE is Debezium Server's application.properties (or .yaml, .json), or a riverbend.yaml with "worker:" and "connectors:".
Without FILE: config/application.properties, then conf/application.properties.
Environment variables override Debezium Server's keys: DEBEZIUM_SOURCE_DATABASE_HOSTNAME, DEBEZIUM_SINK_TYPE …
The first signal drains and commits, the second ends the process at once.`,
  },
  check: {
    usage: 'riverbend check FILE… [--json]',
    summary: 'validate every key, connect to every system, list everything that is wrong',
    details: 'Changes nothing. Exit code 2 when the configuration is wrong, 3 when a system is not as it must be, 0 otherwise.',
  },
  offsets: {
    usage: 'riverbend offsets list|show|set|reset FILE [--connector NAME] [--dry-run]',
    summary: 'read and edit stored offsets',
    details: `list: connectors that have offsets · show: offsets of one connector as JSON · reset: forget them ·
set: --partition JSON --offset JSON. Stop riverbend first. --dry-run says what would change.`,
  },
  'connect-standalone': {
    usage: 'riverbend connect-standalone WORKER [CONNECTOR…]',
    summary: "Kafka Connect's standalone worker (not in this version)",
    details: 'Use a riverbend.yaml with "worker:" and "connectors:" meanwhile: the same keys.',
  },
  'connect-distributed': {
    usage: 'riverbend connect-distributed WORKER',
    summary: "Kafka Connect's distributed worker (not in this version)",
    details: 'Use a riverbend.yaml with "worker:" and "connectors:" meanwhile.',
  },
  verify: {
    usage: 'riverbend verify FILE [--table DB.TABLE]',
    summary: 'compare source tables with their Databend tables (not in this version)',
    details: '',
  },
  version: { usage: 'riverbend version', summary: 'print the version', details: '' },
  help: { usage: 'riverbend help [COMMAND]', summary: 'print this, or a command in detail', details: '' },
};

export const COMMAND_NAMES: readonly string[] = Object.keys(COMMANDS);

/** The text of `help` and `help COMMAND`; null for a command that does not exist. */
export function helpText(command: string | undefined): string | null {
  if (command !== undefined) {
    const c = COMMANDS[command];
    return c === undefined ? null : `${c.usage}\n\n${c.summary}\n${c.details === '' ? '' : `\n${c.details}\n`}`;
  }
  const width = Math.max(...Object.values(COMMANDS).map((c) => c.usage.length));
  const lines = Object.values(COMMANDS).map((c) =>
    width > 60 && c.usage.length > 48 ? `  ${c.usage}\n      ${c.summary}` : `  ${c.usage.padEnd(48)}  ${c.summary}`,
  );
  return `riverbend: change data capture from MySQL and MariaDB to Kafka and Databend\n\n${lines.join('\n')}\n
Exit codes: 0 ended as asked · 1 failed at run time · 2 bad command or configuration · 3 a system is not as it must be ·
130, 143 forced by a second signal\n`;
}
