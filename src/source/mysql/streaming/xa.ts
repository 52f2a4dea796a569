import { CdcError } from '../../../model/errors.ts';
import type { QueueEntry } from '../../change-queue.ts';

/** Identity of an XA branch as text: format, global part and branch part in hex. */
function xidText(format: string | number, global: string, branch: string): string {
  return `${format}:${global.toLowerCase()}:${branch.toLowerCase()}`;
}

/** XA_PREPARE_LOG_EVENT after its first byte. */
export function parseXid(buffer: Buffer, pos: number): string {
  const format = buffer.readInt32LE(pos);
  const global = buffer.readInt32LE(pos + 4);
  const branch = buffer.readInt32LE(pos + 8);
  const data = pos + 12;
  return xidText(format, buffer.toString('hex', data, data + global), buffer.toString('hex', data + global, data + global + branch));
}

const XA = /^\s*XA\s+(START|BEGIN|END|PREPARE|COMMIT|ROLLBACK)\b(?:\s+X'([0-9a-f]*)'\s*(?:,\s*X'([0-9a-f]*)'\s*(?:,\s*(\d+))?)?)?/i;

/** An XA statement as servers log it (`XA COMMIT X'7831',X'',1`), or null for any other. */
export function xaStatement(sql: string): { readonly verb: string; readonly xid: string | null } | null {
  const m = XA.exec(sql);
  if (m === null) return null;
  const verb = (m[1] as string).toUpperCase();
  return { verb: verb === 'BEGIN' ? 'START' : verb, xid: m[2] === undefined ? null : xidText(m[4] ?? '1', m[2], m[3] ?? '') };
}

/**
 * Rows of prepared XA transactions wait here for their XA COMMIT and are dropped at XA ROLLBACK: a binlog has them at
 * XA PREPARE already. Bounded: CDC_MYSQL_XA beyond `limitBytes`.
 */
export class XaHold {
  readonly #limitBytes: number;
  readonly #prepared = new Map<string, readonly QueueEntry[]>();
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Something is prepared and undecided: reading must not resume behind it. */
  get holding(): boolean {
    return this.#prepared.size > 0;
  }

  account(entry: QueueEntry): QueueEntry {
    this.#bytes += entry.bytes;
    if (this.#bytes > this.#limitBytes) {
      throw new CdcError('CDC_MYSQL_XA', 'fatal', `prepared XA transactions hold more than ${this.#limitBytes} bytes of rows`, {
        hint: 'raise max.queue.size.in.bytes, or commit XA transactions in one phase',
      });
    }
    return entry;
  }

  forget(entry: QueueEntry): void {
    this.#bytes -= entry.bytes;
  }

  prepare(xid: string, entries: readonly QueueEntry[]): void {
    this.#prepared.set(xid, entries);
  }

  /** The branch is decided: its rows; undefined when it was never prepared here. */
  resolve(xid: string): readonly QueueEntry[] | undefined {
    const entries = this.#prepared.get(xid);
    this.#prepared.delete(xid);
    for (const e of entries ?? []) this.forget(e);
    return entries;
  }
}
