import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { dropDatabase } from "../support/postgres.ts";

/** Engines resolve their stop before their connections are gone; one that is cut off by the drop is an error nobody hears. */
export async function dropWhenLeft(databaseUrl: string): Promise<void> {
  const server = new URL(databaseUrl);
  const name = server.pathname.slice(1);
  server.pathname = "/postgres";
  const client = new pg.Client({ connectionString: server.href });
  await client.connect();
  try {
    const connections = async (): Promise<number> => {
      const text = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = $1";
      return (await client.query(text, [name])).rows[0].n;
    };
    const deadline = Date.now() + 10_000;
    while ((await connections()) > 0 && Date.now() < deadline) await sleep(20);
  } finally {
    await client.end();
  }
  await dropDatabase(databaseUrl);
}
