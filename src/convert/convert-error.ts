import { CdcError } from '../model/errors.ts';

/**
 * A value does not fit its schema: kind `data`, code CDC_VALUE_CONVERT. `where` names the table or topic,
 * `path` the column (dotted inside structs). Never carries the value.
 */
export function valueError(where: string, path: string, reason: string): CdcError {
  const at = path === '' ? '' : `column "${path}": `;
  return new CdcError('CDC_VALUE_CONVERT', 'data', `${where}: ${at}${reason}`, {
    hint: 'compare the column with the schema of its topic; errors.tolerance decides whether such rows stop the task',
    context: path === '' ? { where } : { where, column: path },
  });
}

/** Bytes that are not a message of the configured format: kind `data`, code CDC_MESSAGE_DECODE. */
export function decodeError(where: string, reason: string, cause?: unknown): CdcError {
  return new CdcError('CDC_MESSAGE_DECODE', 'data', `${where}: ${reason}`, {
    cause,
    hint: 'check that key.converter and value.converter match what the producer of this topic writes',
    context: { where },
  });
}
