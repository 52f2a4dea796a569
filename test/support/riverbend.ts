import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { NODE_OPTIONS } from './launch.ts';
import { until } from './until.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** A `riverbend` process under test; its output goes to a file. */
export class Riverbend {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #logFile: string;
  readonly #httpPort: number;

  /** `args` as on the command line; `httpPort` is where its configuration makes it listen. */
  constructor(args: readonly string[], options: { readonly logFile: string; readonly httpPort: number; readonly env?: NodeJS.ProcessEnv }) {
    mkdirSync(dirname(options.logFile), { recursive: true });
    const log = openSync(options.logFile, 'a');
    this.#logFile = options.logFile;
    this.#httpPort = options.httpPort;
    this.#child = spawn(process.execPath, [...NODE_OPTIONS, join(ROOT, 'src', 'main.ts'), ...args], {
      cwd: ROOT,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...options.env },
    });
    closeSync(log);
    this.#exited = new Promise((resolve) => this.#child.once('exit', () => resolve()));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  log(): string {
    return existsSync(this.#logFile) ? readFileSync(this.#logFile, 'utf8') : '';
  }

  /** Ready, or ended by itself. */
  async ready(deadlineMs = 60_000): Promise<void> {
    await until('riverbend to be ready', deadlineMs, async () => !this.running || (await this.#status('/health/ready')) === 200);
  }

  async #status(path: string): Promise<number> {
    try {
      return (await fetch(`http://127.0.0.1:${this.#httpPort}${path}`, { signal: AbortSignal.timeout(1000) })).status;
    } catch {
      return 0;
    }
  }

  async get(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const r = await fetch(`http://127.0.0.1:${this.#httpPort}${path}`, { signal: AbortSignal.timeout(5000) });
    return { status: r.status, text: await r.text() };
  }

  /** SIGTERM, and SIGKILL when it hasn't ended after `deadlineMs`; resolves when it is gone, with true for a drained end. */
  async stop(deadlineMs = 35_000): Promise<boolean> {
    if (!this.running) return true;
    this.#child.kill('SIGTERM');
    let drained = true;
    const killer = setTimeout(() => {
      drained = false;
      this.#child.kill('SIGKILL');
    }, deadlineMs);
    await this.#exited;
    clearTimeout(killer);
    return drained;
  }

  async kill9(): Promise<void> {
    if (this.running) this.#child.kill('SIGKILL');
    await this.#exited;
  }

  async exited(): Promise<number | null> {
    await this.#exited;
    return this.#child.exitCode;
  }
}
