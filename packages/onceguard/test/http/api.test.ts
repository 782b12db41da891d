import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { OnceguardError } from "../../src/core/errors.ts";
import { httpApi } from "../../src/http/http-api.ts";
import { type JsonSchema, problemWith } from "../../src/http/json-schema.ts";
import { OPERATIONS } from "../../src/http/operations/index.ts";
import { DOCUMENTS } from "../../src/http/schemas.ts";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { type Answer, startService, until } from "./service.ts";

let n = 0;
const fresh = (): string => `R${++n}`;

function expectProblem(answer: Answer, status: number, code: string): void {
  expect([answer.status, answer.body?.code]).toEqual([status, code]);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(answer.body).toMatchObject({
    status,
    type: expect.stringMatching(/^https:\/\/.*\/docs\//),
    title: expect.any(String),
  });
  expect(problemWith(DOCUMENTS.Problem, answer.body)).toBeNull();
}

describe("what a caller sees (semantics.md section 5), as HTTP", () => {
  it("executed, then replayed: 200, the same result and receipt", async () => {
    const { call, effects } = await startService();
    const body = { action: "order", payload: { ref: "A1" } };
    const first = await call("POST", "/v1/execute", body);
    expect([first.status, first.body.status]).toEqual([200, "executed"]);
    expect(first.body).toMatchObject({ result: { ordered: "A1" }, receipt: { record_id: "order:A1", actor: "http" } });
    expect(first.headers.get("idempotent-replayed")).toBeNull();
    const second = await call("POST", "/v1/execute", { ...body, payload: { ref: "A1", note: "other prose" } });
    expect([second.status, second.body.status]).toEqual([200, "replayed"]);
    expect(second.headers.get("idempotent-replayed")).toBe("true");
    expect(second.body.receipt).toEqual(first.body.receipt);
    expect(second.body.result).toEqual(first.body.result);
    expect(effects).toEqual(["A1"]);
    expect(problemWith(DOCUMENTS.Outcome, first.body)).toBeNull();
  });

  it("the trace that traceparent names is the receipt's", async () => {
    const { call } = await startService();
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const body = { action: "order", payload: { ref: fresh() } };
    const { body: answer } = await call("POST", "/v1/execute", body, { traceparent });
    expect(answer.receipt.trace_id).toBe("4bf92f3577b34da6a3ce929d0e0e4736");
  });

  it("in progress: 409 with Retry-After; the receipt says so; and it is replayed once it is over", async () => {
    const { call, effects, release } = await startService();
    const body = { action: "order", payload: { ref: fresh(), mode: "hold" }, wait_ms: 0 };
    const first = call("POST", "/v1/execute", body);
    await until(() => effects.length === 1, "the effect");
    const second = await call("POST", "/v1/execute", body);
    expectProblem(second, 409, "in_progress");
    expect(Number(second.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    release();
    const { body: done } = await first;
    expect(done.status).toBe("executed");
    expect((await call("POST", "/v1/execute", body)).body.status).toBe("replayed");
    expect(effects).toHaveLength(1);
  });

  it("a call that takes longer than it may be answered goes on without its caller: 409, then the result", async () => {
    const { call, effects, release } = await startService({ http: { answerWithin: "300ms" } });
    const body = { action: "order", payload: { ref: fresh(), mode: "hold" } };
    // On a very busy machine its time may be over before it begins: then nothing was done, and it is sent again.
    let answer = await call("POST", "/v1/execute", body);
    while (answer.body.code === "too_busy") answer = await call("POST", "/v1/execute", body);
    expectProblem(answer, 409, "in_progress");
    release();
    await until(async () => (await call("POST", "/v1/execute", body)).body.status === "replayed", "its end");
    expect(effects).toHaveLength(1);
  });

  it("a caller that disconnects is detached: the effect is recorded, the same request replays it", async () => {
    const { url, call, effects, release } = await startService();
    const body = { action: "order", payload: { ref: fresh(), mode: "hold" } };
    const leave = new AbortController();
    const gone = fetch(`${url}/v1/execute`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: leave.signal,
    }).catch((error: Error) => error.name);
    await until(() => effects.length === 1, "the effect");
    leave.abort();
    expect(await gone).toBe("AbortError");
    release();
    const again = await call("POST", "/v1/execute", body);
    expect(again.body.status).toBe("replayed");
    expect(effects).toHaveLength(1);
  });

  it("mismatch: 422, and nothing that is stored is shown", async () => {
    const { call, effects } = await startService();
    const id = "pay:7";
    await call("POST", "/v1/execute", { action: "strict", payload: { ref: "secret-1" }, request_id: id });
    const other = await call("POST", "/v1/execute", { action: "strict", payload: { ref: "other" }, request_id: id });
    expectProblem(other, 422, "mismatch");
    expect(other.text).not.toContain("secret-1");
    expect(other.body.receipt).toBeUndefined();
    expect(effects).toEqual(["secret-1"]);
  });

  it.each([
    ["reject", 422, "failed"],
    ["lose", 202, "in_doubt"],
    ["conflict", 503, "retry_later"],
  ])("%s: %i %s, and the same again", async (mode, status, code) => {
    const { call, effects } = await startService();
    const body = { action: "order", payload: { ref: fresh(), mode }, wait_ms: 0 };
    const first = await call("POST", "/v1/execute", body);
    if (status >= 400) expectProblem(first, status, code);
    else expect([first.status, first.body.status]).toEqual([status, code]);
    const second = await call("POST", "/v1/execute", body);
    expect([second.status, second.body.code ?? second.body.status]).toEqual([status, code]);
    expect(effects).toHaveLength(mode === "lose" ? 1 : 0);
    if (status !== 422) expect(first.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
  });

  it("denied by a rule: 403; skipped inside the window: 200 with the earlier receipt", async () => {
    const { call, effects } = await startService();
    const denied = await call("POST", "/v1/execute", { action: "forbidden", payload: { ref: "A" } });
    expectProblem(denied, 403, "denied");
    const ref = fresh();
    const first = await call("POST", "/v1/execute", { action: "windowed", payload: { ref, note: "1" } });
    const again = await call("POST", "/v1/execute", { action: "windowed", payload: { ref, note: "2" } });
    expect([again.status, again.body.status]).toEqual([200, "skipped"]);
    expect(again.body.receipt.request_id).toBe(first.body.request_id);
    expect(effects).toEqual([ref]);
  });

  it("held: 202; approved it runs; a halted run: 423 until it is resumed", async () => {
    const { call, effects, guard } = await startService();
    const ref = fresh();
    const body = { action: "careful", payload: { ref } };
    const held = await call("POST", "/v1/execute", body);
    expect([held.status, held.body.status, held.body.reasons]).toEqual([202, "held", ["needs a person"]]);
    const id = held.body.request_id;
    const reviews = await call("GET", "/v1/reviews");
    expect(reviews.body.reviews).toMatchObject([{ request_id: id, payload: { ref } }]);
    const approved = await call("POST", `/v1/proposals/${id}/approve`, { reason: "looks right", expected_version: 1 });
    expect(approved.status).toBe(200);
    await guard.reconcile();
    const receipt = await call("GET", `/v1/receipts/${id}`);
    expect(receipt.body).toMatchObject({ status: "replayed", result: { ordered: ref } });
    expect(effects).toEqual([ref]);

    expect((await call("POST", "/v1/runs/r%2F1/halt", { reason: "loop" })).body).toMatchObject({ id: "r/1" });
    const halted = await call("POST", "/v1/execute", { action: "order", payload: { ref: fresh() }, run_id: "r/1" });
    expectProblem(halted, 423, "halted");
    expect(halted.body.halt).toMatchObject({ scope: "run", id: "r/1", reason: "loop" });
    await call("POST", "/v1/runs/r%2F1/resume", { reason: "fixed" });
    expect((await call("GET", "/v1/halts")).body.halts).toEqual([]);
  });

  it("review: 202; a person settles it; a version that has moved is refused: 409", async () => {
    const { call, effects } = await startService();
    const payload = { ref: fresh(), mode: "lose" };
    const doubt = await call("POST", "/v1/execute", { action: "order", payload });
    const id = doubt.body.request_id;
    const version = doubt.body.receipt.version;
    const stale = await call("POST", `/v1/reviews/${id}/resolve`, {
      decision: "happened",
      reason: "seen",
      expected_version: version + 1,
    });
    expectProblem(stale, 409, "version_conflict");
    const settled = await call("POST", `/v1/reviews/${id}/resolve`, {
      decision: "happened",
      reason: "seen in the ledger",
      expected_version: version,
      result: { seen: true },
    });
    expect(settled.body).toMatchObject({ status: "replayed", result: { seen: true } });
    expect((await call("POST", "/v1/execute", { action: "order", payload })).body.status).toBe("replayed");
    expectProblem(
      await call("POST", `/v1/reviews/${id}/resolve`, { decision: "retry", reason: "again" }),
      409,
      "not_resolvable",
    );
    expect(effects).toHaveLength(1);
  });

  it("evidence settles what is in doubt; expired: 410", async () => {
    const { call, guard } = await startService();
    const payload = { ref: fresh(), mode: "lose" };
    const id = (await call("POST", "/v1/execute", { action: "order", payload })).body.request_id;
    const settled = await call("POST", `/v1/evidence/${id}`, {
      answer: "happened",
      source: "ledger webhook",
      result: { late: 1 },
    });
    expect(settled.body).toMatchObject({ status: "replayed", receipt: { evidence: "late" } });
    // What changed in this very millisecond is not older than it.
    await until(async () => (await guard.expire({ olderThan: 0 } as never)).expired > 0, "its retention");
    expectProblem(await call("POST", "/v1/execute", { action: "order", payload }), 410, "expired");
  });

  it("a failed request is reopened only on purpose", async () => {
    const { call } = await startService();
    const payload = { ref: fresh(), mode: "reject" };
    const id = (await call("POST", "/v1/execute", { action: "order", payload })).body.request_id;
    const reopened = await call("POST", `/v1/reviews/${id}/reopen`, { reason: "card replaced" });
    expect(reopened.body).toMatchObject({ status: "retry_later", receipt: { generation: 2 } });
  });

  it("the store is away: 503, nothing was sent, and readyz says so", async () => {
    const inner = memoryStore();
    let away = false;
    const store = new Proxy(inner, {
      get: (target, key) => {
        const value = Reflect.get(target, key);
        if (typeof value !== "function" || key === "close") return value;
        return (...given: unknown[]) => {
          if (away) throw new OnceguardError("store_unavailable", "secret-host is away", { applied: "no" });
          return value.apply(target, given);
        };
      },
    });
    const { call, effects } = await startService({ store, guard: { storeTimeout: "50ms" } });
    const body = { action: "order", payload: { ref: fresh() } };
    away = true;
    expectProblem(await call("POST", "/v1/execute", body), 503, "unavailable");
    expect(await call("GET", "/readyz")).toMatchObject({ status: 503, body: { reason: "store" } });
    const asked = await call("GET", "/v1/receipts/some-id");
    expectProblem(asked, 503, "store_unavailable");
    expect(asked.text).not.toContain("secret-host");
    expect((await call("GET", "/healthz")).status).toBe(200);
    expect(effects).toEqual([]);
    away = false;
    expect((await call("POST", "/v1/execute", body)).body.status).toBe("executed");
  });
});

describe("proposals", () => {
  it("executes nothing; says what would become of it", async () => {
    const { call, effects } = await startService();
    const body = { action: "order", payload: { ref: "P1" } };
    const proposed = await call("POST", "/v1/proposals", body);
    expect([proposed.status, proposed.body.status, proposed.body.verdict]).toEqual([200, "proposed", "allow"]);
    expect(problemWith(DOCUMENTS.Proposal, proposed.body)).toBeNull();
    expect(effects).toEqual([]);
    await call("POST", "/v1/execute", body);
    expect((await call("POST", "/v1/proposals", body)).body).toMatchObject({ status: "known", outcome: "replayed" });
    expectProblem(await call("POST", "/v1/proposals", { action: "forbidden", payload: { ref: "x" } }), 403, "denied");
    const held = await call("POST", "/v1/proposals", { action: "careful", payload: { ref: "x" } });
    expect([held.status, held.body.status]).toEqual([202, "held"]);
    const denied = await call("POST", `/v1/proposals/${held.body.request_id}/deny`, { reason: "no" });
    expect(denied.body.status).toBe("denied");
    expectProblem(await call("POST", "/v1/execute", { action: "careful", payload: { ref: "x" } }), 403, "denied");
  });
});

describe("claims", () => {
  const claim = { action: "valve", payload: { valve: 7 } };

  it("claimed once; renewed; completed; replayed to everybody else", async () => {
    const { call } = await startService();
    const mine = await call("POST", "/v1/claims", { ...claim, lease_ms: 60_000 });
    expect([mine.status, mine.body.status]).toEqual([200, "claimed"]);
    expect(problemWith(DOCUMENTS.Claim, mine.body)).toBeNull();
    expect(mine.body.idempotency_key.length).toBeLessThanOrEqual(36);
    const { request_id: id, fencing_token } = mine.body;
    expectProblem(await call("POST", "/v1/claims", claim), 409, "in_progress");
    expect((await call("POST", `/v1/claims/${id}/renew`, { fencing_token })).body.status).toBe("claimed");
    const done = await call("POST", `/v1/claims/${id}/complete`, { fencing_token, result: { open: true } });
    expect([done.status, done.body.status]).toEqual([200, "executed"]);
    const again = await call("POST", `/v1/claims/${id}/complete`, { fencing_token, result: { open: true } });
    expect([again.status, again.body.status]).toEqual([200, "replayed"]);
    const late = await call("POST", "/v1/claims", claim);
    expect([late.status, late.body.status, late.body.result]).toEqual([200, "replayed", { open: true }]);
    expectProblem(await call("POST", `/v1/claims/${id}/renew`, { fencing_token }), 409, "replayed");
  });

  it("an answer that got lost is asked again with the same token, and only with that", async () => {
    const { call } = await startService();
    const body = { ...claim, claim_token: "mine-1" };
    const first = await call("POST", "/v1/claims", body);
    const second = await call("POST", "/v1/claims", body);
    expect(second.body).toMatchObject({ status: "claimed", fencing_token: first.body.fencing_token });
    expectProblem(await call("POST", "/v1/claims", { ...claim, claim_token: "other" }), 409, "in_progress");
  });

  it("another fencing token is not ours: nothing is recorded", async () => {
    const { call } = await startService();
    const { body: mine } = await call("POST", "/v1/claims", claim);
    const path = `/v1/claims/${mine.request_id}`;
    expectProblem(await call("POST", `${path}/complete`, { fencing_token: 99, result: 1 }), 409, "version_conflict");
    expectProblem(await call("POST", `${path}/renew`, { fencing_token: 99 }), 409, "in_progress");
    expect((await call("GET", `/v1/receipts/${mine.request_id}`)).body.status).toBe("in_progress");
  });

  it("fail: definite is failed, indefinite is in doubt and never claimed again; may_try_again is", async () => {
    const { call } = await startService();
    const start = async (valve: string) =>
      (await call("POST", "/v1/claims", { action: "valve", payload: { valve } })).body;
    const said = { code: "x", message: "what was seen" };
    for (const [valve, more, status] of [
      ["a", { certainty: "definite" }, "failed"],
      ["b", { certainty: "indefinite" }, "in_doubt"],
      ["c", { certainty: "definite", may_try_again: true }, "retry_later"],
    ] as const) {
      const { request_id, fencing_token } = await start(valve);
      const answer = await call("POST", `/v1/claims/${request_id}/fail`, { fencing_token, ...said, ...more });
      expect([answer.status, answer.body.status]).toEqual([200, status]);
    }
    expect((await start("a")).code).toBe("failed");
    expect((await start("b")).status).toBe("in_doubt");
  });

  it("what the guard performs itself cannot be claimed, nor the other way round", async () => {
    const { call } = await startService();
    expectProblem(await call("POST", "/v1/claims", { action: "order", payload: { ref: "x" } }), 404, "unknown_action");
    expectProblem(await call("POST", "/v1/execute", claim), 404, "unknown_action");
    expectProblem(await call("POST", "/v1/proposals", claim), 404, "unknown_action");
    const { body } = await call("POST", "/v1/execute", { action: "order", payload: { ref: "x" } });
    const path = `/v1/claims/${body.request_id}/complete`;
    expectProblem(await call("POST", path, { fencing_token: 1 }), 404, "unknown_action");
  });
});

describe("cases", () => {
  it("signals, and a person's choice among them", async () => {
    const { call } = await startService();
    const signal = { id: "s1", source: "referee", outcome: "home", confidence: 0.5, at: "2026-11-21T10:00:00Z" };
    const first = await call("POST", "/v1/cases/m%3A1/signals", signal);
    expect(first.body.case).toMatchObject({ id: "m:1", state: "IN_RECONCILIATION", settled_by: null });
    expect(problemWith(DOCUMENTS.Case, first.body.case)).toBeNull();
    expectProblem(
      await call("POST", "/v1/cases/m%3A1/finalize", { outcome: "away", reason: "?" }),
      409,
      "case_refused",
    );
    const final = await call("POST", "/v1/cases/m%3A1/finalize", { outcome: "home", reason: "seen the tape" });
    expect(final.body).toMatchObject({ state: "FINAL", final: { by: "person", outcome: "home", actor: "http" } });
    expect((await call("GET", "/v1/cases/m%3A1")).body.state).toBe("FINAL");
    expect((await call("GET", "/v1/cases/nobody")).body.state).toBe("OPEN");
  });
});

describe("the action log", () => {
  it("log in pages, blast radius, a correction that is only looked at, and one of a plan that was changed", async () => {
    const { call } = await startService();
    for (const ref of ["l1", "l2"]) {
      await call("POST", "/v1/execute", { action: "order", payload: { ref }, run_id: "run-9" });
    }
    const seen: string[] = [];
    for (let query = "?run_id=run-9&order=oldest&limit=1", pages = 0; query !== "" && pages < 20; pages++) {
      const { body } = await call("GET", `/v1/log${query}`);
      seen.push(...body.entries.map((one: { event: string; record_id: string }) => `${one.event} ${one.record_id}`));
      query = body.next === null ? "" : `?run_id=run-9&order=oldest&limit=1&after=${body.next}`;
    }
    expect(seen).toEqual(["claim order:l1", "success order:l1", "claim order:l2", "success order:l2"]);
    expect((await call("GET", "/v1/log?event=success&since=2020-01-01T00:00:00Z")).body.entries).toHaveLength(2);
    const radius = await call("GET", `/v1/blast-radius?run_id=run-9&where=${encodeURIComponent('{"ref":"l2"}')}`);
    expect(radius.body.rows).toMatchObject([
      { receipt: { record_id: "order:l2" }, certainty: "happened", undo: "no_compensate" },
    ]);
    const { plan } = radius.body;
    const looked = await call("POST", "/v1/corrections", { plan, reason: "wrong", dry_run: true });
    expect(looked.body).toMatchObject({ dry_run: true, rows: [{ would: "skip", reason: "no_compensate" }] });
    const done = await call("POST", "/v1/corrections", { plan, reason: "wrong" });
    expect(done.body).toMatchObject({ complete: true, rows: [{ result: "skipped" }] });
    const changed = { ...plan, rows: [] };
    expectProblem(await call("POST", "/v1/corrections", { plan: changed, reason: "x" }), 409, "plan_changed");
    expectProblem(await call("POST", "/v1/corrections", { plan: {}, reason: "x" }), 400, "invalid_request");
    for (const query of ["", "?where=x", "?where=[1]", "?since=yesterday"]) {
      expectProblem(await call("GET", `/v1/blast-radius${query}`), 400, "invalid_request");
    }
  });
});

describe("a request that does not fit", () => {
  it.each<[string, unknown, number, string]>([
    ["/v1/execute", { payload: {} }, 400, "invalid_request"],
    ["/v1/execute", { action: "order", payload: { ref: "x" }, tenant: "other" }, 400, "invalid_request"],
    ["/v1/execute", { action: "order", payload: { ref: 1 } }, 400, "payload_invalid"],
    ["/v1/execute", { action: "order" }, 400, "payload_invalid"],
    ["/v1/execute", { action: "strict", payload: { ref: "x" } }, 400, "missing_identity"],
    ["/v1/execute", { action: "order", payload: { ref: "x" }, record_id: "order:y" }, 400, "invalid_context"],
    ["/v1/execute", { action: "order", payload: { ref: "x" }, wait_ms: 99_000 }, 400, "invalid_request"],
    ["/v1/execute", { action: "order", payload: { ref: "x" }, run_id: "a\u0000" }, 400, "invalid_request"],
    ["/v1/execute", { action: "order", payload: { ref: "x" }, expected: { v: 1 } }, 400, "invalid_context"],
    ["/v1/execute", { action: "nothing" }, 404, "unknown_action"],
    ["/v1/execute", '{"action":"order","payload":{"ref":"x","ref":"y"}}', 400, "invalid_request"],
    ["/v1/execute", '{"action":"order","payload":{"ref":"x","n":9007199254740993}}', 400, "invalid_request"],
    ["/v1/execute", '{"action":"order","payload":{"ref":"x","__proto__":{}}}', 400, "invalid_request"],
    ["/v1/execute", '{"action":"order"', 400, "invalid_request"],
    ["/v1/execute", "", 400, "invalid_request"],
    ["/v1/execute", `{"action":"order","payload":${"[".repeat(200)}${"]".repeat(200)}}`, 400, "invalid_request"],
    [
      "/v1/execute",
      JSON.stringify({ action: "order", payload: { ref: "x".repeat(2_000_000) } }),
      413,
      "request_too_large",
    ],
    ["/v1/execute", { action: "order", payload: { ref: "x".repeat(1_200_000) } }, 413, "payload_too_large"],
    ["/v1/claims/none/complete", { fencing_token: 1 }, 404, "receipt_not_found"],
    ["/v1/reviews/none/resolve", { decision: "happened", reason: "x" }, 404, "receipt_not_found"],
    ["/v1/reviews/none/resolve", { decision: "happened", reason: "  " }, 400, "invalid_request"],
    ["/v1/reviews/none/resolve", { decision: "maybe", reason: "x" }, 400, "invalid_request"],
    ["/v1/evidence/none", { answer: "happened", source: "x" }, 404, "receipt_not_found"],
    ["/v1/runs/none/resume", { reason: "x" }, 409, "not_resolvable"],
    ["/v1/nothing", {}, 404, "not_found"],
    ["/v1/receipts/x", {}, 405, "method_not_allowed"],
  ])("%s %j: %i %s", async (path, body, status, code) => {
    const { call, effects } = await startService();
    expectProblem(await call("POST", path, body), status, code);
    expect(effects).toEqual([]);
  });

  it("must be JSON, in UTF-8 and not compressed", async () => {
    const { call, url, effects } = await startService();
    const body = JSON.stringify({ action: "order", payload: { ref: "x" } });
    for (const headers of [
      { "content-type": "text/plain" },
      { "content-type": "application/json; charset=latin1" },
      { "content-type": "application/json", "content-encoding": "gzip" },
    ] as Record<string, string>[]) {
      expectProblem(await call("POST", "/v1/execute", body, headers), 415, "unsupported_media_type");
    }
    const broken = await fetch(`${url}/v1/execute`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]),
    });
    expect(broken.status).toBe(400);
    expect(effects).toEqual([]);
  });

  it("Idempotency-Key is the request id, quoted or not; it may not contradict the body", async () => {
    const { call, effects } = await startService();
    const body = { action: "strict", payload: { ref: "k" } };
    const first = await call("POST", "/v1/execute", body, { "idempotency-key": '"pay:1"' });
    const second = await call("POST", "/v1/execute", body, { "idempotency-key": "pay:1" });
    const third = await call("POST", "/v1/execute", { ...body, request_id: "pay:1" });
    expect([first, second, third].map((one) => one.body.status)).toEqual(["executed", "replayed", "replayed"]);
    expectProblem(
      await call("POST", "/v1/execute", { ...body, request_id: "pay:2" }, { "idempotency-key": "pay:1" }),
      400,
      "invalid_request",
    );
    expectProblem(
      await call("POST", "/v1/execute", body, { "idempotency-key": '"pay:1' }),
      400,
      "invalid_idempotency_key",
    );
    expect(effects).toEqual(["k"]);
  });

  it("query parameters are those there are, once each", async () => {
    const { call } = await startService();
    for (const query of [
      "?limit=0",
      "?limit=x",
      "?state=gone",
      "?tenant=a",
      "?limit=1&limit=2",
      "?after=%00",
      "?after=e30",
    ]) {
      expectProblem(await call("GET", `/v1/receipts${query}`), 400, "invalid_request");
    }
  });
});

