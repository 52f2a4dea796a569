import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { primitive, type Schema } from '../../src/model/schema.ts';
import * as names from '../../src/model/semantic-types.ts';
import type { TableSchema } from '../../src/model/table-schema.ts';
import { DatabendSession, type Session } from '../../src/sink/databend/client.ts';
import { databendConfig, endpointOf } from '../../src/sink/databend/config.ts';
import { quoteIdentifier } from '../../src/sink/databend/dialect.ts';
import { DatabendSinkTask } from '../../src/sink/databend/sink-task.ts';
import { databendDsn } from '../support/servers.ts';
import { batchOf, contextOf, PARTITION, rowsOf, type Said, schemaChange, tableOf } from '../unit/sink/builders.ts';

const DB = 'riverbend_ddl_test';
const DB2 = 'riverbend_ddl_test2';
const signal = new AbortController().signal;
const int32 = primitive('int32');
const int64 = primitive('int64', { optional: true });
const str = primitive('string', { optional: true });
const decimal = (p: number, s: number): Schema =>
  primitive('bytes', { name: names.DECIMAL, optional: true, parameters: { scale: String(s), 'connect.decimal.precision': String(p) } });

function configOf(more: Record<string, string> = {}) {
  return databendConfig.parse({ 'connection.url': databendDsn(), 'connection.database': DB, 'retry.backoff.ms': '50', ...more }).config;
}

let look: Session;
const rowsIn = (table: string, columns: string, database = DB): Promise<readonly (readonly unknown[])[]> =>
  look.query(`SELECT ${columns} FROM ${quoteIdentifier(database)}.${quoteIdentifier(table)} ORDER BY 1`, 'look');
const columnsOf = async (table: string, database = DB): Promise<unknown[]> =>
  (
    await look.query(
      `SELECT name, data_type, is_nullable FROM system.columns WHERE database = '${database}' AND "table" = '${table}'`,
      'look',
    )
  ).map((r) => r.join(' '));
const tablesIn = async (database: string): Promise<unknown[]> =>
  (
    await look.query(`SELECT name FROM system.tables WHERE database = '${database}' AND name <> 'riverbend_offsets' ORDER BY 1`, 'look')
  ).map((r) => r[0]);

async function started(name: string, session?: Session, said: Said[] = []): Promise<DatabendSinkTask> {
  const task = new DatabendSinkTask(configOf(), contextOf(name, said), session);
  await task.start(signal);
  return task;
}

before(async () => {
  look = new DatabendSession(endpointOf(configOf()), 60);
  for (const db of [DB, DB2]) await look.exec(`DROP DATABASE IF EXISTS ${db}`, 'clean');
});
after(async () => {
  for (const db of [DB, DB2]) await look.exec(`DROP DATABASE IF EXISTS ${db}`, 'clean');
  await look.close();
});

describe('rows of a newer table version', () => {
  test('add several columns and widen types, and drop nothing', async () => {
    const v1 = tableOf(
      DB,
      'evolve',
      [
        ['id', int32],
        ['a', primitive('int16', { optional: true })],
        ['d', decimal(5, 2)],
        ['gone', str],
      ],
      ['id'],
    );
    const v2 = tableOf(
      DB,
      'evolve',
      [
        ['id', int32],
        ['a', int64],
        ['d', decimal(7, 4)],
        ['n1', str],
        ['n2', str],
      ],
      ['id'],
    );
    const task = await started('evolve');
    await task.put(
      batchOf(
        [
          rowsOf(v1, 'c', [[1, 1, '123.45', 'g']]),
          rowsOf(v2, 'c', [[2, 2 ** 40, '123.4567', 'x', 'y']]),
          rowsOf(v1, 'u', [[1, 7, '1.00', 'h']]),
        ],
        1,
      ),
      signal,
    );
    await task.flush(signal);
    await task.stop();
    assert.deepEqual(await columnsOf('evolve'), [
      'id INT NO',
      'a BIGINT YES',
      'd DECIMAL(7, 4) YES',
      'gone VARCHAR YES',
      'n1 VARCHAR YES',
      'n2 VARCHAR YES',
    ]);
    assert.deepEqual(await rowsIn('evolve', 'id::VARCHAR, a::VARCHAR, d::VARCHAR, gone, n1'), [
      ['1', '7', '1.0000', 'h', null],
      ['2', '1099511627776', '123.4567', null, 'x'],
    ]);
  });

  test('are refused when a column cannot hold both old and new values', async () => {
    const v1 = tableOf(
      DB,
      'conflict',
      [
        ['id', int32],
        ['a', primitive('bytes', { optional: true })],
      ],
      ['id'],
    );
    const v2 = tableOf(
      DB,
      'conflict',
      [
        ['id', int32],
        ['a', int64],
      ],
      ['id'],
    );
    const task = await started('conflict');
    await task.put(batchOf([rowsOf(v1, 'c', [[1, null]])], 1), signal);
    await assert.rejects(task.put(batchOf([rowsOf(v2, 'c', [[2, 1]])], 2), signal), { code: 'CDC_DATABEND_TYPE_CONFLICT' });
    await task.stop();
  });
});

