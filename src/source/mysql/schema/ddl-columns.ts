import type { ColumnDefinition, DefaultSpec, Place, TypeSpec } from './ddl-statement.ts';
import type { TokenCursor } from './token-cursor.ts';

/** Types of one word. Longer ones (DOUBLE PRECISION, LONG VARCHAR, NATIONAL …) are spelled out in `typeName`. */
const ONE_WORD = new Set(
  (
    'BIT TINYINT INT1 SMALLINT INT2 MEDIUMINT INT3 MIDDLEINT INT INTEGER INT4 BIGINT INT8 SERIAL BOOL BOOLEAN ' +
    'DECIMAL DEC NUMERIC FIXED NUMBER FLOAT FLOAT4 FLOAT8 REAL DOUBLE DATE TIME DATETIME TIMESTAMP YEAR ' +
    'CHAR CHARACTER VARCHAR VARCHAR2 VARCHARACTER NCHAR NVARCHAR BINARY VARBINARY RAW CLOB ' +
    'TINYBLOB BLOB MEDIUMBLOB LONGBLOB TINYTEXT TEXT MEDIUMTEXT LONGTEXT ENUM SET JSON VECTOR UUID INET4 INET6 ' +
    'GEOMETRY POINT LINESTRING POLYGON MULTIPOINT MULTILINESTRING MULTIPOLYGON GEOMETRYCOLLECTION GEOMCOLLECTION XMLTYPE'
  ).split(' '),
);

const NOW = ['CURRENT_TIMESTAMP', 'NOW', 'LOCALTIME', 'LOCALTIMESTAMP'] as const;

/** `name type attributes…`, as in CREATE TABLE, ADD, MODIFY and CHANGE. */
export function parseColumnDefinition(c: TokenCursor): ColumnDefinition {
  const name = c.identifier();
  return parseColumnAttributes(c, name, parseType(c));
}

/** `FIRST`, `AFTER x` or nothing. */
export function parsePlace(c: TokenCursor): Place {
  if (c.accept('FIRST')) return { kind: 'first' };
  return c.accept('AFTER') ? { kind: 'after', column: c.identifier() } : null;
}

interface Draft {
  name: string;
  length: number | null;
  scale: number | null;
  unsigned: boolean;
  zerofill: boolean;
  charset: string | null;
  collation: string | null;
  members: string[] | null;
}

function parseType(c: TokenCursor): TypeSpec {
  const t: Draft = {
    name: typeName(c),
    length: null,
    scale: null,
    unsigned: false,
    zerofill: false,
    charset: null,
    collation: null,
    members: null,
  };
  if (t.name === 'ENUM' || t.name === 'SET') t.members = members(c);
  else if (c.acceptPunct('(')) {
    t.length = c.wholeNumber();
    if (c.acceptPunct(',')) t.scale = c.wholeNumber();
    if (t.name.includes('CHAR')) c.acceptAny('CHAR', 'BYTE');
    c.expectPunct(')');
  }
  while (typeAttribute(c, t));
  return t;
}

function typeName(c: TokenCursor): string {
  const word = c.token.kind === 'word' ? c.token.upper : c.fail('a column type');
  c.next();
  switch (word) {
    case 'DOUBLE':
      return c.accept('PRECISION') ? 'DOUBLE PRECISION' : word;
    case 'CHAR':
    case 'CHARACTER':
    case 'NCHAR': {
      if (c.accept('VARYING')) return `${word} VARYING`;
      return word === 'NCHAR' && c.acceptAny('VARCHAR', 'VARCHARACTER') !== null ? 'NCHAR VARCHAR' : word;
    }
    case 'NATIONAL': {
      const base = c.acceptAny('CHAR', 'CHARACTER', 'VARCHAR', 'VARCHARACTER') ?? c.fail('CHAR or VARCHAR');
      return c.accept('VARYING') ? `NATIONAL ${base} VARYING` : `NATIONAL ${base}`;
    }
    case 'LONG': {
      if (c.acceptAny('CHAR', 'CHARACTER') !== null) {
        c.expect('VARYING');
        return 'LONG VARCHAR';
      }
      const base = c.acceptAny('VARCHAR', 'VARCHARACTER', 'VARBINARY');
      return base === null ? 'LONG' : `LONG ${base === 'VARBINARY' ? base : 'VARCHAR'}`;
    }
    default:
      if (ONE_WORD.has(word)) return word;
      c.index--;
      return c.fail('a column type');
  }
}

