import { setTimeout as delay } from 'node:timers/promises';
import apiModule from '@kafkajs/confluent-schema-registry/dist/api/index.js';
import { CdcError } from '../../model/errors.ts';
import type { RawConfig } from '../../spi/config-def.ts';

/** What a registry keeps under one id. */
export interface StoredSchema {
  readonly text: string;
  /** Schemas it names, each after those it needs itself. */
  readonly references: readonly string[];
}

export interface RegistryConfig {
  /** Tried in order, the next when one cannot be reached. */
  readonly urls: readonly string[];
  readonly username: string | null;
  readonly password: string;
  readonly bearerToken: string | null;
  readonly autoRegister: boolean;
  readonly useLatest: boolean;
  readonly normalize: boolean;
}

const REQUEST_TIMEOUT_MS = 30_000;
/** Pause before asking once more after a 409: Apicurio answers it too when two first registrations of a subject race. */
const CONFLICT_PAUSE_MS = 250;

/** Reads the registry keys of a converter, with the names and defaults of Confluent's AvroConverter; throws CDC_CONFIG_INVALID. */
export function registryConfig(config: RawConfig): RegistryConfig {
  const given = (config['schema.registry.url'] ?? apicurioUrl(config)).split(',').flatMap((u) => (u.trim() === '' ? [] : [u.trim()]));
  if (given.length === 0) throw invalid('schema.registry.url', 'is required by the Avro converter');
  const urls = given.map(parseUrl);
  const of = (key: string): string | undefined => config[key] ?? config[`schema.registry.${key}`];
  const source = (of('basic.auth.credentials.source') ?? 'URL').toUpperCase();
  let username: string | null = null;
  let password = '';
  if (source === 'USER_INFO') {
    const info = of('basic.auth.user.info') ?? '';
    const colon = info.indexOf(':');
    if (colon < 1) throw invalid('basic.auth.user.info', 'must be user:password');
    username = info.slice(0, colon);
    password = info.slice(colon + 1);
  } else if (source === 'URL') {
    const first = urls[0] as URL;
    if (first.username !== '') {
      username = decodeURIComponent(first.username);
      password = decodeURIComponent(first.password);
    }
  } else throw invalid('basic.auth.credentials.source', `"${source}" is not supported; use USER_INFO or URL`);
  const bearer = (of('bearer.auth.credentials.source') ?? '').toUpperCase();
  if (bearer !== '' && bearer !== 'STATIC_TOKEN')
    throw invalid('bearer.auth.credentials.source', `"${bearer}" is not supported; use STATIC_TOKEN`);
  const useLatest = flag(config, 'use.latest.version', false);
  const autoRegister = flag(
    config,
    config['apicurio.registry.auto-register'] === undefined ? 'auto.register.schemas' : 'apicurio.registry.auto-register',
    true,
  );
  return {
    urls: urls.map((u) => `${u.protocol}//${u.host}${u.pathname.replace(/\/+$/, '')}`),
    username,
    password,
    bearerToken: bearer === '' ? null : (of('bearer.auth.token') ?? ''),
    // As in Confluent's serializer, automatic registration wins over the latest version.
    autoRegister,
    useLatest: useLatest && !autoRegister,
    normalize: flag(config, 'normalize.schemas', false),
  };
}

/** Apicurio's own key names its own API; the Confluent-compatible one stands beside it on the same server, with the same ids. */
function apicurioUrl(config: RawConfig): string {
  return (config['apicurio.registry.url'] ?? '').replace(/\/apis\/registry\/v\d+\/?$/, '/apis/ccompat/v7');
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) throw invalid('schema.registry.url', 'is not a list of http(s) URLs');
  return url;
}

/** A boolean key of a converter; throws CDC_CONFIG_INVALID for anything but true and false. */
export function flag(config: RawConfig, key: string, otherwise: boolean): boolean {
  const text = config[key]?.trim().toLowerCase();
  if (text === undefined || text === '') return otherwise;
  if (text !== 'true' && text !== 'false') throw invalid(key, 'must be true or false');
  return text === 'true';
}

function invalid(key: string, reason: string): CdcError {
  return new CdcError('CDC_CONFIG_INVALID', 'config', `Invalid value for configuration ${key}: ${reason}`, {
    hint: 'correct the keys named and start again',
    context: { errors: [{ key, message: reason }] },
  });
}

/** The name a schema is registered under: Confluent's subject name strategies. */
export type SubjectNaming = (topic: string, recordName: string | null) => string;

