import assert from "node:assert/strict";
import type { ClaimRequest } from "../../core/claim.ts";
import type { LifecycleEvent } from "../../core/lifecycle.ts";
import type { Store } from "../../core/ports.ts";
import type { Receipt } from "../../core/receipt.ts";
import { another, type StoreContractCase } from "./context.ts";
import {
  BACKOFF,
  change,
  claimed,
  claimRequest,
  DOUBT,
  FAILED,
  found,
  GIVE_UP,
  gateOf,
  HOLD,
  type MoreOfClaim,
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
} from "./fixtures.ts";

const PLACE_MS = 60_000;

/** A request that takes its record's turn. */
function inTurn(requestId: string, more: MoreOfClaim & { readonly placeMs?: number } = {}): ClaimRequest {
  const { placeMs = PLACE_MS, recordId = "order:A1", ...rest } = more;
  const turn = recordId === null ? null : { recordId, placeMs };
  return claimRequest(requestId, { recordId, serialized: true, gate: gateOf({ turn }), ...rest });
}

async function begins(store: Store, request: ClaimRequest): Promise<Receipt> {
  const answer = await store.claim(request);
  assert.equal(answer.kind, "claimed", request.requestId);
  return receiptIn(answer);
}

/** What gives the record free, though one of these is still open. */
const LEAVES: Readonly<Record<string, readonly LifecycleEvent[]>> = {
  succeeded: [SUCCESS],
  failed: [FAILED],
  retry_wait: [BACKOFF],
  review: [DOUBT, GIVE_UP],
};

