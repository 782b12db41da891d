import assert from "node:assert/strict";
import type { ClaimRequest } from "../../core/claim.ts";
import type { BudgetCondition } from "../../core/gate.ts";
import type { Store } from "../../core/ports.ts";
import type { Receipt } from "../../core/receipt.ts";
import { another, type StoreContractCase } from "./context.ts";
import {
  APPROVE,
  BACKOFF,
  claimRequest,
  FAILED,
  gateOf,
  HOLD,
  halted,
  type MoreOfClaim,
  made,
  moved,
  RELEASE,
  receiptIn,
  refused,
  SUCCESS,
  told,
  type Way,
} from "./fixtures.ts";

const OF_RUN: BudgetCondition = {
  name: "maxActionsPerRun",
  counts: "actions",
  limit: 2,
  runId: "run-1",
  action: null,
  recordId: null,
  windowMs: null,
  halts: { scope: "run", id: "run-1" },
};

const OF_RECORD: BudgetCondition = { ...OF_RUN, name: "maxRepeatsPerRecord", action: "refund", recordId: "order:A1" };

const PER_TENANT: BudgetCondition = {
  name: "amount per tenant",
  counts: "amount",
  limit: 100,
  runId: null,
  action: null,
  recordId: null,
  windowMs: 60_000,
  halts: { scope: "tenant", id: "acme" },
};

function budgeted(requestId: string, budgets: readonly BudgetCondition[], more: MoreOfClaim = {}): ClaimRequest {
  return claimRequest(requestId, { gate: gateOf({ budgets }), ...more });
}

async function passes(store: Store, request: ClaimRequest): Promise<Receipt> {
  const answer = await store.claim(request);
  assert.ok(answer.kind === "claimed" || answer.kind === "recorded", `${request.requestId}: ${answer.kind}`);
  return receiptIn(answer);
}

/** What certainly was not done, and never will be. */
const NOT_COUNTED: readonly Way[] = ["failed", "denied", "expired, failed", "expired, denied"];
const COUNTED: readonly Way[] = [
  "held",
  "running",
  "retry_wait",
  "in_doubt",
  "review",
  "succeeded",
  "compensated",
  "expired",
];

