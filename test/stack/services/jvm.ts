import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findJava } from '../requirements.ts';

export const KAFKA_VERSION = '4.3.1';
/** kafka_2.13's runtime scope has no logging backend. */
export const LOG4J = ['org.apache.logging.log4j:log4j-core:2.25.2', 'org.apache.logging.log4j:log4j-slf4j-impl:2.25.2'];

export function java(atLeast = 17): string {
  const found = findJava(atLeast);
  if (found === null) throw new Error(`no java ${atLeast} or newer; name one in RIVERBEND_STACK_JAVA`);
  return found;
}

export function writeProperties(file: string, lines: Readonly<Record<string, string | number | boolean>>, extra: readonly string[]): void {
  const all = Object.entries(lines).map(([key, value]) => `${key}=${value}`);
  writeFileSync(file, `${[...all, ...extra].join('\n')}\n`);
}

/** Writes a log4j2 configuration (warnings to stdout, `info` loggers too) and returns the JVM option that names it. */
export function logOption(folder: string, info: readonly string[] = []): string {
  const file = join(folder, 'log4j2.xml');
  const loggers = info.map((name) => `<Logger name="${name}" level="INFO"/>`).join('');
  writeFileSync(
    file,
    `<Configuration status="WARN"><Appenders><Console name="C"><PatternLayout pattern="[%d] %p %m (%c)%n"/></Console></Appenders>
<Loggers><Root level="WARN"><AppenderRef ref="C"/></Root>${loggers}</Loggers></Configuration>\n`,
  );
  return `-Dlog4j2.configurationFile=${file}`;
}
