// One request to a chat's server, in a process of its own. run-process.ts <7|6> <guarded|unguarded> <port> <store> <call id> <approved>
import { z } from "zod";
import { guardTools } from "../../../src/adapters/ai-sdk/index.ts";
import { createGuard } from "../../../src/pipeline/create-guard.ts";
import { sqliteStore } from "../../../src/stores/sqlite/sqlite-store.ts";
import { flakyWorldClient } from "../../support/flaky-world-client.ts";
import { ai_6, ai_7, call, type Message, user, yes } from "./fake-chat.ts";

const [version, way, port, path, callId, approved] = process.argv.slice(2) as string[] & { length: 6 };
const major = version === "7" ? ai_7 : ai_6;
const world = flakyWorldClient(Number(port));
// A lease that is over when the next process comes.
const guard = createGuard({ store: sqliteStore({ path: path as string }), lease: "1s", wait: "5s", sweepEvery: false });
const A1 = { order: "A1", cents: 500 };

const charge = major.ai.tool({
  inputSchema: z.object({ order: z.string(), cents: z.number() }),
  needsApproval: approved === "true",
  execute: ({ order, cents }) => world.send(order, cents),
});
const rule = {
  keyFields: ["order"],
  probe: async ({ order }: { order: string }) => {
    const found = await world.lookUp(order);
    return found ? { answer: "happened" as const, result: found } : { answer: "did_not_happen" as const };
  },
};
const tools = way === "guarded" ? guardTools(guard, { charge }, { charge: rule }) : { charge };
const APPROVED: readonly Message[] = [
  {
    role: "assistant",
    content: [
      { type: "tool-call", toolCallId: callId, toolName: "charge", input: A1 },
      { type: "tool-approval-request", approvalId: "a1", toolCallId: callId },
    ],
  },
  yes("a1"),
];
const messages = [user("charge A1"), ...(approved === "true" ? APPROVED : [])];
const steps = approved === "true" ? ["done"] : [[call("charge", A1, callId)], "done"];
const { told } = await major.say({ messages, steps, tools });
process.send?.(told, () => process.disconnect());
await guard.close();
