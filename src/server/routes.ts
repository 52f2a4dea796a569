import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { RestError } from './rest-error.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
type Method = (typeof METHODS)[number];

export type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

/** Registers a path's methods; the others answer 405, OPTIONS the list of those there are. */
export function route(app: FastifyInstance, url: string, handlers: Partial<Record<Method, Handler>>): void {
  const allowed = METHODS.filter((m) => handlers[m] !== undefined);
  for (const method of METHODS) {
    const handler =
      handlers[method] ??
      (async () => {
        throw new RestError(405, 'HTTP 405 Method Not Allowed');
      });
    app.route({ method, url, handler });
  }
  app.route({
    method: 'OPTIONS',
    url,
    handler: async (_request, reply) =>
      reply
        .header('allow', [...allowed, 'OPTIONS'].join(','))
        .code(200)
        .send(),
  });
}

/** A path parameter. */
export function param(request: FastifyRequest, name: string): string {
  return (request.params as Record<string, string>)[name] ?? '';
}

/** Every value of a query parameter. */
export function queryValues(request: FastifyRequest, name: string): readonly string[] {
  const value = (request.query as Record<string, string | string[] | undefined>)[name];
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

/** True for `true` in any case, as Java's Boolean.parseBoolean; everything else is false. */
export function queryFlag(request: FastifyRequest, name: string): boolean {
  return queryValues(request, name)[0]?.toLowerCase() === 'true';
}

/** The JSON body; undefined when empty. */
export function jsonBody(request: FastifyRequest): unknown {
  const text = request.body;
  if (typeof text !== 'string' || text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    // Kafka Connect answers 500 here; it is the client's mistake.
    throw new RestError(400, `The request body is not JSON: ${(error as Error).message}`);
  }
}

/** An answer without body. */
export function empty(reply: FastifyReply, status: 202 | 204): FastifyReply {
  return reply.code(status).send();
}
