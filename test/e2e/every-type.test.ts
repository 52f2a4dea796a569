/** What Databend holds equals what the source holds, for every column type, by snapshot and by stream, embedded and through Kafka. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import mysql from 'mysql2/promise';
import { type ComparedColumn, compareTable, plainColumn } from '../support/compare-tables.ts';
import { DatabendProbe } from '../support/databend.ts';
import { Pipeline } from '../support/pipeline.ts';
import { databendDsn, mariadbPort, mysqlPort } from '../support/servers.ts';
import { until } from '../support/until.ts';

interface TypeCase {
  readonly column: ComparedColumn;
  readonly definition: string;
  /** SQL literals, one row each; NULL is always added. */
  readonly values: readonly string[];
}

type Server = 'mysql' | 'mariadb';

function plain(name: string, definition: string, values: readonly string[]): TypeCase {
  return { column: plainColumn(name), definition, values };
}

/** As floating point numbers, exactly. */
function double(name: string, definition: string, values: readonly string[]): TypeCase {
  const canonical = (text: string) => String(Number(text));
  return { column: { name, source: `CAST(\`${name}\` AS DOUBLE)`, target: `"${name}"::double::string`, canonical }, definition, values };
}

function bytes(name: string, definition: string, values: readonly string[]): TypeCase {
  return { column: { name, source: `HEX(\`${name}\`)`, target: `upper(hex("${name}"))` }, definition, values };
}

function bits(name: string, definition: string, values: readonly string[]): TypeCase {
  return { column: { name, source: `CAST(\`${name}\` AS UNSIGNED)`, target: `"${name}"::string` }, definition, values };
}

/** Timestamps as text to the microsecond, whatever the column's precision. */
function timestamp(name: string, definition: string, values: readonly string[]): TypeCase {
  const canonical = (text: string) => (text.includes('.') ? text.padEnd(26, '0') : `${text}.000000`);
  return { column: { name, source: `CAST(\`${name}\` AS CHAR)`, target: `"${name}"::string`, canonical }, definition, values };
}

function json(name: string, values: readonly string[]): TypeCase {
  return {
    column: {
      name,
      source: `CAST(\`${name}\` AS CHAR)`,
      target: `"${name}"::string`,
      canonical: (t) => JSON.stringify(sorted(JSON.parse(t) as unknown)),
    },
    definition: 'JSON',
    values,
  };
}

function sorted(x: unknown): unknown {
  if (Array.isArray(x)) return x.map(sorted);
  if (typeof x !== 'object' || x === null) return x;
  return Object.fromEntries(
    Object.entries(x)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, sorted(v)]),
  );
}

function geometry(name: string, definition: string, values: readonly string[]): TypeCase {
  const canonical = (t: string) =>
    t
      .toUpperCase()
      .replaceAll(/\s*([(),])\s*/g, '$1')
      .replaceAll(/MULTIPOINT\(\((.*)\)\)/g, 'MULTIPOINT($1)')
      .replaceAll('),(', ',');
  return { column: { name, source: `ST_AsText(\`${name}\`)`, target: `st_astext("${name}")`, canonical }, definition, values };
}

