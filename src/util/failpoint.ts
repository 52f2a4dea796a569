/** Every place there is; what a crash at each leads to is told in docs/adr/0004-exactly-once.md. */
export const FAILPOINTS = [
  'snapshot.mid',
  'snapshot.end',
  'history.record.before',
  'history.record.after',
  'history.compact.before',
  'history.compact.after',
  'kafka.produce.before',
  'kafka.produce.after',
  'offset.save.before',
  'offset.save.after',
  'sink.flush.before',
  'sink.commit.before',
  'sink.commit.after',
  'sink.flush.after',
  'sink.ddl.before',
  'sink.ddl.after',
  'sink.ddl.marked',
] as const;

export type Failpoint = (typeof FAILPOINTS)[number];

/**
 * Where chaos tests kill the process: `RIVERBEND_FAILPOINT=offset.save.before` dies with SIGKILL at the
 * first hit, `…:3` at the third. Without the variable every call is a no-op. The names in use: FAILPOINTS.
 */
export const failpoint: (name: Failpoint) => void = armed(process.env['RIVERBEND_FAILPOINT']);

function armed(spec: string | undefined): (name: Failpoint) => void {
  if (spec === undefined || spec === '') return () => {};
  const { name: target, hit } = parseFailpoint(spec);
  let seen = 0;
  return (name) => {
    if (name !== target || ++seen < hit) return;
    process.kill(process.pid, 'SIGKILL');
  };
}

/** `name` or `name:n` (n-th hit, from 1). */
export function parseFailpoint(spec: string): { readonly name: string; readonly hit: number } {
  const match = /^(.*):(\d+)$/.exec(spec);
  return match === null ? { name: spec, hit: 1 } : { name: match[1] as string, hit: Math.max(1, Number(match[2])) };
}
