import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { schemaToJson } from '../../../../../src/convert/json/json-schema.ts';
import { CdcError } from '../../../../../src/model/errors.ts';
import { fieldOf } from '../../../../../src/model/schema.ts';
import { compileColumnMasks } from '../../../../../src/relational/column-masks.ts';
import type { Table } from '../../../../../src/relational/table.ts';
import { compileMessageKeyColumns, compileTableFilter } from '../../../../../src/relational/table-filter.ts';
import { type CodecOptions, compileTable, defaultCodecOptions } from '../../../../../src/source/mysql/schema/table-codec.ts';
import { recordedSchemas, recordedTables } from '../../../../support/recorded-tables.ts';

type Obj = { [key: string]: unknown };

const MASKS = {
  'column.mask.with.12.chars': 'inventory\\.customers\\.email',
  'column.truncate.to.3.chars': 'inventory\\.customers\\.last_name',
  'column.mask.hash.SHA-256.with.salt.CzQMA0cB5K': 'inventory\\.addresses\\.street',
  'column.mask.hash.v2.SHA-256.with.salt.CzQMA0cB5K': 'inventory\\.addresses\\.city',
  'column.mask.with.0.chars': 'inventory\\.addresses\\.zip',
};
const included = compileTableFilter({
  columnInclude: 'inventory\\.customers\\.(id|email),inventory\\.products\\.(id|name)',
});
const CASES: readonly (readonly [string, Partial<CodecOptions>])[] = [
  ['types', {}],
  ['types-mysql9', {}],
  ['types-mariadb', {}],
  ['types-bigint-unsigned-precise', { bigintUnsigned: 'precise' }],
  ['types-decimal-string', { decimalHandling: 'string' }],
  ['types-time-connect', { timePrecision: 'connect' }],
  ['charsets', {}],
  ['generated', {}],
  ['inventory', {}],
  ['column-include', { columnIncluded: included.includesColumn }],
  ['column-mask', { maskFor: compileColumnMasks(MASKS) }],
  ['message-key-columns', { messageKeyColumns: compileMessageKeyColumns('inventory.customers:email;(.*).products:name,id') }],
];

for (const connector of ['mysql', 'mariadb'] as const) {
  const suffix = connector === 'mariadb' ? '.mariadb' : '';
  describe(`schemas recorded from Debezium on ${connector}`, () => {
    for (const [name, options] of CASES) {
      let tables: Map<string, Table>;
      try {
        tables = recordedTables(name, suffix);
      } catch {
        continue;
      }
      const schemas = recordedSchemas(name, suffix);
      for (const table of tables.values()) {
        const topic = `dbserver1.${table.id.database}.${table.id.table}`;
        if (!schemas.has(`${topic}.Envelope`)) continue;
        test(`${name}: ${table.id.table}`, () => {
          const compiled = compileTable(table, { ...defaultCodecOptions('dbserver1', connector), ...options });
          assert.deepEqual(JSON.parse(schemaToJson(compiled.envelope)), padded(schemas.get(`${topic}.Envelope`)));
          const key = schemas.get(`${topic}.Key`);
          assert.deepEqual(compiled.key && JSON.parse(schemaToJson(compiled.key)), key ?? null);
        });
      }
    }
  });
}

/** BINARY(3) DEFAULT 'ab' is `ab\0`; Debezium records "ab\\0" or "ab" by the way it learned of it. */
function padded(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema), (key, value) =>
    key === 'default' && (value === 'YWJcMA==' || value === 'YWI=') ? 'YWIA' : value,
  );
}

const uniq = (optional: boolean): Table => {
  const table = [...recordedTables('no-pk').values()].find((t) => t.id.table === 'uniq') as Table;
  return {
    ...table,
    columns: table.columns.map((c) => (c.name === 'a' ? { ...c, optional } : c)),
    primaryKeyColumnNames: [],
    uniqueIndexes: [{ name: 'u', columns: ['a'] }],
  };
};

test('a unique index over NOT NULL columns is the key of a table without primary key', () => {
  assert.deepEqual(compileTable(uniq(false), defaultCodecOptions('p')).keyOrdinals, [0]);
});

test('a unique index over nullable columns is no key', () => {
  assert.equal(compileTable(uniq(true), defaultCodecOptions('p')).key, null);
});

test('a masked key column is refused, because different rows would share a key', () => {
  const table = recordedTables('inventory').get('inventory.customers') as Table;
  const options = {
    ...defaultCodecOptions('p'),
    messageKeyColumns: () => ['email'],
    maskFor: compileColumnMasks({ 'column.mask.with.3.chars': '.*\\.email' }),
  };
  assert.throws(
    () => compileTable(table, options),
    (e) => e instanceof CdcError && e.code === 'CDC_CONFIG_INVALID',
  );
});

test('an excluded key column is refused', () => {
  const table = recordedTables('inventory').get('inventory.customers') as Table;
  assert.throws(
    () => compileTable(table, { ...defaultCodecOptions('p'), columnIncluded: (_, column) => column !== 'id' }),
    (e) => e instanceof CdcError && e.code === 'CDC_CONFIG_INVALID' && e.message.includes('excluded'),
  );
});

test('source type parameters say type, length and scale', () => {
  const table = recordedTables('types').get('g_types.t_num') as Table;
  const schema = compileTable(table, { ...defaultCodecOptions('p'), propagateSourceType: (_, c) => c.name === 'd52' });
  assert.deepEqual((fieldOf(schema.value, 'd52')?.schema as unknown as Obj | undefined)?.['parameters'], {
    scale: '2',
    'connect.decimal.precision': '5',
    '__debezium.source.column.type': 'DECIMAL',
    '__debezium.source.column.length': '5',
    '__debezium.source.column.scale': '2',
  });
});