function typeCases(server: Server): TypeCase[] {
  const common = [
    plain('ti', 'TINYINT', ['-128', '127']),
    plain('tiu', 'TINYINT UNSIGNED', ['0', '255']),
    plain('ti1', 'TINYINT(1)', ['0', '1', '-7']),
    plain('si', 'SMALLINT', ['-32768', '32767']),
    plain('siu', 'SMALLINT UNSIGNED', ['65535']),
    plain('mi', 'MEDIUMINT', ['-8388608', '8388607']),
    plain('miu', 'MEDIUMINT UNSIGNED', ['16777215']),
    plain('i', 'INT', ['-2147483648', '2147483647']),
    plain('iu', 'INT UNSIGNED', ['4294967295']),
    plain('bi', 'BIGINT', ['-9223372036854775808', '9223372036854775807', '9007199254740993', '0']),
    plain('biu', 'BIGINT UNSIGNED', ['18446744073709551615', '9223372036854775808', '0']),
    plain('d0', 'DECIMAL(10,0)', ['-9999999999', '0']),
    plain('d52', 'DECIMAL(5,2)', ['-999.99', '0.10', '0.01']),
    plain('d6530', 'DECIMAL(65,30)', [
      '-99999999999999999999999999999999999.999999999999999999999999999999',
      '0.000000000000000000000000000001',
    ]),
    double('f', 'FLOAT', ['3.4e38', '0.1', '123456.789', '-0.0', '16777216', '1.17549e-38']),
    double('db', 'DOUBLE', ['1.7976931348623157e308', '-2.2250738585072014e-308', '0.1', '123456789.123456789', '524560164915.884']),
    bits('b1', 'BIT(1)', ["b'0'", "b'1'"]),
    bits('b8', 'BIT(8)', ["b'10101010'", "b'11111111'"]),
    bits('b33', 'BIT(33)', ["b'100000000000000000000000000000001'"]),
    bits('b64', 'BIT(64)', ['~0', "b'1000000000000000000000000000000000000000000000000000000000000001'"]),
    plain('d', 'DATE', ["'1000-01-01'", "'9999-12-31'", "'2024-02-29'", "'1969-12-31'"]),
    plain('t', 'TIME', ["'-838:59:59'", "'838:59:59'", "'00:00:00'", "'-00:01:00'", "'-12:00:00'"]),
    plain('t3', 'TIME(3)', ["'-838:59:58.999'", "'-00:00:00.001'", "'17:51:04.777'"]),
    plain('t6', 'TIME(6)', ["'838:59:58.999999'", "'-00:00:00.000001'", "'-01:00:00.000000'"]),
    timestamp('dt', 'DATETIME', ["'1000-01-01 00:00:00'", "'9999-12-30 21:59:59'", "'2018-06-20 06:37:03'"]),
    timestamp('dt3', 'DATETIME(3)', ["'1969-12-31 23:59:59.999'", "'2018-06-20 06:37:03.123'"]),
    timestamp('dt6', 'DATETIME(6)', ["'1000-01-01 00:00:00.000001'", "'9999-12-30 21:59:59.999999'", "'1969-12-31 23:59:59.999999'"]),
    timestamp('ts', 'TIMESTAMP NULL', ["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'"]),
    timestamp('ts6', 'TIMESTAMP(6) NULL', ["'1970-01-01 00:00:01.000001'", "'2038-01-19 03:14:07.499999'", "'2018-06-20 06:37:03.100000'"]),
    plain('y', 'YEAR', ['1901', '2155', '2018']),
    plain('c', 'CHAR(10)', ["''", "'pad'", "'é😀'"]),
    plain('v', 'VARCHAR(200)', ["''", "'héllo 😀'", "'it''s \"quoted\" \\\\ back\\nslash\\t tab'", "'\\\\N'", "'NULL'", "'null'"]),
    plain('vl', 'VARCHAR(40) CHARACTER SET latin1', ["'café €'", "'ÿü'"]),
    plain('vu', 'VARCHAR(40) CHARACTER SET utf16', ["'世界 😀'"]),
    plain('tt', 'TINYTEXT', ["'tiny'"]),
    plain('tx', 'TEXT', ["REPEAT('long text ', 5000)"]),
    plain('lt', 'LONGTEXT', ["CONCAT('nul ', CHAR(1), ' ctl')", "REPEAT('x', 300000)"]),
    bytes('bin', 'BINARY(4)', ["X'01020304'", "X'0102'", "''"]),
    bytes('vb', 'VARBINARY(300)', ["X'00FF10'", "''", "REPEAT(X'00', 300)"]),
    bytes('bl', 'BLOB', ["X'DEADBEEF'", "REPEAT(X'FF', 60000)"]),
    plain('e', "ENUM('a','b,c','it''s','é')", ["'a'", "'b,c'", "'it''s'", "'é'"]),
    plain('s', "SET('one','two','three')", ["'one'", "'one,three'", "''"]),
    geometry('p', 'POINT', ["ST_GeomFromText('POINT(1.5 -2.25)')", "ST_GeomFromText('POINT(0 0)')"]),
    geometry('l', 'LINESTRING', ["ST_GeomFromText('LINESTRING(0 0,1 1,2 2)')"]),
    geometry('po', 'POLYGON', ["ST_GeomFromText('POLYGON((0 0,10 0,10 10,0 10,0 0),(5 5,7 5,7 7,5 7,5 5))')"]),
    geometry('g', 'GEOMETRY', ["ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')"]),
  ];
  if (server === 'mariadb')
    return [
      ...common,
      plain('u', 'UUID', ["'123e4567-e89b-12d3-a456-426614174000'"]),
      plain('ip6', 'INET6', ["'::1'", "'2001:db8::ff00:42:8329'"]),
      plain('vc', 'VARCHAR(300) COMPRESSED', ["REPEAT('compressed ', 20)", "'x'"]),
    ];
  return [
    ...common,
    json('j', [
      '\'{"a": 1, "b": [true, false, null], "e": 1.5, "g": 18446744073709551615, "i": "é😀\\\\n"}\'',
      "'[]'",
      '\'"str"\'',
      "'123'",
      "'null'",
      "JSON_OBJECT('d', CAST('2024-01-02' AS DATE), 't', CAST('12:34:56.789' AS TIME(3)), 'n', CAST(1.50 AS DECIMAL(10,2)))",
    ]),
    {
      column: { name: 've', source: 'VECTOR_TO_STRING(`ve`)', target: '"ve"::string', canonical: (t) => JSON.stringify(JSON.parse(t)) },
      definition: 'VECTOR(3)',
      values: ["STRING_TO_VECTOR('[1,2.5,-3]')"],
    },
  ];
}

