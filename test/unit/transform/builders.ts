import type { Header, RowChunk, SourceInfo } from '../../../src/model/chunk.ts';
import { primitive, type Schema } from '../../../src/model/schema.ts';
import { planTransforms } from '../../../src/runtime/transform-plan.ts';
import type { Logger } from '../../../src/spi/telemetry.ts';
import { chainOf } from '../../../src/transform/chain.ts';
import { type ChangeRecord, type RecordTransform, recordsOfRows } from '../../../src/transform/change-record.ts';
import { rowsOf, sourceOf, tableOf } from '../sink/builders.ts';

export const SILENT: Logger = { child: () => SILENT, debug() {}, info() {}, warn() {}, error() {} };

export const TABLE = tableOf(
  'shop',
  'customers',
  [
    ['id', primitive('int32')],
    ['name', primitive('string')],
    ['city', primitive('string', { optional: true, defaultValue: 'Ulm' })],
  ],
  ['id'],
);

export const SOURCE: SourceInfo = sourceOf(TABLE, {
  values: [
    '3.6.1.Final',
    'mysql',
    's',
    1_700_000_000_000,
    'false',
    'shop',
    null,
    0,
    0,
    'customers',
    1,
    'uuid:5',
    'bin.000001',
    4,
    0,
    9,
    null,
  ],
});

export const CONTEXT: readonly Header[] = [{ key: 'taskId', schema: primitive('string'), value: '0' }];

export function rows(op: 'c' | 'u' | 'd' | 'r' | 't', values: readonly (readonly unknown[])[], more: Partial<RowChunk> = {}): RowChunk {
  const before = op === 'u' ? values : undefined;
  return rowsOf(TABLE, op, values, {
    source: SOURCE,
    processedUs: 1_700_000_001_000_000,
    ...(before === undefined ? {} : { before }),
    ...more,
  });
}

export function recordsOf(...chunks: readonly RowChunk[]): ChangeRecord[] {
  return chunks.flatMap((chunk) => recordsOfRows(chunk, CONTEXT));
}

/** The chain of a configuration without its prefix; throws on findings. */
export function chain(config: Readonly<Record<string, string>>): RecordTransform {
  const { planned, messages } = plan(config);
  if (messages.length > 0) throw new Error(messages.join('; '));
  return chainOf(planned.map((p) => p.create(SILENT)));
}

export function plan(config: Readonly<Record<string, string>>): {
  readonly planned: ReturnType<typeof planTransforms>;
  readonly messages: readonly string[];
} {
  const findings: Parameters<typeof planTransforms>[3] = [];
  const spec = { name: 'x', config, written: config, origins: new Map<string, string>(), keyPrefix: 'debezium.source.', sink: null };
  const planned = planTransforms(config, spec, true, findings);
  return { planned, messages: findings.map((f) => `${f.key}: ${f.message}`) };
}

/** One transform `t`. */
export function single(type: string, settings: Readonly<Record<string, string>> = {}): RecordTransform {
  const own = Object.fromEntries(Object.entries(settings).map(([k, v]) => [`transforms.t.${k}`, v]));
  return chain({ transforms: 't', 'transforms.t.type': type, ...own });
}

/** A struct value by field names. */
export function named(schema: Schema | null, value: unknown): unknown {
  if (schema?.type !== 'struct' || value === null) return value;
  return Object.fromEntries(schema.fields.map((f) => [f.name, named(f.schema, (value as unknown[])[f.index])]));
}

export function fieldsOf(record: ChangeRecord | null): unknown {
  return record === null ? 'dropped' : named(record.valueSchema, record.value);
}

export function headersOf(record: ChangeRecord | null): readonly (readonly [string, unknown])[] {
  return (record?.headers ?? []).map((h) => [h.key, h.value] as const);
}
