import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Outcome } from "../../src/index.ts";
import { type FlakyWorld, startFlakyWorld } from "../support/flaky-world.ts";
import { type ActionName, startWorker, type Worker } from "../support/guarded-worker.ts";
import { createStore, STORE_KINDS } from "../support/test-stores.ts";

// SIGTERM while effects are under way: the host closes its guard, and nothing that happened is lost.

const ACTIONS: readonly ActionName[] = ["pay_none", "pay_probe", "pay_downstream_key"];

let world: FlakyWorld;

beforeAll(async () => {
  world = await startFlakyWorld();
});

afterAll(() => world.stop());

describe.concurrent.each(STORE_KINDS)("on %s, SIGTERM", (kind) => {
  let store: Awaited<ReturnType<typeof createStore>>;
  let successor: Worker;
  let spill: string;

  beforeAll(async () => {
    store = await createStore(kind);
    spill = mkdtempSync(join(tmpdir(), "onceguard-shutdown-"));
    successor = await startWorker({ store: store.address, world: world.port });
  });

  afterAll(async () => {
    await successor.stop();
    await store.remove();
    rmSync(spill, { recursive: true });
  });

  it.for([
    ["leaves long ones that listen to their signal in doubt", false],
    ["keeps what long ones that ignore it still answer for the next start", true],
  ] as const)("lets short effects finish, and %s", async ([, deaf]) => {
    const host = await startWorker({ store: store.address, world: world.port, grace: "1s", deaf, spill });
    const start = async (length: string, action: ActionName) => {
      const reference = `${kind}-${deaf}-${length}-${action}`;
      await world.plan(reference, "hold_reply");
      const outcome = host.execute(action, { reference, amount: 500 });
      await world.holding(reference);
      return { action, reference, outcome };
    };
    const short = await Promise.all(ACTIONS.map((action) => start("short", action)));
    const long = await Promise.all(ACTIONS.map((action) => start("long", action)));

    host.kill("SIGTERM");
    await host.printed("CLOSING");
    const refused = `${kind}-${deaf}-refused`;
    expect(await host.execute("pay_none", { reference: refused, amount: 500 })).toMatchObject({
      status: "unavailable",
      dispatched: false,
    });
    for (const { reference } of short) await world.release(reference);

    const told = new Map<string, Outcome>();
    for (const { reference, outcome } of short) {
      told.set(reference, await outcome);
      expect(told.get(reference)).toMatchObject({ status: "executed", result: theEffect(reference) });
    }
    for (const { reference, action, outcome } of long) {
      expect(await outcome).toMatchObject(
        action === "pay_probe"
          ? { receipt: { state: "succeeded", evidence: "probe" }, result: theEffect(reference) } // asked on the way out
          : {
              status: "in_doubt",
              failure: { code: "shutdown", certainty: "indefinite" },
              receipt: { state: "in_doubt", mayHaveApplied: true, attemptNumber: 1 },
            },
      );
      expect(await world.requests(reference), "nothing is sent again on the way out").toBe(1);
    }
    await host.printed("CLOSED");
    for (const { reference } of long) await world.release(reference); // the store is closed, and nobody listens
    expect(await host.ended).toEqual({ code: 0, signal: null, printed: ["CLOSING", "CLOSED"] });

    const again = (reference: string, action: ActionName) => successor.execute(action, { reference, amount: 500 });
    for (const { reference, action } of short) {
      const { receipt, ...replayed } = await again(reference, action);
      expect(replayed).toMatchObject({ status: "replayed", result: theEffect(reference) });
      expect(receipt).toEqual({ ...told.get(reference)?.receipt, readAt: receipt?.readAt });
    }
    if (deaf) await recordWhatWasKept(`${kind}-${deaf}-long`);
    for (const { reference, action } of long) {
      const settled = await again(reference, action);
      if (action !== "pay_none" || deaf) {
        expect(settled).toMatchObject({ receipt: { state: "succeeded" }, result: theEffect(reference) });
      } else expect(settled).toMatchObject({ status: "in_doubt", failure: { code: "shutdown" } });
      expect(world.effects(reference)).toHaveLength(1);
    }
    expect(world.effects(refused)).toEqual([]);
    expect(await successor.receipt(refused)).toBeNull();
  });

  async function recordWhatWasKept(sweeps: string): Promise<void> {
    expect(readdirSync(spill)).toHaveLength(ACTIONS.length);
    const next = await startWorker({ store: store.address, world: world.port, spill, sweeps });
    await next.reconcileDue();
    await next.stop();
    expect(readdirSync(spill)).toEqual([]);
    const none = await successor.receipt(`${sweeps}-pay_none`);
    expect(none).toMatchObject({ state: "succeeded", evidence: "late" });
  }

  function theEffect(reference: string): { number: number | undefined } {
    return { number: world.effects(reference)[0]?.number };
  }
});
