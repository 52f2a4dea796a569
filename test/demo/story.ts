import type mysql from 'mysql2/promise';

export const DATABASE = 'mydb';
export const BIG_TABLE_ROWS = 100_000;

/** One change of the source. Each ends with the rows that Databend has to show. */
export interface Chapter {
  readonly title: string;
  readonly statements: readonly string[];
  /** Given for changes of the big table: what to compare instead of every value while waiting. */
  readonly sums?: readonly string[];
}

/** What exists before riverbend starts: the first table, empty, and a second one with 100,000 rows, which the snapshot carries over. */
export async function prepare(source: mysql.Connection): Promise<void> {
  await source.query(`CREATE DATABASE ${DATABASE}`);
  await source.query(
    `CREATE TABLE ${DATABASE}.test_kafka (id INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(255) NOT NULL, description VARCHAR(512))`,
  );
  await source.query(`ALTER TABLE ${DATABASE}.test_kafka AUTO_INCREMENT = 10`);
  await source.query(`CREATE TABLE ${DATABASE}.orders (
    id BIGINT NOT NULL PRIMARY KEY, customer VARCHAR(80) CHARACTER SET utf8mb4 NOT NULL, quantity INT UNSIGNED NOT NULL,
    price DECIMAL(12,2) NOT NULL, weight DOUBLE, ordered_at DATETIME(6) NOT NULL, note VARCHAR(200) CHARACTER SET utf8mb4)`);
  const perStatement = 2_000;
  for (let first = 1; first <= BIG_TABLE_ROWS; first += perStatement) {
    const rows = Array.from({ length: perStatement }, (_, i) => order(first + i));
    await source.query(`INSERT INTO ${DATABASE}.orders VALUES ?`, [rows]);
  }
}

const NAMES = ['Anna Müller', '王小明', 'José García', "Sinéad O'Brien", 'Łukasz Nowak', 'علي حسن', 'Zoë 🚲', 'Ivan Petrov'];

function order(id: number): readonly unknown[] {
  const at = new Date(1_700_000_000_000 + id * 61_000).toISOString().slice(0, 19).replace('T', ' ');
  return [
    id,
    NAMES[id % NAMES.length],
    (id * 2_654_435_761) % 4_294_967_296,
    `${(id * 37) % 1_000_000_000}.${String(id % 100).padStart(2, '0')}`,
    id % 11 === 0 ? null : id / 8,
    `${at}.${String((id * 7_919) % 1_000_000).padStart(6, '0')}`,
    id % 5 === 0 ? null : `back\\slash, "quotes", tab\t and line\nbreak ${id}`,
  ];
}

const TEN = Array.from({ length: 10 }, (_, i) => `('row ${i + 1}', ${i % 3 === 2 ? 'NULL' : `'description ${i + 1}'`})`).join(', ');

/** The Databend tutorial's story, and what its own pipeline loses: an update, deletes, renames, drops, a truncate. */
export const CHAPTERS: readonly Chapter[] = [
  { title: 'insert ten rows', statements: [`INSERT INTO test_kafka (name, description) VALUES ${TEN}`] },
  {
    title: 'add column tms, insert id 20',
    statements: [
      'ALTER TABLE test_kafka ADD COLUMN tms timestamp',
      "INSERT INTO test_kafka (id, name, description, tms) VALUES (20, 'new row', 'with a time', CURRENT_TIMESTAMP)",
    ],
  },
  { title: 'update id 20', statements: ["UPDATE test_kafka SET name = 'updated row' WHERE id = 20"] },
  { title: 'delete id 11', statements: ['DELETE FROM test_kafka WHERE id = 11'] },
  {
    title: 'rename column description to details',
    statements: [
      'ALTER TABLE test_kafka RENAME COLUMN description TO details',
      "UPDATE test_kafka SET details = 'after the rename' WHERE id = 12",
    ],
  },
  {
    title: 'drop column tms',
    statements: [
      'ALTER TABLE test_kafka DROP COLUMN tms',
      "INSERT INTO test_kafka (id, name, details) VALUES (21, 'after the drop', NULL)",
    ],
  },
  {
    title: 'update and delete 1,000 of the orders',
    statements: [
      'UPDATE orders SET price = price + 0.01, note = NULL WHERE id BETWEEN 1 AND 500',
      'DELETE FROM orders WHERE id BETWEEN 501 AND 1000',
    ],
    sums: ['COUNT(*)', 'SUM(price)', 'COUNT(note)'],
  },
  { title: 'truncate', statements: ['TRUNCATE TABLE test_kafka'] },
  {
    title: 'insert three rows after it',
    statements: ["INSERT INTO test_kafka (id, name, details) VALUES (1, 'one', 'again'), (2, 'two', NULL), (3, 'three', 'and done')"],
  },
];
