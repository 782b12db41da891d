import type { JsonObject } from "./json-rpc.ts";

/** Whether a stored structured result is still what the tool says that it gives. */
export async function fitsSchema(schema: JsonObject | undefined, value: unknown): Promise<boolean> {
  if (schema === undefined) return true;
  try {
    const { AjvJsonSchemaValidator } = await import("@modelcontextprotocol/server/validators/ajv");
    return new AjvJsonSchemaValidator().getValidator(schema as never)(value).valid;
  } catch {
    return true; // a schema that the validator cannot read: hosts cannot hold anything against it either
  }
}
