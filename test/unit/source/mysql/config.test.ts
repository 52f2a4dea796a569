import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mariadbConfig, mysqlConfig } from '../../../../src/source/mysql/config.ts';
import { initialStatements } from '../../../../src/source/mysql/connection.ts';

const least = {
  'topic.prefix': 'p',
  'database.hostname': 'h',
  'database.user': 'u',
  'database.password': 'secret',
  'database.server.id': '1',
};

function errorsOf(raw: Record<string, string>): string {
  try {
    mysqlConfig.parse({ ...least, ...raw });
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

test("defaults are Debezium's, but for values that cannot be converted", () => {
  const { config } = mysqlConfig.parse(least);
  assert.equal(config['snapshot.mode'], 'initial');
  assert.deepEqual(config['skipped.operations'], ['t']);
  assert.equal(config['max.batch.size'], 2048);
  assert.equal(config['database.ssl.mode'], 'preferred');
  assert.equal(mariadbConfig.parse(least).config['database.ssl.mode'], 'disable');
  assert.equal(config['event.converting.failure.handling.mode'], 'fail');
});

test('what is missing or not supported is refused, all at once', () => {
  assert.match(errorsOf({ 'database.server.id': '' }), /database\.server\.id/);
  const all = errorsOf({ 'snapshot.max.threads': '4', converters: 'isbn', 'snapshot.mode': 'schema_only', 'skipped.operations': 'x' });
  for (const key of ['snapshot.max.threads', 'converters', 'no_data', 'skipped.operations']) assert.ok(all.includes(key), key);
});

test('include and exclude lists exclude each other', () => {
  assert.match(errorsOf({ 'table.include.list': 'a\\.b', 'table.exclude.list': 'c\\.d' }), /table\.exclude\.list/);
});

test('keys with a variable part are known, mistyped ones are not', () => {
  const { unknown, config } = mysqlConfig.parse({
    ...least,
    'column.mask.with.5.chars': 'a.b.c',
    'driver.useSSL': 'x',
    'tabel.include.list': 'x',
  });
  assert.deepEqual(unknown, ['tabel.include.list']);
  assert.equal(config.raw['column.mask.with.5.chars'], 'a.b.c');
});

test('a password is never shown', () => {
  assert.ok(!errorsOf({ 'database.port': 'x' }).includes('secret'));
});

test('initial statements are cut at single semicolons', () => {
  assert.deepEqual(initialStatements("SET a=1; SET b='x;;y' ;"), ['SET a=1', "SET b='x;y'"]);
  assert.deepEqual(initialStatements(null), []);
});
