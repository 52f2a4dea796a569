import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { UNAVAILABLE } from '../../src/model/chunk.ts';
import { array, primitive, type Schema, struct } from '../../src/model/schema.ts';
import * as names from '../../src/model/semantic-types.ts';
import { DatabendSession, type Session } from '../../src/sink/databend/client.ts';
import { databendConfig, endpointOf } from '../../src/sink/databend/config.ts';
import { databendSinkConnector } from '../../src/sink/databend/connector.ts';
import { quoteIdentifier } from '../../src/sink/databend/dialect.ts';
import { DatabendSinkTask } from '../../src/sink/databend/sink-task.ts';
import { databendDsn } from '../support/servers.ts';
import { batchOf, contextOf, PARTITION, rowsOf, schemaChange, sourceOf, tableOf } from '../unit/sink/builders.ts';

const DB = 'riverbend_sink_test';
const signal = new AbortController().signal;
const int32 = primitive('int32');
const str = primitive('string', { optional: true });

function configOf(more: Record<string, string> = {}) {
  return databendConfig.parse({ 'connection.url': databendDsn(), 'connection.database': DB, 'retry.backoff.ms': '50', ...more }).config;
}

let look: Session;
const text = async (sql: string): Promise<unknown[][]> => (await look.query(sql, 'look')).map((r) => [...r]);
const rowsIn = (table: string, columns: string): Promise<unknown[][]> =>
  text(`SELECT ${columns} FROM ${quoteIdentifier(DB)}.${quoteIdentifier(table)} ORDER BY 1`);

async function started(name: string, more: Record<string, string> = {}): Promise<DatabendSinkTask> {
  const task = new DatabendSinkTask(configOf(more), contextOf(name));
  await task.start(signal);
  return task;
}

before(async () => {
  look = new DatabendSession(endpointOf(configOf()), 60);
  await look.exec(`DROP DATABASE IF EXISTS ${DB}`, 'clean');
});
after(async () => {
  await look.exec(`DROP DATABASE IF EXISTS ${DB}`, 'clean');
  await look.close();
});