function members(c: TokenCursor): string[] {
  const out: string[] = [];
  c.expectPunct('(');
  do {
    if (c.token.kind === 'word' && c.token.text.startsWith('_')) c.next();
    if (c.token.kind === 'hex') out.push(Buffer.from(c.next().text, 'hex').toString('utf8'));
    else out.push(stringLiteral(c));
  } while (c.acceptPunct(','));
  c.expectPunct(')');
  return out;
}

function stringLiteral(c: TokenCursor): string {
  if (c.token.kind !== 'string') c.fail('a string');
  let text = '';
  while (c.token.kind === 'string') text += c.next().text;
  return text;
}

/** Takes an attribute that belongs to the type; it may come after others (`NOT NULL CHARACTER SET latin1`). */
function typeAttribute(c: TokenCursor, t: Draft): boolean {
  if (c.accept('UNSIGNED')) t.unsigned = true;
  else if (c.accept('SIGNED')) return true;
  else if (c.accept('ZEROFILL')) {
    // ZEROFILL implies UNSIGNED.
    t.zerofill = true;
    t.unsigned = true;
  } else if (c.accept('CHARSET') || c.accept('CHARACTER', 'SET') || c.accept('CHAR', 'SET')) t.charset = charsetName(c);
  else if (c.accept('COLLATE')) t.collation = charsetName(c);
  else if (c.accept('ASCII')) t.charset = 'latin1';
  else if (c.accept('UNICODE')) t.charset = 'ucs2';
  else if (c.accept('BYTE')) t.charset = 'binary';
  else if (c.accept('BINARY')) t.collation ??= '*_bin';
  else if (c.accept('COMPRESSED')) {
    if (c.acceptPunct('=')) c.next();
  } else return false;
  return true;
}

export function charsetName(c: TokenCursor): string {
  if (c.token.kind === 'string') return c.next().text.toLowerCase();
  return c.identifier().toLowerCase();
}

function parseColumnAttributes(c: TokenCursor, name: string, spec: TypeSpec): ColumnDefinition {
  const type: Draft = { ...spec, members: spec.members === null ? null : [...spec.members] };
  let nullable: boolean | null = null;
  let dflt: DefaultSpec | null = null;
  let autoIncrement = false;
  let onUpdateNow = false;
  let computed: 'VIRTUAL' | 'STORED' | null = null;
  let invisible = false;
  let srid: number | null = null;
  let comment: string | null = null;
  let primaryKey = false;
  let unique = false;
  for (;;) {
    if (c.accept('NOT', 'NULL')) nullable = false;
    else if (c.accept('NULL')) nullable = true;
    else if (c.accept('DEFAULT')) dflt = parseDefault(c);
    else if (c.accept('ON', 'UPDATE')) {
      now(c);
      onUpdateNow = true;
    } else if (c.acceptAny('AUTO_INCREMENT') !== null) autoIncrement = true;
    else if (c.accept('SERIAL', 'DEFAULT', 'VALUE')) {
      autoIncrement = true;
      nullable = false;
      unique = true;
    } else if (c.accept('PRIMARY', 'KEY') || c.accept('PRIMARY') || c.accept('KEY')) primaryKey = true;
    else if (c.accept('UNIQUE')) {
      c.accept('KEY');
      unique = true;
    } else if (c.accept('COMMENT')) {
      c.acceptPunct('=');
      comment = stringLiteral(c);
    } else if (c.accept('GENERATED', 'ALWAYS', 'AS') || c.accept('AS')) {
      if (c.acceptAny('ROW') !== null) {
        // System versioning: the server fills it in, but it is stored like any other column.
        if (c.acceptAny('START', 'END') === null) c.fail('START or END');
        nullable = false;
      } else {
        c.skipParens();
        computed = 'VIRTUAL';
      }
    } else if (c.accept('VIRTUAL')) computed = 'VIRTUAL';
    else if (c.acceptAny('STORED', 'PERSISTENT') !== null) computed = 'STORED';
    else if (c.accept('INVISIBLE')) invisible = true;
    else if (c.accept('VISIBLE')) invisible = false;
    else if (c.acceptAny('SRID') !== null) srid = c.wholeNumber();
    else if (c.acceptAny('REF_SYSTEM_ID') !== null) {
      c.acceptPunct('=');
      srid = c.wholeNumber();
    } else if (c.areWords('CONSTRAINT')) {
      c.next();
      if (!c.isWord('CHECK')) c.identifier();
    } else if (c.accept('CHECK')) {
      c.skipParens();
      if (!c.accept('NOT', 'ENFORCED')) c.accept('ENFORCED');
    } else if (c.accept('REFERENCES')) skipReferences(c);
    else if (c.acceptAny('COLUMN_FORMAT', 'STORAGE') !== null) c.next();
    else if (c.acceptAny('ENGINE_ATTRIBUTE', 'SECONDARY_ENGINE_ATTRIBUTE', 'ENCRYPTED', 'ENCRYPTION_KEY_ID') !== null) {
      c.acceptPunct('=');
      c.next();
    } else if (c.accept('WITH', 'SYSTEM', 'VERSIONING') || c.accept('WITHOUT', 'SYSTEM', 'VERSIONING') || c.accept('NOT', 'SECONDARY')) {
      // Which columns keep history does not change what they hold.
    } else if (!typeAttribute(c, type)) break;
  }
  return {
    name,
    type,
    nullable,
    default: dflt,
    autoIncrement,
    onUpdateNow,
    computed,
    invisible,
    srid,
    comment,
    primaryKey,
    unique,
  };
}