describe('DDL', () => {
  test('of every kind is applied between the rows before and after it', async () => {
    const v = (fields: readonly (readonly [string, Schema])[], name = 'story', key: readonly string[] = ['id']): TableSchema =>
      tableOf(DB, name, fields, key);
    const v1 = v([
      ['id', int32],
      ['a', str],
      ['b', decimal(6, 3)],
    ]);
    const v2 = v([
      ['id', int32],
      ['a', str],
      ['b', decimal(6, 3)],
      ['c', primitive('int32', { defaultValue: 5 })],
      ['z', primitive('bytes', { optional: true, defaultValue: Buffer.from([0, 255]) })],
    ]);
    const v3 = v([
      ['id', int32],
      ['a2', str],
      ['b', decimal(6, 2)],
      ['c', primitive('int32')],
      ['z', primitive('bytes', { optional: true })],
    ]);
    const v4 = v([
      ['id', int32],
      ['a2', str],
      ['b', decimal(6, 2)],
    ]);
    const v5 = v(
      [
        ['id', int32],
        ['a2', primitive('string')],
        ['b', decimal(6, 2)],
      ],
      'story2',
      ['id', 'a2'],
    );
    const { id } = v1;
    const task = await started('story');
    await task.put(
      batchOf(
        [
          schemaChange([{ kind: 'createTable', table: id, schema: v1 }], 10),
          rowsOf(v1, 'c', [[1, 'one', '1.235']], { offset: { pos: 11 } }),
          schemaChange(
            [
              { kind: 'addColumn', table: id, column: 'c', schema: v2 },
              { kind: 'addColumn', table: id, column: 'z', schema: v2 },
            ],
            20,
          ),
          rowsOf(v2, 'c', [[2, 'two', '2.000', 6, null]], { offset: { pos: 21 } }),
          schemaChange(
            [
              { kind: 'renameColumn', table: id, column: 'a', to: 'a2', schema: v3 },
              { kind: 'modifyColumn', table: id, column: 'b', schema: v3 },
            ],
            30,
          ),
          rowsOf(v3, 'u', [[2, 'TWO', '2.50', 7, Buffer.from([1])]], { offset: { pos: 31 } }),
        ],
        31,
      ),
      signal,
    );
    await task.flush(signal);
    assert.deepEqual(await rowsIn('story', 'id::VARCHAR, a2, b::VARCHAR, c::VARCHAR, upper(hex(z))'), [
      ['1', 'one', '1.24', '5', '00FF'],
      ['2', 'TWO', '2.50', '7', '01'],
    ]);
    await task.put(
      batchOf(
        [
          schemaChange(
            [
              { kind: 'dropColumn', table: id, column: 'c', schema: v4 },
              { kind: 'dropColumn', table: id, column: 'z', schema: v4 },
            ],
            40,
          ),
          schemaChange([{ kind: 'renameTable', table: id, to: v5.id, schema: v5 }], 50),
          schemaChange([{ kind: 'changeKey', table: v5.id, schema: v5 }], 60),
          rowsOf(v5, 'c', [[1, 'other', '9.00']], { offset: { pos: 61 } }),
          schemaChange([{ kind: 'createTable', table: id, schema: v1 }], 70),
          rowsOf(v1, 'c', [[5, 'new', null]], { offset: { pos: 71 } }),
        ],
        71,
      ),
      signal,
    );
    await task.flush(signal);
    assert.deepEqual(await columnsOf('story2'), ['id INT NO', 'a2 VARCHAR NO', 'b DECIMAL(6, 2) YES']);
    assert.deepEqual(await rowsIn('story2', 'b::VARCHAR, id::VARCHAR, a2'), [
      ['1.24', '1', 'one'],
      ['2.50', '2', 'TWO'],
      ['9.00', '1', 'other'],
    ]);
    assert.deepEqual(await rowsIn('story', 'id::VARCHAR, a'), [['5', 'new']]);
    await task.put(batchOf([schemaChange([{ kind: 'dropTable', table: id }], 80)], 80), signal);
    await task.flush(signal);
    assert.equal((await tablesIn(DB)).includes('story'), false);
    assert.deepEqual(await task.committedOffset(PARTITION), { pos: 80 });
    await task.stop();
    const marks = await look.query(
      `SELECT count(*)::VARCHAR FROM ${DB}.riverbend_offsets WHERE "kind" = 'step' AND "connector" = 'story'`,
      'look',
    );
    assert.deepEqual(marks, [['0']]);
  });

  test('dropping a database drops the tables that came from it and no others', async () => {
    const mine = tableOf(DB2, 'mine', [['id', int32]], ['id']);
    const task = await started('dropdb');
    await task.put(batchOf([rowsOf(mine, 'c', [[1]])], 1), signal);
    await look.exec(`CREATE TABLE ${DB2}.theirs (id INT)`, 'prepare');
    await task.put(batchOf([schemaChange([{ kind: 'dropDatabase', database: DB2 }], 2)], 2), signal);
    await task.flush(signal);
    await task.stop();
    assert.deepEqual(await tablesIn(DB2), ['theirs']);
  });

  test('an online schema change ends with the rows still there', async () => {
    const v1 = tableOf(DB, 'osc', [['id', int32]], ['id']);
    const v2 = tableOf(
      DB,
      'osc',
      [
        ['id', int32],
        ['n', str],
      ],
      ['id'],
    );
    const task = await started('osc');
    await task.put(batchOf([rowsOf(v1, 'c', [[1]])], 1), signal);
    const swap = [
      { kind: 'renameTable' as const, table: v1.id, to: { database: DB, table: '_osc_del' }, schema: null },
      { kind: 'renameTable' as const, table: { database: DB, table: '_osc_gho' }, to: v1.id, schema: v2 },
    ];
    await task.put(batchOf([schemaChange(swap, 2), rowsOf(v2, 'u', [[1, 'x']])], 3), signal);
    await task.flush(signal);
    await task.stop();
    assert.deepEqual(await rowsIn('osc', 'id::VARCHAR, n'), [['1', 'x']]);
  });

  test('partitions emptied at the source stop the task', async () => {
    const t = tableOf(DB, 'parts', [['id', int32]], ['id']);
    const task = await started('parts');
    const chunk = schemaChange([{ kind: 'truncatePartitions', table: t.id, partitions: ['p0'] }], 1);
    await assert.rejects(task.put(batchOf([chunk], 1), signal), { code: 'CDC_DATABEND_PARTITIONS' });
    await task.stop();
  });
});

