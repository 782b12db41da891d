import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { postgresBinaries } from "./postgres-binaries.ts";
import { freePort, type ServerProcess, serverUser, startServerProcess } from "./server-process.ts";

export interface PostgresServer {
  /** A superuser's connection to the `postgres` database. Tests work in one of their own: `createDatabase(url)`. */
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  /** Fast shutdown; the data directory is removed. Call it last. */
  stop(): Promise<void>;
  /** A crash: no checkpoint, connections cut, open transactions lost. The next start recovers from the log. */
  stopImmediate(): Promise<void>;
  /** The same data on the same port again, after `stopImmediate` or (then it shuts down first) while running. */
  restart(): Promise<void>;
}

/**
 * Starts a PostgreSQL of one's own, about two seconds. For tests that crash or restart it; all others share the run's
 * server (`sharedPostgresUrl`).
 */
export async function startPostgres(): Promise<PostgresServer> {
  const dir = mkdtempSync(join(tmpdir(), "onceguard-pg-"));
  try {
    return await startIn(dir);
  } catch (error) {
    rmSync(dir, { recursive: true, force: true });
    throw error;
  }
}

async function startIn(dir: string): Promise<PostgresServer> {
  if (serverUser) chownSync(dir, serverUser.uid, serverUser.gid);
  const bin = postgresBinaries(dir);
  const dataDir = join(dir, "data");
  const logFile = join(dir, "log");
  const port = await freePort();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;

  const initdb = ["-D", dataDir, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
  execFileSync(join(bin, "initdb"), initdb, { ...serverUser, cwd: dir, stdio: ["ignore", "ignore", "pipe"] });

  const settings = {
    port,
    listen_addresses: "127.0.0.1",
    unix_socket_directories: dir,
    max_connections: 300,
    // What a receipt relies on. Tests that pass without them prove nothing about a crash.
    fsync: "on",
    synchronous_commit: "on",
  };
  const args = ["-D", dataDir, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])];

  let server: ServerProcess | undefined;
  const start = async () => {
    server = startServerProcess({ command: join(bin, "postgres"), args, dir, logFile });
    try {
      await accepting(url);
    } catch (error) {
      await halt("QUIT");
      throw new Error(`PostgreSQL did not start:\n${readFileSync(logFile, "utf8").slice(-2_000)}`, { cause: error });
    }
  };
  const halt = async (signal: "INT" | "QUIT") => {
    await server?.stop(signal);
    server = undefined;
  };

  await start();
  return {
    url,
    port,
    dataDir,
    stop: async () => {
      await halt("INT");
      rmSync(dir, { recursive: true, force: true });
    },
    stopImmediate: () => halt("QUIT"),
    restart: async () => {
      await halt("INT");
      await start();
    },
  };
}

/** Resolves when a server (or a pooler before it) answers at this URL; gives up after 30 seconds. */
export async function accepting(url: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      return await withClient(url, async () => {});
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(25);
    }
  }
}

/** The server of this test run, which `global-setup.ts` started (or the one the environment named). */
export function sharedPostgresUrl(): string {
  const url = process.env.ONCEGUARD_TEST_POSTGRES_URL;
  if (!url) throw new Error("ONCEGUARD_TEST_POSTGRES_URL is not set; the global setup of vitest sets it");
  return url;
}

/** A fresh, empty database on that server, so that test files cannot see each other. Returns its URL. */
export async function createDatabase(url: string = sharedPostgresUrl()): Promise<string> {
  const name = `onceguard_test_${randomBytes(8).toString("hex")}`;
  await withClient(url, (client) => client.query(`CREATE DATABASE ${name}`));
  const database = new URL(url);
  database.pathname = `/${name}`;
  return database.href;
}

/** Drops a database that `createDatabase` made, whoever is still connected to it. */
export async function dropDatabase(databaseUrl: string): Promise<void> {
  const name = new URL(databaseUrl).pathname.slice(1);
  // A typo here must not cost anyone the database that ONCEGUARD_TEST_POSTGRES_URL points to.
  if (!/^onceguard_test_[0-9a-f]{16}$/.test(name)) throw new Error(`not a test database: ${name}`);
  const server = new URL(databaseUrl);
  server.pathname = "/postgres";
  await withClient(server.href, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
}

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on("error", () => {}); // a connection that breaks fails its query; without a listener it would end the process
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
