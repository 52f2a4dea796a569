import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AvroDecoder } from '../../../../src/convert/avro/avro-decoder.ts';
import { compilePlan } from '../../../../src/convert/avro/avro-plan.ts';
import { avroFromConnect } from '../../../../src/convert/avro/avro-schema.ts';
import { parseAvro } from '../../../../src/convert/avro/avro-type.ts';
import { connectFromAvro } from '../../../../src/convert/avro/connect-schema.ts';
import { CdcError } from '../../../../src/model/errors.ts';
import { fieldOf, primitive, type Schema, struct } from '../../../../src/model/schema.ts';

const of = (avro: unknown): Schema => connectFromAvro(parseAvro(JSON.stringify(avro)));
const record = (...fields: unknown[]): object => ({ type: 'record', name: 'sampleRecord', namespace: 'com.example', fields });

test('a plain record of another producer: names, optional fields, defaults', () => {
  const schema = of(
    record(
      { name: 'id', type: 'int' },
      { name: 'name', type: ['null', 'string'], default: null },
      { name: 'age', type: ['int', 'null'], default: 18 },
      { name: 'big', type: 'long', default: 1 },
    ),
  );
  assert.equal(schema.name, 'com.example.sampleRecord');
  assert.deepEqual(
    schema.fields.map((f) => [f.name, f.schema.type, f.schema.optional, f.schema.defaultValue]),
    [
      ['id', 'int32', false, undefined],
      ['name', 'string', true, undefined],
      ['age', 'int32', true, 18],
      ['big', 'int64', false, 1],
    ],
  );
});

test('logical types carry their meaning as the schema name', () => {
  const named = (type: string, logicalType: string, more = {}): string | null => of({ type, logicalType, ...more }).name;
  assert.equal(named('int', 'date'), 'org.apache.kafka.connect.data.Date');
  assert.equal(named('int', 'time-millis'), 'org.apache.kafka.connect.data.Time');
  assert.equal(named('long', 'time-micros'), 'io.debezium.time.MicroTime');
  assert.equal(named('long', 'timestamp-millis'), 'org.apache.kafka.connect.data.Timestamp');
  assert.equal(named('long', 'timestamp-micros'), 'io.debezium.time.MicroTimestamp');
  assert.equal(named('long', 'timestamp-nanos'), 'io.debezium.time.NanoTimestamp');
  assert.equal(named('string', 'uuid'), 'io.debezium.data.Uuid');
  assert.equal(named('string', 'something-new'), null);
  const money = of({ type: 'bytes', logicalType: 'decimal', precision: 12, scale: 2 });
  assert.deepEqual(
    [money.name, money.parameters],
    ['org.apache.kafka.connect.data.Decimal', { scale: '2', 'connect.decimal.precision': '12' }],
  );
  assert.deepEqual(of({ type: 'bytes', logicalType: 'decimal', precision: 64 }).parameters, { scale: '0' });
});

test('enums, fixed, maps, arrays and unions of several types read into Connect values', () => {
  const avro = record(
    { name: 'color', type: { type: 'enum', name: 'Color', symbols: ['RED', 'GREEN'] } },
    { name: 'again', type: ['null', 'Color'] },
    { name: 'hash', type: { type: 'fixed', name: 'Hash', size: 2 } },
    { name: 'price', type: { type: 'fixed', name: 'Price', size: 3, logicalType: 'decimal', precision: 6, scale: 2 } },
    { name: 'tags', type: { type: 'array', items: ['null', 'string'] } },
    { name: 'counts', type: { type: 'map', values: 'int' } },
    { name: 'any', type: ['null', 'int', 'string', { type: 'record', name: 'Pair', fields: [{ name: 'a', type: 'int' }] }] },
    { name: 'none', type: ['null', 'int', 'string'] },
    { name: 'only', type: ['string'] },
  );
  const type = parseAvro(JSON.stringify(avro));
  const schema = connectFromAvro(type);
  assert.equal(fieldOf(schema, 'color')?.schema.parameters?.['io.confluent.connect.avro.Enum.GREEN'], 'GREEN');
  const any = fieldOf(schema, 'any')?.schema as Schema;
  assert.equal(any.name, 'io.confluent.connect.avro.Union');
  assert.deepEqual(
    any.fields.map((f) => [f.name, f.schema.type, f.schema.optional]),
    [
      ['int', 'int32', true],
      ['string', 'string', true],
      ['Pair', 'struct', true],
    ],
  );
  // Arrays and maps also as blocks with a negative count, followed by their size in bytes.
  const bytes = Buffer.from(
    ['02', '0200', 'abcd', 'ffff85', '0400020278' + '00', '0108027804' + '00', '060e', '00', '000279'].join(''),
    'hex',
  );
  const value = new AvroDecoder(compilePlan(type, schema, { where: 'x', replaceNullWithDefault: false })).decode(bytes, 0);
  assert.deepEqual(value, [
    'GREEN',
    'RED',
    Buffer.from('abcd', 'hex'),
    '-1.23',
    [null, 'x'],
    new Map([['x', 2]]),
    [null, null, [7]],
    null,
    'y',
  ]);
});

test('what rows cannot be is refused: recursion, lone null, unknown names', () => {
  const refused = (error: unknown): boolean => error instanceof CdcError && error.code === 'CDC_MESSAGE_DECODE';
  assert.throws(() => of(record({ name: 'next', type: ['null', 'sampleRecord'] })), refused);
  assert.throws(() => of('null'), refused);
  assert.throws(() => of(record({ name: 'x', type: 'Missing' })), refused);
  assert.throws(() => parseAvro('{"type":'), refused);
  assert.throws(() => of({ type: 'record', name: 'x' }), refused);
});

test('names Avro does not allow are refused with the setting that helps; one name means one schema', () => {
  const code = (code: string) => (error: unknown) => error instanceof CdcError && error.code === code;
  assert.throws(() => avroFromConnect(struct([['a-b', primitive('int32')]], { name: 'x.Y' })), code('CDC_AVRO_SCHEMA'));
  assert.throws(() => avroFromConnect(struct([['a', primitive('int32')]], { name: 'my-topic.Y' })), code('CDC_AVRO_SCHEMA'));
  const one = struct([['a', primitive('int32')]], { name: 'x.Same' });
  const two = struct([['b', primitive('int32')]], { name: 'x.Same' });
  assert.throws(
    () =>
      avroFromConnect(
        struct(
          [
            ['p', one],
            ['q', two],
          ],
          { name: 'x.Y' },
        ),
      ),
    code('CDC_AVRO_SCHEMA'),
  );
});
