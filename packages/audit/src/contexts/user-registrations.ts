import type { RetryFamily } from "../catalogue/retries.ts";
import type { Registration } from "./registrations.ts";

/** A retry family of the configuration: which calls hand over a function that is run again. */
export interface UserRetry extends RetryFamily {
  /** Calls into the packages, as in the catalogue: `createWorker`, `*.process`, `Queue.new.handle`. */
  calls: string[];
  /** Where the function is: any argument, or these properties of an object argument. */
  properties: string[];
  /** Runs in place, as a wrapper does, and is not only stored. */
  wraps: boolean;
}

export function userRegistrations(retries: readonly UserRetry[]): Registration[] {
  return retries.map((one) => ({
    family: one.id,
    packages: new RegExp(`^(?:${one.packages.map(literally).join("|")})$`),
    path: new RegExp(`(?:^|\\.)(?:${one.calls.map(asPattern).join("|")})$`),
    take: one.properties.length > 0 ? { object: "any" as const, props: one.properties } : { functions: true as const },
    inPlace: one.wraps,
    declared: one,
  }));
}

function asPattern(call: string): string {
  return call.split("*").map(literally).join("[^.]+");
}

function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
