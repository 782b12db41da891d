import assert from "node:assert/strict";
import type { ClaimRequest, Start } from "../../core/claim.ts";
import { firstReceipt } from "../../core/lifecycle.ts";
import { firstLine } from "../../core/log-line.ts";
import { another, type StoreContractCase } from "./context.ts";
import {
  claimed,
  claimRequest,
  found,
  HOLD,
  haltOrder,
  holdForCase,
  LEASE_MS,
  moved,
  receiptIn,
  recorded,
  SUCCESS,
  sameRecord,
  withoutPlace,
} from "./fixtures.ts";

const DAY_MS = 86_400_000;

/** Every way in which a record can begin. */
const STARTS: Readonly<Record<string, Pick<ClaimRequest, "start"> & Partial<ClaimRequest>>> = {
  running: { start: { state: "running", leaseMs: LEASE_MS } },
  "held for a person": { start: { state: "held", hold: HOLD, dueInMs: DAY_MS } },
  "held for a case": { start: { state: "held", hold: holdForCase("match:1"), dueInMs: 0 }, caseId: "match:1" },
  "waiting to be sent (the outbox)": { start: { state: "retry_wait" } },
  "in doubt after a restore": {
    start: { state: "in_doubt", sentFrom: 1_700_000_000_000, sentUntil: 1_700_000_360_000 },
  },
  "with what its caller expects": {
    start: { state: "running", leaseMs: LEASE_MS },
    keyId: "3f0e",
    expected: { version: 7, "it's": '"odd" ? $1 é 💶', open: false, closedAt: null, part: 0.5 },
  },
  "serialised and tracked": { start: { state: "running", leaseMs: LEASE_MS }, serialized: true, tracked: true },
};

const AMOUNTS = [null, 0, 5, -5, 0.1, 12_345_678.9, Number.MAX_SAFE_INTEGER];