it("receipts come in pages, and no page repeats or leaves out", async () => {
  const { call } = await startService();
  for (let i = 0; i < 5; i++) await call("POST", "/v1/execute", { action: "order", payload: { ref: `p${i}` } });
  const seen: string[] = [];
  let query = "?limit=2&action=order";
  for (let pages = 0; pages < 10; pages++) {
    const { body } = await call("GET", `/v1/receipts${query}`);
    seen.push(...body.receipts.map((one: { record_id: string }) => one.record_id));
    if (body.next === null) break;
    query = `?limit=2&action=order&after=${encodeURIComponent(body.next)}`;
  }
  expect(seen.sort()).toEqual(["order:p0", "order:p1", "order:p2", "order:p3", "order:p4"]);
});

it("ids with any printable characters are reached", async () => {
  const { call } = await startService();
  for (const id of ["a/b", "ü%41 ?#&=+", "..", "a%2Fb", "日本"]) {
    const body = { action: "strict", payload: { ref: id }, request_id: id };
    expect((await call("POST", "/v1/execute", body)).body.request_id).toBe(id);
    const path = `/v1/receipts/${encodeURIComponent(id).replaceAll(".", "%2E")}`;
    const answer = await call("GET", path);
    // A URL cannot name "..": every client resolves it away. Its receipt is found in the list.
    if (id !== "..") expect([id, answer.status, answer.body?.request_id]).toEqual([id, 200, id]);
  }
});

