import type { RecordChunk } from '../../../model/chunk.ts';
import type { SourceOffset } from '../../../model/offset.ts';
import { primitive, struct } from '../../../model/schema.ts';

const keySchema = struct([['serverName', primitive('string')]], { name: 'io.debezium.connector.common.ServerNameKey', version: 1 });
const valueSchema = struct([['ts_ms', primitive('int64')]], { name: 'io.debezium.connector.common.Heartbeat', version: 1 });

/** One heartbeat record (heartbeat.interval.ms), for partition 0 as in Debezium. */
export function heartbeatRecord(topic: string, serverName: string, tsMs: number, offset: SourceOffset | null): RecordChunk {
  return {
    kind: 'record',
    plain: true,
    record: { topic, partition: 0, keySchema, key: [serverName], valueSchema, value: [tsMs] },
    offset,
  };
}
