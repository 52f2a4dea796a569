import { existsSync } from 'node:fs';
import { interpretConfig } from '../config/read-config.ts';
import type { ReadConfig } from '../config/run-config.ts';
import { readConfigFile } from '../config/sources.ts';
import { CdcError } from '../model/errors.ts';
import { PLUGINS } from '../runtime/plugin-list.ts';
import { knownServerKeys } from '../runtime/plugins.ts';

const DEFAULT_FILES = ['config/application.properties', 'conf/application.properties'];

/** Reads and interprets a configuration file. Throws CDC_CONFIG_FILE when it cannot be read or parsed. */
export function loadConfig(file: string | undefined, env: Readonly<Record<string, string | undefined>>): ReadConfig {
  const path = file ?? DEFAULT_FILES.find((f) => existsSync(f));
  if (path === undefined)
    throw new CdcError('CDC_CONFIG_FILE', 'config', `no configuration file given, and neither ${DEFAULT_FILES.join(' nor ')} exists`, {
      hint: 'riverbend run FILE',
    });
  return interpretConfig(readConfigFile(path), { env }, knownServerKeys(PLUGINS));
}
