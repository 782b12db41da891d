import assert from "node:assert/strict";
import type { ClaimRequest } from "../../core/claim.ts";
import { HALT_SCOPES, type HaltOrder } from "../../core/halt.ts";
import type { LifecycleEvent } from "../../core/lifecycle.ts";
import { lineOf } from "../../core/log-line.ts";
import type { Receipt } from "../../core/receipt.ts";
import { another, type StoreContractCase } from "./context.ts";
import {
  APPROVE,
  BACKOFF,
  change,
  claimed,
  claimRequest,
  DEFINITE,
  DENY,
  DOUBT,
  FAILED,
  found,
  GIVE_UP,
  gateOf,
  HOLD,
  halted,
  haltOrder,
  LEASE_MS,
  made,
  moved,
  RELEASE,
  RESEND,
  RETRY,
  receiptIn,
  refused,
  SUCCESS,
  sameRecord,
  unmoved,
  type Way,
} from "./fixtures.ts";

const IDS = { run: "run-1", action: "refund", tenant: "acme" } as const;
const BY = { actor: "bob", reason: "looked into" } as const;

/** Each of these would have stopped the request of `claimRequest`, had it been about that. */
const ABOUT_OTHERS: readonly HaltOrder[] = [
  haltOrder({ scope: "run", id: "run-2" }),
  haltOrder({ scope: "run", id: "refund" }),
  haltOrder({ scope: "action", id: "payout" }),
  haltOrder({ scope: "action", id: "run-1" }),
  haltOrder({ scope: "action", id: "%" }),
  ...HALT_SCOPES.map((scope) => haltOrder({ tenant: "globex", scope, id: scope === "tenant" ? "globex" : IDS[scope] })),
];

const CLAIMS: readonly Partial<ClaimRequest>[] = [
  {},
  { tracked: true },
  { start: { state: "held", hold: HOLD, dueInMs: 0 } },
  { start: { state: "retry_wait" } },
  { start: { state: "in_doubt", sentFrom: 1, sentUntil: 2 } },
  { capability: "transaction" },
  { gate: gateOf({ dedup: { recordId: "order:A1", windowMs: 1_000, limit: 1, hold: null, holdMs: 0 } }) },
  { serialized: true, gate: gateOf({ turn: { recordId: "order:A1", placeMs: 1_000 } }) },
];

/** What leads to a dispatch: from where, by which event. */
const SENDS: readonly (readonly [Way, LifecycleEvent])[] = [
  ["retry_wait", RETRY],
  ["in_doubt", RESEND],
  ["held", RELEASE],
  ["running", { type: "dispatch" }],
];

/** What is merely found out, or decided by a person. */
const FINDINGS: readonly (readonly [Way, LifecycleEvent])[] = [
  ["running", SUCCESS],
  ["running", FAILED],
  ["running", BACKOFF],
  ["running", DOUBT],
  ["running", { type: "lapse" }],
  ["running", { type: "shutdown", nextInMs: 0 }],
  ["running", { type: "late_success", fencingToken: 0, result: null, sameKey: true }],
  ["in_doubt", { type: "probe_happened", result: null }],
  ["in_doubt", { type: "probe_did_not_happen", retryInMs: null }],
  ["in_doubt", { type: "probe_did_not_happen", retryInMs: 0 }],
  ["in_doubt", { type: "probe_cannot_tell", nextInMs: 0 }],
  ["in_doubt", GIVE_UP],
  ["retry_wait", GIVE_UP],
  ["held", APPROVE],
  ["held", DENY],
  ["review", { type: "resolve", decision: "happened", result: null, actor: "ada", reason: "it is there" }],
  ["review", { type: "resolve", decision: "retry", result: null, actor: "ada", reason: "it is not" }],
  ["failed", { type: "reopen", actor: "ada", reason: "again" }],
  ["succeeded", { type: "late_denial", source: "a webhook", sameKey: true }],
];

