import { join } from "node:path";
import { Logger, run, type Task } from "graphile-worker";
import { createGuard } from "onceguard";
import { guardTask } from "onceguard/graphile-worker";
import { sqliteStore } from "onceguard/sqlite";
import { z } from "zod";
import { find, post } from "../support/http.ts";
import { postgres } from "../support/servers.ts";
import { holds, say, side, story } from "../support/story.ts";
import type { World } from "../support/world.ts";

interface Order {
  readonly order: string;
  readonly pieces: number;
}

const server = await postgres();

await story("An order whose confirmation gets lost, and a task list that tries 25 times", async () => {
  const without = await side("Without the guard", {}, (supplier) =>
    tell(supplier, "plain", async (payload) => {
      await post(`${supplier.url}/orders`, payload);
    }),
  );

  const guarded = await side("With the guard", {}, async (supplier) => {
    const guard = createGuard({ store: sqliteStore({ path: join(supplier.folder, "onceguard.db") }) });
    const place = guardTask(guard, (order: Order) => post(`${supplier.url}/orders`, order), {
      action: "place_order",
      riskTier: "irreversible",
      input: z.object({ order: z.string(), pieces: z.int() }),
      keyFields: ["order"],
      probe: async ({ order }) => {
        const [found] = await find<Order>(`${supplier.url}/orders`, { order });
        return found ? { answer: "happened", result: found } : { answer: "did_not_happen" };
      },
    });
    const placed = await tell(supplier, "guarded", place);
    await guard.close();
    return placed;
  });

  console.log();
  holds("ordered without the guard", without, [12, 12]);
  holds("ordered with the guard", guarded, [12]);
});
await server.stop();

async function tell(supplier: World, name: string, task: Task) {
  await supplier.cue({ fault: "lose_response" });
  const logger = new Logger(() => () => undefined);
  const connection = { connectionString: server.url, noHandleSignals: true, pollInterval: 100, logger };
  const worker = await run({ ...connection, taskList: { [name]: task } });
  const done = new Promise<void>((resolve) => worker.events.once("job:success", () => resolve()));
  worker.events.on("job:error", ({ job, error }) =>
    say(`try ${job.attempts} of ${job.max_attempts}: ${error instanceof Error ? error.message : error}`),
  );
  worker.events.on("job:success", ({ job }) => say(`try ${job.attempts} of ${job.max_attempts}: done`));
  await worker.addJob(name, { order: "PO-12", pieces: 12 });
  await done;
  await worker.stop();
  return supplier.effects("orders").map(({ pieces }) => pieces);
}
