import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDatabase, dropDatabase, type PostgresServer, startPostgres } from "./postgres.ts";

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

describe("a PostgreSQL of one's own", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(async () => {
    await server.stop();
    expect(existsSync(server.dataDir)).toBe(false);
  });

  it("is durable, and has room for many clients", async () => {
    const rows = await query(
      server.url,
      "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'max_connections') ORDER BY name",
    );
    expect(rows.map((row) => row.setting)).toEqual(["on", "300", "on"]);
  });

  it("keeps what was committed through a crash, and comes back on the same port", async () => {
    const database = await createDatabase(server.url);
    await query(database, "CREATE TABLE t AS SELECT 42 AS n");
    await server.stopImmediate();
    await expect(query(database, "SELECT n FROM t")).rejects.toThrow();
    await server.restart();
    expect(await query(database, "SELECT n FROM t")).toEqual([{ n: 42 }]);
    await server.restart();
    expect(await query(database, "SELECT n FROM t")).toEqual([{ n: 42 }]);
  });
});

describe("the run's shared PostgreSQL", () => {
  it("gives each test file a database of its own", async () => {
    const [first, second] = await Promise.all([createDatabase(), createDatabase()]);
    await query(first, "CREATE TABLE only_here (n int)");
    await expect(query(second, "SELECT * FROM only_here")).rejects.toThrow(/does not exist/);
    await Promise.all([dropDatabase(first), dropDatabase(second)]);
    await expect(query(first, "SELECT 1")).rejects.toThrow(/does not exist/);
  });

  it("drops nothing but test databases", async () => {
    await expect(dropDatabase("postgres://localhost/production")).rejects.toThrow("not a test database");
  });
});

it("leaves no server behind when the process that started it is killed", async () => {
  const module = fileURLToPath(new URL("./postgres.ts", import.meta.url));
  const script = `
    const { startPostgres } = await import(${JSON.stringify(module)});
    const { url, dataDir } = await startPostgres();
    console.log(JSON.stringify({ url, dataDir }));
    setInterval(() => {}, 1_000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(child.stdout, "data");
  const { url, dataDir } = JSON.parse(String(line)) as { url: string; dataDir: string };
  expect(await query(url, "SELECT 1 AS up")).toEqual([{ up: 1 }]);

  child.kill("SIGKILL");

  const deadline = Date.now() + 60_000;
  while (existsSync(dataDir) && Date.now() < deadline) await sleep(50);
  expect(existsSync(dataDir)).toBe(false);
  await expect(query(url, "SELECT 1")).rejects.toThrow();
});
