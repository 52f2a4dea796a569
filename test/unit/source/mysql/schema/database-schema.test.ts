import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { CdcError } from '../../../../../src/model/errors.ts';
import type { SchemaOperation } from '../../../../../src/model/schema-operation.ts';
import type { DatabaseSchema, DdlOutcome } from '../../../../../src/source/mysql/schema/database-schema.ts';
import type { HistoryRecord } from '../../../../../src/spi/schema-history.ts';
import { parseHistoryLine } from '../../../../../src/storage/history-line.ts';
import { newSchema } from './new-schema.ts';

const d = { database: 'd' };

function apply(schema: DatabaseSchema, ...statements: readonly string[]): readonly DdlOutcome[] {
  return statements.flatMap((s) => [...schema.applyDdl(s, d)]);
}

/** Operations in short: kind and the names involved. */
function brief(outcomes: readonly DdlOutcome[]): string[] {
  return outcomes
    .flatMap((o) => o.operations)
    .map((o: SchemaOperation) => {
      if ('database' in o) return `${o.kind} ${o.database}`;
      const more = 'column' in o ? `.${o.column}` : '';
      const to = 'to' in o ? ` -> ${typeof o.to === 'string' ? o.to : o.to.table}` : '';
      const partitions = 'partitions' in o ? ` ${o.partitions.join(',')}` : '';
      return `${o.kind} ${o.table.table}${more}${to}${partitions}`;
    });
}

const columns = (schema: DatabaseSchema, table: string): string[] | undefined =>
  schema.tables.get({ database: 'd', table })?.columns.map((c) => c.name);

describe('operations', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['CREATE TABLE n (id INT)', ['createTable n']],
    ['CREATE TABLE IF NOT EXISTS t (x INT)', []],
    ['DROP TABLE t, u', ['dropTable t', 'dropTable u']],
    ['TRUNCATE TABLE t', ['truncateTable t']],
    ['ALTER TABLE t ADD x INT, DROP b', ['dropColumn t.b', 'addColumn t.x']],
    ['ALTER TABLE t RENAME COLUMN a TO x, ADD a INT', ['renameColumn t.a -> x', 'addColumn t.a']],
    ['ALTER TABLE t CHANGE a x BIGINT', ['renameColumn t.a -> x', 'modifyColumn t.x']],
    [
      'ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN b TO a',
      ['renameColumn t.a -> a__renamed', 'renameColumn t.b -> a', 'renameColumn t.a__renamed -> b'],
    ],
    ['ALTER TABLE t DROP b, RENAME COLUMN a TO b', ['dropColumn t.b', 'renameColumn t.a -> b']],
    ['ALTER TABLE t DROP b, ADD b INT', ['dropColumn t.b', 'addColumn t.b']],
    ['ALTER TABLE t MODIFY a BIGINT AFTER b', ['modifyColumn t.a']],
    ['ALTER TABLE t MODIFY a INT FIRST', []],
    ['ALTER TABLE t ENGINE=InnoDB', []],
    ['ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (id, a)', ['modifyColumn t.a', 'changeKey t']],
    ['ALTER TABLE t RENAME COLUMN id TO x', ['renameColumn t.id -> x']],
    ['ALTER TABLE t RENAME TO v', ['renameTable t -> v']],
    ['ALTER TABLE t RENAME TO v, ADD x INT', ['renameTable t -> v', 'addColumn v.x']],
    ['RENAME TABLE t TO swap, u TO t, swap TO u', ['renameTable t -> swap', 'renameTable u -> t', 'renameTable swap -> u']],
    ['ALTER TABLE t TRUNCATE PARTITION p0, p1', ['truncatePartitions t p0,p1']],
    ['ALTER TABLE t DROP PARTITION p0', ['truncatePartitions t p0']],
    ['CREATE UNIQUE INDEX x ON u (a)', ['changeKey u']],
    ['CREATE INDEX x ON u (a)', []],
    ['DROP DATABASE d', ['dropTable t', 'dropTable u', 'dropDatabase d']],
    ['CREATE DATABASE e', ['createDatabase e']],
    ['CREATE VIEW w AS SELECT 1', []],
    ['INSERT INTO t SELECT 1', []],
  ];
  for (const [ddl, expected] of cases) {
    test(ddl, () => {
      const schema = newSchema();
      apply(schema, 'CREATE TABLE t (id INT PRIMARY KEY, a INT, b VARCHAR(5))', 'CREATE TABLE u (a INT NOT NULL)');
      assert.deepEqual(brief(apply(schema, ddl)), expected);
    });
  }

  test('CREATE OR REPLACE drops what was there', () => {
    const schema = newSchema({ connector: 'mariadb' });
    apply(schema, 'CREATE TABLE t (id INT)');
    assert.deepEqual(brief(apply(schema, 'CREATE OR REPLACE TABLE t (x INT)')), ['dropTable t', 'createTable t']);
  });
});

