import { type AnyAction, capabilityOf, promiseOf } from "../../core/action.ts";
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
      ...[...runtime.actions.values()].map((action) => described(action, "guard")),
      ...[...runtime.external.values()].map((action) => described(action, "host")),
    ];
    return resultOf({ actions });
  },
};

function described(action: AnyAction, performedBy: "guard" | "host"): Record<string, unknown> {
  const { name, riskTier, keyFields, key } = action;
  const capability = capabilityOf(action);
  return {
    name,
    risk_tier: riskTier,
    input_schema: inputSchemaOf(action),
    ...(keyFields && { key_fields: keyFields }),
    needs_request_id: riskTier === "irreversible" && keyFields === null && key === null,
    performed_by: performedBy,
    capability,
    promise: promiseOf(riskTier, capability),
  };
}

/** The JSON Schema that a Standard Schema can give of itself (zod 4.2 and others); null where it cannot. */
function inputSchemaOf({ input }: AnyAction): Record<string, unknown> | null {
  try {
    const standard = input?.["~standard"] as
      | { jsonSchema?: { input(options: { target: string }): unknown } }
      | undefined;
    const schema = standard?.jsonSchema?.input({ target: "draft-2020-12" });
    return typeof schema === "object" && schema !== null ? (schema as Record<string, unknown>) : null;
  } catch {
    return null; // a schema that JSON Schema cannot express
  }
}
