import type { ErrorKind } from '../model/errors.ts';
import type { Finding } from '../spi/connector.ts';

export const EXIT = { ok: 0, failed: 1, config: 2, environment: 3 } as const;

/** The exit code an error of this kind ends the process with. */
export function exitCodeOf(kind: ErrorKind): number {
  switch (kind) {
    case 'config':
      return EXIT.config;
    case 'environment':
      return EXIT.environment;
    case 'aborted':
      return EXIT.ok;
    default:
      return EXIT.failed;
  }
}

/** The exit code of a list of findings: what needs the configuration first, then what needs the environment. */
export function exitCodeOfFindings(findings: readonly Finding[]): number {
  const errors = findings.filter((f) => f.severity === 'error');
  if (errors.length === 0) return EXIT.ok;
  return errors.some((f) => f.kind === 'config') ? EXIT.config : EXIT.environment;
}
