/** Servers that put no column names into the binlog: rows are read by the definition that was valid at their position. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import mysql, { type Connection } from 'mysql2/promise';
import type { SourceOffset } from '../../src/model/offset.ts';
import { type Stack, startStack } from '../stack/stack.ts';
import { connectorOf, type SourceServer, sourceConfig } from '../support/source-config.ts';
import { Run } from '../support/source-run.ts';
import { until } from '../support/until.ts';

const dir = mkdtempSync(join(tmpdir(), 'riverbend-minimal-'));
let stack: Stack;
const runs: Run[] = [];

before(async () => {
  stack = await startStack({
    dir: join(dir, 'stack'),
    portBase: 'auto',
    services: ['mysql', 'mariadb'],
    extra: { mysql: ['--binlog-row-metadata=MINIMAL'], mariadb: ['--binlog-row-metadata=NO_LOG'] },
  });
});
after(async () => {
  for (const run of runs) await run.stop();
  await stack?.clean();
  rmSync(dir, { recursive: true, force: true });
});

/** One step: a statement, and the row it makes; null for a change of definitions. */
type Step = readonly [sql: string, row: string | null];

const COLUMN_STEPS: readonly Step[] = [
  ["INSERT INTO t VALUES (1, 'a', -1, 'x')", 'c t {id:1,a:"a",n:-1,e:"x"}'],
  ['ALTER TABLE t ADD COLUMN z VARCHAR(10) AFTER id', null],
  ["INSERT INTO t VALUES (2, 'z', 'a', -2, 'y')", 'c t {id:2,z:"z",a:"a",n:-2,e:"y"}'],
  ['ALTER TABLE t MODIFY z VARCHAR(10) AFTER a', null],
  ["INSERT INTO t VALUES (3, 'first', 'second', -3, 'y')", 'c t {id:3,a:"first",z:"second",n:-3,e:"y"}'],
  ['ALTER TABLE t RENAME COLUMN a TO b', null],
  ["INSERT INTO t VALUES (4, 'b', NULL, -4, 'x')", 'c t {id:4,b:"b",z:null,n:-4,e:"x"}'],
  ['ALTER TABLE t CHANGE COLUMN z y VARCHAR(10) FIRST', null],
  ["INSERT INTO t VALUES ('y', 5, 'b', -5, 'x')", 'c t {y:"y",id:5,b:"b",n:-5,e:"x"}'],
  ['ALTER TABLE t DROP COLUMN y', null],
  ["INSERT INTO t VALUES (6, 'b', -6, 'x')", 'c t {id:6,b:"b",n:-6,e:"x"}'],
  ['DELETE FROM t', null],
  ['ALTER TABLE t MODIFY n INT UNSIGNED', null],
  ["INSERT INTO t VALUES (7, 'é', 4294967295, 'x')", 'c t {id:7,b:"é",n:4294967295,e:"x"}'],
  ['ALTER TABLE t CONVERT TO CHARACTER SET latin1', null],
  ["INSERT INTO t VALUES (8, 'éü', 4294967294, 'x')", 'c t {id:8,b:"éü",n:4294967294,e:"x"}'],
  ['ALTER TABLE t MODIFY b VARCHAR(40) CHARACTER SET utf16', null],
  ["INSERT INTO t VALUES (9, 'é€', 1, 'y')", 'c t {id:9,b:"é€",n:1,e:"y"}'],
  ["ALTER TABLE t MODIFY e ENUM('new','y','x')", null],
  ["INSERT INTO t VALUES (10, '', 1, 'x')", 'c t {id:10,b:"",n:1,e:"x"}'],
  ['ALTER TABLE t MODIFY b VARBINARY(400), MODIFY n BIGINT', null],
  ["INSERT INTO t VALUES (11, 'é', -11, 'new')", 'c t {id:11,b:0xc3a9,n:-11,e:"new"}'],
  ['RENAME TABLE t TO tmp, u TO t, tmp TO u', null],
  ["INSERT INTO t VALUES (1, '11:22:33')", 'c t {k:1,at:40953000000}'],
  ["INSERT INTO u VALUES (12, 'é', -12, 'new')", 'c u {id:12,b:0xc3a9,n:-12,e:"new"}'],
  ['DROP TABLE t', null],
  ["CREATE TABLE t (id INT PRIMARY KEY, f SET('p','q'))", null],
  ["INSERT INTO t VALUES (1, 'p,q')", 'c t {id:1,f:"p,q"}'],
  ['DROP TABLE t, u', null],
];

