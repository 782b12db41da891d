import { actionOnWire } from "../../wire/action-wire.ts";
import { resultOf } from "./answer.ts";
import { ACTIONS, object } from "./schemas.ts";
import type { GuardTool, ToolCall } from "./tool.ts";

export const listActions: GuardTool = {
  tool: {
    name: "list_actions",
    title: "What can be done",
    description:
      "Lists the actions that safe_execute knows (and those that the host performs itself, for claim), with the schema of their payload and what is promised about doubles.",
    inputSchema: object({}, []),
    outputSchema: ACTIONS,
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  },
  run: async ({ runtime }: ToolCall) => {
    const actions = [
      ...[...runtime.actions.values()].map((action) => actionOnWire(action, "guard")),
      ...[...runtime.external.values()].map((action) => actionOnWire(action, "host")),
    ];
    return resultOf({ actions });
  },
};
