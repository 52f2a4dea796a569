import type { Measured } from './meter.ts';
import type { Target } from './riverbend.ts';

export type Engine = 'riverbend' | 'debezium' | 'debezium-connect';
export type Job = 'snapshot' | 'stream';

/** One cell of the comparison: measured, or why not. */
export interface Result {
  readonly engine: Engine;
  readonly job: Job;
  readonly target: Target;
  readonly measured?: Measured;
  readonly reason?: string;
}

/** The table people read: each riverbend figure beside Debezium's of the same job and target, as a ratio. */
export function printResults(
  results: readonly Result[],
  scale: { readonly rows: number; readonly changes: number; readonly cores: number },
): string {
  const lines = [
    `snapshot of ${scale.rows} rows, stream of ${scale.changes} row updates; ${scale.cores} cores; the same servers, one run`,
    '',
    row('job', 'target', 'engine', 'rows/s', 'CPU µs/row', 'peak MiB', 'from start', 'others'),
  ];
  for (const r of results.toSorted((a, b) => order(a).localeCompare(order(b)))) {
    if (r.measured === undefined) {
      lines.push(`${row(r.job, r.target, r.engine)}  not measured: ${r.reason ?? 'no reason given'}`);
      continue;
    }
    const m = r.measured;
    const cells = [
      m.rowsPerSecond.toLocaleString('en-US'),
      m.cpuMicrosPerRow.toFixed(1),
      String(m.peakRssMib),
      `${m.secondsFromStart.toFixed(1)} s`,
      `${m.otherCpuSeconds.toFixed(1)} s`,
    ];
    lines.push(row(r.job, r.target, r.engine, ...cells));
  }
  lines.push('', 'riverbend against Debezium (more than 1: riverbend is better)');
  lines.push(row('job', 'target', 'against', 'rows/s', 'CPU', 'memory'));
  for (const ours of results.filter((r) => r.engine === 'riverbend')) {
    const peer = results.find((r) => r.engine !== 'riverbend' && r.job === ours.job && r.target === ours.target);
    if (peer === undefined) continue;
    if (ours.measured === undefined || peer.measured === undefined) {
      lines.push(`${row(ours.job, ours.target, peer.engine)}  not measured`);
      continue;
    }
    const times = (ratio: number): string => `${ratio.toFixed(2)}×`;
    lines.push(
      row(
        ours.job,
        ours.target,
        peer.engine,
        times(ours.measured.rowsPerSecond / peer.measured.rowsPerSecond),
        times(peer.measured.cpuMicrosPerRow / ours.measured.cpuMicrosPerRow),
        times(peer.measured.peakRssMib / ours.measured.peakRssMib),
      ),
    );
  }
  lines.push(
    '',
    "CPU is that of the whole process from its start to the last row: a JVM's start weighs on a short run.",
    '"others" is the CPU that neither the engine nor the servers used: where it is much, repeat the run.',
  );
  return `${lines.join('\n')}\n`;
}

const WIDTHS = [9, 11, 17, 10, 11, 9, 11, 7];

function row(...cells: readonly string[]): string {
  return cells
    .map((cell, i) => (i < 3 ? cell.padEnd(WIDTHS[i] ?? 0) : cell.padStart(WIDTHS[i] ?? 0)))
    .join(' ')
    .trimEnd();
}

function order(r: Result): string {
  return `${r.job} ${r.target} ${r.engine === 'riverbend' ? '0' : '1'}${r.engine}`;
}
