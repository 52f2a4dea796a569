import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HOST } from './options.ts';

/** What a pid file holds. The start time (clock ticks since boot) tells the process from a later one with the same number. */
interface PidRecord {
  readonly pid: number;
  readonly startTicks: string;
}

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** stdout and stderr are appended here. */
  readonly logFile: string;
  readonly pidFile: string;
}

let refusing = false;

/** From now on `launch` throws: nothing may start while everything is being ended. */
export function refuseLaunches(): void {
  refusing = true;
}

/** Starts a server in a session of its own, so that it outlives us until it is told to stop. Throws when it cannot be executed. */
export async function launch(what: Launch): Promise<number> {
  if (refusing) throw new Error(`not starting ${what.command}: everything is being stopped`);
  mkdirSync(dirname(what.logFile), { recursive: true });
  const log = openSync(what.logFile, 'a');
  const child = spawn(what.command, what.args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, ...what.env },
    ...(what.cwd === undefined ? {} : { cwd: what.cwd }),
  });
  closeSync(log);
  const failure = await new Promise<Error | null>((done) => {
    child.once('spawn', () => done(null));
    child.once('error', done);
  });
  if (failure !== null || child.pid === undefined) throw new Error(`cannot run ${what.command}`, { cause: failure });
  writeFileSync(what.pidFile, JSON.stringify({ pid: child.pid, startTicks: statOf(child.pid)?.startTicks ?? '' }));
  child.unref();
  return child.pid;
}

/** The process a pid file speaks of, or null when there is none, it ended, or its number belongs to someone else now. */
export function runningPid(pidFile: string): number | null {
  let record: PidRecord;
  try {
    record = JSON.parse(readFileSync(pidFile, 'utf8')) as PidRecord;
  } catch {
    return null;
  }
  const stat = statOf(record.pid);
  return stat !== null && stat.startTicks === record.startTicks && stat.state !== 'Z' ? record.pid : null;
}

/** Sends `signal` and waits until the process is gone; after `graceMs` it is killed. Removes the pid file. True when there was one to end. */
export async function terminate(pidFile: string, signal: 'SIGTERM' | 'SIGKILL', graceMs = 30_000): Promise<boolean> {
  const pid = runningPid(pidFile);
  if (pid !== null) {
    kill(pid, signal);
    // a stopped process takes no SIGTERM until it goes on
    if (signal === 'SIGTERM') kill(pid, 'SIGCONT');
    const killAt = Date.now() + graceMs;
    const giveUpAt = killAt + 10_000;
    for (let killed = signal === 'SIGKILL'; runningPid(pidFile) !== null; ) {
      if (!killed && Date.now() > killAt) {
        kill(pid, 'SIGKILL');
        killed = true;
      }
      if (Date.now() > giveUpAt) throw new Error(`process ${pid} did not end`);
      await delay(20);
    }
  }
  rmSync(pidFile, { force: true });
  return pid !== null;
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export interface ProcessStat {
  readonly state: string;
  readonly startTicks: string;
  /** User plus system time of the process, seconds. */
  readonly cpuSeconds: number;
}

/** Reads /proc/PID/stat; null when there is no such process. */
export function statOf(pid: number): ProcessStat | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  // the command's name stands in parentheses and may hold anything
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { state: fields[0] ?? '', startTicks: fields[19] ?? '', cpuSeconds: ticks / 100 };
}

/** The largest resident size the process ever had, MiB; 0 when it is gone. */
export function peakRssMib(pid: number): number {
  try {
    const found = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return found === null ? 0 : Math.round(Number(found[1]) / 1024);
  } catch {
    return 0;
  }
}

/**
 * Asks `probe` until it answers true. Throws with `what` after `deadlineMs`, or at once when `alive` turns false.
 * A probe that throws has not succeeded yet; its last error is the cause.
 */
export async function waitFor(
  what: string,
  probe: () => Promise<boolean> | boolean,
  { deadlineMs = 60_000, everyMs = 50, alive = () => true }: { deadlineMs?: number; everyMs?: number; alive?: () => boolean } = {},
): Promise<void> {
  const until = Date.now() + deadlineMs;
  let cause: unknown;
  for (;;) {
    try {
      if (await probe()) return;
    } catch (error) {
      cause = error;
    }
    if (!alive()) throw new Error(`${what}: the process ended`, { cause });
    if (Date.now() > until) throw new Error(`${what}: not within ${Math.round(deadlineMs / 1000)} s`, { cause });
    await delay(everyMs);
  }
}

/** True when something accepts connections on the port. */
export function portAnswers(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host: HOST, port });
    const end = (answer: boolean): void => {
      socket.destroy();
      done(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

/** True when a MySQL or MariaDB server sends its greeting (protocol 10) rather than an error packet. */
export function mysqlGreets(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host: HOST, port });
    const end = (answer: boolean): void => {
      socket.destroy();
      done(answer);
    };
    socket.setTimeout(2_000, () => end(false));
    socket.once('data', (data) => end(data[4] === 10));
    socket.once('error', () => end(false));
    socket.once('close', () => done(false));
  });
}

export async function httpOk(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  await response.arrayBuffer();
  return response.ok;
}

/** The last lines of a log, for a message about what went wrong. */
export function tail(file: string, lines = 15): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '';
  }
}
