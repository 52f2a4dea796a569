import { readFileSync } from 'node:fs';
import { skipValue } from '../../../src/convert/json/json-parse.ts';

/** Non-empty lines of a file under test/golden. */
export function goldenLines(path: string): readonly string[] {
  return readFileSync(new URL(`../../golden/${path}`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}

/** The verbatim text of a top-level member of a JSON object. */
export function rawMember(line: string, key: string): string {
  const at = line.indexOf(`"${key}":`) + key.length + 3;
  const cursor = { text: line, at };
  skipValue(cursor);
  return line.slice(at, cursor.at);
}
