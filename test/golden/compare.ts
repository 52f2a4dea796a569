import { existsSync, readFileSync } from 'node:fs';

/** One delivered record, recorded or produced, in comparable form. */
export interface Delivered {
  readonly topic: string;
  readonly key: unknown;
  readonly value: unknown;
  readonly keySchema: unknown;
  readonly valueSchema: unknown;
  readonly headers: readonly (readonly [string, unknown])[];
}

type Obj = { [key: string]: unknown };

/** Fields that differ from run to run (test/golden/README.md). */
const VARIES: ReadonlySet<string> = new Set([
  'ts_ms',
  'ts_us',
  'ts_ns',
  'thread',
  'version',
  'ts_sec',
  '__src_ts',
  '__source_ts_ms',
  '__ts_ms',
]);
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** Integers beyond 2^53 as bigint, so that neither side is rounded before it is compared. */
/** When a window of an incremental snapshot opened or closed; as long on both sides. */
const WINDOW_TIME = /("(?:open|close)WindowTimestamp":) "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"/g;

function parse(text: string): unknown {
  return JSON.parse(text, (_key, value, context?: { source: string }) =>
    typeof value === 'number' && context !== undefined && /^-?\d+$/.test(context.source) && !Number.isSafeInteger(value)
      ? BigInt(context.source)
      : value,
  );
}

function lines(path: string): Obj[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((l) => l !== '')
    .map((l) => parse(l) as Obj);
}

/** A recording: `events<suffix>.jsonl` with its schemas. */
export function loadRecording(folder: string, suffix: string): Delivered[] {
  const schemas = new Map(lines(`${folder}/schemas${suffix}.jsonl`).map((o) => [o['id'], o['schema']]));
  return lines(`${folder}/events${suffix}.jsonl`).map((o) => ({
    topic: o['topic'] as string,
    key: o['key'],
    value: o['value'],
    keySchema: schemas.get(o['keySchema']) ?? null,
    valueSchema: schemas.get(o['valueSchema']) ?? null,
    headers: headersOf(o),
  }));
}

/** What the file sink wrote with schemas.enable=true. */
export function loadProduced(path: string): Delivered[] {
  if (!existsSync(path)) return [];
  return lines(path).map((o) => {
    const key = unwrap(o['key']);
    const value = unwrap(o['value']);
    return { topic: o['topic'] as string, key: key[1], value: value[1], keySchema: key[0], valueSchema: value[0], headers: headersOf(o) };
  });
}

function unwrap(part: unknown): [schema: unknown, payload: unknown] {
  if (typeof part === 'object' && part !== null && 'schema' in part && 'payload' in part) return [part.schema, part.payload];
  return [null, part ?? null];
}

function headersOf(o: Obj): [string, unknown][] {
  return ((o['headers'] ?? []) as Obj[]).filter((h) => !String(h['key']).includes('runId')).map((h) => [h['key'] as string, h['value']]);
}

function normalise(x: unknown, varies = VARIES): unknown {
  if (Array.isArray(x)) return x.map((v) => normalise(v, varies));
  if (typeof x === 'object' && x !== null)
    return Object.fromEntries(
      Object.entries(x)
        .filter(([k]) => !varies.has(k))
        .map(([k, v]) => [k, normalise(v, varies)]),
    );
  return typeof x === 'string' ? x.replace(UUID, 'UUID').replace(WINDOW_TIME, '$1 TIME') : x;
}