describe('values', () => {
  const opt = (
    type: Parameters<typeof primitive>[0],
    name: string | null = null,
    parameters: Record<string, string> | null = null,
  ): Schema => primitive(type, { optional: true, name, parameters });
  const geometry = (name: string, fields: readonly (readonly [string, Schema])[]): Schema => struct(fields, { name, optional: true });
  const wkb = Buffer.from('0101000000000000000000f03f0000000000000040', 'hex');
  const nasty = 'it\'s "x" \\ \\N \\n \n\r\n\t\0 é 😀 \u2028, $1 ? -- /* ;';

  /** column → schema, value, what Databend shows (`hex` = of its bytes), its type. */
  const cases: readonly (readonly [string, Schema, unknown, string | null, string, string?])[] = [
    ['tiny', opt('int8'), -128, '-128', 'TINYINT'],
    ['small', opt('int16'), 32767, '32767', 'SMALLINT'],
    ['int', opt('int32'), -2147483648, '-2147483648', 'INT'],
    ['big_min', opt('int64'), -(2n ** 63n), '-9223372036854775808', 'BIGINT'],
    ['big_max', opt('int64'), 2n ** 63n - 1n, '9223372036854775807', 'BIGINT'],
    ['bool', opt('boolean'), true, 'true', 'BOOLEAN'],
    ['float', opt('float32'), Math.fround(3.4028234e38), null, 'FLOAT', `$ = 3.4028234663852886e38::float`],
    ['float_small', opt('float32'), Math.fround(1.4e-45), null, 'FLOAT', `$ > 0`],
    ['double', opt('float64'), 524560164915.884, null, 'DOUBLE', `$ = '524560164915.884'::double`],
    ['double_max', opt('float64'), Number.MAX_VALUE, null, 'DOUBLE', `$ = '1.7976931348623157e308'::double`],
    ['double_min', opt('float64'), 5e-324, null, 'DOUBLE', `$ > 0`],
    ['minus_zero', opt('float64'), -0, '-0', 'DOUBLE'],
    ['nasty', opt('string'), nasty, nasty, 'VARCHAR'],
    ['empty', opt('string'), '', '', 'VARCHAR'],
    ['null_word', opt('string'), '\\N', '\\N', 'VARCHAR'],
    ['bytes', opt('bytes'), Buffer.from([0, 255, 10, 34]), '00ff0a22', 'BINARY', 'hex'],
    ['no_bytes', opt('bytes'), Buffer.alloc(0), '', 'BINARY', 'hex'],
    [
      'decimal',
      opt('bytes', names.DECIMAL, { scale: '30', 'connect.decimal.precision': '65' }),
      `-${'9'.repeat(35)}.${'9'.repeat(30)}`,
      `-${'9'.repeat(35)}.${'9'.repeat(30)}`,
      'DECIMAL(65, 30)',
    ],
    [
      'decimal76',
      opt('bytes', names.DECIMAL, { scale: '0', 'connect.decimal.precision': '76' }),
      '9'.repeat(76),
      '9'.repeat(76),
      'DECIMAL(76, 0)',
    ],
    [
      'unsigned',
      opt('bytes', names.DECIMAL, { scale: '0', 'connect.decimal.precision': '20' }),
      '18446744073709551615',
      '18446744073709551615',
      'DECIMAL(20, 0)',
    ],
    ['date', opt('int32', names.DATE), 2932896, '9999-12-31', 'DATE'],
    ['date_first', opt('int32', names.DATE), -719162, '0001-01-01', 'DATE'],
    ['millis', opt('int64', names.TIMESTAMP), -1, '1969-12-31 23:59:59.999000', 'TIMESTAMP'],
    ['micros', opt('int64', names.MICRO_TIMESTAMP), 253402207199999999n, '9999-12-30 21:59:59.999999', 'TIMESTAMP'],
    ['micros_first', opt('int64', names.MICRO_TIMESTAMP), -62135596800000000n, '0001-01-01 00:00:00.000000', 'TIMESTAMP'],
    ['nanos', opt('int64', names.NANO_TIMESTAMP), 1700000000123456000n, '2023-11-14 22:13:20.123456', 'TIMESTAMP'],
    ['zoned', opt('string', names.ZONED_TIMESTAMP), '2024-02-29T23:59:59.1234+02:00', '2024-02-29 21:59:59.123400', 'TIMESTAMP'],
    ['connect_ts', opt('int64', names.CONNECT_TIMESTAMP), 1709251199123, '2024-02-29 23:59:59.123000', 'TIMESTAMP'],
    ['time', opt('int64', names.MICRO_TIME), -3020399000000, '-838:59:59', 'VARCHAR'],
    ['time6', opt('int64', names.MICRO_TIME), 1, '00:00:00.000001', 'VARCHAR'],
    ['time3', opt('int64', names.MICRO_TIME, { '__debezium.source.column.length': '3' }), 3661500000, '01:01:01.500', 'VARCHAR'],
    ['time_ms', opt('int32', names.TIME), 43200000, '12:00:00', 'VARCHAR'],
    ['year', opt('int32', names.YEAR), 2155, '2155', 'INT'],
    ['enum', opt('string', names.ENUM), 'a,b', 'a,b', 'VARCHAR'],
    [
      'json',
      opt('string', names.JSON_TYPE),
      '{"n": 1.10, "big": 12345678901234567890, "s": "q\\"\\\\"}',
      '{"big":12345678901234567890,"n":1.10,"s":"q\\"\\\\"}',
      'VARIANT',
    ],
    ['bits', opt('bytes', names.BITS), Buffer.alloc(8, 255), '18446744073709551615', 'BIGINT UNSIGNED'],
    [
      'geometry',
      geometry(names.GEOMETRY, [
        ['wkb', primitive('bytes')],
        ['srid', opt('int32')],
      ]),
      [wkb, 4326],
      'SRID=4326;POINT(1 2)',
      'GEOMETRY',
      'st_asewkt($)',
    ],
    [
      'point',
      geometry(names.POINT, [
        ['x', primitive('float64')],
        ['y', primitive('float64')],
        ['wkb', opt('bytes')],
        ['srid', opt('int32')],
      ]),
      [1, 2, wkb, null],
      'POINT(1 2)',
      'GEOMETRY',
      'st_asewkt($)',
    ],
    [
      'vector',
      array(primitive('float32'), { name: names.FLOAT_VECTOR, optional: true, parameters: { dimension: '3' } }),
      [1, -2.5, Math.fround(0.1)],
      null,
      'VECTOR(3)',
      `l2_distance($, [1, -2.5, 0.1]::vector(3)) = 0`,
    ],
    ['floats', array(primitive('float32'), { name: names.FLOAT_VECTOR, optional: true }), [1, 2], null, 'ARRAY(FLOAT)', `$[2] = 2`],
  ];

  test('every type of the contract arrives exactly, and so does NULL', async () => {
    const table = tableOf(DB, 'types', [['id', int32], ...cases.map(([name, schema]) => [name, schema] as const)], ['id']);
    const rows = [
      [1, ...cases.map((c) => c[2])],
      [2, ...cases.map(() => null)],
    ];
    const task = await started('types');
    // Two ways into the table: INSERT into an empty one, MERGE after it.
    for (const [pos, shift] of [
      [1, 0],
      [2, 10],
    ] as const) {
      await task.put(
        batchOf(
          [
            rowsOf(
              table,
              'c',
              rows.map(([id, ...rest]) => [(id as number) + shift, ...rest]),
            ),
          ],
          pos,
        ),
        signal,
      );
      await task.flush(signal);
    }
    await task.stop();
    const types = await text(`SELECT name, data_type FROM system.columns WHERE database = '${DB}' AND "table" = 'types'`);
    for (const [name, , , shown, type, how] of cases) {
      assert.equal(String(types.find(([n]) => n === name)?.[1]).replace('FLOAT32', 'FLOAT'), type, name);
      const q = quoteIdentifier(name);
      const expression =
        how === undefined
          ? `${q}::VARCHAR`
          : how === 'hex'
            ? `lower(hex(${q}))`
            : how.startsWith('st_')
              ? how.replace('$', q)
              : `(${how.replaceAll('$', q)})::VARCHAR`;
      const expected = shown ?? 'true';
      assert.deepEqual(
        await rowsIn('types', `id::VARCHAR, ${expression}, ${q} IS NULL`),
        [
          ['1', expected, false],
          ['11', expected, false],
          ['12', null, true],
          ['2', null, true],
        ],
        name,
      );
    }
  });

  test('a timestamp Databend cannot hold stops the task, or is stored as value.range.policy says', async () => {
    const table = tableOf(
      DB,
      'range',
      [
        ['id', int32],
        ['at', opt('int64', names.MICRO_TIMESTAMP)],
      ],
      ['id'],
    );
    const chunk = rowsOf(table, 'c', [[1, 253402300799000000n]]);
    const strict = await started('range');
    await strict.put(batchOf([chunk], 1), signal);
    await assert.rejects(strict.flush(signal), { code: 'CDC_DATABEND_VALUE_RANGE', kind: 'data', message: /"range"\.at/ });
    await strict.stop();
    for (const [policy, shown] of [
      ['clamp', '9999-12-30 21:59:59.999999'],
      ['null', null],
    ] as const) {
      const task = await started('range', { 'value.range.policy': policy });
      await task.put(batchOf([chunk], 1), signal);
      await task.flush(signal);
      await task.stop();
      assert.deepEqual(await rowsIn('range', 'at::VARCHAR'), [[shown]]);
    }
  });

  test('names that look like SQL stay names', async () => {
    const evil = 'a"b\'; DROP TABLE x -- \\ ü 表 `';
    const table = tableOf(
      DB,
      evil,
      [
        ['id', int32],
        [evil, str],
      ],
      ['id'],
    );
    const task = await started("evil'\\ name");
    await task.put(batchOf([rowsOf(table, 'c', [[1, evil]])], 1), signal);
    await task.flush(signal);
    await task.put(batchOf([rowsOf(table, 'u', [[1, `${evil}!`]])], 2), signal);
    await task.flush(signal);
    assert.deepEqual(await task.committedOffset(PARTITION), { pos: 2 });
    await task.stop();
    assert.deepEqual(await rowsIn(evil, quoteIdentifier(evil)), [[`${evil}!`]]);
  });
});