/** Paths that programs rely on. */
const PROMISED = [
  "post /v1/execute",
  "post /v1/proposals",
  "post /v1/proposals/{id}/approve",
  "post /v1/proposals/{id}/deny",
  "post /v1/claims",
  "post /v1/claims/{id}/renew",
  "post /v1/claims/{id}/complete",
  "post /v1/claims/{id}/fail",
  "get /v1/receipts/{id}",
  "get /v1/checkpoints",
  "get /v1/reviews",
  "post /v1/reviews/{id}/resolve",
  "post /v1/evidence/{id}",
  "post /v1/cases/{id}/signals",
  "post /v1/cases/{id}/finalize",
  "get /v1/cases/{id}",
  "post /v1/runs/{id}/halt",
  "post /v1/runs/{id}/resume",
  "get /v1/events",
  "get /v1/log",
  "get /v1/blast-radius",
  "post /v1/corrections",
  "get /metrics",
];

describe("a process that stops", () => {
  it("says so first, and takes requests; then takes nothing new, and still reads", async () => {
    const { call, serving, effects } = await startService();
    const go = (ref: string) => call("POST", "/v1/execute", { action: "order", payload: { ref } });
    serving.api.drain();
    expect(await call("GET", "/readyz")).toMatchObject({ status: 503, body: { reason: "draining" } });
    expect((await go("a")).body.status).toBe("executed");
    serving.api.refuse();
    const refused = await go("b");
    expectProblem(refused, 503, "draining");
    expect([refused.headers.get("retry-after"), refused.headers.get("connection")]).toEqual(["1", "close"]);
    expect((await call("GET", "/v1/receipts")).body.receipts).toHaveLength(1);
    expect((await call("GET", "/healthz")).status).toBe(200);
    expect(effects).toEqual(["a"]);
  });
});

