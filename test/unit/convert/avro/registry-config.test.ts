import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registryConfig, subjectNaming } from '../../../../src/convert/avro/registry.ts';
import { CdcError } from '../../../../src/model/errors.ts';

const url = { 'schema.registry.url': 'http://one:8081/, https://two/base/' };
const invalid = (error: unknown): boolean => error instanceof CdcError && error.code === 'CDC_CONFIG_INVALID';

test('several registries are a list; credentials come from the URL or from basic.auth.user.info, never both', () => {
  assert.deepEqual(registryConfig(url).urls, ['http://one:8081', 'https://two/base']);
  assert.equal(registryConfig(url).username, null);
  const inUrl = registryConfig({ 'schema.registry.url': 'http://me:s%40crt@one:8081' });
  assert.deepEqual([inUrl.urls, inUrl.username, inUrl.password], [['http://one:8081'], 'me', 's@crt']);
  for (const prefix of ['', 'schema.registry.']) {
    const config = registryConfig({
      ...url,
      [`${prefix}basic.auth.credentials.source`]: 'USER_INFO',
      [`${prefix}basic.auth.user.info`]: 'me:a:b',
    });
    assert.deepEqual([config.username, config.password], ['me', 'a:b']);
  }
});

test('defaults are those of the AvroConverter; automatic registration wins over the latest version', () => {
  assert.equal(registryConfig(url).autoRegister, true);
  assert.equal(registryConfig({ ...url, 'use.latest.version': 'true' }).useLatest, false);
  assert.equal(registryConfig({ ...url, 'use.latest.version': 'true', 'auto.register.schemas': 'false' }).useLatest, true);
});

test("Apicurio's own keys lead to its Confluent-compatible API", () => {
  const config = registryConfig({ 'apicurio.registry.url': 'http://a:8080/apis/registry/v3', 'apicurio.registry.auto-register': 'false' });
  assert.deepEqual(config.urls, ['http://a:8080/apis/ccompat/v7']);
  assert.equal(config.autoRegister, false);
});

test('what cannot work is refused by key', () => {
  for (const config of [
    {},
    { 'schema.registry.url': 'one:8081' },
    { ...url, 'basic.auth.credentials.source': 'USER_INFO' },
    { ...url, 'basic.auth.credentials.source': 'SASL_INHERIT' },
    { ...url, 'bearer.auth.credentials.source': 'OAUTHBEARER' },
    { ...url, 'auto.register.schemas': 'maybe' },
  ] as Record<string, string>[])
    assert.throws(() => registryConfig(config), invalid, JSON.stringify(config));
  assert.throws(() => subjectNaming('com.example.MyStrategy', true), invalid);
});

test('subjects are named by topic, by record, or by both', () => {
  const named = (strategy: string | undefined, isKey = false): string => subjectNaming(strategy, isKey)('t', 'a.B');
  assert.equal(named(undefined), 't-value');
  assert.equal(named(undefined, true), 't-key');
  assert.equal(named('io.confluent.kafka.serializers.subject.RecordNameStrategy'), 'a.B');
  assert.equal(named('io.confluent.kafka.serializers.subject.TopicRecordNameStrategy'), 't-a.B');
  assert.throws(() => subjectNaming('RecordNameStrategy', false)('t', null), invalid);
});