/** Folds what Debezium itself writes differently in snapshot and stream, by the value's Connect schema. */
function fold(value: unknown, schema: unknown): unknown {
  if (value === null || value === undefined || typeof schema !== 'object' || schema === null) return value;
  const s = schema as Obj;
  const name = s['name'];
  if (name === 'io.debezium.data.Json' && typeof value === 'string') return { json: JSON.parse(value) as unknown };
  // No TIMESTAMP holds the epoch: it is the zero date, which Debezium for MariaDB gives as null in the snapshot and so in the stream.
  if (name === 'io.debezium.time.ZonedTimestamp' && s['optional'] === true && value === '1970-01-01T00:00:00Z') return null;
  if (name === 'io.debezium.time.ZonedTimestamp' && typeof value === 'string' && value.includes('.')) return value.replace(/\.?0+Z$/, 'Z');
  if (name === 'io.debezium.data.Enum' && typeof value === 'string') return value.replaceAll('\\,', ',');
  if (name === 'io.debezium.time.Year' && (value === 0 || value === 1900 || value === 2000)) return 'year 0, 1900 or 2000';
  if (s['type'] === 'float' && typeof value === 'number') return Number(value.toPrecision(5));
  if (s['type'] === 'struct' && typeof value === 'object') {
    const fields = new Map((s['fields'] as Obj[]).map((f) => [f['field'], f]));
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, fold(v, fields.get(k))]));
  }
  if (s['type'] === 'array' && Array.isArray(value)) return value.map((v) => fold(v, s['items']));
  return value;
}

/** The first place where two values differ, as a readable path; null when they are equal. */
function difference(a: unknown, b: unknown, path = ''): string | null {
  if (Object.is(a, b)) return null;
  if (Array.isArray(a) && Array.isArray(b) && a.length === b.length) {
    for (let i = 0; i < a.length; i++) {
      const d = difference(a[i], b[i], `${path}[${i}]`);
      if (d !== null) return d;
    }
    return null;
  }
  if (typeof a === 'object' && typeof b === 'object' && a !== null && b !== null && !Array.isArray(a) && !Array.isArray(b)) {
    const x = a as Obj;
    const y = b as Obj;
    for (const k of new Set([...Object.keys(x), ...Object.keys(y)])) {
      const d = k in x && k in y ? difference(x[k], y[k], `${path}.${k}`) : `${path}.${k} ${k in x ? 'missing' : 'is extra'}`;
      if (d !== null) return d;
    }
    return null;
  }
  if (typeof a === 'number' && typeof b === 'number' && a === b) return null;
  return `${path} expected ${show(a)} got ${show(b)}`;
}

function show(x: unknown): string {
  return (JSON.stringify(x, (_k, v: unknown) => (typeof v === 'bigint' ? `${v}n` : v)) ?? 'nothing').slice(0, 160);
}

/** Compares topic by topic, in order: key, value, headers and Connect schemas. Returns the differences, one a topic. */
export function compareDelivered(
  expected: readonly Delivered[],
  actual: readonly Delivered[],
  alsoVaries: readonly string[] = [],
): string[] {
  const varies = new Set([...VARIES, ...alsoVaries]);
  const topics = new Set([...expected, ...actual].map((e) => e.topic));
  const out: string[] = [];
  for (const topic of topics) {
    const d = compareTopic(
      expected.filter((e) => e.topic === topic),
      actual.filter((e) => e.topic === topic),
      varies,
    );
    if (d !== null) out.push(`${topic}${d}`);
  }
  return out;
}

function compareTopic(expected: readonly Delivered[], actual: readonly Delivered[], varies: ReadonlySet<string>): string | null {
  const same = (a: unknown, b: unknown, where: string) => difference(normalise(a, varies), normalise(b, varies), where);
  for (let i = 0; i < Math.max(expected.length, actual.length); i++) {
    const e = expected[i];
    const a = actual[i];
    if (e === undefined) return `[${i}] is extra: ${show(a?.value)}`;
    if (a === undefined) return `[${i}] is missing: ${show(e.value)}`;
    const d =
      same(fold(e.key, e.keySchema), fold(a.key, e.keySchema), '.key') ??
      same(fold(e.value, e.valueSchema), fold(a.value, e.valueSchema), '.value') ??
      same(e.headers, a.headers, '.headers') ??
      difference(e.keySchema, a.keySchema, '.keySchema') ??
      difference(e.valueSchema, a.valueSchema, '.valueSchema');
    if (d !== null) return `[${i}]${d}`;
  }
  return null;
}