describe("mounted", () => {
  it.each(["", "/guard"])("in another app, with base path %j", async (basePath) => {
    const guard = createGuard({ store: memoryStore(), sweepEvery: false });
    const principal = (request: Request) =>
      request.headers.has("x-user")
        ? { tenant: "acme", name: request.headers.get("x-user") as string, roles: ["caller" as const], keyId: null }
        : null;
    const api = await httpApi({ guard, actions: [], principal, basePath });
    const app = new Hono();
    if (basePath === "") app.mount("/guard", api.fetch);
    else app.all("/guard/*", (context) => api.fetch(context.req.raw));
    app.get("/", (context) => context.text("mine"));
    expect(await (await app.request("/")).text()).toBe("mine");
    expect((await app.request("/guard/healthz")).status).toBe(200);
    expect((await app.request("/guard/v1/actions")).status).toBe(401);
    expect((await app.request("/guard/v1/actions", { headers: { "x-user": "ann" } })).status).toBe(200);
    expect((await app.request("/guard/v1/reviews", { headers: { "x-user": "ann" } })).status).toBe(403);
    expect((await app.request("/guard/openapi.json")).status).toBe(200);
    api.close();
    await guard.close();
  });

  it.each([
    {},
    { open: true, principal: () => null },
    { open: true, basePath: "guard" },
    { open: true, limits: { maxDepth: 0 } },
  ])("options that cannot be meant: %j", async (options) => {
    const guard = createGuard({ store: memoryStore(), sweepEvery: false });
    await expect(httpApi({ guard, actions: [], ...options })).rejects.toMatchObject({ code: "invalid_option" });
    await guard.close();
  });
});

