import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createJsonConverter } from '../../../../src/convert/json/json-converter.ts';
import { type JsonValue, parseJson } from '../../../../src/convert/json/json-parse.ts';
import { formatDouble, formatFloat, quote, quoteText, shortestFloat } from '../../../../src/convert/json/json-text.ts';
import { primitive, struct } from '../../../../src/model/schema.ts';
import { testConverter } from '../../../contract/converter.ts';
import { decimal } from '../chunks.ts';

for (const schemasEnable of [true, false])
  testConverter({
    name: `JsonConverter(schemas.enable=${schemasEnable})`,
    create: (isKey) => createJsonConverter({ schemasEnable }, isKey),
    carriesSchema: schemasEnable,
    prefix: 'json',
  });

test('numbers are printed as Java prints them', () => {
  const doubles: readonly (readonly [number, string])[] = [
    [0, '0.0'],
    [-0, '-0.0'],
    [1, '1.0'],
    [9_999_999, '9999999.0'],
    [1e7, '1.0E7'],
    [12_345_678.9, '1.23456789E7'],
    [0.001, '0.001'],
    [0.000999, '9.99E-4'],
    [1e-300, '1.0E-300'],
    [Number.MAX_VALUE, '1.7976931348623157E308'],
    [Number.NaN, '"NaN"'],
    [-Infinity, '"-Infinity"'],
  ];
  for (const [x, text] of doubles) assert.equal(formatDouble(x), text);
  for (const [x, text] of [
    [123_456.79, '123456.79'],
    [16_777_216, '1.6777216E7'],
    [0.1, '0.1'],
    [3.4028234663852886e38, '3.4028235E38'],
    [1.401298464324817e-45, '1.4E-45'],
  ] as const)
    assert.equal(formatFloat(Math.fround(x)), text);
});

test('the text of a float32 reads back the same float32, and no shorter text does', () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (x) => {
      const text = shortestFloat(x);
      assert.equal(Math.fround(text), x);
      const digits = text.toExponential().replace(/e.*|[-.]/g, '').length;
      if (digits > 2) assert.notEqual(Math.fround(Number(text.toPrecision(digits - 1))), x);
    }),
  );
});

test('the text of a double reads back the same double', () => {
  fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (x) => Object.is(Number(formatDouble(x)), x)));
});

test('strings escape as Jackson does: upper-case hex, surrogate pairs only where bytes are written', () => {
  assert.equal(quote('a\u001f\n"\\u001f😀'), '"a\\u001F\\n\\"\\\\u001f\\uD83D\\uDE00"');
  assert.equal(quoteText('\u001f😀'), '"\\u001F😀"');
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (s) => JSON.parse(quote(s)) === s));
});

test('parsed JSON equals JSON.parse, with integers beyond 2^53 exact', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(0, 1), (value, indent) => {
      const parsed = parseJson(JSON.stringify(value, null, indent));
      assert.deepEqual(rounded(parsed), JSON.parse(JSON.stringify(value)));
    }),
  );
  assert.deepEqual(parseJson('[9007199254740993,-9223372036854775808,9007199254740991,12345678901234567.5]'), [
    9_007_199_254_740_993n,
    -9_223_372_036_854_775_808n,
    9_007_199_254_740_991,
    12_345_678_901_234_568,
  ]);
  assert.equal(Object.getPrototypeOf(parseJson('{"__proto__":{"a":1}}') as object), Object.prototype);
  for (const broken of ['', '{', '[1,]', '{"a"}', '01', '1.', '"\u0001"', '"\\x"', 'nul', '[1] 2', '-', '{"a":1,}', "'a'"])
    assert.throws(() => parseJson(broken), SyntaxError, broken);
});

/** What JSON.parse makes of it: integers beyond 2^53 rounded. */
function rounded(value: JsonValue): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(rounded);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, rounded(v)]));
}

test('a message with anything beside schema and payload is refused when schemas are on', async () => {
  const converter = createJsonConverter({ schemasEnable: true }, false);
  for (const text of [
    '{"a":1}',
    '{"schema":null,"payload":1,"x":2}',
    '{"schema":null}',
    '{}',
    '[]',
    '1',
    '{"schema":{"type":"nope"},"payload":1}',
  ])
    await assert.rejects(async () => converter.toConnect('t', Buffer.from(text)), { code: 'CDC_MESSAGE_DECODE' }, text);
  assert.deepEqual(await converter.toConnect('t', Buffer.from(' {"payload": [1], "schema": null} ')), { schema: null, value: [1] });
});

test('white space and the order of keys change nothing', async () => {
  const schema = struct(
    [
      ['id', primitive('int64')],
      ['name', primitive('string', { optional: true })],
      ['inner', struct([['b', primitive('bytes')]], { optional: true })],
      ['last', primitive('boolean')],
    ],
    { name: 'x' },
  );
  const converter = createJsonConverter({ schemasEnable: true }, false);
  for (const value of [
    [9_007_199_254_740_993n, 'a "b" \n', [Buffer.from('xyz')], true],
    [1, null, null, false],
  ]) {
    const compact = (await converter.fromConnect('t', schema, value)) as Buffer;
    const [front, payload] = compact.toString().split('"payload":') as [string, string];
    const big = payload.replace(/^\{"id":(\d+),(.*)\}\}$/, '{ $2 , "id" : $1 } }');
    const reordered = `${front} "payload" : ${big}`;
    const spaced = `${front}"payload":${big.replaceAll('":', '" :\n')}`;
    for (const text of [compact.toString(), reordered, spaced, compact.toString(), `${compact.toString()} `])
      assert.deepEqual((await converter.toConnect('t', Buffer.from(text))).value, value, text);
    assert.notEqual(reordered, compact.toString());
  }
});

test('missing fields are null or their default; decimals may be numbers', async () => {
  const schema = struct([
    ['a', primitive('string', { optional: true })],
    ['b', primitive('int32', { defaultValue: 7 })],
    ['c', decimal(2)],
  ]);
  const text =
    '{"schema":{"type":"struct","optional":false,"fields":[{"field":"a","type":"string","optional":true},{"field":"b","type":"int32","optional":false,"default":7},{"field":"c","type":"bytes","optional":false,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2"}}]},"payload":{"c":1.5}}';
  const read = await createJsonConverter({ schemasEnable: true }, false).toConnect('t', Buffer.from(text));
  assert.deepEqual(read.value, [null, 7, '1.50']);
  const numeric = createJsonConverter({ schemasEnable: false, decimals: 'NUMERIC' }, false);
  assert.equal((await numeric.fromConnect('t', schema, [null, 1, '-0.50']))?.toString(), '{"a":null,"b":1,"c":-0.50}');
});

test("a NULL stays null where the column has a default, unless replace.null.with.default asks for Connect's way", async () => {
  const schema = struct([['a', primitive('int32', { optional: true, defaultValue: 7 })]]);
  const safe = createJsonConverter({ schemasEnable: false }, false);
  assert.equal((await safe.fromConnect('t', schema, [null]))?.toString(), '{"a":null}');
  const connect = createJsonConverter({ schemasEnable: false, replaceNullWithDefault: true }, false);
  assert.equal((await connect.fromConnect('t', schema, [null]))?.toString(), '{"a":7}');
});
