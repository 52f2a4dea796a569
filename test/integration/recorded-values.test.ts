/**
 * The statements of recordings, run on real servers and decoded from snapshot and binlog, give the values real Debezium
 * recorded (but for the spellings test/golden/README.md lists).
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { valueToJson } from '../../src/convert/json/json-value.ts';
import type { Row } from '../../src/model/chunk.ts';
import type { TableSchema } from '../../src/model/table-schema.ts';
import { compileColumnMasks } from '../../src/relational/column-masks.ts';
import type { Table } from '../../src/relational/table.ts';
import { type CodecOptions, compileTable, defaultCodecOptions } from '../../src/source/mysql/schema/table-codec.ts';
import { compileSnapshotReader } from '../../src/source/mysql/snapshot/row-codec.ts';
import { compareDelivered, type Delivered, loadRecording } from '../golden/compare.ts';
import { recordedTables } from '../support/recorded-tables.ts';
import { type Admin, adminOf, decodeAll, positionOf, rowsBetween, snapshotRows } from '../support/row-events.ts';
import { mariadbPort, mysqlPort } from '../support/servers.ts';

const CASES_FOLDER = join(import.meta.dirname, '../golden/cases');

const CASES: readonly (readonly [name: string, database: string, options: Partial<CodecOptions>])[] = [
  ['types', 'g_types', {}],
  ['types-mysql9', 'g_types_mysql9', {}],
  ['types-bigint-unsigned-precise', 'g_types', { bigintUnsigned: 'precise' }],
  ['types-decimal-string', 'g_types', { decimalHandling: 'string' }],
  ['types-time-connect', 'g_types', { timePrecision: 'connect' }],
  ['charsets', 'g_charsets', {}],
  ['generated', 'g_generated', {}],
  [
    'column-mask',
    'inventory',
    {
      maskFor: compileColumnMasks({
        'column.mask.with.12.chars': 'inventory\\.customers\\.email',
        'column.truncate.to.3.chars': 'inventory\\.customers\\.last_name',
        'column.mask.hash.SHA-256.with.salt.CzQMA0cB5K': 'inventory\\.addresses\\.street',
        'column.mask.hash.v2.SHA-256.with.salt.CzQMA0cB5K': 'inventory\\.addresses\\.city',
        'column.mask.with.0.chars': 'inventory\\.addresses\\.zip',
      }),
    },
  ],
];

for (const server of ['mysql', 'mariadb'] as const) {
  const suffix = server === 'mariadb' ? '.mariadb' : '';
  describe(`values recorded from Debezium on ${server}`, { concurrency: false }, () => {
    let admin: Admin;
    /** Scripts change their session: each gets one of its own. */
    const run = async (sql: string): Promise<void> => {
      const session = await adminOf(port());
      await session.query(sql).finally(() => session.end());
    };
    const port = (): number => (server === 'mysql' ? mysqlPort() : mariadbPort());
    before(async () => {
      admin = await adminOf(port());
    });
    after(async () => {
      await admin.end();
    });

    for (const [name, database, lenient] of CASES) {
      const folder = join(CASES_FOLDER, name);
      if (!existsSync(join(folder, `events${suffix}.jsonl`))) continue;
      test(name, async () => {
        const own = `rb_recorded_${server}_${name.replaceAll('-', '_')}`;
        const script = (file: string): string => {
          const special = join(folder, file.replace('.sql', `${suffix}.sql`));
          const text = readFileSync(existsSync(special) ? special : join(folder, file), 'utf8');
          return text.replace(new RegExp(`\\b${database}\\b`, 'g'), own);
        };
        const options: CodecOptions = {
          ...defaultCodecOptions('dbserver1', server),
          convertFailure: 'warn',
          bigintUnsigned: 'long_wrap',
          ...lenient,
        };
        const tables = compiled(name, suffix, database, options);
        try {
          await run(script('setup.sql'));
          const snapshot: Delivered[] = [];
          for (const { table, schema } of tables.values()) {
            const there = await admin.query('SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?', [
              own,
              table.id.table,
            ]);
            if (there.length === 0) continue;
            const reader = compileSnapshotReader(table, schema, options);
            for (const row of await snapshotRows(port(), `\`${own}\`.\`${table.id.table}\``, reader)) {
              snapshot.push(delivered(schema, 'r', null, row));
            }
          }
          const from = await positionOf(admin, server);
          await run(script('run.sql'));
          const events = await rowsBetween(port(), from, await positionOf(admin, server), own, server);
          const streamed = decodeAll(events, tables, options).map((change) => {
            const schema = (tables.get(change.table) as { schema: TableSchema }).schema;
            return delivered(schema, change.op, change.before, change.after);
          });
          const expected = recorded(folder, suffix, new Set([...tables.values()].map((t) => t.schema.topic)));
          // table.include.list leaves some tables of the database out.
          const topics = new Set(expected.map((e) => e.topic));
          const produced = [...snapshot, ...streamed].filter((p) => topics.has(p.topic));
          const withSchemas = produced.map((p) => ({
            ...p,
            valueSchema: expected.find((e) => e.topic === p.topic)?.valueSchema ?? null,
          }));
          assert.ok(produced.length > 0);
          assert.deepEqual(compareDelivered(expected, withSchemas), []);
        } finally {
          await admin.query(`DROP DATABASE IF EXISTS \`${own}\``);
        }
      });
    }
  });
}

function compiled(
  name: string,
  suffix: string,
  database: string,
  options: CodecOptions,
): Map<string, { table: Table; schema: TableSchema }> {
  const tables = new Map<string, { table: Table; schema: TableSchema }>();
  for (const table of recordedTables(name, suffix).values()) {
    if (table.id.database === database) tables.set(table.id.table, { table, schema: compileTable(table, options) });
  }
  return tables;
}

function delivered(schema: TableSchema, op: string, rowBefore: Row | null, rowAfter: Row | null): Delivered {
  const json = (row: Row | null): unknown => (row === null ? null : parseLossless(valueToJson(schema.value, row)));
  const value = { before: json(rowBefore), after: json(rowAfter), op };
  return { topic: schema.topic, key: null, value, keySchema: null, valueSchema: null, headers: [] };
}

/** The row events of a recording, reduced to before, after and op; tombstones left out. */
function recorded(folder: string, suffix: string, topics: ReadonlySet<string>): Delivered[] {
  return loadRecording(folder, suffix)
    .filter((e) => topics.has(e.topic) && e.value !== null)
    .map((e) => {
      const { before: rowBefore, after: rowAfter, op } = e.value as Record<string, unknown>;
      // MariaDB's stream alone has the epoch for a zero TIMESTAMP that may be NULL; ours is null both ways.
      if (suffix !== '' && e.topic.endsWith('.t_zero')) {
        for (const row of [rowBefore, rowAfter] as (Record<string, unknown> | null)[])
          if (row?.['ts'] === '1970-01-01T00:00:00Z') row['ts'] = null;
      }
      return { ...e, key: null, keySchema: null, headers: [], value: { before: rowBefore, after: rowAfter, op } };
    });
}

function parseLossless(text: string): unknown {
  return JSON.parse(text, (_key, value, context?: { source: string }) =>
    typeof value === 'number' && context !== undefined && /^-?\d+$/.test(context.source) && !Number.isSafeInteger(value)
      ? BigInt(context.source)
      : value,
  );
}
