import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { CdcError } from '../model/errors.ts';
import { type PartitionOffset, partitionKey, type SourceOffset, type SourcePartition } from '../model/offset.ts';
import type { OffsetStore } from '../spi/offset-store.ts';
import { failpoint } from '../util/failpoint.ts';

const HEADER = { riverbend: 'offsets', version: 1 } as const;

interface Entry extends PartitionOffset {
  readonly connector: string;
}

/**
 * Offsets in one file, several connectors together: JSON lines `{"connector","partition","offset"}` between a
 * header and a CRC of everything before it. Every save writes a new file, syncs it and renames it over the
 * old one, which stays as `.bak`. A file that cannot be read is an error (CDC_OFFSET_STORE_CORRUPT),
 * never an empty store: starting over silently would lose or repeat everything.
 */
export class FileOffsetStore implements OffsetStore {
  readonly #path: string;
  #entries = new Map<string, Entry>();
  #saving: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  async start(): Promise<void> {
    let text: Buffer;
    try {
      text = await readFile(this.#path);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw new CdcError('CDC_OFFSET_STORE_UNAVAILABLE', 'environment', `offset file "${this.#path}": cannot be read`, {
        cause,
        hint: 'check the path offset.storage.file.filename and its permissions',
      });
    }
    this.#entries = parseOffsetFile(text, this.#path);
  }

  async load(connector: string, partition: SourcePartition): Promise<SourceOffset | null> {
    return this.#entries.get(entryKey(connector, partition))?.offset ?? null;
  }

  async list(connector: string): Promise<readonly PartitionOffset[]> {
    return [...this.#entries.values()].filter((e) => e.connector === connector).map(({ partition, offset }) => ({ partition, offset }));
  }

  /** Names of all connectors the file has offsets for. */
  connectors(): readonly string[] {
    return [...new Set([...this.#entries.values()].map((e) => e.connector))];
  }

  async save(
    connector: string,
    offsets: readonly { readonly partition: SourcePartition; readonly offset: SourceOffset | null }[],
  ): Promise<void> {
    // Connectors share the file, so saves queue up; one that failed does not fail those behind it.
    const turn = this.#saving.catch(() => {}).then(() => this.#replace(connector, offsets));
    this.#saving = turn;
    await turn;
  }

  async stop(): Promise<void> {
    await this.#saving.catch(() => {});
  }

  async #replace(
    connector: string,
    offsets: readonly { readonly partition: SourcePartition; readonly offset: SourceOffset | null }[],
  ): Promise<void> {
    const next = new Map(this.#entries);
    for (const { partition, offset } of offsets) {
      const key = entryKey(connector, partition);
      if (offset === null) next.delete(key);
      else next.set(key, { connector, partition, offset });
    }
    failpoint('offset.save.before');
    try {
      await writeDurably(this.#path, formatOffsetFile([...next.values()]));
    } catch (cause) {
      throw new CdcError('CDC_OFFSET_STORE_UNAVAILABLE', 'retriable', `offset file "${this.#path}": cannot be written`, {
        cause,
        hint: 'check free space and permissions of its directory',
      });
    }
    failpoint('offset.save.after');
    this.#entries = next;
  }
}

function entryKey(connector: string, partition: SourcePartition): string {
  return `${connector}\u0000${partitionKey(partition)}`;
}

function formatOffsetFile(entries: readonly Entry[]): string {
  const body = [HEADER, ...entries.map(({ connector, partition, offset }) => ({ connector, partition, offset }))]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');
  return `${body}{"crc32":${crc32(body)}}\n`;
}

function parseOffsetFile(bytes: Buffer, path: string): Map<string, Entry> {
  const corrupt = (what: string, hint: string): CdcError =>
    new CdcError('CDC_OFFSET_STORE_CORRUPT', 'environment', `offset file "${path}": ${what}`, { hint });
  if (bytes.length >= 2 && bytes.readUInt16BE(0) === 0xaced)
    throw corrupt(
      'it is the serialized Java map of Debezium Server, which riverbend does not read',
      'set offset.storage.file.filename to another path; `riverbend offsets set` can enter the position to go on from',
    );
  const restore = `restore it, or the previous generation "${path}.bak", or use another path to start over`;
  const text = bytes.toString('utf8');
  const at = text.lastIndexOf('{"crc32":');
  if (at < 0) throw corrupt('not an offset file, or cut short', restore);
  try {
    const { crc32: expected } = JSON.parse(text.slice(at)) as { crc32: number };
    const body = text.slice(0, at);
    if (crc32(body) !== expected) throw corrupt('its checksum does not match', restore);
    const [header, ...lines] = body.split('\n').filter((l) => l !== '');
    const { version } = JSON.parse(header ?? '{}') as { version?: number };
    if (version !== HEADER.version)
      throw corrupt(`version ${String(version)} is not known`, 'use the riverbend that wrote it, or a newer one');
    const entries = lines.map((l) => JSON.parse(l) as Entry);
    return new Map(entries.map((e) => [entryKey(e.connector, e.partition), e]));
  } catch (cause) {
    if (cause instanceof CdcError) throw cause;
    throw corrupt('a line is not JSON', restore);
  }
}

/** New file, synced, renamed over the old one; the old one is kept as `.bak`, and the directory synced. */
async function writeDurably(path: string, text: string): Promise<void> {
  const directory = dirname(path);
  await mkdir(directory, { recursive: true });
  const temporary = `${path}.tmp`;
  const file = await open(temporary, 'w');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await keepPrevious(path);
  await rename(temporary, path);
  const dir = await open(directory, 'r');
  try {
    await dir.sync();
  } finally {
    await dir.close();
  }
}

/** A second link to the old file, so that there is no instant without an offset file. */
async function keepPrevious(path: string): Promise<void> {
  await rm(`${path}.bak`, { force: true });
  try {
    await link(path, `${path}.bak`);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // First save, or a file system without hard links: then there is no previous generation, which is only a convenience.
    if (code !== 'ENOENT' && code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
  }
}
