import { mysqlPort } from '../support/servers.ts';
import { binlogSourceSuite } from './binlog-source-suite.ts';

binlogSourceSuite('mysql', mysqlPort);