for (const server of ['mysql', 'mariadb'] as const) {
  for (const mode of ['embedded', 'kafka'] as const) {
    test(`every type of ${server} arrives exactly, ${mode}`, { timeout: 180_000 }, async () => {
      const id = `types_${server}_${mode}_${process.pid}`;
      const dir = mkdtempSync(join(tmpdir(), 'riverbend-types-'));
      const port = server === 'mysql' ? mysqlPort() : mariadbPort();
      const source = await mysql.createConnection({
        host: '127.0.0.1',
        port,
        user: 'root',
        charset: 'utf8mb4',
        timezone: 'Z',
        dateStrings: true,
      });
      const target = await DatabendProbe.open(databendDsn());
      const cases = typeCases(server);
      const insert = async (table: string, offset: number) => {
        let key = offset;
        for (const c of cases) {
          for (const v of [...c.values, 'NULL']) {
            await source.query(`INSERT INTO ${id}.${table} (id, \`${c.column.name}\`) VALUES (${++key}, ${v})`);
          }
        }
        return key - offset;
      };
      try {
        await source.query("SET SESSION sql_mode='', time_zone='+00:00'");
        await source.query(`DROP DATABASE IF EXISTS ${id}`);
        await source.query(`CREATE DATABASE ${id} CHARACTER SET utf8mb4`);
        const columns = cases.map((c) => `\`${c.column.name}\` ${c.definition}`).join(', ');
        await source.query(`CREATE TABLE ${id}.every_type (id INT PRIMARY KEY, ${columns}) ROW_FORMAT=DYNAMIC`);
        const rows = await insert('every_type', 0);
        const pipeline = await Pipeline.create({
          server,
          mode,
          port,
          name: id,
          databases: id,
          dir,
          serverId: 71_000 + Math.floor(Math.random() * 9000),
        });
        const daemon = pipeline.start();
        try {
          await daemon.ready();
          await until(
            'the snapshot in Databend',
            60_000,
            async () => !daemon.running || (await target.count(id, 'every_type')) === rows,
            200,
          );
          await insert('every_type', 10_000);
          // An update moves every value of the snapshot's rows through the stream's before and after images too.
          await source.query(`UPDATE ${id}.every_type SET id = id + 20000 WHERE id < 10000 AND id % 2 = 0`);
          await until('the stream in Databend', 60_000, async () => !daemon.running || (await caughtUp(source, target, id)), 200);
          const compared = [plainColumn('id'), ...cases.map((c) => c.column)];
          const result = await compareTable(source, target, { database: id, table: 'every_type', keys: ['id'], columns: compared });
          assert.deepEqual(result.differences, []);
          assert.equal(result.targetRows, 2 * rows);
        } catch (error) {
          throw new Error(`${String(error)}\n${daemon.log().slice(-3000)}`, { cause: error });
        } finally {
          assert.ok(await daemon.stop(), 'drained within the time');
        }
      } finally {
        await source.query(`DROP DATABASE IF EXISTS ${id}`);
        await source.end();
        await target.exec(`DROP DATABASE IF EXISTS "${id}"`);
        await target.close();
        rmSync(dir, { recursive: true, force: true });
      }
    });
  }
}

/** The keys on both sides are the same. */
async function caughtUp(source: mysql.Connection, target: DatabendProbe, database: string): Promise<boolean> {
  const [rows] = (await source.query(`SELECT CONCAT(COUNT(*), ' ', SUM(id)) AS s FROM ${database}.every_type`)) as unknown as [
    { s: string }[],
  ];
  const there = await target.rows(`SELECT concat(count(*)::string, ' ', sum("id")::string) FROM "${database}"."every_type"`);
  return rows[0]?.s === String(there[0]?.[0]);
}
