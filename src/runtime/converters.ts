import { defineConfig } from '../config/config-def.ts';
import { createAvroConverter } from '../convert/avro/avro-converter.ts';
import { Registry, registryConfig } from '../convert/avro/registry.ts';
import { createJsonConverter } from '../convert/json/json-converter.ts';
import { CdcError } from '../model/errors.ts';
import { type RawConfig, REQUIRED } from '../spi/config-def.ts';
import type { Finding } from '../spi/connector.ts';
import type { ConverterPlugin } from './plugins.ts';

interface JsonKeys {
  readonly 'schemas.enable': boolean;
  readonly 'schemas.cache.size': number;
  readonly 'decimal.format': string;
  readonly 'replace.null.with.default': boolean;
  readonly 'converter.type': string | null;
}

const jsonKeys = defineConfig<JsonKeys>({
  'schemas.enable': {
    type: 'boolean',
    default: true,
    importance: 'high',
    group: 'JSON',
    doc: 'Every message carries its schema: {"schema":…,"payload":…}.',
  },
  'schemas.cache.size': { type: 'int', default: 1000, min: 0, importance: 'high', group: 'JSON', doc: 'Accepted for compatibility.' },
  'decimal.format': {
    type: 'string',
    default: 'BASE64',
    allowed: ['BASE64', 'NUMERIC'],
    importance: 'low',
    group: 'JSON',
    doc: 'Decimals as base64 of their bytes, or as numbers.',
  },
  'replace.null.with.default': {
    type: 'boolean',
    default: false,
    importance: 'low',
    group: 'JSON',
    doc: "A NULL becomes the column's default, as Connect's JsonConverter does. Off: a NULL stays null.",
  },
  'converter.type': { type: 'string', default: null, importance: 'low', group: 'JSON', doc: 'Accepted for compatibility.' },
});

/** `org.apache.kafka.connect.json.JsonConverter` */
export const jsonConverter: ConverterPlugin = {
  names: ['org.apache.kafka.connect.json.JsonConverter', 'json'],
  format: 'json',
  config: jsonKeys,
  create(raw, part, context) {
    const { config } = jsonKeys.parse(raw);
    const { unavailablePlaceholder } = context;
    return createJsonConverter(
      {
        schemasEnable: config['schemas.enable'],
        decimals: config['decimal.format'] as 'BASE64' | 'NUMERIC',
        replaceNullWithDefault: config['replace.null.with.default'],
        ...(unavailablePlaceholder === undefined ? {} : { unavailablePlaceholder }),
      },
      part === 'key',
    );
  },
};

interface AvroKeys {
  readonly 'schema.registry.url': string;
  readonly 'auto.register.schemas': boolean;
  readonly 'use.latest.version': boolean;
  readonly 'normalize.schemas': boolean;
  readonly 'ignore.default.for.nullables': boolean;
  readonly 'basic.auth.credentials.source': string;
  readonly 'basic.auth.user.info': string | null;
  readonly 'bearer.auth.credentials.source': string | null;
  readonly 'bearer.auth.token': string | null;
  readonly 'key.subject.name.strategy': string | null;
  readonly 'value.subject.name.strategy': string | null;
}

const avroKeys = defineConfig<AvroKeys>(
  {
    'schema.registry.url': {
      type: 'string',
      default: REQUIRED,
      importance: 'high',
      group: 'Avro',
      doc: 'The schema registry (Confluent API), or several separated by commas.',
    },
    'auto.register.schemas': {
      type: 'boolean',
      default: true,
      importance: 'medium',
      group: 'Avro',
      doc: 'Register schemas that the registry does not have.',
    },
    'use.latest.version': {
      type: 'boolean',
      default: false,
      importance: 'low',
      group: 'Avro',
      doc: "Write with the subject's latest schema.",
    },
    'normalize.schemas': {
      type: 'boolean',
      default: false,
      importance: 'low',
      group: 'Avro',
      doc: 'Let the registry normalize schemas before it compares them.',
    },
    'ignore.default.for.nullables': {
      type: 'boolean',
      default: true,
      importance: 'low',
      group: 'Avro',
      doc: "A NULL stays null (Confluent's default false writes the column's default).",
    },
    'basic.auth.credentials.source': {
      type: 'string',
      default: 'URL',
      allowed: ['URL', 'USER_INFO'],
      importance: 'medium',
      group: 'Avro',
      doc: 'Where user and password are: in the URL, or in basic.auth.user.info.',
    },
    'basic.auth.user.info': {
      type: 'password',
      default: null,
      importance: 'medium',
      group: 'Avro',
      doc: 'user:password',
      aliases: ['schema.registry.basic.auth.user.info'],
    },
    'bearer.auth.credentials.source': {
      type: 'string',
      default: null,
      importance: 'low',
      group: 'Avro',
      doc: 'STATIC_TOKEN for bearer.auth.token.',
    },
    'bearer.auth.token': { type: 'password', default: null, importance: 'low', group: 'Avro', doc: 'The token.' },
    'key.subject.name.strategy': {
      type: 'class',
      default: null,
      importance: 'medium',
      group: 'Avro',
      doc: 'TopicNameStrategy, RecordNameStrategy or TopicRecordNameStrategy.',
    },
    'value.subject.name.strategy': {
      type: 'class',
      default: null,
      importance: 'medium',
      group: 'Avro',
      doc: 'TopicNameStrategy, RecordNameStrategy or TopicRecordNameStrategy.',
    },
  },
  [
    { pattern: /^schema\.registry\..+$/, doc: '`schema.registry.*`: how to reach the registry.' },
    {
      pattern: /^(?:enhanced\.avro\.schema\.support|connect\.meta\.data|schemas\.cache\.config|max\.schemas\.per\.subject)$/,
      doc: "Keys of Confluent's converter that change nothing here.",
    },
  ],
);

/** `io.confluent.connect.avro.AvroConverter`, and Apicurio's in its Confluent-compatible form. */
export const avroConverter: ConverterPlugin = {
  names: ['io.confluent.connect.avro.AvroConverter', 'io.apicurio.registry.utils.converter.AvroConverter', 'avro'],
  format: 'avro',
  config: avroKeys,
  create: (raw, part, context) => {
    const { unavailablePlaceholder } = context;
    return createAvroConverter(raw, part === 'key', context.logger, unavailablePlaceholder === undefined ? {} : { unavailablePlaceholder });
  },
  probeNeeds: ['schema.registry.url', 'basic.auth.credentials.source'],
  probe: probeRegistry,
};

/** Asks for a subject that does not exist: any answer but "cannot be reached" is fine. */
async function probeRegistry(raw: RawConfig, signal: AbortSignal): Promise<readonly Finding[]> {
  const finding = (error: CdcError): Finding => ({
    severity: 'error',
    code: error.code,
    kind: error.kind === 'config' ? 'config' : 'environment',
    key: 'schema.registry.url',
    message: error.message,
    hint: error.hint ?? 'check the URL and that the registry runs',
  });
  const late = new Promise<'late'>((resolve) => signal.addEventListener('abort', () => resolve('late'), { once: true }));
  try {
    const answer = await Promise.race([new Registry(registryConfig(raw)).latest('riverbend-check'), late]);
    if (answer !== 'late') return [];
    return [finding(new CdcError('CDC_REGISTRY_UNAVAILABLE', 'retriable', 'the schema registry did not answer in time'))];
  } catch (error) {
    if (!(error instanceof CdcError)) throw error;
    return error.code === 'CDC_REGISTRY_NOT_FOUND' ? [] : [finding(error)];
  }
}