export const budgets: readonly StoreContractCase[] = [
  {
    name: "budget: the request that would go past it is not recorded, and halts its scope in the same commit",
    async run({ store }) {
      for (const id of ["a", "b"]) await passes(store, budgeted(id, [OF_RUN]));
      assert.deepEqual(await told(store), []);
      const { halt } = await refused(store, budgeted("c", [OF_RUN]), "halted");
      const order = { tenant: "acme", ...OF_RUN.halts, reason: "budget:maxActionsPerRun", actor: null };
      assert.deepEqual(halt, halted(order, halt.haltedAt));
      assert.deepEqual(await store.halts({ limit: 10 }), [halt]);
      assert.deepEqual(await store.log("acme", "c"), []);
      const [one, ...more] = await told(store);
      assert.deepEqual(more, []);
      assert.ok(one);
      const { kind, route, runId, reason, at } = one.notification;
      assert.deepEqual(
        { kind, route, runId, reason, at },
        { kind: "halted", route: "operator", runId: "run-1", reason: order.reason, at: halt.haltedAt },
      );
      assert.deepEqual(await store.claim(budgeted("c", [OF_RUN])), { kind: "halted", halt }, "asked again");
      assert.deepEqual(
        await store.claim(claimRequest("d")),
        { kind: "halted", halt },
        "and everything else of the run",
      );
      await passes(store, claimRequest("e", { runId: "run-2" }));
    },
  },
  {
    name: "budget: of a run, counts its requests of any action and record, and nobody else's",
    async run({ store }) {
      await passes(store, budgeted("first", [OF_RUN], { recordId: null }));
      await passes(store, claimRequest("other run", { runId: "run-2" }));
      await passes(store, claimRequest("no run", { runId: null }));
      await passes(store, claimRequest("other tenant", { tenant: "globex" }));
      await passes(store, budgeted("second", [OF_RUN], { action: "payout", recordId: "order:B2" }));
      await refused(store, budgeted("third", [OF_RUN], { action: "mail", recordId: "order:C3" }), "halted");
    },
  },
  {
    name: "budget: of repeats, counts the same action on the same record in the same run",
    async run({ store }) {
      await passes(store, budgeted("first", [OF_RECORD]));
      for (const [n, more] of [
        { action: "payout" },
        { recordId: "order:B2" },
        { runId: "run-2" },
        { tenant: "globex" },
      ].entries()) {
        await passes(store, claimRequest(`other-${n}`, more));
      }
      await passes(store, budgeted("second", [OF_RECORD]));
      assert.equal(
        (await refused(store, budgeted("third", [OF_RECORD]), "halted")).halt.reason,
        "budget:maxRepeatsPerRecord",
      );
    },
  },
  {
    name: "budget: what certainly was not done is not counted; everything else is, however long ago",
    async run({ store, advance }) {
      for (const [n, way] of NOT_COUNTED.entries()) await made(store, `not-${n}`, way);
      await passes(store, budgeted("a", [{ ...OF_RUN, limit: 1 }]));
      for (const way of COUNTED) {
        const runId = `run ${way}`;
        await made(store, way, way, { runId });
        await advance(1_000);
        const one = { ...OF_RUN, limit: 1, runId, halts: { scope: "run", id: runId } } as const;
        await refused(store, budgeted(`after ${way}`, [one], { runId }), "halted");
      }
    },
  },
  {
    name: "budget: what turns out not to have happened is free again",
    async run({ store }) {
      const one = { ...OF_RUN, limit: 1 };
      await moved(store, await passes(store, budgeted("a", [one])), FAILED);
      await passes(store, budgeted("b", [one]));
      await refused(store, budgeted("c", [one]), "halted");
    },
  },
  {
    name: "budget: of amounts, up to the limit and not past it, as of each claim in the window",
    async run({ store, advance }) {
      await passes(store, budgeted("a", [PER_TENANT], { amount: 60 }));
      await passes(store, claimRequest("no amount", { amount: null }));
      await advance(30_000);
      await passes(store, budgeted("b", [PER_TENANT], { amount: 40 }));
      await advance(30_000);
      // "a" was claimed 60 s ago: what is that old has left the window.
      await passes(store, budgeted("c", [PER_TENANT], { amount: 60 }));
      const { halt } = await refused(store, budgeted("d", [PER_TENANT], { amount: 0.5 }), "halted");
      assert.deepEqual([halt.scope, halt.id, halt.reason], ["tenant", "acme", "budget:amount per tenant"]);
      await passes(
        store,
        budgeted("e", [{ ...PER_TENANT, halts: { scope: "tenant", id: "globex" } }], { tenant: "globex", amount: 100 }),
      );
    },
  },
  {
    name: "budget: of amounts, by when the others were claimed, whenever they ended",
    async run({ store, advance }) {
      const early = await passes(store, budgeted("early", [PER_TENANT], { amount: 100 }));
      await advance(59_000);
      await moved(store, early, SUCCESS);
      await advance(1_000);
      await passes(store, budgeted("later", [PER_TENANT], { amount: 100 }));
    },
  },
  {
    name: "budget: of amounts, what waits to be sent counts for as long as it waits, and then from when it was sent",
    async run({ store, advance }) {
      const start = { state: "held", hold: HOLD, dueInMs: 0 } as const;
      const held = await passes(store, budgeted("held", [PER_TENANT], { amount: 60, start }));
      await advance(600_000);
      await refused(store, budgeted("beside it", [PER_TENANT], { amount: 60 }), "halted");
      await store.resume("acme", "tenant", "acme", { actor: "ada", reason: "go on" });
      await moved(store, held, APPROVE, RELEASE, SUCCESS);
      await advance(59_000);
      await refused(store, budgeted("soon after", [PER_TENANT], { amount: 60 }), "halted");
      await store.resume("acme", "tenant", "acme", { actor: "ada", reason: "go on" });
      await advance(1_000);
      await passes(store, budgeted("later", [PER_TENANT], { amount: 60 }));
    },
  },
  {
    name: "budget: of amounts, a retry that waits longer than the window counts all the same",
    async run({ store, advance }) {
      await moved(store, await passes(store, budgeted("waits", [PER_TENANT], { amount: 60 })), BACKOFF);
      await advance(600_000);
      await refused(store, budgeted("beside it", [PER_TENANT], { amount: 60 }), "halted");
    },
  },
  {
    name: "budget: of amounts, per action and per run count theirs only",
    async run({ store }) {
      const perAction = { ...PER_TENANT, action: "refund", halts: { scope: "action", id: "refund" } } as const;
      const perRun = { ...PER_TENANT, runId: "run-1", halts: { scope: "run", id: "run-1" } } as const;
      await passes(store, claimRequest("other action", { amount: 100, action: "payout" }));
      await passes(store, claimRequest("other run", { amount: 100, runId: "run-2" }));
      await passes(store, claimRequest("other tenant", { amount: 100, tenant: "globex" }));
      await passes(store, budgeted("in run 3", [{ ...perRun, runId: "run-3" }], { amount: 100, runId: "run-3" }));
      const { halt } = await refused(store, budgeted("a", [perAction], { amount: 1, runId: "run-4" }), "halted");
      assert.deepEqual([halt.scope, halt.id], ["action", "refund"]);
      // 100 of another action in this run are there, too.
      const { halt: ofRun } = await refused(store, budgeted("b", [perRun], { amount: 1, action: "payout" }), "halted");
      assert.deepEqual([ofRun.scope, ofRun.id], ["run", "run-1"]);
    },
  },
  {
    name: "budget: of several the first that is exceeded halts, and it goes before the loop filter",
    async run({ store }) {
      const dedup = { recordId: "order:A1", windowMs: 1_000, limit: 1, hold: null, holdMs: 0 };
      await passes(store, claimRequest("a", { amount: 100 }));
      const both = { gate: gateOf({ dedup, budgets: [OF_RUN, { ...PER_TENANT }, { ...OF_RECORD, limit: 1 }] }) };
      assert.equal((await refused(store, claimRequest("b", both), "halted")).halt.scope, "tenant");
      assert.equal((await store.halts({ limit: 10 })).length, 1);
      assert.deepEqual(await store.log("acme", "b"), []);
    },
  },
  {
    name: "budget: a request that is there already is not counted again, and halts nothing",
    async run({ store }) {
      const request = budgeted("a", [{ ...OF_RUN, limit: 1 }], { explicitId: "mine" });
      await passes(store, request);
      for (const readFirst of [false, true]) {
        assert.equal((await store.claim(request, readFirst)).kind, "claimed", "asked again");
        for (const again of ["a", "other"]) {
          const answer = await store.claim(
            budgeted(again, [{ ...OF_RUN, limit: 1 }], { explicitId: "mine" }),
            readFirst,
          );
          assert.equal(answer.kind, "exists");
        }
      }
      assert.deepEqual(await store.halts({ limit: 10 }), []);
    },
  },
  {
    name: "budget: requests that are held or sent later are counted, and can go past it, too",
    async run({ store }) {
      await passes(store, budgeted("held", [OF_RUN], { start: { state: "held", hold: HOLD, dueInMs: 0 } }));
      await passes(store, budgeted("later", [OF_RUN], { start: { state: "retry_wait" } }));
      await refused(store, budgeted("more", [OF_RUN], { start: { state: "retry_wait" } }), "halted");
      assert.deepEqual((await store.list({ limit: 10 })).map(({ requestId }) => requestId).sort(), ["held", "later"]);
    },
  },
  {
    name: "budget: a scope that a person resumes is halted again by the next request past it",
    async run({ store, advance }) {
      const one = { ...OF_RUN, limit: 1 };
      await passes(store, budgeted("a", [one]));
      await refused(store, budgeted("b", [one]), "halted");
      await store.resume("acme", "run", "run-1", { actor: "ada", reason: "go on" });
      await advance(10);
      await refused(store, budgeted("b", [one]), "halted");
      assert.equal((await store.halts({ limit: 10 })).length, 2);
      assert.equal((await told(store)).length, 2);
    },
  },
  {
    name: "budget: of 30 at once with a limit of five, five pass, and one halt is recorded",
    async run(context) {
      const stores = [context.store, await another(context)];
      const five = { ...OF_RUN, limit: 5 };
      const answers = await Promise.all(
        Array.from({ length: 30 }, (_, n) =>
          stores[n % 2]?.claim(budgeted(`r-${n}`, [five], { recordId: `order:${n}` }), n % 3 === 0),
        ),
      );
      assert.equal(answers.filter((answer) => answer?.kind === "claimed").length, 5);
      const [halt, ...more] = await context.store.halts({ limit: 10 });
      assert.deepEqual(more, []);
      const refusals = answers.filter((answer) => answer?.kind !== "claimed");
      for (const answer of refusals) assert.deepEqual(answer, { kind: "halted", halt });
      assert.equal((await context.store.list({ limit: 100 })).length, 5);
      assert.equal((await told(context.store)).length, 1);
    },
  },
  {
    name: "budget: of 30 amounts at once, no more pass than fit",
    async run(context) {
      const stores = [context.store, await another(context)];
      const answers = await Promise.all(
        Array.from({ length: 30 }, (_, n) =>
          stores[n % 2]?.claim(budgeted(`r-${n}`, [PER_TENANT], { amount: 15, runId: `run-${n}` })),
        ),
      );
      assert.equal(answers.filter((answer) => answer?.kind === "claimed").length, 6);
    },
  },
];
