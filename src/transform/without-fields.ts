import type { Field, Schema } from '../model/schema.ts';
import type { ChangeRecord } from './change-record.ts';
import { basicsOf, type Part, partOf, SchemaMemo, structOf, valueOrDefault, withPart } from './structs.ts';

/** The part without those fields; with `replaceNull` nulls of the others become their defaults, as ReplaceField does. */
export function withoutFields(replaceNull = true): (record: ChangeRecord, part: Part, names: readonly string[]) => ChangeRecord {
  const memo = new SchemaMemo<{ readonly schema: Schema; readonly kept: readonly Field[] }>();
  return (record, part, names) => {
    const { schema, value } = partOf(record, part);
    if (names.length === 0 || schema === null || value === null || !Array.isArray(value)) return record;
    const plan = memo.get(schema, names.join(','), () => {
      const kept = schema.fields.filter((f) => !names.includes(f.name));
      return {
        kept,
        schema: structOf(
          kept.map((f) => [f.name, f.schema]),
          basicsOf(schema),
        ),
      };
    });
    return withPart(
      record,
      part,
      plan.schema,
      plan.kept.map((f) => (replaceNull ? valueOrDefault(f, value) : value[f.index])),
    );
  };
}
