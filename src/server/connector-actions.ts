import type { FastifyInstance } from 'fastify';
import type { TaskWorker } from '../runtime/task-worker.ts';
import type { AppOptions } from './app.ts';
import { ConnectorViews } from './connector-views.ts';
import { connectorOf, taskIdOf } from './connectors.ts';
import { RestError } from './rest-error.ts';
import { empty, param, queryFlag, route } from './routes.ts';

/** Pause, resume, stop and restart. */
export function registerConnectorActions(app: FastifyInstance, o: AppOptions): void {
  const views = new ConnectorViews(o.herder, `${o.host}:${o.port}`);
  const unknown = (name: string): RestError => new RestError(404, `Unknown connector ${name}`);
  const logger = o.logging.logger('http');
  /** What takes longer than an answer should; failures show in the status. */
  const later = (work: Promise<void>): void => {
    work.catch((error: unknown) => logger.error({ error }, 'a requested change failed'));
  };

  route(app, '/connectors/:name/pause', {
    PUT: async (request, reply) => {
      o.herder.pause(connectorOf(o, request, unknown).name);
      return empty(reply, 202);
    },
  });
  route(app, '/connectors/:name/resume', {
    PUT: async (request, reply) => {
      later(o.herder.resume(connectorOf(o, request, unknown).name));
      return empty(reply, 202);
    },
  });
  route(app, '/connectors/:name/stop', {
    PUT: async (request, reply) => {
      await o.herder.stopConnector(connectorOf(o, request, unknown).name);
      return empty(reply, 204);
    },
  });
  route(app, '/connectors/:name/restart', {
    POST: async (request, reply) => {
      const c = connectorOf(o, request, (name) => new RestError(404, `Unknown connector: ${name}`));
      const includeTasks = queryFlag(request, 'includeTasks');
      const onlyFailed = queryFlag(request, 'onlyFailed');
      const chosen = (task: TaskWorker): boolean => includeTasks && (!onlyFailed || task.state === 'FAILED');
      const connector = !onlyFailed || c.failure !== null;
      const answer = views.status(c, { connector, task: chosen });
      later(o.herder.restart(c.name, chosen));
      return includeTasks || onlyFailed ? reply.code(202).send(answer) : empty(reply, 204);
    },
  });
  route(app, '/connectors/:name/tasks/:task/restart', {
    POST: async (request, reply) => {
      const id = taskIdOf(request);
      const missing = (name: string): RestError => new RestError(404, `Task ${name}-${id} not found`);
      const c = connectorOf(o, request, missing);
      const task = c.tasks.find((t) => t.id === id);
      if (task === undefined) throw missing(c.name);
      later(task.restart());
      return empty(reply, 204);
    },
  });
  route(app, '/connectors/:name/topics/reset', {
    PUT: async (request, reply) => {
      for (const task of o.herder.get(param(request, 'name'))?.tasks ?? []) task.topics.clear();
      return empty(reply, 202);
    },
  });
}
