import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Connector } from '../runtime/herder.ts';
import type { TaskWorker } from '../runtime/task-worker.ts';
import type { AppOptions } from './app.ts';
import { ConnectorViews } from './connector-views.ts';
import { RestError } from './rest-error.ts';
import { param, queryValues, route } from './routes.ts';

/** The connector named in the path; 404 with the text given otherwise. */
export function connectorOf(o: AppOptions, request: FastifyRequest, missing: (name: string) => RestError): Connector {
  const name = param(request, 'name');
  const connector = o.herder.get(name);
  if (connector === undefined) throw missing(name);
  return connector;
}

export const notFound = (name: string): RestError => new RestError(404, `Connector ${name} not found`);

/** A number in a path; a path with anything else does not exist. */
export function taskIdOf(request: FastifyRequest): number {
  const text = param(request, 'task');
  if (!/^\d+$/.test(text)) throw new RestError(404, 'HTTP 404 Not Found');
  return Number(text);
}

/** The reading calls of `/connectors`. */
export function registerConnectors(app: FastifyInstance, o: AppOptions): void {
  const views = new ConnectorViews(o.herder, `${o.host}:${o.port}`);
  const notYet = async (): Promise<never> => {
    throw new RestError(
      501,
      'Creating, changing and deleting connectors over REST is not available in this version: edit the configuration file and restart.',
    );
  };

  route(app, '/connectors', {
    GET: async (request) => {
      const expand = queryValues(request, 'expand');
      if (expand.length === 0) return o.herder.list().map((c) => c.name);
      return Object.fromEntries(
        o.herder.list().map((c) => [
          c.name,
          {
            ...(expand.includes('status') ? { status: views.status(c) } : {}),
            ...(expand.includes('info') ? { info: views.info(c) } : {}),
          },
        ]),
      );
    },
    POST: notYet,
  });
  route(app, '/connectors/:name', {
    GET: async (request) => views.info(connectorOf(o, request, notFound)),
    DELETE: async (request) => {
      connectorOf(o, request, notFound);
      return notYet();
    },
  });
  route(app, '/connectors/:name/config', {
    GET: async (request) => o.herder.shownConfig(connectorOf(o, request, notFound).name),
    PUT: notYet,
    PATCH: async (request) => {
      connectorOf(o, request, notFound);
      return notYet();
    },
  });
  const noStatus = (name: string): RestError => new RestError(404, `No status found for connector ${name}`);
  route(app, '/connectors/:name/status', {
    GET: async (request) => views.status(connectorOf(o, request, noStatus)),
  });
  route(app, '/connectors/:name/tasks', {
    GET: async (request) => {
      const c = connectorOf(o, request, notFound);
      const config = o.herder.shownConfig(c.name);
      return c.tasks.map((t) => ({ id: { connector: c.name, task: t.id }, config }));
    },
  });
  route(app, '/connectors/:name/tasks/:task/status', {
    GET: async (request) => {
      const id = taskIdOf(request);
      const none = (name: string): RestError => new RestError(404, `No status found for task ${name}-${id}`);
      const c = connectorOf(o, request, none);
      const task = c.tasks.find((t) => t.id === id);
      if (task === undefined) throw none(c.name);
      return views.task(c, task);
    },
  });
  route(app, '/connectors/:name/topics', {
    GET: async (request) => {
      const name = param(request, 'name');
      return { [name]: { topics: topicsOf(o.herder.get(name)?.tasks ?? []) } };
    },
  });
  route(app, '/connectors/:name/offsets', {
    GET: async (request) => ({ offsets: await o.herder.offsetsOf(connectorOf(o, request, notFound).name) }),
    PATCH: notYet,
    DELETE: notYet,
  });
}

function topicsOf(tasks: readonly TaskWorker[]): readonly string[] {
  return [...new Set(tasks.flatMap((t) => [...t.topics]))].sort();
}