describe("OpenAPI", () => {
  it("describes every operation, by schemas that are all there", async () => {
    const { call } = await startService();
    const { body: document } = await call("GET", "/openapi.json");
    expect(document.openapi).toBe("3.1.0");
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods as object).map((method) => `${method} ${path}`),
    );
    const served = OPERATIONS.map(({ method, path }) => `${method.toLowerCase()} ${path}`);
    expect(operations.sort()).toEqual([...served, "get /healthz", "get /readyz"].sort());
    expect(operations).toEqual(expect.arrayContaining(PROMISED));
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
      ([, name]) => name,
    );
    expect(refs.length).toBeGreaterThan(20);
    for (const name of refs) expect(document.components.schemas).toHaveProperty(name as string);
  });

  it("says of a body what the server then says, too", async () => {
    const { call } = await startService();
    const { body: document } = await call("GET", "/openapi.json");
    const schema = document.paths["/v1/execute"].post.requestBody.content["application/json"].schema as JsonSchema;
    for (const body of [{}, { action: "" }, { action: "order", wait_ms: -1 }, { action: "order", more: 1 }]) {
      const wrong = problemWith(schema, body);
      expect(wrong).not.toBeNull();
      const answer = await call("POST", "/v1/execute", body);
      expect(answer.body.detail.toLowerCase()).toContain((wrong as string).toLowerCase());
    }
  });
});