/** The strategy of a class name (`…TopicNameStrategy`, `…RecordNameStrategy`, `…TopicRecordNameStrategy`). */
export function subjectNaming(className: string | undefined, isKey: boolean): SubjectNaming {
  const name = (className ?? 'TopicNameStrategy').split('.').at(-1);
  const needed = (record: string | null): string => {
    if (record !== null) return record;
    throw invalid(`${isKey ? 'key' : 'value'}.subject.name.strategy`, `${name} needs a schema with a name`);
  };
  switch (name) {
    case 'TopicNameStrategy':
      return (topic) => `${topic}-${isKey ? 'key' : 'value'}`;
    case 'RecordNameStrategy':
      return (_topic, record) => needed(record);
    case 'TopicRecordNameStrategy':
      return (topic, record) => `${topic}-${needed(record)}`;
    default:
      throw invalid(`${isKey ? 'key' : 'value'}.subject.name.strategy`, `"${className}" is not known`);
  }
}

interface RegistryAnswer {
  readonly id?: number;
  readonly schema?: string;
  readonly schemaType?: string;
  readonly references?: readonly { readonly subject: string; readonly version: number }[];
}

type Api = ReturnType<typeof apiModule.default>;

/**
 * Schema ids by subject and schemas by id, over the Confluent-compatible REST API. The library is used for
 * its HTTP client alone: its `register` sets BACKWARD on subjects, and its codec refuses integers from 2^53 on.
 * One registration at a time per subject; what was found once is kept.
 */
export class Registry {
  readonly #config: RegistryConfig;
  readonly #apis: readonly Api[];
  readonly #ids = new Map<string, Promise<number>>();
  readonly #schemas = new Map<number, Promise<StoredSchema>>();
  /** Last registration under way per subject. */
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(config: RegistryConfig) {
    this.#config = config;
    this.#apis = config.urls.map((host) => createApi(host, config));
  }

