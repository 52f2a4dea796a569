import { CdcError } from '../../model/errors.ts';
import type { Session } from './client.ts';
import { stagePath } from './dialect.ts';
import type { Endpoint } from './dsn.ts';
import { removeStaged, stageName, uploadToStage } from './stage.ts';

/** NULL, the text `\N`, the empty text, and everything CSV readers trip over. */
const PROBE = Buffer.from('u,\\N,"\\N","","a""b,\nc\\"\n');
const EXPECTED = JSON.stringify([['u', null, '\\N', '', 'a"b,\nc\\']]);

/**
 * Stages a small file and reads it back: NULL and empty texts must be told apart, or values would change on the way.
 * Throws CDC_DATABEND_STAGE.
 */
export async function checkStage(e: Endpoint, session: Session, connector: string, taskId: number, signal: AbortSignal): Promise<void> {
  const file = `riverbend/${stageName(connector)}/${taskId}/check.csv`;
  await uploadToStage(e, file, [PROBE], 30_000, signal);
  const rows = await session.query(`SELECT $1, $2, $3, $4, $5 FROM ${stagePath(file)} (FILE_FORMAT => 'csv')`, 'read a staged file');
  await session.exec(removeStaged(file), 'clean the stage');
  if (JSON.stringify(rows) !== EXPECTED)
    throw new CdcError(
      'CDC_DATABEND_STAGE',
      'fatal',
      'this Databend server reads staged CSV files differently from what the sink relies on',
      {
        hint: 'please report it with the server version',
      },
    );
}
