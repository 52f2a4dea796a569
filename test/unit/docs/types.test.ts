import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { avroFromConnect } from '../../../src/convert/avro/avro-schema.ts';
import type { Schema } from '../../../src/model/schema.ts';
import type { Column } from '../../../src/relational/table.ts';
import { targetType } from '../../../src/sink/databend/type-mapping.ts';
import { defaultCodecOptions } from '../../../src/source/mysql/schema/codec-options.ts';
import { columnSchema, columnType } from '../../../src/source/mysql/schema/column-types.ts';

const PAGE = join(import.meta.dirname, '..', '..', '..', 'docs', 'types.md');

function column(more: Partial<Column>): Column {
  return {
    name: 'c',
    position: 1,
    jdbcType: 0,
    typeName: 'INT',
    typeExpression: 'INT',
    charsetName: null,
    collation: null,
    length: null,
    scale: null,
    optional: false,
    autoIncremented: false,
    generated: false,
    computed: null,
    invisible: false,
    srid: null,
    comment: null,
    hasDefault: false,
    defaultValueExpression: null,
    enumValues: null,
    ...more,
  };
}

/** What the code makes of the type in the first column of the page, with default handling modes. */
function cells(type: string, connector: 'mysql' | 'mariadb'): string {
  const match = /^([A-Z][A-Z0-9 ]*?)(?:\((\d+)(?:,(\d+))?\)| ?\((.*)\))?( UNSIGNED)?$/.exec(type);
  assert.ok(match !== null, type);
  const [, name = '', length, scale, labels, unsigned = ''] = match;
  const c = column({
    typeName: name + unsigned,
    length: length === undefined ? null : Number(length),
    scale: scale === undefined ? null : Number(scale),
    enumValues: labels === undefined ? null : labels.split(','),
  });
  const kind = columnType(c, connector);
  const schema = columnSchema(c, kind, defaultCodecOptions('p', connector), { optional: false });
  const digits = kind.kind === 'time' ? `TIME(${c.length ?? 0})` : kind.kind === 'vector' ? `VECTOR(${c.length})` : null;
  return `${shown(schema)} | ${avroOf(schema)} | ${targetType(schema, digits).type}`;
}

const shown = (s: Schema): string => (s.name === null ? s.type : `${s.type} ${s.name}`);

function avroOf(schema: Schema): string {
  const avro = JSON.parse(avroFromConnect(schema)) as string | { type: string; logicalType?: string };
  if (typeof avro === 'string') return avro;
  return avro.logicalType === undefined ? avro.type : `${avro.type} (${avro.logicalType})`;
}

test('docs/types.md says what the code makes of every type', () => {
  let rows = 0;
  for (const line of readFileSync(PAGE, 'utf8').split('\n')) {
    const match = /^\| `([A-Z][^`]*)`(?: (MariaDB))? \| (.*) \|$/.exec(line);
    if (match === null) continue;
    const [, type = '', mariadb, written] = match;
    assert.equal(written, cells(type, mariadb === undefined ? 'mysql' : 'mariadb'), line);
    rows++;
  }
  assert.ok(rows > 35, `${rows} types`);
});
