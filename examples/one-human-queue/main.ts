import { join } from "node:path";
import { createGuard, defineAction } from "onceguard";
import { webhookNotifier } from "onceguard/notify";
import { sqliteStore } from "onceguard/sqlite";
import { z } from "zod";
import { post } from "../support/http.ts";
import { holds, say, side, story } from "../support/story.ts";
import type { World } from "../support/world.ts";

const INVOICES = Array.from({ length: 20 }, (_, n) => `INV-${n + 1}`);
const AMOUNT_CENTS = 9_900;

/** What the accounting system answers: a rate limit now and then, two records that are wrong, and then the token expires. */
const FAULTS = [
  ...["INV-3", "INV-7", "INV-11"].map((invoice) => ({ where: { invoice }, fault: 429 })),
  { where: { invoice: "INV-5" }, times: 9, fault: 422 }, // no VAT number
  { where: { invoice: "INV-9" }, times: 9, fault: 409 }, // the month is closed
];
const TOKEN_EXPIRED = INVOICES.slice(14).map((invoice) => ({ where: { invoice }, times: 9, fault: 403 }));

await story("A batch of 20 invoices, and everything that can fail", async () => {
  const without = await side("Without the guard", {}, async (accounting) => {
    await accounting.cue(...FAULTS, ...TOKEN_EXPIRED);
    for (const invoice of INVOICES) {
      await post(`${accounting.url}/invoices`, { invoice }).catch(() =>
        post(`${accounting.url}/mail`, { to: "the team", about: invoice }),
      );
    }
    return judge(accounting, ({ to }) => to);
  });
  say(`${without.posted} posted; mail: ${JSON.stringify(without.mail)}`);
  say(`writes with the expired token: ${without.forbidden}`);

  const guarded = await side("With the guard", {}, async (accounting) => {
    await accounting.cue(...FAULTS, ...TOKEN_EXPIRED);
    const guard = guardOf(accounting);
    const run = async (): Promise<string> => {
      const statuses: Record<string, number> = {};
      for (const invoice of INVOICES) {
        const payload = { invoice, amount_cents: AMOUNT_CENTS };
        const { status } = await guard.execute("post_invoice", payload, { runId: "batch-7" });
        statuses[status] = (statuses[status] ?? 0) + 1;
      }
      return JSON.stringify(statuses);
    };
    say(`the batch: ${await run()}`);
    await guard.tellPeople(); // what the guard's sweeper does by itself, every five seconds
    const first = judge(accounting, ({ data }) => data.route);
    say(`${first.posted} posted; mail: ${JSON.stringify(first.mail)}`);
    say(`writes with the expired token: ${first.forbidden}`);

    say("somebody renews the token, and lets the run go on:");
    await accounting.cue(...FAULTS);
    const by = { actor: "sam, security", reason: "renewed the token" };
    const [refused] = (await guard.reviews()).filter(({ route }) => route === "security");
    await guard.resolve(refused?.requestId ?? "", { decision: "retry", ...by });
    await guard.resume("run", "batch-7", by);
    say(`the batch again: ${await run()}`);
    await guard.close();
    return { first, last: judge(accounting, ({ data }) => data.route) };
  });

  console.log();
  holds("mail without the guard, all of it to one queue", without.mail, { "the team": 11 });
  holds("mail with the guard", guarded.first.mail, { data_owner: 1, domain_expert: 1, security: 2 });
  holds("writes with an expired token, without and with", [without.forbidden, guarded.first.forbidden], [6, 1]);
  holds("invoices posted without the guard", without.posted, 9);
  holds(
    "invoices posted with the guard, before and after the new token",
    [guarded.first.posted, guarded.last.posted],
    [12, 18],
  );
  holds("mail about the same things again, after the second run", guarded.last.mail, guarded.first.mail);
  holds("invoices posted twice", guarded.last.twice, 0);
});

function guardOf(accounting: World) {
  const postInvoice = defineAction({
    name: "post_invoice",
    riskTier: "irreversible",
    input: z.object({ invoice: z.string(), amount_cents: z.int() }),
    record: ({ invoice }) => `invoice:${invoice}`,
    keyFields: ["invoice"],
    retry: { base: "20ms" },
    execute: (invoice, { signal }) => post<unknown>(`${accounting.url}/invoices`, invoice, { signal }),
  });
  // One desk each. Here all of them have their mail delivered to one address, and the ledger tells them apart.
  const mail = webhookNotifier({
    url: `${accounting.url}/mail`,
    secret: Buffer.alloc(32, "example").toString("base64"),
  });
  return createGuard({
    store: sqliteStore({ path: join(accounting.folder, "onceguard.db") }),
    actions: [postInvoice],
    notify: { operator: mail, data_owner: mail, domain_expert: mail, security: mail },
  });
}

function judge(accounting: World, addressee: (mail: { to: string; data: { route: string } }) => string) {
  const posted = accounting.effects("invoices").map(({ invoice }) => invoice as string);
  const mail: Record<string, number> = {};
  for (const each of accounting.effects("mail")) {
    const to = addressee(each as never);
    mail[to] = (mail[to] ?? 0) + 1;
  }
  const forbidden = accounting.requests("invoices").filter(({ status }) => status === 403).length;
  return { posted: posted.length, twice: posted.length - new Set(posted).size, mail, forbidden };
}
