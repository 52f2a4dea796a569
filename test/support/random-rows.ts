import type { Random } from './random.ts';
import type { Server } from './row-events.ts';

/** A column of a generated table: its definition, and how to make a value of it as SQL. */
export interface RandomColumn {
  readonly definition: string;
  readonly value: (r: Random) => string;
}

const bytes = (r: Random, n: number): Buffer => Buffer.from(Array.from({ length: n }, () => r.below(256)));
const hex = (b: Buffer): string => (b.length === 0 ? "''" : `x'${b.toString('hex')}'`);
const bigint = (r: Random, bits: number): bigint => BigInt(`0x${bytes(r, 8).toString('hex')}`) >> BigInt(64 - bits);

/** Mostly anything, sometimes a limit: limits are where decoders go wrong. */
const int =
  (bits: number, unsigned: boolean) =>
  (r: Random): string => {
    const half = 1n << BigInt(bits - 1);
    const low = unsigned ? 0n : -half;
    const high = unsigned ? 2n * half - 1n : half - 1n;
    if (r.below(4) === 0) return String(r.pick([low, high, low + 1n, high - 1n, 0n, 1n]));
    const shift = BigInt(r.below(bits));
    return String(low + ((bigint(r, bits) >> shift) % (high - low + 1n)));
  };

const digits = (r: Random, n: number): string => Array.from({ length: n }, () => r.below(10)).join('');
const decimal =
  (precision: number, scale: number, unsigned = false) =>
  (r: Random): string => {
    const whole = precision - scale;
    const text = `${digits(r, r.below(whole + 1)) || '0'}${scale > 0 ? `.${digits(r, r.below(scale + 1)) || '0'}` : ''}`;
    if (r.below(8) === 0) return `${'9'.repeat(whole) || '0'}${scale > 0 ? `.${'9'.repeat(scale)}` : ''}`;
    return `${!unsigned && r.below(2) === 0 ? '-' : ''}${text}`;
  };

const double = (r: Random): string => {
  for (;;) {
    const x = bytes(r, 8).readDoubleLE();
    if (r.below(3) === 0) return String(r.pick([0, -0, 1.5, 0.1, 5e-324, 1.7976931348623157e308, -1e15, 123456789.125, 1e-7]));
    if (Number.isFinite(x)) return String(x);
  }
};
const float = (r: Random): string => {
  for (;;) {
    const x = bytes(r, 4).readFloatLE();
    if (r.below(3) === 0) return String(r.pick([0, 1.5, 0.1, 16777217, 123456.789, 3.4028234663852886e38, 1.401298464324817e-45]));
    if (Number.isFinite(x)) return String(x);
  }
};

const two = (n: number): string => String(n).padStart(2, '0');
const date = (r: Random): string => {
  const year = String(r.pick([0, 1, 99, 1000, 1582, 1583, 1899, 1969, 1970, 2000, 2024, 2038, 9999, r.below(10_000)])).padStart(4, '0');
  return `${year}-${two(1 + r.below(12))}-${two(r.pick([1, 15, 28, 1 + r.below(28)]))}`;
};
const zeroDate = (r: Random): string => r.pick(['0000-00-00', '2018-00-00', '2018-01-00', '0000-01-00', date(r)]);
const clock = (r: Random): string => `${two(r.below(24))}:${two(r.below(60))}:${two(r.below(60))}`;
const fraction = (r: Random, n: number): string => (n === 0 ? '' : `.${r.pick([digits(r, n), '0'.repeat(n), '9'.repeat(n)])}`);
const time =
  (n: number) =>
  (r: Random): string => {
    const text = r.pick([
      '00:00:00',
      '00:01:00',
      '01:00:00',
      '12:00:00',
      '838:59:58',
      `${two(r.below(838))}:${two(r.below(60))}:${two(r.below(60))}`,
    ]);
    return `'${r.below(2) === 0 ? '-' : ''}${text}${fraction(r, n)}'`;
  };
const datetime =
  (n: number) =>
  (r: Random): string =>
    `'${r.below(6) === 0 ? zeroDate(r) : date(r)} ${clock(r)}${fraction(r, n)}'`;
const timestamp =
  (n: number) =>
  (r: Random): string => {
    if (r.below(8) === 0) return r.pick(["'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'"]);
    return `'${1971 + r.below(67)}-${two(1 + r.below(12))}-${two(1 + r.below(28))} ${clock(r)}${fraction(r, n)}'`;
  };

