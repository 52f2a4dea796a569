import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MariaDbGtidPosition, MySqlGtidSet } from '../../../../src/source/mysql/gtid.ts';

const A = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const B = '3e11fa47-71ca-11e1-9e33-c80aa9429563';

test('a set reads and writes what the server does', () => {
  for (const text of ['', `${A}:1-5`, `${A}:1-5:7`, `${A}:1-3,${B}:9`, `${A}:1-3,${A}:tag:1-2`])
    assert.equal(MySqlGtidSet.parse(text).format(), text);
  assert.equal(MySqlGtidSet.parse(`${A.toUpperCase()}:1-2:3,\n ${B}:1`).format(), `${A}:1-3,${B}:1`);
  assert.equal(MySqlGtidSet.parse(`${A}:1-2:tag:4`).format(), `${A}:1-2,${A}:tag:4`);
});

test('what is no set is refused', () => {
  for (const text of ['x', `${A}:1-x`, '0-1-100', `${A}:99999999999999999999`])
    assert.throws(() => MySqlGtidSet.parse(text), RangeError, text);
});

test('set operations agree with sets of numbers', () => {
  const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 30 }));
  fc.assert(
    fc.property(numbers, numbers, (x, y) => {
      const a = MySqlGtidSet.parse('');
      for (const n of x) a.add(`${A}:${n}`);
      const b = MySqlGtidSet.parse(y.map((n) => `${A}:${n}`).join(','));
      for (let n = 1; n <= 30; n++) assert.equal(a.has(`${A}:${n}`), x.includes(n));
      assert.equal(
        a.contains(b),
        y.every((n) => x.includes(n)),
      );
      assert.equal(
        a.intersects(b),
        y.some((n) => x.includes(n)),
      );
      const rest = a.minus(b);
      for (let n = 1; n <= 30; n++) assert.equal(rest.has(`${A}:${n}`), x.includes(n) && !y.includes(n));
      assert.equal(MySqlGtidSet.parse(a.format()).format(), a.format());
    }),
  );
});

test('a clone lives its own life', () => {
  const a = MySqlGtidSet.parse(`${A}:1-5`);
  const b = a.clone();
  b.add(`${A}:6`);
  assert.equal(a.format(), `${A}:1-5`);
  assert.equal(b.format(), `${A}:1-6`);
});

test('a MariaDB position keeps the last transaction of each domain', () => {
  const p = MariaDbGtidPosition.parse('0-1-100,5-2-7');
  p.add('0-3-101');
  assert.equal(p.format(), '0-3-101,5-2-7');
  assert.ok(p.has('0-1-99'));
  assert.ok(!p.has('5-2-8'));
  assert.ok(!p.has('6-1-1'));
  assert.ok(p.contains(MariaDbGtidPosition.parse('0-1-100')));
  assert.ok(!p.contains(MariaDbGtidPosition.parse('0-1-102')));
  assert.throws(() => MariaDbGtidPosition.parse(`${A}:1`), RangeError);
});
