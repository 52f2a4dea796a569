/**
 * What has been read, in the server's own terms: a MySQL GTID set (`uuid[:tag]:1-5:7,…`) or a MariaDB
 * position (`domain-server-seq,…`). Mutable on purpose: one `add` and at most one `format` per transaction.
 */
export interface GtidState {
  /** Counts one transaction as read. */
  add(gtid: string): void;
  has(gtid: string): boolean;
  format(): string;
  clone(): GtidState;
}

/** `text` as the flavour writes it; the empty text is the empty state. Throws RangeError when it cannot be read. */
export function parseGtids(flavour: 'mysql' | 'mariadb', text: string): GtidState {
  return flavour === 'mysql' ? MySqlGtidSet.parse(text) : MariaDbGtidPosition.parse(text);
}

/** Everything `mark` has is in `state`; false for states of different servers. */
export function gtidsContain(state: GtidState, mark: GtidState): boolean {
  if (state instanceof MySqlGtidSet) return mark instanceof MySqlGtidSet && state.contains(mark);
  return state instanceof MariaDbGtidPosition && mark instanceof MariaDbGtidPosition && state.contains(mark);
}

/** Inclusive, ascending, not adjacent. GNOs are int64; numbers hold them exactly below 2^53, and larger ones are refused. */
type Intervals = [number, number][];

function parseNumber(text: string): number {
  const n = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(n)) throw new RangeError(`"${text}" is not a transaction number`);
  return n;
}

function interval(from: number, to: number): string {
  return from === to ? `:${from}` : `:${from}-${to}`;
}

function formatSource(source: string, intervals: Intervals): string {
  let text = source;
  for (const [a, b] of intervals) text += interval(a, b);
  return text;
}

export class MySqlGtidSet implements GtidState {
  readonly #sources: Map<string, Intervals>;
  #text: string | null = null;
  /** The source of the newest transaction, and the text before and behind the end of its last interval; '' = to be made anew. */
  #lastSource = '';
  #before = '';
  #after = '';

  private constructor(sources: Map<string, Intervals>) {
    this.#sources = sources;
  }

  static parse(text: string): MySqlGtidSet {
    const set = new MySqlGtidSet(new Map());
    for (const part of text.replace(/\s/g, '').split(',')) {
      if (part === '') continue;
      const [uuid, ...rest] = part.split(':');
      if (uuid === undefined || !/^[0-9a-f-]{36}$/i.test(uuid)) throw new RangeError(`"${part}" is not a GTID set`);
      let source = uuid.toLowerCase();
      for (const piece of rest) {
        if (!/^\d/.test(piece)) {
          source = `${uuid.toLowerCase()}:${piece.toLowerCase()}`;
          continue;
        }
        const [from, to] = piece.split('-');
        set.#addRange(source, parseNumber(from as string), parseNumber(to ?? (from as string)));
      }
    }
    return set;
  }

  add(gtid: string): void {
    const colon = gtid.lastIndexOf(':');
    const source = colon === this.#lastSource.length && gtid.startsWith(this.#lastSource) ? this.#lastSource : gtid.slice(0, colon);
    const n = parseNumber(gtid.slice(colon + 1));
    const last = this.#sources.get(source)?.at(-1);
    if (last === undefined || last[1] + 1 !== n) {
      this.#addRange(source, n, n);
      return;
    }
    last[1] = n;
    if (source !== this.#lastSource) this.#surround(source);
    this.#text = null;
  }

  /** Remembers what stands around the end of the newest interval of `source`, so that the next text is made of three pieces. */
  #surround(source: string): void {
    let head = '';
    let mine = '';
    let tail = '';
    for (const [name, intervals] of this.#sources) {
      if (name === source) {
        const newest = intervals.length - 1;
        mine = intervals.reduce((text, [a, b], i) => text + (i === newest ? `:${a}` : interval(a, b)), name);
      } else if (mine === '') head += `${formatSource(name, intervals)},`;
      else tail += `,${formatSource(name, intervals)}`;
    }
    this.#lastSource = source;
    this.#before = head + mine;
    this.#after = tail;
  }