const CHARACTERS = [
  'a',
  'Z',
  ' ',
  '0',
  "'",
  '"',
  '\\',
  '\n',
  'é',
  'ß',
  'Ж',
  'ш',
  '中',
  '国',
  '日',
  'か',
  'ｱ',
  '한',
  '€',
  '😀',
  '𠀀',
  '%',
  '\t',
  '\u0000',
  '\u00ad',
  '｜',
  '＼',
  '～',
];
const string = (r: Random, most: number): string => Array.from({ length: r.below(most + 1) }, () => r.pick(CHARACTERS)).join('');
const text =
  (most: number) =>
  (r: Random): string =>
    `CONVERT(x'${Buffer.from(string(r, most)).toString('hex')}' USING utf8mb4)`;
/** Characters a set can hold, in it. */
const inCharset =
  (charset: string, chars: string, most: number) =>
  (r: Random): string => {
    const s = Array.from({ length: r.below(most + 1) }, () => r.pick([...chars])).join('');
    return `CONVERT(CONVERT(x'${Buffer.from(s).toString('hex')}' USING utf8mb4) USING ${charset})`;
  };
const blob =
  (most: number) =>
  (r: Random): string =>
    hex(bytes(r, r.below(most + 1)));

function json(r: Random, depth: number): string {
  const scalars = [
    () => 'null',
    () => r.pick(['true', 'false']),
    () => int(r.pick([8, 16, 32, 64]), r.below(2) === 0)(r),
    () => (r.below(2) === 0 ? double(r).replace('e+', 'e') : `${digits(r, 3).replace(/^0+(?=\d)/, '')}.${digits(r, 1 + r.below(18))}`),
    () => JSON.stringify(string(r, r.pick([3, 30, 300]))),
  ];
  if (depth === 0 || r.below(3) === 0) return r.pick(scalars)();
  const size = r.pick([0, 1, 3, 8, depth === 3 && r.below(10) === 0 ? 4000 : 2]);
  if (r.below(2) === 0) return `[${Array.from({ length: size }, () => json(r, depth - 1)).join(',')}]`;
  return `{${Array.from({ length: size }, () => `${JSON.stringify(string(r, 8))}:${json(r, depth - 1)}`).join(',')}}`;
}
/** Documents as text, and values of SQL types, which JSON keeps as opaque. */
const jsonValue = (r: Random): string => {
  if (r.below(3) > 0) return `CAST(CONVERT(x'${Buffer.from(json(r, 3)).toString('hex')}' USING utf8mb4) AS JSON)`;
  return `JSON_OBJECT('d', CAST('${decimal(20, 6)(r)}' AS DECIMAL(20,6)), 'dt', CAST('${date(r)} ${clock(r)}${fraction(r, 6)}' AS DATETIME(6)), 'da', CAST('${date(r)}' AS DATE), 't', CAST(${time(6)(r)} AS TIME(6)), 'b', ${hex(bytes(r, 5))}, 'bit', b'10101', 'u', ${int(64, true)(r)}, 'y', CAST(2001 AS YEAR), 'f', ${double(r)}, '__proto__', 1, '9', JSON_ARRAY(TIMESTAMP('2020-01-02 03:04:05'), NULL))`;
};

const coordinate = (r: Random): string => String(Math.fround(r.next() * 170 - 85));
const point = (r: Random): string => `${coordinate(r)} ${coordinate(r)}`;
const geometry = (r: Random): string => {
  const wkt = r.pick([
    `POINT(${point(r)})`,
    `LINESTRING(${point(r)},${point(r)},${point(r)})`,
    'POLYGON((0 0,10 0,10 10,0 10,0 0),(5 5,7 5,7 7,5 7,5 5))',
    `MULTIPOINT(${point(r)},${point(r)})`,
    `GEOMETRYCOLLECTION(POINT(${point(r)}),LINESTRING(0 0,1 1))`,
  ]);
  return `ST_GeomFromText('${wkt}', ${r.pick([0, 4326])})`;
};

const c = (definition: string, value: (r: Random) => string): RandomColumn => ({ definition, value });
const quoted = (s: string): string => `'${s.replaceAll("'", "''")}'`;
const SET_MEMBERS = Array.from({ length: 64 }, (_, i) => (i === 3 ? "it's" : i === 5 ? 'ü' : `m${i}`));
const ENUM_MEMBERS = Array.from({ length: 300 }, (_, i) => (i === 0 ? 'a,b' : i === 1 ? '' : i === 2 ? "q'q" : i === 3 ? 'é' : `e${i}`));
const enumeration =
  (count: number) =>
  (r: Random): string =>
    String(r.below(count + 1));

