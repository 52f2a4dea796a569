/** Every code of every character set is the character the servers take it for. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { charsetOf, charsetOfCollation } from '../../src/source/mysql/charsets.ts';
import { type Admin, adminOf } from '../support/row-events.ts';
import { mariadbPort, mysqlPort } from '../support/servers.ts';

const SINGLE =
  'armscii8 ascii cp1250 cp1251 cp1256 cp1257 cp850 cp852 cp866 dec8 geostd8 greek hebrew hp8 keybcs2 koi8r koi8u latin1 latin2 latin5 latin7 macce macroman swe7 tis620';
const MULTI = 'big5 cp932 eucjpms euckr gb2312 gbk sjis ujis';

for (const server of ['mysql', 'mariadb'] as const) {
  describe(`character sets of ${server}`, { concurrency: false }, () => {
    const database = `rb_charsets_${server}`;
    let admin: Admin;

    before(async () => {
      admin = await adminOf(server === 'mysql' ? mysqlPort() : mariadbPort());
      await admin.query(
        `DROP DATABASE IF EXISTS ${database}; CREATE DATABASE ${database}; USE ${database}; CREATE TABLE codes (c INT PRIMARY KEY)`,
      );
      for (let from = 0; from < 65_536; from += 8192) {
        await admin.query(`INSERT INTO codes VALUES ${Array.from({ length: 8192 }, (_, i) => `(${from + i})`).join(',')}`);
      }
    });
    after(async () => {
      await admin.query(`DROP DATABASE IF EXISTS ${database}`).finally(() => admin.end());
    });

    /** Compares all codes `prefix` + c; codes that stand for nothing ('?' or more than one character) are left out. */
    async function compare(name: string, bytes: number, where: string, prefix = ''): Promise<void> {
      const code = `UNHEX(CONCAT('${prefix}', LPAD(HEX(c), ${2 * bytes}, '0')))`;
      const rows = await admin.query(
        `SELECT HEX(${code}) AS code, HEX(CONVERT(CONVERT(${code} USING ${name}) USING utf32)) AS text FROM codes WHERE ${where}`,
      );
      const { decode } = charsetOf(name);
      const wrong: string[] = [];
      let compared = 0;
      for (const row of rows as { code: string; text: string | null }[]) {
        // U+FFFD: seven codes of big5 to which the servers themselves give no character.
        if (row.text === null || row.text.length !== 8 || row.text === '0000FFFD' || (row.text === '0000003F' && row.code !== '3F'))
          continue;
        const buf = Buffer.from(row.code, 'hex');
        const expected = String.fromCodePoint(Number.parseInt(row.text, 16));
        // No pairs but two characters, of which MySQL leaves the second away when it is none.
        if (buf.length === 2 && (name === 'sjis' || name === 'cp932') && (buf[0] as number) >= 0xa1 && (buf[0] as number) <= 0xdf) continue;
        compared++;
        if (decode(buf, 0, buf.length) !== expected) wrong.push(`${row.code}: ${row.text}`);
      }
      assert.ok(compared > 100, `${name}: only ${compared} codes compared`);
      assert.deepEqual(wrong, [], name);
    }

    for (const name of SINGLE.split(' ')) test(name, () => compare(name, 1, 'c < 256'));
    for (const name of MULTI.split(' ')) {
      test(name, async () => {
        await compare(name, 2, 'c >= 0x8000');
        if (name === 'ujis' || name === 'eucjpms') await compare(name, 2, 'c >= 0xa1a1', '8F');
      });
    }
    for (const name of ['ucs2', 'utf16', 'utf16le'].filter((n) => n !== 'utf16le' || server === 'mysql')) {
      test(name, () =>
        compare(name, 2, name === 'utf16le' ? 'c % 256 NOT BETWEEN 216 AND 223' : 'c NOT BETWEEN 0xd800 AND 0xdfff AND c >= 0x8000'),
      );
    }
    if (server === 'mysql') {
      test('gb18030', async () => {
        await compare('gb18030', 2, 'c >= 0x8000');
        for (const prefix of ['8130', '8230', '8431', '9030', '9535']) await compare('gb18030', 2, 'c >= 0x8130', prefix);
      });
    }

    test('every collation id of the server names its character set', async () => {
      const rows =
        server === 'mysql'
          ? await admin.query('SELECT id, character_set_name AS name FROM information_schema.collations')
          : await admin.query('SELECT id, character_set_name AS name FROM information_schema.collation_character_set_applicability');
      assert.ok(rows.length > 100);
      for (const row of rows) assert.equal(charsetOfCollation(Number(row['id'])), row['name'], `collation ${row['id']}`);
    });
  });
}
