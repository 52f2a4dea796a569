import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { CdcError } from '../../../../../src/model/errors.ts';
import type { Table } from '../../../../../src/relational/table.ts';
import { createTable } from '../../../../../src/source/mysql/schema/apply-ddl.ts';
import { parseStatement } from '../../../../../src/source/mysql/schema/ddl-parser.ts';
import { compileTable, defaultCodecOptions } from '../../../../../src/source/mysql/schema/table-codec.ts';
import { compileRowsDecoder, inflateMariadbRows, rowsEventTableId } from '../../../../../src/source/mysql/streaming/rows-decoder.ts';
import { parseTableMap } from '../../../../../src/source/mysql/streaming/table-map.ts';

interface Recorded {
  readonly create: string;
  readonly map: string;
  readonly events: readonly { readonly type: number; readonly body: string }[];
}

/** Bodies of a TABLE_MAP and the rows events after it: two inserts, an update, a delete. */
const recorded = JSON.parse(readFileSync(join(import.meta.dirname, 'rows-events.json'), 'utf8')) as Recorded;
const mapBody = Buffer.from(recorded.map, 'hex');
const [insert, update, remove] = recorded.events.map((e) => ({ type: e.type, body: Buffer.from(e.body, 'hex') })) as [Event, Event, Event];
type Event = { type: number; body: Buffer };
const options = defaultCodecOptions('p');

function tableOf(create: string): Table {
  const { statement } = parseStatement(create, { connector: 'mysql', ansiQuotes: false, noBackslashEscapes: false });
  if (statement.kind !== 'createTable') throw new Error('not a CREATE TABLE');
  const context = { connector: 'mysql' as const, charset: 'utf8mb4', collation: null, explicitDefaultsForTimestamp: true };
  return createTable({ database: 'rb_fixture', table: 't' }, statement, context);
}

const table = tableOf(recorded.create);
const schema = compileTable(table, options);
const map = parseTableMap(mapBody, 0, mapBody.length);
const decoder = compileRowsDecoder(map, table, schema, options);
const decode = (e: Event) => decoder.decode(e.body, 0, e.body.length, e.type);

test('a table map tells names, signs, character sets, members and the key with its prefixes', () => {
  assert.equal(map.database, 'rb_fixture');
  assert.equal(map.table, 't');
  assert.equal(map.named, true);
  assert.deepEqual(
    map.columns.map((c) => c.name),
    table.columns.map((c) => c.name),
  );
  const column = (name: string) => map.columns.find((c) => c.name === name);
  assert.equal(column('u')?.unsigned, true);
  assert.equal(column('id')?.unsigned, false);
  assert.equal(column('id')?.nullable, false);
  assert.equal(column('t0')?.nullable, true);
  assert.deepEqual(column('e')?.labels, ['a,b', "it's"]);
  assert.deepEqual(column('s')?.labels, ['x', 'ü']);
  assert.equal(column('v')?.dimension, 2);
  assert.equal(column('g')?.geometryType, 0);
  assert.equal(column('b')?.collation, 63);
  assert.equal(column('9')?.visible, true);
  assert.deepEqual(map.primaryKey, [
    { column: 14, prefix: 5 },
    { column: 0, prefix: 0 },
  ]);
  assert.equal(rowsEventTableId(insert.body, 0), map.tableId);
});

describe('values other readers of the binlog get wrong', () => {
  const { before, after, count } = decode(insert);
  const value = (name: string, row = 0): unknown => after?.[row]?.[schema.value.fields.findIndex((f) => f.name === name)];
  test('an insert has after images alone', () => {
    assert.equal(before, null);
    assert.equal(count, 2);
  });
  const facts: [string, unknown, unknown][] = [
    ['a negative TIME with zero seconds', value('t0'), -60_000_000],
    ['a negative TIME with full hours', value('t0', 1), -43_200_000_000],
    ['a TIME of minus one microsecond', value('t6'), -1],
    ['the longest TIME', value('t6', 1), 3_020_398_999_999],
    ['a VECTOR', value('v'), [1.5, -2.5]],
    ['the column after a VECTOR', value('after_v'), 12],
    ['the column after a NULL VECTOR', value('after_v', 1), 13],
    [
      'JSON with BIT, TIMESTAMP, DECIMAL, 1.0, 1e20, -0.0, __proto__ and number-like keys',
      value('j'),
      '{"":-0.0,"9":1e20,"b":"base64:type16:AAU=","d":1.50,"ts":"2020-01-02 03:04:05.500000","__proto__":1.0}',
    ],
    ['YEAR 0000', value('y'), 0],
    ['the last YEAR', value('y', 1), 2155],
    ['ENUM index 0', value('e'), ''],
    ['an ENUM label with a comma', value('e', 1), 'a,b'],
    ['an empty SET', value('s'), ''],
    ['a SET', value('s', 1), 'x,ü'],
    [
      'a geometry with its SRID',
      value('g'),
      [Buffer.from('01020000000200000000000000000000000000000000000000000000000000144000000000000014', 'hex'), 4326],
    ],
    ['INT UNSIGNED', value('u'), 4_294_967_295],
    ['a DECIMAL', value('d'), '-1234567.890'],
    ['a DECIMAL zero', value('d', 1), '0.000'],
    ['BINARY padded', value('b'), Buffer.from([1, 2, 0, 0])],
    ['an empty BINARY padded', value('b', 1), Buffer.alloc(4)],
    ['a column named __proto__', value('__proto__'), 'p'],
    ['latin1 text', value('9'), 'é'],
    ['TIMESTAMP with its digits', value('ts', 1), '1970-01-01T00:00:01.000Z'],
    ['the last TIMESTAMP', value('ts'), '2038-01-19T03:14:07.499Z'],
    ['a DATETIME(6) beyond 2^53', value('dt'), 253402300799999999n],
    ['a zero DATETIME', value('dt', 1), null],
    ['a FLOAT', value('f'), Math.fround(123456.789)],
    ['BIT as little-endian bytes', value('bits'), Buffer.from([1, 1])],
  ];
  for (const [what, actual, expected] of facts) {
    test(what, () => {
      // LINESTRING's last coordinate ends with 0x40.
      if (what === 'a geometry with its SRID') {
        const [wkb, srid] = actual as [Buffer, number];
        assert.equal(srid, 4326);
        assert.equal(wkb.readDoubleLE(wkb.length - 8), 5);
        assert.equal(wkb.subarray(0, 5).toString('hex'), '0102000000');
      } else assert.deepStrictEqual(actual, expected);
    });
  }
});

