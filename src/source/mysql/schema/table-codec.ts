import { envelopeSchema, sourceSchema } from '../../../model/envelope.ts';
import { CdcError } from '../../../model/errors.ts';
import { type Schema, struct } from '../../../model/schema.ts';
import { formatTableId, type TableSchema } from '../../../model/table-schema.ts';
import { adjustFieldName, adjustSchemaName } from '../../../relational/name-adjustment.ts';
import { type Column, columnOf, type Table } from '../../../relational/table.ts';
import type { CodecOptions } from './codec-options.ts';
import { columnSchema, columnType } from './column-types.ts';
import { defaultValue } from './default-values.ts';
import { createFieldCodec, type FieldCodec } from './value-converters.ts';

export { type CodecOptions, defaultCodecOptions } from './codec-options.ts';

const sources = new Map<string, Schema>();

function sourceOf(connector: string): Schema {
  const known = sources.get(connector);
  if (known !== undefined) return known;
  const schema = sourceSchema(connector);
  sources.set(connector, schema);
  return schema;
}

const codecsOf = new WeakMap<TableSchema, readonly FieldCodec[]>();

/**
 * Compiles one version of a table into the schemas its rows are emitted with: `<topic>.Key`, `.Value`, `.Envelope`.
 * The key is message.key.columns, else the primary key, else the first unique index over NOT NULL columns, else none.
 * Throws CDC_MYSQL_TYPE_UNKNOWN (fatal), and CDC_CONFIG_INVALID when filters or masks break the key.
 */
export function compileTable(table: Table, options: CodecOptions): TableSchema {
  const { id } = table;
  const topic = options.topicFor(id);
  const adjust = (name: string): string => adjustSchemaName(name, options.schemaNameAdjustment);
  const included = table.columns.filter((column) => options.columnIncluded(id, column.name));
  const codecs = included.map((column, ordinal) => fieldCodec(table, column, ordinal, options));
  const fields = codecs.map((codec) => [adjustFieldName(codec.column.name, options.fieldNameAdjustment), codec.schema] as const);
  const value = struct(fields, { name: adjust(`${topic}.Value`), optional: true });
  const keyOrdinals = keyColumns(table, options).map((name) => keyOrdinal(table, codecs, name));
  const keyFields = keyOrdinals.map((ordinal) => {
    const [name, schema] = fields[ordinal] as readonly [string, Schema];
    return [name, schema] as const;
  });
  const schema: TableSchema = {
    id,
    topic,
    key: keyFields.length === 0 ? null : struct(keyFields, { name: adjust(`${topic}.Key`) }),
    value,
    envelope: envelopeSchema(adjust(`${topic}.Envelope`), value, sourceOf(options.connector)),
    shape: 'envelope',
    keyOrdinals,
    sourceTypes: codecs.map(sourceType),
  };
  codecsOf.set(schema, codecs);
  return schema;
}

/** The field codecs `compileTable` made, in the order of `schema.value.fields`; for the decoders of both readers. */
export function fieldCodecs(schema: TableSchema): readonly FieldCodec[] {
  const codecs = codecsOf.get(schema);
  if (codecs !== undefined) return codecs;
  throw new CdcError('CDC_INTERNAL_ASSERTION', 'fatal', `table ${formatTableId(schema.id)}: the schema was not made by compileTable`);
}

/** What `TableSchema.sourceTypes` says of a column. A VECTOR without a number has 2048. */
function sourceType({ column, type }: FieldCodec): string | null {
  if (type.kind === 'time') return `TIME(${type.fraction})`;
  return type.kind === 'vector' ? `VECTOR(${column.length ?? 2048})` : null;
}

function fieldCodec(table: Table, column: Column, ordinal: number, options: CodecOptions): FieldCodec {
  const { id } = table;
  const type = columnType(column, options.connector);
  const maskable = type.kind === 'text' || type.kind === 'enum' || type.kind === 'set';
  let mask = options.maskFor?.(id, column.name) ?? null;
  if (mask !== null && !maskable) {
    const where = `column "${formatTableId(id)}.${column.name}"`;
    options.warn?.(`${where}: a mask is configured, but masks apply to text only`, { type: column.typeName });
    mask = null;
  }
  const parameters = { ...(mask?.parameters ?? {}), ...sourceTypeParameters(table, column, options) };
  const base = {
    optional: column.optional,
    doc: options.includeComments ? column.comment : null,
    parameters: Object.keys(parameters).length === 0 ? null : parameters,
  };
  const plain = createFieldCodec(id, column, type, columnSchema(column, type, options, base), ordinal, options, mask);
  const value = defaultValue(plain);
  return value === undefined ? plain : { ...plain, schema: { ...plain.schema, defaultValue: value } };
}

/** `__debezium.source.column.*`, as column.propagate.source.type adds them. */
function sourceTypeParameters(table: Table, column: Column, options: CodecOptions): Record<string, string> {
  const parameters: Record<string, string> = {};
  if (options.propagateSourceType?.(table.id, column) !== true) return parameters;
  parameters['__debezium.source.column.type'] = column.typeName.toUpperCase();
  if (column.length !== null) parameters['__debezium.source.column.length'] = String(column.length);
  if (column.scale !== null) parameters['__debezium.source.column.scale'] = String(column.scale);
  if (adjustFieldName(column.name, options.fieldNameAdjustment) !== column.name) {
    parameters['__debezium.source.column.name'] = column.name;
  }
  if (options.includeComments && column.comment) parameters['__debezium.source.column.comment'] = column.comment;
  return parameters;
}

function keyColumns(table: Table, options: CodecOptions): readonly string[] {
  const custom = options.messageKeyColumns?.(table.id) ?? null;
  if (custom !== null) return custom;
  if (table.primaryKeyColumnNames.length > 0) return table.primaryKeyColumnNames;
  const unique = table.uniqueIndexes.find((index) => index.columns.every((name) => columnOf(table, name)?.optional === false));
  return unique?.columns ?? [];
}

function keyOrdinal(table: Table, codecs: readonly FieldCodec[], name: string): number {
  const column = columnOf(table, name);
  const codec = column && codecs.find((c) => c.column === column);
  const where = `table ${formatTableId(table.id)}: key column "${name}"`;
  if (codec === undefined) {
    throw new CdcError('CDC_CONFIG_INVALID', 'config', `${where} ${column === undefined ? 'does not exist' : 'is excluded'}`, {
      hint: 'correct message.key.columns, or let column.include.list / column.exclude.list keep the key',
      context: { table: formatTableId(table.id), column: name },
    });
  }
  const mask = codec.options.maskFor?.(table.id, codec.column.name) ?? null;
  if (mask !== null && mask.kind !== 'hash' && codec.post !== null) {
    throw new CdcError('CDC_CONFIG_INVALID', 'config', `${where} is masked, so different rows would have one key`, {
      hint: 'hash the column (column.mask.hash.v2…), or choose other key columns with message.key.columns',
      context: { table: formatTableId(table.id), column: name },
    });
  }
  return codec.ordinal;
}
