import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tail } from '../stack/processes.ts';
import type { Stack } from '../stack/stack.ts';
import { freePort } from '../support/free-port.ts';
import { NODE_OPTIONS } from '../support/launch.ts';
import { DATABASE, TABLE } from './workload.ts';

const ROOT = join(import.meta.dirname, '..', '..');

export type Target = 'nowhere' | 'kafka-avro' | 'databend';

/** One configuration of riverbend, kept over its runs: the first takes the snapshot, the second resumes from its offset. */
export class RiverbendUnderTest {
  readonly #folder: string;
  readonly #target: Target;
  readonly #stack: Stack;
  #child: ChildProcess | null = null;
  #url = '';

  constructor(stack: Stack, target: Target) {
    this.#stack = stack;
    this.#target = target;
    this.#folder = join(stack.dir, 'engines', `riverbend-${target}`);
    mkdirSync(this.#folder, { recursive: true });
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** The data topic; the schema of `nowhere` and `databend` is the same without Kafka. */
  get topic(): string {
    return `rb.${DATABASE}.${TABLE}`;
  }

  async start(): Promise<void> {
    const port = await freePort();
    this.#url = `http://127.0.0.1:${port}`;
    const file = join(this.#folder, 'application.properties');
    writeFileSync(file, this.#configuration(port));
    const errors = openSync(join(this.#folder, 'riverbend.err'), 'a');
    // `log` writes every message to stdout: that is the nowhere
    const output = openSync(this.#target === 'nowhere' ? '/dev/null' : join(this.#folder, 'riverbend.log'), 'a');
    this.#child = spawn(process.execPath, [...NODE_OPTIONS, join(ROOT, 'src', 'main.ts'), 'run', file], {
      cwd: ROOT,
      stdio: ['ignore', output, errors],
    });
    closeSync(errors);
    closeSync(output);
  }

  check(): void {
    if (this.#child === null || this.#child.exitCode !== null || this.#child.signalCode !== null) {
      throw new Error(`riverbend ended:\n${tail(join(this.#folder, 'riverbend.log'))}\n${tail(join(this.#folder, 'riverbend.err'))}`);
    }
  }

  /** Rows handed to the other end since the start, as its own metrics say. */
  async rowsTotal(): Promise<number> {
    let text: string;
    try {
      text = await (await fetch(`${this.#url}/metrics`, { signal: AbortSignal.timeout(10_000) })).text();
    } catch {
      return 0;
    }
    let total = 0;
    for (const line of text.split('\n'))
      if (/^riverbend_rows_total(\{|\s)/.test(line)) total += Number(line.slice(line.lastIndexOf(' ') + 1));
    return total;
  }

  /** Ends it in good order, so that its offset is stored. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once('exit', done));
    child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), 45_000);
    await ended;
    clearTimeout(killer);
  }

  #configuration(httpPort: number): string {
    const lines: Record<string, string> = {
      'debezium.source.connector.class': 'io.debezium.connector.mysql.MySqlConnector',
      'debezium.source.name': `bench-${this.#target}`,
      'debezium.source.database.hostname': this.#stack.mysql.host,
      'debezium.source.database.port': String(this.#stack.mysql.port),
      'debezium.source.database.user': 'root',
      'debezium.source.database.password': '',
      'debezium.source.database.ssl.mode': 'disabled',
      'debezium.source.database.server.id': '19501',
      'debezium.source.topic.prefix': 'rb',
      'debezium.source.database.include.list': DATABASE,
      'debezium.source.table.include.list': `${DATABASE}\\\\.${TABLE}`,
      'debezium.source.include.schema.changes': 'false',
      'debezium.source.tombstones.on.delete': 'false',
      'debezium.source.snapshot.mode': 'initial',
      'debezium.source.schema.history.internal': 'io.debezium.storage.file.history.FileSchemaHistory',
      'debezium.source.schema.history.internal.file.filename': join(this.#folder, 'history.dat'),
      'debezium.source.offset.storage.file.filename': join(this.#folder, 'offsets.dat'),
      'quarkus.http.host': '127.0.0.1',
      'quarkus.http.port': String(httpPort),
      ...this.#sink(),
    };
    return `${Object.entries(lines)
      .map(([key, value]) => `${key}=${value}`)
      .join('\n')}\n`;
  }

  #sink(): Record<string, string> {
    const json = {
      'debezium.format.key': 'json',
      'debezium.format.value': 'json',
      'debezium.format.key.schemas.enable': 'false',
      'debezium.format.value.schemas.enable': 'false',
    };
    switch (this.#target) {
      case 'nowhere':
        return { 'debezium.sink.type': 'log', ...json };
      case 'kafka-avro':
        return {
          'debezium.sink.type': 'kafka',
          'debezium.sink.kafka.producer.bootstrap.servers': this.#stack.kafka.bootstrap,
          'debezium.format.key': 'avro',
          'debezium.format.value': 'avro',
          'debezium.format.key.schema.registry.url': this.#stack.registry.url,
          'debezium.format.value.schema.registry.url': this.#stack.registry.url,
        };
      case 'databend':
        return {
          'debezium.sink.type': 'databend',
          'debezium.sink.databend.connection.url': this.#stack.databend.dsn,
          'debezium.sink.databend.auto.create': 'true',
        };
      default:
        return this.#target satisfies never;
    }
  }
}
