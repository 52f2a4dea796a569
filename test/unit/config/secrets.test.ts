import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MASK, maskValue, resolvePlaceholders } from '../../../src/config/secrets.ts';
import type { CdcError } from '../../../src/model/errors.ts';

const sources = {
  env: { DB_PASSWORD: 's3cret', EMPTY: '' },
  readFile: (path: string): string => {
    if (path === '/run/db.properties') return 'user=cdc\npassword=p\\:w\n';
    if (path === '/run/secrets/token') return 'abc\n';
    throw new Error('ENOENT');
  },
};

test('env, file and dir placeholders are resolved, several in one value', () => {
  assert.equal(resolvePlaceholders('${env:DB_PASSWORD}', sources), 's3cret');
  assert.equal(resolvePlaceholders('${file:/run/db.properties:user}/${file:/run/db.properties:password}', sources), 'cdc/p:w');
  assert.equal(resolvePlaceholders('x${dir:/run/secrets:token}y', sources), 'xabcy');
});

test('other placeholders are left alone', () => {
  assert.equal(resolvePlaceholders('${source.db}.${source.table}', sources, true), '${source.db}.${source.table}');
  assert.equal(resolvePlaceholders('${DB_PASSWORD}', sources), '${DB_PASSWORD}');
});

test("Debezium Server's bare names in capitals are environment variables, with defaults", () => {
  assert.equal(resolvePlaceholders('${DB_PASSWORD}-${NOT_SET:fallback}', sources, true), 's3cret-fallback');
});

test('what is missing is named, without any value', () => {
  for (const text of ['${env:NOPE}', '${file:/run/db.properties:nope}', '${file:/nope:x}', '${dir:/run/secrets:nope}', '${file:x}']) {
    assert.throws(
      () => resolvePlaceholders(text, sources),
      (e: CdcError) => e.code === 'CDC_CONFIG_INVALID' && e.message.includes(text) && !e.message.includes('s3cret'),
    );
  }
});

test('secrets are masked by name, in URLs and in connection strings; placeholders stay', () => {
  assert.equal(maskValue('database.password', 'x'), MASK);
  assert.equal(maskValue('database.password', '${env:DB_PASSWORD}'), '${env:DB_PASSWORD}');
  assert.equal(maskValue('value.converter.basic.auth.user.info', 'u:p'), MASK);
  assert.equal(maskValue('connection.url', 'databend://u:p@h:8000/d?password=q&x=1'), `databend://u:${MASK}@h:8000/d?password=${MASK}&x=1`);
  assert.equal(maskValue('database.hostname', 'token-host'), 'token-host');
  assert.equal(maskValue('message.key.columns', 'a.b:id'), 'a.b:id');
});