describe('changes', () => {
  const fields = [
    ['id', int32],
    ['v', str],
    ['w', str],
  ] as const;

  test('the last change per key wins, within a flush and across flushes', async () => {
    const t = tableOf(DB, 'last_wins', fields, ['id']);
    const task = await started('last_wins');
    await task.put(
      batchOf(
        [
          rowsOf(t, 'c', [
            [1, 'a', 'x'],
            [2, 'b', 'x'],
            [3, 'c', 'x'],
          ]),
          rowsOf(t, 'd', [[2, 'b', 'x']]),
          rowsOf(t, 'u', [[1, 'a2', 'x']]),
        ],
        1,
      ),
      signal,
    );
    await task.flush(signal);
    assert.deepEqual(await rowsIn('last_wins', 'id::VARCHAR, v'), [
      ['1', 'a2'],
      ['3', 'c'],
    ]);
    // Key change (delete and create), delete and create again, delete of a row that is not there.
    await task.put(
      batchOf(
        [
          rowsOf(t, 'd', [[3, 'c', 'x']]),
          rowsOf(t, 'c', [[30, 'c', 'x']]),
          rowsOf(t, 'd', [[1, 'a2', 'x']]),
          rowsOf(t, 'c', [[1, 'again', null]]),
          rowsOf(t, 'd', [[99, null, null]]),
        ],
        2,
      ),
      signal,
    );
    await task.flush(signal);
    await task.stop();
    assert.deepEqual(await rowsIn('last_wins', 'id::VARCHAR, v, w'), [
      ['1', 'again', null],
      ['30', 'c', 'x'],
    ]);
  });

  test('a cell an update leaves out keeps its value; without the row it is refused', async () => {
    const t = tableOf(DB, 'partial', fields, ['id']);
    const task = await started('partial');
    await task.put(
      batchOf(
        [
          rowsOf(t, 'c', [
            [1, 'a', 'x'],
            [2, 'b', 'y'],
          ]),
        ],
        1,
      ),
      signal,
    );
    await task.flush(signal);
    await task.put(
      batchOf(
        [
          rowsOf(t, 'u', [[1, UNAVAILABLE, 'x2']]),
          rowsOf(t, 'u', [[2, 'b2', UNAVAILABLE]]),
          rowsOf(t, 'c', [[3, 'c', null]]),
          rowsOf(t, 'u', [[3, UNAVAILABLE, 'z']]),
        ],
        2,
      ),
      signal,
    );
    await task.flush(signal);
    assert.deepEqual(await rowsIn('partial', 'id::VARCHAR, v, w'), [
      ['1', 'a', 'x2'],
      ['2', 'b2', 'y'],
      ['3', 'c', 'z'],
    ]);
    await task.put(batchOf([rowsOf(t, 'u', [[7, UNAVAILABLE, 'x']])], 3), signal);
    await assert.rejects(task.flush(signal), { code: 'CDC_DATABEND_ROW_MISSING', kind: 'data' });
    await task.stop();
  });

  test('a truncate empties the table in its place', async () => {
    const t = tableOf(DB, 'trunc', fields, ['id']);
    const task = await started('trunc');
    await task.put(batchOf([rowsOf(t, 'c', [[1, 'a', 'x']])], 1), signal);
    await task.flush(signal);
    await task.put(batchOf([rowsOf(t, 'c', [[2, 'b', 'x']]), rowsOf(t, 't', []), rowsOf(t, 'c', [[3, 'c', 'x']])], 2), signal);
    await task.flush(signal);
    assert.deepEqual(await rowsIn('trunc', 'id::VARCHAR'), [['3']]);
    await task.put(batchOf([schemaChange([{ kind: 'truncateTable', table: t.id }], 3)], 3), signal);
    await task.flush(signal);
    await task.stop();
    assert.deepEqual(await rowsIn('trunc', 'id::VARCHAR'), []);
  });

  test('rows without key: as many copies as in the source', async () => {
    const t = tableOf(DB, 'keyless', fields, []);
    const task = await started('keyless');
    await task.put(
      batchOf(
        [
          rowsOf(t, 'c', [
            [1, 'a', null],
            [1, 'a', null],
            [1, 'a', null],
            [2, null, 'x\\N'],
          ]),
        ],
        1,
      ),
      signal,
    );
    await task.flush(signal);
    await task.put(
      batchOf(
        [
          rowsOf(t, 'd', [[1, 'a', null]]),
          rowsOf(t, 'u', [[2, 'b', 'y']], { before: [[2, null, 'x\\N']] }),
          rowsOf(t, 'c', [[5, 'z', null]]),
        ],
        2,
      ),
      signal,
    );
    await task.flush(signal);
    assert.deepEqual(await rowsIn('keyless', 'id::VARCHAR, v, w'), [
      ['1', 'a', null],
      ['1', 'a', null],
      ['2', 'b', 'y'],
      ['5', 'z', null],
    ]);
    await task.put(batchOf([rowsOf(t, 'd', [[9, 'none', null]])], 3), signal);
    await assert.rejects(task.flush(signal), { code: 'CDC_DATABEND_KEYLESS', kind: 'data' });
    await task.stop();
    assert.equal((await rowsIn('keyless', 'id')).length, 4);
  });

  test('a value the target refuses is reported with its column and without itself', async () => {
    const t = tableOf(
      DB,
      'refused',
      [
        ['id', int32],
        ['j', primitive('string', { optional: true, name: names.JSON_TYPE })],
      ],
      ['id'],
    );
    const task = await started('refused');
    await task.put(batchOf([rowsOf(t, 'c', [[1, '{secret']])], 1), signal);
    await assert.rejects(task.flush(signal), (e: Error) => /"refused"\."j"/.test(e.message) && !/secret/.test(`${e.message}${e.stack}`));
    await task.stop();
  });

  test('a second snapshot of a table replaces what an interrupted one left', async () => {
    const t = tableOf(DB, 'resnap', fields, []);
    const snap = (marker: 'first' | 'true', rows: unknown[][]) => rowsOf(t, 'r', rows, { source: sourceOf(t, { snapshot: marker }) });
    const one = await started('resnap');
    await one.put(batchOf([snap('first', [[1, 'a', null]]), snap('true', [[2, 'b', null]])], null), signal);
    await one.flush(signal);
    await one.stop();
    const two = await started('resnap');
    await two.put(batchOf([snap('first', [[1, 'a', null]]), snap('true', [[3, 'c', null]])], null), signal);
    await two.flush(signal);
    await two.put(batchOf([snap('true', [[4, 'd', null]])], 9), signal);
    await two.flush(signal);
    await two.stop();
    assert.deepEqual(await rowsIn('resnap', 'id::VARCHAR'), [['1'], ['3'], ['4']]);
  });
});

