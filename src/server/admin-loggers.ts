import type { FastifyInstance } from 'fastify';
import { CONNECT_LEVELS } from '../telemetry/logger.ts';
import type { AppOptions } from './app.ts';
import { RestError } from './rest-error.ts';
import { empty, jsonBody, param, queryValues, route } from './routes.ts';

/** `/admin/loggers`: levels of riverbend's loggers, changed while running. */
export function registerAdminLoggers(app: FastifyInstance, o: AppOptions): void {
  const view = (l: { readonly level: string; readonly lastModified: number | null }) => ({ level: l.level, last_modified: l.lastModified });

  route(app, '/admin/loggers', {
    GET: async () => Object.fromEntries([...o.logging.levels()].map(([name, l]) => [name, view(l)])),
  });
  route(app, '/admin/loggers/:logger', {
    GET: async (request) => {
      const name = param(request, 'logger');
      const found = o.logging.levels().get(name);
      if (found === undefined) throw new RestError(404, `Logger ${name} not found.`);
      return view(found);
    },
    PUT: async (request, reply) => {
      const level = (jsonBody(request) as { level?: unknown } | undefined)?.level;
      if (typeof level !== 'string') throw new RestError(400, "Desired 'level' parameter was not specified in request.");
      if (!(CONNECT_LEVELS as readonly string[]).includes(level.toUpperCase())) throw new RestError(404, `invalid log level '${level}'.`);
      const changed = o.logging.setLevel(param(request, 'logger'), level, o.clock.now());
      return queryValues(request, 'scope')[0]?.toLowerCase() === 'cluster' ? empty(reply, 204) : changed;
    },
  });
}
