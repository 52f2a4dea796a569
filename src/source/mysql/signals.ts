import type { Row } from '../../model/chunk.ts';
import type { TableId } from '../../model/table-schema.ts';
import type { Logger } from '../../spi/telemetry.ts';

/** One request sent to the connector, whatever channel it came by. */
export interface Signal {
  readonly id: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface AdditionalCondition {
  readonly collection: string;
  readonly filter: string;
}

/** What `execute-snapshot`, `stop-snapshot`, `pause-snapshot` and `resume-snapshot` say. */
export interface SnapshotRequest {
  readonly kind: 'incremental' | 'blocking';
  /** Names or regular expressions of tables. */
  readonly collections: readonly string[];
  readonly conditions: readonly AdditionalCondition[];
  readonly surrogateKey: string | null;
}

/** A row of the signal table: its first three columns by position. Null and a warning where it is no signal. */
export function signalOfRow(row: Row, logger: Logger): Signal | null {
  const [id, type, data] = row;
  if (typeof id !== 'string' || typeof type !== 'string') {
    logger.warn({}, 'a row of the signal table is no signal: its first three columns have to be id, type and data, as text');
    return null;
  }
  return signalOf(id, type, typeof data === 'string' ? data : null, logger);
}

/** `data` is JSON text, or what was read from it. */
export function signalOf(id: string, type: string, data: unknown, logger: Logger): Signal | null {
  if (data === null || data === undefined || data === '') return { id, type, data: {} };
  let value: unknown = data;
  if (typeof data === 'string') {
    try {
      value = JSON.parse(data) as unknown;
    } catch {
      value = null;
    }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    logger.warn({ signal: id, type }, 'a signal was left out: its data is no JSON object');
    return null;
  }
  return { id, type, data: value as Record<string, unknown> };
}

/** Null and a warning where the data does not say what is wanted. */
export function snapshotRequest(signal: Signal, logger: Logger): SnapshotRequest | null {
  const { data } = signal;
  const kind = String(data['type'] ?? 'incremental').toLowerCase();
  if (kind !== 'incremental' && kind !== 'blocking') {
    logger.warn({ signal: signal.id, type: signal.type }, 'a signal was left out: "type" is neither incremental nor blocking');
    return null;
  }
  const collections = texts(data['data-collections']);
  const conditions: AdditionalCondition[] = [];
  for (const entry of Array.isArray(data['additional-conditions']) ? (data['additional-conditions'] as unknown[]) : []) {
    const { 'data-collection': collection, filter } = (entry ?? {}) as Record<string, unknown>;
    if (typeof collection === 'string' && typeof filter === 'string' && filter.trim() !== '') conditions.push({ collection, filter });
  }
  const one = data['additional-condition'];
  if (conditions.length === 0 && typeof one === 'string' && one.trim() !== '') {
    for (const collection of collections) conditions.push({ collection, filter: one });
  }
  const surrogate = data['surrogate-key'];
  return {
    kind,
    collections,
    conditions,
    surrogateKey: typeof surrogate === 'string' && surrogate.trim() !== '' ? surrogate.trim() : null,
  };
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((v): v is string => typeof v === 'string' && v.trim() !== '').map((v) => v.trim()) : [];
}

/** `signal.data.collection` as a table; null when it is not `database.table`. */
export function signalTable(name: string | null): TableId | null {
  if (name === null || name.trim() === '') return null;
  const [database, table, ...rest] = name
    .trim()
    .split('.')
    .map((part) => part.replace(/^`(.*)`$/, '$1'));
  return database === undefined || table === undefined || rest.length > 0 || database === '' || table === '' ? null : { database, table };
}
