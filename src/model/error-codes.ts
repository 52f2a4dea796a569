/**
 * Every error code riverbend can raise, with what it means and what to do: docs/errors.md is generated
 * from this table. A code is API: it is never reused for something else.
 */
export const ERROR_CODES: Readonly<Record<string, string>> = {
  CDC_CONFIG_INVALID: 'The configuration has errors; every one is listed with its key. Correct them and start again.',
  CDC_INTERNAL_ASSERTION: 'Something happened that riverbend holds to be impossible. Please report it with the log.',
};