export const starting: readonly StoreContractCase[] = [
  ...Object.entries(STARTS).map(
    ([name, more]): StoreContractCase => ({
      name: `claim: begins ${name}, with exactly the lifecycle's first record`,
      async run({ store }) {
        for (const tracked of [false, true]) {
          const request = claimRequest(`r-${tracked}`, { ...more, tracked, recordId: `order:${tracked}` });
          const answer = await store.claim(request);
          assert.equal(answer.kind, request.start.state === "running" ? "claimed" : "recorded");
          const receipt = receiptIn(answer);
          assert.deepEqual(receipt, firstReceipt(request, receipt.createdAt));
          sameRecord(await found(store, receipt), receipt);
          const { tenant, requestId, createdAt: at } = receipt;
          const log = (await store.log(tenant, requestId)).map(withoutPlace);
          assert.deepEqual(log, [{ ...firstLine(request, receipt), at }]);
        }
      },
    }),
  ),
  {
    name: "claim: asked again with its owner token, every way to begin answers as the first time, and once",
    async run(context) {
      const stores = [context.store, await another(context)];
      for (const [name, more] of Object.entries(STARTS)) {
        const request = claimRequest(name, { ...more, explicitId: `mine ${name}`, recordId: name });
        const [first, ...again] = await Promise.all(
          [false, true, false, true].map((readFirst, n) => stores[n % 2]?.claim(request, readFirst)),
        );
        assert.ok(first);
        for (const answer of [...again, await stores[1]?.claim(request), await stores[0]?.claim(request, true)]) {
          assert.ok(answer);
          assert.equal(answer.kind, first.kind, name);
          assert.equal(answer.kind === "claimed" ? answer.claim.ownerToken : request.ownerToken, request.ownerToken);
          sameRecord(receiptIn(answer), receiptIn(first));
        }
        assert.equal((await context.store.log("acme", name)).length, 1, name);
      }
    },
  },
  {
    name: "claim: asked again after the record has moved on, every way to begin answers that it exists",
    async run({ store }) {
      for (const [name, more] of Object.entries(STARTS)) {
        const request = claimRequest(name, { ...more, recordId: name });
        const first = receiptIn(await store.claim(request));
        const changed = await moved(store, first, {
          type: "late_success",
          fencingToken: 9,
          result: null,
          sameKey: false,
        });
        for (const readFirst of [false, true]) {
          const answer = await store.claim(request, readFirst);
          assert.equal(answer.kind, "exists", name);
          sameRecord(answer.receipt, changed);
        }
      }
    },
  },
  {
    name: "claim: whoever else comes gets the record that is there, however it began and however the other would begin",
    async run({ store }) {
      for (const [name, more] of Object.entries(STARTS)) {
        const first = receiptIn(await store.claim(claimRequest(name, { ...more, recordId: name })));
        for (const [other, start] of Object.entries(STARTS)) {
          const answer = await store.claim(claimRequest(name, { ...start, recordId: name, actor: other }));
          assert.equal(answer.kind, "exists", `${name}, then ${other}`);
          assert.equal(answer.halt, null);
          sameRecord(answer.receipt, first);
        }
        assert.equal((await store.log("acme", name)).length, 1);
      }
    },
  },
  {
    name: "claim: reading first changes nothing but the order of looking",
    async run({ store }) {
      const fresh = await store.claim(claimRequest("r", { explicitId: "mine" }), true);
      assert.equal(fresh.kind, "claimed");
      const done = await moved(store, fresh.claim.receipt, SUCCESS);
      for (const request of [claimRequest("r"), claimRequest("r2", { explicitId: "mine" })]) {
        const answer = await store.claim(request, true);
        assert.equal(answer.kind, "exists");
        sameRecord(answer.receipt, done);
      }
      // An explicit id of somebody else's is no request id of ours, whichever is looked for first.
      assert.equal((await store.claim(claimRequest("mine"), true)).kind, "claimed");
      const halt = await store.halt(haltOrder());
      const known = await store.claim(claimRequest("r"), true);
      assert.ok(known.kind === "exists");
      assert.deepEqual(known.halt, halt);
      assert.deepEqual(await store.claim(claimRequest("r3"), true), { kind: "halted", halt });
      assert.equal(await store.find("acme", "r3"), null);
    },
  },
  {
    name: "claim: reading first, of 50 at once one wins",
    async run(context) {
      const stores = [context.store, await another(context)];
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, n) =>
          stores[n % 2]?.claim(claimRequest("r", { actor: `agent-${n}` }), n % 3 > 0),
        ),
      );
      assert.equal(answers.filter((answer) => answer?.kind === "claimed").length, 1);
      const told = answers.map((answer) => answer && receiptIn(answer).actor);
      assert.equal(new Set(told).size, 1, "and every other gets the winner's record");
    },
  },
  {
    name: "claim: of 20 at once that begin in different ways, one makes the record",
    async run(context) {
      const stores = [context.store, await another(context)];
      const starts: Start[] = Object.values(STARTS).map(({ start }) => start);
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          stores[n % 2]?.claim(claimRequest("r", { start: starts[n % starts.length] as Start, actor: `agent-${n}` })),
        ),
      );
      assert.equal(answers.filter((answer) => answer?.kind !== "exists").length, 1);
      assert.equal(new Set(answers.map((answer) => answer && receiptIn(answer).actor)).size, 1);
      assert.equal((await context.store.log("acme", "r")).length, 1);
    },
  },
  {
    name: "claim: amounts come back as they went in",
    async run({ store }) {
      for (const amount of AMOUNTS) {
        const { receipt } = await claimed(store, `r ${amount}`, { amount });
        assert.equal(receipt.amount, amount);
        sameRecord(await found(store, receipt), receipt);
      }
    },
  },
  {
    name: "claim: a hold comes back whole, with every text in it",
    async run({ store }) {
      const text = `it's "quoted" \\ ? $1 é 💶 \u2028 {}`;
      const approval = { actor: text, reason: text, expiresAt: 4_102_444_800_001, fingerprint: text };
      const hold = { ...holdForCase(text), reasons: [text, ""], outcome: text, approval };
      const receipt = await recorded(store, "r", { start: { state: "held", hold, dueInMs: 0 }, caseId: text });
      assert.deepEqual((await found(store, receipt)).hold, hold);
    },
  },
];
