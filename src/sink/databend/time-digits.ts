import { quoteIdentifier, type TargetColumn } from './dialect.ts';

/**
 * What `ALTER TABLE … MODIFY t TIME(n)` did to the values the source had: `SET` list for the texts in the target, null when nothing
 * changes. More digits are zeros, fewer are rounded half away from zero, as MySQL does without TIME_TRUNCATE_FRACTIONAL. Run twice it
 * does no more than once. `comment` is the new source type; the column's comment the old.
 */
export function changeTimeDigits(column: TargetColumn, comment: string): string | null {
  const to = /^TIME\((\d)\)$/.exec(comment);
  if (column.type !== 'VARCHAR' || to === null || column.comment === comment) return null;
  const digits = Number(to[1]);
  const name = quoteIdentifier(column.name);
  const part = (n: number): string => `split_part(ltrim(${name}, '-'), ':', ${n})`;
  const second = `split_part(${part(3)}, '.', 1)::BIGINT`;
  const micros = `rpad(split_part(${part(3)}, '.', 2), 6, '0')::BIGINT`;
  const total = `((${part(1)}::BIGINT * 3600 + ${part(2)}::BIGINT * 60 + ${second}) * 1000000 + ${micros})`;
  const unit = 10 ** (6 - digits);
  // 838:59:59 is MySQL's last; rounding cannot go beyond it.
  const rounded = `least((${total} + ${Math.floor(unit / 2)}) DIV ${unit} * ${unit}, 3020399000000)`;
  const two = (x: string): string => `lpad((${x})::VARCHAR, 2, '0')`;
  const hours = `(${rounded} DIV 3600000000)`;
  const clock = [
    `if(${hours} < 100, ${two(hours)}, ${hours}::VARCHAR)`,
    "':'",
    two(`${rounded} DIV 60000000 % 60`),
    "':'",
    two(`${rounded} DIV 1000000 % 60`),
  ];
  if (digits > 0) clock.push("'.'", `left(lpad((${rounded} % 1000000)::VARCHAR, 6, '0'), ${digits})`);
  const sign = `if(${name} LIKE '-%' AND ${rounded} <> 0, '-', '')`;
  return `${name} = concat(${[sign, ...clock].join(', ')}) WHERE ${name} IS NOT NULL`;
}
