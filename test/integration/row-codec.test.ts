/**
 * Every type of both servers over random values: a row read by the snapshot is the row read from the binlog, in every
 * kind of row image. The seed is in the test's name; RIVERBEND_TEST_SEED repeats it.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Row, UNAVAILABLE } from '../../src/model/chunk.ts';
import { CdcError } from '../../src/model/errors.ts';
import type { TableSchema } from '../../src/model/table-schema.ts';
import type { Table } from '../../src/relational/table.ts';
import { createTable } from '../../src/source/mysql/schema/apply-ddl.ts';
import { parseStatement } from '../../src/source/mysql/schema/ddl-parser.ts';
import { type CodecOptions, compileTable, defaultCodecOptions } from '../../src/source/mysql/schema/table-codec.ts';
import { compileSnapshotReader } from '../../src/source/mysql/snapshot/row-codec.ts';
import { compileRowsDecoder } from '../../src/source/mysql/streaming/rows-decoder.ts';
import { parseTableMap } from '../../src/source/mysql/streaming/table-map.ts';
import { Random } from '../support/random.ts';
import { type RandomColumn, randomTables } from '../support/random-rows.ts';
import { type Admin, adminOf, decodeAll, positionOf, type RawRows, rowsBetween, type Server, snapshotRows } from '../support/row-events.ts';
import { mariadbPort, mysqlPort } from '../support/servers.ts';

const SEED = Number(process.env['RIVERBEND_TEST_SEED'] ?? Date.now() % 1_000_000);
const ROWS = 150;

interface Known {
  readonly table: Table;
  readonly schema: TableSchema;
}

for (const server of ['mysql', 'mariadb'] as const) {
  describe(`rows of ${server}, seed ${SEED}`, { concurrency: false }, () => {
    const database = `rb_row_codec_${server}`;
    const port = (): number => (server === 'mysql' ? mysqlPort() : mariadbPort());
    let admin: Admin;

    before(async () => {
      admin = await adminOf(port());
      await admin.query(`DROP DATABASE IF EXISTS ${database}; CREATE DATABASE ${database} CHARACTER SET utf8mb4; USE ${database}`);
    });
    after(async () => {
      await admin.query(`DROP DATABASE IF EXISTS ${database}`).finally(() => admin.end());
    });

    const options: CodecOptions = { ...defaultCodecOptions('p', server), bigintUnsigned: 'precise' };
    const known = async (name: string, o = options): Promise<Known> => {
      const table = await tableOf(admin, server, database, name);
      return { table, schema: compileTable(table, o) };
    };
    /** What `run` writes to the binlog. */
    const written = async (run: () => Promise<unknown>): Promise<RawRows[]> => {
      const from = await positionOf(admin, server);
      await run();
      return await rowsBetween(port(), from, await positionOf(admin, server), database, server);
    };
    const read = (k: Known, o = options): Promise<Row[]> =>
      snapshotRows(port(), `${database}.\`${k.table.id.table}\``, compileSnapshotReader(k.table, k.schema, o), 'ORDER BY id');

    for (const [name, columns] of Object.entries(randomTables(server))) {
      test(`table ${name}: the snapshot gives what the binlog gave`, async () => {
        const r = new Random(SEED);
        await admin.query(createSql(name, columns));
        const k = await known(name);
        const events = await written(() => insertRandom(admin, name, columns, r));
        const streamed = decodeAll(events, new Map([[name, k]]), options).map((c) => c.after as Row);
        const snapshot = await read(k);
        assert.equal(streamed.length, ROWS);
        compareRows(k, snapshot, streamed);

        const changes = await written(async () => {
          await admin.query(`UPDATE ${name} SET id = id + 1000 WHERE id <= 50`);
          await admin.query(`DELETE FROM ${name}`);
        });
        const decoded = decodeAll(changes, new Map([[name, k]]), options);
        const updated = decoded.filter((c) => c.op === 'u');
        compareRows(
          k,
          snapshot.slice(0, 50),
          updated.map((c) => c.before as Row),
        );
        compareRows(
          k,
          snapshot.slice(0, 50),
          updated.map((c) => [Number((c.after as Row)[0]) - 1000, ...(c.after as Row).slice(1)]),
        );
        assert.equal(decoded.filter((c) => c.op === 'd').length, ROWS);

        // Without names the columns are told by their order.
        const bare = events.map((e) => ({ ...e, map: parseTableMap(withoutOptional(e.mapBody), 0, withoutOptional(e.mapBody).length) }));
        assert.equal(bare[0]?.map.named, false);
        compareRows(
          k,
          snapshot,
          decodeAll(bare, new Map([[name, k]]), options).map((c) => c.after as Row),
        );
      });
    }

    test('columns of a minimal row image are UNAVAILABLE, not null', async () => {
      await admin.query(
        'CREATE TABLE minimal (id INT PRIMARY KEY, a INT, b VARCHAR(10), c DATETIME(3)); INSERT INTO minimal VALUES (1, 2, NULL, NULL)',
      );
      const k = await known('minimal');
      await admin.query('SET SESSION binlog_row_image = MINIMAL');
      const events = await written(async () => {
        await admin.query("UPDATE minimal SET b = 'x'");
        await admin.query('UPDATE minimal SET a = NULL');
      });
      await admin.query('SET SESSION binlog_row_image = FULL');
      const rows = decodeAll(events, new Map([['minimal', k]]), options);
      assert.deepEqual(
        rows.map((c) => [c.before, c.after]),
        [
          [
            [1, UNAVAILABLE, UNAVAILABLE, UNAVAILABLE],
            [UNAVAILABLE, UNAVAILABLE, 'x', UNAVAILABLE],
          ],
          [
            [1, UNAVAILABLE, UNAVAILABLE, UNAVAILABLE],
            [UNAVAILABLE, null, UNAVAILABLE, UNAVAILABLE],
          ],
        ],
      );
    });

    test('excluded columns are stepped over', async () => {
      for (const [name, columns] of Object.entries(randomTables(server))) {
        const narrow = `narrow_${name}`;
        await admin.query(createSql(narrow, columns));
        const o: CodecOptions = { ...options, columnIncluded: (_, column) => column === 'id' || column === `c${columns.length - 1}` };
        const k = await known(narrow, o);
        const events = await written(() => insertRandom(admin, narrow, columns, new Random(SEED)));
        const streamed = decodeAll(events, new Map([[narrow, k]]), o).map((c) => c.after as Row);
        assert.equal(streamed.length, ROWS);
        compareRows(k, await read(k, o), streamed);
      }
    });

    test('columns that no definition shows are stepped over', async () => {
      await admin.query(
        server === 'mysql'
          ? 'CREATE TABLE hidden (id INT PRIMARY KEY, a VARCHAR(20), g INT AS (id * 2), i INT INVISIBLE DEFAULT 7, INDEX f ((UPPER(a))))'
          : 'CREATE TABLE hidden (id INT PRIMARY KEY, a VARCHAR(20), g INT AS (id * 2), i INT INVISIBLE DEFAULT 7, b TEXT, UNIQUE (b)) WITH SYSTEM VERSIONING',
      );
      const k = await known('hidden');
      const events = await written(async () => {
        await admin.query("INSERT INTO hidden (id, a) VALUES (1, 'x'), (2, NULL)");
        await admin.query("UPDATE hidden SET a = 'y' WHERE id = 1");
      });
      const rows = decodeAll(events, new Map([['hidden', k]]), options);
      const snapshot = await read(k);
      compareRows(k, snapshot, [rows.find((c) => c.op === 'u')?.after as Row, rows.find((c) => c.after?.[0] === 2)?.after as Row]);
      assert.deepEqual(
        snapshot.map((row) => row.slice(0, 4)),
        [
          [1, 'y', 2, 7],
          [2, null, 4, 7],
        ],
      );
    });

    test('rows of another table version are refused, never guessed', async () => {
      await admin.query('CREATE TABLE version (id INT PRIMARY KEY, a INT, b INT)');
      const k = await known('version');
      await admin.query('ALTER TABLE version DROP COLUMN a, ADD COLUMN c BIGINT');
      const [event] = await written(() => admin.query('INSERT INTO version VALUES (1, 2, 3)'));
      const { map, mapBody } = event as RawRows;
      const refused = (e: unknown): boolean => e instanceof CdcError && e.code === 'CDC_ROW_SCHEMA_MISMATCH' && e.kind === 'fatal';
      assert.throws(() => compileRowsDecoder(map, k.table, k.schema, options), refused);
      const bare = withoutOptional(mapBody);
      assert.throws(() => compileRowsDecoder(parseTableMap(bare, 0, bare.length), k.table, k.schema, options), refused);
    });

    test('an unsigned BIGINT beyond int64 is refused by default and wraps on request', async () => {
      await admin.query('CREATE TABLE big (id INT PRIMARY KEY, b BIGINT UNSIGNED)');
      const [event] = await written(() => admin.query('INSERT INTO big VALUES (1, 18446744073709551615)'));
      const values = async (mode: CodecOptions['bigintUnsigned']): Promise<unknown[]> => {
        const o: CodecOptions = { ...options, bigintUnsigned: mode };
        const k = await known('big', o);
        return [decodeAll([event as RawRows], new Map([['big', k]]), o)[0]?.after?.[1], (await read(k, o))[0]?.[1]];
      };
      await assert.rejects(values('long'), (e) => e instanceof CdcError && e.code === 'CDC_VALUE_CONVERT' && e.kind === 'data');
      assert.deepEqual(await values('long_wrap'), [-1, -1]);
      assert.deepEqual(await values('precise'), ['18446744073709551615', '18446744073709551615']);
    });

    test('a session without the settings of the snapshot is noticed', async () => {
      await admin.query("CREATE TABLE proof (id INT PRIMARY KEY, l VARCHAR(9) CHARACTER SET latin1); INSERT INTO proof VALUES (1, 'é')");
      const k = await known('proof');
      const reader = compileSnapshotReader(k.table, k.schema, options);
      const [row] = await admin.query(`SELECT ${reader.selectList} FROM ${database}.proof`);
      assert.equal(Object.values(row as object).at(-1), 'x');
      assert.deepEqual(await read(k), [[1, 'é']]);
    });

    if (server === 'mysql') {
      test('partial JSON updates give the document the server has', async () => {
        await admin.query(
          'CREATE TABLE partial_json (id INT PRIMARY KEY, j JSON, n INT, k JSON); ' +
            `INSERT INTO partial_json VALUES (1, '{"a": [1, 2, {"b": "x"}], "long": "${'y'.repeat(100)}", "q\\\\"uote d": 1.5, "é": null}', 1, '[1, 2, 3]'), (2, '{"a": 1}', 2, NULL)`,
        );
        const k = await known('partial_json');
        await admin.query("SET SESSION binlog_row_value_options = 'PARTIAL_JSON'");
        const changes = [
          "j = JSON_SET(j, '$.a[0]', 100)",
          `j = JSON_REMOVE(j, '$.a[1]'), k = JSON_SET(k, '$[1]', JSON_OBJECT('z', 1.50))`,
          `j = JSON_REPLACE(j, '$."q\\\\"uote d"', CAST('2020-01-02' AS DATE))`,
          "j = JSON_SET(j, '$.long', 'short')",
          "j = JSON_SET(j, '$.bb', 7)",
          "j = JSON_REMOVE(j, '$.a')",
          'n = n + 1',
          "j = JSON_SET(j, '$.\"é\"', 'ü')",
        ];
        for (const change of changes) {
          const events = await written(() => admin.query(`UPDATE partial_json SET ${change}`));
          assert.ok(events.every((e) => e.type === 39));
          const rows = decodeAll(events, new Map([['partial_json', k]]), options).map((c) => c.after as Row);
          const snapshot = await read(k);
          compareRows(
            k,
            snapshot.filter((s) => rows.some((row) => row[0] === s[0])),
            rows,
          );
          assert.ok(rows.length > 0, change);
        }
        await admin.query("SET SESSION binlog_row_value_options = ''");
      });
    }
  });
}

