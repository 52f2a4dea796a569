/**
 * Debezium's `schema.name.adjustment.mode` and `field.name.adjustment.mode`: names Avro accepts. `avro` puts `_` for
 * each character that is not allowed, `avro_unicode` `_uXXXX` (and so for `_` itself, to stay reversible).
 */
export type NameAdjustmentMode = 'none' | 'avro' | 'avro_unicode';

export function adjustSchemaName(name: string, mode: NameAdjustmentMode): string {
  return adjust(name, mode, true);
}

export function adjustFieldName(name: string, mode: NameAdjustmentMode): string {
  return adjust(name, mode, false);
}

function adjust(name: string, mode: NameAdjustmentMode, dots: boolean): string {
  if (mode === 'none') return name;
  const unicode = mode === 'avro_unicode';
  let adjusted = '';
  for (let i = 0; i < name.length; i++) {
    const char = name[i] as string;
    const letter = /[A-Za-z]/.test(char) || (char === '_' && !unicode);
    const ok = letter || (i > 0 && (/[0-9]/.test(char) || (dots && char === '.')));
    adjusted += ok ? char : unicode ? `_u${name.charCodeAt(i).toString(16).padStart(4, '0')}` : '_';
  }
  return adjusted;
}
