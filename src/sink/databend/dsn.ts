import { CdcError } from '../../model/errors.ts';

/** Where and as whom to connect; the one form both the driver and the stage upload are given. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly tls: boolean;
  readonly warehouse: string | null;
  readonly tenant: string | null;
}

export interface EndpointOverrides {
  readonly user: string | null;
  readonly password: string | null;
  readonly database: string | null;
  readonly ssl: boolean | null;
}

/**
 * Reads `jdbc:databend://host:port/db?ssl=true` (TLS off unless asked, as databend-jdbc) and `databend://user:pw@host:port/db?sslmode=disable`
 * (TLS on unless disabled, as the drivers). The overrides win. Throws CDC_CONFIG_INVALID.
 */
export function parseEndpoint(text: string, o: EndpointOverrides): Endpoint {
  const jdbc = text.startsWith('jdbc:');
  const rest = jdbc ? text.slice(5) : text;
  const scheme = /^(databend(?:\+https?)?):\/\//.exec(rest)?.[1];
  let url: URL;
  try {
    if (scheme === undefined) throw new Error();
    url = new URL(`http://${rest.slice(rest.indexOf('://') + 3)}`);
  } catch {
    throw new CdcError('CDC_CONFIG_INVALID', 'config', 'connection.url is not a Databend URL', {
      hint: 'write jdbc:databend://host:8000/database or databend://user:password@host:8000/database?sslmode=disable',
    });
  }
  const q = url.searchParams;
  const sslmode = q.get('sslmode');
  const asked = q.get('ssl') === 'true' || sslmode === 'enable' || sslmode === 'require' || scheme === 'databend+https';
  const refused = q.get('ssl') === 'false' || sslmode === 'disable' || scheme === 'databend+http';
  const tls = o.ssl ?? (jdbc ? asked : asked || !refused);
  return {
    host: url.hostname,
    port: url.port === '' ? (tls ? 443 : jdbc ? 8000 : 80) : Number(url.port),
    user: o.user ?? (decodeURIComponent(url.username) || q.get('user') || 'databend'),
    password: o.password ?? (decodeURIComponent(url.password) || q.get('password') || ''),
    database: o.database ?? (decodeURIComponent(url.pathname.slice(1)) || 'default'),
    tls,
    warehouse: q.get('warehouse'),
    tenant: q.get('tenant'),
  };
}

export function httpBase(e: Endpoint): string {
  return `${e.tls ? 'https' : 'http'}://${e.host}:${e.port}`;
}

/** The driver's DSN. `login` goes to the default database: the wanted one may still have to be created. */
export function driverDsn(e: Endpoint): string {
  const q = new URLSearchParams({ sslmode: e.tls ? 'enable' : 'disable', retry_count: '1', retry_delay_secs: '1' });
  if (e.warehouse !== null) q.set('warehouse', e.warehouse);
  if (e.tenant !== null) q.set('tenant', e.tenant);
  return `databend://${encodeURIComponent(e.user)}:${encodeURIComponent(e.password)}@${e.host}:${e.port}/default?${q}`;
}
