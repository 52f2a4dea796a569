import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { createJsonConverter } from '../../../../src/convert/json/json-converter.ts';
import { parseJson } from '../../../../src/convert/json/json-parse.ts';
import { schemaFromJson, schemaToJson } from '../../../../src/convert/json/json-schema.ts';
import { valueFromJson, valueToJson } from '../../../../src/convert/json/json-value.ts';
import type { Schema } from '../../../../src/model/schema.ts';
import { goldenLines, rawMember } from '../recordings.ts';

const CASES = new URL('../../../golden/cases/', import.meta.url);

/** Every recording of every case: Debezium 3.6.1 on MySQL, 3.5.0 on MariaDB, JsonConverter's own bytes. */
const recordings = readdirSync(CASES).flatMap((name) =>
  ['', '.mariadb'].filter((server) => existsSync(new URL(`${name}/events${server}.jsonl`, CASES))).map((server) => ({ name, server })),
);

test('schemas and values of every recording are written with the text JsonConverter wrote', async () => {
  let values = 0;
  for (const { name, server } of recordings) {
    const schemas = new Map<number, { readonly text: string; readonly schema: Schema }>();
    for (const line of goldenLines(`cases/${name}/schemas${server}.jsonl`)) {
      const text = rawMember(line, 'schema');
      const schema = schemaFromJson(text);
      assert.equal(schemaToJson(schema), text, `${name}${server}`);
      schemas.set(Number(rawMember(line, 'id')), { text, schema });
    }
    const plain = createJsonConverter({ schemasEnable: false }, false);
    const enveloped = createJsonConverter({ schemasEnable: true }, false);
    for (const [i, line] of goldenLines(`cases/${name}/events${server}.jsonl`).entries()) {
      for (const part of ['key', 'value']) {
        const known = schemas.get(Number(rawMember(line, `${part}Schema`)));
        if (known === undefined) continue;
        const where = `${name}${server} line ${i + 1} ${part}`;
        const text = rawMember(line, part);
        const value = valueFromJson(known.schema, parseJson(text));
        assert.equal(valueToJson(known.schema, value), text, where);
        assert.equal((await plain.fromConnect('t', known.schema, value))?.toString(), text, where);
        const bytes = (await enveloped.fromConnect('t', known.schema, value)) as Buffer;
        assert.equal(bytes.toString(), `{"schema":${known.text},"payload":${text}}`, where);
        assert.deepEqual((await enveloped.toConnect('t', bytes)).value, value, where);
        values++;
      }
    }
  }
  assert.ok(values > 1000, `only ${values} values were compared`);
});
