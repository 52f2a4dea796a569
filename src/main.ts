#!/usr/bin/env -S node --disable-warning=TimeoutNegativeWarning --max-semi-space-size=16
import { readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

enableCompileCache();
// Rows that waited for a slow target make V8 allocate later rows among its old objects, where every dead one keeps what it points to alive
// until the next full collection: 14 MB promoted per scavenge instead of 0.2, and a quarter of the CPU.
setFlagsFromString('--no-allocation-site-pretenuring');
// Rows that wait for a flush become old and die at once when it is done. Left alone, V8 collects them when the heap is four times what lives; here when it has doubled (30 %: 7 MiB less and 1 to 6 CPU µs a row more).
setFlagsFromString('--heap-growing-percent=100');
// Loaded after the cache is on, which is most of the start-up time.
const { runCommand } = await import('./cli/command.ts');

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const code = await runCommand(process.argv.slice(2), { stdout: process.stdout, stderr: process.stderr, env: process.env }, own, root);
// What was written to a pipe must be out before the end; a connection a library left open must not keep us alive.
await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
await new Promise<void>((resolve) => process.stderr.write('', () => resolve()));
process.exit(code);
