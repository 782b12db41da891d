import { describe, expect, it, onTestFinished } from "vitest";
import type { Store } from "../../src/core/ports.ts";
import { OPERATIONS } from "../../src/http/operations/index.ts";
import { ROLES, type Role } from "../../src/http/principal.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { someKeys, startService } from "./service.ts";

const ALL = someKeys({
  caller: { tenant: "acme", role: "caller" },
  reviewer: { tenant: "acme", role: "reviewer" },
  operator: { tenant: "acme", role: "operator" },
  auditor: { tenant: "acme", role: "auditor" },
  other: { tenant: "other", role: "caller" },
  otherOperator: { tenant: "other", role: "operator" },
});

/** Which role may what: written out, so that no change of an operation changes it unnoticed. */
const MATRIX: Readonly<Record<string, readonly Role[]>> = {
  execute: ["caller"],
  propose: ["caller"],
  approve: ["reviewer", "operator"],
  deny: ["reviewer", "operator"],
  claim: ["caller"],
  renew: ["caller"],
  complete: ["caller"],
  fail: ["caller"],
  actions: ["caller", "reviewer", "operator", "auditor"],
  receipt: ["caller", "reviewer", "operator", "auditor"],
  receipts: ["reviewer", "operator", "auditor"],
  reviews: ["reviewer", "operator", "auditor"],
  resolve: ["reviewer", "operator"],
  reopen: ["reviewer", "operator"],
  evidence: ["operator"],
  signal: ["operator"],
  finalize: ["reviewer", "operator"],
  case: ["caller", "reviewer", "operator", "auditor"],
  halt_run: ["operator"],
  halt_action: ["operator"],
  halt_tenant: ["operator"],
  resume_run: ["operator"],
  resume_action: ["operator"],
  resume_tenant: ["operator"],
  halts: ["reviewer", "operator", "auditor"],
  events: ["reviewer", "operator", "auditor"],
  log: ["reviewer", "operator", "auditor"],
  blast_radius: ["reviewer", "operator", "auditor"],
  correct: ["operator"],
  checkpoint: ["reviewer", "operator", "auditor"],
  metrics: ["operator", "auditor"],
  overview: ["reviewer", "operator", "auditor"],
  runs: ["reviewer", "operator", "auditor"],
  cases: ["reviewer", "operator", "auditor"],
  me: ["caller", "reviewer", "operator", "auditor"],
  providers: ["caller", "reviewer", "operator", "auditor"],
  policies: ["reviewer", "operator", "auditor"],
  checklist: ["reviewer", "operator", "auditor"],
  safeagent_claim: ["caller"],
  safeagent_claim_test: ["caller"],
  safeagent_settle: ["caller"],
  safeagent_audit: ["reviewer", "operator", "auditor"],
  safeagent_sweep: ["operator"],
};

describe("which role may what", () => {
  it("the matrix knows every operation", () => {
    expect(OPERATIONS.map(({ name }) => name).sort()).toEqual(Object.keys(MATRIX).sort());
  });

  it.each(OPERATIONS.map(({ name, method, path }) => ({ name, method, path })))(
    "$name",
    async ({ name, method, path }) => {
      const { url } = await startService({ http: { keys: ALL.keys } });
      const target = url + path.replace("{id}", "some-id");
      for (const role of ROLES) {
        const leave = new AbortController();
        const response = await fetch(target, {
          method,
          headers: { ...ALL.bearer[role], ...(method === "POST" && { "content-type": "application/json" }) },
          ...(method === "POST" && { body: '{"nothing":"that fits"}' }),
          signal: leave.signal,
        });
        const may = MATRIX[name]?.includes(role) === true;
        expect([role, response.status === 403]).toEqual([role, !may]);
        expect(response.status).not.toBe(401);
        if (response.status >= 400)
          expect(((await response.json()) as { code: string }).code === "forbidden").toBe(!may);
        leave.abort();
      }
      const nobody = await fetch(target, { method });
      expect([nobody.status, nobody.headers.get("www-authenticate")]).toEqual([401, 'Bearer realm="onceguard"']);
    },
  );

  it("health, readiness and the description need no key", async () => {
    const { call } = await startService({ http: { keys: ALL.keys } });
    for (const path of ["/healthz", "/readyz", "/openapi.json"]) expect((await call("GET", path)).status).toBe(200);
  });
});

