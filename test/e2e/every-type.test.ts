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
import { Random } from '../support/random.ts';
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

/** As floating point numbers, exactly. Databend prints the shortest text of a FLOAT, MySQL six digits: as DOUBLE both are whole. */
function double(name: string, definition: string, values: readonly string[]): TypeCase {
  const canonical = (text: string) => (Object.is(Number(text), -0) ? '-0' : String(Number(text)));
  return {
    column: { name, source: `CAST(\`${name}\` AS DOUBLE)`, target: `"${name}"::double::string`, canonical },
    definition,
    values,
  };
}

function bytes(name: string, definition: string, values: readonly string[]): TypeCase {
  return { column: { name, source: `HEX(\`${name}\`)`, target: `upper(hex("${name}"))` }, definition, values };
}

function bits(name: string, definition: string, values: readonly string[]): TypeCase {
  const source = `CAST(CAST(\`${name}\` AS UNSIGNED) AS CHAR)`;
  return { column: { name, source, target: `"${name}"::string` }, definition, values };
}

/** BIT(1) is BOOLEAN. */
function bit1(name: string): TypeCase {
  const canonical = (text: string) => ({ true: '1', false: '0' })[text] ?? text;
  return { ...bits(name, 'BIT(1)', ["b'0'", "b'1'"]), column: { ...bits(name, '', []).column, canonical } };
}

/** Timestamps as text to the microsecond, whatever the column's precision. `zero` stands for a zero date. */
function timestamp(name: string, definition: string, values: readonly string[], zero: string | null = null): TypeCase {
  const full = (text: string) => (text.includes('.') ? text.padEnd(26, '0') : `${text}.000000`);
  const canonical = (text: string) => (text.startsWith('0000-00-00') ? (zero ?? 'NULL') : full(text));
  const source = zero === null ? `NULLIF(CAST(\`${name}\` AS CHAR), ${zeroText(definition)})` : `CAST(\`${name}\` AS CHAR)`;
  return { column: { name, source, target: `"${name}"::string`, canonical }, definition, values };
}

function zeroText(definition: string): string {
  const digits = Number(/\((\d)\)/.exec(definition)?.[1] ?? 0);
  return `'0000-00-00 00:00:00${digits === 0 ? '' : `.${'0'.repeat(digits)}`}'`;
}

function json(name: string, definition: string, values: readonly string[], server: Server): TypeCase {
  const canonical = (text: string) => JSON.stringify(sorted(JSON.parse(text, exactNumber as (key: string, value: unknown) => unknown)));
  // MariaDB's JSON is text; a VARIANT's string cast leaves out the quotes of a JSON string, and makes JSON's null SQL's.
  const target = server === 'mysql' ? `json_pretty("${name}")` : `"${name}"::string`;
  return { column: { name, source: `CAST(\`${name}\` AS CHAR)`, target, canonical }, definition, values };
}

