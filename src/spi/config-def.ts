export type RawConfig = Readonly<Record<string, string>>;

export const REQUIRED: unique symbol = Symbol('required');

export type ConfigType = 'string' | 'int' | 'long' | 'double' | 'boolean' | 'list' | 'class' | 'password';
export type Importance = 'high' | 'medium' | 'low';

/** One configuration key: parsing, default, checks and documentation in one place. */
export interface ConfigKey<T> {
  readonly type: ConfigType;
  /** `REQUIRED`, or the value used when the key is absent (`null` allowed where T is nullable). */
  readonly default: T | typeof REQUIRED;
  readonly importance: Importance;
  readonly group: string;
  readonly doc: string;
  /** Allowed values (compared case-insensitively for strings). */
  readonly allowed?: readonly string[];
  /** Inclusive bounds for numbers. */
  readonly min?: number;
  readonly max?: number;
  /** Other dotted names accepted for the same key. */
  readonly aliases?: readonly string[];
  /** null, or what is wrong with the value. */
  readonly validate?: (value: T, raw: RawConfig) => string | null;
  /** The key is understood but riverbend cannot do what it asks: any value but the default is refused with this reason. */
  readonly refused?: string;
}

/** The answer of Kafka Connect's validate call for one key. */
export interface ConfigValue {
  readonly name: string;
  readonly value: string | null;
  readonly recommended: readonly string[];
  readonly errors: readonly string[];
  readonly visible: boolean;
}

export interface ConfigDef<C> {
  /** By dotted name. */
  readonly keys: Readonly<Record<string, ConfigKey<unknown>>>;
  /** Keys with a variable part (`column.mask.with.(\d+).chars`, `driver.*`): accepted, handed over in `raw`. */
  readonly patterns: readonly { readonly pattern: RegExp; readonly doc: string }[];
  /** Throws CdcError CDC_CONFIG_INVALID with every error at once. `unknown` = keys no definition claims. */
  parse(raw: RawConfig): { readonly config: C; readonly unknown: readonly string[] };
  /** One value per key, with its errors; never throws. */
  validate(raw: RawConfig): readonly ConfigValue[];
}
