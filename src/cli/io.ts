import type { Writable } from 'node:stream';

/** What a command may touch of the process. */
export interface CommandIo {
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** riverbend's version, from package.json. */
export interface Package {
  readonly version: string;
}
