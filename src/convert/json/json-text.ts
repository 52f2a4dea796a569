/** Text as Jackson and Java print it, so that our JSON equals that of Kafka Connect's JsonConverter. */

const LOWER_ESCAPE = /\\\\|\\u00[01][0-9a-f]/g;
const SURROGATE = /[\ud800-\udfff]/;
const SURROGATES = /[\ud800-\udfff]/g;

/** A JSON string literal as Jackson writes it to bytes: upper-case hex, characters beyond the BMP as two escapes. */
export function quote(text: string): string {
  const json = quoteText(text);
  return SURROGATE.test(json) ? json.replace(SURROGATES, (c) => `\\u${c.charCodeAt(0).toString(16).toUpperCase()}`) : json;
}

/** A JSON string literal as Jackson writes it to text (Avro schemas): as `quote`, but characters beyond the BMP as they are. */
export function quoteText(text: string): string {
  const json = JSON.stringify(text);
  // Only control characters (and lone surrogates) make JSON.stringify write \u.
  return json.includes('\\u') ? json.replace(LOWER_ESCAPE, upper) : json;
}

function upper(sequence: string): string {
  return sequence.length === 2 ? sequence : `\\u00${sequence.slice(4).toUpperCase()}`;
}

/** `Double.toString`: at least one fraction digit, `1.0E10` from 1e7 on and below 1e-3, shortest digits. NaN and infinities quoted, as Jackson does. */
export function formatDouble(x: number): string {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? '"NaN"' : x > 0 ? '"Infinity"' : '"-Infinity"';
  const magnitude = Math.abs(x);
  if (magnitude >= 1e-3 && magnitude < 1e7) {
    const text = String(x);
    return text.includes('.') ? text : `${text}.0`;
  }
  if (magnitude === 0) return Object.is(x, -0) ? '-0.0' : '0.0';
  return javaExponent(x.toExponential());
}

/** `1.5e+21` → `1.5E21`, `1e-300` → `1.0E-300`. */
function javaExponent(text: string): string {
  const e = text.indexOf('e');
  const digits = text.slice(0, e);
  const exponent = text.charCodeAt(e + 1) === 43 ? text.slice(e + 2) : text.slice(e + 1);
  return `${digits.includes('.') ? digits : `${digits}.0`}E${exponent}`;
}

/** `Float.toString` of a float32 held in a number: the shortest digits that read back the same float32. */
export function formatFloat(x: number): string {
  return formatDouble(shortestFloat(x));
}

/** The double whose shortest text is the shortest text of the float32 `x`. */
export function shortestFloat(x: number): number {
  const single = Math.fround(x);
  if (Number.isInteger(single) && Math.abs(single) < 1e7) return single;
  if (!Number.isFinite(single)) return single;
  // Six digits are always exact for normal floats (FLT_DIG), so the shortest text has six or fewer, or 7, 8 or 9.
  for (let digits = Math.abs(single) < 1.1754943508222875e-38 ? 2 : 6; digits < 9; digits++) {
    const candidate = Number(single.toPrecision(digits));
    if (Math.fround(candidate) === single) return candidate;
  }
  return Number(single.toPrecision(9));
}
