import { type AnyAction, capabilityOf, promiseOf } from "../core/action.ts";

/** An action as its callers see it: what it takes, and what is promised about doubles. */
export function actionOnWire(action: AnyAction, performedBy: "guard" | "caller" | "host"): Record<string, unknown> {
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
export function inputSchemaOf({ input }: AnyAction): Record<string, unknown> | null {
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
