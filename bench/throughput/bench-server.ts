import { readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { createDatabase, type PostgresServer, startPostgres } from "../../packages/onceguard/test/support/postgres.ts";

/** A PostgreSQL of one's own, with `fsync` and `synchronous_commit` on, that a part measures on. */
export interface BenchServer {
  readonly url: string;
  readonly server: PostgresServer;
  /** Its first process, for the processor time; null where there is no /proc. */
  readonly pid: number | null;
  /** As superuser, on a connection of its own. */
  query<Row>(text: string, values?: unknown[]): Promise<Row[]>;
  /** Changes a setting of the server, for everybody and at once. */
  set(name: string, value: string): Promise<void>;
  /** A fresh database, its URL. */
  database(): Promise<string>;
  stop(): Promise<void>;
}

export async function startBenchServer(): Promise<BenchServer> {
  const server = await startPostgres();
  const admin = new pg.Client({ connectionString: server.url });
  admin.on("error", () => undefined); // it may hear of the end of the server
  await admin.connect();
  const [postmaster] = readFileSync(join(server.dataDir, "postmaster.pid"), "utf8").split("\n");
  const query = async <Row>(text: string, values: unknown[] = []) => (await admin.query(text, values)).rows as Row[];
  return {
    url: server.url,
    server,
    pid: process.platform === "linux" ? Number(postmaster) : null,
    query,
    set: async (name, value) => {
      await query(`ALTER SYSTEM SET ${name} = '${value}'`);
      await query("SELECT pg_reload_conf()");
      while ((await query<{ is: string }>("SELECT current_setting($1) AS is", [name]))[0]?.is !== value);
      await query("CHECKPOINT"); // what runs in the background has read it, too
    },
    database: () => createDatabase(server.url),
    stop: async () => {
      await admin.end();
      await server.stop();
    },
  };
}

/** For the time of `work`. */
export async function withServer<Answer>(work: (server: BenchServer) => Promise<Answer>): Promise<Answer> {
  const server = await startBenchServer();
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}