test('probe finds a good server, a wrong password and nobody at home', async () => {
  assert.deepEqual(await databendSinkConnector.probe(configOf(), signal), []);
  const wrong = await databendSinkConnector.probe(configOf({ 'connection.password': 'wrong' }), signal);
  assert.deepEqual(
    wrong.map((f) => [f.severity, f.code, f.kind]),
    [['error', 'CDC_DATABEND_AUTH', 'environment']],
  );
  const gone = await databendSinkConnector.probe(configOf({ 'connection.url': 'databend://u:p@127.0.0.1:1/x?sslmode=disable' }), signal);
  assert.deepEqual(
    gone.map((f) => [f.severity, f.code, f.kind]),
    [['error', 'CDC_DATABEND_CONNECTION', 'environment']],
  );
});

test('50 000 rows of ten columns: time is printed', async (t) => {
  const big = tableOf(
    DB,
    'bulk',
    [
      ['id', int32],
      ['name', str],
      [
        'amount',
        primitive('bytes', { optional: true, name: names.DECIMAL, parameters: { scale: '2', 'connect.decimal.precision': '12' } }),
      ],
      ['at', primitive('int64', { optional: true, name: names.MICRO_TIMESTAMP })],
      ['day', primitive('int32', { optional: true, name: names.DATE })],
      ['note', str],
      ['ratio', primitive('float64', { optional: true })],
      ['flag', primitive('boolean', { optional: true })],
      ['n', primitive('int64', { optional: true })],
      ['more', str],
    ],
    ['id'],
  );
  const rows = Array.from({ length: 50_000 }, (_, i) => [
    i,
    `name ${i}`,
    `${i}.25`,
    1_700_000_000_000_000 + i * 1_000_003,
    19000 + (i % 1000),
    `a note of some length ${i}`,
    i / 3,
    i % 2 === 0,
    i * 1_000_000_007,
    null,
  ]);
  const task = await started('bulk');
  for (const [pos, op] of [
    [1, 'c'],
    [2, 'u'],
  ] as const) {
    const a = performance.now();
    const cpu = process.cpuUsage();
    await task.put(batchOf([rowsOf(big, op, rows)], pos), signal);
    const b = performance.now();
    await task.flush(signal);
    const used = process.cpuUsage(cpu);
    t.diagnostic(
      `${op === 'c' ? 'insert' : 'merge'}: put ${(b - a).toFixed(0)} ms, flush ${(performance.now() - b).toFixed(0)} ms, own CPU ${((used.user + used.system) / 50_000).toFixed(2)} µs/row`,
    );
  }
  await task.stop();
  assert.deepEqual(await text(`SELECT count(*)::VARCHAR, count(DISTINCT id)::VARCHAR FROM ${DB}.bulk`), [['50000', '50000']]);
});