function now(c: TokenCursor): boolean {
  if (c.acceptAny(...NOW) === null) return false;
  if (c.isPunct('(')) c.skipParens();
  return true;
}

/** What follows DEFAULT. Strings are decoded, other literals come as written. */
export function parseDefault(c: TokenCursor): DefaultSpec {
  if (c.accept('NULL')) return { kind: 'null' };
  if (c.isPunct('(')) {
    c.skipParens();
    return { kind: 'expression' };
  }
  if (c.isWord('TRUE', 'FALSE') && !c.peek().text.startsWith('(')) return { kind: 'literal', text: c.next().text };
  const sign = c.isPunct('-') || c.isPunct('+') ? c.next().text : '';
  if (c.token.kind === 'number') return { kind: 'number', text: (sign === '-' ? '-' : '') + c.next().text };
  if (c.token.kind === 'word' && c.token.text.startsWith('_') && /^(string|hex|bit)$/.test(c.peek().kind)) c.next();
  if (c.isWord('DATE', 'TIME', 'TIMESTAMP') && c.peek().kind === 'string') c.next();
  if (c.token.kind === 'string') {
    const text = stringLiteral(c);
    if (c.accept('COLLATE')) c.identifier();
    return { kind: 'literal', text };
  }
  if (c.token.kind === 'bit') return { kind: 'bits', text: c.next().text };
  if (c.token.kind === 'hex') return { kind: 'hex', text: c.next().text };
  if (now(c)) return { kind: 'now' };
  // MariaDB: a function, without parentheses around it: `uuid()`, `nextval(s)`.
  if (!c.isIdentifier()) c.fail('a default value');
  c.next();
  while (c.acceptPunct('.')) c.identifier();
  if (c.isPunct('(')) c.skipParens();
  return { kind: 'expression' };
}

/** The rest of a REFERENCES clause. */
export function skipReferences(c: TokenCursor): void {
  c.tableName();
  if (c.isPunct('(')) c.skipParens();
  for (;;) {
    if (c.accept('MATCH')) c.next();
    else if (c.accept('ON', 'DELETE') || (c.areWords('ON', 'UPDATE') && c.accept('ON', 'UPDATE'))) {
      if (!c.accept('SET', 'NULL') && !c.accept('SET', 'DEFAULT') && !c.accept('NO', 'ACTION')) c.next();
    } else return;
  }
}
