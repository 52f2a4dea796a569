import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { launch, runningPid, statOf, terminate, waitFor } from '../../stack/processes.ts';

const folder = mkdtempSync(join(tmpdir(), 'riverbend-processes-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const waiting = (name: string, script: string) => ({
  command: process.execPath,
  args: ['-e', script],
  logFile: join(folder, `${name}.log`),
  pidFile: join(folder, `${name}.pid`),
});

test('a pid file whose process began at another time speaks of nobody, and nobody is killed', async () => {
  const pidFile = join(folder, 'stranger.pid');
  writeFileSync(pidFile, JSON.stringify({ pid: process.pid, startTicks: '1' }));
  assert.equal(runningPid(pidFile), null);
  assert.equal(await terminate(pidFile, 'SIGKILL'), false);
  assert.equal(existsSync(pidFile), false);
});

test('a pid file with this process and its start time speaks of this process', () => {
  const pidFile = join(folder, 'self.pid');
  writeFileSync(pidFile, JSON.stringify({ pid: process.pid, startTicks: statOf(process.pid)?.startTicks }));
  assert.equal(runningPid(pidFile), process.pid);
});

test('a process that ignores SIGTERM is killed when its time is up', async () => {
  const what = waiting('stubborn', "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('deaf')");
  const pid = await launch(what);
  await waitFor('it is deaf', () => readFileSync(what.logFile, 'utf8').includes('deaf'), { deadlineMs: 20_000 });
  assert.equal(await terminate(what.pidFile, 'SIGTERM', 200), true);
  assert.equal(statOf(pid)?.state ?? 'gone', 'gone');
});

test('waiting for a process that ended fails at once and says so', async () => {
  const what = waiting('short', 'process.exit(3)');
  await launch(what);
  await assert.rejects(
    waitFor('the server did not answer', () => false, { deadlineMs: 30_000, alive: () => runningPid(what.pidFile) !== null }),
    /the server did not answer: the process ended/,
  );
});

test('a program that does not exist is named', async () => {
  await assert.rejects(launch({ ...waiting('none', ''), command: join(folder, 'no-such-program') }), /cannot run .*no-such-program/);
});
