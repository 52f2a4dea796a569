import { parseArgs } from 'node:util';
import { CdcError } from '../model/errors.ts';
import { asCdcError } from '../runtime/error-policy.ts';
import { check } from './check.ts';
import { writeDocs } from './docs.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { formatError } from './findings-text.ts';
import { COMMAND_NAMES, helpText } from './help.ts';
import type { CommandIo, Package } from './io.ts';
import { offsets } from './offsets.ts';
import { run } from './run.ts';

/** Runs a command line; answers the exit code. Errors go to stderr with code and hint. */
export async function runCommand(argv: readonly string[], io: CommandIo, own: Package, root: string): Promise<number> {
  try {
    return await dispatch(argv, io, own, root);
  } catch (thrown) {
    const error = asCdcError(thrown);
    io.stderr.write(formatError(error));
    if (error.code === 'CDC_INTERNAL_ASSERTION') io.stderr.write(`${(error.cause as Error | undefined)?.stack ?? error.stack ?? ''}\n`);
    return exitCodeOf(error.kind);
  }
}

async function dispatch(argv: readonly string[], io: CommandIo, own: Package, root: string): Promise<number> {
  const [command, ...rest] = argv;
  switch (command) {
    case undefined:
    case 'run': {
      const { positionals } = parse('run', rest, {});
      if (positionals.length > 1) throw usage('run', 'one file at most');
      return run(positionals[0], io, own);
    }
    case 'check': {
      const { positionals, values } = parse('check', rest, { json: { type: 'boolean' } });
      if (positionals.length === 0) throw usage('check', 'name at least one file');
      return check(positionals, values['json'] === true, io);
    }
    case 'offsets': {
      const text = { type: 'string' } as const;
      const { positionals, values } = parse('offsets', rest, {
        connector: text,
        partition: text,
        offset: text,
        'dry-run': { type: 'boolean' },
      });
      const [action, file] = positionals;
      if (action === undefined || !['list', 'show', 'set', 'reset'].includes(action))
        throw usage('offsets', 'expected list, show, set or reset');
      if (file === undefined || positionals.length > 2) throw usage('offsets', 'expected one configuration file');
      const get = (name: string): string | undefined => values[name] as string | undefined;
      return offsets(
        {
          action,
          file,
          connector: get('connector'),
          partition: get('partition'),
          offset: get('offset'),
          dryRun: values['dry-run'] === true,
        },
        io,
      );
    }
    case 'version':
    case '--version':
      io.stdout.write(`riverbend ${own.version}\n`);
      return EXIT.ok;
    case 'help':
    case '--help':
    case '-h': {
      const text = helpText(rest[0]);
      if (text === null) throw usage('help', `there is no command "${rest[0]}"`);
      io.stdout.write(text);
      return EXIT.ok;
    }
    case 'docs': {
      const { values } = parse('help', rest, { check: { type: 'boolean' } });
      const stale = writeDocs(root, values['check'] === true);
      for (const name of stale) io.stdout.write(`${name} ${values['check'] === true ? 'is out of date' : 'written'}\n`);
      return values['check'] === true && stale.length > 0 ? EXIT.failed : EXIT.ok;
    }
    case 'connect-standalone':
    case 'connect-distributed':
    case 'verify':
      throw new CdcError('CDC_NOT_AVAILABLE', 'config', `"${command}" is not available in this version`, {
        hint:
          command === 'verify'
            ? 'compare row counts on both sides meanwhile'
            : 'use `riverbend run riverbend.yaml` with "worker:" and "connectors:"; it takes the same keys',
      });
    default:
      throw usage('help', `there is no command "${command}"; there are ${COMMAND_NAMES.join(', ')}`);
  }
}

type Options = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>['options']>;

function parse(
  command: string,
  args: readonly string[],
  options: Options,
): { positionals: string[]; values: Readonly<Record<string, unknown>> } {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw usage(command, (error as Error).message);
  }
}

function usage(command: string, message: string): CdcError {
  return new CdcError('CDC_COMMAND_INVALID', 'config', message, { hint: `riverbend help ${command === 'help' ? '' : command}`.trim() });
}
