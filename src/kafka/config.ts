import { readFileSync } from 'node:fs';
import type { SecureContextOptions } from 'node:tls';
import { CdcError } from '../model/errors.ts';
import type { RawConfig } from '../spi/config-def.ts';
import type { SASLOptions } from './kafkajs.ts';

/** How to reach the brokers, in kafkajs' terms. */
export interface ConnectionOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly ssl: boolean | (SecureContextOptions & { rejectUnauthorized?: boolean; checkServerIdentity?: () => undefined });
  readonly sasl: SASLOptions | null;
  readonly requestTimeoutMs: number;
  readonly connectionTimeoutMs: number;
}

const OWN_KEYS = /^(bootstrap\.servers|client\.id|client\.dns\.lookup|security\.protocol|sasl\.|ssl\.|request\.timeout\.ms|socket\.)/;

/**
 * The client keys of a worker or server configuration for one use: the common ones (`bootstrap.servers`,
 * `security.protocol`, `sasl.*`, `ssl.*` …) overridden by those under `prefix` (`producer.`, `consumer.`, `admin.`).
 */
export function clientKeys(raw: RawConfig, prefix: string): RawConfig {
  const out: Record<string, string> = {};
  for (const [k, v] of Object.entries(raw)) if (OWN_KEYS.test(k)) out[k] = v;
  for (const [k, v] of Object.entries(raw)) if (k.startsWith(prefix)) out[k.slice(prefix.length)] = v;
  return out;
}

/** Reads Kafka's client keys. Throws CDC_CONFIG_INVALID naming the key. Missing files count as bad configuration. */
export function parseConnection(raw: RawConfig): ConnectionOptions {
  const brokers = (raw['bootstrap.servers'] ?? '')
    .split(',')
    .map((s) => s.trim().replace(/^[A-Z_]+:\/\//, ''))
    .filter((s) => s !== '');
  if (brokers.length === 0) throw invalid('bootstrap.servers', 'is missing: a list of host:port is required');
  const wrong = brokers.find((b) => !/:\d+$/.test(b));
  if (wrong !== undefined) throw invalid('bootstrap.servers', `holds "${wrong}", which is not host:port`);
  const protocol = (raw['security.protocol'] ?? 'PLAINTEXT').trim().toUpperCase();
  if (!['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'].includes(protocol)) {
    throw invalid('security.protocol', `must be one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL, not ${protocol}`);
  }
  return {
    brokers,
    clientId: raw['client.id'] ?? 'riverbend',
    ssl: protocol.endsWith('SSL') ? parseTls(raw) : false,
    sasl: protocol.startsWith('SASL') ? parseSasl(raw) : null,
    requestTimeoutMs: wholeNumber(raw, 'request.timeout.ms', 30_000),
    connectionTimeoutMs: wholeNumber(raw, 'socket.connection.setup.timeout.ms', 10_000),
  };
}

/** A whole number of the raw configuration, or its default. */
export function wholeNumber(raw: RawConfig, key: string, otherwise: number): number {
  const text = raw[key]?.trim();
  if (text === undefined || text === '') return otherwise;
  const n = Number(text);
  if (!Number.isSafeInteger(n)) throw invalid(key, 'must be a whole number');
  return n;
}

function parseSasl(raw: RawConfig): SASLOptions {
  const mechanism = (raw['sasl.mechanism'] ?? 'GSSAPI').trim().toUpperCase();
  const jaas = raw['sasl.jaas.config'] ?? '';
  const username = jaasOption(jaas, 'username');
  const password = jaasOption(jaas, 'password');
  const known = { PLAIN: 'plain', 'SCRAM-SHA-256': 'scram-sha-256', 'SCRAM-SHA-512': 'scram-sha-512' } as const;
  const name = known[mechanism as keyof typeof known];
  if (name === undefined) throw invalid('sasl.mechanism', `must be one of ${Object.keys(known).join(', ')}, not ${mechanism}`);
  if (username === null || password === null) throw invalid('sasl.jaas.config', 'must carry username="…" and password="…"');
  return { mechanism: name, username, password };
}

/** The value of `name="…"` (or `name='…'`, or bare) in a JAAS entry; quotes inside are escaped by a backslash. */
export function jaasOption(jaas: string, name: string): string | null {
  const match = new RegExp(`(?:^|\\s)${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|'((?:[^'\\\\]|\\\\.)*)'|([^\\s;]+))`).exec(jaas);
  if (match === null) return null;
  return (match[1] ?? match[2] ?? (match[3] as string)).replace(/\\(.)/g, '$1');
}

function parseTls(raw: RawConfig): ConnectionOptions['ssl'] {
  const options: SecureContextOptions & { rejectUnauthorized?: boolean; checkServerIdentity?: () => undefined } = {};
  const trustType = (raw['ssl.truststore.type'] ?? 'JKS').toUpperCase();
  if (raw['ssl.truststore.certificates'] !== undefined) options.ca = raw['ssl.truststore.certificates'];
  else if (raw['ssl.truststore.location'] !== undefined) {
    if (trustType !== 'PEM') throw invalid('ssl.truststore.type', `must be PEM, not ${trustType}: convert the store with openssl`);
    options.ca = readKeyFile(raw, 'ssl.truststore.location');
  }
  const keyType = (raw['ssl.keystore.type'] ?? 'JKS').toUpperCase();
  const keyPassword = raw['ssl.key.password'];
  if (raw['ssl.keystore.key'] !== undefined) {
    options.key = raw['ssl.keystore.key'];
    options.cert = raw['ssl.keystore.certificate.chain'] ?? '';
    if (keyPassword !== undefined) options.passphrase = keyPassword;
  } else if (raw['ssl.keystore.location'] !== undefined) {
    const data = readKeyFile(raw, 'ssl.keystore.location');
    const passphrase = keyType === 'PKCS12' ? (raw['ssl.keystore.password'] ?? keyPassword) : keyPassword;
    if (passphrase !== undefined) options.passphrase = passphrase;
    if (keyType === 'PKCS12') options.pfx = data;
    else if (keyType === 'PEM') Object.assign(options, { key: data, cert: data });
    else throw invalid('ssl.keystore.type', `must be PEM or PKCS12, not ${keyType}`);
  }
  // Kafka: an empty algorithm turns host name verification off; the chain is still verified.
  if (raw['ssl.endpoint.identification.algorithm']?.trim() === '') options.checkServerIdentity = () => undefined;
  return options;
}

function readKeyFile(raw: RawConfig, key: string): Buffer {
  try {
    return readFileSync(raw[key] as string);
  } catch (cause) {
    throw invalid(key, 'names a file that cannot be read', cause);
  }
}

function invalid(key: string, what: string, cause?: unknown): CdcError {
  return new CdcError('CDC_CONFIG_INVALID', 'config', `"${key}" ${what}`, {
    cause,
    hint: 'correct the key named and start again',
    context: { errors: [{ key, message: `"${key}" ${what}` }] },
  });
}
