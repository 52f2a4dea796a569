/**
 * After every statement of the corpus, as the binlog has it, our model is what information_schema says; and so is a model
 * read from SHOW CREATE TABLE, and one recovered from the history.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import mysql, { type RowDataPacket } from 'mysql2/promise';
import type { Column, Table } from '../../src/relational/table.ts';
import type { DatabaseSchema } from '../../src/source/mysql/schema/database-schema.ts';
import type { HistoryRecord } from '../../src/spi/schema-history.ts';
import { mariadbPort, mysqlPort } from '../support/servers.ts';
import { until } from '../support/until.ts';
import { newSchema } from '../unit/source/mysql/schema/new-schema.ts';
import { CORPUS } from './ddl-statements.ts';

const DATABASE = 'ddl_corpus';
const SQL_MODE: Readonly<Record<string, number>> = { ANSI_QUOTES: 4, NO_BACKSLASH_ESCAPES: 0x100000 };

/** A column as one line, comparable between the model and information_schema. */
type Line = string;

const SYNONYMS: Readonly<Record<string, string>> = {
  int1: 'tinyint',
  int2: 'smallint',
  int3: 'mediumint',
  middleint: 'mediumint',
  int4: 'int',
  integer: 'int',
  int8: 'bigint',
  bool: 'tinyint',
  boolean: 'tinyint',
  dec: 'decimal',
  numeric: 'decimal',
  fixed: 'decimal',
  float4: 'float',
  float8: 'double',
  real: 'double',
  'double precision': 'double',
  character: 'char',
  nchar: 'char',
  'national char': 'char',
  'national character': 'char',
  long: 'mediumtext',
  'long varchar': 'mediumtext',
  'long varbinary': 'mediumblob',
  geometrycollection: 'geomcollection',
};

const MAX_BYTES: Readonly<Record<string, number>> = { utf8mb4: 4, utf8mb3: 3, ucs2: 2, gb18030: 4 };

function typeOf(c: Column): string {
  const written = c.typeName.replace(/ UNSIGNED| ZEROFILL/g, '').toLowerCase();
  const name = SYNONYMS[written] ?? (/var|varying/.test(written) && written !== 'varbinary' ? 'varchar' : written);
  if (name === 'float' && c.scale === null && (c.length ?? 0) > 24) return 'double';
  if ((name === 'text' || name === 'blob') && c.length !== null) {
    const bytes = c.length * (name === 'text' ? (MAX_BYTES[c.charsetName ?? ''] ?? 1) : 1);
    return (bytes < 256 ? 'tiny' : bytes < 65536 ? '' : bytes < 1 << 24 ? 'medium' : 'long') + name;
  }
  return name;
}

function modelLine(c: Column, table: Table): Line {
  const type = typeOf(c);
  return JSON.stringify({
    position: c.position,
    name: c.name,
    type,
    unsigned: c.typeName.includes('UNSIGNED'),
    zerofill: c.typeName.includes('ZEROFILL'),
    nullable: c.optional,
    charset: c.charsetName,
    length: /^(char|varchar|binary|varbinary)$/.test(type) ? c.length : null,
    decimal: type === 'decimal' ? [c.length, c.scale] : null,
    bits: type === 'bit' ? c.length : null,
    fraction: /^(time|datetime|timestamp)$/.test(type) ? (c.length ?? 0) : null,
    members: c.enumValues,
    autoIncrement: c.autoIncremented,
    computed: c.computed,
    invisible: c.invisible,
    comment: c.comment,
    key: table.primaryKeyColumnNames.indexOf(c.name),
  });
}

function serverLine(r: RowDataPacket, primary: readonly string[]): Line {
  const type = String(r['DATA_TYPE']).toLowerCase();
  const full = String(r['COLUMN_TYPE'])
    .replace(/'[^']*'/g, '')
    .toLowerCase();
  const extra = String(r['EXTRA']).toUpperCase();
  const members = /^(enum|set)$/.test(type)
    ? [...String(r['COLUMN_TYPE']).matchAll(/'((?:[^']|'')*)'/g)].map((m) => `'${(m[1] as string).replaceAll('\\\\', '\\')}'`)
    : null;
  return JSON.stringify({
    position: Number(r['ORDINAL_POSITION']),
    name: r['COLUMN_NAME'],
    type: SYNONYMS[type] ?? type,
    unsigned: full.includes('unsigned'),
    zerofill: full.includes('zerofill'),
    nullable: r['IS_NULLABLE'] === 'YES',
    charset: r['CHARACTER_SET_NAME'],
    length: /^(char|varchar|binary|varbinary)$/.test(type) ? Number(r['CHARACTER_MAXIMUM_LENGTH']) : null,
    decimal: type === 'decimal' ? [Number(r['NUMERIC_PRECISION']), Number(r['NUMERIC_SCALE'])] : null,
    bits: type === 'bit' ? Number(r['NUMERIC_PRECISION']) : null,
    fraction: /^(time|datetime|timestamp)$/.test(type) ? Number(r['DATETIME_PRECISION']) : null,
    members,
    autoIncrement: extra.includes('AUTO_INCREMENT') || extra.includes('ON UPDATE'),
    // Row versions are stored like any other column.
    computed: /^ROW (START|END)$/i.test(String(r['GENERATION_EXPRESSION']))
      ? null
      : (/(VIRTUAL|STORED) GENERATED/.exec(extra)?.[1] ?? null),
    invisible: extra.includes('INVISIBLE'),
    comment: r['COLUMN_COMMENT'] === '' ? null : r['COLUMN_COMMENT'],
    key: primary.indexOf(r['COLUMN_NAME'] as string),
  });
}

