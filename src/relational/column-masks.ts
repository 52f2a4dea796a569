import { createHash, getHashes } from 'node:crypto';
import { CdcError } from '../model/errors.ts';
import { formatTableId, type TableId } from '../model/table-schema.ts';
import { anchoredPattern, splitPatterns } from './table-filter.ts';

/** What is done to the text of one column before it leaves the connector. */
export interface TextMask {
  readonly kind: 'mask' | 'hash' | 'truncate';
  /** `maxLength`: the column's length in characters, to which hashes are cut; null = not limited. */
  apply(value: string | null, maxLength: number | null): string | null;
  readonly parameters: Readonly<Record<string, string>>;
}

const MASK = /^column\.mask\.with\.(\d+)\.chars$/;
const TRUNCATE = /^column\.truncate\.to\.(\d+)\.chars$/;
const HASH = /^column\.mask\.hash\.(v2\.)?(.+)\.with\.salt\.(.+)$/;

/**
 * Compiles `column.mask.with.N.chars`, `column.truncate.to.N.chars` and `column.mask.hash[.v2].ALG.with.salt.S` of a raw
 * configuration into a lookup by column; the first that matches wins. Values are lists of regular expressions over
 * `db.table.column`. Throws CDC_CONFIG_INVALID (config). Asterisks stand for NULL too, as in Debezium.
 */
export function compileColumnMasks(raw: Readonly<Record<string, string>>): (id: TableId, column: string) => TextMask | null {
  const rules: { patterns: RegExp[]; mask: TextMask }[] = [];
  for (const [key, value] of Object.entries(raw)) {
    const mask = maskOf(key);
    if (mask !== null) rules.push({ patterns: splitPatterns(value).map(anchoredPattern), mask });
  }
  if (rules.length === 0) return () => null;
  return (id, column) => {
    const name = `${formatTableId(id)}.${column}`;
    return rules.find((rule) => rule.patterns.some((p) => p.test(name)))?.mask ?? null;
  };
}

function maskOf(key: string): TextMask | null {
  const masked = MASK.exec(key);
  if (masked !== null) {
    const stars = '*'.repeat(Number(masked[1]));
    return { kind: 'mask', apply: () => stars, parameters: { masked: 'true' } };
  }
  const truncated = TRUNCATE.exec(key);
  if (truncated !== null) {
    const length = Number(truncated[1]);
    return {
      kind: 'truncate',
      apply: (value) => (value === null ? null : cut(value, length)),
      parameters: { truncateLength: String(length) },
    };
  }
  const hashed = HASH.exec(key);
  return hashed === null ? null : hash(key, hashed[2] as string, hashed[3] as string, hashed[1] !== undefined);
}

/** Whole characters only: half a surrogate pair is no text. */
function cut(value: string, length: number): string {
  if (value.length <= length) return value;
  const code = value.charCodeAt(length - 1);
  return value.slice(0, code >= 0xd800 && code < 0xdc00 ? length - 1 : length);
}

function hash(key: string, algorithm: string, salt: string, v2: boolean): TextMask {
  const name = algorithm.toLowerCase().replace(/^sha-(\d+)/, 'sha$1');
  if (!getHashes().some((known) => known.toLowerCase() === name)) {
    throw new CdcError('CDC_CONFIG_INVALID', 'config', `${key}: hash algorithm "${algorithm}" is not known`, {
      hint: 'use SHA-256',
      context: { key },
    });
  }
  const prefix = Buffer.from(salt, 'utf8');
  return {
    kind: 'hash',
    apply: (value, maxLength) => {
      if (value === null) return null;
      const digest = createHash(name)
        .update(prefix)
        .update(v2 ? Buffer.from(value, 'utf8') : javaString(value))
        .digest('hex');
      return maxLength === null ? digest : digest.slice(0, maxLength);
    },
    parameters: { masked: 'true' },
  };
}

/** Version 1 hashes what Java's ObjectOutputStream makes of the text. */
function javaString(text: string): Buffer {
  const units: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    // Java's modified UTF-8: NUL takes two bytes, surrogates three each.
    if (c !== 0 && c < 0x80) units.push(c);
    else if (c < 0x800) units.push(0xc0 | (c >> 6), 0x80 | (c & 63));
    else units.push(0xe0 | (c >> 12), 0x80 | ((c >> 6) & 63), 0x80 | (c & 63));
  }
  const long = units.length > 0xffff;
  const header = long ? Buffer.alloc(13) : Buffer.alloc(7);
  header.writeUInt32BE(0xaced0005, 0);
  header[4] = long ? 0x7c : 0x74;
  if (long) header.writeBigUInt64BE(BigInt(units.length), 5);
  else header.writeUInt16BE(units.length, 5);
  return Buffer.concat([header, Buffer.from(units)]);
}
