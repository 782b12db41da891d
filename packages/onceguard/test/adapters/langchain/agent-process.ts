// One life of an agent with a durable checkpointer. agent-process.ts <guarded|unguarded> <port> <files> <order>
import { existsSync } from "node:fs";
import { createAgent } from "langchain";
import { guardMiddleware } from "../../../src/adapters/langchain/index.ts";
import { createGuard } from "../../../src/pipeline/create-guard.ts";
import { sqliteStore } from "../../../src/stores/sqlite/sqlite-store.ts";
import { refundCall, refundTool, scripted } from "./desk.ts";
import { FileSaver } from "./file-saver.ts";

const [way, port, files, order] = process.argv.slice(2) as [string, string, string, string];
const isResumed = existsSync(`${files}.checkpoints`);
// A lease that is over when the next process comes.
const guard = createGuard({ store: sqliteStore({ path: `${files}.db` }), lease: "1s", wait: "3s", sweepEvery: false });
const agent = createAgent({
  model: scripted(...(isResumed ? [] : [[refundCall(order, "call_1")]])),
  tools: [refundTool(Number(port))],
  checkpointer: new FileSaver(`${files}.checkpoints`),
  middleware: way === "guarded" ? [guardMiddleware(guard, { refund: { keyFields: ["order"] } })] : [],
});
const asked = { messages: [{ role: "user", content: "refund it" }] };
const state = await agent.graph.invoke(isResumed ? null : asked, { configurable: { thread_id: "t-1" } });
const { __interrupt__ } = state as { __interrupt__?: { value: unknown }[] };
process.send?.({ interrupt: __interrupt__?.[0]?.value ?? null }, () => process.disconnect());
await guard.close();
