import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { CdcError } from '../../../src/model/errors.ts';
import { Logging } from '../../../src/telemetry/logger.ts';

function setUp(json = true) {
  const lines: string[] = [];
  const out = new Writable({
    write(chunk, _e, done) {
      lines.push(String(chunk));
      done();
    },
  });
  return { lines, logging: new Logging({ level: 'INFO', json, out }) };
}

test('a line is JSON with level, time, logger and message; errors carry code, kind and hint', () => {
  const { lines, logging } = setUp();
  logging.logger('runtime').error({ error: new CdcError('CDC_X', 'fatal', 'broken', { hint: 'mend it' }) }, 'failed');
  const line = JSON.parse(lines[0] as string);
  assert.deepEqual([line.level, line.logger, line.msg], ['error', 'runtime', 'failed']);
  assert.deepEqual([line.error.code, line.error.kind, line.error.hint], ['CDC_X', 'fatal', 'mend it']);
});

test('secrets by name are masked', () => {
  const { lines, logging } = setUp();
  logging.logger('x').info({ 'database.password': 'geheim', host: 'h' }, 'm');
  assert.equal(lines[0]?.includes('geheim'), false);
  assert.match(lines[0] ?? '', /"host":"h"/);
});

test('text lines are for people', () => {
  const { lines, logging } = setUp(false);
  logging.logger('connector.a').warn({ table: 't', delayMs: 5 }, 'task restarts');
  assert.match(lines[0] ?? '', /WARN {2}connector\.a task restarts {2}table=t delayMs=5\n$/);
});

test('a level set on a name reaches the loggers below it, and takes effect at once', () => {
  const { lines, logging } = setUp();
  logging.logger('connector.a').debug({}, 'hidden');
  assert.deepEqual(logging.setLevel('connector', 'DEBUG', 5), ['connector', 'connector.a']);
  logging.logger('connector.a').debug({}, 'shown');
  assert.deepEqual(
    lines.map((l) => JSON.parse(l).msg),
    ['shown'],
  );
});
