import { expect, it, onTestFinished } from "vitest";
import { defineAction } from "../../core/action.ts";
import { effectError } from "../../core/failure.ts";
import { createGuard } from "../../pipeline/create-guard.ts";
import { memoryStore } from "../../stores/memory/memory-store.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { ContentIdentity } from "./content-identity.ts";

/** What the tool does when it is called the next time. */
type Next = "succeed" | "refuse" | "lose";

function world() {
  const clock = fakeClock();
  const store = memoryStore({ clock: clock.now });
  const guard = createGuard({ store, clock, sweepEvery: false });
  onTestFinished(() => guard.close());
  let next: Next = "succeed";
  let effects = 0;
  const action = defineAction({
    name: "desk/pay",
    riskTier: "side_effecting",
    retry: { maxAttempts: 1 },
    record: ({ ref }: { ref: string; note?: string }) => `file:${ref}`,
    dedupWindow: "none",
    execute: () => {
      if (next === "refuse") {
        throw effectError({ certainty: "definite", tier: null, code: "no", message: "refused" });
      }
      effects++;
      if (next === "lose") throw new Error("connection lost");
      return { effects };
    },
  });
  const execute = guard.wrap(action);
  const identity = new ContentIdentity(guard as never);
  const call = async (payload: { ref: string; note?: string }, untilChanged: string | null = null) => {
    const asked = { tenant: "default", action: "desk/pay", payload, volatile: [], windowMs: 60_000, untilChanged };
    return execute(payload, { contentScope: await identity.scopeOf(asked) });
  };
  return {
    clock,
    call,
    effects: () => effects,
    set: (given: Next) => {
      next = given;
    },
  };
}

it("the same arguments are the same intent, until the window has passed since it was settled", async () => {
  const { clock, call, effects } = world();
  const first = await call({ ref: "A" });
  await clock.advance(59_000);
  expect(await call({ ref: "A" })).toMatchObject({ status: "replayed", requestId: first.requestId });
  await clock.advance(2_000);
  const second = await call({ ref: "A" });
  expect(second.status).toBe("executed");
  expect(second.requestId).not.toBe(first.requestId);
  // And the window of the second counts from the second.
  await clock.advance(59_000);
  expect(await call({ ref: "A" })).toMatchObject({ status: "replayed", requestId: second.requestId });
  expect(effects()).toBe(2);
});

it("what was refused is a new try at once", async () => {
  const { call, effects, set } = world();
  set("refuse");
  expect((await call({ ref: "B" })).status).toBe("failed");
  set("succeed");
  expect((await call({ ref: "B" })).status).toBe("executed");
  expect(effects()).toBe(1);
});

it("an open question stays the same question, however long it is open", async () => {
  const { clock, call, effects, set } = world();
  set("lose");
  const lost = await call({ ref: "C" });
  set("succeed");
  await clock.advance(365 * 86_400_000);
  const again = await call({ ref: "C" });
  expect(["in_doubt", "review"]).toContain(again.status);
  expect(again.requestId).toBe(lost.requestId);
  expect(effects()).toBe(1);
});

it("two who disagree about the time still mean one of two requests, and of the later one there is only one", async () => {
  const { clock, call, effects } = world();
  await call({ ref: "D" });
  await clock.advance(61_000);
  const both = await Promise.all([call({ ref: "D" }), call({ ref: "D" }), call({ ref: "D" })]);
  expect(new Set(both.map(({ requestId }) => requestId)).size).toBe(1);
  expect(effects()).toBe(2);
});

it("back and forth on one record is meant, where the rule says so", async () => {
  const { clock, call, effects } = world();
  const write = async (note: string, record: string | null) => {
    await clock.advance(10);
    return (await call({ ref: "E", note }, record)).status;
  };
  expect(await write("a", "file:E")).toBe("executed");
  expect(await write("a", "file:E")).toBe("replayed");
  expect(await write("b", "file:E")).toBe("executed");
  expect(await write("a", "file:E")).toBe("executed");
  expect(await write("a", "file:E")).toBe("replayed");
  expect(await write("b", null)).toBe("replayed");
  expect(effects()).toBe(3);
});
