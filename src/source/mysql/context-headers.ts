import { randomBytes } from 'node:crypto';
import type { Header } from '../../model/chunk.ts';
import { primitive } from '../../model/schema.ts';

const str = primitive('string');

/** Time-ordered UUID (RFC 9562, version 7). */
export function uuidV7(nowMs: number): string {
  const b = randomBytes(16);
  b.writeUIntBE(nowMs, 0, 6);
  b[6] = ((b[6] as number) & 0x0f) | 0x70;
  b[8] = ((b[8] as number) & 0x3f) | 0x80;
  const h = b.toString('hex');
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`;
}

/** Debezium's context headers (extended.headers.enabled); one run id a start. */
export function contextHeaders(prefix: string, taskId: number, connector: string, nowMs: number): readonly Header[] {
  const header = (key: string, value: string): Header => ({ key: `__debezium.context.${key}`, schema: str, value });
  return [
    header('connectorLogicalName', prefix),
    header('taskId', String(taskId)),
    header('connectorName', connector),
    header('runId', uuidV7(nowMs)),
  ];
}