describe("events", () => {
  it("tells what becomes of requests, whoever works on them; Last-Event-ID goes on where it broke", async () => {
    const { call, url, guard } = await startService({ http: { eventsEvery: "20ms" } });
    const leave = new AbortController();
    const stream = await fetch(`${url}/v1/events`, { signal: leave.signal });
    expect(stream.headers.get("content-type")).toBe("text/event-stream");
    const told = reading(stream);
    await call("POST", "/v1/execute", { action: "order", payload: { ref: "e1", mode: "lose" } });
    await until(() => told.some(({ data }) => data.status === "in_doubt"), "the doubt");
    const doubt = told.find(({ data }) => data.status === "in_doubt");
    // Not by this API: by another process, for all it knows.
    await guard.resolve(doubt?.data.request_id as string, { decision: "happened", actor: "ann", reason: "seen" });
    await until(() => told.some(({ data }) => data.status === "replayed"), "its end");
    expect(JSON.stringify(told)).not.toContain("ordered");
    leave.abort();
    const again = await fetch(`${url}/v1/events`, { headers: { "last-event-id": doubt?.id ?? "" } });
    const missed = reading(again);
    await until(() => missed.some(({ data }) => data.status === "replayed"), "what was missed");
    expectProblem(await call("GET", "/v1/events", undefined, { "last-event-id": "x" }), 400, "invalid_request");
  });

  it("a reader that leaves gives its place back", async () => {
    const { call, url } = await startService({ http: { limits: { maxStreamsPerKey: 1 } } });
    const leave = new AbortController();
    await fetch(`${url}/v1/events`, { signal: leave.signal });
    expectProblem(await call("GET", "/v1/events"), 503, "too_busy");
    leave.abort();
    const second = new AbortController();
    await until(async () => (await fetch(`${url}/v1/events`, { signal: second.signal })).status === 200, "its place");
    second.abort();
  });

  it("streams are limited by key, and end with the server", async () => {
    const { call, url, serving } = await startService({ http: { limits: { maxStreamsPerKey: 1 } } });
    const first = await fetch(`${url}/v1/events`);
    expectProblem(await call("GET", "/v1/events"), 503, "too_busy");
    const ended = first.text();
    await serving.close();
    expect(await ended).toContain("retry:");
  });
});

