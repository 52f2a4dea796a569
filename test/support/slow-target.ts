/** A process of its own: MySQL → a target that takes nothing for three seconds, then each batch slowly. Tells its parent what it got. */
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { createEngine, type SinkTask } from '../../src/index.ts';
import type { Batch } from '../../src/model/chunk.ts';

setFlagsFromString('--no-allocation-site-pretenuring'); // as src/main.ts
const [name = '', port = '', dir = ''] = process.argv.slice(2);
const send = (message: { rows: number; ready: boolean }): void => void process.send?.(message);
let rows = 0;

const sink: SinkTask = {
  async start() {},
  async put(batch: Batch) {
    let count = 0;
    for (const chunk of batch.chunks) {
      // Rows with an id below zero only show that reading has begun.
      if (chunk.kind === 'rows' && Number(chunk.after?.[0]?.[0]) < 0) send({ rows, ready: true });
      else if (chunk.kind === 'rows') count += chunk.count;
    }
    if (count === 0) return;
    await delay(rows === 0 ? 3000 : 10);
    rows += count;
    send({ rows, ready: true });
  },
  shouldFlush: () => true,
  async flush() {},
  async stop() {},
};

const engine = createEngine(
  {
    'debezium.source.connector.class': 'io.debezium.connector.mysql.MySqlConnector',
    'debezium.source.name': name,
    'debezium.source.topic.prefix': name,
    'debezium.source.database.hostname': '127.0.0.1',
    'debezium.source.database.port': port,
    'debezium.source.database.user': 'root',
    'debezium.source.database.password': '',
    'debezium.source.database.ssl.mode': 'disabled',
    'debezium.source.database.server.id': String(93_000 + (process.pid % 1000)),
    'debezium.source.database.include.list': name,
    'debezium.source.table.include.list': `${name}[.]big`,
    'debezium.source.snapshot.mode': 'no_data',
    'debezium.source.schema.history.internal': 'io.debezium.storage.file.history.FileSchemaHistory',
    'debezium.source.schema.history.internal.file.filename': `${dir}/history.dat`,
    'debezium.source.offset.storage.file.filename': `${dir}/offsets.dat`,
  },
  { sink },
);
await engine.run(new AbortController().signal);
