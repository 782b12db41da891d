import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { createGuard, defineAction } from "onceguard";
import { sqliteStore } from "onceguard/sqlite";
import { z } from "zod";
import { post } from "../support/http.ts";
import { holds, money, say, side, story } from "../support/story.ts";
import type { World } from "../support/world.ts";

interface Payment {
  readonly instruction: string;
  readonly account: string;
  readonly amount_cents: number;
}

const INSTRUCTION: Payment = { instruction: "DI-4711", account: "DE02 1203", amount_cents: 125_000 };

/** The queue delivers at least once: when this message came, in minutes. */
const DELIVERIES = [0, 2, 6, 11];

/** The bank dedupes by key. For three requests it pays, and the network loses its answer. */
const BANK = { keys: true };
const LOST = { fault: "lose_response", times: 3 } as const;

await story("One disbursement instruction, delivered four times in eleven minutes", async () => {
  const without = await side("Without the guard", BANK, async (bank) => {
    await bank.cue(LOST);
    for (const minute of DELIVERIES) {
      try {
        // A key, as the bank asks for one. But it names the attempt, not the disbursement.
        await post(`${bank.url}/payments`, INSTRUCTION, { headers: { "Idempotency-Key": randomUUID() } });
        say(`minute ${minute}: paid`);
      } catch {
        say(`minute ${minute}: no answer, so the message is not acknowledged`);
      }
    }
    return judge(bank);
  });

  const guarded = await side("With the guard", BANK, async (bank) => {
    await bank.cue(LOST);
    for (const minute of DELIVERIES) {
      const outcome = await deliverGuarded(bank, minute);
      const attempts =
        outcome.status === "executed" ? `, after ${outcome.receipt?.attemptNumber} attempts with one key` : "";
      say(`minute ${minute}: ${outcome.status}${attempts}`);
    }
    return judge(bank);
  });

  console.log();
  holds("requests that reached the bank, without", without.requests, 4);
  holds("requests that reached the bank, with", guarded.requests, 4);
  holds("paid without the guard", without.paid, ["1,250.00", "1,250.00", "1,250.00", "1,250.00"]);
  holds("paid with the guard", guarded.paid, ["1,250.00"]);
});

/** Every delivery meets a worker that has just started: all that it knows is in the store. */
async function deliverGuarded(bank: World, minute: number) {
  const disburse = defineAction({
    name: "disburse",
    riskTier: "irreversible",
    input: z.object({ instruction: z.string(), account: z.string(), amount_cents: z.int() }),
    keyFields: ["instruction"], // of the source record: the same in every delivery
    downstreamKey: { lifetime: "24h" },
    retry: { base: "20ms" },
    execute: (payment, { idempotencyKey, signal }) =>
      post<Payment>(`${bank.url}/payments`, payment, { headers: { "Idempotency-Key": idempotencyKey }, signal }),
  });
  const clock = () => Date.now() + minute * 60_000;
  const store = sqliteStore({ path: join(bank.folder, "onceguard.db"), clock });
  const guard = createGuard({ store, actions: [disburse] });
  try {
    return await guard.execute("disburse", INSTRUCTION);
  } finally {
    await guard.close();
  }
}

function judge(bank: World) {
  const paid = bank.effects<Payment>("payments").map(({ amount_cents }) => money(amount_cents));
  return { paid, requests: bank.requests("payments").length };
}
