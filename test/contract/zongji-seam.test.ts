import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import ZongJi from '@vlasky/zongji';

// binlog-client.ts replaces zongji's packet handler. An upgrade that moves what it leans on has to fail here.
const root = dirname(createRequire(import.meta.url).resolve('@vlasky/zongji'));
const source = (file: string): string => readFileSync(join(root, file), 'utf8');

test('zongji is the version the seam was made for', () => {
  assert.equal((JSON.parse(source('package.json')) as { version: string }).version, '0.9.0');
});

test('an instance is an event emitter with start, stop and both connections', () => {
  const z = new ZongJi({ host: '127.0.0.1' });
  assert.ok(z instanceof EventEmitter);
  assert.equal(typeof z.start, 'function');
  assert.equal(typeof z.stop, 'function');
  assert.ok('connection' in z && 'ctrlConnection' in z);
});

test('the command class is set before `ready` and made into a command after it', () => {
  const text = source('index.js');
  const made = text.indexOf('this.BinlogClass = initBinlogClass(this)');
  const ready = text.indexOf("this.emit('ready')");
  const added = text.indexOf('this.connection.addCommand(new this.BinlogClass(');
  assert.ok(made > 0 && made < ready && ready < added);
});

test('packets go to binlogData of the prototype, errors to onResult', () => {
  const text = source('lib/sequence/binlog.js');
  assert.ok(text.includes('return Binlog.prototype.binlogData;'), 'start() hands over to the prototype');
  assert.ok(text.includes('this.onResult(err)'), 'an error packet is told to onResult');
  assert.ok(text.includes('this.next = this.next(packet, connection)'), 'what a handler returns handles the next packet');
});
