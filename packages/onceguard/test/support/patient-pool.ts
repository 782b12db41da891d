import pg from "pg";

/** A pool that waits for a free connection as long as it takes: a busy machine is no failure. */
export function patientPool(url: string, max: number): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max, allowExitOnIdle: true });
  pool.on("error", () => undefined);
  return pool;
}