/** A session whose statements fail on command, before or after they reached the server. */
class FaultySession implements Session {
  readonly #inner = new DatabendSession(endpointOf(configOf()), 60);
  #fault: { readonly pattern: RegExp; readonly when: 'before' | 'after'; times: number } | null = null;
  readonly seen: string[] = [];

  failOn(pattern: RegExp, when: 'before' | 'after', times = 1): void {
    this.#fault = { pattern, when, times };
  }

  async exec(sql: string, doing: string): Promise<number> {
    this.seen.push(sql);
    const hit = this.#fault !== null && this.#fault.times > 0 && this.#fault.pattern.test(sql) ? this.#fault : null;
    if (hit !== null) hit.times--;
    if (hit?.when === 'before') return this.#lost();
    const n = await this.#inner.exec(sql, doing);
    return hit === null ? n : this.#lost();
  }

  #lost(): never {
    this.#inner.reset();
    throw new Error('reqwest::Error: connection closed before message completed');
  }

  query(sql: string, doing: string): Promise<readonly (readonly unknown[])[]> {
    return this.#inner.query(sql, doing);
  }

  reset(): void {
    this.#inner.reset();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

describe('crashes', () => {
  const fields = [
    ['id', int32],
    ['v', str],
  ] as const;

  for (const when of ['before', 'after'] as const) {
    test(`a COMMIT whose answer is lost ${when} it took effect is neither repeated nor missed`, async () => {
      const t = tableOf(DB, `lost_${when}`, fields, []);
      const session = new FaultySession();
      const task = await started(`lost_${when}`, session);
      await task.put(batchOf([rowsOf(t, 'c', [[1, 'a']])], 1), signal);
      session.failOn(/^COMMIT$/, when);
      await task.flush(signal);
      assert.deepEqual(await rowsIn(`lost_${when}`, 'id::VARCHAR'), [['1']]);
      assert.deepEqual(await task.committedOffset(PARTITION), { pos: 1 });
      await task.put(batchOf([rowsOf(t, 'c', [[2, 'b']])], 2), signal);
      await task.flush(signal);
      assert.deepEqual(await rowsIn(`lost_${when}`, 'id::VARCHAR'), [['1'], ['2']]);
      await task.stop();
    });
  }

  test('a connection lost in the middle of a flush is tried again', async () => {
    const t = tableOf(DB, 'midway', fields, []);
    const session = new FaultySession();
    const task = await started('midway', session);
    await task.put(batchOf([rowsOf(t, 'c', [[1, 'a']])], 1), signal);
    session.failOn(/^INSERT INTO/, 'after', 2);
    await task.flush(signal);
    await task.stop();
    assert.deepEqual(await rowsIn('midway', 'id::VARCHAR'), [['1']]);
  });

  test('a new task goes on from the committed offset, an older one of the same name is fenced', async () => {
    const t = tableOf(DB, 'fenced', fields, []);
    const old = await started('fenced');
    await old.put(batchOf([rowsOf(t, 'c', [[1, 'a']])], 1), signal);
    await old.flush(signal);
    await old.put(batchOf([rowsOf(t, 'c', [[2, 'lost']])], 2), signal);
    const next = await started('fenced');
    assert.deepEqual(await next.committedOffset(PARTITION), { pos: 1 });
    await next.put(batchOf([rowsOf(t, 'c', [[2, 'b']])], 2), signal);
    await next.flush(signal);
    await assert.rejects(old.flush(signal), { code: 'CDC_DATABEND_FENCED', kind: 'fatal' });
    await Promise.all([old.stop(), next.stop()]);
    assert.deepEqual(await rowsIn('fenced', 'id::VARCHAR, v'), [
      ['1', 'a'],
      ['2', 'b'],
    ]);
  });

  // After each statement of the DDL chunk in turn the process dies; the chunk comes again to a new task.
  test('DDL that was cut off at any statement is finished exactly once', async () => {
    const v1 = tableOf(
      DB,
      'cut',
      [
        ['id', int32],
        ['a', str],
        ['b', str],
      ],
      ['id'],
    );
    const v2 = tableOf(
      DB,
      'cut',
      [
        ['id', int32],
        ['b', str],
        ['a', str],
      ],
      ['id'],
    );
    const { id } = v1;
    // a and b swap their names: run twice, or once too few, values end in the wrong column.
    const swap = schemaChange(
      [
        { kind: 'renameColumn', table: id, column: 'a', to: 'tmp', schema: v2 },
        { kind: 'renameColumn', table: id, column: 'b', to: 'a', schema: v2 },
        { kind: 'renameColumn', table: id, column: 'tmp', to: 'b', schema: v2 },
      ],
      5,
    );
    for (let cut = 1; ; cut++) {
      await look.exec(`DROP TABLE IF EXISTS ${DB}.cut`, 'clean');
      const name = `cut-${cut}`;
      const first = await started(name);
      await first.put(batchOf([rowsOf(v1, 'c', [[1, 'was a', 'was b']])], 1), signal);
      await first.flush(signal);
      await first.stop();
      const session = new FaultySession();
      const dying = await started(name, session);
      let left = cut;
      const died = new Error('killed');
      const exec = session.exec.bind(session);
      session.exec = async (sql, doing) => {
        if (left <= 0) throw died;
        const n = await exec(sql, doing);
        left--;
        if (left <= 0) throw died;
        return n;
      };
      const survived = await dying.put(batchOf([swap], 5), signal).then(
        () => true,
        () => false,
      );
      const next = await started(name);
      const offset = await next.committedOffset(PARTITION);
      if (offset?.['pos'] === 1) await next.put(batchOf([swap], 5), signal);
      await next.put(batchOf([rowsOf(v2, 'c', [[2, 'b2', 'a2']])], 6), signal);
      await next.flush(signal);
      await Promise.all([dying.stop(), next.stop()]);
      assert.deepEqual(
        await rowsIn('cut', 'id::VARCHAR, a, b'),
        [
          ['1', 'was b', 'was a'],
          ['2', 'a2', 'b2'],
        ],
        `cut after statement ${cut}`,
      );
      if (survived) {
        assert.ok(cut > 9);
        break;
      }
    }
  });
});
