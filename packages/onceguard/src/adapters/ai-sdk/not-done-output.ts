import { isNotDone } from "../model-answer.ts";

// A tool's own code for its output knows its results only. What the guard says instead goes to the model as it is.

interface Validator {
  validate?(value: unknown): unknown;
}

type ToModelOutput = (given: { readonly output: unknown }) => unknown;

/** `toModelOutput`, with our answers passed by. */
export function besidesOurs(tool: object, toModelOutput: ToModelOutput): ToModelOutput {
  return (given) => (isNotDone(given.output) ? { type: "json", value: given.output } : toModelOutput.call(tool, given));
}

/** `outputSchema`, with our answers let through: the SDK checks stored conversations by it, and they have those too. */
export function orOurs(schema: unknown): unknown {
  const standard = (schema as { readonly "~standard"?: Validator })["~standard"];
  if (standard !== undefined) {
    const validate = passing(standard, (value) => ({ value }));
    return { "~standard": Object.create(standard, { validate, vendor: { value: "onceguard" } }) };
  }
  if (typeof schema === "function") return () => orOurs((schema as () => unknown)());
  const own = schema as Validator;
  return own.validate === undefined
    ? own
    : Object.create(own, { validate: passing(own, (value) => ({ success: true, value })) });
}

function passing(schema: Validator, fits: (value: unknown) => unknown): PropertyDescriptor {
  return { value: (value: unknown) => (isNotDone(value) ? fits(value) : schema.validate?.(value)) };
}
