import { expect, it } from "vitest";
import { defineAction, type ProbeAnswer } from "../../src/core/action.ts";
import { OnceguardError } from "../../src/core/errors.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { fakeClock } from "../../src/testing/fake-clock.ts";
import { settle, testGuard, withVerbs } from "../support/guard.ts";

// What callers hear when the store goes away in the middle of their request: the last thing known, never an exception.

type Verb = "open" | "claim" | "apply" | "find" | "due";

/** A store that can go away, from the next write on, for the reason given. */
function fragileStore() {
  const clock = fakeClock();
  const store = memoryStore({ clock: clock.now });
  let gone: { readonly verbs: readonly Verb[]; readonly code: "store_unavailable" | "store_unusable" } | null = null;
  const check = (verb: Verb): void => {
    if (gone?.verbs.includes(verb)) throw new OnceguardError(gone.code, "the store is away", { applied: "unknown" });
  };
  return {
    clock,
    store: withVerbs(store, {
      claim: async (request) => {
        check("claim");
        return store.claim(request);
      },
      apply: async (transition) => {
        check("apply");
        return store.apply(transition);
      },
      find: async (tenant, requestId) => {
        check("find");
        return store.find(tenant, requestId);
      },
    }),
    goAway: (...verbs: Verb[]) => {
      gone = { verbs, code: "store_unavailable" };
    },
    becomeUnusable: (...verbs: Verb[]) => {
      gone = { verbs, code: "store_unusable" };
    },
    comeBack: () => {
      gone = null;
    },
  };
}

function refund(execute: (attempt: number) => unknown, probe?: () => Promise<ProbeAnswer<unknown>>) {
  let attempts = 0;
  return defineAction({
    name: "refund",
    riskTier: "side_effecting",
    keyFields: ["order"],
    ...(probe && { probe }),
    execute: (_payload: { order: string }) => execute(++attempts),
  });
}

const refused = () => {
  throw Object.assign(new Error("connection refused"), { code: "ECONNREFUSED" });
};
const lost = () => {
  throw Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
};

it("a caller who joins the sweeper hears the last thing known, not the sweeper's exception", async () => {
  const { clock, store, goAway } = fragileStore();
  const answers: ((answer: ProbeAnswer<unknown>) => void)[] = [];
  const probe = () => new Promise<ProbeAnswer<unknown>>((answer) => answers.push(answer));
  const { guard } = testGuard([refund(lost, probe)], { store, clock });
  const first = guard.execute("refund", { order: "A1" }, { wait: 0 });
  await clock.advance(1);
  answers.shift()?.({ answer: "cannot_tell" });
  const { requestId, status } = await settle(clock, first);
  expect(status).toBe("in_doubt");

  await clock.advance(60_000);
  const sweeper = guard.reconcile(requestId);
  await clock.advance(1);
  expect(answers).toHaveLength(1); // it is asking the outside world
  const joined = guard.execute("refund", { order: "A1" }, { wait: 0 });
  const stays = guard.execute("refund", { order: "A1" }, { wait: "10s" });
  await clock.advance(1);
  goAway("claim", "apply", "find");
  answers.shift()?.({ answer: "happened" });
  const outcomes = await settle(clock, Promise.allSettled([sweeper, joined, stays]));
  expect(outcomes[0]).toMatchObject({ status: "rejected", reason: { code: "store_unavailable" } });
  expect(outcomes[1]).toMatchObject({ status: "fulfilled" });
  // It joined, and when that failed it asked by itself: nothing was sent.
  expect(outcomes[2]).toMatchObject({ status: "fulfilled", value: { status: "unavailable", dispatched: false } });
});

it("an attempt in doubt is not reported as the retry that came before it", async () => {
  const { clock, store, goAway, comeBack } = fragileStore();
  let asked = 0;
  const probe = async (): Promise<ProbeAnswer<unknown>> => {
    if (++asked === 1) goAway("apply", "find"); // between the question and the writing down of its answer
    return { answer: "happened" };
  };
  const { guard } = testGuard([refund((attempt) => (attempt === 1 ? refused() : lost()), probe)], { store, clock });
  // First refused (certainly not sent), then in doubt. "It has not happened" would now be a lie.
  const outcome = await settle(clock, guard.execute("refund", { order: "A1" }));
  expect(outcome).toMatchObject({ status: "in_doubt", failure: { code: "ECONNRESET" } });
  comeBack();
  expect(await settle(clock, guard.execute("refund", { order: "A1" }))).toMatchObject({ status: "replayed" });
});

it("a store that turns unusable after the effect is no exception either: in doubt, with the result", async () => {
  const { clock, store, becomeUnusable } = fragileStore();
  const reported: unknown[] = [];
  const done = () => {
    becomeUnusable("apply"); // its password was changed, its rights were taken away
    return { refund: "re_1" };
  };
  const { guard } = testGuard([refund(done)], { store, clock, onBackgroundError: (error) => reported.push(error) });
  const outcome = await settle(clock, guard.execute("refund", { order: "A1" }));
  expect(outcome).toMatchObject({ status: "in_doubt", result: { refund: "re_1" } });
  expect(reported).toMatchObject([{ code: "store_unusable" }]);
});
