import type { FastifyInstance } from 'fastify';
import type { AppOptions } from './app.ts';
import { route } from './routes.ts';

/**
 * The Kafka Connect whose REST API this is: clients judge by it what they may call. riverbend's own version is the
 * commit field's text.
 */
export const CONNECT_VERSION = '4.3.1';

/** `GET /` */
export function registerRoot(app: FastifyInstance, o: AppOptions): void {
  route(app, '/', {
    GET: async () => ({ version: CONNECT_VERSION, commit: `riverbend-${o.version}`, kafka_cluster_id: o.kafkaClusterId }),
  });
}
