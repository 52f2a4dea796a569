import { defineConfig } from '../../config/config-def.ts';
import { REQUIRED } from '../../spi/config-def.ts';
import type { SinkConnector } from '../../spi/connector.ts';
import { FileSinkTask } from './sink-task.ts';

export interface FileSinkKeys {
  readonly path: string;
}

/** The `file` sink: one JSON object a line, for tests and small jobs. */
export const fileSinkConnector: SinkConnector<FileSinkKeys> = {
  type: 'sink',
  takes: 'messages',
  names: ['file'],
  version: '1',
  config: defineConfig<FileSinkKeys>({
    path: {
      type: 'string',
      default: REQUIRED,
      importance: 'high',
      group: 'File',
      doc: 'The file lines are appended to; created with its folders.',
    },
  }),
  probe: async () => [],
  taskConfigs: (raw) => [raw],
  createTask: (config, context) => new FileSinkTask(config.path, context.converters),
};
