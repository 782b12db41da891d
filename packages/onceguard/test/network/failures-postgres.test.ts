import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { classifyFailure, type Failure } from "../../src/core/failure.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";
import { thrownBy } from "./support/http-clients.ts";
import { deadPort } from "./support/raw-server.ts";
import { until } from "./support/until.ts";

// A real server's errors, and its data as the judge: whatever is called definite must not have left a row.

let database: string;
const clients: pg.Client[] = [];

async function connected(url = database): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {}); // some of the tests end connections
  await client.connect();
  clients.push(client);
  return client;
}

beforeAll(async () => {
  database = await createDatabase();
  const admin = await connected();
  await admin.query(`
    CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0));
    CREATE TABLE payment (id int REFERENCES account, UNIQUE (id) DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO account VALUES (1, 10), (2, 10);`);
});

afterAll(async () => {
  for (const client of clients) await client.end().catch(() => {});
  await dropDatabase(database);
});

const of = async (statement: string) => {
  const client = await connected();
  return classifyFailure(await thrownBy(client.query(statement)));
};

describe("a statement that the server rejects is rolled back", () => {
  it.each<[string, string, Failure["tier"]]>([
    ["INSERT INTO account VALUES (1, 5)", "sqlstate_23505", "conflict"],
    ["INSERT INTO payment VALUES (9)", "sqlstate_23503", "conflict"],
    ["INSERT INTO account VALUES (9, NULL)", "sqlstate_23502", "validation"],
    ["INSERT INTO account VALUES (9, -1)", "sqlstate_23514", "validation"],
    ["INSERT INTO account VALUES ('x', 5)", "sqlstate_22P02", "validation"],
    ["INSERT INTO acount VALUES (9, 5)", "sqlstate_42P01", "validation"],
    ["INSERT INTO", "sqlstate_42601", "validation"],
    ["SET ROLE pg_monitor; INSERT INTO account VALUES (9, 5)", "sqlstate_42501", "security"],
    ["SET TRANSACTION READ ONLY; INSERT INTO account VALUES (9, 5)", "sqlstate_25006", "transient"],
    ["DO $$ BEGIN INSERT INTO account VALUES (9, 5); RAISE EXCEPTION 'no'; END $$", "sqlstate_P0001", "conflict"],
    ["BEGIN; INSERT INTO payment VALUES (1), (1); COMMIT", "sqlstate_23505", "conflict"], // checked by COMMIT
  ])("%s", async (statement, code, tier) => {
    expect(await of(statement)).toMatchObject({ certainty: "definite", tier, code });
    const { rows } = await (await connected()).query(
      "SELECT (SELECT count(*) FROM account), (SELECT count(*) FROM payment) AS paid",
    );
    expect(rows).toEqual([{ count: "2", paid: "0" }]);
  });
});

describe("two at a time", () => {
  it("could not serialize", async () => {
    const [one, two] = [await connected(), await connected()];
    for (const client of [one, two]) {
      await client.query("BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT sum(balance) FROM account");
    }
    await one.query("UPDATE account SET balance = 11 WHERE id = 1; COMMIT");
    const error = await thrownBy(two.query("UPDATE account SET balance = 12 WHERE id = 1"));
    expect(classifyFailure(error)).toMatchObject({ certainty: "definite", tier: "transient", code: "sqlstate_40001" });
  });

  it("deadlock", async () => {
    const [one, two] = [await connected(), await connected()];
    await one.query("SET deadlock_timeout = '1ms'; BEGIN; UPDATE account SET balance = 3 WHERE id = 1");
    await two.query("SET deadlock_timeout = '1h'; BEGIN; UPDATE account SET balance = 4 WHERE id = 2");
    const waiting = two.query("UPDATE account SET balance = 5 WHERE id = 1");
    const admin = await connected();
    await until(async () => (await admin.query("SELECT 1 FROM pg_locks WHERE NOT granted")).rowCount === 1);
    const error = await thrownBy(one.query("UPDATE account SET balance = 6 WHERE id = 2"));
    expect(classifyFailure(error)).toMatchObject({ certainty: "definite", tier: "transient", code: "sqlstate_40P01" });
    await one.query("ROLLBACK");
    await waiting;
    await two.query("ROLLBACK");
  });

  it("lock not available", async () => {
    const [one, two] = [await connected(), await connected()];
    await one.query("BEGIN; SELECT * FROM account FOR UPDATE");
    const error = await thrownBy(two.query("SELECT * FROM account FOR UPDATE NOWAIT"));
    expect(classifyFailure(error)).toMatchObject({ certainty: "definite", tier: "transient", code: "sqlstate_55P03" });
    await one.query("ROLLBACK");
  });
});

describe("stopped from outside", () => {
  const stopped = async (how: "pg_cancel_backend" | "pg_terminate_backend") => {
    const [admin, client] = [await connected(), await connected()];
    const { pid } = (await client.query("SELECT pg_backend_pid() AS pid")).rows[0];
    const running = thrownBy(client.query("SELECT pg_sleep(600)"));
    const state = "SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'";
    await until(async () => (await admin.query(state, [pid])).rowCount === 1);
    await admin.query(`SELECT ${how}($1)`, [pid]);
    return classifyFailure(await running);
  };

  it("a cancelled statement was rolled back", async () => {
    expect(await stopped("pg_cancel_backend")).toMatchObject({ certainty: "definite", code: "sqlstate_57014" });
  });

  it("an ended connection may have been at its COMMIT", async () => {
    expect(await stopped("pg_terminate_backend")).toMatchObject({ certainty: "indefinite", code: "sqlstate_57P01" });
  });
});

describe("not let in", () => {
  const refused = async (change: (url: URL) => void) => {
    const url = new URL(database);
    change(url);
    return classifyFailure(await thrownBy(connected(url.href)));
  };

  it("as nobody", async () => {
    const failure = await refused((url) => {
      url.username = "nobody_at_all";
    });
    expect(failure).toMatchObject({ certainty: "definite", tier: "security", code: "sqlstate_28000" });
  });

  it("to nothing", async () => {
    const failure = await refused((url) => {
      url.pathname = "/nothing_at_all";
    });
    expect(failure).toMatchObject({ certainty: "definite", code: "sqlstate_3D000" });
  });

  it("as one too many", async () => {
    const admin = await connected();
    const role = `crowded_${process.pid}`;
    await admin.query(`CREATE ROLE ${role} LOGIN CONNECTION LIMIT 0`);
    try {
      const failure = await refused((url) => {
        url.username = role;
      });
      expect(failure).toMatchObject({ certainty: "definite", tier: "transient", code: "sqlstate_53300" });
    } finally {
      await admin.query(`DROP ROLE ${role}`);
    }
  });

  it("where no server is", async () => {
    const port = String(await deadPort());
    const failure = await refused((url) => {
      url.port = port;
    });
    expect(failure).toMatchObject({ certainty: "definite", code: "ECONNREFUSED" });
  });
});

it("Drizzle's wrapper is looked into", async () => {
  const db = drizzle({ client: await connected() });
  const error = await thrownBy(db.execute("INSERT INTO account VALUES (1, 5)"));
  expect(error).toMatchObject({ query: expect.any(String), cause: { code: "23505" } });
  expect(classifyFailure(error)).toMatchObject({ certainty: "definite", tier: "conflict", code: "sqlstate_23505" });
});