describe('tables nobody captures', () => {
  const schemaWith = (): DatabaseSchema => {
    const schema = newSchema({ only: ['d.t'] });
    apply(schema, 'CREATE TABLE t (id INT PRIMARY KEY, a INT)', 'CREATE TABLE other (id INT PRIMARY KEY, a INT, b INT)');
    return schema;
  };

  test('their statements are recorded and have no operations', () => {
    const [outcome] = apply(schemaWith(), 'ALTER TABLE other ADD c INT');
    assert.deepEqual([outcome?.emit, outcome?.store, outcome?.operations], [true, true, []]);
  });

  test('with storeOnlyCapturedTables they are neither emitted nor stored', () => {
    const schema = newSchema({ only: ['d.t'], storeOnlyCapturedTables: true });
    const [outcome] = apply(schema, 'CREATE TABLE other (id INT)');
    assert.deepEqual([outcome?.emit, outcome?.store], [false, false]);
  });

  test('system databases are left out', () => {
    const [outcome] = newSchema().applyDdl('CREATE TABLE mysql.x (id INT)', d);
    assert.deepEqual([outcome?.emit, outcome?.store], [false, false]);
  });

  test('a statement that cannot be read does not stop, and the definition is forgotten', () => {
    const schema = schemaWith();
    assert.equal(apply(schema, 'ALTER TABLE other ADD x NOVELTYPE(3)').length, 1);
    assert.equal(schema.schemaOf({ database: 'd', table: 'other' }), null);
  });

  test('names that a rename only passes through come with the columns of the table on its way', () => {
    for (const [through, only] of [
      ['swap', ['d.t', 'd.u', 'd.swap']],
      ['not_captured', ['d.t', 'd.u']],
    ] as const) {
      const schema = newSchema({ only: [...only] });
      apply(schema, 'CREATE TABLE t (id INT PRIMARY KEY, a INT)', 'CREATE TABLE u (id INT PRIMARY KEY, b INT)');
      const [, , last] = apply(schema, `RENAME TABLE t TO ${through}, u TO t, ${through} TO u`);
      const steps = last?.operations.map((o) => (o.kind === 'renameTable' && o.schema !== null ? o.schema : null)) ?? [];
      assert.deepEqual(
        steps.map((s) => s?.id.table),
        [through, 't', 'u'],
      );
      const columns = steps.map((s) => s?.value.fields.map((f) => f.name).join());
      assert.equal(columns[0], columns[2]);
      assert.notEqual(columns[0], columns[1]);
    }
  });

  test('a table that leaves the captured ones is renamed away', () => {
    const [outcome] = apply(schemaWith(), 'RENAME TABLE t TO t_old');
    assert.deepEqual(brief([outcome as DdlOutcome]), ['renameTable t -> t_old']);
    assert.deepEqual(
      outcome?.operations.map((o) => 'schema' in o && o.schema),
      [null],
    );
  });

  test('a table that enters them is created', () => {
    const schema = schemaWith();
    assert.deepEqual(brief(apply(schema, 'DROP TABLE t', 'RENAME TABLE other TO t')), ['dropTable t', 'createTable t']);
    assert.deepEqual(columns(schema, 't'), ['id', 'a', 'b']);
  });

  test('an online schema change swaps the table under its name: the columns follow, the rows stay', () => {
    assert.deepEqual(brief(apply(schemaWith(), 'RENAME TABLE t TO _t_del, other TO t')), ['addColumn t.b']);
  });
});

