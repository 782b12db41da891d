import { Queue } from "bullmq";
import { redis, startWorker } from "../support/servers.ts";
import { holds, money, say, side, story, until } from "../support/story.ts";
import type { World } from "../support/world.ts";

const server = await redis();

await story("A refund whose worker is killed while the bank is at it", async () => {
  const without = await side("Without the guard", {}, (bank) => tell(bank, "plain"));
  const guarded = await side("With the guard", {}, (bank) => tell(bank, "guarded"));

  console.log();
  holds("refunded without the guard", without, ["20.00", "20.00"]);
  holds("refunded with the guard", guarded, ["20.00"]);
});
await server.stop();

async function tell(bank: World, how: "plain" | "guarded") {
  const queue = new Queue(how, { connection: { url: server.url } });
  const start = () => startWorker(new URL("worker.ts", import.meta.url), server.url, bank.url, bank.folder, how);

  await bank.cue({ fault: "hold" }); // done, and the answer never comes
  const first = await start();
  const job = await queue.add("refund", { refund: "R-7", cents: 2_000 });
  await until("the bank has the refund", () => bank.requests("refunds").length === 1);
  await first.kill();
  say("worker 1: killed while it waited for the bank's answer");

  const second = await start();
  let state = await job.getState();
  while (state !== "completed" && state !== "failed") {
    await new Promise((again) => setTimeout(again, 50));
    state = await job.getState();
  }
  const asked = bank.requests("refunds").length > 1 ? "sent it again" : "asked the bank, and found it there";
  say(`worker 2: got the job because it had stalled, ${asked}; the job is ${state}`);
  await second.kill();
  await queue.close();
  return bank.effects("refunds").map(({ cents }) => money(cents));
}
