import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import avsc from 'avsc';
import { createAvroConverter } from '../../src/convert/avro/avro-converter.ts';
import { CdcError } from '../../src/model/errors.ts';
import { primitive, type Schema, struct } from '../../src/model/schema.ts';
import type { RawConfig } from '../../src/spi/config-def.ts';
import type { Converter } from '../../src/spi/converter.ts';
import type { Logger } from '../../src/spi/telemetry.ts';
import { ByteWriter } from '../../src/util/byte-writer.ts';
import { testConverter } from '../contract/converter.ts';
import { registryUrl } from '../support/servers.ts';
import { COLUMNS, chunkOf, tableOf } from '../unit/convert/chunks.ts';

const silent: Logger = { child: () => silent, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function converter(config: RawConfig = {}, isKey = false): Converter {
  return createAvroConverter({ 'schema.registry.url': registryUrl(), ...config }, isKey, silent);
}

/** Subjects outlive a run: every test has topics of its own. */
const unique = (name: string): string => `conv_${name}_${randomBytes(4).toString('hex')}`;

const prefix = unique('contract');
testConverter({ name: 'AvroConverter', create: (isKey) => converter({}, isKey), carriesSchema: true, prefix });

const json = { 'content-type': 'application/vnd.schemaregistry.v1+json' };

async function registry(path: string, body?: object, method = body === undefined ? 'GET' : 'POST'): Promise<Record<string, unknown>> {
  const response = await fetch(`${registryUrl()}${path}`, {
    method,
    headers: json,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return (await response.json()) as Record<string, unknown>;
}

const row = (topic: string, ...more: (readonly [string, Schema])[]): Schema =>
  struct([['id', primitive('int32')], ...more], { name: `${topic}.Value` });

async function failure(work: () => unknown): Promise<CdcError> {
  try {
    await work();
  } catch (error) {
    assert.ok(error instanceof CdcError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'nothing was thrown' });
}

test('a registered schema stands under <topic>-value as Confluent prints it, and the subject keeps no rule of ours', async () => {
  const topic = unique('subject');
  const message = (await converter().fromConnect(topic, row(topic), [7])) as Buffer;
  const latest = await registry(`/subjects/${topic}-value/versions/latest`);
  assert.equal(
    latest['schema'],
    `{"type":"record","name":"Value","namespace":"${topic}","fields":[{"name":"id","type":"int"}],"connect.name":"${topic}.Value"}`,
  );
  assert.equal(message.readInt32BE(1), latest['id']);
  assert.equal(message[0], 0);
  const global = await registry('/config');
  const own = await registry(`/config/${topic}-value`);
  assert.equal(own['compatibilityLevel'] ?? global['compatibilityLevel'], global['compatibilityLevel']);
});

test('another Avro implementation reads what we write', async () => {
  const table = tableOf(COLUMNS, { topic: unique('other') });
  const into: (Buffer | null)[] = [];
  (await converter().prepare(table)).encode(
    chunkOf(table, { op: 'u', before: [[1, 'a', null, null, 2, null]], after: [[-5, 'zwölf', '1.28', Buffer.from([1]), null, 0.5]] }),
    new ByteWriter(),
    into,
  );
  const message = into[0] as Buffer;
  const stored = await registry(`/schemas/ids/${message.readInt32BE(1)}`);
  const long = avsc.types.LongType.__with({
    fromBuffer: (b: Buffer) => b.readBigInt64LE(),
    toBuffer: () => Buffer.alloc(8),
    fromJSON: BigInt,
    toJSON: Number,
    isValid: (n: unknown) => typeof n === 'bigint',
    compare: () => 0,
  });
  const type = avsc.Type.forSchema(JSON.parse(stored['schema'] as string) as avsc.Schema, { registry: { long }, wrapUnions: false });
  const read = type.fromBuffer(message.subarray(5)) as { before: Record<string, unknown>; after: Record<string, unknown>; op: string };
  assert.equal(read.op, 'u');
  assert.deepEqual({ ...read.before }, { id: 1n, name: 'a', total: null, data: null, small: 2, ratio: null });
  assert.deepEqual(
    { ...read.after },
    { id: -5n, name: 'zwölf', total: Buffer.from([0, 128]), data: Buffer.from([1]), small: null, ratio: 0.5 },
  );
});

test('many converters may register the same new subject at once', async () => {
  const topic = unique('race');
  const ids = await Promise.all(Array.from({ length: 20 }, () => converter().fromConnect(topic, row(topic), [1])));
  assert.equal(new Set(ids.map((message) => message?.readInt32BE(1))).size, 1);
});

test("a refused schema names the subject and gives the registry's reason", async () => {
  const topic = unique('rule');
  await converter().fromConnect(topic, row(topic), [1]);
  await registry(`/config/${topic}-value`, { compatibility: 'BACKWARD' }, 'PUT');
  const error = await failure(() => converter().fromConnect(topic, row(topic, ['more', primitive('int32')]), [1, 2]));
  assert.equal(error.code, 'CDC_REGISTRY_INCOMPATIBLE');
  assert.equal(error.kind, 'environment');
  assert.match(error.message, new RegExp(`subject "${topic}-value": .*ncompatible`));
});

test('an unreachable registry is retriable, and the next of several is asked', async () => {
  const topic = unique('down');
  const error = await failure(() => converter({ 'schema.registry.url': 'http://127.0.0.1:1' }).fromConnect(topic, row(topic), [1]));
  assert.equal(error.code, 'CDC_REGISTRY_UNAVAILABLE');
  assert.equal(error.kind, 'retriable');
  const both = converter({ 'schema.registry.url': `http://127.0.0.1:1, ${registryUrl()}` });
  assert.ok(await both.fromConnect(topic, row(topic), [1]));
});

test('what failed once is asked again', async () => {
  const topic = unique('again');
  const strict = converter({ 'auto.register.schemas': 'false' });
  const error = await failure(() => strict.fromConnect(topic, row(topic), [1]));
  assert.equal(error.code, 'CDC_REGISTRY_NOT_FOUND');
  const written = await converter().fromConnect(topic, row(topic), [1]);
  assert.deepEqual(await strict.fromConnect(topic, row(topic), [1]), written);
});

test('use.latest.version writes under the latest id when it is the same record, and refuses when it is not', async () => {
  const topic = unique('latest');
  const other = JSON.stringify({
    type: 'record',
    name: 'Value',
    namespace: topic,
    fields: [{ name: 'id', type: 'int', doc: 'written by hand' }],
  });
  const { id } = await registry(`/subjects/${topic}-value/versions`, { schema: other });
  const latest = converter({ 'auto.register.schemas': 'false', 'use.latest.version': 'true' });
  assert.equal((await latest.fromConnect(topic, row(topic), [1]))?.readInt32BE(1), id);
  const error = await failure(() => latest.fromConnect(topic, row(topic, ['more', primitive('int32', { optional: true })]), [1, null]));
  assert.equal(error.code, 'CDC_REGISTRY_INCOMPATIBLE');
});

test('a message is read with the schema it was written with, references included; after that without waiting', async () => {
  const topic = unique('refs');
  const inner = { type: 'record', name: 'Inner', namespace: topic, fields: [{ name: 'n', type: 'long' }] };
  await registry(`/subjects/${topic}.Inner/versions`, { schema: JSON.stringify(inner) });
  const { id } = await registry(`/subjects/${topic}-value/versions`, {
    schema: JSON.stringify({ type: 'record', name: 'Outer', namespace: topic, fields: [{ name: 'inner', type: `${topic}.Inner` }] }),
    references: [{ name: `${topic}.Inner`, subject: `${topic}.Inner`, version: 1 }],
  });
  const message = Buffer.from([0, 0, 0, 0, 0, 84]);
  message.writeInt32BE(id as number, 1);
  const reader = converter();
  const first = reader.toConnect(topic, message);
  assert.ok(first instanceof Promise);
  assert.deepEqual((await first).value, [[42]]);
  const second = reader.toConnect(topic, message);
  assert.ok(!(second instanceof Promise));
  assert.equal(second.schema, (await first).schema);
});

test('an id the registry does not have is an error, not a guess', async () => {
  const error = await failure(() => converter().toConnect('t', Buffer.from([0, 127, 0, 0, 0, 0])));
  assert.equal(error.code, 'CDC_REGISTRY_NOT_FOUND');
});

/** A registry that answers every request the same, and remembers what it was sent. */
async function answering(status: number, body: string, use: (url: string) => Promise<unknown>): Promise<readonly string[]> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? '-'}`);
    response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  return seen;
}

test('user and password, or a token, go with every request', async () => {
  const write = (config: RawConfig): Promise<readonly string[]> =>
    answering(200, '{"id":5}', (url) => converter({ 'schema.registry.url': url, ...config }).fromConnect('t', row('a'), [1]));
  const basic = `Basic ${Buffer.from('me:pw').toString('base64')}`;
  const post = 'POST /subjects/t-value/versions';
  assert.deepEqual(await write({ 'basic.auth.credentials.source': 'USER_INFO', 'basic.auth.user.info': 'me:pw' }), [`${post} ${basic}`]);
  assert.deepEqual(await write({ 'bearer.auth.credentials.source': 'STATIC_TOKEN', 'bearer.auth.token': 'tok' }), [`${post} Bearer tok`]);
  assert.deepEqual(await write({}), [`${post} -`]);
});

test('every kind of refusal becomes an error that says what to do, and never the password', async () => {
  for (const [status, body, code, kind] of [
    [401, '{"error_code":40101,"message":"Unauthorized"}', 'CDC_REGISTRY_REJECTED', 'environment'],
    [422, '{"error_code":42201,"message":"Invalid schema"}', 'CDC_REGISTRY_REJECTED', 'environment'],
    [503, '', 'CDC_REGISTRY_UNAVAILABLE', 'retriable'],
    [500, '<html>no</html>', 'CDC_REGISTRY_UNAVAILABLE', 'retriable'],
    [200, '{}', 'CDC_REGISTRY_REJECTED', 'environment'],
  ] as const)
    await answering(status, body, async (url) => {
      const config = { 'schema.registry.url': url, 'basic.auth.credentials.source': 'USER_INFO', 'basic.auth.user.info': 'me:s3cret' };
      const error = await failure(() => converter(config).fromConnect('t', row('a'), [1]));
      assert.deepEqual([error.code, error.kind], [code, kind], `${status} ${body}`);
      assert.doesNotMatch(`${error.message} ${error.hint} ${JSON.stringify(error.context)}`, /s3cret/);
    });
});