  #addRange(source: string, from: number, to: number): void {
    if (to < from) return;
    this.#text = null;
    this.#lastSource = '';
    const merged: Intervals = [];
    let a = from;
    let b = to;
    let placed = false;
    for (const [x, y] of this.#sources.get(source) ?? []) {
      if (y + 1 < a) merged.push([x, y]);
      else if (b + 1 < x) {
        if (!placed) merged.push([a, b]);
        placed = true;
        merged.push([x, y]);
      } else {
        a = Math.min(a, x);
        b = Math.max(b, y);
      }
    }
    if (!placed) merged.push([a, b]);
    this.#sources.set(source, merged);
  }

  has(gtid: string): boolean {
    const colon = gtid.lastIndexOf(':');
    const n = parseNumber(gtid.slice(colon + 1));
    return (this.#sources.get(gtid.slice(0, colon)) ?? []).some(([a, b]) => a <= n && n <= b);
  }

  /** Every transaction of `other` is in this set. */
  contains(other: MySqlGtidSet): boolean {
    for (const [source, intervals] of other.#sources) {
      const mine = this.#sources.get(source) ?? [];
      if (!intervals.every(([a, b]) => mine.some(([x, y]) => x <= a && b <= y))) return false;
    }
    return true;
  }

  /** What this set has and `other` has not. */
  minus(other: MySqlGtidSet): MySqlGtidSet {
    const rest = new MySqlGtidSet(new Map());
    for (const [source, intervals] of this.#sources) {
      for (const [a, b] of intervals) {
        let from = a;
        for (const [x, y] of other.#sources.get(source) ?? []) {
          if (y < from || x > b) continue;
          rest.#addRange(source, from, x - 1);
          from = y + 1;
        }
        rest.#addRange(source, from, b);
      }
    }
    return rest;
  }

  intersects(other: MySqlGtidSet): boolean {
    for (const [source, intervals] of this.#sources) {
      const theirs = other.#sources.get(source) ?? [];
      if (intervals.some(([a, b]) => theirs.some(([x, y]) => x <= b && a <= y))) return true;
    }
    return false;
  }

  isEmpty(): boolean {
    return this.#sources.size === 0;
  }

  format(): string {
    if (this.#text !== null) return this.#text;
    const newest = this.#lastSource === '' ? undefined : this.#sources.get(this.#lastSource)?.at(-1);
    if (newest === undefined) this.#text = Array.from(this.#sources, ([name, intervals]) => formatSource(name, intervals)).join(',');
    else this.#text = this.#before + (newest[0] === newest[1] ? '' : `-${newest[1]}`) + this.#after;
    return this.#text;
  }

  clone(): MySqlGtidSet {
    const copy = new Map<string, Intervals>();
    for (const [source, intervals] of this.#sources)
      copy.set(
        source,
        intervals.map(([a, b]) => [a, b]),
      );
    return new MySqlGtidSet(copy);
  }
}

/** The last transaction of each domain. */
export class MariaDbGtidPosition implements GtidState {
  readonly #domains: Map<number, { server: number; seq: bigint; text: string }>;
  #text: string | null = null;

  private constructor(domains: Map<number, { server: number; seq: bigint; text: string }>) {
    this.#domains = domains;
  }

  static parse(text: string): MariaDbGtidPosition {
    const position = new MariaDbGtidPosition(new Map());
    for (const part of text.replace(/\s/g, '').split(',')) if (part !== '') position.add(part);
    return position;
  }

  add(gtid: string): void {
    const m = /^(\d+)-(\d+)-(\d+)$/.exec(gtid);
    if (m === null) throw new RangeError(`"${gtid}" is not a MariaDB GTID`);
    this.#text = null;
    this.#domains.set(Number(m[1]), { server: Number(m[2]), seq: BigInt(m[3] as string), text: gtid });
  }

  has(gtid: string): boolean {
    const [domain, , seq] = gtid.split('-');
    const mine = this.#domains.get(Number(domain));
    return mine !== undefined && BigInt(seq as string) <= mine.seq;
  }

  /** Every domain of `other` is at most as far as here. */
  contains(other: MariaDbGtidPosition): boolean {
    for (const entry of other.#domains.values()) if (!this.has(entry.text)) return false;
    return true;
  }

  format(): string {
    this.#text ??= [...this.#domains.values()].map((d) => d.text).join(',');
    return this.#text;
  }

  clone(): MariaDbGtidPosition {
    return new MariaDbGtidPosition(new Map([...this.#domains].map(([k, v]) => [k, { ...v }])));
  }
}
