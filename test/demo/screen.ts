/** What the demo prints: numbered steps with their times, and a line that is refreshed in place on a terminal. */
export class Screen {
  readonly #began = Date.now();
  readonly #terminal = process.stdout.isTTY === true;
  #step = 0;
  #lastProgressAt = 0;

  heading(text: string): void {
    this.#write(`\n${text}\n`);
  }

  line(text: string): void {
    this.#write(`${' '.repeat(12)}${text}\n`);
  }

  step(text: string): void {
    this.#step++;
    this.#lastProgressAt = Date.now();
    this.#write(`${((Date.now() - this.#began) / 1000).toFixed(1).padStart(6)} s  ${String(this.#step).padStart(2)} ${text}\n`);
  }

  /** Refreshed in place on a terminal; elsewhere a line only while a step takes long. */
  progress(text: string): void {
    if (this.#terminal) {
      process.stdout.write(`\r\x1b[2K${' '.repeat(12)}${text}`);
      return;
    }
    if (Date.now() - this.#lastProgressAt < 3_000) return;
    this.#lastProgressAt = Date.now();
    this.line(text);
  }

  /** Columns as wide as their widest cell; numbers right-aligned. */
  table(rows: readonly (readonly string[])[]): void {
    const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((r) => (r[i] ?? '').length)));
    for (const row of rows) {
      const cells = row.map((cell, i) => (/^[\d,.]+( \w+)?$/.test(cell) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)));
      this.#write(`  ${cells.join('  ').trimEnd()}\n`);
    }
  }

  #write(text: string): void {
    process.stdout.write(this.#terminal ? `\r\x1b[2K${text}` : text);
  }
}

export const count = (n: number): string => n.toLocaleString('en-US');
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
