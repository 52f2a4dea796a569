import { CdcError, type ErrorKind } from '../model/errors.ts';

/** What is known of a kafkajs error without importing its classes. */
interface KafkaJsError {
  readonly name: string;
  readonly message: string;
  readonly type?: string;
  readonly code?: unknown;
  readonly retriable?: boolean;
  readonly cause?: unknown;
  readonly originalError?: unknown;
  readonly errors?: readonly unknown[];
  readonly topic?: string;
}

interface Meaning {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly hint: string;
}

const AUTHORIZATION: Meaning = {
  code: 'CDC_KAFKA_AUTHORIZATION',
  kind: 'environment',
  hint: 'grant the principal the ACLs it needs on the topic, the group or the cluster named',
};
const AUTHENTICATION: Meaning = {
  code: 'CDC_KAFKA_AUTHENTICATION',
  kind: 'environment',
  hint: 'check security.protocol, sasl.mechanism, sasl.jaas.config and ssl.*',
};
const TOO_LARGE: Meaning = {
  code: 'CDC_KAFKA_MESSAGE_TOO_LARGE',
  kind: 'data',
  hint: 'raise max.message.bytes of the topic and producer max.request.size, or exclude the column',
};
const TOPIC: Meaning = {
  code: 'CDC_KAFKA_TOPIC',
  kind: 'environment',
  hint: 'create the topic yourself or correct topic.creation.*',
};
const FENCED: Meaning = {
  code: 'CDC_KAFKA_FENCED',
  kind: 'fatal',
  hint: 'another process took this task over; nothing to do unless two run with the same configuration',
};
const RETRY: Meaning = { code: 'CDC_KAFKA_UNAVAILABLE', kind: 'retriable', hint: 'check that the brokers run and are reachable' };

/** Protocol error types (Kafka's names) that are not simply "try again". */
const BY_TYPE: Readonly<Record<string, Meaning>> = {
  MESSAGE_TOO_LARGE: TOO_LARGE,
  RECORD_LIST_TOO_LARGE: TOO_LARGE,
  TOPIC_AUTHORIZATION_FAILED: AUTHORIZATION,
  GROUP_AUTHORIZATION_FAILED: AUTHORIZATION,
  CLUSTER_AUTHORIZATION_FAILED: AUTHORIZATION,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: AUTHORIZATION,
  SASL_AUTHENTICATION_FAILED: AUTHENTICATION,
  UNSUPPORTED_SASL_MECHANISM: AUTHENTICATION,
  ILLEGAL_SASL_STATE: AUTHENTICATION,
  INVALID_TOPIC_EXCEPTION: TOPIC,
  INVALID_PARTITIONS: TOPIC,
  INVALID_REPLICATION_FACTOR: TOPIC,
  INVALID_REPLICA_ASSIGNMENT: TOPIC,
  INVALID_CONFIG: TOPIC,
  POLICY_VIOLATION: TOPIC,
  INVALID_PRODUCER_EPOCH: FENCED,
  PRODUCER_FENCED: FENCED,
};

/**
 * Translates an error of kafkajs by name and protocol type. `what` says what was tried, on what. Anything
 * not known to be final is retriable: a broker outage shows itself in many ways, some of them marked
 * non-retriable by kafkajs. A CdcError passes unchanged.
 */
export function kafkaError(error: unknown, what: string, context: Readonly<Record<string, unknown>> = {}): CdcError {
  const chain = causes(error);
  const ours = chain.find((e) => e instanceof CdcError);
  if (ours instanceof CdcError) return ours;
  const meaning = chain.map(meaningOf).find((m) => m !== null) ?? RETRY;
  const deepest = chain.findLast((e): e is KafkaJsError => typeof e === 'object' && e !== null && 'message' in e);
  const detail = deepest?.type === undefined ? (deepest?.message ?? String(error)) : `${deepest.type}: ${deepest.message}`;
  const topic = chain.map((e) => (e as KafkaJsError | null)?.topic).find((t) => typeof t === 'string');
  return new CdcError(meaning.code, meaning.kind, `${what}: ${detail}`, {
    cause: error,
    hint: meaning.hint,
    context: topic === undefined ? context : { topic, ...context },
  });
}

function meaningOf(error: unknown): Meaning | null {
  if (typeof error !== 'object' || error === null) return null;
  const e = error as KafkaJsError;
  if (e.type !== undefined && BY_TYPE[e.type] !== undefined) return BY_TYPE[e.type] as Meaning;
  return e.name === 'KafkaJSSASLAuthenticationError' ? AUTHENTICATION : null;
}

/** The error, its causes and, for an aggregate, its parts; each once. */
function causes(error: unknown): readonly unknown[] {
  const seen = new Set<unknown>();
  const visit = (e: unknown): void => {
    if (typeof e !== 'object' || e === null || seen.has(e)) return;
    seen.add(e);
    const k = e as KafkaJsError;
    visit(k.cause);
    visit(k.originalError);
    for (const part of k.errors ?? []) visit(part);
  };
  visit(error);
  return [...seen];
}

/** The error that says we were asked to stop. */
export function abortedError(): CdcError {
  return new CdcError('CDC_ABORTED', 'aborted', 'asked to stop');
}
