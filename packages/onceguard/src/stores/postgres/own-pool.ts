import { OnceguardError } from "../../core/errors.ts";
import type { PostgresPool } from "./connection.ts";

/** Where the database is: an address, or a pool of the caller's. */
export interface PostgresPlace {
  readonly url?: string;
  readonly pool?: PostgresPool;
  readonly maxConnections?: number;
  readonly statementTimeoutMs?: number;
}

export function statementTimeoutMs(options: PostgresPlace): number {
  return options.statementTimeoutMs ?? 5_000;
}

export async function ownPool(options: PostgresPlace, name: string): Promise<PostgresPool> {
  let pg: typeof import("pg");
  try {
    pg = await import("pg");
  } catch (cause) {
    throw new OnceguardError(
      "store_unusable",
      "A postgres:// store needs the pg driver, which Onceguard does not bring along. Run: npm install pg",
      { store: name },
      { cause },
    );
  }
  const pool = new pg.default.Pool({
    connectionString: options.url,
    max: options.maxConnections ?? 10,
    connectionTimeoutMillis: 2_000,
    // A connection that swallows its statement is given up for good, not put back.
    query_timeout: statementTimeoutMs(options),
    keepAlive: true,
    // A connection that swallows even the goodbye would keep a process that has closed its store for minutes.
    allowExitOnIdle: true,
    application_name: "onceguard",
  });
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on("error", () => undefined);
  return pool as unknown as PostgresPool;
}

export function withoutSecrets(url: string): string {
  try {
    const { host, pathname } = new URL(url);
    return `postgres://${host}${pathname}`;
  } catch {
    throw new OnceguardError("invalid_store_url", "The PostgreSQL store URL is not a URL.", {});
  }
}
