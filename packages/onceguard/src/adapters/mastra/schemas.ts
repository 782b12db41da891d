import { type StandardSchemaWithJSON, toStandardSchema } from "@mastra/core/schema";
import { OnceguardError } from "../../core/errors.ts";
import { isNotDone, type ModelAnswer } from "../model-answer.ts";
import type { AnySchema } from "./options.ts";

/** @throws OnceguardError `payload_invalid` */
export async function validated(schema: AnySchema, input: unknown): Promise<unknown> {
  if (schema === undefined) return input;
  const checked = await toStandardSchema(schema)["~standard"].validate(input);
  if (checked.issues === undefined) return checked.value;
  const problem = checked.issues.map(({ message }) => message).join("; ");
  throw new OnceguardError("payload_invalid", `The input does not fit: ${problem}.`);
}

/** A tool's own schema knows its results only. What the guard says instead passes it by. */
export function orNotDone<Result>(schema: AnySchema): StandardSchemaWithJSON<ModelAnswer<Result>> | undefined {
  if (schema === undefined) return undefined;
  const own = toStandardSchema(schema)["~standard"];
  return {
    "~standard": {
      version: 1,
      vendor: "onceguard",
      jsonSchema: own.jsonSchema,
      validate: (value) => (isNotDone(value) ? { value } : own.validate(value)),
    },
  } as StandardSchemaWithJSON<ModelAnswer<Result>>;
}
