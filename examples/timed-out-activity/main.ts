import { join } from "node:path";
import { ApplicationFailure } from "@temporalio/activity";
import { MockActivityEnvironment } from "@temporalio/testing";
import { createGuard } from "onceguard";
import { sqliteStore } from "onceguard/sqlite";
import { guardActivity } from "onceguard/temporal";
import { z } from "zod";
import { find, post } from "../support/http.ts";
import { holds, say, side, story, until } from "../support/story.ts";
import type { World } from "../support/world.ts";

const Refund = z.object({ order: z.string(), amount: z.int() });
type Refund = z.infer<typeof Refund>;

const REFUND: Refund = { order: "A-1001", amount: 500 };
const quiet = () => undefined;
const logger = { log: quiet, trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet };

/** One attempt of the activity. Temporal's server is not here; its SDK is. */
function attempt(activity: (refund: Refund) => Promise<unknown>, number: number): Promise<unknown> {
  const workflowExecution = { workflowId: "refund-A-1001", runId: "run-1" };
  return new MockActivityEnvironment({ attempt: number, activityId: "1", workflowExecution }, { logger }).run(
    activity,
    REFUND,
  );
}

/** Attempts up to the end, each when the last one has said that it should be made. */
async function attempts(activity: (refund: Refund) => Promise<unknown>, first: number): Promise<unknown> {
  for (let number = first; ; number++) {
    try {
      return await attempt(activity, number);
    } catch (error) {
      if (!(error instanceof ApplicationFailure) || error.nonRetryable) throw error;
      if (number === first) say(`attempt ${number}: ${error.type}, so that Temporal tries again later`);
      await new Promise((again) => setTimeout(again, Number(error.nextRetryDelay)));
    }
  }
}

/** The bank has it. To Temporal it took too long, and it runs the activity again. */
async function timesOut(bank: World, activity: (refund: Refund) => Promise<unknown>): Promise<void> {
  await bank.cue({ fault: "hold" });
  attempt(activity, 1).catch(() => undefined); // nobody waits for it any more
  await until("the bank has the refund", () => bank.requests("refunds").length === 1);
  say("attempt 1: the bank has refunded and does not answer; startToCloseTimeout");
}

await story("An activity whose timeout passes while the bank is at it", async () => {
  const without = await side("Without the guard", {}, async (bank) => {
    const refund = (input: Refund) => post<Refund>(`${bank.url}/refunds`, input);
    await timesOut(bank, refund);
    say(`attempt 2: ${JSON.stringify(await attempts(refund, 2))}`);
    return bank.effects("refunds").length;
  });

  const guarded = await side("With the guard", {}, async (bank) => {
    // The bank will never answer: nobody has to wait for it at the end.
    const guard = createGuard({ store: sqliteStore({ path: join(bank.folder, "onceguard.db") }), grace: 0 });
    const refund = guardActivity(guard, (input: Refund) => post<Refund>(`${bank.url}/refunds`, input), {
      action: "refund",
      input: Refund,
      keyFields: ["order"],
      timeout: "1s", // how long the guard waits for the bank
      wait: "100ms", // how long an attempt waits for another one
      probe: async ({ order }) => {
        const [result] = await find<Refund>(`${bank.url}/refunds`, { order });
        return result ? { answer: "happened", result } : { answer: "did_not_happen" };
      },
    });
    await timesOut(bank, refund);
    say(`a later attempt: ${JSON.stringify(await attempts(refund, 2))}`);
    await guard.close();
    return bank.effects("refunds").length;
  });

  console.log();
  holds("refunds without the guard", without, 2);
  holds("refunds with the guard", guarded, 1);
});
