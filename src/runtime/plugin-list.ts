import { databendSinkConnector } from '../sink/databend/connector.ts';
import { fileSinkConnector } from '../sink/file/connector.ts';
import { logSinkConnector } from '../sink/log/connector.ts';
import { mariadbConnector, mysqlConnector } from '../source/mysql/connector.ts';
import { avroConverter, jsonConverter } from './converters.ts';
import { kafkaEnds } from './kafka-ends.ts';
import type { Plugins } from './plugins.ts';

/** Every connector and converter of this build: the only list to extend. */
export const PLUGINS: Plugins = {
  sources: [mysqlConnector, mariadbConnector],
  sinks: [databendSinkConnector, fileSinkConnector, logSinkConnector],
  converters: [jsonConverter, avroConverter],
  kafka: kafkaEnds,
};