for (const [server, metadata] of [
  ['mysql', 'MINIMAL'],
  ['mariadb', 'NO_LOG'],
  ['mariadb', 'MINIMAL'],
] as const) {
  const name = `${server} with binlog_row_metadata=${metadata}`;
  const database = `meta_${metadata.toLowerCase()}`;
  let sql: Connection;
  const query = async (text: string): Promise<void> => {
    await sql.query(text);
  };
  const fresh = async (ddl: string): Promise<void> => {
    sql ??= await mysql.createConnection({ host: '127.0.0.1', port: port(), user: 'root', multipleStatements: true });
    await query(`SET GLOBAL binlog_row_metadata='${metadata}'; SET NAMES utf8mb4`);
    // The session's own; sessions that began before keep theirs.
    await sql.end();
    sql = await mysql.createConnection({ host: '127.0.0.1', port: port(), user: 'root', multipleStatements: true });
    await query(`DROP DATABASE IF EXISTS ${database}; CREATE DATABASE ${database} CHARACTER SET utf8mb4; USE ${database}; ${ddl}`);
  };
  const port = (): number => stack[server].port;
  const run = async (history: string, from: SourceOffset | null, extra: Record<string, string> = {}): Promise<Run> => {
    const config = sourceConfig(server, { port: port(), database, history: join(dir, `${database}.${server}.${history}`) }, extra);
    const r = new Run(connectorOf(server), config, from, { named: true });
    runs.push(r);
    return await r.start();
  };
  after(async () => await sql?.end());

  test(`${name}: each row is read with the definition valid at its position, again from every offset afterwards`, async () => {
    await fresh(`CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(10), n INT, e ENUM('x','y')); CREATE TABLE u (k INT PRIMARY KEY, at TIME)`);
    const first = await run('columns', null, { 'snapshot.mode': 'no_data' });
    await until(
      'the snapshot',
      20_000,
      () => first.error !== null || (first.committed !== null && first.committed['snapshot'] === undefined),
    );
    for (const [text] of COLUMN_STEPS) await query(text);
    const rows = COLUMN_STEPS.flatMap(([, row]) => (row === null ? [] : [row]));
    const kept = () => first.texts().filter((t) => !t.startsWith('d '));
    await until('all rows', 20_000, () => first.error !== null || kept().length >= rows.length);
    await until(
      'the last definition',
      20_000,
      () => first.error !== null || (first.ddl.at(-1) === 'dropTable' && first.ddl.filter((d) => d === 'dropTable').length >= 3),
    );
    await first.stop();
    assert.ifError(first.error);
    assert.deepEqual(kept(), rows);
    const all = first.texts();
    // The tables are all gone by now; only the history tells what they were.
    const offsets = first.events.flatMap((e, i) => (e.offset === null ? [] : [{ offset: e.offset, done: i + 1 }]));
    for (const { offset, done } of [...offsets, ...offsets.toReversed()]) {
      const again = await run('columns', offset);
      const rest = all.slice(done);
      await until('the rest', 20_000, () => again.error !== null || again.events.length >= rest.length);
      await again.stop();
      assert.ifError(again.error);
      assert.deepEqual(again.texts(), rest, `after row ${done}`);
    }
  });

  test(`${name}: the stream gives what the snapshot gives, for every type`, async () => {
    const columns = TYPES.filter(([, , only]) => only === undefined || only === server);
    const definitions = columns.map(([type], i) => `c${i} ${type}`).join(', ');
    const row = (id: number, pick: number): string => `(${id}, ${columns.map(([, values]) => values[pick % values.length]).join(', ')})`;
    const values = Math.max(...columns.map(([, v]) => v.length));
    const nulls = `(99, ${columns.map(() => 'NULL').join(', ')})`;
    const list = [...Array.from({ length: values }, (_, i) => row(i + 1, i)), nulls].join(', ');
    await fresh(`CREATE TABLE every (id INT PRIMARY KEY, ${definitions}); CREATE TABLE again LIKE every; INSERT INTO every VALUES ${list}`);
    const r = await run('types', null, { 'bigint.unsigned.handling.mode': 'precise' });
    const count = values + 1;
    await r.seen(count);
    await query('INSERT INTO again SELECT * FROM every; UPDATE again SET id = id + 1000');
    await r.seen(2 * count + 2 * count);
    await r.stop();
    const image = (text: string): string => text.slice(text.indexOf('{id:')).replace(/^\{id:\d+/, '');
    const texts = r.texts();
    const bySnapshot = texts.slice(0, count).map(image);
    for (const op of ['r every', 'c again', 'd again'])
      assert.deepEqual(
        texts
          .filter((t) => t.startsWith(op))
          .slice(0, count)
          .map(image),
        bySnapshot,
        op,
      );
    assert.equal(texts.filter((t) => t.startsWith('c again')).length, 2 * count);
    assert.deepEqual(texts.filter((t) => t.startsWith('c again {id:1')).length >= count, true);
  });

  test(`${name}: definitions changed and tables dropped while nobody read`, async () => {
    await fresh(
      `CREATE TABLE t (id INT PRIMARY KEY, v INT); CREATE TABLE gone (id INT PRIMARY KEY, v INT UNSIGNED); INSERT INTO t VALUES (1, 1)`,
    );
    const first = await run('down', null);
    await first.seen(1);
    await until('the snapshot', 20_000, () => first.committed !== null && first.committed['snapshot'] === undefined);
    await first.stop();
    await query(
      `INSERT INTO t VALUES (2, -2); INSERT INTO gone VALUES (1, 4294967295); DELETE FROM gone;
      INSERT INTO gone VALUES (1, 1); ALTER TABLE t ADD COLUMN w INT UNSIGNED FIRST;
      INSERT INTO t VALUES (4294967295, 3, -3); ALTER TABLE gone MODIFY v INT; UPDATE gone SET v = 5; INSERT INTO gone VALUES (2, -1); DROP TABLE gone;
      CREATE TABLE fresh (a INT UNSIGNED PRIMARY KEY); INSERT INTO fresh VALUES (4294967295); ALTER TABLE t DROP COLUMN v; INSERT INTO t VALUES (7, 4)`,
    );
    const again = await run('down', first.committed);
    await again.seen(9);
    await again.stop();
    assert.deepEqual(again.texts(), [
      'c t {id:2,v:-2}',
      'c gone {id:1,v:4294967295}',
      'd gone {id:1,v:4294967295}',
      'c gone {id:1,v:1}',
      'c t {w:4294967295,id:3,v:-3}',
      'u gone {id:1,v:1} {id:1,v:5}',
      'c gone {id:2,v:-1}',
      'c fresh {a:4294967295}',
      'c t {w:7,id:4}',
    ]);
  });

  test(`${name}: without the history an offset is no place to go on from`, async () => {
    await fresh('CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)');
    const first = await run('lost', null);
    await first.seen(1);
    await until('the snapshot', 20_000, () => first.committed !== null && first.committed['snapshot'] === undefined);
    await first.stop();
    rmSync(join(dir, `${database}.${server}.lost`));
    await assert.rejects(run('lost', first.committed), (e: { code?: string; kind?: string; hint?: string }) => {
      assert.equal(e.code, 'CDC_HISTORY_MISSING');
      assert.equal(e.kind, 'environment');
      assert.match(e.hint ?? '', /snapshot\.mode=/);
      return true;
    });
  });
}

/** Type, literals, and the only server that has it. */
const TYPES: readonly (readonly [type: string, values: readonly string[], only?: SourceServer])[] = [
  ['TINYINT', ['-128', '127']],
  ['TINYINT UNSIGNED', ['255', '0']],
  ['SMALLINT', ['-32768', '32767']],
  ['SMALLINT UNSIGNED', ['65535', '0']],
  ['MEDIUMINT', ['-8388608', '8388607']],
  ['MEDIUMINT UNSIGNED', ['16777215', '0']],
  ['INT', ['-2147483648', '2147483647']],
  ['INT UNSIGNED', ['4294967295', '0']],
  ['BIGINT', ['-9223372036854775808', '9223372036854775807']],
  ['BIGINT UNSIGNED', ['18446744073709551615', '0']],
  ['DECIMAL(30,10)', ['-12345678901234567890.0123456789', '0.0000000001']],
  ['DECIMAL(10,2) UNSIGNED', ['99999999.99', '0']],
  ['FLOAT', ['-1.5', '0.25']],
  ['DOUBLE UNSIGNED', ['1e300', '0.1']],
  ['YEAR', ['1901', '2155']],
  ['BIT(1)', ["b'1'", "b'0'"]],
  ['BIT(13)', ["b'1000000000001'", "b'0'"]],
  ['BIT(64)', ["b'1000000000000000000000000000000000000000000000000000000000000001'", "b'0'"]],
  ['TIME', ["'-838:59:59'", "'838:59:59'"]],
  ['TIME(3)', ["'-00:00:00.001'", "'12:34:56.789'"]],
  ['TIME(6)', ["'-12:34:56.000001'", "'23:59:59.999999'"]],
  ['DATE', ["'1000-01-01'", "'9999-12-31'"]],
  ['DATETIME', ["'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'"]],
  ['DATETIME(4)', ["'2026-02-03 04:05:06.7891'", "'1969-12-31 23:59:59.9999'"]],
  ['TIMESTAMP(6) NULL', ["'2026-02-03 04:05:06.789012'", "'1970-01-02 00:00:00.000001'"]],
  ['CHAR(10) CHARACTER SET latin1', ["'éü'", "''"]],
  ['VARCHAR(20) CHARACTER SET gbk', ["'中文'", "'a'"]],
  ['VARCHAR(300) CHARACTER SET utf8mb4', ["'😀é'", "'a'"]],
  ['TEXT CHARACTER SET utf16', ["'é€😀'", "''"]],
  ['MEDIUMTEXT CHARACTER SET cp1251', ["'жук'", "''"]],
  ['CHAR(200) CHARACTER SET utf8mb4', ["'ü'", "''"]],
  ['BINARY(4)', ["x'00ff0000'", "x'01'"]],
  ['VARBINARY(300)', ["x'00ff'", "''"]],
  ['LONGBLOB', ["x'00ff'", "''"]],
  ["ENUM('ä','b','c') CHARACTER SET latin1", ["'ä'", "'c'"]],
  ["SET('ä','b','c') CHARACTER SET latin1", ["'ä,c'", "''"]],
  ['POINT', ["ST_GeomFromText('POINT(1 -2)')", "ST_GeomFromText('POINT(0 0)')"]],
  ['GEOMETRY', ["ST_GeomFromText('LINESTRING(0 0,1 1)')", "ST_GeomFromText('POINT(0 0)')"]],
  ['JSON', ['\'{"a": [1, null, "x"]}\'', "'[]'"]],
  ['VECTOR(2)', ["TO_VECTOR('[1.5,-2]')", "TO_VECTOR('[0,0]')"], 'mysql'],
  ['UUID', ["'123e4567-e89b-12d3-a456-426655440000'", "'00000000-0000-0000-0000-000000000001'"], 'mariadb'],
  ['INET4', ["'192.0.2.1'", "'0.0.0.0'"], 'mariadb'],
  ['INET6', ["'2001:db8::1'", "'::'"], 'mariadb'],
  ['VARCHAR(100) COMPRESSED', ["REPEAT('a', 90)", "''"], 'mariadb'],
  ['BLOB COMPRESSED', ["REPEAT('a', 900)", "''"], 'mariadb'],
];