/** Integers keep their digits; others are compared as the double they are (1.50 and 1.5 are one number). */
function exactNumber(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const text = context?.source;
  return typeof value === 'number' && text !== undefined && /^-?\d+$/.test(text) ? `number ${text}` : value;
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

/** Coordinates and spatial reference as stored: MySQL's text would swap the axes of geographic systems. */
function geometry(name: string, definition: string, values: readonly string[], server: Server): TypeCase {
  const wkb = server === 'mysql' ? `ST_AsBinary(\`${name}\`, 'axis-order=long-lat')` : `ST_AsBinary(\`${name}\`)`;
  const source = `CONCAT(ST_SRID(\`${name}\`), ' ', HEX(${wkb}))`;
  return {
    column: { name, source, target: `concat(st_srid("${name}")::string, ' ', upper(hex(st_aswkb("${name}"))))` },
    definition,
    values,
  };
}

function vector(name: string, definition: string, values: readonly string[]): TypeCase {
  const canonical = (text: string) => JSON.stringify((JSON.parse(text) as number[]).map(Math.fround));
  const source = `VECTOR_TO_STRING(\`${name}\`)`;
  return { column: { name, source, target: `"${name}"::variant::string`, canonical }, definition, values };
}

/** Texts that a CSV reader, an SQL literal or a JSON reader could take for something else. */
const SPECIAL_TEXTS = [
  "''",
  "'héllo 😀'",
  "'it''s \"quoted\" \\\\ back\\nslash\\t tab'",
  "'\\\\N'",
  "'NULL'",
  "'null'",
  "',,,'",
  "'\"'",
  '\'""\'',
  "'a\\r\\nb\\rc\\n'",
  "'ends with \\\\'",
  "'\\\\\\\\'",
  "CONCAT('nul ', CHAR(0), ' ', CHAR(1), ' ', CHAR(26), CHAR(127))",
  "' leading and trailing '",
  "CONVERT(X'EFBBBF62' USING utf8mb4)",
  "CONVERT(X'E280A8C2A0E2808B' USING utf8mb4)",
];

const random = new Random(20_260_101);

function randomDigits(n: number): string {
  return Array.from({ length: n }, () => random.below(10)).join('');
}

/** Random decimals of `precision` digits, `scale` of them after the point: any length, both signs, the extremes and the smallest. */
function decimals(precision: number, scale: number): TypeCase {
  const whole = precision - scale;
  const text = (head: string, tail: string) => `${head === '' ? '0' : head}${scale === 0 ? '' : `.${tail.padEnd(scale, '0')}`}`;
  const values = [text('9'.repeat(whole), '9'.repeat(scale)), `-${text('9'.repeat(whole), '9'.repeat(scale))}`, '0'];
  if (scale > 0) values.push(`0.${'1'.padStart(scale, '0')}`, `-0.${'1'.padStart(scale, '0')}`);
  for (let i = 0; i < 6; i++) {
    const number = text(randomDigits(random.below(whole + 1)), randomDigits(random.below(scale + 1)));
    values.push(random.below(2) === 0 ? number : `-${number}`);
  }
  return plain(`dec${precision}_${scale}`, `DECIMAL(${precision},${scale})`, values);
}

/** Random bit patterns: every exponent, subnormals, both zeros; infinities and NaN are none of MySQL's. */
function randomDoubles(n: number): string[] {
  const bits = new DataView(new ArrayBuffer(8));
  const out: string[] = [];
  while (out.length < n) {
    bits.setUint32(0, random.below(2 ** 32));
    bits.setUint32(4, random.below(2 ** 32));
    const value = bits.getFloat64(0);
    if (Number.isFinite(value)) out.push(value.toExponential());
  }
  return out;
}

function randomFloats(n: number): string[] {
  const bits = new DataView(new ArrayBuffer(4));
  const out: string[] = [];
  while (out.length < n) {
    bits.setUint32(0, random.below(2 ** 32));
    const value = bits.getFloat32(0);
    if (Number.isFinite(value)) out.push(value.toExponential());
  }
  return out;
}

function typeCases(server: Server): TypeCase[] {
  const from = (wkt: string, srid?: number) => `ST_GeomFromText('${wkt}'${srid === undefined ? '' : `, ${srid}`})`;
  const geo = (name: string, definition: string, values: readonly string[]) => geometry(name, definition, values, server);
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
    ...[
      [1, 0],
      [5, 2],
      [10, 0],
      [18, 18],
      [19, 4],
      [30, 30],
      [38, 10],
      [39, 0],
      [45, 20],
      [65, 0],
      [65, 30],
    ].map(([p, s]) => decimals(p as number, s as number)),
    plain('du', 'DECIMAL(65,30) UNSIGNED', ['0.000000000000000000000000000001', '99999999999999999999999999999999999']),
    double('f', 'FLOAT', ['3.4028234e38', '0.1', '123456.789', '-0.0', '16777216', '1.17549e-38', '1e-45', '-1e-45', ...randomFloats(20)]),
    double('fps', 'FLOAT(7,3)', ['0.123', '-9999.999', '1234.567']),
    double('db', 'DOUBLE', ['1.7976931348623157e308', '-2.2250738585072014e-308', '5e-324', '-0.0', '0.1', '524560164915.884']),
    bit1('b1'),
    bits('b8', 'BIT(8)', ["b'10101010'", "b'11111111'", "b'0'"]),
    bits('b33', 'BIT(33)', ["b'100000000000000000000000000000001'"]),
    bits('b64', 'BIT(64)', ['~0', "b'1000000000000000000000000000000000000000000000000000000000000001'"]),
    plain('d', 'DATE', ["'1000-01-01'", "'9999-12-31'", "'2024-02-29'", "'1969-12-31'", "'1582-10-10'"]),
    plain('t', 'TIME', ["'-838:59:59'", "'838:59:59'", "'00:00:00'", "'-00:01:00'", "'-12:00:00'"]),
    plain('t3', 'TIME(3)', ["'-838:59:58.999'", "'-00:00:00.001'", "'17:51:04.777'", "'12:00:00'", "'00:00:01.5'"]),
    plain('t6', 'TIME(6)', ["'838:59:58.999999'", "'-00:00:00.000001'", "'-01:00:00.000000'", "'00:00:00'"]),
    timestamp('dt', 'DATETIME', ["'1000-01-01 00:00:00'", "'9999-12-30 21:59:59'", "'2018-06-20 06:37:03'", "'0000-00-00 00:00:00'"]),
    timestamp('dt3', 'DATETIME(3)', ["'1969-12-31 23:59:59.999'", "'2018-06-20 06:37:03.123'"]),
    timestamp('dt6', 'DATETIME(6)', ["'1000-01-01 00:00:00.000001'", "'9999-12-30 21:59:59.999999'", "'1969-12-31 23:59:59.999999'"]),
    timestamp('ts', 'TIMESTAMP NULL', ["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'0000-00-00 00:00:00'"]),
    timestamp('ts6', 'TIMESTAMP(6) NULL', ["'1970-01-01 00:00:01.000001'", "'2038-01-19 03:14:07.499999'", "'2018-06-20 06:37:03.100000'"]),
    { ...plain('y', 'YEAR', ['1901', '2155', '2018', '0']), column: { ...plainColumn('y'), source: 'CAST(y + 0 AS CHAR)' } },
    plain('c', 'CHAR(10)', ["''", "'pad'", "'é😀'"]),
    plain('v', 'VARCHAR(200)', SPECIAL_TEXTS),
    plain('vl', 'VARCHAR(40) CHARACTER SET latin1', ["'café €'", "'ÿü'", "''"]),
    plain('vg', 'VARCHAR(40) CHARACTER SET gbk', ["'中文字符'", "'a,\"\\\\'"]),
    plain('vj', 'VARCHAR(40) CHARACTER SET sjis', ["'表示ソ'", "'ｶﾅ'"]),
    plain('vu', 'VARCHAR(40) CHARACTER SET utf16', ["'世界 😀'", "''"]),
    plain('tt', 'TINYTEXT', ["'tiny'"]),
    plain('tx', 'TEXT', ["REPEAT('long text ', 5000)", ...SPECIAL_TEXTS.slice(2, 6)]),
    plain('lt', 'LONGTEXT', ["REPEAT('x\\r\\n\"é', 60000)"]),
    bytes('bin', 'BINARY(4)', ["X'01020304'", "X'0102'", "''", "X'00000000'"]),
    bytes('vb', 'VARBINARY(300)', ["X'00FF10'", "''", "REPEAT(X'00', 300)"]),
    bytes('bl', 'BLOB', ["X'DEADBEEF'", "REPEAT(X'FF', 60000)"]),
    // Twice this must fit into one Kafka message: an update has before and after.
    bytes('lb', 'LONGBLOB', ["REPEAT(X'00225C0A0DFF2C', 70000)"]),
    plain('e', "ENUM('a','b,c','it''s','é','\"','')", ["'a'", "'b,c'", "'it''s'", "'é'", "'\"'", "''"]),
    plain('s', "SET('one','two','it''s','é')", ["'one'", "'one,é'", "''", "'it''s'"]),
    geo('p', 'POINT', [from('POINT(1.5 -2.25)'), from('POINT(0 0)')]),
    geo('l', 'LINESTRING', [from('LINESTRING(0 0,1 1,2 2)')]),
    geo('po', 'POLYGON', [from('POLYGON((0 0,10 0,10 10,0 10,0 0),(5 5,7 5,7 7,5 7,5 5))'), from('POLYGON((0 0,1 0,1 1,0 0))', 3857)]),
    geo('mp', 'MULTIPOINT', [from('MULTIPOINT(1 2,3 4)')]),
    geo('g', 'GEOMETRY', [from('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))'), from('POINT(12.5 41.9)', 4326)]),
    // Behind the geometry: a character set of its own is found by counting columns.
    plain('vafter', 'VARCHAR(40) CHARACTER SET latin1', ["'é'"]),
    // NOT NULL twins; every row has their defaults but those that set them.
    plain('n_i', 'INT NOT NULL DEFAULT 7', ['-1']),
    plain('n_biu', 'BIGINT UNSIGNED NOT NULL DEFAULT 18446744073709551615', ['0']),
    plain('n_d', 'DECIMAL(65,30) NOT NULL DEFAULT 0', ['0.000000000000000000000000000001', '-1.5']),
    plain('n_v', "VARCHAR(20) NOT NULL DEFAULT ''", ["'\\\\N'", "'x'"]),
    bytes('n_b', "VARBINARY(20) NOT NULL DEFAULT ''", ["X'00'"]),
    plain('n_t', "TIME(3) NOT NULL DEFAULT '00:00:00'", ["'-00:00:00.001'"]),
    timestamp('n_dt', "DATETIME(6) NOT NULL DEFAULT '0000-00-00 00:00:00'", ["'2020-02-02 02:02:02.020202'"], '1970-01-01 00:00:00.000000'),
    plain('n_e', "ENUM('x','y') NOT NULL DEFAULT 'y'", ["'x'"]),
    bit1('n_b1'),
  ].map((c) => (c.column.name === 'n_b1' ? { ...c, definition: "BIT(1) NOT NULL DEFAULT b'1'" } : c));
  if (server === 'mariadb')
    return [
      ...common,
      json('j', 'JSON', ['\'{"b": [1, 2.5, "é😀"], "a": null}\''], server),
      plain('u', 'UUID', ["'123e4567-e89b-12d3-a456-426614174000'"]),
      plain('ip4', 'INET4', ["'0.0.0.0'", "'255.1.2.3'"]),
      plain('ip6', 'INET6', ["'::1'", "'2001:db8::ff00:42:8329'", "'::ffff:1.2.3.4'"]),
      plain('vc', 'VARCHAR(300) COMPRESSED', ["REPEAT('compressed é ', 20)", "'x'", "''"]),
      plain('vcl', 'VARCHAR(300) CHARACTER SET latin1 COMPRESSED', ["REPEAT('é', 200)"]),
      plain('txc', 'TEXT COMPRESSED', ["REPEAT('é', 20000)", "''"]),
      bytes('vbc', 'VARBINARY(300) COMPRESSED', ["REPEAT(X'00FF', 150)", "X'00'"]),
      bytes('blc', 'BLOB COMPRESSED', ["REPEAT(X'00FF', 20000)"]),
    ];
  return [
    ...common,
    json(
      'j',
      'JSON',
      [
        '\'{"a": 1, "b": [true, false, null], "e": 1.5, "g": 18446744073709551615, "i": "é😀\\\\n\\\\"\\\\\\\\"}\'',
        '\'{"min": -9223372036854775808, "tiny": 5e-324, "huge": 1.7976931348623157e308, "tenth": 0.1, "": "empty key", "é\\\\"": 1}\'',
        "'[]'",
        "'{}'",
        '\'"str"\'',
        "'123'",
        "'null'",
        "'[524560164915.884, 123456789.12345679, -0.0]'",
        "CONCAT(REPEAT('[', 90), '1', REPEAT(']', 90))",
        "JSON_OBJECT('d', CAST('2024-01-02' AS DATE), 't', CAST('12:34:56.789' AS TIME(3)), 'n', CAST(1.50 AS DECIMAL(10,2)))",
        "JSON_OBJECT('big', CAST('12345678901234567890.12345' AS DECIMAL(30,5)), 'ts', CAST('2024-01-02 03:04:05.6' AS DATETIME(6)))",
      ],
      server,
    ),
    vector('ve', 'VECTOR(3)', ["STRING_TO_VECTOR('[1,2.5,-3]')", "STRING_TO_VECTOR('[0.1,3.4e38,-1.5e-38]')"]),
    geo('p4326', 'POINT SRID 4326', [from('POINT(41.9 12.5)', 4326)]),
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
          const nullable = !c.definition.includes('NOT NULL');
          for (const v of nullable ? [...c.values, 'NULL'] : c.values) {
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
        await source.query(`CREATE TABLE ${id}.doubles (id INT AUTO_INCREMENT PRIMARY KEY, v DOUBLE NOT NULL)`);
        const doubles = randomDoubles(1000).map((v) => `(${v})`);
        await source.query(`INSERT INTO ${id}.doubles (v) VALUES ${doubles.join(',')}`);
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
          await source.query(`INSERT INTO ${id}.doubles (v) VALUES ${doubles.join(',')}`);
          await insert('every_type', 10_000);
          // An update moves every value of the snapshot's rows through the stream's before and after images too.
          await source.query(`UPDATE ${id}.every_type SET id = id + 20000 WHERE id < 10000 AND id % 2 = 0`);
          await until('the stream in Databend', 60_000, async () => !daemon.running || (await caughtUp(source, target, id)), 200);
          const compared = [plainColumn('id'), ...cases.map((c) => c.column)];
          const result = await compareTable(source, target, { database: id, table: 'every_type', keys: ['id'], columns: compared });
          assert.deepEqual(result.differences, []);
          assert.equal(result.targetRows, 2 * rows);
          const exact = { database: id, table: 'doubles', keys: ['id'], columns: [plainColumn('id'), double('v', '', []).column] };
          const compare = await compareTable(source, target, exact);
          assert.deepEqual(compare.differences, []);
          assert.equal(compare.targetRows, 2 * doubles.length);
          assert.deepEqual(await typesIn(target, id), TYPES_IN_TARGET[server]);
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

/** Runs the pipeline over one table whose DATETIME is beyond Databend's last, and what it does about it. */
async function beyondTheRange(
  policy: string,
  look: (o: { log: () => string; rows: () => Promise<unknown[][]> }) => Promise<void>,
): Promise<void> {
  const id = `types_range_${policy}_${process.pid}`;
  const dir = mkdtempSync(join(tmpdir(), 'riverbend-types-'));
  const source = await mysql.createConnection({ host: '127.0.0.1', port: mysqlPort(), user: 'root' });
  const target = await DatabendProbe.open(databendDsn());
  try {
    await source.query(`CREATE DATABASE ${id}`);
    await source.query(`CREATE TABLE ${id}.t (id INT PRIMARY KEY, until_ts DATETIME)`);
    await source.query(`INSERT INTO ${id}.t VALUES (1, '9999-12-31 23:59:59'), (2, '2024-01-01 00:00:00')`);
    const pipeline = await Pipeline.create({
      server: 'mysql',
      mode: 'embedded',
      port: mysqlPort(),
      name: id,
      databases: id,
      dir,
      serverId: 71_000 + Math.floor(Math.random() * 9000),
      source: { 'errors.max.retries': '0' },
      ...(policy === 'fail' ? {} : { sink: { 'value.range.policy': policy } }),
    });
    const daemon = pipeline.start();
    try {
      await look({
        log: () => daemon.log(),
        rows: async () =>
          (await target.count(id, 't')) < 2 ? [] : target.rows(`SELECT "id"::string, "until_ts"::string FROM "${id}"."t" ORDER BY 1`),
      });
    } finally {
      await daemon.stop();
    }
  } finally {
    await source.query(`DROP DATABASE IF EXISTS ${id}`);
    await source.end();
    await target.exec(`DROP DATABASE IF EXISTS "${id}"`);
    await target.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

test('9999-12-31 23:59:59 stops the task and names table and column', { timeout: 60_000 }, async () => {
  await beyondTheRange('fail', async ({ log, rows }) => {
    await until('the error', 30_000, () => log().includes('CDC_DATABEND_VALUE_RANGE'));
    assert.match(log(), /column [^\n]*types_range_fail_\d+[^\n]*\bt\b[^\n]*until_ts: a value is outside what TIMESTAMP can hold/);
    assert.deepEqual(await rows(), []);
  });
});

for (const [policy, value] of [
  ['clamp', '9999-12-30 21:59:59.999999'],
  ['null', null],
] as const) {
  test(`9999-12-31 23:59:59 with value.range.policy=${policy}`, { timeout: 60_000 }, async () => {
    await beyondTheRange(policy, async ({ rows }) => {
      await until('the rows', 30_000, async () => (await rows()).length === 2, 200);
      assert.deepEqual(await rows(), [
        ['1', value],
        ['2', '2024-01-01 00:00:00.000000'],
      ]);
    });
  });
}

/** The keys on both sides are the same. */
async function caughtUp(source: mysql.Connection, target: DatabendProbe, database: string): Promise<boolean> {
  const [rows] = (await source.query(`SELECT CONCAT(COUNT(*), ' ', SUM(id)) AS s FROM ${database}.every_type`)) as unknown as [
    { s: string }[],
  ];
  const there = await target.rows(`SELECT concat(count(*)::string, ' ', sum("id")::string) FROM "${database}"."every_type"`);
  return rows[0]?.s === String(there[0]?.[0]);
}

/** The types the contract leaves no choice about but the schema of a message does not tell. */
const TYPES_IN_TARGET = {
  mysql: { t: 'VARCHAR', dec65_30: 'DECIMAL(65, 30)', b1: 'BOOLEAN', ve: 'VECTOR(3)', g: 'GEOMETRY', j: 'VARIANT' },
  mariadb: { t: 'VARCHAR', dec65_30: 'DECIMAL(65, 30)', b1: 'BOOLEAN', g: 'GEOMETRY', j: 'VARCHAR' },
};

async function typesIn(target: DatabendProbe, database: string): Promise<Record<string, string>> {
  const names = Object.keys(TYPES_IN_TARGET.mysql).map((n) => `'${n}'`);
  const rows = await target.rows(
    `SELECT name, data_type FROM system.columns WHERE database = '${database}' AND "table" = 'every_type' AND name IN (${names})`,
  );
  return Object.fromEntries(rows.map(([name, type]) => [String(name), String(type).replace(/ NULL$/, '')]));
}