/** Tables that together have every type of the server, without their primary key `id`. */
export function randomTables(server: Server): Readonly<Record<string, readonly RandomColumn[]>> {
  const own: Record<string, readonly RandomColumn[]> =
    server === 'mysql'
      ? {
          j: [
            c('JSON', jsonValue),
            c(
              'VECTOR(4)',
              (r) => `x'${Buffer.from(new Float32Array(Array.from({ length: 4 }, () => r.next() * 10 - 5)).buffer).toString('hex')}'`,
            ),
            c('JSON', jsonValue),
            c('INT', int(32, false)),
            c('TEXT CHARACTER SET gb18030', inCharset('gb18030', 'a中国é€😀ß', 20)),
          ],
        }
      : {
          m: [
            c('UUID', (r) =>
              quoted(
                bytes(r, 16)
                  .toString('hex')
                  .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
              ),
            ),
            c('INET4', (r) => quoted([...bytes(r, 4)].join('.'))),
            c('INET6', (r) =>
              quoted(
                r.pick([
                  '::',
                  '::1',
                  '::2',
                  '::ffff',
                  '::1:2',
                  '::ffff:1.2.3.4',
                  'fe80::1:0:0:1',
                  '1:0:0:2::',
                  '0:0:1::',
                  '1::',
                  Array.from({ length: 8 }, () => r.pick(['0', '0', bytes(r, 2).toString('hex')])).join(':'),
                ]),
              ),
            ),
            c('TEXT COMPRESSED', text(300)),
            c('VARCHAR(500) COMPRESSED', (r) => quoted('abc'.repeat(r.below(150)))),
            c('VARCHAR(200) CHARACTER SET latin1 COMPRESSED', inCharset('latin1', 'aé€ß', 200)),
            c('BLOB COMPRESSED', blob(400)),
            c('LONGBLOB COMPRESSED', (r) => `REPEAT(x'00ff', ${r.below(3000)})`),
            c('JSON', (r) => `CONVERT(x'${Buffer.from(json(r, 3)).toString('hex')}' USING utf8mb4)`),
          ],
        };
  return {
    n: [
      ...[8, 16, 24, 32, 64].flatMap((bits, i) => {
        const name = ['TINYINT', 'SMALLINT', 'MEDIUMINT', 'INT', 'BIGINT'][i] as string;
        return [c(name, int(bits, false)), c(`${name} UNSIGNED`, int(bits, true)), c(`${name} ZEROFILL`, int(bits, true))];
      }),
      c('TINYINT(1)', int(8, false)),
      c('DECIMAL(5,2)', decimal(5, 2)),
      c('DECIMAL(65,30)', decimal(65, 30)),
      c('DECIMAL(20,20)', decimal(20, 20)),
      c('DECIMAL(9,9)', decimal(9, 9)),
      c('DECIMAL(3,3)', decimal(3, 3)),
      c('DECIMAL(10,0)', decimal(10, 0)),
      c('DECIMAL(18,9) UNSIGNED ZEROFILL', decimal(18, 9, true)),
      c('DECIMAL(38,10)', decimal(38, 10)),
      c('FLOAT', float),
      c('FLOAT(7,3)', (r) => String(Math.fround(r.next() * 9999).toFixed(3))),
      c('FLOAT UNSIGNED ZEROFILL', (r) => float(r).replace(/^-/, '')),
      c('DOUBLE', double),
      c('DOUBLE(10,4)', (r) => (r.next() * 999999).toFixed(r.below(8))),
      c('DOUBLE(30,20)', (r) => (r.next() * 999999).toFixed(15)),
      c('DOUBLE UNSIGNED ZEROFILL', (r) => double(r).replace(/^-/, '')),
      ...[1, 7, 8, 9, 33, 64].map((n) => c(`BIT(${n})`, (r) => String(bigint(r, n)))),
      c('YEAR', (r) => String(r.pick([0, 1901, 2155, 1970, 2000, 1901 + r.below(255)]))),
    ],
    t: [
      c('DATE', (r) => quoted(r.below(5) === 0 ? zeroDate(r) : date(r))),
      c('DATE NOT NULL', (r) => quoted(r.below(5) === 0 ? zeroDate(r) : date(r))),
      ...[0, 1, 2, 3, 4, 5, 6].flatMap((n) => [
        c(`TIME(${n})`, time(n)),
        c(`DATETIME(${n})`, datetime(n)),
        c(`TIMESTAMP(${n}) NULL`, timestamp(n)),
      ]),
      c("DATETIME(6) NOT NULL DEFAULT '2000-01-01'", datetime(6)),
      c("TIMESTAMP(3) NOT NULL DEFAULT '2000-01-01'", timestamp(3)),
    ],
    s: [
      c('CHAR(30)', text(30)),
      c('VARCHAR(40)', text(40)),
      c('VARCHAR(400)', text(400)),
      c('TINYTEXT', text(40)),
      c('TEXT', text(400)),
      c('MEDIUMTEXT', text(2000)),
      c('LONGTEXT', (r) => `REPEAT(${text(20)(r)}, ${r.pick([1, 10, 4000])})`),
      c('CHAR(20) CHARACTER SET latin1', inCharset('latin1', 'aé €ß ', 20)),
      c('VARCHAR(300) CHARACTER SET latin1', inCharset('latin1', 'aé €ß ', 300)),
      c('TEXT CHARACTER SET cp1251', inCharset('cp1251', 'aЖш ', 30)),
      c('VARCHAR(30) CHARACTER SET gbk', inCharset('gbk', 'a中国日', 30)),
      c('TEXT CHARACTER SET sjis', inCharset('sjis', 'a日かｱ＼', 30)),
      c('VARCHAR(30) CHARACTER SET cp932', inCharset('cp932', 'a日かｱ＼～', 30)),
      c('VARCHAR(30) CHARACTER SET ujis', inCharset('ujis', 'a日かｱ', 30)),
      c('VARCHAR(30) CHARACTER SET eucjpms', inCharset('eucjpms', 'a日かｱ～', 30)),
      c('VARCHAR(30) CHARACTER SET euckr', inCharset('euckr', 'a한', 30)),
      c('VARCHAR(30) CHARACTER SET big5', inCharset('big5', 'a中國', 30)),
      c('CHAR(30) CHARACTER SET ucs2', inCharset('ucs2', 'a中é ', 30)),
      c('CHAR(30) CHARACTER SET utf16', inCharset('utf16', 'a中é😀 ', 30)),
      c('TEXT CHARACTER SET utf16le', inCharset('utf16le', 'a中é😀 ', 30)),
      c('VARCHAR(30) CHARACTER SET utf32', inCharset('utf32', 'a中é😀 ', 30)),
      c('VARCHAR(30) CHARACTER SET utf8mb3', inCharset('utf8mb3', 'a中é ', 30)),
      c('VARCHAR(30) CHARACTER SET swe7', inCharset('swe7', 'aöåÄ', 30)),
      c('VARCHAR(30) CHARACTER SET ascii', inCharset('ascii', 'ab ~', 30)),
    ],
    b: [
      c('BINARY(5)', blob(5)),
      c('BINARY(255)', blob(255)),
      c('VARBINARY(20)', blob(20)),
      c('VARBINARY(3000)', blob(3000)),
      c('TINYBLOB', blob(255)),
      c('BLOB', blob(1000)),
      c('MEDIUMBLOB', (r) => `REPEAT(${blob(10)(r)}, ${r.pick([1, 10000])})`),
      c('LONGBLOB', blob(1000)),
      c('CHAR(4) CHARACTER SET binary', blob(4)),
      c(`ENUM(${ENUM_MEMBERS.slice(0, 5).map(quoted).join(',')})`, enumeration(5)),
      c(`ENUM(${ENUM_MEMBERS.map(quoted).join(',')}) CHARACTER SET latin1`, enumeration(300)),
      c(`SET(${SET_MEMBERS.slice(0, 9).map(quoted).join(',')})`, (r) => String(r.below(512))),
      c(`SET(${SET_MEMBERS.map(quoted).join(',')}) CHARACTER SET latin1`, (r) => String(bigint(r, 64))),
      c('GEOMETRY', geometry),
      c('POINT', (r) => `ST_GeomFromText('POINT(${point(r)})', ${r.pick([0, 4326])})`),
      c('LINESTRING', (r) => `ST_GeomFromText('LINESTRING(${point(r)},${point(r)})')`),
    ],
    ...own,
  };
}
