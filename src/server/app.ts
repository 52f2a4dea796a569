import { type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import { CdcError } from '../model/errors.ts';
import type { Herder } from '../runtime/herder.ts';
import type { Plugins } from '../runtime/plugins.ts';
import type { Logging } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { registerAdminLoggers } from './admin-loggers.ts';
import { registerConnectorActions } from './connector-actions.ts';
import { registerConnectorPlugins } from './connector-plugins.ts';
import { registerConnectors } from './connectors.ts';
import { registerHealth } from './health.ts';
import { RestError } from './rest-error.ts';
import { registerRoot } from './root.ts';

export interface AppOptions {
  readonly herder: Herder;
  readonly plugins: Plugins;
  readonly logging: Logging;
  readonly metrics: Metrics;
  readonly host: string;
  readonly port: number;
  readonly maxLagMs: number | null;
  readonly version: string;
  /** Shown in `GET /`; empty when there is no Kafka. */
  readonly kafkaClusterId: string;
  readonly clock: { now(): number };
}

const MUTATING = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** The HTTP listener: Kafka Connect's REST API, health, metrics. */
export function createApp(o: AppOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: 4 << 20,
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1024 },
    exposeHeadRoutes: true,
  });
  const logger = o.logging.logger('http');
  const loopback = isLoopback(o.host);

  // Clients of Connect send a JSON content type with an empty body, and bodies without any content type.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));

  app.addHook('onRequest', async (request) => {
    if (!MUTATING.has(request.method)) return;
    if (!loopback)
      throw new RestError(
        403,
        `Changes are refused: the listener ${o.host} is open to other machines and has no authentication. Bind it to 127.0.0.1 to allow them.`,
      );
    // A web page in a local browser can send simple requests here; it always says where it comes from.
    if (request.headers.origin !== undefined && !sameOrigin(request.headers.origin, request.headers.host))
      throw new RestError(403, 'Changes are refused from other origins.');
    if (o.herder.isStopping) throw new RestError(503, 'The worker is stopping.');
  });
  app.setNotFoundHandler(async (_request, reply) => sendError(reply, 404, 'HTTP 404 Not Found'));
  app.setErrorHandler(async (error, _request, reply) => {
    if (error instanceof RestError) return sendError(reply, error.status, error.message);
    if (error instanceof CdcError)
      return sendError(reply, error.kind === 'config' ? 400 : error.kind === 'environment' ? 409 : 500, error.message);
    const status = (error as { statusCode?: number }).statusCode;
    if (status !== undefined && status < 500) return sendError(reply, status, (error as Error).message);
    logger.error({ error }, 'request failed');
    return sendError(reply, 500, (error as Error).message);
  });

  registerRoot(app, o);
  registerConnectors(app, o);
  registerConnectorActions(app, o);
  registerConnectorPlugins(app, o);
  registerAdminLoggers(app, o);
  registerHealth(app, o);
  return app;
}

/** Opens the listener. Throws CDC_HTTP_LISTEN. Answers the port, which differs from the configured one when that is 0. */
export async function listen(app: FastifyInstance, host: string, port: number): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    throw new CdcError('CDC_HTTP_LISTEN', 'environment', `HTTP listener ${host}:${port} cannot be opened: ${(cause as Error).message}`, {
      cause,
      hint: 'choose a free port (quarkus.http.port, or worker key listeners) or an address of this machine',
    });
  }
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function sameOrigin(origin: string, host: string | undefined): boolean {
  try {
    return new URL(origin).host === host;
  } catch {
    return false;
  }
}

function sendError(reply: FastifyReply, status: number, message: string): FastifyReply {
  return reply.code(status).send({ error_code: status, message });
}
