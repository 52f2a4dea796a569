import type { FastifyInstance, FastifyReply } from 'fastify';
import { type HealthCheck, readiness } from '../runtime/health.ts';
import type { AppOptions } from './app.ts';
import { route } from './routes.ts';

/** MicroProfile Health at `/health…` and `/q/health…`, Prometheus text at `/metrics` and `/q/metrics`. */
export function registerHealth(app: FastifyInstance, o: AppOptions): void {
  // That this code runs is what liveness means: the event loop answers.
  const live: readonly HealthCheck[] = [{ name: 'event loop', status: 'UP', data: {} }];
  const answer = (reply: FastifyReply, checks: readonly HealthCheck[]): FastifyReply => {
    const up = checks.every((c) => c.status === 'UP');
    return reply.code(up ? 200 : 503).send({ status: up ? 'UP' : 'DOWN', checks });
  };
  for (const prefix of ['', '/q']) {
    route(app, `${prefix}/health/live`, { GET: async (_request, reply) => answer(reply, live) });
    route(app, `${prefix}/health/ready`, { GET: async (_request, reply) => answer(reply, readiness(o.herder, o.maxLagMs)) });
    route(app, `${prefix}/health`, { GET: async (_request, reply) => answer(reply, [...live, ...readiness(o.herder, o.maxLagMs)]) });
    route(app, `${prefix}/metrics`, {
      GET: async (_request, reply) => reply.type(o.metrics.contentType).send(await o.metrics.text()),
    });
  }
}
