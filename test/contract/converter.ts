import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UNAVAILABLE } from '../../src/model/chunk.ts';
import { CdcError } from '../../src/model/errors.ts';
import { array, map, primitive, type Schema, struct } from '../../src/model/schema.ts';
import type { Converter, Decoded } from '../../src/spi/converter.ts';
import { ByteWriter } from '../../src/util/byte-writer.ts';
import { type ChunkGiven, COLUMNS, chunkOf, decimal, envelopeValue, tableOf } from '../unit/convert/chunks.ts';

export interface ConverterUnderTest {
  readonly name: string;
  readonly create: (isKey: boolean) => Converter;
  /** False for converters that write no schema: they read back plain JSON. */
  readonly carriesSchema: boolean;
  /** Topics are made unique with it, for converters that register schemas somewhere. */
  readonly prefix: string;
}

const ROWS = [
  [1, 'Ann', '12.30', Buffer.from([0, 255, 16]), -32_768, 0.1],
  [2, null, null, null, null, null],
  [9_007_199_254_740_993n, 'héllo 😀 \u0001"\\', '-99999999999999999999.01', Buffer.alloc(0), 32_767, -1e-300],
];

const CHUNKS: readonly ChunkGiven[] = [
  { op: 'c', after: ROWS, firstRow: 3 },
  { op: 'r', after: ROWS },
  { op: 'u', before: ROWS, after: [...ROWS].reverse() },
  { op: 'd', before: ROWS },
  { op: 'u', before: ROWS, after: ROWS, transaction: { id: 'gtid:7', firstOrder: 8, firstCollectionOrder: 127 } },
];