function createSql(name: string, columns: readonly RandomColumn[]): string {
  return `CREATE TABLE ${name} (id INT PRIMARY KEY, ${columns.map((c, i) => `c${i} ${c.definition}`).join(', ')})`;
}

async function insertRandom(admin: Admin, name: string, columns: readonly RandomColumn[], r: Random): Promise<void> {
  for (let from = 1; from <= ROWS; from += 25) {
    const rows = Array.from({ length: 25 }, (_, i) => {
      const values = columns.map((c) => (r.below(12) === 0 && !c.definition.includes('NOT NULL') ? 'NULL' : c.value(r)));
      return `(${[from + i, ...values].join(', ')})`;
    });
    await admin.query(`INSERT INTO ${name} VALUES ${rows.join(', ')}`);
  }
}

async function tableOf(admin: Admin, server: Server, database: string, name: string): Promise<Table> {
  const [row] = await admin.query(`SHOW CREATE TABLE ${database}.${name}`);
  const dialect = { connector: server, ansiQuotes: false, noBackslashEscapes: false };
  const { statement } = parseStatement(row?.['Create Table'] as string, dialect);
  if (statement.kind !== 'createTable') throw new Error(`cannot read ${row?.['Create Table']}: ${JSON.stringify(statement)}`);
  return createTable({ database, table: name }, statement, {
    connector: server,
    charset: 'utf8mb4',
    collation: null,
    explicitDefaultsForTimestamp: true,
  });
}

