import { describe, expect, it } from "vitest";
import { defineAction } from "../../src/core/action.ts";
import { DEFAULT_FINALITY_POLICY } from "../../src/core/finality.ts";
import type { Configured } from "../../src/http/configured.ts";
import { httpApi } from "../../src/http/http-api.ts";
import { problemWith } from "../../src/http/json-schema.ts";
import { OPERATIONS } from "../../src/http/operations/index.ts";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { type Answer, someKeys, startService, until } from "./service.ts";

const CONFIGURED: Configured = {
  store: { name: "memory", durable: false, log: "in memory" },
  notified: {},
  budgets: { maxActionsPerRun: 9, maxRepeatsPerRecord: null, amounts: [] },
  spill: null,
  rules: [
    { action: "careful", verdict: "review", reason: "needs a person" },
    { tenant: "acme", verdict: "deny", reason: "only theirs" },
  ],
  hasPolicy: true,
  policyVersion: "3",
  finality: DEFAULT_FINALITY_POLICY,
};

/** As the operation promises it, in /openapi.json and to us. */
function fits(name: string, { status, body }: Answer): void {
  const schema = OPERATIONS.find((operation) => operation.name === name)?.answers[status];
  expect([name, status, schema && problemWith(schema, body)]).toEqual([name, 200, null]);
}

