import { defineConfig } from '../../config/config-def.ts';
import type { SinkConnector } from '../../spi/connector.ts';
import { LogSinkTask } from './sink-task.ts';

/** The `log` sink: the lines of the file sink on stdout. The smallest correct sink, kept as the example. */
export const logSinkConnector: SinkConnector<Record<string, never>> = {
  type: 'sink',
  takes: 'messages',
  names: ['log'],
  version: '1',
  config: defineConfig<Record<string, never>>({}),
  probe: async () => [],
  taskConfigs: (raw) => [raw],
  createTask: (_config, context) => new LogSinkTask(context.converters, process.stdout),
};
