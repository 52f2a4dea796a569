/**
 * Every error code riverbend can raise, with what it means and what to do: docs/errors.md is generated
 * from this table. A code is API: it is never reused for something else.
 */
export const ERROR_CODES: Readonly<Record<string, string>> = {
  CDC_COMMAND_INVALID: 'The command line is not understood. `riverbend help` shows the commands.',
  CDC_CONFIG_FILE: 'A configuration file is missing or is not the properties, YAML or JSON it should be. The message names the line.',
  CDC_CONFIG_INVALID: 'The configuration has errors; every one is listed with its key. Correct them and start again.',
  CDC_CONFIG_UNKNOWN_KEY:
    'No part of riverbend knows this key. Correct it (the nearest known name is given) or remove it; with `config.strict=true` it is an error.',
  CDC_FILE_SINK: 'The file sink cannot write its file. Check `debezium.sink.file.path`, permissions and free space.',
  CDC_HTTP_LISTEN: 'The HTTP listener could not be opened. Choose a free port or an address of this machine.',
  CDC_INTERNAL_ASSERTION: 'Something happened that riverbend holds to be impossible. Please report it with the log.',
  CDC_NOT_AVAILABLE: 'This version of riverbend does not have what was asked for yet.',
  CDC_OFFSET_STORE_CORRUPT: 'The offset file cannot be read as one. Restore it or its `.bak`, or use another path to start over.',
  CDC_OFFSET_STORE_UNAVAILABLE: 'The offset file cannot be opened or written. Check path, permissions and free space.',
  CDC_SHUTDOWN_TIMEOUT: 'The tasks did not drain within `shutdown.timeout.ms`. What was not committed is read again at the next start.',
};
