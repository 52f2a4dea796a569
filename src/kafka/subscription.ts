import { CdcError } from '../model/errors.ts';
import type { SchemaOperation } from '../model/schema-operation.ts';
import type { RawConfig } from '../spi/config-def.ts';

/** The topics a sink reads: `topics` or `topics.regex`, and the schema-change topics of the sources those belong to. */
export class Subscription {
  readonly #names: ReadonlySet<string>;
  readonly #pattern: RegExp | null;

  /** Throws CDC_CONFIG_INVALID unless exactly one of `topics` and `topics.regex` is given. */
  constructor(raw: RawConfig) {
    const list = (raw['topics'] ?? '')
      .split(',')
      .map((s) => s.trim())
      .filter((s) => s !== '');
    const regex = raw['topics.regex']?.trim() ?? '';
    if ((list.length === 0) === (regex === '')) {
      throw new CdcError('CDC_CONFIG_INVALID', 'config', 'Must configure one of topics or topics.regex', {
        hint: 'name the topics in "topics", or give a regular expression in "topics.regex", not both',
        context: { errors: [{ key: 'topics', message: 'Must configure one of topics or topics.regex' }] },
      });
    }
    this.#names = new Set(list);
    try {
      this.#pattern = regex === '' ? null : new RegExp(`^(?:${regex})$`);
    } catch (cause) {
      throw new CdcError('CDC_CONFIG_INVALID', 'config', `"topics.regex" is not a regular expression`, { cause });
    }
  }

  /** True for a topic asked for; schema-change topics are not, unless they match too. */
  wants(topic: string): boolean {
    return this.#names.has(topic) || this.#pattern?.test(topic) === true;
  }

  /**
   * What to read of the topics that exist. A source's schema-change topic is named as its `topic.prefix`, and data topics begin
   * with that and a dot: so every existing topic that is such a beginning is a candidate.
   */
  resolve(existing: readonly string[]): { readonly topics: readonly string[]; readonly schemaTopics: ReadonlySet<string> } {
    const all = new Set(existing);
    const data = existing.filter((t) => this.wants(t) && !t.startsWith('__'));
    const schemaTopics = new Set<string>();
    for (const topic of data) {
      for (let dot = topic.indexOf('.'); dot > 0; dot = topic.indexOf('.', dot + 1)) {
        const prefix = topic.slice(0, dot);
        if (all.has(prefix)) schemaTopics.add(prefix);
      }
    }
    return { topics: [...new Set([...data, ...schemaTopics])].sort(), schemaTopics };
  }

  /** The operations that concern tables whose topics are read. `server` is the source's `topic.prefix`. */
  relevant(
    server: string,
    operations: readonly SchemaOperation[],
    reads: (database: string, table: string) => boolean,
  ): readonly SchemaOperation[] {
    return operations.filter((o) => {
      if (o.kind === 'createDatabase' || o.kind === 'dropDatabase') return this.#readsDatabase(server, o.database);
      if ('schema' in o && o.schema !== null) return this.wants(o.schema.topic);
      return reads(o.table.database, o.table.table) || this.wants(`${server}.${o.table.database}.${o.table.table}`);
    });
  }

  #readsDatabase(server: string, database: string): boolean {
    const prefix = `${server}.${database}.`;
    return this.#pattern !== null ? this.#pattern.test(`${prefix}x`) : [...this.#names].some((n) => n.startsWith(prefix));
  }
}
