/** `String.hashCode()` of Java. */
function hashCode(text: string): number {
  let h = 0;
  for (let i = 0; i < text.length; i++) h = (Math.imul(31, h) + text.charCodeAt(i)) | 0;
  return h;
}

/**
 * Distinct texts in the order a Java HashSet gives them back. Debezium joins the tables of one statement from such
 * a set of `db.table` ids, which is why `DROP TABLE l, ctas` has `source.table` "ctas,l".
 */
export function hashSetOrder(texts: readonly string[]): readonly string[] {
  const distinct = [...new Set(texts)];
  let buckets = 16;
  while (distinct.length > buckets * 0.75) buckets *= 2;
  const bucket = (text: string): number => {
    const h = hashCode(text);
    return (h ^ (h >>> 16)) & (buckets - 1);
  };
  // A bucket keeps the order of insertion, and so does a stable sort.
  return distinct.sort((a, b) => bucket(a) - bucket(b));
}
