import type { SourceInfo, SourceRecord } from '../model/chunk.ts';
import { sourceSchema } from '../model/envelope.ts';
import { CdcError } from '../model/errors.ts';
import type { Json } from '../model/offset.ts';
import { array, primitive, type Schema, struct } from '../model/schema.ts';
import type { TableId } from '../model/table-schema.ts';
import { type Column, columnOf, type Table } from './table.ts';

/** What a statement made of one table, in Debezium's terms. */
export interface TableChange {
  readonly type: 'CREATE' | 'ALTER' | 'DROP';
  readonly id: TableId;
  /** Its name before a rename. */
  readonly previousId: TableId | null;
  /** null for DROP. */
  readonly table: Table | null;
}

/** `"db"."table"`, as `id` of a table change. */
export function formatChangeId(id: TableId): string {
  return `"${id.database}"."${id.table}"`;
}

/** The primary key, or the first unique index over NOT NULL columns: what identifies a row. Empty when neither exists. */
export function effectiveKey(table: Table): readonly string[] {
  if (table.primaryKeyColumnNames.length > 0) return table.primaryKeyColumnNames;
  return table.uniqueIndexes.find((u) => u.columns.every((name) => columnOf(table, name)?.optional === false))?.columns ?? [];
}

/** Text as it stands between the quotes in SHOW CREATE TABLE: `it''s`, `ab\\0`. */
export function escapeLiteral(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: NUL is exactly what is looked for.
  return text.replace(/[\\\u0000\n\r']/g, (c) => ({ '\\': '\\\\', '\u0000': '\\0', '\n': '\\n', '\r': '\\r' })[c] ?? "''");
}

/** A default as Debezium writes it; the model holds it decoded. */
function escapeDefault(text: string | null): string | null {
  return text === null ? null : escapeLiteral(text);
}

/** The reverse of `escapeLiteral`; other escapes stay as they are. */
export function unescapeLiteral(text: string): string {
  return text.replace(/\\([\s\S])|''/g, (all, c: string | undefined) =>
    c === undefined ? "'" : c === '0' ? '\u0000' : c === 'n' ? '\n' : c === 'r' ? '\r' : c === '\\' || c === "'" ? c : all,
  );
}

/** `'it''s \\ it'` of the model as Debezium writes it, with backslashes escaped; and back. */
function escapeMember(literal: string): string {
  return `'${escapeLiteral(literal.slice(1, -1).replaceAll("''", "'"))}'`;
}

function unescapeMember(literal: string): string {
  return `'${unescapeLiteral(literal.slice(1, -1)).replaceAll("'", "''")}'`;
}

/** Name of the table attribute that carries what Debezium's JSON has no place for. */
const EXTRAS = 'riverbend';

/** One element of a history record's `tableChanges`: Debezium's form, our additions in the table's `attributes`. */
export function tableChangeToJson(change: TableChange): Json {
  const head: { [key: string]: Json } = { type: change.type, id: formatChangeId(change.id) };
  if (change.previousId !== null) head['previousId'] = formatChangeId(change.previousId);
  if (change.table === null) return head;
  const { table } = change;
  return {
    ...head,
    table: {
      defaultCharsetName: table.defaultCharsetName,
      primaryKeyColumnNames: [...effectiveKey(table)],
      columns: table.columns.map(columnToJson),
      attributes: extrasOf(table),
    },
    comment: table.comment,
  };
}

function columnToJson(c: Column): Json {
  return {
    name: c.name,
    jdbcType: c.jdbcType,
    typeName: c.typeName,
    typeExpression: c.typeExpression,
    charsetName: c.charsetName,
    ...(c.length === null ? {} : { length: c.length }),
    ...(c.scale === null ? {} : { scale: c.scale }),
    position: c.position,
    optional: c.optional,
    autoIncremented: c.autoIncremented,
    generated: c.generated,
    comment: c.comment,
    hasDefaultValue: c.hasDefault,
    ...(c.defaultValueExpression === null ? {} : { defaultValueExpression: escapeDefault(c.defaultValueExpression) }),
    enumValues: (c.enumValues ?? []).map(escapeMember),
  };
}

interface Extras {
  readonly primaryKey?: readonly string[];
  readonly unique?: readonly (readonly [string, ...string[]])[];
  readonly collation?: string;
  readonly columns?: Readonly<Record<string, Partial<Pick<Column, 'collation' | 'computed' | 'invisible' | 'srid'>>>>;
}

function extrasOf(table: Table): Json {
  const columns = Object.fromEntries(
    table.columns
      .map((c) => {
        const extra = {
          ...(c.collation === null ? {} : { collation: c.collation }),
          ...(c.computed === null ? {} : { computed: c.computed }),
          ...(c.invisible ? { invisible: true } : {}),
          ...(c.srid === null ? {} : { srid: c.srid }),
        };
        return [c.name, extra] as const;
      })
      .filter(([, extra]) => Object.keys(extra).length > 0),
  );
  const extras: Extras = {
    ...(table.uniqueIndexes.length > 0
      ? { primaryKey: table.primaryKeyColumnNames, unique: table.uniqueIndexes.map((u) => [u.name, ...u.columns] as const) }
      : {}),
    ...(table.defaultCollation === null ? {} : { collation: table.defaultCollation }),
    ...(Object.keys(columns).length > 0 ? { columns } : {}),
  };
  return Object.keys(extras).length === 0 ? [] : [{ name: EXTRAS, value: JSON.stringify(extras) }];
}

type Obj = { readonly [key: string]: Json };

const text = (v: Json | undefined): string | null => (typeof v === 'string' ? v : null);
const number = (v: Json | undefined): number | null => (typeof v === 'number' ? v : null);
const list = (v: Json | undefined): readonly Json[] => (Array.isArray(v) ? v : []);

/** A table change read back, also as Debezium's own history writes it. `exact` = it carries our additions, or needs none. */
export function tableChangeFromJson(json: Json): TableChange & { readonly exact: boolean } {
  const o = json as Obj;
  const type = o['type'];
  const id = parseChangeId(text(o['id']));
  if ((type !== 'CREATE' && type !== 'ALTER' && type !== 'DROP') || id === null) throw unreadable();
  const previousId = parseChangeId(text(o['previousId']));
  const t = o['table'] as Obj | null | undefined;
  if (t === null || t === undefined) return { type, id, previousId, table: null, exact: true };
  const attribute = list(t['attributes']).find((a) => (a as Obj)['name'] === EXTRAS) as Obj | undefined;
  const extras = attribute === undefined ? {} : (JSON.parse(text(attribute['value']) ?? '{}') as Extras);
  const key = list(t['primaryKeyColumnNames']) as readonly string[];
  const table: Table = {
    id,
    columns: list(t['columns']).map((c) => columnFromJson(c as Obj, extras)),
    primaryKeyColumnNames: extras.primaryKey ?? key,
    uniqueIndexes: (extras.unique ?? []).map(([name, ...columns]) => ({ name, columns })),
    defaultCharsetName: text(t['defaultCharsetName']),
    defaultCollation: extras.collation ?? null,
    comment: text(o['comment']) ?? text(t['comment']),
  };
  return { type, id, previousId, table, exact: attribute !== undefined };
}

function columnFromJson(o: Obj, extras: Extras): Column {
  const name = text(o['name']);
  const typeName = text(o['typeName']);
  const position = number(o['position']);
  if (name === null || typeName === null || position === null) throw unreadable();
  const extra = extras.columns?.[name] ?? {};
  const members = list(o['enumValues']) as readonly string[];
  const listed = /^(ENUM|SET)\b/i.test(typeName);
  const defaultText = text(o['defaultValueExpression']);
  const defaultValueExpression = defaultText === null ? null : unescapeLiteral(defaultText);
  return {
    name,
    position,
    jdbcType: number(o['jdbcType']) ?? 1111,
    typeName,
    typeExpression: text(o['typeExpression']) ?? typeName,
    charsetName: text(o['charsetName']),
    collation: extra.collation ?? null,
    length: number(o['length']),
    scale: number(o['scale']),
    optional: o['optional'] === true,
    autoIncremented: o['autoIncremented'] === true,
    generated: o['generated'] === true,
    computed: extra.computed ?? null,
    invisible: extra.invisible ?? false,
    srid: extra.srid ?? null,
    comment: text(o['comment']),
    hasDefault: o['hasDefaultValue'] === true || defaultValueExpression !== null,
    defaultValueExpression,
    enumValues: listed ? members.map(unescapeMember) : null,
  };
}

/** Parts of `"db"."table"`; the last two when a schema stands between. */
function parseChangeId(id: string | null): TableId | null {
  const parts = id === null ? [] : [...id.matchAll(/"((?:[^"]|"")*)"/g)].map((m) => (m[1] as string).replaceAll('""', '"'));
  const table = parts[parts.length - 1];
  return table === undefined ? null : { database: parts.length > 1 ? (parts[0] as string) : '', table };
}

function unreadable(): CdcError {
  return new CdcError('CDC_HISTORY_CORRUPT', 'fatal', 'schema history: a table change is not in the form expected', {
    hint: 'restore the schema history from a backup, or remove it and reset the offsets for a new snapshot',
  });
}

const optStr = primitive('string', { optional: true });
const optInt = primitive('int32', { optional: true });
const optBool = primitive('boolean', { optional: true });
const str = primitive('string');

const columnSchema = struct(
  [
    ['name', str],
    ['jdbcType', primitive('int32')],
    ['nativeType', optInt],
    ['typeName', str],
    ['typeExpression', optStr],
    ['charsetName', optStr],
    ['length', optInt],
    ['scale', optInt],
    ['position', primitive('int32')],
    ['optional', optBool],
    ['autoIncremented', optBool],
    ['generated', optBool],
    ['comment', optStr],
    ['defaultValueExpression', optStr],
    ['enumValues', array(str, { optional: true })],
  ],
  { name: 'io.debezium.connector.schema.Column', version: 1 },
);

const tableSchema = struct(
  [
    ['defaultCharsetName', optStr],
    ['primaryKeyColumnNames', array(str, { optional: true })],
    ['columns', array(columnSchema)],
    ['comment', optStr],
  ],
  { name: 'io.debezium.connector.schema.Table', version: 1, optional: true },
);

const changeSchema = struct(
  [
    ['type', str],
    ['id', str],
    ['table', tableSchema],
  ],
  { name: 'io.debezium.connector.schema.Change', version: 1 },
);

const schemas = new Map<string, { readonly key: Schema; readonly value: Schema }>();

/** Key and value schema of the schema-change topic of `connector` (`mysql`, `mariadb`). The same objects each time. */
export function schemaChangeSchemas(connector: string): { readonly key: Schema; readonly value: Schema } {
  const known = schemas.get(connector);
  if (known !== undefined) return known;
  const prefix = `io.debezium.connector.${connector}`;
  const made = {
    key: struct([['databaseName', str]], { name: `${prefix}.SchemaChangeKey`, version: 1 }),
    value: struct(
      [
        ['source', sourceSchema(connector)],
        ['ts_ms', primitive('int64')],
        ['databaseName', optStr],
        ['schemaName', optStr],
        ['ddl', optStr],
        ['tableChanges', array(changeSchema)],
      ],
      { name: `${prefix}.SchemaChangeValue`, version: 1 },
    ),
  };
  schemas.set(connector, made);
  return made;
}

/** What a schema-change record says of a statement. */
export interface SchemaChange {
  readonly database: string;
  readonly ddl: string;
  readonly changes: readonly TableChange[];
}

/**
 * The record of one statement for the schema-change topic, partition 0. `source` names the change's database and
 * `sourceTable`. Comments appear only with `include.schema.comments`; MariaDB's connector always gives the table's.
 */
export function schemaChangeRecord(
  change: SchemaChange,
  source: SourceInfo,
  topic: string,
  processedMs: number,
  options: { readonly comments?: boolean } = {},
): SourceRecord {
  const { key, value } = schemaChangeSchemas(source.connector);
  const comments = options.comments ?? false;
  const tableComments = comments || source.connector === 'mariadb';
  return {
    topic,
    partition: 0,
    keySchema: key,
    key: [change.database],
    valueSchema: value,
    value: [
      source.values,
      processedMs,
      change.database,
      null,
      change.ddl,
      change.changes.map((c) => [c.type, formatChangeId(c.id), c.table === null ? null : tableValue(c.table, comments, tableComments)]),
    ],
  };
}

function tableValue(t: Table, comments: boolean, tableComments: boolean): readonly unknown[] {
  const columns = t.columns.map((c) => [
    c.name,
    c.jdbcType,
    null,
    c.typeName,
    c.typeExpression,
    c.charsetName,
    c.length,
    c.scale,
    c.position,
    c.optional,
    c.autoIncremented,
    c.generated,
    comments ? c.comment : null,
    escapeDefault(c.defaultValueExpression),
    c.enumValues === null ? null : c.enumValues.map(escapeMember),
  ]);
  return [t.defaultCharsetName, effectiveKey(t), columns, tableComments ? t.comment : null];
}
