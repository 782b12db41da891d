import assert from "node:assert/strict";
import { addSignal, DEFAULT_FINALITY_POLICY, evaluate, openCase, take } from "../../core/finality.ts";
import type { StoredCase } from "../../core/ports.ts";
import { another, type StoreContractCase } from "./context.ts";
import {
  APPROVE,
  change,
  claimed,
  found,
  HOLD,
  holdForCase,
  moved,
  RELEASE,
  recorded,
  sameRecord,
} from "./fixtures.ts";

function stored(id: string, more: Partial<StoredCase> = {}): StoredCase {
  return { tenant: "acme", case: openCase(id), policy: DEFAULT_FINALITY_POLICY, version: 0, ...more };
}

const DAY_MS = 86_400_000;

export const cases: readonly StoreContractCase[] = [
  {
    name: "cases: the first version is made once, and comes back as it went in",
    async run({ store }) {
      assert.equal(await store.findCase("acme", "match:1"), null);
      const first = await store.saveCase(stored("match:1"));
      assert.deepEqual(first, stored("match:1", { version: 1 }));
      assert.deepEqual(await store.findCase("acme", "match:1"), first);
      assert.equal(await store.saveCase(stored("match:1")), null, "it exists");
      assert.equal(await store.findCase("globex", "match:1"), null);
      assert.equal(await store.findCase("acme", "match:%"), null);
      assert.deepEqual(await store.saveCase(stored("match:1", { tenant: "globex" })), {
        ...stored("match:1", { tenant: "globex", version: 1 }),
      });
    },
  },
  {
    name: "cases: whole, with evidence, late evidence, a choice and odd texts",
    async run({ store }) {
      const text = `it's "quoted" \\ ? $1 é 💶 \u2028 {}`;
      const policy = { ...DEFAULT_FINALITY_POLICY, weights: { [text]: 0.123456789, "": 2 }, challengeWindowMs: 5 };
      const signal = { id: text, source: text, outcome: text, confidence: 0.9999999999, at: 1_700_000_000_001 };
      let value = addSignal(openCase(text), signal, policy).case;
      value = evaluate(evaluate(value, policy, 1_000), policy, 1_005);
      assert.equal(value.state, "FINAL");
      value = addSignal(value, { ...signal, id: "late" }, policy).case;
      const taken = take(value, text);
      assert.ok(taken.ok);
      const saved = await store.saveCase(stored(text, { case: taken.case, policy }));
      assert.deepEqual(saved, stored(text, { case: taken.case, policy, version: 1 }));
      assert.deepEqual(await store.findCase("acme", text), saved);
    },
  },
  {
    name: "cases: compare-and-set by version",
    async run({ store }) {
      const first = await store.saveCase(stored("match:1"));
      assert.ok(first);
      const second = { ...first, policy: { ...first.policy, minSources: 2 } };
      assert.deepEqual(await store.saveCase(second), { ...second, version: 2 });
      for (const version of [0, 1, 3]) {
        const stale: StoredCase = { ...first, policy: { ...first.policy, minSources: 9 }, version };
        assert.equal(await store.saveCase(stale), null, `version ${version}`);
      }
      assert.deepEqual(await store.findCase("acme", "match:1"), { ...second, version: 2 });
      assert.equal(await store.saveCase(stored("unknown", { version: 1 })), null);
      assert.equal(await store.findCase("acme", "unknown"), null);
    },
  },
  {
    name: "cases: of 20 at once one saves, the first version and every later one",
    async run(context) {
      const stores = [context.store, await another(context)];
      for (const version of [0, 1, 2]) {
        const answers = await Promise.all(
          Array.from({ length: 20 }, (_, n) =>
            stores[n % 2]?.saveCase(
              stored("match:1", { version, policy: { ...DEFAULT_FINALITY_POLICY, minSources: n + 1 } }),
            ),
          ),
        );
        const [saved, ...more] = answers.filter((answer) => answer !== null);
        assert.deepEqual(more, []);
        assert.deepEqual(await context.store.findCase("acme", "match:1"), saved);
        assert.equal(saved?.version, version + 1);
      }
    },
  },
  {
    name: "cases: a change wakes the requests that wait for this case and for nobody's approval",
    async run({ store, advance }) {
      const held = async (id: string, hold = holdForCase("match:1"), more = {}) =>
        recorded(store, id, { start: { state: "held", hold, dueInMs: DAY_MS }, caseId: hold.caseId, ...more });
      const waits = await held("waits");
      const others = [
        await held("for a person first", { ...HOLD, caseId: "match:1" }),
        await held("for another case", holdForCase("match:2")),
        await held("of another tenant", holdForCase("match:1"), { tenant: "globex" }),
        (await claimed(store, "running", { caseId: "match:1" })).receipt,
        await moved(store, await held("released"), RELEASE),
      ];
      await advance(1_000);
      assert.equal(await store.saveCase(stored("match:1", { version: 7 })), null);
      sameRecord(await found(store, waits), waits); // what was not saved wakes nobody
      assert.ok(await store.saveCase(stored("match:1")));
      const woken = await found(store, waits);
      assert.ok((woken.dueAt ?? 0) >= waits.createdAt + 1_000 && (woken.dueAt ?? 0) <= woken.readAt);
      sameRecord({ ...woken, dueAt: waits.dueAt }, waits);
      for (const other of others) sameRecord(await found(store, other), other);
      assert.deepEqual(
        (await store.due({ actions: ["refund"], limit: 10 })).map(({ requestId }) => requestId),
        ["waits"],
      );
      assert.equal((await store.log("acme", "waits")).length, 1, "waking is no event");
    },
  },
  {
    name: "cases: being woken makes no decision stale that was made on the record as it was read",
    async run({ store }) {
      const start = { state: "held", hold: holdForCase("match:1"), dueInMs: DAY_MS } as const;
      const waits = await recorded(store, "r", { start, caseId: "match:1" });
      await store.saveCase(stored("match:1"));
      assert.equal((await store.apply(change(waits, APPROVE))).kind, "applied");
    },
  },
  {
    name: "cases: a request that is to wait for a person after all is not woken, and one that waits on is",
    async run({ store }) {
      const start = { state: "held", hold: holdForCase("match:1"), dueInMs: DAY_MS } as const;
      const [person, on] = [
        await recorded(store, "person", { start, caseId: "match:1" }),
        await recorded(store, "on", { start, caseId: "match:1" }),
      ];
      const keep = { type: "keep_held", nextInMs: DAY_MS } as const;
      const asked = await moved(store, person, { ...keep, hold: { ...HOLD, caseId: "match:1" } });
      const waiting = await moved(store, on, { ...keep, hold: { ...holdForCase("match:1"), outcome: "lost" } });
      await store.saveCase(stored("match:1"));
      sameRecord(await found(store, asked), asked);
      assert.ok(((await found(store, waiting)).dueAt ?? 0) < (waiting.dueAt ?? 0));
    },
  },
];
