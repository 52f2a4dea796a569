import type mysql from 'mysql2/promise';

export const DATABASE = 'bench';
export const TABLE = 'rows';
const ROWS_PER_TRANSACTION = 10;

/** sysbench's table, and as many of its rows as asked. */
export async function loadTable(source: mysql.Connection, rows: number, progress: (text: string) => void): Promise<void> {
  await source.query(`DROP DATABASE IF EXISTS ${DATABASE}`);
  await source.query(`CREATE DATABASE ${DATABASE}`);
  await source.query(
    `CREATE TABLE ${DATABASE}.\`${TABLE}\` (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, k INT NOT NULL DEFAULT 0, c CHAR(120) NOT NULL DEFAULT '', pad CHAR(60) NOT NULL DEFAULT '', KEY k_1 (k))`,
  );
  const random = lehmer(7);
  const digits = (groups: number): string => Array.from({ length: groups }, () => String(random(10 ** 9)).padStart(11, '0')).join('-');
  const perStatement = 5_000;
  for (let first = 1; first <= rows; first += perStatement) {
    const chunk = Array.from({ length: Math.min(perStatement, rows - first + 1) }, (_, i) => [
      first + i,
      random(999_999) + 1,
      digits(10),
      digits(5),
    ]);
    await source.query(`INSERT INTO ${DATABASE}.\`${TABLE}\` VALUES ?`, [chunk]);
    progress(`${first + chunk.length - 1} of ${rows} rows loaded`);
  }
  await source.query(`ANALYZE TABLE ${DATABASE}.\`${TABLE}\``);
}

/** Writes `rows` row updates, ten to a transaction, going round the table. `k` grows by one with each. */
export async function writeBacklog(source: mysql.Connection, rows: number): Promise<void> {
  await source.query(`USE ${DATABASE}`);
  await source.query('DROP PROCEDURE IF EXISTS backlog');
  await source.query(`CREATE PROCEDURE backlog(n INT, tx INT) BEGIN
    DECLARE i INT DEFAULT 0; DECLARE lo INT; DECLARE m INT; SELECT MAX(id) INTO m FROM \`${TABLE}\`;
    WHILE i < n DO
      SET lo = (i % (m - tx)) + 1;
      UPDATE \`${TABLE}\` SET k = k + 1, c = CONCAT(SUBSTRING(c, 2), 'x') WHERE id BETWEEN lo AND lo + tx - 1;
      SET i = i + tx;
    END WHILE; END`);
  await source.query('CALL backlog(?, ?)', [rows, ROWS_PER_TRANSACTION]);
}

/** One more change, so that an engine that just started has something to store an offset for. */
export async function touchOneRow(source: mysql.Connection): Promise<void> {
  await source.query(`UPDATE ${DATABASE}.\`${TABLE}\` SET k = k + 1 WHERE id = 1`);
}

export async function sumOfK(source: mysql.Connection): Promise<number> {
  const [rows] = (await source.query(`SELECT CAST(SUM(k) AS CHAR) AS total FROM ${DATABASE}.\`${TABLE}\``)) as unknown as [
    { total: string }[],
  ];
  return Number(rows[0]?.total);
}

/** A small generator with a seed: every run loads the same rows. */
function lehmer(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}
