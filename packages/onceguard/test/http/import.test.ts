import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import { describe, expect, it, onTestFinished } from "vitest";
import { Folder } from "../e2e/cli.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";

describe("onceguard import safeagent", () => {
  const ROWS = `INSERT INTO execution_requests (request_id, action, status, result, claimed_at) VALUES
    ('a', 'payment.send', 'COMMITTED', '{"id":"pi_1"}', 1.5), ('b', 'email', 'PENDING', NULL, 2.5)`;

  it("from SQLite and from PostgreSQL; again is no more; what cannot be read is said in one line", async () => {
    const folder = new Folder();
    const database = new DatabaseSync(folder.file("safeagent.db"));
    database.exec(
      "CREATE TABLE execution_requests (request_id TEXT PRIMARY KEY, action TEXT NOT NULL, status TEXT NOT NULL, result TEXT, claimed_at REAL NOT NULL, committed_at REAL)",
    );
    database.exec(ROWS);
    database.close();
    const url = await createDatabase();
    onTestFinished(() => dropDatabase(url));
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(
      "CREATE TABLE execution_requests (request_id text PRIMARY KEY, action text NOT NULL, status text NOT NULL, result jsonb, claimed_at double precision NOT NULL, committed_at double precision)",
    );
    await client.query(ROWS);
    await client.end();
    for (const [from, store] of [
      ["sqlite:safeagent.db", "sqlite:one.db"],
      [url, "sqlite:two.db"],
    ] as const) {
      const taken = await folder.onceguard("import", "safeagent", from, "--store", store, "--json");
      expect([taken.code, taken.json()]).toEqual([0, { committed: 1, in_doubt: 1, known: 0 }]);
      const again = await folder.onceguard("import", "safeagent", from, "--store", store, "--json");
      expect(again.json()).toEqual({ committed: 0, in_doubt: 0, known: 2 });
      const shown = await folder.onceguard("receipts", "--store", store, "--json");
      expect(
        shown
          .json()
          .receipts.map((one: { request_id: string; state: string }) => `${one.request_id} ${one.state}`)
          .sort(),
      ).toEqual(["a succeeded", "b in_doubt"]);
    }
    for (const [args, code] of [
      [["sqlite:missing.db"], 1],
      [["sqlite:safeagent.db", "--table", "nothing"], 1],
      [["sqlite:safeagent.db", "--table", "a;b"], 2],
      [["mysql://x"], 2],
    ] as const) {
      const ended = await folder.onceguard("import", "safeagent", ...args, "--store", "sqlite:one.db");
      expect([args, ended.code, ended.stderr.startsWith("onceguard: ")]).toEqual([args, code, true]);
    }
  });
});
