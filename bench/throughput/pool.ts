import pg from "pg";

/** A pool that survives the end of its server: an idle connection may hear of that. */
export function poolOf(url: string, max = 10): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max });
  pool.on("error", () => undefined);
  return pool;
}
