import { DBOSClient } from "@dbos-inc/dbos-sdk";
import { postgres, startWorker } from "../support/servers.ts";
import { holds, money, say, side, story, until } from "../support/story.ts";
import type { World } from "../support/world.ts";

const server = await postgres();

await story("A ticket whose workflow is recovered after a crash", async () => {
  const without = await side("Without the guard", {}, (airline) => tell(airline, "plain"));
  const guarded = await side("With the guard", {}, (airline) => tell(airline, "guarded"));

  console.log();
  holds("bought without the guard", without, ["419.00", "419.00"]);
  holds("bought with the guard", guarded, ["419.00"]);
});
await server.stop();

async function tell(airline: World, how: "plain" | "guarded") {
  const start = () => startWorker(new URL("worker.ts", import.meta.url), server.url, airline.url, airline.folder, how);

  await airline.cue({ fault: "hold" }); // sold, and the answer never comes
  const first = await start();
  await until("the airline has the order", () => airline.requests("tickets").length === 1);
  await first.kill();
  say("process 1: killed in the step that buys the ticket");

  const second = await start();
  const client = await DBOSClient.create({ systemDatabaseUrl: server.url });
  const workflow = client.retrieveWorkflow(`trip-${how}`);
  await workflow.getResult();
  const asked = airline.requests("tickets").length > 1 ? "bought it again" : "asked the airline, and found it there";
  say(`process 2: recovered the workflow, which began the step anew and ${asked}`);
  say(`the workflow: ${(await workflow.getStatus())?.status}`);
  await client.destroy();
  await second.kill();
  return airline.effects("tickets").map(({ cents }) => money(cents));
}
