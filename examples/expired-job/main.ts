import { join } from "node:path";
import { createGuard } from "onceguard";
import { effectContext, guardedWork } from "onceguard/pg-boss";
import { sqliteStore } from "onceguard/sqlite";
import { PgBoss } from "pg-boss";
import { z } from "zod";
import { find, post } from "../support/http.ts";
import { postgres } from "../support/servers.ts";
import { holds, money, say, side, story } from "../support/story.ts";
import type { World } from "../support/world.ts";

interface Payout {
  readonly payout: string;
  readonly cents: number;
}

const OFTEN = { pollingIntervalSeconds: 0.5 };

const server = await postgres();

await story("A payout that takes the bank longer than its job may last", async () => {
  const boss = new PgBoss({ connectionString: server.url, schedule: false });
  boss.on("error", console.error);
  await boss.start();
  const without = await side("Without the guard", {}, async (bank) => {
    const pay = ([job]: { data: Payout }[]) => post(`${bank.url}/payouts`, job?.data);
    return tell(boss, bank, "plain", () => boss.work("plain", OFTEN, pay));
  });

  const guarded = await side("With the guard", {}, async (bank) => {
    const guard = createGuard({ store: sqliteStore({ path: join(bank.folder, "onceguard.db") }) });
    const paid = await tell(boss, bank, "guarded", () =>
      guardedWork(boss, "guarded", guard, (payout: Payout) => pay(bank, payout), {
        action: "pay_out",
        riskTier: "irreversible",
        input: z.object({ payout: z.string(), cents: z.int() }),
        keyFields: ["payout"],
        timeout: "2s", // the guard's own patience with the bank
        probe: async ({ payout }) => {
          const [found] = await find<Payout>(`${bank.url}/payouts`, { payout });
          return found ? { answer: "happened", result: found } : { answer: "did_not_happen" };
        },
        work: OFTEN,
      }),
    );
    await guard.close();
    return paid;
  });
  await boss.stop({ graceful: false });

  console.log();
  holds("paid out without the guard", without, ["900.00", "900.00"]);
  holds("paid out with the guard", guarded, ["900.00"]);
});
await server.stop();

/** The guard ends its wait for an answer by this signal. What was sent has been sent. */
function pay(bank: World, payout: Payout) {
  return post<Payout>(`${bank.url}/payouts`, payout, { signal: effectContext().signal });
}

async function tell(boss: PgBoss, bank: World, queue: string, work: () => Promise<unknown>) {
  await bank.cue({ fault: "hold" }); // done, and the answer never comes
  await boss.createQueue(queue, { expireInSeconds: 1, retryLimit: 2, retryDelay: 1 });
  await work();
  const id = (await boss.send(queue, { payout: "P-3", cents: 90_000 })) ?? "";
  let job = await boss.getJobById(queue, id);
  while (job?.state !== "completed" && job?.state !== "failed") {
    await new Promise((again) => setTimeout(again, 50));
    job = await boss.getJobById(queue, id);
  }
  await boss.offWork(queue);
  say("after a second pg-boss gave up on the job, and had it tried again");
  say(`orders that reached the bank: ${bank.requests("payouts").length}; the job is ${job.state}`);
  return bank.effects("payouts").map(({ cents }) => money(cents));
}
