import { startPostgres } from "./postgres.ts";

/** One real PostgreSQL for the whole run, unless the environment names one. Workers and their children inherit the URL. */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env.ONCEGUARD_TEST_POSTGRES_URL) return undefined;
  const server = await startPostgres();
  process.env.ONCEGUARD_TEST_POSTGRES_URL = server.url;
  return () => server.stop();
}
