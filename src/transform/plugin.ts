import type { ConfigDef } from '../spi/config-def.ts';
import type { Logger } from '../spi/telemetry.ts';
import type { RecordTransform } from './change-record.ts';
import type { Predicate } from './predicates.ts';
import type { Part } from './structs.ts';

export interface TransformContext {
  /** What stands behind `$` in the class name; `value` where there is no such choice. */
  readonly part: Part;
  readonly logger: Logger;
}

/** A transform class and how to make one. */
export interface TransformPlugin<C = unknown> {
  /** Java class names, those with parts without `$Key` and `$Value`. */
  readonly names: readonly string[];
  /** The class exists as `$Key` and `$Value` only. */
  readonly parts?: true;
  /** Keys below `transforms.<name>.`, without `type`, `predicate` and `negate`. */
  readonly config: ConfigDef<C>;
  /** What is wrong across keys, each with the key it is about. */
  check?(config: C): readonly { readonly key: string; readonly message: string }[];
  create(config: C, context: TransformContext): RecordTransform;
  /**
   * For sinks that take rows instead of messages: `unchanged` where the rows stay what they are (they hold row images anyway). Absent: such a
   * sink cannot have this transform.
   */
  rows?(config: C): 'unchanged' | null;
}

export interface PredicatePlugin<C = unknown> {
  readonly names: readonly string[];
  readonly config: ConfigDef<C>;
  create(config: C): Predicate;
}
