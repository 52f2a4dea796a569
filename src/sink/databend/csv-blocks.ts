/** Bytes of a block. */
const BLOCK_BYTES = 1 << 20;
/** Characters per string before it becomes bytes: long ropes are slow to flatten. */
const TEXT_LENGTH = 1 << 16;

/**
 * Memory the files of a flush are written into, used again by the next one: buffers made anew would wait outside of the heap, where the
 * garbage collector hardly counts them.
 */
export class CsvBlocks {
  readonly #keep: number;
  #free: Buffer[] = [];
  #used: Buffer[] = [];

  /** `keepBytes` stay allocated between flushes, at most. */
  constructor(keepBytes: number) {
    this.#keep = Math.max(1, Math.floor(keepBytes / BLOCK_BYTES));
  }

  /** The lines as UTF-8. What it returns is valid until `release`. */
  write(lines: Iterable<string>): { content: Buffer[]; rows: number } {
    const content: Buffer[] = [];
    let block: Buffer | null = null;
    let from = 0;
    let at = 0;
    let text = '';
    let rows = 0;
    const close = (): void => {
      if (block !== null && at > from) content.push(block.subarray(from, at));
      from = at;
    };
    const put = (): void => {
      // No character of a string takes more than three bytes.
      const most = 3 * text.length;
      if (most > BLOCK_BYTES) {
        close();
        content.push(Buffer.from(text));
      } else {
        if (block === null || at + most > BLOCK_BYTES) {
          close();
          block = this.#take();
          from = at = 0;
        }
        at += block.write(text, at);
      }
      text = '';
    };
    for (const line of lines) {
      text += line;
      rows++;
      if (text.length >= TEXT_LENGTH) put();
    }
    if (text !== '') put();
    close();
    return { content, rows };
  }

  /** Everything written was taken; the memory is used again. */
  release(): void {
    for (const block of this.#used) if (this.#free.length < this.#keep) this.#free.push(block);
    this.#used = [];
  }

  /** Something may still read what was written: new memory is used from here on. */
  abandon(): void {
    this.#used = [];
  }

  #take(): Buffer {
    const block = this.#free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
    this.#used.push(block);
    return block;
  }
}
