import { fileSinkConnector } from '../sink/file/connector.ts';
import { logSinkConnector } from '../sink/log/connector.ts';
import { avroConverter, jsonConverter } from './converters.ts';
import { kafkaEnds } from './kafka-ends.ts';
import type { Plugins } from './plugins.ts';

/** Every connector and converter of this build: the only list to extend. */
export const PLUGINS: Plugins = {
  sources: [],
  sinks: [fileSinkConnector, logSinkConnector],
  converters: [jsonConverter, avroConverter],
  kafka: kafkaEnds,
};
