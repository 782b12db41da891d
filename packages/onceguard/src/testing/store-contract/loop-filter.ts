import assert from "node:assert/strict";
import type { ClaimRequest } from "../../core/claim.ts";
import type { DedupCondition } from "../../core/gate.ts";
import type { Store } from "../../core/ports.ts";
import type { Receipt } from "../../core/receipt.ts";
import { another, type StoreContractCase } from "./context.ts";
import {
  claimRequest,
  DENY,
  FAILED,
  found,
  gateOf,
  HOLD,
  haltOrder,
  type MoreOfClaim,
  made,
  moved,
  receiptIn,
  refused,
  SUCCESS,
  sameRecord,
  told,
  type Way,
} from "./fixtures.ts";

const WINDOW_MS = 60_000;
const NEAR = { ...HOLD, reasons: ["near_duplicate"] };

/** A request that passes the loop filter first. */
function filtered(
  requestId: string,
  condition: Partial<DedupCondition> = {},
  { recordId = "order:A1", ...more }: MoreOfClaim = {},
): ClaimRequest {
  const dedup = { recordId: recordId ?? "", windowMs: WINDOW_MS, limit: 1, hold: null, holdMs: 5_000, ...condition };
  return claimRequest(requestId, { recordId, gate: gateOf({ dedup }), ...more });
}

async function passes(store: Store, request: ClaimRequest): Promise<Receipt> {
  const answer = await store.claim(request);
  assert.ok(answer.kind === "claimed" || answer.kind === "recorded", `${request.requestId}: ${answer.kind}`);
  return receiptIn(answer);
}

/** Whether another request on the same record counts this one, within the window. */
const COUNTS: Readonly<Record<Way, boolean>> = {
  held: true,
  running: true,
  retry_wait: true,
  in_doubt: true,
  review: true,
  succeeded: true,
  failed: false,
  denied: false,
  compensating: true,
  compensated: true,
  expired: true,
  "expired, failed": false,
  "expired, denied": false,
};

/** What is still to be sent, or may be sent again, counts for as long as that is so. */
const STILL_TO_COME: readonly Way[] = ["held", "running", "retry_wait", "in_doubt"];

