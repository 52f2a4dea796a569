import { CdcError } from '../../../model/errors.ts';
import { decodeJson } from './json-binary.ts';

/**
 * Applies the differences that `binlog_row_value_options=PARTIAL_JSON` writes instead of a whole JSON value to the text
 * of the before image. Numbers and strings stay the text they were, so nothing is respelled on the way.
 */

/** A document: containers taken apart, scalars as their text. */
type Node = string | Node[] | Map<string, Node>;

const REPLACE = 0;
const INSERT = 1;
const REMOVE = 2;

/** `before`: compact JSON text. The diffs are `buf[start, end)`. Throws CDC_ROW_DECODE (fatal) when one does not apply. */
export function applyJsonDiffs(before: string, buf: Buffer, start: number, end: number): string {
  const root = { node: parseNode(before) };
  let pos = start;
  const length = (): number => {
    const first = buf[pos++] as number;
    if (first < 251) return first;
    const size = first === 252 ? 2 : first === 253 ? 3 : 6;
    const value = buf.readUIntLE(pos, size);
    pos += first === 254 ? 8 : size;
    return value;
  };
  while (pos < end) {
    const operation = buf[pos++] as number;
    const pathLength = length();
    const path = parsePath(buf.utf8Slice(pos, pos + pathLength));
    pos += pathLength;
    if (operation === REMOVE) {
      remove(root, path);
      continue;
    }
    if (operation !== REPLACE && operation !== INSERT) throw failure(`operation ${operation} is not known`);
    const valueLength = length();
    const value = parseNode(decodeJson(buf, pos, pos + valueLength));
    pos += valueLength;
    if (operation === REPLACE) replace(root, path, value);
    else insert(root, path, value);
  }
  if (pos !== end) throw failure('the differences end within one');
  return formatNode(root.node);
}

function failure(what: string): CdcError {
  return new CdcError('CDC_ROW_DECODE', 'fatal', `partial JSON update: ${what}`, {
    hint: 'SET GLOBAL binlog_row_value_options = "" on the server and take a new snapshot of the table',
  });
}

/** `$.key`, `$."quoted key"`, `$[3]` and any chain of them. */
function parsePath(path: string): (string | number)[] {
  const legs: (string | number)[] = [];
  const leg = /\s*(?:\.\s*(?:"((?:[^"\\]|\\.)*)"|([^.[\s"]+))|\[\s*(\d+)\s*\])/sy;
  leg.lastIndex = 1;
  if (!path.startsWith('$')) throw failure('a path does not start at the root');
  while (leg.lastIndex < path.length) {
    const at = leg.lastIndex;
    const m = leg.exec(path);
    if (m === null) throw failure(`a path cannot be read at character ${at}`);
    if (m[3] !== undefined) legs.push(Number(m[3]));
    else legs.push(m[1] !== undefined ? (JSON.parse(`"${m[1]}"`) as string) : (m[2] as string));
  }
  return legs;
}

function parentOf(root: { node: Node }, path: readonly (string | number)[]): Node {
  let node = root.node;
  for (const leg of path.slice(0, -1)) node = child(node, leg);
  return node;
}

function child(node: Node, leg: string | number): Node {
  const found = typeof leg === 'number' ? (Array.isArray(node) ? node[leg] : undefined) : node instanceof Map ? node.get(leg) : undefined;
  if (found === undefined) throw failure('a path leads to nothing in the before image');
  return found;
}

function replace(root: { node: Node }, path: readonly (string | number)[], value: Node): void {
  const last = path.at(-1);
  if (last === undefined) {
    root.node = value;
    return;
  }
  const parent = parentOf(root, path);
  child(parent, last);
  if (Array.isArray(parent)) parent[last as number] = value;
  else (parent as Map<string, Node>).set(last as string, value);
}

function insert(root: { node: Node }, path: readonly (string | number)[], value: Node): void {
  const last = path.at(-1);
  const parent = parentOf(root, path);
  if (Array.isArray(parent) && typeof last === 'number') {
    parent.splice(last, 0, value);
    return;
  }
  if (!(parent instanceof Map) || typeof last !== 'string' || parent.has(last))
    throw failure('a value cannot be inserted where its path says');
  // The server keeps keys ordered by length, then bytes.
  const entries = [...parent, [last, value] as const].sort(([a], [b]) => compareKeys(a, b));
  parent.clear();
  for (const [key, node] of entries) parent.set(key, node);
}

function compareKeys(a: string, b: string): number {
  const x = Buffer.from(a);
  const y = Buffer.from(b);
  return x.length - y.length || Buffer.compare(x, y);
}

function remove(root: { node: Node }, path: readonly (string | number)[]): void {
  const last = path.at(-1);
  if (last === undefined) throw failure('the root cannot be removed');
  const parent = parentOf(root, path);
  child(parent, last);
  if (Array.isArray(parent)) parent.splice(last as number, 1);
  else (parent as Map<string, Node>).delete(last as string);
}

function formatNode(node: Node): string {
  if (typeof node === 'string') return node;
  if (Array.isArray(node)) return `[${node.map(formatNode).join(',')}]`;
  return `{${[...node].map(([key, value]) => `${JSON.stringify(key)}:${formatNode(value)}`).join(',')}}`;
}

/** Takes compact JSON text apart. */
function parseNode(text: string): Node {
  let pos = 0;
  const token = (): string => {
    const from = pos;
    if (text[pos] === '"') {
      pos++;
      while (text[pos] !== '"') pos += text[pos] === '\\' ? 2 : 1;
      pos++;
    } else while (pos < text.length && !',]}:'.includes(text[pos] as string)) pos++;
    return text.slice(from, pos);
  };
  const node = (): Node => {
    if (text[pos] === '[') {
      const items: Node[] = [];
      pos++;
      while (text[pos] !== ']') {
        items.push(node());
        if (text[pos] === ',') pos++;
      }
      pos++;
      return items;
    }
    if (text[pos] === '{') {
      const members = new Map<string, Node>();
      pos++;
      while (text[pos] !== '}') {
        const key = JSON.parse(token()) as string;
        pos++;
        members.set(key, node());
        if (text[pos] === ',') pos++;
      }
      pos++;
      return members;
    }
    return token();
  };
  return node();
}
