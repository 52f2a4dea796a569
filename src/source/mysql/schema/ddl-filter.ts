const COMMENTS = /^(?:\s+|\/\*(?!M?!)[\s\S]*?\*\/|--\s[^\n]*\n?|#[^\n]*\n?|\/\*M?!\d*\s*)+/;
const DDL = /^(?:CREATE|ALTER|DROP|RENAME|TRUNCATE|SET\s+STATEMENT)\b/i;

/** Cheap test on a statement's first words: could it change tables or databases? Most of what a binlog holds cannot. */
export function mayBeDdl(sql: string): boolean {
  return DDL.test(sql.replace(COMMENTS, ''));
}

/** Databases of the server's own: their DDL is neither recorded nor reported unless captured. */
export function isSystemDatabase(name: string): boolean {
  return /^(mysql|sys|performance_schema|information_schema)$/i.test(name);
}
