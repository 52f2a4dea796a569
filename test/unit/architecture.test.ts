import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

const SRC = join(import.meta.dirname, '..', '..', 'src');

/** The one file (or folder, ending in `/`) that may import a package. */
const IMPORTERS: Readonly<Record<string, readonly string[]>> = {
  '@vlasky/zongji': ['source/mysql/streaming/binlog-client.ts'],
  mysql2: ['source/mysql/connection.ts'],
  kafkajs: ['kafka/kafkajs.ts'],
  '@kafkajs/confluent-schema-registry': ['convert/avro/registry.ts'],
  'databend-driver': ['sink/databend/client.ts'],
  fastify: ['server/'],
  typebox: ['server/'],
  pino: ['telemetry/'],
  'prom-client': ['telemetry/'],
  yaml: ['config/sources.ts'],
  'iconv-lite': ['source/mysql/charsets.ts'],
};

const ADAPTERS = ['source', 'sink', 'kafka', 'convert', 'transform', 'storage'];

/** What a folder may import besides itself. `config/config-def.ts` (the builder of definitions) is for everyone but model, spi and util. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  model: [],
  util: [],
  spi: ['model', 'util'],
  config: ['model', 'spi', 'util'],
  relational: ['model', 'spi', 'util'],
  telemetry: ['model', 'spi', 'util', 'config'],
  ...Object.fromEntries(ADAPTERS.map((a) => [a, ['model', 'spi', 'util', 'relational']])),
  runtime: ['model', 'spi', 'util', 'relational', 'config', 'telemetry', ...ADAPTERS],
  server: ['model', 'spi', 'util', 'config', 'telemetry', 'runtime'],
};

/** Edges that are wanted all the same, with the reason. */
const EXCEPTIONS: readonly { readonly from: RegExp; readonly to: RegExp; readonly why: string }[] = [
  {
    from: /^kafka\//,
    to: /^convert\/json\//,
    why: 'message headers and schema-change records are JSON whatever the configured converter is',
  },
  {
    from: /^source\/mysql\/history\.ts$/,
    to: /^storage\/(?:file|memory)-schema-history\.ts$/,
    why: 'the connector chooses its schema history by `schema.history.internal`; the contexts carry none',
  },
];

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

function files(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile() && e.name.endsWith('.ts'))
    .map((e) => relative(SRC, join(e.parentPath, e.name)));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(SRC, file), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  const found = text.matchAll(
    /(?:^|\n)\s*(import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\b(?:import|require)\(\s*'([^']+)'\s*\)/g,
  );
  return [...found].map((m) => ({ from: file, to: m[3] ?? (m[4] as string), typeOnly: m[2] !== undefined }));
}

const ALL = files(SRC).flatMap(importsOf);
const packageOf = (to: string): string => (to.startsWith('@') ? to.split('/').slice(0, 2).join('/') : (to.split('/')[0] as string));
const isOurs = (i: Import): boolean => i.to.startsWith('.');
const target = (i: Import): string => relative(SRC, join(SRC, dirname(i.from), i.to));

test('the scan sees the imports there are', () => {
  assert.ok(ALL.length > 300, `${ALL.length} imports`);
  for (const name of ['fastify', 'pino', 'mysql2', 'databend-driver'])
    assert.ok(
      ALL.some((i) => packageOf(i.to) === name),
      name,
    );
});

test('each package has its one importer (types apart, which are gone at run time)', () => {
  const wrong = ALL.filter((i) => !i.typeOnly && !isOurs(i) && !i.to.startsWith('node:')).filter((i) => {
    const allowed = IMPORTERS[packageOf(i.to)];
    return allowed === undefined || !allowed.some((a) => (a.endsWith('/') ? i.from.startsWith(a) : i.from === a));
  });
  assert.deepEqual(
    wrong.map((i) => `${i.from} -> ${i.to}`),
    [],
  );
});

test('folders import only what stands below them', () => {
  const wrong = ALL.filter(isOurs).filter((i) => {
    const from = i.from.split('/')[0] as string;
    const path = target(i);
    const to = path.split('/')[0] as string;
    if (from === to || !(from in MAY_IMPORT)) return false;
    if (path === 'config/config-def.ts' && !['model', 'spi', 'util'].includes(from)) return false;
    if (EXCEPTIONS.some((e) => e.from.test(i.from) && e.to.test(path))) return false;
    return !(MAY_IMPORT[from] as readonly string[]).includes(to);
  });
  assert.deepEqual(
    wrong.map((i) => `${i.from} -> ${target(i)}`),
    [],
  );
});

test('adapters of one folder do not know each other', () => {
  const group = (path: string): string | null => /^(source|sink|convert)\/([a-z-]+)\//.exec(path)?.slice(1, 3).join('/') ?? null;
  const wrong = ALL.filter(isOurs).filter((i) => {
    const [a, b] = [group(i.from), group(target(i))];
    return a !== null && b !== null && a !== b && a.split('/')[0] === b.split('/')[0] && a !== 'source/query' && !a.startsWith('convert');
  });
  assert.deepEqual(
    wrong.map((i) => `${i.from} -> ${target(i)}`),
    [],
  );
});

test('the contracts have no runtime code', () => {
  const wrong = files(join(SRC, 'spi')).filter(
    (f) => f.startsWith('spi/') && /^export (?:async )?(?:function|class|let)\b/m.test(readFileSync(join(SRC, f), 'utf8')),
  );
  assert.deepEqual(wrong, []);
});

test('no barrels and no files named after nothing', () => {
  const all = files(SRC);
  assert.deepEqual(
    all.filter((f) => /(?:^|\/)(?:utils|common|helpers|types)\.ts$/.test(f) || (f.endsWith('index.ts') && f !== 'index.ts')),
    [],
  );
});
