import type { Session } from './client.ts';
import { formatTarget, quoteLiteral, type TargetColumn, type TargetId } from './dialect.ts';
import { normalType } from './type-mapping.ts';

/** The target's columns in order, or null when there is no such table. Always asked of the server. */
export async function loadColumns(session: Session, id: TargetId): Promise<readonly TargetColumn[] | null> {
  const where = `database = ${quoteLiteral(id.database)} AND "table" = ${quoteLiteral(id.table)}`;
  const rows = await session.query(
    `SELECT name, data_type, is_nullable, comment FROM system.columns WHERE ${where}`,
    `table ${formatTarget(id)}: read its columns`,
  );
  if (rows.length === 0) return null;
  return rows.map((r) => ({
    name: String(r[0]),
    type: normalType(String(r[1])),
    nullable: r[2] === 'YES',
    comment: r[3] === null || r[3] === '' ? null : String(r[3]),
  }));
}

export async function tableExists(session: Session, id: TargetId): Promise<boolean> {
  const where = `database = ${quoteLiteral(id.database)} AND name = ${quoteLiteral(id.table)}`;
  return (await session.query(`SELECT 1 FROM system.tables WHERE ${where}`, `table ${formatTarget(id)}: look it up`)).length > 0;
}

export async function isEmpty(session: Session, id: TargetId): Promise<boolean> {
  return (
    (await session.query(`SELECT 1 FROM ${formatTarget(id)} LIMIT 1`, `table ${formatTarget(id)}: look whether it is empty`)).length === 0
  );
}