describe("a key that is not good", () => {
  it.each([
    {},
    { authorization: "" },
    { authorization: "Bearer" },
    { authorization: "Bearer " },
    { authorization: "Bearer nothing" },
    { authorization: `Bearer ${"x".repeat(5_000)}` },
    { authorization: "Basic YTpi" },
    { authorization: `${ALL.bearer.caller.authorization}x` },
    { authorization: `${ALL.bearer.caller.authorization?.slice(0, -1)}` },
    { authorization: `Bearer ${ALL.kept[0]?.sha256}` },
    { authorization: `${ALL.bearer.caller.authorization}, ${ALL.bearer.operator.authorization}` },
  ] as Record<string, string>[])("%j: 401, and nothing happens", async (headers) => {
    const { call, effects } = await startService({ http: { keys: ALL.keys } });
    const answer = await call("POST", "/v1/execute", { action: "order", payload: { ref: "x" } }, headers);
    expect([answer.status, answer.body.code]).toEqual([401, "unauthenticated"]);
    expect(effects).toEqual([]);
  });
});

describe("tenants", () => {
  /** Counts what the store is asked, in order: what takes the same steps takes the same time. */
  function counted(): { store: Store; steps: string[] } {
    const steps: string[] = [];
    const inner = memoryStore();
    const store = new Proxy(inner, {
      get: (target, key) => {
        const value = Reflect.get(target, key);
        if (typeof value !== "function") return value;
        return (...given: unknown[]) => {
          steps.push(String(key));
          return value.apply(target, given);
        };
      },
    });
    return { store, steps };
  }

  it("cannot see, change, take or probe each other's requests: every answer is that for an id nobody has", async () => {
    const { store, steps } = counted();
    const { call, effects } = await startService({ store, http: { keys: ALL.keys } });
    const { caller, other, otherOperator } = ALL.bearer;
    const id = "pay:1";
    await call("POST", "/v1/execute", { action: "strict", payload: { ref: "mine" }, request_id: id }, caller);
    const valve = { action: "valve", payload: { valve: 1 }, request_id: "valve:1" };
    const { body: claim } = await call("POST", "/v1/claims", valve, caller);
    expect(claim.status).toBe("claimed");
    const fence = { fencing_token: claim.fencing_token };
    const failure = { certainty: "definite", code: "x", message: "x" };
    const probes: [string, (id: string) => string, unknown, Record<string, string>][] = [
      ["GET", (one) => `/v1/receipts/${one}`, undefined, other],
      ["GET", (one) => `/v1/receipts/${one}`, undefined, otherOperator],
      ["POST", (one) => `/v1/claims/${one}/renew`, fence, other],
      ["POST", (one) => `/v1/claims/${one}/complete`, { ...fence, result: "stolen" }, other],
      ["POST", (one) => `/v1/claims/${one}/fail`, { ...fence, ...failure }, other],
      ["POST", (one) => `/v1/reviews/${one}/resolve`, { decision: "happened", reason: "x" }, otherOperator],
      ["POST", (one) => `/v1/reviews/${one}/reopen`, { reason: "x" }, otherOperator],
      ["POST", (one) => `/v1/proposals/${one}/approve`, { reason: "x" }, otherOperator],
      ["POST", (one) => `/v1/proposals/${one}/deny`, { reason: "x" }, otherOperator],
      ["POST", (one) => `/v1/evidence/${one}`, { answer: "did_not_happen", source: "x" }, otherOperator],
    ];
    for (const taken of [id, claim.request_id as string]) {
      const nobodys = `${taken.slice(0, -1)}${taken.endsWith("9") ? "8" : "9"}`;
      for (const [method, path, body, key] of probes) {
        const seen: { answer: unknown; steps: string[] }[] = [];
        for (const one of [taken, nobodys]) {
          steps.length = 0;
          const { status, text, headers } = await call(method, path(one), body, key);
          const comparable = text.replaceAll(one, "ID");
          const length = Number(headers.get("content-length")) || comparable.length;
          seen.push({ answer: [status, comparable, length > 0], steps: [...steps] });
        }
        expect(seen[0]).toEqual(seen[1]);
        expect(seen[0]?.answer).toEqual(expect.arrayContaining([404]));
      }
    }
    // The same id is theirs to use: it names another effect of another tenant.
    const theirs = await call(
      "POST",
      "/v1/execute",
      { action: "strict", payload: { ref: "theirs" }, request_id: id },
      other,
    );
    expect(theirs.body.status).toBe("executed");
    expect(effects).toEqual(["mine", "theirs"]);
    const mine = await call("GET", `/v1/receipts/${claim.request_id}`, undefined, caller);
    expect(mine.body.status).toBe("in_progress");
  });

  it("lists, halts, cases, metrics and events are a tenant's own", async () => {
    const { call, url } = await startService({ http: { keys: ALL.keys, eventsEvery: "20ms" } });
    const { caller, other, operator, otherOperator } = ALL.bearer;
    const order = (ref: string, key: Record<string, string>) =>
      call("POST", "/v1/execute", { action: "order", payload: { ref }, run_id: "run-1" }, key);
    const stream = await fetch(`${url}/v1/events`, { headers: otherOperator });
    let heard = "";
    void (async () => {
      for await (const chunk of stream.body ?? []) heard += new TextDecoder().decode(chunk as Uint8Array);
    })().catch(() => undefined);
    await order("mine", caller);
    await order("theirs", other);
    await call(
      "POST",
      "/v1/cases/c1/signals",
      { id: "1", source: "s", outcome: "secret-outcome", confidence: 1 },
      operator,
    );
    await call("POST", "/v1/runs/run-1/halt", { reason: "mine-only" }, operator);
    await call("POST", "/v1/tenant/halt", { reason: "mine-only" }, operator);
    expect((await order("more", other)).body.status).toBe("executed");
    expect((await order("more", caller)).status).toBe(423);
    const paths = [
      "/v1/receipts",
      "/v1/halts",
      "/v1/reviews",
      "/v1/cases/c1",
      "/metrics",
      "/v1/log",
      "/v1/blast-radius?run_id=run-1",
    ];
    const { body: radius } = await call("GET", "/v1/blast-radius?run_id=run-1", undefined, operator);
    expect(radius.plan.rows).toHaveLength(1);
    const stolen = await call("POST", "/v1/corrections", { plan: radius.plan, reason: "x" }, otherOperator);
    expect([stolen.status, stolen.body.code]).toEqual([403, "forbidden"]);
    for (const path of paths) {
      const { text } = await call("GET", path, undefined, otherOperator);
      expect(text).not.toMatch(/mine|secret-outcome|acme/);
    }
    const { text } = await call("GET", "/metrics", undefined, otherOperator);
    expect(text).toContain('onceguard_outcomes_total{action="order",status="executed"} 2');
    expect(text).not.toContain('status="halted"');
    for (const deadline = Date.now() + 60_000; !heard.includes("order:theirs"); ) {
      if (Date.now() > deadline) throw new Error("no event came");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(heard).not.toContain("order:mine");
  });

  it("a caller's own view has no payload; who decides sees it", async () => {
    const { call } = await startService({ http: { keys: ALL.keys } });
    const { body } = await call(
      "POST",
      "/v1/execute",
      { action: "order", payload: { ref: "x", note: "private words" } },
      ALL.bearer.caller,
    );
    const path = `/v1/receipts/${body.request_id}`;
    expect((await call("GET", path, undefined, ALL.bearer.caller)).text).not.toContain("private words");
    const auditor = await call("GET", path, undefined, ALL.bearer.auditor);
    expect(auditor.body.record.payload.note).toBe("private words");
    expect(auditor.body.log.map(({ event }: { event: string }) => event)).toContain("success");
  });

  it("who proposed something irreversible cannot approve it, whatever they call themselves", async () => {
    const { call } = await startService({
      http: { keys: someTwins.keys },
      guard: { rules: [{ action: "strict", verdict: "review", reason: "needs a person" }] },
    });
    const body = { action: "strict", payload: { ref: "x" }, request_id: "p1" };
    expect((await call("POST", "/v1/execute", body, someTwins.bearer.acts)).body.status).toBe("held");
    const own = await call("POST", "/v1/proposals/p1/approve", { reason: "me" }, someTwins.bearer.acts);
    expect(own.body.code).toBe("forbidden");
    const spoofed = await call(
      "POST",
      "/v1/proposals/p1/approve",
      { reason: "me", actor: "somebody" },
      someTwins.bearer.decides,
    );
    expect(spoofed.body.code).toBe("invalid_request");
    const other = await call("POST", "/v1/proposals/p1/approve", { reason: "fine" }, someTwins.bearer.decides);
    expect(other.status).toBe(200);
    expect((await call("GET", "/v1/receipts/p1", undefined, someTwins.bearer.decides)).text).toContain('"decides"');
  });
});

const someTwins = someKeys({
  acts: { tenant: "default", role: "caller" },
  decides: { tenant: "default", role: "reviewer" },
});

describe("limits by key", () => {
  it("rate: 429 with Retry-After, and another key is not concerned", async () => {
    const { call, effects } = await startService({ http: { keys: ALL.keys, limits: { ratePerSecond: 0.001 } } });
    const go = (ref: string, key: Record<string, string>) =>
      call("POST", "/v1/execute", { action: "order", payload: { ref } }, key);
    expect((await go("1", ALL.bearer.caller)).status).toBe(200);
    const limited = await go("2", ALL.bearer.caller);
    expect([limited.status, limited.body.code]).toEqual([429, "rate_limited"]);
    expect(Number(limited.headers.get("retry-after"))).toBeGreaterThan(1);
    expect((await go("3", ALL.bearer.other)).status).toBe(200);
    expect(effects).toEqual(["1", "3"]);
  });

  it("concurrency: 503 while the places are taken, by key", async () => {
    const { call, effects, release } = await startService({
      http: { keys: ALL.keys, limits: { maxConcurrentPerKey: 1 } },
    });
    const go = (ref: string, key: Record<string, string>, mode?: string) =>
      call("POST", "/v1/execute", { action: "order", payload: { ref, ...(mode && { mode }) } }, key);
    const first = go("1", ALL.bearer.caller, "hold");
    while (effects.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const busy = await go("2", ALL.bearer.caller);
    expect([busy.status, busy.body.code, busy.headers.get("retry-after")]).toEqual([503, "too_busy", "1"]);
    expect((await go("3", ALL.bearer.other)).status).toBe(200);
    release();
    await first;
    expect((await go("2", ALL.bearer.caller)).status).toBe(200);
    expect(effects).toEqual(["1", "3", "2"]);
  });
});

it("a stream ends when its key is taken back", async () => {
  let good = true;
  const { keys, bearer } = someKeys({ eye: { tenant: "acme", role: "auditor" } });
  const { url } = await startService({ http: { keys: (key) => (good ? keys(key) : null), heartbeat: "20ms" } });
  const stream = await fetch(`${url}/v1/events`, { headers: bearer.eye });
  const text = stream.text();
  onTestFinished(() => text.then(() => undefined));
  good = false;
  expect(await text).toContain("retry:");
});