describe("what the console asks for", () => {
  it("me: whose key it is, and what this service can", async () => {
    const { keys, bearer } = someKeys({ ann: { tenant: "acme", role: "reviewer" } });
    const { call } = await startService({ http: { keys, version: "1.2.3", traceUrl: "https://t.example/{trace_id}" } });
    const me = await call("GET", "/v1/me", undefined, bearer.ann);
    fits("me", me);
    expect(me.body).toMatchObject({ tenant: "acme", name: "ann", roles: ["reviewer"], open: false, sealed: false });
    expect(me.body).toMatchObject({ version: "1.2.3", trace_url: "https://t.example/{trace_id}" });
    const open = await startService();
    expect((await open.call("GET", "/v1/me")).body).toMatchObject({ tenant: "default", open: true, trace_url: null });
  });

  it.each(["javascript:alert('{trace_id}')", "https://t.example/", "//t.example/{trace_id}"])(
    "no link is made of %s",
    async (traceUrl) => {
      const guard = createGuard({ store: memoryStore(), sweepEvery: false });
      await expect(httpApi({ guard, actions: [], open: true, traceUrl })).rejects.toMatchObject({
        code: "invalid_option",
      });
      await guard.close();
    },
  );

  it("overview: counts of the log, open requests, the longest waiting first; and follows what is new", async () => {
    const { call, guard } = await startService();
    const order = (ref: string, mode?: string, action = "order") =>
      call("POST", "/v1/execute", { action, payload: { ref, ...(mode && { mode }) }, wait_ms: 0 });
    await order("A");
    for (let n = 0; n < 3; n++) await order("A");
    await order("B", "lose");
    await order("C", "reject");
    await order("D", undefined, "careful");
    await order("E", undefined, "forbidden");
    await call("POST", "/v1/execute", { action: "windowed", payload: { ref: "W", note: "1" } });
    await call("POST", "/v1/execute", { action: "windowed", payload: { ref: "W", note: "2" } });
    await guard.reconcile();
    const look = () => call("GET", "/v1/overview?window=1h");
    await until(async () => (await look()).body.totals.replayed === 3, "the replays in the log");
    const first = await look();
    fits("overview", first);
    expect(first.body.totals).toEqual({
      executed: 2,
      replayed: 3,
      skipped: 1,
      in_doubt: 1,
      review: 1,
      failed: 1,
      refused: 1,
    });
    expect(first.body.prevented).toEqual({ count: 4, amount: 0, amount_known_for: 0 });
    expect(first.body.open).toMatchObject({ review: 1, held: 1, awaiting_approval: 1, in_doubt: 0, running: 0 });
    expect(first.body.waiting.map((one: { state: string }) => one.state).sort()).toEqual(["held", "review"]);
    expect(first.body).toMatchObject({ complete: true, counting: false, bar_ms: 60_000 });
    expect(first.body.bars).toHaveLength(60);
    await order("F");
    await until(async () => (await look()).body.totals.executed === 3, "the new one");
    expect((await call("GET", "/v1/overview?window=1y")).status).toBe(400);
  });

  it("overview: a tenant's own", async () => {
    const { keys, bearer } = someKeys({
      caller: { tenant: "acme", role: "caller" },
      eye: { tenant: "acme", role: "auditor" },
      other: { tenant: "other", role: "auditor" },
    });
    const { call } = await startService({ http: { keys } });
    await call("POST", "/v1/execute", { action: "order", payload: { ref: "mine" }, run_id: "r" }, bearer.caller);
    const seen = async (key: Record<string, string>) => [
      (await call("GET", "/v1/overview", undefined, key)).body.totals.executed,
      (await call("GET", "/v1/runs", undefined, key)).body.runs.length,
    ];
    expect([await seen(bearer.eye), await seen(bearer.other)]).toEqual([
      [1, 1],
      [0, 0],
    ]);
  });

  it("runs: of the newest requests, and those that are halted", async () => {
    const { call } = await startService();
    for (const ref of ["1", "2"])
      await call("POST", "/v1/execute", { action: "order", payload: { ref }, run_id: "r1" });
    await call("POST", "/v1/execute", { action: "order", payload: { ref: "3" } });
    await call("POST", "/v1/runs/r0/halt", { reason: "stop" });
    const answer = await call("GET", "/v1/runs");
    fits("runs", answer);
    expect(answer.body.looked_at).toBe(3);
    expect(answer.body.runs).toMatchObject([
      { run_id: "r0", requests: 0, halt: { reason: "stop" }, last_at: null },
      { run_id: "r1", requests: 2, states: { succeeded: 2 }, actions: ["order"], halt: null },
    ]);
  });

  it("receipts by case and by conflict", async () => {
    const { call } = await startService();
    const lost = await call("POST", "/v1/execute", { action: "order", payload: { ref: "x" } });
    await call("POST", `/v1/evidence/${lost.body.request_id}`, { answer: "did_not_happen", source: "bank" });
    expect((await call("GET", "/v1/receipts?conflict=true")).body.receipts).toMatchObject([{ record_id: "order:x" }]);
    expect((await call("GET", "/v1/receipts?case_id=none")).body.receipts).toEqual([]);
    expect((await call("GET", "/v1/receipts?conflict=false")).status).toBe(400);
    fits("cases", await call("GET", "/v1/cases"));
  });

  it("providers, policies and the checklist; of rules only those that concern the tenant", async () => {
    const { call } = await startService({ http: { configured: CONFIGURED } });
    const providers = await call("GET", "/v1/providers");
    fits("providers", providers);
    const stripe = providers.body.providers.find(({ name }: { name: string }) => name === "stripe");
    expect(stripe).toMatchObject({ on_repeat: "replays", used_by: [], source: expect.stringMatching(/^https:/) });
    const policies = await call("GET", "/v1/policies");
    fits("policies", policies);
    expect(policies.body.rules).toEqual([{ action: "careful", verdict: "review", reason: "needs a person" }]);
    expect(policies.body).toMatchObject({ policy_version: "3", has_policy: true, budgets: { max_actions_per_run: 9 } });
    const names = policies.body.actions.map(({ name }: { name: string }) => name);
    expect(names).toEqual(expect.arrayContaining(["order", "windowed", "valve"]));
    const questions = await call("GET", "/v1/checklist");
    fits("checklist", questions);
    expect(questions.body.actions.map((one: { questions: unknown[] }) => one.questions.length)).toContain(5);
    expect(questions.body.unanswered.length).toBeGreaterThan(0);
    const unknown = await startService();
    expect((await unknown.call("GET", "/v1/checklist")).body).toMatchObject({ status: 501, code: "no_configuration" });
    expect((await unknown.call("GET", "/v1/policies")).body).toMatchObject({ rules: null, budgets: null });
  });

  it("events tell of an old effect that is undone, however many requests are newer", async () => {
    const records: Record<string, number> = {};
    const set = defineAction({
      name: "set",
      riskTier: "side_effecting",
      keyFields: ["id"],
      record: ({ id }: { id: string }) => `record:${id}`,
      before: ({ id }) => records[id] ?? 0,
      after: ({ id }) => records[id] ?? 0,
      compensate: ({ id }, { before }) => {
        records[id] = before;
      },
      execute: ({ id }) => {
        records[id] = 1;
      },
    });
    const { url, guard } = await startService({ guard: { actions: [set] }, http: { eventsEvery: "20ms" } });
    const first = await guard.execute("set" as never, { id: "old" } as never, { runId: "wrong" });
    for (let n = 0; n < 220; n++) await guard.execute("set" as never, { id: `new-${n}` } as never);
    const stream = await fetch(`${url}/v1/events`);
    let heard = "";
    void (async () => {
      for await (const chunk of stream.body ?? []) heard += new TextDecoder().decode(chunk as Uint8Array);
    })().catch(() => undefined);
    await until(() => heard.includes("retry:"), "the stream");
    const { plan } = await guard.blastRadius({ runId: "wrong", tenant: "default" });
    await until(async () => {
      await guard.correct(plan, { token: plan.token, actor: "olga", reason: "wrong" });
      return records.old === 0;
    }, "the correction");
    await until(() => heard.includes('"state":"compensated"'), "the event");
    expect(heard).toContain(first.requestId);
    await stream.body?.cancel().catch(() => undefined);
  });
});
