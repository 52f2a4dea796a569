import { mariadbPort } from '../support/servers.ts';
import { binlogSourceSuite } from './binlog-source-suite.ts';

binlogSourceSuite('mariadb', mariadbPort);
