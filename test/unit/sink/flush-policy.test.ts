import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlushPolicy } from '../../../src/sink/flush-policy.ts';

const limits = { rows: 100, bytes: 1000, ageMs: 500 };

test('a flush is due by rows, by bytes and by age, and not before', () => {
  let now = 0;
  const p = new FlushPolicy(limits, () => now);
  assert.equal(p.isDue(), false);
  p.accepted(99, 10);
  assert.equal(p.isDue(), false);
  p.accepted(1, 10);
  assert.equal(p.isDue(), true);
  p.flushed(10);
  p.accepted(1, 1000);
  assert.equal(p.isDue(), true);
  p.flushed(10);
  p.accepted(1, 1);
  now += 499;
  assert.equal(p.isDue(), false);
  now += 1;
  assert.equal(p.isDue(), true);
});

test('rows nothing came after are due at once when the source is idle', () => {
  let now = 0;
  const p = new FlushPolicy(limits, () => now);
  assert.equal(p.isDue(true), false);
  p.accepted(1, 1);
  now = 199;
  assert.equal(p.isDue(true), false);
  now = 200;
  assert.equal(p.isDue(true), true);
  assert.equal(p.isDue(false), false);
  p.flushed(1000);
  p.accepted(1, 1);
  now += 499;
  assert.equal(p.isDue(true), false);
  now += 1;
  assert.equal(p.isDue(true), true);
});

test('a slow target gets as long to fill a batch as it took to write the last', () => {
  let now = 0;
  const p = new FlushPolicy(limits, () => now);
  p.accepted(1, 1);
  p.flushed(3000);
  p.accepted(1, 1);
  now = 2999;
  assert.equal(p.isDue(), false);
  now = 3000;
  assert.equal(p.isDue(), true);
});

test('offsets that came without rows wait longer', () => {
  let now = 0;
  const p = new FlushPolicy(limits, () => now);
  p.accepted(0, 0);
  now = 9999;
  assert.equal(p.isDue(), false);
  now = 10_000;
  assert.equal(p.isDue(), true);
});