function reading(response: Response): { id: string; data: Record<string, unknown> }[] {
  const told: { id: string; data: Record<string, unknown> }[] = [];
  void (async () => {
    let text = "";
    for await (const chunk of response.body ?? []) {
      text += new TextDecoder().decode(chunk as Uint8Array);
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const [, id] = /^id: (.*)$/m.exec(text.slice(0, end)) ?? [];
        const [, data] = /^data: (.*)$/m.exec(text.slice(0, end)) ?? [];
        text = text.slice(end + 2);
        if (id !== undefined && data !== undefined) told.push({ id, data: JSON.parse(data) });
      }
    }
  })().catch(() => undefined);
  return told;
}

describe("metrics", () => {
  it("count what was answered and what is open, in Prometheus' text format", async () => {
    const { call } = await startService();
    await call("POST", "/v1/execute", { action: "order", payload: { ref: "m", mode: "lose" } });
    await call("POST", "/v1/execute", { action: "order", payload: { ref: "n" } });
    const { text, headers } = await call("GET", "/metrics");
    expect(headers.get("content-type")).toContain("version=0.0.4");
    expect(text).toContain('onceguard_outcomes_total{action="order",status="in_doubt"} 1');
    expect(text).toContain('onceguard_http_requests_total{operation="execute",status="200"} 1');
    expect(text).toContain('onceguard_requests_open{state="in_doubt"} 1');
    for (const line of text.trimEnd().split("\n")) {
      expect(line).toMatch(/^(?:# (?:HELP|TYPE) \w+ .+|\w+(?:\{(?:\w+="(?:[^"\\]|\\.)*",?)*\})? [\d.e+-]+)$/);
    }
    const buckets = [...text.matchAll(/_bucket\{operation="execute",le="[^"]+"\} (\d+)/g)].map(([, value]) =>
      Number(value),
    );
    expect(buckets).toEqual([...buckets].sort((a, b) => a - b));
    expect(buckets.at(-1)).toBe(2);
  });
});
