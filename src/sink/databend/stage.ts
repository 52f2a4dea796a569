import { createHash } from 'node:crypto';
import { request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { CdcError } from '../../model/errors.ts';
import { stagePath } from './dialect.ts';
import { type Endpoint, httpBase } from './dsn.ts';
import { databendError } from './errors.ts';

const BOUNDARY = 'riverbend-7f1c0b9e2d5a4c68';
const TAIL = Buffer.from(`\r\n--${BOUNDARY}--\r\n`);

/**
 * Puts a file of our own name into the user stage by `PUT /v1/upload_to_stage`, from memory: the driver wants a file on disk, names it itself
 * and leaves it there. `file` is a path below `@~/`. Throws CDC_DATABEND_* (retriable when the server is away).
 */
export async function uploadToStage(
  e: Endpoint,
  file: string,
  content: readonly Buffer[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const cut = file.lastIndexOf('/');
  const head = Buffer.from(
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="upload"; filename="${file.slice(cut + 1)}"\r\nContent-Type: application/octet-stream\r\n\r\n`,
  );
  const headers: Record<string, string> = {
    authorization: `Basic ${Buffer.from(`${e.user}:${e.password}`).toString('base64')}`,
    'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
    'x-databend-stage-name': '~',
    'x-databend-relative-path': file.slice(0, cut),
  };
  if (e.warehouse !== null) headers['x-databend-warehouse'] = e.warehouse;
  if (e.tenant !== null) headers['x-databend-tenant'] = e.tenant;
  const doing = 'upload to the stage';
  const length = content.reduce((n, b) => n + b.length, head.length + TAIL.length);
  let response: { readonly status: number; readonly text: string };
  try {
    const url = `${httpBase(e)}/v1/upload_to_stage`;
    const options = { method: 'PUT', headers: { ...headers, 'content-length': String(length) } };
    response = await send(url, options, [head, ...content, TAIL], AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
  } catch (error) {
    if (signal.aborted) throw new CdcError('CDC_ABORTED', 'aborted', 'stopped while uploading to Databend');
    throw databendError(error instanceof Error ? error : new Error(String(error)), doing);
  }
  const { text } = response;
  if (response.status === 200) return;
  const code = /"code":\s*"?(\d{4})\b/.exec(text)?.[1];
  if (response.status >= 500 && code === undefined)
    throw new CdcError('CDC_DATABEND_UNAVAILABLE', 'retriable', `${doing}: HTTP ${response.status}`, { hint: 'it is tried again' });
  throw databendError(new Error(code === undefined ? `HTTP ${response.status}` : `[${code}]HTTP ${response.status}`), doing);
}

/** Sends the parts as they are: `fetch` copies a body, and copies wait for the garbage collector outside of its heap. */
function send(
  url: string,
  options: RequestOptions,
  parts: readonly Buffer[],
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const request = (url.startsWith('https:') ? httpsRequest : httpRequest)(url, { ...options, signal }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.once('error', reject);
    for (const part of parts) request.write(part);
    request.end();
  });
}

/** Statement that removes a staged file or, with a closing slash, a folder. */
export function removeStaged(file: string): string {
  return `REMOVE ${stagePath(file)}`;
}

/** A path part of its own for every text, made of characters a stage path takes without quoting. */
export function stageName(text: string): string {
  const plain = text.replace(/[^A-Za-z0-9_-]/g, (c) => `.${c.codePointAt(0)?.toString(16)}.`);
  return plain.length <= 100 ? plain : `${plain.slice(0, 60)}.${createHash('sha256').update(text).digest('hex').slice(0, 24)}`;
}
