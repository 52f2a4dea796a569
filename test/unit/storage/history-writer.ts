/** Appends records for ever, printing the number of each once it is acknowledged; compacts (to the same) now and then. */
import { FileSchemaHistory } from '../../../src/storage/file-schema-history.ts';
import { historyRecord } from '../../contract/schema-history.ts';

const history = new FileSchemaHistory(process.argv[2] as string);
for (let n = 1; ; n++) {
  await history.record([historyRecord(n)]);
  process.stdout.write(`${n}\n`);
  if (n % 7 === 0) {
    await history.compact(
      () => true,
      (entries) => entries,
    );
  }
}
