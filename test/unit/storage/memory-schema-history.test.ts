import { describe } from 'node:test';
import { MemorySchemaHistory } from '../../../src/storage/memory-schema-history.ts';
import { schemaHistoryContract } from '../../contract/schema-history.ts';

describe('MemorySchemaHistory', () => {
  schemaHistoryContract(async () => new MemorySchemaHistory());
});
