import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { Riverbend } from './riverbend.ts';
import { databendDsn, kafkaBootstrap, registryUrl } from './servers.ts';

export interface PipelineOptions {
  readonly server: 'mysql' | 'mariadb';
  readonly mode: 'kafka' | 'embedded';
  readonly port: number;
  /** Also the topic prefix; unique per test. */
  readonly name: string;
  readonly databases: string;
  /** Folder for configuration, offsets, history and logs. */
  readonly dir: string;
  readonly serverId: number;
  readonly partitions?: number;
  readonly source?: Readonly<Record<string, string>>;
  readonly sink?: Readonly<Record<string, string>>;
  readonly worker?: Readonly<Record<string, string>>;
}

/** The main job as a user would configure it: one daemon file with two connectors, or Debezium Server's layout embedded. */
export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #file: string;
  readonly #httpPort: number;
  #daemon: Riverbend | null = null;

  private constructor(options: PipelineOptions, file: string, httpPort: number) {
    this.#options = options;
    this.#file = file;
    this.#httpPort = httpPort;
  }

  static async create(options: PipelineOptions): Promise<Pipeline> {
    const httpPort = await freePort();
    const file = join(options.dir, options.mode === 'kafka' ? 'riverbend.json' : 'application.properties');
    writeFileSync(file, options.mode === 'kafka' ? kafkaConfig(options, httpPort) : embeddedConfig(options, httpPort));
    return new Pipeline(options, file, httpPort);
  }

  get daemon(): Riverbend {
    if (this.#daemon === null) throw new Error('the pipeline was not started');
    return this.#daemon;
  }

  /** Starts the daemon; does not wait for it to be ready. */
  start(env?: NodeJS.ProcessEnv): Riverbend {
    this.#daemon = new Riverbend(['run', this.#file], {
      logFile: join(this.#options.dir, 'riverbend.log'),
      httpPort: this.#httpPort,
      ...(env === undefined ? {} : { env }),
    });
    return this.#daemon;
  }
}

function sourceConfig(o: PipelineOptions): Record<string, string> {
  return {
    'connector.class':
      o.server === 'mysql' ? 'io.debezium.connector.mysql.MySqlConnector' : 'io.debezium.connector.mariadb.MariaDbConnector',
    'database.hostname': '127.0.0.1',
    'database.port': String(o.port),
    'database.user': 'root',
    'database.password': '',
    'database.server.id': String(o.serverId),
    'database.ssl.mode': o.server === 'mysql' ? 'disabled' : 'disable',
    'topic.prefix': o.name,
    'database.include.list': o.databases,
    'schema.history.internal': 'io.debezium.storage.file.history.FileSchemaHistory',
    'schema.history.internal.file.filename': join(o.dir, 'history.dat'),
    'skipped.operations': 'none',
    'bigint.unsigned.handling.mode': 'precise',
    'errors.max.retries': '-1',
    ...o.source,
  };
}

function kafkaConfig(o: PipelineOptions, httpPort: number): string {
  const converter = (part: string) => ({
    [`${part}.converter`]: 'io.confluent.connect.avro.AvroConverter',
    [`${part}.converter.schema.registry.url`]: registryUrl(),
  });
  return JSON.stringify(
    {
      worker: {
        'bootstrap.servers': kafkaBootstrap(),
        ...converter('key'),
        ...converter('value'),
        'offset.storage.file.filename': join(o.dir, 'offsets.dat'),
        'offset.flush.interval.ms': '500',
        listeners: `http://127.0.0.1:${httpPort}`,
        ...o.worker,
      },
      connectors: {
        [`${o.name}-source`]: {
          ...sourceConfig(o),
          'topic.creation.default.partitions': String(o.partitions ?? 1),
          'topic.creation.default.replication.factor': '1',
        },
        [`${o.name}-sink`]: {
          'connector.class': 'com.databend.kafka.connect.DatabendSinkConnector',
          'topics.regex': `${o.name}\\..*`,
          'connection.url': databendDsn(),
          'auto.create': 'true',
          'auto.evolve': 'true',
          'errors.max.retries': '-1',
          ...o.sink,
        },
      },
    },
    null,
    2,
  );
}

function embeddedConfig(o: PipelineOptions, httpPort: number): string {
  const lines = Object.entries(sourceConfig(o)).map(([k, v]) => `debezium.source.${k}=${v.replaceAll('\\', '\\\\')}`);
  lines.push(`debezium.source.name=${o.name}`, 'debezium.sink.type=databend', `debezium.sink.databend.connection.url=${databendDsn()}`);
  lines.push('debezium.sink.databend.auto.create=true', 'debezium.sink.databend.auto.evolve=true', `quarkus.http.port=${httpPort}`);
  lines.push(`debezium.source.offset.storage.file.filename=${join(o.dir, 'offsets.dat')}`);
  for (const [k, v] of Object.entries(o.sink ?? {})) lines.push(`debezium.sink.databend.${k}=${v}`);
  return `${lines.join('\n')}\n`;
}
