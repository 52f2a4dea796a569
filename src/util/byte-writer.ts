/**
 * A growable output buffer. Encoders reserve, write into `buf` at `pos`, and advance `pos`; `cut()` closes one
 * value and returns a view of it. Views stay valid until `reset()`; growing copies, so views into the
 * old buffer stay valid too.
 */
export class ByteWriter {
  buf: Buffer;
  pos = 0;
  #start = 0;

  constructor(size = 1 << 20) {
    this.buf = Buffer.allocUnsafeSlow(size);
  }

  /** Makes room for `bytes` more; must precede direct writes. The value being written moves to a fresh buffer when needed. */
  reserve(bytes: number): void {
    if (this.pos + bytes <= this.buf.length) return;
    const open = this.pos - this.#start;
    const next = Buffer.allocUnsafeSlow(Math.max(this.buf.length, 2 * (open + bytes)));
    this.buf.copy(next, 0, this.#start, this.pos);
    this.buf = next;
    this.#start = 0;
    this.pos = open;
  }

  /** Closes the value begun at the last cut and returns it as a view. */
  cut(): Buffer {
    const view = this.buf.subarray(this.#start, this.pos);
    this.#start = this.pos;
    return view;
  }

  /** Starts over with a buffer of its own, because views of the last one may still be in flight. */
  reset(): void {
    this.buf = Buffer.allocUnsafeSlow(this.buf.length);
    this.pos = 0;
    this.#start = 0;
  }
}

/** Stands for a value in a `RangeWriter`; never read. */
export const IN_RANGE: Buffer = Buffer.alloc(0);

/**
 * A ByteWriter whose cuts make no views: `cut()` answers `IN_RANGE`, and value i lies in `buf` from `ends[i - 1]` (or 0) to
 * `ends[i]`, until `clear()`. For callers that copy at once: a view costs more than copying a row's 300 bytes.
 */
export class RangeWriter extends ByteWriter {
  readonly ends: number[] = [];
  readonly #keepBytes: number;

  /** Beyond `keepBytes` the buffer is given back by `clear`. */
  constructor(keepBytes: number) {
    super(keepBytes);
    this.#keepBytes = keepBytes;
  }

  override reserve(bytes: number): void {
    if (this.pos + bytes <= this.buf.length) return;
    const next = Buffer.allocUnsafeSlow(2 * (this.pos + bytes));
    this.buf.copy(next, 0, 0, this.pos);
    this.buf = next;
  }

  override cut(): Buffer {
    this.ends.push(this.pos);
    return IN_RANGE;
  }

  clear(): void {
    this.pos = 0;
    this.ends.length = 0;
    if (this.buf.length > this.#keepBytes) this.buf = Buffer.allocUnsafeSlow(this.#keepBytes);
  }
}
