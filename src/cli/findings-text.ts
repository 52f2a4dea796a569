import type { ConfigFinding } from '../config/run-config.ts';
import type { CdcError } from '../model/errors.ts';

/** Findings for people: errors first, each with code, key, what is wrong, where, what to do. */
export function formatFindings(findings: readonly ConfigFinding[]): string {
  const ordered = [...findings.filter((f) => f.severity === 'error'), ...findings.filter((f) => f.severity === 'warning')];
  return ordered
    .map((f) => {
      const lines = [`${f.severity === 'error' ? 'ERROR  ' : 'WARNING'} ${f.code}  ${f.key}`, `        ${indent(f.message)}`];
      if (f.origin !== null) lines.push(`        at: ${f.origin}`);
      if (f.hint !== '') lines.push(`        do: ${indent(f.hint)}`);
      return `${lines.join('\n')}\n`;
    })
    .join('');
}

/** One error for people. */
export function formatError(error: CdcError): string {
  const hint = error.hint === null || error.hint === '' ? '' : `        do: ${indent(error.hint)}\n`;
  return `ERROR   ${error.code}\n        ${indent(error.message)}\n${hint}`;
}

/** `2 errors, 1 warning` */
export function countFindings(findings: readonly ConfigFinding[]): string {
  const errors = findings.filter((f) => f.severity === 'error').length;
  const warnings = findings.length - errors;
  return `${errors} error${errors === 1 ? '' : 's'}, ${warnings} warning${warnings === 1 ? '' : 's'}`;
}

function indent(text: string): string {
  return text.replaceAll('\n', '\n        ');
}
