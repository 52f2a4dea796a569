import type { FastifyInstance } from 'fastify';
import { formatDefault } from '../config/config-def.ts';
import { connectorConfig } from '../config/connector-config.ts';
import { findPlugin } from '../runtime/plugins.ts';
import { type ConfigDef, type ConfigKey, REQUIRED } from '../spi/config-def.ts';
import type { AppOptions } from './app.ts';
import { RestError } from './rest-error.ts';
import { param, queryFlag, queryValues, route } from './routes.ts';

/** `/connector-plugins` and a plugin's keys. */
export function registerConnectorPlugins(app: FastifyInstance, o: AppOptions): void {
  const connectors = [...o.plugins.sources, ...o.plugins.sinks].filter((p) => (p.names[0] as string).includes('.'));
  const view = (plugin: { readonly names: readonly string[] }, type: string, version: string) => ({
    class: plugin.names[0] as string,
    type,
    version,
  });
  const byClass = (a: { class: string }, b: { class: string }): number => (a.class < b.class ? -1 : 1);

  route(app, '/connector-plugins', {
    GET: async (request) => {
      const list = connectors.map((p) => view(p, p.type, p.version)).sort(byClass);
      const only = queryValues(request, 'connectorsOnly').length === 0 || queryFlag(request, 'connectorsOnly');
      if (only) return list;
      return [...list, ...o.plugins.converters.map((c) => view(c, 'converter', o.version)).sort(byClass)];
    },
  });
  route(app, '/connector-plugins/:plugin/config', {
    GET: async (request) => {
      const name = param(request, 'plugin');
      const connector = findPlugin(connectors, name);
      if (connector !== undefined) return keyInfos(connectorConfig, connector.config);
      const converter = findPlugin(o.plugins.converters, name);
      if (converter === undefined) throw new RestError(404, `Unknown plugin ${name}.`);
      return keyInfos(converter.config);
    },
  });
  route(app, '/connector-plugins/:plugin/config/validate', {
    PUT: async () => {
      throw new RestError(501, 'Validating over REST is not available in this version: use `riverbend check FILE`.');
    },
  });
}

/** Connect's ConfigKeyInfo of every key; of a key defined twice the later definition counts. */
function keyInfos(...defs: readonly ConfigDef<unknown>[]): readonly object[] {
  const keys = new Map<string, ConfigKey<unknown>>(defs.flatMap((d) => Object.entries(d.keys)));
  let order = 0;
  return [...keys].map(([name, key]) => ({
    name,
    type: key.type.toUpperCase(),
    required: key.default === REQUIRED,
    default_value: key.default === REQUIRED || key.default === null ? null : formatDefault(key.default),
    importance: key.importance.toUpperCase(),
    documentation: key.doc,
    group: key.group,
    order: ++order,
    order_in_group: order,
    width: 'MEDIUM',
    display_name: name,
    dependents: [],
  }));
}
