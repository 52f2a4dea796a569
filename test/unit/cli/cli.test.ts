import assert from 'node:assert/strict';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { writeDocs } from '../../../src/cli/docs.ts';
import { exitCodeOf, exitCodeOfFindings } from '../../../src/cli/exit-codes.ts';
import { COMMAND_NAMES, helpText } from '../../../src/cli/help.ts';
import { StatusScreen, statusLine } from '../../../src/cli/status-screen.ts';
import { CdcError } from '../../../src/model/errors.ts';
import { parseFailpoint } from '../../../src/util/failpoint.ts';

test('docs/configuration.md and docs/errors.md are what `npm run docs` writes', () => {
  assert.deepEqual(writeDocs(join(import.meta.dirname, '..', '..', '..'), true), []);
});

test('the kind of an error decides the exit code', () => {
  assert.deepEqual((['aborted', 'data', 'fatal', 'retriable', 'config', 'environment'] as const).map(exitCodeOf), [0, 1, 1, 1, 2, 3]);
  const finding = { severity: 'error', code: 'X', key: 'k', message: 'm', hint: 'h' } as const;
  assert.equal(exitCodeOfFindings([{ ...finding, kind: 'environment' }]), 3);
  assert.equal(
    exitCodeOfFindings([
      { ...finding, kind: 'environment' },
      { ...finding, kind: 'config' },
    ]),
    2,
  );
  assert.equal(exitCodeOfFindings([{ ...finding, severity: 'warning', kind: 'config' }]), 0);
});

test('every command has help', () => {
  for (const name of COMMAND_NAMES) assert.match(helpText(name) ?? '', new RegExp(`^riverbend ${name}`));
  assert.equal(helpText('nope'), null);
});

test('a status line tells phase, rate, lag, and how far the snapshot is', () => {
  const task = (phase: string, snapshot: { done: number; expected: number | null } | null) => ({
    state: 'RUNNING' as const,
    failure: null,
    progress: () => ({ phase, rowsTotal: 1234, lagMs: snapshot === null ? 20 : null, snapshot }),
  });
  assert.equal(statusLine('inv', task('streaming', null), 56.4), 'inv  streaming  1,234 rows  56 rows/s  lag 20 ms');
  assert.equal(
    statusLine('inv', task('snapshot', { done: 450_000, expected: 1_000_000 }), 10_000),
    'inv  snapshot  45 % of 1,000,000 rows  10,000 rows/s  55 s left',
  );
  const restarting = { state: 'RESTARTING' as const, failure: new CdcError('CDC_X', 'retriable', 'm'), progress: () => null };
  assert.equal(statusLine('inv', restarting, 0), 'inv  RESTARTING  CDC_X');
});

test('log lines stand above the status lines, which are drawn anew', () => {
  const out = new PassThrough();
  const screen = new StatusScreen(out);
  screen.write('a log line\n');
  screen.close();
  assert.equal(String(out.read()), 'a log line\n');
});

test('a failpoint is a name, or a name and the hit that counts', () => {
  assert.deepEqual(parseFailpoint('offset.save.before'), { name: 'offset.save.before', hit: 1 });
  assert.deepEqual(parseFailpoint('sink.flush.after:3'), { name: 'sink.flush.after', hit: 3 });
});