/** Defaults by column; SHOW CREATE TABLE pads numbers, and BINARY with zeros. */
function defaults(schema: DatabaseSchema, table: string): unknown[] {
  const same = (c: Column, text: string): unknown => {
    if (c.jdbcType === -2) return text.replace(/\0+$/, '');
    if (/^(TRUE|FALSE)$/i.test(text)) return text.toUpperCase() === 'TRUE' ? 1 : 0;
    return c.charsetName === null && text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
  };
  return (schema.tables.get({ database: DATABASE, table })?.columns ?? []).map((c) => [
    c.name,
    c.hasDefault,
    c.defaultValueExpression === null ? null : same(c, c.defaultValueExpression),
  ]);
}

/** The lines that differ, ours and the server's. */
function difference(ours: ReadonlyMap<string, Line[]>, theirs: ReadonlyMap<string, Line[]>): string[] {
  const flat = (m: ReadonlyMap<string, Line[]>): string[] => [...m].flatMap(([table, lines]) => lines.map((l) => `${table} ${l}`));
  const [a, b] = [flat(ours), flat(theirs)];
  return [...a.filter((l) => !b.includes(l)).map((l) => `ours   ${l}`), ...b.filter((l) => !a.includes(l)).map((l) => `server ${l}`)];
}

function model(schema: DatabaseSchema, database = DATABASE): Map<string, Line[]> {
  return new Map(schema.tables.list(database).map((t) => [t.id.table, t.columns.map((c) => modelLine(c, t))]));
}

