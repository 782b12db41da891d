// One life of a desk: starts a run, stores its state, resumes it. run-process.ts <guarded|unguarded> <port> <files> <order>
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { Agent, Runner, RunState, setTracingDisabled, tool } from "@openai/agents";
import { z } from "zod";
import { guardTool } from "../../../src/adapters/openai-agents/index.ts";
import { createGuard } from "../../../src/pipeline/create-guard.ts";
import { sqliteStore } from "../../../src/stores/sqlite/sqlite-store.ts";
import { flakyWorldClient } from "../../support/flaky-world-client.ts";
import { call, fakeModel } from "./fake-model.ts";

const [way, port, files, order] = process.argv.slice(2) as [string, string, string, string];
setTracingDisabled(true);
// A lease that is over when the next process comes.
const guard = createGuard({ store: sqliteStore({ path: `${files}.db` }), lease: "1s", wait: "3s", sweepEvery: false });

const refund = {
  name: "refund",
  description: "Pays an order back",
  parameters: z.object({ order: z.string(), cents: z.number() }),
  needsApproval: true,
  execute: (input: { order: string; cents: number }) => flakyWorldClient(Number(port)).send(input.order, input.cents),
};
const model = fakeModel(...(existsSync(`${files}.json`) ? [] : [[call("refund", { order, cents: 500 }, "call_1")]]));
const agent = new Agent({
  name: "desk",
  model,
  tools: [tool(way === "guarded" ? guardTool(guard, refund, { keyFields: ["order"] }) : refund)],
});

if (!existsSync(`${files}.json`)) {
  const paused = await new Runner().run(agent, "refund it");
  writeFileSync(`${files}.json`, paused.state.toString());
}
const state = await RunState.fromString(agent, readFileSync(`${files}.json`, "utf8"));
for (const interruption of state.getInterruptions()) state.approve(interruption);
await new Runner().run(agent, state);
process.send?.(model.told, () => process.disconnect());
await guard.close();
