import { CdcError, isAborted } from '../../../model/errors.ts';
import type { TableId } from '../../../model/table-schema.ts';
import { columnOf, type Table } from '../../../relational/table.ts';
import type { Logger } from '../../../spi/telemetry.ts';
import { type MySqlConnection, quoteIdentifier } from '../connection.ts';
import type { Flavour } from '../flavour.ts';
import { type GtidState, gtidsContain, parseGtids } from '../gtid.ts';
import type { Watermarks } from './incremental.ts';

export interface SignalTableOptions {
  readonly table: TableId;
  /** Its definition, once it is known. */
  definition(): Table | null;
  readonly strategy: 'insert_insert' | 'insert_delete';
  /** `signal.emit.failure.*`. */
  readonly retries: number;
  readonly backoffMs: number;
  readonly clock: { now(): number };
  readonly logger: Logger;
}

/** Watermarks as rows of the signal table: one inserted at the beginning, another inserted (or the first deleted) at the end. */
export function signalTableWatermarks(o: SignalTableOptions): Watermarks {
  const name = `${quoteIdentifier(o.table.database)}.${quoteIdentifier(o.table.table)}`;
  let openedAt = '';
  const run = async (connection: MySqlConnection, sql: string, values: readonly unknown[], signal: AbortSignal): Promise<void> => {
    for (let attempt = 0; ; attempt++) {
      try {
        await connection.query(sql, values, signal);
        return;
      } catch (error) {
        if (signal.aborted || isAborted(error) || (error instanceof CdcError && error.kind === 'retriable')) throw error;
        if (attempt >= o.retries) {
          throw new CdcError(
            'CDC_MYSQL_SIGNAL_TABLE',
            'environment',
            `a watermark could not be written to ${o.table.database}.${o.table.table}`,
            {
              cause: error,
              hint: 'the table of signal.data.collection needs three columns (id, type, data), and the connector user INSERT (and DELETE) on it',
              context: { table: `${o.table.database}.${o.table.table}` },
            },
          );
        }
        o.logger.warn({ attempt: attempt + 1 }, 'a watermark could not be written to the signal table; tried again');
        await new Promise((resolve) => setTimeout(resolve, o.backoffMs));
      }
    }
  };
  return {
    async open(connection, window, signal) {
      openedAt = timestamp(o.clock);
      const data = `{"openWindowTimestamp": "${openedAt}"}`;
      await run(connection, `INSERT INTO ${name} VALUES (?, ?, ?)`, [`${window}-open`, 'snapshot-window-open', data], signal);
      return null;
    },
    async close(connection, window, signal) {
      if (o.strategy === 'insert_delete') {
        const table = o.definition();
        const id = table?.columns[0] ?? (table === null ? undefined : columnOf(table, 'id'));
        await run(connection, `DELETE FROM ${name} WHERE ${quoteIdentifier(id?.name ?? 'id')} = ?`, [`${window}-open`], signal);
        return null;
      }
      const data = `{"openWindowTimestamp": "${openedAt}", "closeWindowTimestamp": "${timestamp(o.clock)}"}`;
      await run(connection, `INSERT INTO ${name} VALUES (?, ?, ?)`, [`${window}-close`, 'snapshot-window-close', data], signal);
      return null;
    },
  };
}

const VISIBLE_MS = 10;

/**
 * Watermarks that write nothing (`read.only`): the transactions executed before and after the chunk is read. The stream
 * stands still meanwhile. What it has passed already may be in the binlog and not yet visible: that is waited for first.
 */
export function readOnlyWatermarks(flavour: Flavour, passed: () => GtidState | null): Watermarks {
  const executed = async (connection: MySqlConnection, signal: AbortSignal): Promise<GtidState> => {
    const text = await flavour.executedGtids(connection, signal);
    if (text === null) {
      throw new CdcError('CDC_MYSQL_QUERY', 'environment', 'read.only needs GTIDs: gtid_mode is not ON', {
        hint: 'set gtid_mode=ON on the server, or use signal.data.collection without read.only',
      });
    }
    return parseGtids(flavour.name, text);
  };
  return {
    async open(connection, _window, signal) {
      for (;;) {
        const low = await executed(connection, signal);
        const stream = passed();
        if (stream === null || gtidsContain(low, stream)) return low;
        await new Promise((resolve) => setTimeout(resolve, VISIBLE_MS));
      }
    },
    close: (connection, _window, signal) => executed(connection, signal),
  };
}

/** ISO 8601 with nine fraction digits, as Java writes an Instant. */
function timestamp(clock: { now(): number }): string {
  const nanos = (process.hrtime.bigint() % 1_000_000n).toString().padStart(6, '0');
  return `${new Date(clock.now()).toISOString().slice(0, -1)}${nanos}Z`;
}
