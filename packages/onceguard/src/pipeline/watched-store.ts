import { forwardingStore } from "../core/forwarding-store.ts";
import type { Store } from "../core/ports.ts";
import type { Telemetry } from "../core/telemetry.ts";
import { codeOf } from "./watch.ts";

/** What the pipeline asks of a store. The time of `transact` is also that of the effect in it. */
const VERBS = [
  "claim",
  "apply",
  "renew",
  "find",
  "due",
  "list",
  "append",
  "log",
  "searchLog",
  "halt",
  "resume",
  "halts",
  "haltFor",
  "findCase",
  "saveCase",
  "takeNotifications",
  "settleNotification",
  "transact",
] as const satisfies readonly (keyof Store)[];

type Verb = (...parameters: unknown[]) => Promise<unknown>;

/** The store, with every call of it told to the telemetry. Forwards whatever else it has. */
export function watchedStore(store: Store, telemetry: Telemetry): Store {
  const watched: Record<string, Verb> = {};
  for (const verb of VERBS) {
    // Looked up at every call: a store may be changed under way, by tests above all.
    if (store[verb] === undefined) continue;
    watched[verb] = async (...parameters) => {
      const call = telemetry.store(store.name, verb);
      try {
        const answer = await call.within(() => (store[verb] as Verb)(...parameters));
        call.end({ error: null });
        return answer;
      } catch (error) {
        call.end({ error: codeOf(error) });
        throw error;
      }
    };
  }
  return forwardingStore(store, watched as Partial<Store>);
}
