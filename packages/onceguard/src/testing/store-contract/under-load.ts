import assert from "node:assert/strict";
import { lineOf } from "../../core/log-line.ts";
import { another, type StoreContractCase } from "./context.ts";
import { change, claimed, claimRequest, DOUBT, found, moved, SUCCESS, sameRecord } from "./fixtures.ts";

const range = (count: number): number[] => [...Array(count).keys()];

export const underLoad: readonly StoreContractCase[] = [
  {
    name: "load: 300 mixed writes at once all land, and each gets its own answer",
    async run(context) {
      const { store } = context;
      const other = await another(context);
      const running = await Promise.all(range(150).map((n) => claimed(n % 2 ? store : other, `old-${n}`)));
      const [settling, renewing] = [running.slice(0, 100), running.slice(100)];
      const [claims, settled, refused] = await Promise.all([
        Promise.all(range(100).map((n) => claimed(n % 2 ? store : other, `new-${n}`, { payload: `{"n":${n}}` }))),
        Promise.all(
          settling.map(({ receipt }, n) =>
            moved(n % 3 ? store : other, receipt, { type: "success", result: { json: String(n) } }),
          ),
        ),
        Promise.all(
          renewing.map(({ receipt: { tenant, requestId } }) =>
            store.renew([{ tenant, requestId, fencingToken: 1, leaseMs: 90_000 }]),
          ),
        ),
        Promise.all(settling.slice(0, 50).map(({ receipt }) => other.append(lineOf(receipt, "drift")))),
      ]);
      for (const [n, { receipt }] of claims.entries()) {
        assert.deepEqual([receipt.requestId, receipt.payload], [`new-${n}`, `{"n":${n}}`]);
        sameRecord(await found(store, receipt), receipt);
      }
      for (const [n, receipt] of settled.entries()) {
        assert.deepEqual([receipt.requestId, receipt.result], [`old-${n}`, { json: String(n) }]);
        sameRecord(await found(store, receipt), receipt);
        assert.equal((await store.log("acme", `old-${n}`)).length, n < 50 ? 3 : 2);
      }
      assert.deepEqual(refused.flat(), []);
    },
  },
  {
    name: "load: a row that the store cannot take fails alone, or is taken whole",
    async run({ store }) {
      const bad = [{ actor: "nul \u0000 byte" }, { leaseMs: 0.5 }, { recordId: "\u0000" }];
      const requests = range(40).map((n) => claimRequest(`r-${n}`, bad[n - 17] ?? {}));
      const outcomes = await Promise.allSettled(requests.map((request) => store.claim(request)));
      for (const [n, outcome] of outcomes.entries()) {
        const isBad = bad[n - 17] !== undefined;
        if (!isBad) assert.ok(outcome.status === "fulfilled" && outcome.value.kind === "claimed", `r-${n}`);
        const read = await store.find("acme", `r-${n}`);
        assert.equal(read !== null, outcome.status === "fulfilled", `r-${n}: all or nothing`);
        assert.equal((await store.log("acme", `r-${n}`)).length, read ? 1 : 0);
      }
    },
  },
  {
    name: "load: a transition that the store cannot take fails alone, or is taken whole",
    async run({ store }) {
      const claims = await Promise.all(range(40).map((n) => claimed(store, `r-${n}`)));
      const outcomes = await Promise.allSettled(
        claims.map(({ receipt }, n) =>
          store.apply({
            ...change(receipt, n % 2 ? SUCCESS : DOUBT),
            ...(n === 21 ? { actor: "nul \u0000 byte" } : {}),
          }),
        ),
      );
      for (const [n, outcome] of outcomes.entries()) {
        if (n !== 21) assert.ok(outcome.status === "fulfilled" && outcome.value.kind === "applied", `r-${n}`);
        const { version } = await found(store, { tenant: "acme", requestId: `r-${n}` });
        assert.equal(version, outcome.status === "fulfilled" ? 2 : 1);
        assert.equal((await store.log("acme", `r-${n}`)).length, version);
      }
    },
  },
  {
    name: "load: an entry that the store cannot take fails alone, and the others land once",
    async run({ store }) {
      const { receipt } = await claimed(store, "r");
      const entries = range(40).map((n) => lineOf(receipt, `e-${n}`));
      const outcomes = await Promise.allSettled(
        entries.map((entry, n) =>
          store.append(n === 21 ? { ...entry, version: 0.5, actor: "nul \u0000 byte" } : entry),
        ),
      );
      const events = (await store.log("acme", "r")).map(({ event }) => event);
      for (const [n, { status }] of outcomes.entries()) {
        if (n !== 21) assert.equal(status, "fulfilled");
        assert.equal(events.filter((event) => event === `e-${n}`).length, status === "fulfilled" ? 1 : 0, `e-${n}`);
      }
    },
  },
];