test('an update has both images, a delete the one before', () => {
  const changed = decode(update);
  assert.equal(changed.count, 1);
  assert.equal(changed.before?.[0]?.[6], 0);
  assert.equal(changed.after?.[0]?.[6], 2000);
  assert.equal(changed.after?.[0]?.[5], null);
  const removed = decode(remove);
  assert.equal(removed.after, null);
  assert.equal(removed.before?.[0]?.[0], 2);
});

test('rows do not point into the packet', () => {
  const body = Buffer.from(insert.body);
  const rows = decoder.decode(body, 0, body.length, insert.type);
  const copy = structuredClone(rows.after);
  body.fill(0);
  assert.deepEqual(structuredClone(rows.after), copy);
});

test('an event cut off anywhere is an error, but between rows', () => {
  const whole = decode(insert).after;
  for (let end = insert.body.length - 1; end > 20; end--) {
    const cut = insert.body.subarray(0, end);
    let rows: ReturnType<typeof decode>;
    try {
      rows = decoder.decode(cut, 0, cut.length, insert.type);
    } catch (error) {
      assert.ok(error instanceof CdcError, `cut at ${end}: ${error}`);
      continue;
    }
    assert.ok(rows.count < 2, `cut at ${end}`);
    assert.deepEqual(rows.after, whole?.slice(0, rows.count));
  }
});

test('a compressed rows event of MariaDB is the plain one once inflated', () => {
  const bitmaps = 8 + 2 + 1 + ((map.columns.length + 7) >> 3);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(insert.body.length - bitmaps);
  const compressed = Buffer.concat([
    insert.body.subarray(0, bitmaps),
    Buffer.from([0x82]),
    length,
    deflateSync(insert.body.subarray(bitmaps)),
  ]);
  const plain = inflateMariadbRows(compressed, 0, compressed.length, 169);
  assert.equal(plain.type, 30);
  assert.deepEqual(plain.buf.subarray(plain.start, plain.end), insert.body);
  compressed[bitmaps] = 0x92;
  assert.throws(
    () => inflateMariadbRows(compressed, 0, compressed.length, 169),
    (e) => e instanceof CdcError && e.code === 'CDC_ROW_DECODE',
  );
});

test('a table map that does not end where it says is refused', () => {
  assert.throws(
    () => parseTableMap(mapBody, 0, mapBody.length - 3),
    (e) => e instanceof CdcError && e.code === 'CDC_ROW_DECODE',
  );
});

test('in MariaDB a geometry column counts among the columns with a character set', () => {
  // Of MariaDB 10.11: id INT, c CHAR, l VARCHAR latin1, lt LONGTEXT, bin, vb, bl, g GEOMETRY, u UUID, ip6 INET6, ip4 INET4, vc VARCHAR COMPRESSED.
  const body = Buffer.from(
    '0318000000000100096576745f70726f6265000164000c03fe0ffcfe0ffcfffefefe8d13fe0c280004fe042c010204fe10fe10fe04b104fe0f' +
      '01010002093f002d0108022d0a2d07010004230269640163016c026c740362696e02766202626c016701750369703603697034027663080100',
    'hex',
  );
  const collations = parseTableMap(body, 0, body.length, 'mariadb').columns.map((c) => `${c.name} ${c.collation}`);
  assert.deepEqual(collations, [
    'id null',
    'c 45',
    'l 8',
    'lt 45',
    'bin 63',
    'vb 63',
    'bl 63',
    'g 63',
    'u 63',
    'ip6 63',
    'ip4 63',
    'vc 45',
  ]);
});
