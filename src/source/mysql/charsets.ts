import iconv from 'iconv-lite';
import { CdcError } from '../../model/errors.ts';
import { CORRECTIONS, SWE7, UPPER_HALVES } from './charset-tables.ts';

declare global {
  /** Node's own slicing primitives: `toString(encoding, start, end)` without looking the encoding up. */
  interface Buffer<TArrayBuffer extends ArrayBufferLike = ArrayBufferLike> {
    utf8Slice(start?: number, end?: number): string;
    latin1Slice(start?: number, end?: number): string;
    ucs2Slice(start?: number, end?: number): string;
    readonly __arrayBuffer?: TArrayBuffer;
  }
}

/** Text of `buf[start, end)`. A code that stands for no character becomes U+FFFD. */
export type DecodeText = (buf: Buffer, start: number, end: number) => string;

export interface Charset {
  readonly name: string;
  readonly decode: DecodeText;
  /** The bytes are UTF-8 (utf8mb4, utf8mb3, ascii): the fast path of the row decoders. */
  readonly utf8: boolean;
  /** U+FFFD in the text proves undefined bytes; the Unicode sets can hold the character itself. */
  readonly replacementIsLoss: boolean;
}

/** A leading U+FEFF is data of the column, not a mark. */
const KEEP_BOM = { stripBOM: false };

/** iconv-lite's table per multi-byte set; where the server disagrees, CORRECTIONS wins. */
const ICONV: Readonly<Record<string, string>> = {
  big5: 'big5',
  gb2312: 'gb2312',
  gbk: 'gbk',
  sjis: 'shiftjis',
  cp932: 'cp932',
  ujis: 'eucjp',
  eucjpms: 'eucjp',
  euckr: 'euckr',
};

/** Collation ids of MySQL 9.7 and MariaDB 10.11 by set: `a-b` are ranges. MariaDB's NOPAD variants are these + 1024. */
const COLLATIONS: Readonly<Record<string, string>> = {
  armscii8: '32,64',
  ascii: '11,65',
  big5: '1,84',
  binary: '63',
  cp1250: '26,34,44,66,99',
  cp1251: '14,23,50-52',
  cp1256: '57,67',
  cp1257: '29,58,59',
  cp850: '4,80',
  cp852: '40,81',
  cp866: '36,68',
  cp932: '95,96',
  dec8: '3,69',
  eucjpms: '97,98',
  euckr: '19,85',
  gb18030: '248-250',
  gb2312: '24,86',
  gbk: '28,87',
  geostd8: '92,93',
  greek: '25,70',
  hebrew: '16,71',
  hp8: '6,72',
  keybcs2: '37,73',
  koi8r: '7,74',
  koi8u: '22,75',
  latin1: '5,8,15,31,47-49,94',
  latin2: '2,9,21,27,77',
  latin5: '30,78',
  latin7: '20,41,42,79',
  macce: '38,43',
  macroman: '39,53',
  sjis: '13,88',
  swe7: '10,82',
  tis620: '18,89',
  ucs2: '35,90,128-159,640-642,2560-2815',
  ujis: '12,91',
  utf16: '54,55,101-124,672-674,2816-3071',
  utf16le: '56,62',
  utf32: '60,61,160-191,736-738,3072-3327',
  utf8mb3: '33,76,83,192-223,576-578,2048-2303',
  utf8mb4: '45,46,224-247,255-323,608-610,2304-2559',
};

const byCollation = new Map<number, string>();
for (const [name, ids] of Object.entries(COLLATIONS)) {
  for (const part of ids.split(',')) {
    const [from, to = from] = part.split('-').map(Number) as [number, number?];
    for (let id = from; id <= to; id++) byCollation.set(id, name);
  }
}

/** Name of the character set of a collation id as TABLE_MAP carries it, null when unknown. */
export function charsetOfCollation(id: number): string | null {
  return byCollation.get(id) ?? (id > 1024 && id < 1280 ? (byCollation.get(id - 1024) ?? null) : null);
}

const cache = new Map<string, Charset>();

/** The decoder of a MySQL character set (`latin1`, `utf8mb4`, …). Throws CDC_MYSQL_CHARSET_UNKNOWN (fatal). */
export function charsetOf(name: string): Charset {
  const known = cache.get(name);
  if (known !== undefined) return known;
  const charset = build(name.toLowerCase());
  cache.set(name, charset);
  return charset;
}