  /**
   * The id of a schema under a subject: registered, looked up, or that of the subject's latest version, as
   * configured. Throws CDC_REGISTRY_* (UNAVAILABLE is retriable).
   */
  async idOf(subject: string, text: string): Promise<number> {
    const key = `${subject}\n${text}`;
    let found = this.#ids.get(key);
    if (found === undefined) {
      found = this.#inTurn(subject, () => (this.#config.autoRegister ? this.#register(subject, text) : this.#lookUp(subject, text)));
      this.#ids.set(key, found);
      found.catch(() => this.#ids.delete(key));
    }
    return found;
  }

  /** Id and text of the subject's latest version. */
  async latest(subject: string): Promise<{ readonly id: number; readonly text: string }> {
    const answer = await this.#ask(`subject "${subject}"`, (api) => api.Subject.latestVersion({ subject, timeout: REQUEST_TIMEOUT_MS }));
    return { id: idFrom(answer, subject), text: answer.schema ?? '' };
  }

  /** The schema of an id; asked once. */
  async schemaOf(id: number): Promise<StoredSchema> {
    let found = this.#schemas.get(id);
    if (found === undefined) {
      found = this.#fetch(id);
      this.#schemas.set(id, found);
      found.catch(() => this.#schemas.delete(id));
    }
    return found;
  }

  async #inTurn(subject: string, work: () => Promise<number>): Promise<number> {
    const before = this.#queues.get(subject) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#queues.set(subject, mine);
    try {
      return await mine;
    } finally {
      if (this.#queues.get(subject) === mine) this.#queues.delete(subject);
    }
  }

  async #register(subject: string, schema: string): Promise<number> {
    const post = (): Promise<RegistryAnswer> =>
      this.#ask(`subject "${subject}"`, (api) =>
        api.Subject.register({ subject, ...this.#query(), body: { schema }, timeout: REQUEST_TIMEOUT_MS }),
      );
    try {
      return idFrom(await post(), subject);
    } catch (error) {
      if (!(error instanceof CdcError) || error.code !== 'CDC_REGISTRY_INCOMPATIBLE') throw error;
      await delay(CONFLICT_PAUSE_MS);
      return idFrom(await post(), subject);
    }
  }

  async #lookUp(subject: string, schema: string): Promise<number> {
    const answer = await this.#ask(`subject "${subject}"`, (api) =>
      api.Subject.registered({ subject, ...this.#query(), body: { schema }, timeout: REQUEST_TIMEOUT_MS }),
    );
    return idFrom(answer, subject);
  }

  #query(): { readonly normalize?: true } {
    return this.#config.normalize ? { normalize: true } : {};
  }

  async #fetch(id: number): Promise<StoredSchema> {
    const answer = await this.#ask(`schema ${id}`, (api) => api.Schema.find({ id, timeout: REQUEST_TIMEOUT_MS }));
    const type = answer.schemaType ?? 'AVRO';
    if (type !== 'AVRO' || answer.schema === undefined)
      throw new CdcError('CDC_MESSAGE_DECODE', 'data', `schema ${id} is of type ${type}, not AVRO`, {
        hint: 'choose the converter that matches the topic',
        context: { schemaId: id },
      });
    return { text: answer.schema, references: await this.#referencesOf(answer, new Set()) };
  }

  async #referencesOf(answer: RegistryAnswer, seen: Set<string>): Promise<string[]> {
    const texts: string[] = [];
    for (const { subject, version } of answer.references ?? []) {
      const key = `${subject}\n${version}`;
      if (seen.has(key)) continue;
      seen.add(key);
      const found = await this.#ask(`subject "${subject}"`, (api) =>
        api.Subject.version({ subject, version, timeout: REQUEST_TIMEOUT_MS }),
      );
      texts.push(...(await this.#referencesOf(found, seen)), found.schema ?? '');
    }
    return texts;
  }

  /** Asks the registries in order; only an unreachable or failing one makes the next be asked. */
  async #ask(what: string, request: (api: Api) => Promise<{ data(): unknown }>): Promise<RegistryAnswer> {
    let last: unknown;
    for (const [i, api] of this.#apis.entries()) {
      try {
        return (await request(api)).data() as RegistryAnswer;
      } catch (error) {
        last = error;
        if (statusOf(error) < 500 || i === this.#apis.length - 1) break;
      }
    }
    throw translate(last, what, this.#config.urls);
  }
}

function idFrom(answer: RegistryAnswer, subject: string): number {
  if (typeof answer?.id === 'number') return answer.id;
  throw new CdcError('CDC_REGISTRY_REJECTED', 'environment', `subject "${subject}": the registry's answer has no schema id`, {
    hint: 'check that schema.registry.url is the base URL of a Confluent-compatible API',
    context: { subject },
  });
}

/** HTTP status of an answer; 503 when there was none. */
function statusOf(error: unknown): number {
  const { status, message } = error as { readonly status?: unknown; readonly message?: unknown };
  if (typeof status !== 'number') return 503;
  // The HTTP client reports refused connections and timeouts as a 400 whose text is the system error, not a registry's JSON.
  return status === 400 && String(message).includes('Error, status 400: ') ? 503 : status;
}

function translate(error: unknown, what: string, urls: readonly string[]): CdcError {
  const status = statusOf(error);
  const answer = (error instanceof Error ? error.message : String(error)).replace(
    /^Confluent_Schema_Registry - (Error, status 400: )?/,
    '',
  );
  const options = { cause: error, context: { what, status } };
  if (status === 409)
    return new CdcError('CDC_REGISTRY_INCOMPATIBLE', 'environment', `${what}: the registry refuses the new schema: ${answer}`, {
      ...options,
      hint: 'change the compatibility level of the subject (NONE, FORWARD), or evolve the table compatibly',
    });
  if (status === 404)
    return new CdcError('CDC_REGISTRY_NOT_FOUND', 'environment', `${what}: ${answer}`, {
      ...options,
      hint: 'register the schema, set auto.register.schemas=true, or check that schema.registry.url is the registry this topic was written with',
    });
  if (status >= 500 || status === 408 || status === 429)
    return new CdcError('CDC_REGISTRY_UNAVAILABLE', 'retriable', `schema registry ${urls.join(', ')}: ${answer}`, {
      ...options,
      hint: 'check schema.registry.url and that the registry is up',
    });
  return new CdcError('CDC_REGISTRY_REJECTED', 'environment', `${what}: the registry answers ${status}: ${answer}`, {
    ...options,
    hint:
      status === 401 || status === 403 ? 'check basic.auth.user.info and the permissions of that user' : 'see the answer of the registry',
  });
}

function createApi(host: string, config: RegistryConfig): Api {
  const bearer = () => ({
    prepareRequest: async (next: () => Promise<{ enhance(extras: object): unknown }>) =>
      (await next()).enhance({ headers: { Authorization: `Bearer ${config.bearerToken}` } }),
  });
  const auth = config.username === null ? {} : { auth: { username: config.username, password: config.password } };
  const middlewares = (config.bearerToken === null ? [] : [bearer]) as unknown as [];
  return apiModule.default({ host, ...auth, middlewares });
}
