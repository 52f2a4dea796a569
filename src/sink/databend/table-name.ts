import type { TableId, TableSchema } from '../../model/table-schema.ts';
import type { TargetId } from './dialect.ts';

/** What a name can be made of. */
export interface NameSource {
  readonly id: TableId;
  readonly topic: string;
  readonly shape: TableSchema['shape'];
}

const ENVELOPE_FORMAT = '${source.db}.${source.table}';
const ROW_FORMAT = '${topic}';

/**
 * The target of a source table: `table.name.format`, by default `${source.db}.${source.table}` for Debezium envelopes and
 * `${topic}` otherwise. Only a dot of the format itself separates database and table; one inside a name stays in it.
 */
export function targetName(format: string | null, defaultDatabase: string, source: NameSource): TargetId {
  const parts = (format ?? (source.shape === 'envelope' ? ENVELOPE_FORMAT : ROW_FORMAT)).split(/\.(?![^{]*\})/);
  const fill = (text: string): string =>
    text.replace(/\$\{(topic|source\.db|source\.table)\}/g, (_, name: string) =>
      name === 'topic' ? source.topic : name === 'source.db' ? source.id.database : source.id.table,
    );
  if (parts.length === 1) return { database: defaultDatabase, table: fill(parts[0] as string) };
  return { database: fill(parts[0] as string), table: parts.slice(1).map(fill).join('.') };
}