describe('statements that cannot be read', () => {
  const unparseable = (error: unknown): boolean =>
    error instanceof CdcError && error.code === 'CDC_MYSQL_DDL_UNPARSEABLE' && error.kind === 'fatal' && error.message.includes('d.t');

  const bad = [
    'ALTER TABLE t ADD x NOVELTYPE(3)',
    'ALTER TABLE t DROP nowhere',
    "ALTER TABLE t ADD x VARCHAR(5) DEFAULT 'open",
    'ALTER TABLE t ADD x INT AFTER nowhere',
    'ALTER TABLE t ADD x INT FANCY',
    'CREATE TABLE t SELECT 1 AS a',
    'ALTER TABLE t ADD PRIMARY KEY (nowhere)',
  ];
  for (const ddl of bad) {
    test(`${ddl}: stops for a captured table and leaves it as it was`, () => {
      const schema = newSchema();
      apply(schema, 'CREATE TABLE t (id INT, a INT)');
      assert.throws(() => apply(schema, ddl), unparseable);
      assert.deepEqual(columns(schema, 't'), ['id', 'a']);
    });
  }

  test('skipUnparseable goes on with the definition known before', () => {
    const schema = newSchema({ skipUnparseable: true });
    apply(schema, 'CREATE TABLE t (id INT)');
    assert.equal(apply(schema, 'ALTER TABLE t ADD x NOVELTYPE')[0]?.ddl, 'ALTER TABLE t ADD x NOVELTYPE');
    assert.deepEqual(columns(schema, 't'), ['id']);
  });

  test('error messages carry no text of strings', () => {
    const schema = newSchema();
    apply(schema, 'CREATE TABLE t (id INT)');
    assert.throws(
      () => apply(schema, "ALTER TABLE t ADD x INT COMMENT 'ok' 'fine' DEFAULT 1 'secret'"),
      (error: Error) => !error.message.includes('secret'),
    );
  });
});

describe('versions', () => {
  test('the compiled table is the same object until its definition changes', () => {
    const schema = newSchema();
    const id = { database: 'd', table: 't' };
    apply(schema, 'CREATE TABLE t (id INT)');
    const first = schema.schemaOf(id);
    apply(schema, 'ALTER TABLE t ENGINE=InnoDB', 'CREATE INDEX i ON t (id)', 'ALTER TABLE t ADD INDEX (id), ALGORITHM=INPLACE');
    assert.equal(schema.schemaOf(id), first);
    apply(schema, 'ALTER TABLE t ADD a INT');
    assert.notEqual(schema.schemaOf(id), first);
  });

  test('lower_case_table_names=1 stores names in lower case, 2 only compares so', () => {
    const one = newSchema({ lowerCaseTableNames: 1 });
    apply(one, 'CREATE TABLE MyTable (id INT)');
    assert.equal(one.schemaOf({ database: 'D', table: 'MYTABLE' })?.id.table, 'mytable');
    const two = newSchema({ lowerCaseTableNames: 2 });
    apply(two, 'CREATE TABLE MyTable (id INT)');
    assert.equal(two.schemaOf({ database: 'd', table: 'mytable' })?.id.table, 'MyTable');
    assert.equal(newSchema().schemaOf({ database: 'd', table: 'mytable' }), null);
  });

  test('a TIMESTAMP is NOT NULL by itself where explicit_defaults_for_timestamp is off', () => {
    const schema = newSchema();
    schema.applyDdl('CREATE TABLE t (a TIMESTAMP, b TIMESTAMP, c TIMESTAMP NULL)', { ...d, explicitDefaultsForTimestamp: false });
    const t = schema.tables.get({ database: 'd', table: 't' });
    assert.deepEqual(
      t?.columns.map((c) => [c.optional, c.generated, c.defaultValueExpression]),
      [
        [false, true, '1970-01-01 00:00:00'],
        [false, false, '0000-00-00 00:00:00'],
        [true, false, null],
      ],
    );
  });
});

