import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { cacheDir } from './options.ts';
import { statOf } from './processes.ts';

/**
 * Returns the cache folder `name`, made by `make` when it isn't there. `make` fills a temporary folder that is renamed once it is complete,
 * so a half download is never used; other processes that want the same wait.
 */
export async function cached(name: string, log: (line: string) => void, make: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(cacheDir(), name);
  if (existsSync(folder)) return folder;
  mkdirSync(cacheDir(), { recursive: true });
  return await locked(name, log, async () => {
    if (existsSync(folder)) return folder;
    const unfinished = `${folder}.unfinished`;
    rmSync(unfinished, { recursive: true, force: true });
    mkdirSync(unfinished, { recursive: true });
    const startedAt = Date.now();
    const seconds = (): string => `${((Date.now() - startedAt) / 1000).toFixed(0)} s`;
    log(`downloading ${name} into ${cacheDir()}`);
    const progress = setInterval(() => log(`still downloading ${name} (${seconds()})`), 10_000);
    try {
      await make(unfinished);
    } finally {
      clearInterval(progress);
    }
    renameSync(unfinished, folder);
    log(`downloaded ${name} in ${seconds()}`);
    return folder;
  });
}

/** Runs `work` while no other process holds the lock of that name; a lock whose owner is gone counts for nothing. */
export async function locked<T>(name: string, log: (line: string) => void, work: () => Promise<T>): Promise<T> {
  mkdirSync(cacheDir(), { recursive: true });
  const file = join(cacheDir(), `${name}.lock`);
  const mine = JSON.stringify({ pid: process.pid, startTicks: statOf(process.pid)?.startTicks, at: Math.random() });
  for (let told = false; !tryLock(file, mine); ) {
    if (!told) log(`waiting for another process that prepares ${name}`);
    told = true;
    await delay(200);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function tryLock(file: string, mine: string): boolean {
  try {
    writeFileSync(file, mine, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  try {
    const owner = JSON.parse(readFileSync(file, 'utf8')) as { pid: number; startTicks: string };
    if (statOf(owner.pid)?.startTicks !== owner.startTicks) rmSync(file, { force: true });
  } catch {
    // being written, or just released: look again
  }
  return false;
}

/** Runs a program to its end; throws with the end of its output when it fails. */
export function run(
  command: string,
  args: readonly string[],
  { cwd, env }: { cwd?: string; env?: Record<string, string> } = {},
): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    });
    let output = '';
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      output = (output + text).slice(-4_000);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-4_000);
    });
    child.once('error', (cause) => fail(new Error(`cannot run ${command}`, { cause })));
    child.once('close', (code, signal) => {
      if (code === 0) done(stdout);
      else fail(new Error(`${command} ${args.slice(0, 4).join(' ')} ended with ${signal ?? code}:\n${output.trimEnd()}`));
    });
  });
}

/** Two cold Maven runs at once may spoil each other's local repository: one at a time. */
export function maven(args: readonly string[], cwd: string, log: (line: string) => void): Promise<string> {
  return locked('maven', log, () => run('mvn', ['-q', '-B', ...localRepository(), ...args], { cwd }));
}

/** Maven keeps its repository in the home of the account, whatever HOME says; one without such a home uses the cache. */
function localRepository(): readonly string[] {
  try {
    accessSync(userInfo().homedir, constants.W_OK);
    return [];
  } catch {
    return [`-Dmaven.repo.local=${join(cacheDir(), 'maven-repository')}`];
  }
}

const DEPENDENCY_PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';

/** Copies artifacts (group:artifact:version) with all they need at run time into `target`. */
export async function mavenLibraries(artifacts: readonly string[], target: string, log: (line: string) => void): Promise<void> {
  const dependencies = artifacts.map((coordinates) => {
    const [group, artifact, version] = coordinates.split(':');
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
  });
  mkdirSync(target, { recursive: true });
  const pom = join(target, 'pom.xml');
  writeFileSync(
    pom,
    `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>local</groupId><artifactId>libraries</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>${dependencies.join('\n')}</dependencies></project>\n`,
  );
  await maven(['-f', pom, `${DEPENDENCY_PLUGIN}:copy-dependencies`, '-DincludeScope=runtime', `-DoutputDirectory=${target}`], target, log);
  rmSync(pom);
}

/** Copies one artifact file, nothing it depends on, into `target`. */
export async function mavenArtifact(coordinates: string, target: string, log: (line: string) => void): Promise<void> {
  mkdirSync(target, { recursive: true });
  await maven(
    [`${DEPENDENCY_PLUGIN}:copy`, `-Dartifact=${coordinates}`, `-DoutputDirectory=${target}`, '-Dmdep.useBaseVersion=true'],
    target,
    log,
  );
}