const SECURITY: LifecycleEvent = {
  type: "definite_failure",
  failure: { ...DEFINITE, tier: "security", code: "http_403" },
  retryInMs: null,
  route: "security",
  reason: "security",
};

export const halting: readonly StoreContractCase[] = [
  ...HALT_SCOPES.map(
    (scope): StoreContractCase => ({
      name: `halt: of the ${scope} refuses every claim of it, writes nothing, and leaves others alone`,
      async run({ store }) {
        const order = haltOrder({ scope, id: IDS[scope] });
        const halt = await store.halt(order);
        assert.deepEqual(halt, halted(order, halt.haltedAt));
        for (const [n, more] of CLAIMS.entries()) {
          for (const readFirst of [false, true]) {
            const answer = await refused(store, claimRequest(`r-${n}`, more), "halted", readFirst);
            assert.deepEqual(answer.halt, halt);
            assert.deepEqual(await store.log("acme", `r-${n}`), []);
          }
        }
        const others: Partial<ClaimRequest>[] = [
          { tenant: "globex" },
          ...(scope === "tenant" ? [] : [{ action: "payout", runId: "run-2" }]),
          ...(scope === "run" ? [{ runId: null }, { runId: "run-2" }] : []),
          ...(scope === "action" ? [{ action: "payout" }] : []),
        ];
        for (const [n, more] of others.entries()) await claimed(store, `other-${n}`, more);
      },
    }),
  ),
  {
    name: "halt: of another run, action or tenant stops nothing",
    async run({ store }) {
      for (const order of ABOUT_OTHERS) await store.halt(order);
      for (const [n, more] of CLAIMS.entries()) {
        const answer = await store.claim(claimRequest(`r-${n}`, { ...more, recordId: `order:${n}` }), n % 2 > 0);
        assert.ok(answer.kind === "claimed" || answer.kind === "recorded", `${n}: ${answer.kind}`);
      }
      const waiting = await made(store, "waiting", "retry_wait");
      assert.equal((await store.apply(change(waiting, RETRY))).kind, "applied");
      assert.equal(await store.haltFor({ tenant: "acme", action: "refund", runId: "run-1" }), null);
      assert.equal(await store.haltFor({ tenant: "acme", action: "refund", runId: null }), null);
    },
  },
  {
    name: "halt: a record that is there answers that it exists, with the halt that is in force against the asker",
    async run({ store }) {
      const done = await made(store, "done", "succeeded", { explicitId: "mine" });
      const halt = await store.halt(haltOrder());
      for (const readFirst of [false, true]) {
        for (const request of [claimRequest("done"), claimRequest("other", { explicitId: "mine" })]) {
          const answer = await store.claim(request, readFirst);
          assert.equal(answer.kind, "exists");
          assert.deepEqual(answer.halt, halt);
          sameRecord(answer.receipt, done);
        }
        const elsewhere = await store.claim(claimRequest("done", { runId: "run-2" }), readFirst);
        assert.ok(elsewhere.kind === "exists");
        assert.equal(elsewhere.halt, null);
      }
    },
  },
  {
    name: "halt: a claim that was granted before is still answered as granted when it is asked again",
    async run({ store }) {
      const request = claimRequest("r");
      const first = receiptIn(await store.claim(request));
      await store.halt(haltOrder());
      for (const readFirst of [false, true]) {
        const answer = await store.claim(request, readFirst);
        assert.equal(answer.kind, "claimed");
        sameRecord(answer.claim.receipt, first);
      }
    },
  },
  ...HALT_SCOPES.map(
    (scope): StoreContractCase => ({
      name: `halt: of the ${scope} refuses whatever would be sent, and changes nothing`,
      async run({ store }) {
        const records: (readonly [Receipt, LifecycleEvent])[] = [];
        for (const [way, event] of SENDS) {
          records.push([await made(store, way, way, { tracked: true, recordId: null }), event]);
        }
        const halt = await store.halt(haltOrder({ scope, id: IDS[scope] }));
        for (const [receipt, event] of records) {
          const answer = await unmoved(store, change(receipt, event), "halted");
          assert.deepEqual(answer.halt, halt);
          // Whoever is late is told of that first: what the record says now is what counts.
          await unmoved(store, change({ ...receipt, version: receipt.version - 1 }, event), "stale");
        }
        await store.resume("acme", scope, IDS[scope], BY);
        for (const [receipt, event] of records) await moved(store, receipt, event);
      },
    }),
  ),
  {
    name: "halt: what is found out, and what a person decides, is recorded all the same",
    async run({ store, advance }) {
      const records: (readonly [Receipt, LifecycleEvent])[] = [];
      for (const [n, [way, event]] of FINDINGS.entries()) {
        records.push([await made(store, `${way}-${n}`, way, { leaseMs: 10 }), event]);
      }
      const renewing = await made(store, "renewing", "running");
      for (const scope of HALT_SCOPES) await store.halt(haltOrder({ scope, id: IDS[scope] }));
      await advance(20);
      for (const [receipt, event] of records) await moved(store, receipt, event);
      const { tenant, requestId, fencingToken } = renewing;
      assert.deepEqual(await store.renew([{ tenant, requestId, fencingToken, leaseMs: LEASE_MS }]), []);
      await store.append(lineOf(renewing, "drift"));
    },
  },
  {
    name: "halt: a transition that was applied before is still answered as applied when it is asked again",
    async run({ store }) {
      const retry = change(await made(store, "r", "retry_wait"), RETRY);
      const first = await store.apply(retry);
      await store.halt(haltOrder());
      const again = await store.apply(retry);
      assert.ok(first.kind === "applied" && again.kind === "applied");
      sameRecord(again.receipt, first.receipt);
      assert.equal(again.claim?.ownerToken, retry.ownerToken);
    },
  },
  {
    name: "halt: a second one of the same scope changes nothing, and answers with the first",
    async run({ store, advance }) {
      const first = await store.halt(haltOrder());
      await advance(10);
      assert.deepEqual(await store.halt(haltOrder({ reason: "another", actor: null })), first);
      assert.deepEqual(await store.halts({ limit: 10 }), [first]);
    },
  },
  {
    name: "halt: of 20 orders at once one is recorded, and all hear of it",
    async run(context) {
      const stores = [context.store, await another(context)];
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, n) => stores[n % 2]?.halt(haltOrder({ reason: `reason ${n}` }))),
      );
      const [recorded, ...others] = await context.store.halts({ limit: 10 });
      assert.deepEqual(others, []);
      for (const answer of answers) assert.deepEqual(answer, recorded);
    },
  },
  {
    name: "resume: ends the halt for claims and for what waits, and says who and why",
    async run({ store, advance }) {
      const waiting = await made(store, "waiting", "retry_wait");
      const halt = await store.halt(haltOrder());
      await advance(10);
      const resumed = await store.resume("acme", "run", "run-1", BY);
      assert.ok(resumed);
      assert.ok((resumed.resumedAt ?? 0) >= halt.haltedAt + 10);
      const { resumedAt } = resumed;
      assert.deepEqual(resumed, { ...halt, resumedAt, resumedBy: "bob", resumeReason: "looked into" });
      assert.deepEqual(await store.halts({ limit: 10 }), [resumed]);
      assert.equal(await store.haltFor(waiting), null);
      await claimed(store, "r");
      await moved(store, waiting, RETRY);
      const known = await store.claim(claimRequest("r"));
      assert.ok(known.kind === "exists" && known.halt === null);
    },
  },
  {
    name: "resume: of what is not halted is null, and ends nothing else",
    async run({ store }) {
      assert.equal(await store.resume("acme", "run", "run-1", BY), null);
      const halt = await store.halt(haltOrder());
      for (const [tenant, scope, id] of [
        ["globex", "run", "run-1"],
        ["acme", "action", "run-1"],
        ["acme", "run", "run-2"],
        ["acme", "run", "%"],
      ] as const) {
        assert.equal(await store.resume(tenant, scope, id, BY), null, `${tenant} ${scope} ${id}`);
      }
      assert.deepEqual(await store.haltFor({ tenant: "acme", action: "refund", runId: "run-1" }), halt);
      await store.resume("acme", "run", "run-1", BY);
      assert.equal(await store.resume("acme", "run", "run-1", BY), null, "a second time");
    },
  },
  {
    name: "resume: of 20 at once one ends the halt, and a later halt is a new one",
    async run(context) {
      const stores = [context.store, await another(context)];
      const first = await context.store.halt(haltOrder());
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          stores[n % 2]?.resume("acme", "run", "run-1", { actor: `actor ${n}`, reason: "" }),
        ),
      );
      assert.equal(answers.filter((answer) => answer !== null).length, 1);
      await context.advance(10);
      const second = await context.store.halt(haltOrder({ reason: "again" }));
      assert.ok(second.haltedAt >= first.haltedAt + 10);
      await refused(context.store, claimRequest("r"), "halted");
      assert.equal((await context.store.halts({ limit: 10 })).length, 2);
    },
  },
  {
    name: "halts: from the newest, by tenant, those in force, up to the limit",
    async run({ store, advance }) {
      for (const tenant of ["acme", "globex"]) {
        for (const id of ["a", "b"]) {
          await store.halt(haltOrder({ tenant, id }));
          await advance(10);
        }
      }
      await store.resume("acme", "run", "b", BY);
      const list = async (query: Omit<Parameters<typeof store.halts>[0], "limit">, limit = 100) =>
        (await store.halts({ ...query, limit })).map(({ tenant, id }) => `${tenant} ${id}`);
      assert.deepEqual(await list({}), ["globex b", "globex a", "acme b", "acme a"]);
      assert.deepEqual(await list({}, 3), ["globex b", "globex a", "acme b"]);
      assert.deepEqual(await list({ tenant: "acme" }), ["acme b", "acme a"]);
      assert.deepEqual(await list({ inForce: true }), ["globex b", "globex a", "acme a"]);
      assert.deepEqual(await list({ tenant: "acme", inForce: true }), ["acme a"]);
      assert.deepEqual(await list({ tenant: "acme", inForce: false }), ["acme b", "acme a"]);
      assert.deepEqual(await list({ tenant: "initech" }), []);
    },
  },
  {
    name: "haltFor: of several the tenant's, before the run's, before the action's; everywhere the same one",
    async run({ store }) {
      const subject = { tenant: "acme", action: "refund", runId: "run-1" };
      const existing = await made(store, "existing", "succeeded");
      const waiting = await made(store, "waiting", "retry_wait");
      for (const scope of ["action", "run", "tenant"] as const) {
        const halt = await store.halt(haltOrder({ scope, id: IDS[scope] }));
        assert.deepEqual(await store.haltFor(subject), halt);
        for (const readFirst of [false, true]) {
          const answer = await store.claim(claimRequest(existing.requestId), readFirst);
          assert.ok(answer.kind === "exists");
          assert.deepEqual(answer.halt, halt);
          assert.deepEqual(await store.claim(claimRequest("new"), readFirst), { kind: "halted", halt });
        }
        assert.deepEqual((await unmoved(store, change(waiting, RETRY), "halted")).halt, halt);
      }
      await store.resume("acme", "tenant", "acme", BY);
      assert.equal((await store.haltFor(subject))?.scope, "run");
      assert.equal((await store.haltFor({ ...subject, runId: null }))?.scope, "action");
      assert.equal(await store.haltFor({ ...subject, tenant: "globex" }), null);
    },
  },
  {
    name: "halt: a security failure halts its run in its own commit, and a halt that is there stays",
    async run({ store }) {
      const { receipt } = await claimed(store, "r");
      const other = (await claimed(store, "other")).receipt;
      const alone = (await claimed(store, "alone", { runId: null })).receipt;
      const review = await moved(store, receipt, SECURITY);
      assert.equal(review.state, "review");
      const [halt, ...more] = await store.halts({ limit: 10 });
      assert.deepEqual(more, []);
      assert.deepEqual(halt, halted(haltOrder({ reason: "security", actor: null }), review.updatedAt));
      await refused(store, claimRequest("new"), "halted");
      await moved(store, other, SECURITY);
      await moved(store, alone, SECURITY);
      assert.deepEqual(await store.halts({ limit: 10 }), [halt]);
    },
  },
  {
    name: "halt: a security failure that needs no person halts its run, too",
    async run({ store }) {
      const { receipt } = await claimed(store, "r");
      const failed = await moved(store, receipt, { ...SECURITY, route: null, reason: null } as LifecycleEvent);
      assert.equal(failed.state, "failed");
      const order = haltOrder({ reason: "security", actor: null });
      assert.deepEqual(await store.halts({ limit: 10 }), [halted(order, failed.updatedAt)]);
    },
  },
  {
    name: "halt: a security failure that is stale halts nothing",
    async run({ store }) {
      const { receipt } = await claimed(store, "r");
      await moved(store, receipt, DOUBT);
      await unmoved(store, change(receipt, SECURITY), "stale");
      assert.deepEqual(await store.halts({ limit: 10 }), []);
    },
  },
  {
    name: "halt: once it has answered, no claim that is made later is granted, whatever else is under way",
    async run(context) {
      const stores = [context.store, await another(context)];
      const ask = (prefix: string, more: Partial<ClaimRequest> = {}) =>
        Array.from({ length: 100 }, (_, n) => stores[n % 2]?.claim(claimRequest(`${prefix}-${n}`, more), n % 3 === 0));
      const waiting = await made(context.store, "waiting", "retry_wait");
      const before = ask("before");
      const halt = await context.store.halt(haltOrder());
      const after = [...ask("after"), ...ask("gated", { gate: gateOf({}) })];
      const retry = stores[1]?.apply(change(waiting, RETRY));
      for (const answer of await Promise.all(after)) assert.deepEqual(answer, { kind: "halted", halt });
      assert.equal((await retry)?.kind, "halted");
      // The others are one or the other, and the store remembers which.
      for (const [n, asked] of before.entries()) {
        const isThere = (await context.store.find("acme", `before-${n}`)) !== null;
        assert.equal((await asked)?.kind, isThere ? "claimed" : "halted");
      }
    },
  },
  {
    name: "halt: every text comes back as it went in",
    async run({ store }) {
      const text = `it's "quoted" \\ ? $1 % _ é 💶 \u2028 {}`;
      const order = { tenant: text, scope: "run", id: `${text}2`, reason: text, actor: text } as const;
      const halt = await store.halt(order);
      assert.deepEqual(halt, halted(order, halt.haltedAt));
      assert.deepEqual(await store.haltFor({ tenant: text, action: text, runId: `${text}2` }), halt);
      const resumed = await store.resume(text, "run", `${text}2`, { actor: text, reason: text });
      assert.deepEqual([resumed?.resumedBy, resumed?.resumeReason], [text, text]);
      assert.deepEqual(await store.halts({ tenant: text, limit: 1 }), [resumed]);
    },
  },
  {
    name: "halt: an approved request is still approved when the halt is over",
    async run({ store }) {
      const held = await made(store, "r", "held");
      await store.halt(haltOrder());
      const approved = await moved(store, held, APPROVE);
      await unmoved(store, change(approved, RELEASE), "halted");
      await store.resume("acme", "run", "run-1", BY);
      const released = await moved(store, await found(store, approved), RELEASE);
      assert.equal(released.state, "running");
      assert.deepEqual(released.hold?.approval, (APPROVE as Extract<LifecycleEvent, { type: "approve" }>).approval);
    },
  },
];
