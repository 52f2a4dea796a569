import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { CdcError } from '../../../src/model/errors.ts';
import { FileOffsetStore } from '../../../src/storage/file-offset-store.ts';
import { MemoryOffsetStore } from '../../../src/storage/memory-offset-store.ts';
import { offsetStoreContract } from '../../contract/offset-store.ts';

const dir = mkdtempSync(join(tmpdir(), 'riverbend-offsets-'));
after(() => rmSync(dir, { recursive: true, force: true }));
const server = { server: 's' };

offsetStoreContract('file', () => new FileOffsetStore(join(dir, 'contract', 'offsets.dat')), { survivesReopening: true });
offsetStoreContract('memory', () => new MemoryOffsetStore(), { survivesReopening: false });

async function saved(name: string): Promise<string> {
  const path = join(dir, name);
  const store = new FileOffsetStore(path);
  await store.start();
  for (const pos of [1, 2]) await store.save('c', [{ partition: server, offset: { pos } }]);
  return path;
}

const failsCorrupt = (path: string): Promise<void> =>
  assert.rejects(new FileOffsetStore(path).start(), (e: CdcError) => e.code === 'CDC_OFFSET_STORE_CORRUPT' && e.kind === 'environment');

test('a file cut short is refused, never read as empty', async () => {
  const path = await saved('cut');
  for (const keep of [0, 1, 30, readFileSync(path).length - 2]) {
    truncateSync(path, keep);
    await failsCorrupt(path);
    writeFileSync(path, readFileSync(`${path}.bak`));
  }
});

test('a changed byte is noticed', async () => {
  const path = await saved('changed');
  writeFileSync(path, readFileSync(path, 'utf8').replace('"pos":2', '"pos":3'));
  await failsCorrupt(path);
});

test('the previous generation is kept beside the file', async () => {
  const path = await saved('previous');
  const store = new FileOffsetStore(`${path}.bak`);
  await store.start();
  assert.deepEqual(await store.load('c', server), { pos: 1 });
});

test("Debezium Server's serialized map is refused with what to do", async () => {
  const path = join(dir, 'java');
  writeFileSync(path, Buffer.from('aced0005737200116a6176612e7574696c2e486173684d6170', 'hex'));
  await assert.rejects(
    new FileOffsetStore(path).start(),
    (e: CdcError) => /Debezium Server/.test(e.message) && /offsets set/.test(e.hint ?? ''),
  );
});

test('a failed save leaves the former offsets and does not stop later ones', async () => {
  // A file where the directory should be.
  writeFileSync(join(dir, 'not-a-directory'), '');
  const store = new FileOffsetStore(join(dir, 'new', '..', 'not-a-directory', 'offsets.dat'));
  await assert.rejects(store.save('c', [{ partition: server, offset: { pos: 1 } }]), (e: CdcError) => e.kind === 'retriable');
  await assert.rejects(
    store.save('c', [{ partition: server, offset: { pos: 2 } }]),
    (e: CdcError) => e.code === 'CDC_OFFSET_STORE_UNAVAILABLE',
  );
  assert.equal(await store.load('c', server), null);
});