describe('snapshot', () => {
  const table = (name: string): { name: string; create: string } => ({
    name,
    create: `CREATE TABLE \`${name}\` (\n  \`id\` int NOT NULL\n)`,
  });
  const latin = { charset: 'latin1', collation: 'latin1_swedish_ci' };
  const databases = [
    { name: 'a', ...latin, tables: [table('t1'), table('t2')] },
    { name: 'b', ...latin, tables: [table('t3')] },
    { name: 'empty', ...latin, tables: [] },
  ];

  test('several databases: all drops first, then each database with its tables', () => {
    const schema = newSchema();
    const outcomes = schema.snapshotStatements(databases);
    assert.deepEqual(
      outcomes.filter((o) => o.emit).map((o) => `${o.database}|${o.sourceTable}|${o.ddl.split('\n')[0]}`),
      [
        '|null|SET character_set_server=utf8mb4, collation_server=utf8mb4_0900_ai_ci',
        'a|t1|DROP TABLE IF EXISTS `a`.`t1`',
        'a|t2|DROP TABLE IF EXISTS `a`.`t2`',
        'b|t3|DROP TABLE IF EXISTS `b`.`t3`',
        'a|null|DROP DATABASE IF EXISTS `a`',
        'a|null|CREATE DATABASE `a` CHARSET latin1 COLLATE latin1_swedish_ci',
        'a|null|USE `a`',
        'a|t1|CREATE TABLE `t1` (',
        'a|t2|CREATE TABLE `t2` (',
        'b|null|DROP DATABASE IF EXISTS `b`',
        'b|null|CREATE DATABASE `b` CHARSET latin1 COLLATE latin1_swedish_ci',
        'b|null|USE `b`',
        'b|t3|CREATE TABLE `t3` (',
      ],
    );
    assert.equal(schema.tables.size, 3);
    assert.deepEqual(
      brief(outcomes).filter((o) => o.startsWith('drop')),
      [],
    );
  });

  test('the charset of an empty database is remembered, and recovered', () => {
    const schema = newSchema();
    const records = schema
      .snapshotStatements(databases)
      .filter((o) => o.store)
      .map((o) => schema.toHistory(o, {}, { server: 's' }, 0));
    const again = newSchema();
    again.recover(records);
    assert.equal(again.charsetOf('empty').charset, 'latin1');
    assert.deepEqual(again.tables.list(), schema.tables.list());
  });
});

describe('recovery', () => {
  test('only accepted records count', () => {
    const schema = newSchema();
    const records = ['CREATE TABLE t (id INT)', 'ALTER TABLE t ADD a INT', 'ALTER TABLE t ADD b INT'].map((ddl, pos) =>
      schema.toHistory(schema.applyDdl(ddl, d)[0] as DdlOutcome, { pos }, { server: 's' }, 0),
    );
    const again = newSchema();
    again.recover(records, (r) => (r.position['pos'] as number) <= 1);
    assert.deepEqual(columns(again, 't'), ['id', 'a']);
  });

  test('definitions written under ANSI_QUOTES come back, indexes and all', () => {
    const schema = newSchema();
    const context = { ...d, sqlMode: 4n };
    const ddls = [
      'CREATE TABLE "t" ("a" INT NOT NULL, "g" INT AS ("a" + 1) STORED, p POINT NOT NULL SRID 4326, UNIQUE KEY "u" ("a"))',
      'RENAME TABLE "t" TO "v"',
    ];
    const records = ddls.flatMap((ddl) => schema.applyDdl(ddl, context).map((o) => schema.toHistory(o, {}, { server: 's' }, 0)));
    const again = newSchema();
    again.recover(JSON.parse(JSON.stringify(records)) as HistoryRecord[]);
    assert.deepEqual(again.tables.list(), schema.tables.list());
    assert.deepEqual(again.tables.list()[0]?.uniqueIndexes, [{ name: 'u', columns: ['a'] }]);
  });

  for (const file of ['ddl/schema-history.jsonl', 'ddl/schema-history.mariadb.jsonl', 'inventory/schema-history.jsonl']) {
    test(`Debezium's own history ${file} recovers, and compacts to the same`, () => {
      const path = join(import.meta.dirname, '../../../../golden/cases', file);
      const records = readFileSync(path, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => parseHistoryLine(line) as HistoryRecord);
      const connector = file.includes('mariadb') ? 'mariadb' : 'mysql';
      const schema = newSchema({ connector });
      schema.recover(records);
      const expected = file.startsWith('ddl')
        ? ['inherits', 'part', 't3']
        : ['addresses', 'customers', 'empty_one', 'orders', 'products', 'products_on_hand'];
      assert.deepEqual(
        schema.tables.list().map((t) => t.id.table),
        expected,
      );
      const compacted = schema.compactHistory(records);
      assert.ok(compacted.length < records.length);
      const again = newSchema({ connector });
      again.recover(JSON.parse(JSON.stringify(compacted)) as HistoryRecord[]);
      assert.deepEqual(again.tables.list(), schema.tables.list());
      assert.deepEqual(again.databases(), schema.databases());
    });
  }
});
