// One run of an agent, in a process of its own. run-process.ts <1|0> <guarded|unguarded> <port> <store> <call id> <kept>
// With `kept`, the messages were kept up to the model's call, and the run goes on from there.
import { z } from "zod";
import { guardTool } from "../../../src/adapters/anthropic/index.ts";
import { createGuard } from "../../../src/pipeline/create-guard.ts";
import { sqliteStore } from "../../../src/stores/sqlite/sqlite-store.ts";
import { flakyWorldClient } from "../../support/flaky-world-client.ts";
import { call, sdk_0, sdk_1, user } from "./fake-api.ts";

const [version, way, port, path, callId, kept] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
];
const major = version === "1" ? sdk_1 : sdk_0;
const world = flakyWorldClient(Number(port));
// A lease that is over when the next process comes.
const guard = createGuard({ store: sqliteStore({ path }), lease: "1s", wait: "5s", sweepEvery: false });
const A1 = { order: "A1", cents: 500 };

const tool = major.zodTool({
  name: "charge",
  description: "Takes the money",
  inputSchema: z.object({ order: z.string(), cents: z.number() }),
  run: async ({ order, cents }) => JSON.stringify(await world.send(order, cents)),
});
const probe = async ({ order }: { order: string }) => {
  const found = await world.lookUp(order);
  return found ? { answer: "happened" as const, result: JSON.stringify(found) } : { answer: "did_not_happen" as const };
};
const charge = way === "guarded" ? guardTool(guard, tool, { keyFields: ["order"], probe }) : tool;
const calls = [call("charge", A1, callId)];
let results: unknown;
if (kept === "true") {
  const messages = [user("charge A1"), { role: "assistant", content: calls }];
  results = (await major.converse([charge], [], messages).runner.generateToolResponse())?.content;
} else {
  const { runner, told } = major.converse([charge], [calls, "done"], [user("charge A1")]);
  await runner;
  results = told;
}
process.send?.(results, () => process.disconnect());
await guard.close();
