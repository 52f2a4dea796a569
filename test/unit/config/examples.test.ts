import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { parseProperties } from '../../../src/config/properties.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

interface Compose {
  readonly services: Record<
    string,
    { readonly volumes?: readonly string[]; readonly depends_on?: Record<string, unknown>; readonly environment?: Record<string, string> }
  >;
  readonly volumes: Record<string, unknown>;
}

test('the compose file gives riverbend every variable its configuration asks for', () => {
  const compose = parse(read('docker/compose.yaml')) as Compose;
  const image = [...read('docker/Dockerfile').matchAll(/^ENV (\w+)=/gm)].map((m) => m[1]);
  const given = new Set([...Object.keys(compose.services['riverbend']?.environment ?? {}), ...image]);
  const asked = [...read('config/riverbend.yaml').matchAll(/\$\{env:([A-Z_]+)\}/g)].map((m) => m[1] ?? '');
  assert.deepEqual(
    [...new Set(asked)].filter((name) => name !== 'NAME' && !given.has(name)),
    [],
  );
});

test('the compose file names only services, volumes and files that are there', () => {
  const { services, volumes } = parse(read('docker/compose.yaml')) as Compose;
  for (const [name, service] of Object.entries(services)) {
    for (const other of Object.keys(service.depends_on ?? {})) assert.ok(other in services, `${name} depends on ${other}`);
    for (const volume of service.volumes ?? []) {
      const source = volume.split(':')[0] ?? '';
      assert.ok(source.startsWith('.') ? existsSync(join(ROOT, 'docker', source)) : source in volumes, `${name} mounts ${source}`);
    }
  }
});

test('the Dockerfile copies only what is there', () => {
  const copied = [...read('docker/Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((m) => (m[1] ?? '').split(' '));
  assert.ok(copied.length >= 4);
  for (const path of copied) assert.ok(existsSync(join(ROOT, path)), path);
});

test('every connector example is a request body with a name and a class', () => {
  const files = readdirSync(join(ROOT, 'config', 'connectors'));
  assert.ok(files.length > 0);
  for (const file of files) {
    const body = JSON.parse(read(`config/connectors/${file}`)) as { name: string; config: Record<string, string> };
    assert.ok(body.name.length > 0 && (body.config['connector.class'] ?? '').length > 0, file);
    assert.ok(
      Object.values(body.config).every((value) => typeof value === 'string'),
      `${file}: Connect's values are strings`,
    );
  }
});

test('the property examples do not name a key twice', () => {
  for (const file of ['riverbend-direct.properties', 'application.properties.example']) {
    const keys = parseProperties(read(`config/${file}`)).map((entry) => entry.key);
    assert.equal(new Set(keys).size, keys.length, file);
  }
});