function build(name: string): Charset {
  const strict = (decode: DecodeText): Charset => ({ name, decode, utf8: false, replacementIsLoss: true });
  const unicode = (decode: DecodeText): Charset => ({ name, decode, utf8: false, replacementIsLoss: false });
  switch (name) {
    case 'utf8mb4':
    case 'utf8mb3':
    case 'utf8':
    case 'ascii':
      return { name, decode: (buf, start, end) => buf.utf8Slice(start, end), utf8: true, replacementIsLoss: false };
    case 'ucs2':
    case 'utf16':
      return unicode((buf, start, end) => Buffer.from(buf.subarray(start, end)).swap16().ucs2Slice());
    case 'utf16le':
      return unicode((buf, start, end) => buf.ucs2Slice(start, end));
    case 'utf32':
      return unicode(decodeUtf32);
    case 'gb18030':
      return unicode(decodeGb18030);
    case 'swe7':
      return strict(singleByte(swe7()));
  }
  const upper = UPPER_HALVES[name];
  if (upper !== undefined) return strict(singleByte(asciiHalf() + upper));
  const encoding = ICONV[name];
  if (encoding !== undefined) return strict(multiByte(name, encoding));
  throw new CdcError('CDC_MYSQL_CHARSET_UNKNOWN', 'fatal', `character set "${name}" is not known`, {
    hint: 'convert the column to utf8mb4, or exclude it with column.exclude.list',
    context: { charset: name },
  });
}

function asciiHalf(): string {
  return String.fromCharCode(...Array.from({ length: 128 }, (_, i) => i));
}

function swe7(): string {
  const chars = [...asciiHalf(), ...'\uFFFD'.repeat(128)];
  for (const [code, char] of SWE7) chars[code] = char;
  return chars.join('');
}

function singleByte(table: string): DecodeText {
  return (buf, start, end) => {
    let text = '';
    for (let i = start; i < end; i++) text += table[buf[i] as number];
    return text;
  };
}

function decodeUtf32(buf: Buffer, start: number, end: number): string {
  let text = '';
  for (let i = start; i + 3 < end; i += 4) text += String.fromCodePoint(buf.readUInt32BE(i));
  return text;
}

/** A3A0 is U+E5E5 to the server, U+3000 to the conversion table. */
function decodeGb18030(buf: Buffer, start: number, end: number): string {
  let text = '';
  let from = start;
  let i = start;
  while (i < end) {
    const lead = buf[i] as number;
    if (lead < 0x80) {
      i++;
      continue;
    }
    const second = buf[i + 1] as number;
    if (lead === 0xa3 && second === 0xa0) {
      text += `${iconv.decode(buf.subarray(from, i), 'gb18030', KEEP_BOM)}\uE5E5`;
      i += 2;
      from = i;
    } else i += second >= 0x30 && second <= 0x39 ? 4 : 2;
  }
  return text + iconv.decode(buf.subarray(from, end), 'gb18030', KEEP_BOM);
}

/** Decodes by a table of UTF-16 units for the one- and two-byte codes, and one for the 8F plane of the EUC-JP sets. */
function multiByte(name: string, encoding: string): DecodeText {
  const euc = name === 'ujis' || name === 'eucjpms';
  const shiftJis = name === 'sjis' || name === 'cp932';
  const codes = unitTable(encoding, 0x8000, (code) => [code >> 8, code & 0xff]);
  const plane = euc ? unitTable(encoding, 0x8000, (code) => [0x8f, code >> 8, code & 0xff]) : codes;
  for (const [code, char, length] of CORRECTIONS[name] ?? []) {
    const table = code > 0xffff ? plane : codes;
    for (let i = 0; i < length; i++) table[(code + i) & 0xffff] = char + i;
  }
  return (buf, start, end) => {
    let text = '';
    let i = start;
    while (i < end) {
      const lead = buf[i++] as number;
      if (lead < 0x80) text += String.fromCharCode(lead);
      else if (shiftJis && lead >= 0xa1 && lead <= 0xdf) text += String.fromCharCode(lead - 0xa1 + 0xff61);
      else if (euc && lead === 0x8f && i + 1 < end) {
        text += String.fromCharCode(plane[((buf[i] as number) << 8) | (buf[i + 1] as number)] as number);
        i += 2;
      } else if (i < end) text += String.fromCharCode(codes[(lead << 8) | (buf[i++] as number)] as number);
      else text += '\uFFFD';
    }
    return text;
  };
}

function unitTable(encoding: string, from: number, bytes: (code: number) => readonly number[]): Uint16Array {
  const table = new Uint16Array(0x10000).fill(0xfffd);
  for (let code = from; code < 0x10000; code++) {
    const text = iconv.decode(Buffer.from(bytes(code)), encoding, KEEP_BOM);
    if (text.length === 1) table[code] = text.charCodeAt(0);
  }
  return table;
}
