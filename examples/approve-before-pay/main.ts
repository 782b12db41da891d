import { join } from "node:path";
import { createGuard, defineAction, type OnceguardError } from "onceguard";
import { sqliteStore } from "onceguard/sqlite";
import { z } from "zod";
import { post } from "../support/http.ts";
import { holds, say, side, story } from "../support/story.ts";
import type { World } from "../support/world.ts";

interface Payment {
  readonly invoice: string;
  readonly iban: string;
  readonly amount_cents: number;
}

const INVOICE: Payment = { invoice: "R-88", iban: "the supplier's", amount_cents: 4_800_000 };
/** What the agent made of a mail that says "our bank details have changed". */
const REPLANNED: Payment = { ...INVOICE, iban: "somebody else's" };
const AGENT = { actor: "agent-7" };
const ADA = { actor: "ada", reason: "goods received, amount as ordered" };

await story("A payment that a person has to approve", async () => {
  const without = await side("Without the guard", {}, async (bank) => {
    say("the agent asks in the chat: may I pay R-88? Ada says: yes");
    const approved = true; // a word without an object: it is not said of which payment, nor how often
    for (const payment of [INVOICE, REPLANNED]) {
      if (!approved) continue;
      await post(`${bank.url}/payments`, payment);
      say(`paid to ${payment.iban} account`);
    }
    return paidTo(bank);
  });

  const guarded = await side("With the guard", {}, async (bank) => {
    const [one, other] = [guardOf(bank), guardOf(bank)];
    const { requestId, verdict, reasons } = await one.propose("pay_invoice", INVOICE, AGENT);
    say(`the agent proposes: ${verdict} (${reasons.join(", ")})`);
    say(`it tries all the same: ${(await one.execute("pay_invoice", INVOICE, AGENT)).status}`);
    const own = await one.approve(requestId, { ...AGENT, reason: "looks fine" }).catch((e: OnceguardError) => e.code);
    say(`it approves by itself: ${own}`);

    await one.approve(requestId, ADA);
    say("ada approves");
    say(
      `the agent, after the mail, to another account: ${(await one.execute("pay_invoice", REPLANNED, AGENT)).status}`,
    );
    const both = await Promise.all([one, other].map((guard) => guard.execute("pay_invoice", INVOICE, AGENT)));
    const statuses = both.map(({ status }) => status).sort();
    say(`two workers pay what was approved, at once: ${statuses.join(" and ")}`);
    const again = await one.approve(requestId, ADA).catch((e: OnceguardError) => e.code);
    say(`ada approves again: ${again}`);
    await one.close();
    await other.close();
    return { own, statuses, again, paid: paidTo(bank) };
  });

  console.log();
  holds("paid without the guard, to", without, ["the supplier's", "somebody else's"]);
  holds("paid with the guard, to", guarded.paid, ["the supplier's"]);
  holds("the agent's own approval", guarded.own, "approver_is_proposer");
  holds("two workers at once", guarded.statuses, ["executed", "replayed"]);
});

/** A worker: of several on one store, each knows what the others have done. */
function guardOf(bank: World) {
  const payInvoice = defineAction({
    name: "pay_invoice",
    riskTier: "irreversible",
    input: z.object({ invoice: z.string(), iban: z.string(), amount_cents: z.int() }),
    keyFields: ["invoice"],
    amount: ({ amount_cents }) => amount_cents,
    execute: (payment, { signal }) => post<Payment>(`${bank.url}/payments`, payment, { signal }),
  });
  return createGuard({
    store: sqliteStore({ path: join(bank.folder, "onceguard.db") }),
    actions: [payInvoice],
    rules: [{ action: "pay_invoice", amountOver: 1_000_000, verdict: "review", reason: "more than 10,000.00" }],
    sweepEvery: false, // it would pay what is approved by itself; here the workers do, so that two can try at once
  });
}

function paidTo(bank: World): readonly string[] {
  return bank.effects<Payment>("payments").map(({ iban }) => iban);
}