export const loopFilter: readonly StoreContractCase[] = [
  {
    name: "loop filter: another id on the same record is skipped: told of the earlier one, logged, not recorded",
    async run({ store }) {
      const first = await passes(store, filtered("first"));
      for (const [n, readFirst] of [false, true].entries()) {
        const { earlier } = await refused(store, filtered(`again-${n}`, {}, { runId: "run-2" }), "skipped", readFirst);
        sameRecord(earlier, first);
        const [entry, ...more] = await store.log("acme", `again-${n}`);
        assert.deepEqual(more, []);
        assert.ok(entry);
        const { detail, at, seq: _seq, ...rest } = entry;
        assert.deepEqual(rest, {
          tenant: "acme",
          requestId: `again-${n}`,
          event: "skipped",
          action: "refund",
          recordId: "order:A1",
          runId: "run-2",
          hostScope: "thread-1",
          hostCallId: "call-1",
          traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
          cause: null,
          before: null,
          after: null,
          state: null,
          version: 0,
          fencingToken: 0,
          attemptNumber: 0,
          actor: "agent-7",
        });
        assert.deepEqual(JSON.parse(detail ?? ""), { earlier: "first" });
        assert.ok(at >= first.createdAt);
      }
      assert.equal((await store.log("acme", "first")).length, 1);
      assert.deepEqual(await told(store), []);
    },
  },
  {
    name: "loop filter: other actions, records and tenants are not counted",
    async run({ store }) {
      await passes(store, filtered("first"));
      await passes(store, filtered("action", {}, { action: "payout" }));
      await passes(store, filtered("record", {}, { recordId: "order:A" }));
      await passes(store, filtered("tenant", {}, { tenant: "globex" }));
      await passes(store, filtered("case", {}, { recordId: "ORDER:a1" }));
      await passes(store, filtered("pattern", {}, { recordId: "order:%" }));
      await refused(store, filtered("last"), "skipped");
    },
  },
  {
    name: "loop filter: the window runs from the effect, not from the claim, and ends on its millisecond",
    async run({ store, advance }) {
      const first = await passes(store, filtered("first"));
      await advance(WINDOW_MS);
      const done = await moved(store, first, SUCCESS);
      await advance(WINDOW_MS - 5_000);
      await refused(store, filtered("second"), "skipped");
      await advance(5_000);
      assert.ok((await store.now()) >= (done.attemptEndedAt ?? 0) + WINDOW_MS);
      await passes(store, filtered("third"));
    },
  },
  {
    name: "loop filter: what a later event writes does not move an effect that is over",
    async run({ store, advance }) {
      const done = await moved(store, await passes(store, filtered("first")), SUCCESS);
      await advance(WINDOW_MS - 5_000);
      const expired = await moved(store, done, { type: "expire" });
      assert.equal(expired.attemptEndedAt, done.attemptEndedAt);
      await advance(5_000);
      await passes(store, filtered("second"));
    },
  },
  {
    name: "loop filter: the window is the asker's own",
    async run({ store, advance }) {
      await moved(store, await passes(store, filtered("first")), SUCCESS);
      await advance(10_000);
      await refused(store, filtered("long", { windowMs: WINDOW_MS }), "skipped");
      await passes(store, filtered("short", { windowMs: 10_000 }));
    },
  },
  {
    name: "loop filter: with a limit of n, n pass in a window, each for as long as it lies in it",
    async run({ store, advance }) {
      const limit = 3;
      for (const id of ["a", "b", "c"]) {
        await moved(store, await passes(store, filtered(id, { limit })), SUCCESS);
        await advance(10_000);
      }
      assert.equal((await refused(store, filtered("d", { limit }), "skipped")).earlier.requestId, "c", "the latest");
      await advance(WINDOW_MS - 30_000);
      await passes(store, filtered("e", { limit }));
      await refused(store, filtered("f", { limit }), "skipped");
    },
  },
  ...(Object.entries(COUNTS) as [Way, boolean][]).map(
    ([way, counts]): StoreContractCase => ({
      name: `loop filter: what is ${way} ${counts ? "counts" : "does not count"}`,
      async run({ store, advance }) {
        const earlier = await made(store, "earlier", way);
        if (!counts) return void (await passes(store, filtered("later")));
        sameRecord((await refused(store, filtered("later"), "skipped")).earlier, earlier);
        await advance(WINDOW_MS);
        if (STILL_TO_COME.includes(way)) await refused(store, filtered("much later"), "skipped");
        else await passes(store, filtered("much later"));
      },
    }),
  ),
  {
    name: "loop filter: what turns out not to have happened stops counting",
    async run({ store }) {
      const first = await passes(store, filtered("first"));
      await refused(store, filtered("second"), "skipped");
      await moved(store, first, FAILED);
      await passes(store, filtered("second"));
      await refused(store, filtered("third"), "skipped");
    },
  },
  {
    name: "loop filter: the same request is a replay, by its id, by its explicit id, and when asked again",
    async run({ store }) {
      const request = filtered("first", {}, { explicitId: "mine" });
      const first = await passes(store, request);
      assert.equal((await store.claim(request)).kind, "claimed", "asked again with its owner token");
      const done = await moved(store, first, SUCCESS);
      for (const readFirst of [false, true]) {
        for (const again of [filtered("first"), filtered("other", {}, { explicitId: "mine" })]) {
          const answer = await store.claim(again, readFirst);
          assert.equal(answer.kind, "exists");
          sameRecord(answer.receipt, done);
        }
      }
      assert.equal((await store.log("acme", "first")).length, 2);
      assert.deepEqual(await store.log("acme", "other"), []);
    },
  },
  {
    name: "loop filter: a skip leaves nothing behind that would keep its id from being claimed later",
    async run({ store, advance }) {
      await moved(store, await passes(store, filtered("first")), SUCCESS);
      const request = filtered("second", {}, { explicitId: "mine" });
      const [one, two] = [await store.claim(request), await store.claim(request)];
      assert.ok(one.kind === "skipped" && two.kind === "skipped", "asked again, it is skipped again");
      await advance(WINDOW_MS);
      const receipt = await passes(store, request);
      sameRecord(await found(store, receipt), receipt);
      const events = (await store.log("acme", "second")).map(({ event }) => event);
      assert.deepEqual([events[0], events.at(-1)], ["skipped", "claim"]);
    },
  },
  {
    name: "loop filter: where the action says so, it is held for a person, who is told",
    async run({ store }) {
      const first = await passes(store, filtered("first", { hold: NEAR }));
      assert.equal(first.state, "running", "the first one runs");
      for (const [id, start] of [
        ["would run", { state: "running", leaseMs: 1_000 }],
        ["would be sent later", { state: "retry_wait" }],
      ] as const) {
        const request = filtered(id, { hold: NEAR }, { start });
        const answer = await store.claim(request);
        assert.equal(answer.kind, "recorded");
        const { receipt } = answer;
        const { state, hold, reason, fencingToken, attemptNumber, version, createdAt, dueAt } = receipt;
        assert.deepEqual(
          { state, hold, reason, fencingToken, attemptNumber, version, dueAt },
          {
            state: "held",
            hold: NEAR,
            reason: "near_duplicate",
            fencingToken: 0,
            attemptNumber: 0,
            version: 1,
            dueAt: createdAt + 5_000,
          },
        );
        sameRecord(await found(store, receipt), receipt);
        const again = await store.claim(request);
        assert.equal(again.kind, "recorded", "asked again");
        assert.deepEqual(
          (await store.log("acme", id)).map(({ event }) => event),
          ["hold"],
        );
        const [notification, ...more] = await told(store);
        assert.deepEqual(more, []);
        assert.equal(notification?.notification.requestId, id);
        await moved(store, receipt, DENY);
      }
    },
  },
  {
    name: "loop filter: of 50 different ids at once on one record, one passes and all others hear of it",
    async run(context) {
      const stores = [context.store, await another(context)];
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, n) => stores[n % 2]?.claim(filtered(`r-${n}`), n % 3 === 0)),
      );
      const [winner, ...more] = answers.filter((answer) => answer?.kind === "claimed");
      assert.ok(winner?.kind === "claimed" && more.length === 0);
      const { requestId } = winner.claim.receipt;
      for (const answer of answers) if (answer?.kind === "skipped") assert.equal(answer.earlier.requestId, requestId);
      assert.equal(answers.filter((answer) => answer?.kind === "skipped").length, 49);
      assert.equal((await context.store.list({ limit: 100 })).length, 1);
    },
  },
  {
    name: "loop filter: of 30 at once with a limit of three, three pass; on other records meanwhile, too",
    async run(context) {
      const stores = [context.store, await another(context)];
      const answers = await Promise.all(
        Array.from({ length: 60 }, async (_, n) => {
          const recordId = `order:${n % 2}`;
          const answer = await stores[n % 4 < 2 ? 0 : 1]?.claim(filtered(`r-${n}`, { limit: 3 }, { recordId }));
          return `${recordId} ${answer?.kind}`;
        }),
      );
      for (const recordId of ["order:0", "order:1"]) {
        assert.equal(answers.filter((answer) => answer === `${recordId} claimed`).length, 3);
        assert.equal(answers.filter((answer) => answer === `${recordId} skipped`).length, 27);
      }
    },
  },
  {
    name: "loop filter: a halt goes before it, and nothing is logged as skipped",
    async run({ store }) {
      await passes(store, filtered("first"));
      await store.halt(haltOrder());
      await refused(store, filtered("second"), "halted");
      assert.deepEqual(await store.log("acme", "second"), []);
    },
  },
];