function compareRows(k: Known, expected: readonly Row[], actual: readonly Row[]): void {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    for (const field of k.schema.value.fields) {
      const column = k.table.columns.find((c) => c.name === field.name);
      const [a, e] = around(actual[i]?.[field.index], expected[i]?.[field.index]);
      assert.deepStrictEqual(a, e, `row ${i}, ${field.name} ${column?.typeExpression}`);
    }
  }
}

/** Where two long texts differ, so that a failure can be read. */
function around(a: unknown, e: unknown): [unknown, unknown] {
  if (typeof a !== 'string' || typeof e !== 'string' || a === e || a.length < 200) return [a, e];
  let i = 0;
  while (a[i] === e[i]) i++;
  return [a.slice(Math.max(0, i - 40), i + 40), e.slice(Math.max(0, i - 40), i + 40)];
}

/** The table map as binlog_row_metadata of an old server leaves it: nothing behind the nullability bits. */
function withoutOptional(body: Buffer): Buffer {
  const count = (pos: number): [value: number, next: number] => {
    const first = body[pos] as number;
    return first < 251 ? [first, pos + 1] : [body.readUInt16LE(pos + 1), pos + 3];
  };
  let pos = 8;
  pos += 2 + (body[pos] as number);
  pos += 2 + (body[pos] as number);
  const [columns, types] = count(pos);
  const [meta, metaStart] = count(types + columns);
  return body.subarray(0, metaStart + meta + ((columns + 7) >> 3));
}
