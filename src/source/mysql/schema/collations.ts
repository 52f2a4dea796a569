/** Bytes of the longest character of a set; 1 for all others. */
const MAX_BYTES: Readonly<Record<string, number>> = {
  big5: 2,
  cp932: 2,
  euckr: 2,
  gb2312: 2,
  gbk: 2,
  sjis: 2,
  ucs2: 2,
  eucjpms: 3,
  ujis: 3,
  utf8mb3: 3,
  gb18030: 4,
  utf16: 4,
  utf16le: 4,
  utf32: 4,
  utf8mb4: 4,
};

export function maxBytesOf(charset: string | null): number {
  return charset === null ? 1 : (MAX_BYTES[charset] ?? 1);
}

/** The server's name of a character set: `utf8` is an alias of utf8mb3 on every MySQL and, by default, MariaDB. */
export function normalizeCharset(name: string): string {
  return name === 'utf8' ? 'utf8mb3' : name;
}

export function normalizeCollation(name: string): string {
  return name.startsWith('utf8_') ? `utf8mb3_${name.slice(5)}` : name;
}

/**
 * The set a collation belongs to, from its name (`latin1_bin` → latin1). null for those that fit several sets:
 * MariaDB's `uca1400_ai_ci`, and `*_bin`, which stands for the attribute BINARY.
 */
export function charsetOfCollationName(collation: string): string | null {
  if (collation === 'binary') return 'binary';
  const set = normalizeCharset(collation.slice(0, Math.max(0, collation.indexOf('_'))));
  return set === '' || set === '*' || set.startsWith('uca') ? null : set;
}

/** Charset and collation of something written with either, both or none, inheriting from what contains it. */
export function resolveCharset(
  written: { readonly charset: string | null; readonly collation: string | null },
  inherited: { readonly charset: string | null; readonly collation: string | null },
): { readonly charset: string | null; readonly collation: string | null } {
  if (written.charset === null && written.collation === null) return inherited;
  const collation = written.collation === null ? null : normalizeCollation(written.collation);
  const charset =
    (written.charset === null || written.charset === 'default' ? null : normalizeCharset(written.charset)) ??
    (collation === null ? null : charsetOfCollationName(collation)) ??
    inherited.charset;
  return { charset, collation: collation === '*_bin' ? (charset === null ? null : `${charset}_bin`) : collation };
}
