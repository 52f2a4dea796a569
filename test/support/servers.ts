import type { Stack } from '../stack/stack.ts';
import { openStack } from '../stack/stack.ts';

/**
 * Where the servers are that a test needs. `npm test` starts them and sets these variables; for single files:
 * `npm run stack -- up` prints them. A server that is needed and not there fails the test that needs it.
 */
function required(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '')
    throw new Error(`${name} is not set: run "npm test", or "npm run stack -- up" and export what it prints`);
  return value;
}

function port(name: string): number {
  const value = Number(required(name));
  if (!Number.isInteger(value) || value < 1 || value > 65_535) throw new Error(`${name} is not a port`);
  return value;
}

/** MySQL on 127.0.0.1: root without password, cdc / cdc-pw with a connector's privileges. */
export const mysqlPort = (): number => port('RIVERBEND_TEST_MYSQL_PORT');

/** MariaDB on 127.0.0.1, with the same accounts. */
export const mariadbPort = (): number => port('RIVERBEND_TEST_MARIADB_PORT');

/** `host:port` of the Kafka broker. */
export const kafkaBootstrap = (): string => required('RIVERBEND_TEST_KAFKA');

/** Base URL of the Confluent-compatible registry API. */
export const registryUrl = (): string => required('RIVERBEND_TEST_REGISTRY');

/** `databend://user:password@host:port/database?…` */
export const databendDsn = (): string => required('RIVERBEND_TEST_DATABEND');

/** The stack these servers belong to, for tests that kill and restart them. */
export const openTestStack = async (): Promise<Stack> => openStack(required('RIVERBEND_TEST_STACK'));
