import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AvroDecoder } from '../../../../src/convert/avro/avro-decoder.ts';
import { encodeValue, sizeBound } from '../../../../src/convert/avro/avro-encoder.ts';
import { compilePlan, type PlanNode } from '../../../../src/convert/avro/avro-plan.ts';
import { avroFromConnect } from '../../../../src/convert/avro/avro-schema.ts';
import { parseAvro } from '../../../../src/convert/avro/avro-type.ts';
import { connectFromAvro } from '../../../../src/convert/avro/connect-schema.ts';
import { parseJson } from '../../../../src/convert/json/json-parse.ts';
import { schemaFromJson } from '../../../../src/convert/json/json-schema.ts';
import { valueFromJson, valueToJson } from '../../../../src/convert/json/json-value.ts';
import { equalSchemas, type Schema } from '../../../../src/model/schema.ts';
import { goldenLines, rawMember } from '../recordings.ts';

/** Recorded from Debezium 3.6.1 with Confluent's AvroData 7.6: test/golden/avro/README.md. */
const CASES = ['inventory', 'types'];

interface Recorded {
  readonly avro: string;
  readonly schema: Schema;
  readonly plan: PlanNode;
}

function recordedSchemas(name: string): ReadonlyMap<number, Recorded> {
  return new Map(
    goldenLines(`avro/${name}.schemas.jsonl`).map((line) => {
      const avro = rawMember(line, 'avro');
      const schema = schemaFromJson(rawMember(line, 'connect'));
      const plan = compilePlan(parseAvro(avro), schema, { where: name, replaceNullWithDefault: false });
      return [Number(rawMember(line, 'id')), { avro, schema, plan }] as const;
    }),
  );
}

function encode(plan: PlanNode, value: unknown): string {
  const bound = sizeBound(plan, value, null);
  const buf = Buffer.alloc(bound);
  const end = encodeValue(plan, value, buf, 0, null);
  assert.ok(end <= bound, `wrote ${end} bytes where ${bound} were reserved`);
  return buf.toString('hex', 0, end);
}

for (const name of CASES) {
  test(`${name}: Avro schemas equal Confluent's text and read back as the Connect schemas they came from`, () => {
    const recorded = recordedSchemas(name);
    assert.ok(recorded.size >= 12);
    for (const [id, { avro, schema }] of recorded) {
      assert.equal(avroFromConnect(schema), avro, `schema ${id}`);
      assert.ok(equalSchemas(connectFromAvro(parseAvro(avro)), schema), `schema ${id} does not read back the same`);
    }
  });

  test(`${name}: messages decode to what Debezium's JSON says and encode to the bytes Confluent wrote`, () => {
    const schemas = recordedSchemas(name);
    const lines = goldenLines(`avro/${name}.messages.jsonl`);
    assert.ok(lines.length > 40);
    for (const [i, line] of lines.entries()) {
      const message = JSON.parse(line) as Record<string, string | number | null>;
      for (const part of ['key', 'value']) {
        const hex = message[part];
        if (typeof hex !== 'string') continue;
        const { schema, plan } = schemas.get(message[`${part}Schema`] as number) as Recorded;
        const json = rawMember(line, `${part}Json`);
        const decoded = new AvroDecoder(plan).decode(Buffer.from(hex, 'hex'), 0);
        assert.equal(valueToJson(schema, decoded), json, `line ${i + 1} ${part}, decoded`);
        assert.equal(encode(plan, decoded), hex, `line ${i + 1} ${part}, encoded again`);
        assert.equal(encode(plan, valueFromJson(schema, parseJson(json))), hex, `line ${i + 1} ${part}, encoded from JSON`);
      }
    }
  });
}
