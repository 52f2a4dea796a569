import { writeFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { ServiceName } from './options.ts';
import { DEFAULT_SERVICES, SERVICE_NAMES } from './options.ts';
import type { Stack } from './stack.ts';
import { hasStack, openStack, serviceAddress, startStack } from './stack.ts';

const USAGE = `npm run stack -- up|down|status|clean [${SERVICE_NAMES.join('] [')}]

Real servers on this machine, without containers, listening on 127.0.0.1 only.
  up       starts them (without names: ${DEFAULT_SERVICES.join(', ')}) and waits until each answers
  down     stops them; their data stays
  status   shows what runs; exit code 1 when something named does not
  clean    stops all and removes the folder

  --dir DIR         where data, logs and pid files are kept (default .stack, or RIVERBEND_STACK_DIR)
  --port-base N     the first of 60 ports, or "auto" (default 20000, or RIVERBEND_STACK_PORT_BASE)
  --exports FILE    up: writes "export RIVERBEND_TEST_…" lines there
Downloads are kept in ~/.cache/riverbend-stack (or RIVERBEND_STACK_CACHE).
`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      dir: { type: 'string', default: process.env['RIVERBEND_STACK_DIR'] || '.stack' },
      'port-base': { type: 'string' },
      exports: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const [command, ...names] = positionals;
  const unknown = names.filter((name) => !(SERVICE_NAMES as readonly string[]).includes(name));
  if (values.help || command === undefined) {
    process.stdout.write(USAGE);
    return values.help ? 0 : 2;
  }
  if (unknown.length > 0) {
    process.stderr.write(`unknown service: ${unknown.join(', ')}\n\n${USAGE}`);
    return 2;
  }
  const services = names as ServiceName[];
  const dir = values.dir;
  if (command === 'up') {
    const began = Date.now();
    const log = (line: string): void => {
      process.stderr.write(`[stack ${((Date.now() - began) / 1000).toFixed(1).padStart(5)} s] ${line}\n`);
    };
    const stack = await startStack({
      dir,
      portBase: portBase(values['port-base'], dir),
      services: services.length > 0 ? services : DEFAULT_SERVICES,
      log,
    });
    const exports = Object.entries(stack.env()).map(([key, value]) => `export ${key}='${value}'`);
    if (values.exports !== undefined) writeFileSync(values.exports, `${exports.join('\n')}\n`);
    process.stdout.write(`${describe(stack)}\n${exports.join('\n')}\n`);
    return 0;
  }
  if (command !== 'down' && command !== 'status' && command !== 'clean') {
    process.stderr.write(`unknown command: ${command}\n\n${USAGE}`);
    return 2;
  }
  if (!hasStack(dir)) {
    process.stdout.write(`no stack in ${resolve(dir)}\n`);
    return command === 'status' ? 1 : 0;
  }
  const stack = openStack(dir);
  if (command === 'status') {
    process.stdout.write(`${describe(stack)}\n`);
    const wanted = services.length > 0 ? services : SERVICE_NAMES;
    const up = wanted.filter((name) => stack.pid(name) !== null);
    return services.length > 0 ? Number(up.length < services.length) : Number(up.length === 0);
  }
  if (command === 'clean') await stack.clean();
  else if (services.length === 0) await stack.stop();
  else await Promise.all(services.map((name) => stack.stop(name)));
  process.stdout.write(command === 'clean' ? `stopped, ${relative('.', stack.dir)} removed\n` : 'stopped\n');
  return 0;
}

/** 20000 unless asked otherwise; a folder that has a stack keeps its ports. */
function portBase(flag: string | undefined, dir: string): number | 'auto' {
  const asked = flag ?? process.env['RIVERBEND_STACK_PORT_BASE'];
  if (asked === 'auto') return 'auto';
  if (asked === undefined || asked === '') return hasStack(dir) ? openStack(dir).portBase : 20_000;
  const base = Number(asked);
  if (!Number.isInteger(base) || base < 1_024 || base > 65_000) throw new Error(`--port-base ${asked}: not a port between 1024 and 65000`);
  return base;
}

function describe(stack: Stack): string {
  const rows = SERVICE_NAMES.map((name) => {
    const pid = stack.pid(name);
    return pid === null
      ? `${name.padEnd(9)} down`
      : `${name.padEnd(9)} up    pid ${String(pid).padEnd(7)} ${serviceAddress(name, stack.ports)}`;
  });
  return rows.join('\n');
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
