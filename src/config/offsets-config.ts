import type { ConfigKey } from '../spi/config-def.ts';
import type { OffsetsConfig } from './run-config.ts';

/** Where offsets are kept: the same keys in a worker and below `debezium.source.`. */
export interface OffsetKeys {
  readonly 'offset.storage': string;
  readonly 'offset.storage.file.filename': string | null;
  readonly 'offset.flush.interval.ms': number;
  readonly 'offset.flush.timeout.ms': number;
  readonly 'offset.commit.policy': string | null;
}

export const DEFAULT_OFFSET_FILE = './data/offsets.dat';

export const offsetKeys: { readonly [K in keyof OffsetKeys]: ConfigKey<OffsetKeys[K]> } = {
  'offset.storage': {
    type: 'class',
    default: 'org.apache.kafka.connect.storage.FileOffsetBackingStore',
    importance: 'high',
    group: 'Offsets',
    doc: 'Where offsets are kept: FileOffsetBackingStore or MemoryOffsetBackingStore (Java class names, with or without package), or file, memory.',
    validate: (value) => (storeKind(value) === null ? 'only FileOffsetBackingStore and MemoryOffsetBackingStore are available' : null),
  },
  'offset.storage.file.filename': {
    type: 'string',
    default: null,
    importance: 'high',
    group: 'Offsets',
    doc: `The offset file. Default ${DEFAULT_OFFSET_FILE}, below the working directory.`,
  },
  'offset.flush.interval.ms': {
    type: 'long',
    default: 60_000,
    min: 0,
    importance: 'low',
    group: 'Offsets',
    doc: 'How often offsets are saved while rows flow, milliseconds; they are also saved whenever nothing flows, and at the end.',
  },
  'offset.flush.timeout.ms': {
    type: 'long',
    default: 5000,
    min: 0,
    importance: 'low',
    group: 'Offsets',
    doc: 'Accepted for compatibility: saving is not cut off.',
  },
  'offset.commit.policy': {
    type: 'class',
    default: null,
    importance: 'low',
    group: 'Offsets',
    doc: 'Accepted for compatibility: offset.flush.interval.ms decides.',
  },
};

/** `file`, `memory`, or null for a store riverbend does not have. */
export function storeKind(className: string): 'file' | 'memory' | null {
  const simple = className.slice(className.lastIndexOf('.') + 1).toLowerCase();
  if (simple === 'fileoffsetbackingstore' || simple === 'file') return 'file';
  if (simple === 'memoryoffsetbackingstore' || simple === 'memory') return 'memory';
  return null;
}

export function offsetsOf(keys: OffsetKeys): OffsetsConfig {
  const kind = storeKind(keys['offset.storage']) ?? 'file';
  const path = keys['offset.storage.file.filename'];
  return {
    kind,
    path: kind === 'file' ? (path ?? DEFAULT_OFFSET_FILE) : '',
    isDefault: kind === 'file' && path === null,
    flushIntervalMs: keys['offset.flush.interval.ms'],
  };
}
