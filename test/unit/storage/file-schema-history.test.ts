import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CdcError } from '../../../src/model/errors.ts';
import { FileSchemaHistory } from '../../../src/storage/file-schema-history.ts';
import { historyRecord, recovered, schemaHistoryContract } from '../../contract/schema-history.ts';

const GOLDEN = join(import.meta.dirname, '../../golden/cases');

describe('FileSchemaHistory', () => {
  let folder: string;
  let files = 0;
  const newPath = (): string => join(folder, `history-${++files}.dat`);
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'history-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  schemaHistoryContract(async () => new FileSchemaHistory(newPath()));

  async function written(count: number): Promise<string> {
    const path = newPath();
    const history = new FileSchemaHistory(path);
    for (let n = 1; n <= count; n++) await history.record([historyRecord(n)]);
    await history.stop();
    return path;
  }

  const positions = async (path: string): Promise<unknown[]> =>
    (await recovered(new FileSchemaHistory(path))).map((r) => r.position['pos']);

  const corrupt = (error: unknown): boolean => error instanceof CdcError && error.code === 'CDC_HISTORY_CORRUPT' && error.hint !== null;

  test('a last line cut short anywhere is dropped, and the next record follows the whole ones', async () => {
    const path = await written(3);
    const whole = statSync(path).size;
    const two = readFileSync(path, 'utf8').split('\n').slice(0, 2).join('\n').length + 1;
    for (let size = whole - 2; size > two; size -= 17) {
      truncateSync(path, size);
      assert.deepEqual(await positions(path), [1, 2], `cut to ${size} bytes`);
    }
    const history = new FileSchemaHistory(path);
    await history.record([historyRecord(9)]);
    await history.stop();
    assert.deepEqual(await positions(path), [1, 2, 9]);
  });

  test('a last line that lacks only its line end counts', async () => {
    const path = await written(2);
    truncateSync(path, statSync(path).size - 1);
    const history = new FileSchemaHistory(path);
    await history.record([historyRecord(3)]);
    await history.stop();
    assert.deepEqual(await positions(path), [1, 2, 3]);
  });

  test('zeros after the last record, as a power failure leaves them, are dropped', async () => {
    const path = await written(2);
    appendFileSync(path, Buffer.alloc(300));
    const history = new FileSchemaHistory(path);
    await history.record([historyRecord(3)]);
    await history.stop();
    assert.deepEqual(await positions(path), [1, 2, 3]);
  });

  test('a changed byte before the end is CDC_HISTORY_CORRUPT, with the line', async () => {
    const path = await written(3);
    const bytes = readFileSync(path);
    for (const at of [5, 60, 120, bytes.indexOf(0x0a) + 40]) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ 1;
      writeFileSync(path, damaged);
      await assert.rejects(positions(path), corrupt, `byte ${at}`);
      await assert.rejects(new FileSchemaHistory(path).exists(), corrupt);
      await assert.rejects(new FileSchemaHistory(path).record([historyRecord(4)]), corrupt);
    }
  });

  test('a complete last line with a wrong checksum is damage, not a crash', async () => {
    const path = await written(2);
    writeFileSync(path, readFileSync(path, 'utf8').replace(/t2 \(id/, 't2 (xd'));
    await assert.rejects(positions(path), corrupt);
  });

  test('histories of Debezium are read and gone on with', async () => {
    for (const file of ['ddl/schema-history.jsonl', 'ddl/schema-history.mariadb.jsonl', 'inventory/schema-history.jsonl']) {
      const path = newPath();
      writeFileSync(path, readFileSync(join(GOLDEN, file)));
      const history = new FileSchemaHistory(path);
      const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
      assert.equal((await recovered(history)).length, lines.length);
      await history.record([historyRecord(1)]);
      await history.stop();
      const all = await recovered(new FileSchemaHistory(path));
      assert.equal(all.length, lines.length + 1);
      assert.deepEqual(all[1]?.ddl, JSON.parse(lines[1] as string).ddl);
    }
  });

  test('compaction leaves no other file behind', async () => {
    const path = await written(20);
    const history = new FileSchemaHistory(path);
    const before = readdirSync(folder).length;
    await history.compact(
      () => true,
      (entries) => entries.slice(-1),
    );
    await history.stop();
    assert.deepEqual(await positions(path), [20]);
    assert.equal(readdirSync(folder).length, before);
  });

  test('a writer killed at any moment loses no acknowledged record', { timeout: 60_000 }, async () => {
    const writer = join(import.meta.dirname, 'history-writer.ts');
    for (let round = 0; round < 4; round++) {
      const path = newPath();
      const child = spawn(process.execPath, [writer, path], { stdio: ['ignore', 'pipe', 'inherit'] });
      let acknowledged = 0;
      for await (const chunk of child.stdout) {
        acknowledged = Number(String(chunk).trimEnd().split('\n').at(-1));
        if (acknowledged >= 15 + 11 * round) break;
      }
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      const found = await positions(path);
      assert.ok(found.length >= acknowledged, `${found.length} found, ${acknowledged} acknowledged`);
      assert.deepEqual(
        found,
        found.map((_, i) => i + 1),
      );
    }
  });
});
