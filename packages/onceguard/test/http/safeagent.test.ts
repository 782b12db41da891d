import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { importSafeAgent, type SafeAgentRow } from "../../src/http/index.ts";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { someKeys, startService } from "./service.ts";

/** The project's own published vector of a request's life: PENDING, COMMITTED, SKIP. */
const { vectors } = JSON.parse(
  readFileSync(
    fileURLToPath(new URL("../conformance/vectors/safeagent/exactly-once-v1.json", import.meta.url)),
    "utf8",
  ),
) as {
  vectors: Record<
    "1_pending" | "2_committed" | "3_skip",
    { request_id: string; result: object; cached_result: object; status: string }
  >;
};

const ID = "order:TQQQ:buy:6:2026-05-19T13:31:00-04:00";
const KEYS = someKeys({
  agent: { tenant: "acme", role: "caller" },
  desk: { tenant: "acme", role: "operator" },
  other: { tenant: "other", role: "caller" },
});

describe("SafeAgent's routes", () => {
  it("PROCEED once, PENDING while it is open, SKIP with the result when it is settled", async () => {
    const { call } = await startService();
    const claim = { request_id: ID, action: "order" };
    const first = await call("POST", "/claim", { ...claim, action: "trade" });
    expect([first.status, first.body]).toEqual([
      200,
      {
        status: "PROCEED",
        request_id: ID,
        agent_id: "http",
        settlement_token: expect.stringMatching(/^1\.[0-9a-f]{64}$/),
      },
    ]);
    expect((await call("POST", "/claim/test", { ...claim, action: "trade" })).body).toMatchObject({
      status: "PENDING",
      request_id: ID,
    });
    const result = { status: "completed", txid: "abc123" };
    const settled = await call("POST", `/settle/${ID}`, { result });
    expect([settled.status, settled.body]).toEqual([200, { status: "committed", request_id: ID }]);
    expect((await call("POST", `/settle/${ID}`, { result })).body).toEqual({
      status: "already_committed",
      request_id: ID,
    });
    expect((await call("POST", "/claim", { ...claim, action: "trade" })).body).toMatchObject({
      status: "SKIP",
      existing: result,
    });
    const unknown = await call("POST", "/settle/nobody", { result });
    expect([unknown.status, unknown.body.detail]).toEqual([404, "request_id not found"]);
    expect((await call("GET", "/health")).body).toEqual({ status: "ok" });
  });

  it("the published life of a request: PENDING, COMMITTED, SKIP with the same result", async () => {
    const { call } = await startService();
    const { "1_pending": pending, "2_committed": committed, "3_skip": skip } = vectors;
    const claim = { request_id: pending.request_id, action: "payment.send" };
    expect((await call("POST", "/claim", claim)).body.status).toBe("PROCEED");
    const status = async (): Promise<string> => (await call("GET", "/audit")).body.rows[0].status;
    expect(await status()).toBe(pending.status);
    await call("POST", `/settle/${pending.request_id}`, { result: committed.result });
    expect(await status()).toBe(committed.status);
    expect((await call("POST", "/claim", claim)).body).toMatchObject({
      status: skip.status,
      existing: skip.cached_result,
    });
  });

  it("one of many at the same time proceeds", async () => {
    const { call } = await startService();
    const all = await Promise.all(
      Array.from({ length: 20 }, () => call("POST", "/claim", { request_id: "race", action: "payment.send" })),
    );
    expect(all.map(({ body }) => body.status).sort()).toEqual([...Array(19).fill("PENDING"), "PROCEED"]);
  });

  it("a claim that is old is a question, and not claimable again, whoever sweeps", async () => {
    let now = 1_800_000_000_000;
    const { call, guard } = await startService({ store: memoryStore({ clock: () => now }) });
    const claim = { request_id: "slow", action: "payment.send" };
    expect((await call("POST", "/claim", claim)).body.status).toBe("PROCEED");
    now += 3_600_000;
    expect((await call("POST", "/sweep")).body).toEqual({ swept: 0 });
    for (let i = 0; i < 3; i++) {
      const again = await call("POST", "/claim", claim);
      expect([again.status, again.body.status]).toEqual([200, "PENDING"]);
    }
    // Its owner was only slow: what it says is evidence.
    expect((await call("POST", "/settle/slow", { result: { id: 1 } })).body.status).toBe("committed");
    expect((await call("POST", "/claim", claim)).body).toMatchObject({ status: "SKIP", existing: { id: 1 } });
    expect((await guard.receipt("slow"))?.evidence).toBe("late");
  });

  it("with a secret, only who was told PROCEED may settle", async () => {
    const { call } = await startService({ http: { keys: KEYS.keys, settlementSecret: "s".repeat(48) } });
    const claim = (request_id: string) => call("POST", "/claim", { request_id, action: "trade" }, KEYS.bearer.agent);
    const [one, two] = [await claim("a"), await claim("b")];
    const settle = (token: string | null, id = "a") =>
      call(
        "POST",
        `/settle/${id}`,
        { result: {} },
        {
          ...KEYS.bearer.agent,
          ...(token !== null && { "x-safeagent-settlement-token": token }),
        },
      );
    for (const token of [
      null,
      "",
      "1.",
      one.body.settlement_token.slice(0, -1),
      two.body.settlement_token,
      `2${one.body.settlement_token.slice(1)}`,
    ]) {
      expect([token, (await settle(token)).status]).toEqual([token, 403]);
    }
    expect((await settle(one.body.settlement_token)).body.status).toBe("committed");
  });

  it("its clients' own header is a key, too; tenants are apart; /audit is for those who look into it", async () => {
    const { call } = await startService({ http: { keys: KEYS.keys } });
    const key = KEYS.bearer.agent.authorization?.slice("Bearer ".length) ?? "";
    const claim = { request_id: "x", action: "trade" };
    expect((await call("POST", "/claim", claim, { "x-safeagent-api-key": key })).body.status).toBe("PROCEED");
    expect((await call("POST", "/claim", claim, KEYS.bearer.other)).body.status).toBe("PROCEED");
    expect((await call("GET", "/audit", undefined, KEYS.bearer.agent)).status).toBe(403);
    const audit = await call("GET", "/audit?status=PENDING&action=trade&limit=10", undefined, KEYS.bearer.desk);
    expect(audit.body.rows).toMatchObject([
      { request_id: "x", status: "PENDING", agent_id: "agent", committed_at: null },
    ]);
    expect((await call("GET", "/audit?status=COMMITTED", undefined, KEYS.bearer.desk)).body.rows).toEqual([]);
  });

  it("what the guard performs itself cannot be claimed; another action under the same id is refused", async () => {
    const { call } = await startService();
    expect((await call("POST", "/claim", { request_id: "y", action: "order" })).body.code).toBe("unknown_action");
    await call("POST", "/claim", { request_id: "z", action: "one" });
    const other = await call("POST", "/claim", { request_id: "z", action: "two" });
    expect([other.status, other.body.code]).toEqual([422, "mismatch"]);
    expect((await call("POST", "/claim", { request_id: "y", action: "has spaces" })).status).toBeGreaterThanOrEqual(
      400,
    );
  });
});