export const turns: readonly StoreContractCase[] = [
  {
    name: "turns: while one request of a record runs, another one is busy, and is not recorded",
    async run({ store }) {
      const first = await begins(store, inTurn("first"));
      for (const readFirst of [false, true]) {
        const answer = await refused(store, inTurn("second", { action: "payout", runId: "run-2" }), "busy", readFirst);
        assert.equal(answer.recordId, "order:A1");
      }
      assert.deepEqual(await store.log("acme", "second"), []);
      sameRecord(await found(store, first), first);
      await begins(store, inTurn("other record", { recordId: "order:B2" }));
      await begins(store, inTurn("other tenant", { tenant: "globex" }));
      await claimed(store, "not serialised");
      const again = await store.claim(inTurn("first"));
      assert.equal(again.kind, "exists", "the one that runs is a replay");
    },
  },
  {
    name: "turns: requests that are not serialised take nobody's turn",
    async run({ store }) {
      await claimed(store, "a");
      await made(store, "b", "in_doubt");
      await begins(store, inTurn("c"));
    },
  },
  {
    name: "turns: asked again with its owner token, the one that runs is still claimed",
    async run({ store }) {
      const request = inTurn("first");
      const first = await begins(store, request);
      for (const readFirst of [false, true]) {
        const again = await store.claim(request, readFirst);
        assert.equal(again.kind, "claimed");
        sameRecord(again.claim.receipt, first);
      }
    },
  },
  {
    name: "turns: a request in doubt keeps the record: it may still arrive",
    async run({ store, advance }) {
      const first = await begins(store, inTurn("first"));
      const doubt = await moved(store, first, DOUBT);
      await refused(store, inTurn("second"), "busy");
      await advance(10 * PLACE_MS);
      await refused(store, inTurn("second"), "busy");
      await moved(store, doubt, { type: "probe_happened", result: null });
      await begins(store, inTurn("second"));
    },
  },
  ...Object.entries(LEAVES).map(
    ([name, events]): StoreContractCase => ({
      name: `turns: one that is ${name} has left its record free`,
      async run({ store }) {
        await moved(store, await begins(store, inTurn("first")), ...events);
        await begins(store, inTurn("second"));
      },
    }),
  ),
  {
    name: "turns: come in the order in which they were asked for",
    async run({ store }) {
      let running = await begins(store, inTurn("0"));
      const ids = ["3", "1", "4", "2"];
      for (const id of ids) await refused(store, inTurn(id), "busy");
      for (const id of ids.toReversed()) await refused(store, inTurn(id), "busy");
      for (const [n, id] of ids.entries()) {
        await moved(store, running, SUCCESS);
        for (const later of [...ids.slice(n + 1), "new"]) await refused(store, inTurn(later), "busy");
        running = await begins(store, inTurn(id));
      }
      await moved(store, running, SUCCESS);
      await begins(store, inTurn("new"));
    },
  },
  {
    name: "turns: each record and each tenant has a queue of its own",
    async run({ store }) {
      const places = [{}, { recordId: "order:B2" }, { tenant: "globex" }];
      const running = await Promise.all(places.map((more, n) => begins(store, inTurn(`running-${n}`, more))));
      for (const [n, more] of places.entries()) await refused(store, inTurn(`waits-${n}`, more), "busy");
      for (const [n, receipt] of running.entries()) {
        await moved(store, receipt, SUCCESS);
        await refused(store, inTurn(`late-${n}`, places[n]), "busy");
        await begins(store, inTurn(`waits-${n}`, places[n]));
      }
    },
  },
  {
    name: "turns: a place lapses when nobody asks for it, and asking keeps it",
    async run({ store, advance }) {
      const running = await begins(store, inTurn("0"));
      await refused(store, inTurn("gone", { placeMs: 30_000 }), "busy");
      await refused(store, inTurn("asks on", { placeMs: 30_000 }), "busy");
      await refused(store, inTurn("last"), "busy");
      await advance(20_000);
      await refused(store, inTurn("asks on", { placeMs: 30_000 }), "busy");
      await moved(store, running, SUCCESS);
      await refused(store, inTurn("asks on", { placeMs: 30_000 }), "busy"); // "gone" has 10 s left
      await advance(10_000);
      await refused(store, inTurn("last"), "busy"); // "asks on" has its place still
      await begins(store, inTurn("asks on", { placeMs: 30_000 }));
    },
  },
  {
    name: "turns: whoever comes back after its place has lapsed and others have asked, waits behind them",
    async run({ store, advance }) {
      const running = await begins(store, inTurn("0"));
      await refused(store, inTurn("a", { placeMs: 1_000 }), "busy");
      await refused(store, inTurn("b"), "busy");
      await advance(1_000);
      await refused(store, inTurn("b"), "busy");
      await refused(store, inTurn("a"), "busy");
      await moved(store, running, SUCCESS);
      await refused(store, inTurn("a"), "busy");
      await begins(store, inTurn("b"));
    },
  },
  {
    name: "turns: what does not run at once takes no turn, and is recorded beside the one that runs",
    async run({ store }) {
      await begins(store, inTurn("running"));
      for (const [id, start] of [
        ["held", { state: "held", hold: HOLD, dueInMs: 0 }],
        ["later", { state: "retry_wait" }],
        ["doubt", { state: "in_doubt", sentFrom: 1, sentUntil: 2 }],
      ] as const) {
        assert.equal((await store.claim(inTurn(id, { start }))).kind, "recorded");
      }
    },
  },
  {
    name: "turns: a retry, a release and a resend wait for the record to be free",
    async run({ store }) {
      const retry = await moved(store, await begins(store, inTurn("retry")), BACKOFF);
      const held = receiptIn(await store.claim(inTurn("held", { start: { state: "held", hold: HOLD, dueInMs: 0 } })));
      const running = await begins(store, inTurn("running", { tracked: true }));
      await unmoved(store, change(retry, RETRY), "busy");
      await unmoved(store, change(held, RELEASE), "busy");
      const doubt = await moved(store, running, { type: "dispatch" }, DOUBT);
      await unmoved(store, change(retry, RETRY), "busy");
      await unmoved(store, change(held, RELEASE), "busy");
      // Its own doubt keeps nobody from its own next attempt.
      await moved(store, await moved(store, doubt, RESEND), SUCCESS);
      await moved(store, retry, RETRY, SUCCESS);
      await moved(store, held, RELEASE, SUCCESS);
    },
  },
  {
    name: "turns: a retry of a record without serialisation waits for nobody",
    async run({ store }) {
      const retry = await made(store, "retry", "retry_wait");
      await begins(store, inTurn("running"));
      await moved(store, retry, RETRY);
    },
  },
  {
    name: "turns: a transition that was applied before is still answered as applied when it is asked again",
    async run({ store }) {
      const retry = change(await moved(store, await begins(store, inTurn("r")), BACKOFF), RETRY);
      const first = await store.apply(retry);
      const again = await store.apply(retry);
      assert.ok(first.kind === "applied" && again.kind === "applied");
      sameRecord(again.receipt, first.receipt);
    },
  },
  {
    name: "turns: of two that are in doubt on one record (after a restore), one may be sent again at a time",
    async run({ store }) {
      const start = { state: "in_doubt", sentFrom: 1, sentUntil: 2 } as const;
      const [a, b] = [
        receiptIn(await store.claim(inTurn("a", { start }))),
        receiptIn(await store.claim(inTurn("b", { start }))),
      ];
      const answers = await Promise.all([a, b].map((receipt) => store.apply(change(receipt, RESEND))));
      assert.deepEqual(
        answers.map(({ kind }) => kind).sort(),
        ["applied", "busy"],
        "neither is stuck behind the other",
      );
      const [first] = answers.filter((answer) => answer.kind === "applied");
      assert.ok(first);
      await moved(store, first.receipt, SUCCESS);
      await moved(store, first.receipt.requestId === "a" ? b : a, RESEND, SUCCESS);
    },
  },
  {
    name: "turns: of 30 at once on one record, one runs; each of the others gets its turn, one at a time",
    async run(context) {
      const stores = [context.store, await another(context)];
      const ask = (ids: readonly string[]) =>
        Promise.all(ids.map((id, n) => stores[n % 2]?.claim(inTurn(id), n % 3 === 0)));
      let waiting = Array.from({ length: 30 }, (_, n) => `r-${n}`);
      for (let rounds = 0; waiting.length > 20; rounds++) {
        assert.ok(rounds < 10, "somebody gets its turn each time it is free");
        const answers = await ask(waiting);
        const running = answers.filter((answer) => answer?.kind === "claimed");
        assert.equal(running.length, 1);
        assert.equal(answers.filter((answer) => answer?.kind === "busy").length, waiting.length - 1);
        const [one] = running;
        assert.ok(one?.kind === "claimed");
        waiting = waiting.filter((id) => id !== one.claim.receipt.requestId);
        await moved(context.store, one.claim.receipt, SUCCESS);
      }
    },
  },
  {
    name: "turns: of 10 retries and 10 new ones at once on one record, one runs",
    async run(context) {
      const stores = [context.store, await another(context)];
      const retries = await Promise.all(
        Array.from({ length: 10 }, async (_, n) =>
          receiptIn(await context.store.claim(inTurn(`retry-${n}`, { start: { state: "retry_wait" } }))),
        ),
      );
      const answers = await Promise.all([
        ...retries.map((receipt, n) => stores[n % 2]?.apply(change(receipt, RETRY))),
        ...retries.map((_, n) => stores[n % 2]?.claim(inTurn(`new-${n}`))),
      ]);
      const kinds = answers.map((answer) => answer?.kind);
      assert.equal(kinds.filter((kind) => kind === "applied" || kind === "claimed").length, 1);
      assert.equal(kinds.filter((kind) => kind === "busy").length, 19);
      assert.equal((await context.store.list({ states: ["running"], limit: 100 })).length, 1);
    },
  },
];