/** What every converter that can write rows must do. */
export function testConverter(made: ConverterUnderTest): void {
  const { name, prefix } = made;
  const where = (part: string): string => `${prefix}.${part}.orders`;

  test(`${name}: a chunk's messages are those of its envelopes one by one, and read back the same`, async () => {
    const converter = made.create(false);
    const table = tableOf(COLUMNS, { topic: where('shop') });
    const encoder = await converter.prepare(table);
    for (const given of CHUNKS) {
      const chunk = chunkOf(table, given);
      const into: (Buffer | null)[] = [];
      // A tiny buffer, so that messages move to larger ones while they are written.
      encoder.encode(chunk, new ByteWriter(16), into);
      assert.equal(into.length, chunk.count);
      for (const [i, message] of into.entries()) {
        const value = envelopeValue(chunk, i);
        assert.deepEqual(message, await converter.fromConnect(table.topic, table.envelope, value), `${given.op}, row ${i}`);
        if (made.carriesSchema) assert.deepEqual((await converter.toConnect(table.topic, message)).value, value);
      }
    }
  });

  test(`${name}: a truncate is an envelope without rows and without key`, async () => {
    const table = tableOf(COLUMNS, { topic: where('shop') });
    const chunk = chunkOf(table, { op: 't' });
    const values: (Buffer | null)[] = [];
    const converter = made.create(false);
    (await converter.prepare(table)).encode(chunk, new ByteWriter(), values);
    assert.deepEqual(values, [await converter.fromConnect(table.topic, table.envelope, envelopeValue(chunk, 0))]);
    const keys: (Buffer | null)[] = [];
    (await made.create(true).prepare(table)).encode(chunk, new ByteWriter(), keys);
    assert.deepEqual(keys, [null]);
  });

  test(`${name}: keys come from the row as it is now, for deletes as it was; tables without key have none`, async () => {
    const converter = made.create(true);
    const table = tableOf(COLUMNS, { topic: where('keyed'), key: [1, 0] });
    const encoder = await converter.prepare(table);
    const [a, b] = [
      [1, 'a', null, null, null, null],
      [2, 'b', null, null, null, null],
    ];
    for (const [given, key] of [
      [{ op: 'd', before: [a] }, ['a', 1]],
      [{ op: 'u', before: [a], after: [b] }, ['b', 2]],
      [{ op: 'c', after: [b] }, ['b', 2]],
    ] as const) {
      const into: (Buffer | null)[] = [];
      encoder.encode(chunkOf(table, given as ChunkGiven), new ByteWriter(), into);
      assert.deepEqual(into, [await converter.fromConnect(table.topic, table.key, key)], given.op);
    }
    const keyless = tableOf(COLUMNS, { topic: where('keyless'), key: [] });
    const into: (Buffer | null)[] = [];
    (await converter.prepare(keyless)).encode(chunkOf(keyless, { op: 'c', after: [a, b] as never }), new ByteWriter(), into);
    assert.deepEqual(into, [null, null]);
  });

  test(`${name}: flattened rows are the bare row; a delete without row is null`, async () => {
    const converter = made.create(false);
    const table = tableOf(COLUMNS, { topic: where('flat'), shape: 'row' });
    const encoder = await converter.prepare(table);
    const into: (Buffer | null)[] = [];
    encoder.encode(chunkOf(table, { op: 'c', after: ROWS }), new ByteWriter(), into);
    for (const [i, row] of ROWS.entries()) assert.deepEqual(into[i], await converter.fromConnect(table.topic, table.value, row));
    const deleted: (Buffer | null)[] = [];
    encoder.encode(chunkOf(table, { op: 'd', before: ROWS }), new ByteWriter(), deleted);
    assert.deepEqual(deleted, [null, null, null]);
  });

  test(`${name}: prepare keeps one encoder per table version, and encoder() finds it without waiting`, async () => {
    const converter = made.create(false);
    const table = tableOf(COLUMNS, { topic: where('shop') });
    assert.equal(converter.encoder(table), undefined);
    const encoder = await converter.prepare(table);
    assert.equal(converter.encoder(table), encoder);
    assert.equal(await converter.prepare(table), encoder);
    assert.equal(converter.encoder({ ...table }), undefined);
  });

  test(`${name}: a column missing from the row image becomes the placeholder in text and bytes, and an error elsewhere`, async () => {
    const converter = made.create(false);
    const table = tableOf(COLUMNS, { topic: where('shop') });
    const encoder = await converter.prepare(table);
    const write = (row: readonly unknown[]): (Buffer | null)[] => {
      const into: (Buffer | null)[] = [];
      encoder.encode(chunkOf(table, { op: 'c', after: [row] }), new ByteWriter(), into);
      return into;
    };
    const placeholder = '__debezium_unavailable_value';
    assert.deepEqual(
      write([1, UNAVAILABLE, null, UNAVAILABLE, null, null]),
      write([1, placeholder, null, Buffer.from(placeholder), null, null]),
    );
    for (const column of [0, 2, 4, 5]) {
      const row: unknown[] = [1, null, null, null, null, null];
      row[column] = UNAVAILABLE;
      assert.throws(() => write(row), isConvertError(COLUMNS[column]?.[0] as string));
    }
  });

  test(`${name}: a value that does not fit is refused by table and column, without the value`, async () => {
    const converter = made.create(false);
    const table = tableOf(COLUMNS, { topic: where('shop') });
    const encoder = await converter.prepare(table);
    for (const [column, value] of [
      [0, null],
      [0, 2 ** 53],
      [0, 1n << 63n],
      [0, '77'],
      [1, 77],
      [2, '7.123'],
      [2, 'x77'],
      [3, 'x77'],
      [4, 32_768],
      [4, 1.5],
      [5, '77'],
    ] as const) {
      const row: unknown[] = [1, null, null, null, null, null];
      row[column] = value;
      const into: (Buffer | null)[] = [];
      assert.throws(
        () => encoder.encode(chunkOf(table, { op: 'c', after: [row] }), new ByteWriter(), into),
        isConvertError(COLUMNS[column]?.[0] as string),
        `column ${column}`,
      );
    }
  });

  test(`${name}: every type survives the way there and back`, async () => {
    const converter = made.create(false);
    const point = struct([['x', primitive('float64')]], { name: `${prefix}.Point` });
    const fields: readonly (readonly [string, Schema, unknown])[] = [
      ['i8', primitive('int8'), -128],
      ['i16', primitive('int16'), 32_767],
      ['i32', primitive('int32'), -2_147_483_648],
      ['i64', primitive('int64'), -9_223_372_036_854_775_808n],
      ['safe', primitive('int64'), -9_007_199_254_740_991],
      ['f32', primitive('float32'), Math.fround(123_456.79)],
      ['f64', primitive('float64'), 5e-324],
      ['yes', primitive('boolean'), true],
      ['text', primitive('string'), 'ä'.repeat(70_000)],
      ['bytes', primitive('bytes'), Buffer.alloc(300, 7)],
      ['money', decimal(30), '-0.000000000000000000000000000001'],
      ['list', array(primitive('string', { optional: true })), ['a', null, '']],
      ['empty', array(primitive('int32')), []],
      ['byName', map(primitive('string'), point), new Map([['p', [1.5]]])],
      ['byNumber', map(primitive('int32'), primitive('int64')), new Map([[7, 8]])],
      ['nested', { ...point, optional: true }, [2.5]],
      ['none', { ...point, optional: true }, null],
    ];
    const schema = struct(
      fields.map(([field, s]) => [field, s] as const),
      { name: `${prefix}.All` },
    );
    const value = fields.map(([, , v]) => v);
    const back = await converter.toConnect(prefix, await converter.fromConnect(prefix, schema, value));
    if (made.carriesSchema) assert.deepEqual(back.value, value);
    else
      assert.deepEqual(
        Object.keys(back.value as object),
        fields.map(([field]) => field),
      );
  });

  test(`${name}: a null message is null without schema, both ways; equal schemas read back as one object`, async () => {
    const converter = made.create(false);
    assert.equal(await converter.fromConnect(prefix, null, null), null);
    assert.deepEqual(await converter.toConnect(prefix, null), { schema: null, value: null });
    const schema = struct([['id', primitive('int32')]], { name: `${prefix}.Same` });
    const read = async (id: number): Promise<Decoded> =>
      converter.toConnect(prefix, await converter.fromConnect(prefix, { ...schema }, [id]));
    const [one, two] = [await read(1), await read(2)];
    assert.equal(one.schema, two.schema);
    assert.equal(one.schema === null, !made.carriesSchema);
  });

  test(`${name}: bytes that are no message of this format are refused, never guessed`, async () => {
    const converter = made.create(false);
    for (const bytes of [Buffer.alloc(0), Buffer.from([1, 2, 3]), Buffer.from('{"a":1'), Buffer.from([0xff, 0, 0, 0, 1, 0])])
      await assert.rejects(
        async () => converter.toConnect(prefix, bytes),
        (error) => error instanceof CdcError && error.code === 'CDC_MESSAGE_DECODE' && error.kind === 'data',
      );
  });
}

function isConvertError(column: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof CdcError, String(error));
    assert.equal(error.code, 'CDC_VALUE_CONVERT');
    assert.equal(error.kind, 'data');
    assert.match(error.message, new RegExp(`^table shop\\.orders: column "${column}": `));
    assert.doesNotMatch(error.message + JSON.stringify(error.context), /77|7\.123/);
    return true;
  };
}
