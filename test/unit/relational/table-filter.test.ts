import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CdcError } from '../../../src/model/errors.ts';
import { compileColumnMasks } from '../../../src/relational/column-masks.ts';
import { anchoredPattern, compileMessageKeyColumns, compileTableFilter, splitPatterns } from '../../../src/relational/table-filter.ts';

const id = { database: 'Shop', table: 'orders' };

test('patterns are anchored and ignore case', () => {
  const filter = compileTableFilter({ tableInclude: 'shop\\.ord.*,other\\.t' });
  assert.equal(filter.includes(id), true);
  assert.equal(filter.includes({ database: 'xshop', table: 'orders' }), false);
  assert.equal(compileTableFilter({ tableInclude: 'shop\\.order' }).includes(id), false);
});

test('an exclude list lets everything else through', () => {
  const filter = compileTableFilter({ databaseExclude: 'test_.*', columnExclude: '.*\\.secret' });
  assert.equal(filter.includesDatabase('test_1'), false);
  assert.equal(filter.includes({ database: 'test_1', table: 't' }), false);
  assert.equal(filter.includesDatabase('prod'), true);
  assert.equal(filter.includesColumn(id, 'Secret'), false);
  assert.equal(filter.includesColumn(id, 'open'), true);
});

test('builtin databases are left out unless asked for', () => {
  assert.equal(compileTableFilter({}).includesDatabase('MySQL'), false);
  assert.equal(compileTableFilter({ ignoreBuiltin: false }).includesDatabase('mysql'), true);
});

test('an escaped comma belongs to the pattern, \\Q…\\E is literal', () => {
  assert.deepEqual(splitPatterns('a{1\\,2}, b ,'), ['a{1,2}', 'b']);
  assert.equal(anchoredPattern('\\Qa.b\\E\\.c').test('a.b.c'), true);
  assert.equal(anchoredPattern('\\Qa.b\\E').test('axb'), false);
});

test('a pattern that is no regular expression is a configuration error', () => {
  assert.throws(
    () => compileTableFilter({ tableInclude: 'a(' }),
    (e) => e instanceof CdcError && e.kind === 'config',
  );
});

test('message.key.columns keeps the order of the columns', () => {
  const keys = compileMessageKeyColumns('inventory.customers:email;(.*).orders:name,id');
  assert.deepEqual(keys(id), ['name', 'id']);
  assert.deepEqual(keys({ database: 'inventory', table: 'customers' }), ['email']);
  assert.equal(keys({ database: 'a', table: 'b' }), null);
});

test('masks, truncation and hashes are what Debezium makes', () => {
  const maskFor = compileColumnMasks({
    'column.mask.with.12.chars': 'shop\\.orders\\.m',
    'column.truncate.to.3.chars': '.*\\.t',
    'column.mask.hash.SHA-256.with.salt.CzQMA0cB5K': '.*\\.h1',
    'column.mask.hash.v2.SHA-256.with.salt.CzQMA0cB5K': '.*\\.h2',
  });
  assert.equal(maskFor(id, 'm')?.apply('x', 255), '************');
  assert.equal(maskFor(id, 'm')?.apply(null, 255), '************');
  assert.equal(maskFor(id, 't')?.apply('Thomas', 255), 'Tho');
  assert.equal(maskFor(id, 't')?.apply('a😀b😀', 255), 'a😀');
  // Recorded from Debezium 3.6 (test/golden/cases/column-mask).
  const v1 = '6a2c45a8847d6b52752716ff19f87cc906e3bfda2f7e88a9e0b2fd86e28cf1db';
  assert.equal(maskFor(id, 'h1')?.apply('3183 Moore Avenue', 255), v1);
  assert.equal(maskFor(id, 'h1')?.apply('3183 Moore Avenue', 20), v1.slice(0, 20));
  assert.equal(maskFor(id, 'h2')?.apply('Euless', 255), '0da159460aee4ab814ace27256d9ad9c201736443539ba92a064922fd030cdc6');
  assert.equal(maskFor(id, 'other'), null);
});
