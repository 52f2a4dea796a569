import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseProperties } from '../../../src/config/properties.ts';
import type { CdcError } from '../../../src/model/errors.ts';

const read = (text: string): Record<string, string> => Object.fromEntries(parseProperties(text).map((p) => [p.key, p.value]));

test('key and value are separated by =, : or white space, of which the first counts', () => {
  assert.deepEqual(read('a=1\nb : 2\nc 3\nd\t=\t4\ne==5\nf=x=y:z'), { a: '1', b: '2', c: '3', d: '4', e: '=5', f: 'x=y:z' });
});

test('comments, blank lines and leading white space do not count; trailing white space of a value does', () => {
  assert.deepEqual(read('# c\n! d\n\n   a = 1  \n\t#e'), { a: '1  ' });
});

test('an odd number of backslashes continues the line, whose leading white space is dropped', () => {
  assert.deepEqual(read('a=one,\\\n   two\nb=c:\\\\\nd=x\\'), { a: 'one,two', b: 'c:\\', d: 'x' });
});

test('escapes are those of Java', () => {
  assert.deepEqual(read('a\\ b\\=c=\\t\\n\\u00e9\\u65e5\\:\\q'), { 'a b=c': '\t\né日:q' });
});

test('a malformed \\u escape is refused with its line', () => {
  assert.throws(
    () => read('a=1\nb=\\u12'),
    (e: CdcError) => e.code === 'CDC_CONFIG_FILE' && /line 2/.test(e.message),
  );
});

test('an empty value and a key without separator are kept', () => {
  assert.deepEqual(read('a=\nb'), { a: '', b: '' });
});

test('entries know their line, continued lines counting', () => {
  assert.deepEqual(
    parseProperties('a=1\\\n2\n\nb=3').map((p) => [p.key, p.line]),
    [
      ['a', 1],
      ['b', 4],
    ],
  );
});

test('whatever is written with escapes is read back', () => {
  const escaped = (s: string): string =>
    [...s].map((c) => (/[\\=: \t\n\r\f#!]/.test(c) ? ({ '\t': '\\t', '\n': '\\n', '\r': '\\r', '\f': '\\f' }[c] ?? `\\${c}`) : c)).join('');
  fc.assert(
    fc.property(fc.dictionary(fc.string({ minLength: 1 }), fc.string()), (map) => {
      const text = Object.entries(map)
        .map(([k, v]) => `${escaped(k)}=${escaped(v)}`)
        .join('\n');
      assert.deepEqual(new Map(parseProperties(text).map((p) => [p.key, p.value])), new Map(Object.entries(map)));
    }),
  );
});