it("rows of SafeAgent's table are taken over: done ones replay, pending ones are in doubt; twice is once", async () => {
  const database = new DatabaseSync(":memory:");
  database.exec(
    "CREATE TABLE execution_requests (request_id TEXT PRIMARY KEY, action TEXT NOT NULL, status TEXT NOT NULL, result TEXT, claimed_at REAL NOT NULL, committed_at REAL)",
  );
  database.exec(
    `INSERT INTO execution_requests VALUES ('a', 'payment.send', 'COMMITTED', '{"id":"pi_1"}', 1.5, 2.5), ('b', 'email', 'PENDING', NULL, 1.5, NULL)`,
  );
  const rows = database.prepare("SELECT * FROM execution_requests").all() as unknown as SafeAgentRow[];
  const guard = createGuard({ store: memoryStore(), sweepEvery: false });
  expect(await importSafeAgent(guard as never, rows)).toEqual({ committed: 1, inDoubt: 1, known: 0 });
  expect(await importSafeAgent(guard as never, rows)).toEqual({ committed: 0, inDoubt: 0, known: 2 });
  expect(await guard.receipt("a")).toMatchObject({ state: "succeeded", result: { json: '{"id":"pi_1"}' } });
  expect(await guard.receipt("b")).toMatchObject({ state: "in_doubt", mayHaveApplied: true });
  await guard.close();
});