for (const server of ['mysql', 'mariadb'] as const) {
  describe(`DDL corpus on ${server}`, () => {
    let admin: mysql.Connection;
    let session: mysql.Connection;

    before(async () => {
      const options = { host: '127.0.0.1', port: server === 'mysql' ? mysqlPort() : mariadbPort(), user: 'root' };
      admin = await mysql.createConnection(options);
      await admin.query(`DROP DATABASE IF EXISTS ${DATABASE}`);
      await admin.query(`CREATE DATABASE ${DATABASE} CHARACTER SET utf8mb4`);
      session = await mysql.createConnection({ ...options, database: DATABASE });
    });

    after(async () => {
      await admin?.query(`DROP DATABASE IF EXISTS ${DATABASE}`);
      await admin?.end();
      await session?.end();
    });

    const rows = async (sql: string): Promise<RowDataPacket[]> => (await admin.query<RowDataPacket[]>(sql))[0];

    async function position(): Promise<{ file: string; pos: number }> {
      const [row] = await rows(server === 'mysql' ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS');
      return { file: row?.['File'] as string, pos: Number(row?.['Position']) };
    }

    /** Statements of our database logged since, as the binlog has them. */
    async function logged(since: { file: string; pos: number }): Promise<string[]> {
      let events: RowDataPacket[] = [];
      // Other tests write to the same binlog; its last event may be half there.
      await until('a readable end of the binlog', 10_000, async () => {
        try {
          events = await rows(`SHOW BINLOG EVENTS IN '${since.file}' FROM ${since.pos}`);
          return true;
        } catch (error) {
          if ((error as { code?: string }).code !== 'ER_ERROR_WHEN_EXECUTING_COMMAND') throw error;
          return false;
        }
      });
      const prefix = `use \`${DATABASE}\`; `;
      return events
        .filter((e) => e['Event_type'] === 'Query' && (String(e['Info']).startsWith(prefix) || /^ALTER DATABASE/.test(String(e['Info']))))
        .map((e) => String(e['Info']).replace(prefix, ''));
    }

    async function serverModel(database = DATABASE): Promise<Map<string, Line[]>> {
      const keys = await rows(
        `SELECT table_name AS t, column_name AS c FROM information_schema.statistics WHERE table_schema='${database}' AND index_name='PRIMARY' ORDER BY table_name, seq_in_index`,
      );
      const columns = await rows(
        `SELECT c.* FROM information_schema.columns c JOIN information_schema.tables t ON t.table_schema=c.table_schema AND t.table_name=c.table_name
         WHERE c.table_schema='${database}' AND t.table_type IN ('BASE TABLE','SYSTEM VERSIONED') ORDER BY c.table_name, c.ordinal_position`,
      );
      const out = new Map<string, Line[]>();
      for (const r of columns) {
        const table = r['TABLE_NAME'] as string;
        const primary = keys.filter((k) => k['t'] === table).map((k) => k['c'] as string);
        out.set(table, [...(out.get(table) ?? []), serverLine(r, primary)]);
      }
      return out;
    }

    test('our model is the server’s after every statement', async () => {
      if (server === 'mysql') await admin.query('SET SESSION information_schema_stats_expiry=0');
      const schema = newSchema({ connector: server });
      const history: HistoryRecord[] = [];
      for (const o of schema.applyDdl(`CREATE DATABASE ${DATABASE} CHARACTER SET utf8mb4`, { database: '' })) {
        history.push(schema.toHistory(o, { file: '', pos: 4 }, { server: 'x' }, 0));
      }
      const failures: string[] = [];
      let statements = 0;
      for (const s of CORPUS) {
        if (s.on !== undefined && s.on !== server) continue;
        statements++;
        await session.query(`SET SESSION sql_mode='${s.sqlMode ?? ''}'`);
        const since = await position();
        let texts: string[] = [];
        try {
          await session.query(s.sql);
          texts = await logged(since);
          for (const text of texts) {
            for (const o of schema.applyDdl(text, { database: DATABASE, sqlMode: SQL_MODE[s.sqlMode ?? ''] ?? 0 })) {
              if (o.store) history.push(schema.toHistory(o, { file: since.file, pos: since.pos }, { server: 'x' }, 0));
            }
          }
          const expected = await serverModel();
          assert.equal(difference(model(schema), expected).join('\n'), '');
          const changed = [...expected.keys()].filter((t) => s.sql.includes(t));
          const shown = newSchema({ connector: server });
          for (const table of changed) {
            const [row] = await rows(`SHOW CREATE TABLE \`${DATABASE}\`.\`${table}\``);
            shown.applyDdl(String(row?.['Create Table']), { database: DATABASE });
            const wanted = new Map([[table, expected.get(table) ?? []]]);
            const read = new Map([[table, model(shown).get(table) ?? []]]);
            assert.deepEqual(defaults(shown, table), defaults(schema, table));
            assert.equal(difference(read, wanted).join('\n'), '', `read from SHOW CREATE TABLE: ${difference(read, wanted).join('\n')}`);
          }
        } catch (error) {
          failures.push(`${s.sql}\nlogged as: ${texts.join(' || ')}\n${(error as Error).message}`);
          // Go on from the truth, so that one failure is not counted many times.
          for (const t of schema.tables.list(DATABASE)) schema.tables.remove(t.id);
          for (const table of (await serverModel()).keys()) {
            const [row] = await rows(`SHOW CREATE TABLE \`${DATABASE}\`.\`${table}\``);
            try {
              schema.applyDdl(String(row?.['Create Table']), { database: DATABASE });
            } catch {}
          }
        }
      }
      if (failures.length > 0) assert.fail(failures.join('\n\n'));
      assert.ok(statements >= 120, `${statements} statements`);

      const recovered = newSchema({ connector: server });
      recovered.recover(history);
      assert.deepEqual(recovered.tables.list(), schema.tables.list());
      const compacted = newSchema({ connector: server });
      compacted.recover(JSON.parse(JSON.stringify(schema.compactHistory(history))) as HistoryRecord[]);
      assert.deepEqual(compacted.tables.list(), schema.tables.list());
      assert.deepEqual(compacted.databases(), recovered.databases());
    });

    test('the server’s own tables read from SHOW CREATE TABLE are what it says they are', async () => {
      for (const database of ['mysql', 'sys']) {
        const expected = await serverModel(database);
        const schema = newSchema({ connector: server });
        for (const table of expected.keys()) {
          const [row] = await rows(`SHOW CREATE TABLE \`${database}\`.\`${table}\``);
          schema.applyDdl(String(row?.['Create Table']), { database });
        }
        assert.equal(difference(model(schema, database), expected).join('\n'), '');
        assert.ok(database === 'sys' || expected.size > 20, `${expected.size} tables`);
      }
    });
  });
}
