import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { peakRssMib, statOf } from '../stack/processes.ts';

/** One engine doing one job, as measured from outside. */
export interface Measured {
  readonly rows: number;
  /** Between the first and the last row's arrival. */
  readonly rowsPerSecond: number;
  /** From the start of the process (riverbend, embedded Debezium) or the request to the worker (Kafka Connect). */
  readonly secondsFromStart: number;
  /** Of the engine's process over its whole life until the last row. */
  readonly cpuMicrosPerRow: number;
  readonly peakRssMib: number;
  /** CPU that everything else but the servers used meanwhile: much of it and rows per second mean little. */
  readonly otherCpuSeconds: number;
}

export interface JobProbe {
  /** Rows that have arrived, counted however the target allows. */
  readonly arrived: () => Promise<number>;
  readonly rows: number;
  /** Throws when the engine has failed. */
  readonly check: () => Promise<void> | void;
  readonly enginePid: number;
  readonly serverPids: readonly number[];
  readonly startedAtMs: number;
  readonly deadlineMs: number;
}

/** Waits until all rows have arrived. Throws when they don't within the deadline. */
export async function measure(probe: JobProbe): Promise<Measured> {
  const machine = watchMachine(probe.serverPids);
  const engineBefore = cpuOf([probe.enginePid]);
  const until = Date.now() + probe.deadlineMs;
  let firstAt: number | null = null;
  let firstCount = 0;
  for (;;) {
    const arrived = await probe.arrived();
    const now = Date.now();
    if (arrived > 0 && firstAt === null) {
      firstAt = now;
      firstCount = arrived;
    }
    if (arrived >= probe.rows) {
      const cpu = cpuOf([probe.enginePid]);
      // a job seen done at the first look has no first-to-last time: count from the start then
      const seen =
        firstAt !== null && now > firstAt
          ? { ms: now - firstAt, rows: arrived - firstCount }
          : { ms: now - probe.startedAtMs, rows: arrived };
      return {
        rows: probe.rows,
        rowsPerSecond: Math.round((seen.rows * 1000) / Math.max(1, seen.ms)),
        secondsFromStart: (now - probe.startedAtMs) / 1000,
        cpuMicrosPerRow: (cpu * 1e6) / probe.rows,
        peakRssMib: peakRssMib(probe.enginePid),
        otherCpuSeconds: machine.othersSeconds(cpu - engineBefore),
      };
    }
    await probe.check();
    if (now > until) throw new Error(`only ${arrived} of ${probe.rows} rows after ${Math.round(probe.deadlineMs / 1000)} s`);
    await delay(100);
  }
}

/** Starts counting what the machine does; `othersSeconds` is what neither the servers, nor this process, nor the engine used. */
export function watchMachine(serverPids: readonly number[]): { othersSeconds(engineCpuSeconds: number): number } {
  const known = [...serverPids, process.pid];
  const knownBefore = cpuOf(known);
  const busyBefore = busySeconds();
  return {
    othersSeconds: (engineCpuSeconds) => Math.max(0, busySeconds() - busyBefore - (cpuOf(known) - knownBefore) - engineCpuSeconds),
  };
}

function cpuOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (statOf(pid)?.cpuSeconds ?? 0), 0);
}

/** Busy time of the whole machine, all cores, seconds. */
function busySeconds(): number {
  const fields = (readFileSync('/proc/stat', 'latin1').split('\n')[0] ?? '').trim().split(/ +/).slice(1).map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = fields;
  return (user + nice + system + irq + softirq) / 100;
}
