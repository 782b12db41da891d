import { type RetryFamily, retryFamily } from "../catalogue/retries.ts";
import type { CallFact, Expr, FunctionFact, Region } from "../facts/model.ts";

/** Something that may run code again: a whole function (entry), or what stands in a region (loop). */
export interface RetryContext {
  /** An id of the retry catalogue: `webhook:stripe`, `loop:handwritten`. */
  family: string;
  fn: FunctionFact | null;
  region: Region | null;
  /** Where it is declared: the registration, the loop, the decorator. */
  at: { fn: FunctionFact; pos: number };
  /** `queue "emails"`, `POST /api/orders`, `tool send_email`. */
  label: string;
  /** How often at most, if it is said; Infinity if it is said that there is no limit. */
  attempts: number | null;
  /** The call that registers it, for its options. */
  call: CallFact | null;
  /** The object that describes it: a tool, a task. */
  options: Expr | null;
  /** Of a durable engine: the function around the steps, or a step whose result is remembered. */
  role: "function" | "step" | null;
  /** GET routes and the like: repeated, but by protocol without effect. */
  safeByProtocol: boolean;
  /** What the configuration says of the family. */
  declared: RetryFamily | null;
}

/** What is known of the family of a context. */
export function familyOf(context: RetryContext): RetryFamily {
  return context.declared ?? retryFamily(context.family);
}

/** Where other processes can reach a function. */
export type Address =
  | { kind: "route"; path: string }
  | { kind: "queue"; name: string }
  | { kind: "event"; name: string }
  | { kind: "task"; id: string };

/** All retry contexts of a project, by what they run again. */
export class Contexts {
  readonly all: RetryContext[] = [];
  readonly #byFunction: Map<FunctionFact, RetryContext[]> = new Map();
  readonly #byRegion: Map<Region, RetryContext[]> = new Map();
  /** Calls that only store a function, to be run later by somebody else. */
  readonly registrations: Set<CallFact> = new Set();
  readonly pauses: { fn: FunctionFact; pos: number; context: RetryContext }[] = [];
  readonly addresses: { address: Address; fn: FunctionFact }[] = [];
  /** The function that a task object stands for, by the call that made the object. */
  readonly tasks: Map<CallFact, FunctionFact> = new Map();

  add(context: Partial<RetryContext> & Pick<RetryContext, "family" | "at" | "label">): void {
    const full: RetryContext = {
      fn: null,
      region: null,
      attempts: null,
      call: null,
      options: null,
      role: null,
      safeByProtocol: false,
      declared: null,
      ...context,
    };
    const list = full.fn ? this.#byFunction.get(full.fn) : full.region ? this.#byRegion.get(full.region) : undefined;
    if (list?.some((one) => one.family === full.family)) return;
    if (list) list.push(full);
    else if (full.fn) this.#byFunction.set(full.fn, [full]);
    else if (full.region) this.#byRegion.set(full.region, [full]);
    this.all.push(full);
  }

  ofFunction(fn: FunctionFact): readonly RetryContext[] {
    return this.#byFunction.get(fn) ?? [];
  }

  /** A pause in a function: when it goes on, everything before runs again. */
  addPause(
    fn: FunctionFact,
    pos: number,
    context: Omit<Partial<RetryContext>, "fn"> & Pick<RetryContext, "family" | "at" | "label">,
  ): void {
    const full: RetryContext = {
      fn,
      region: null,
      attempts: null,
      call: null,
      options: null,
      role: null,
      safeByProtocol: false,
      declared: null,
      ...context,
    };
    this.pauses.push({ fn, pos, context: full });
    this.all.push(full);
  }

  /** What replays a place of a function: a pause that stands behind it. */
  replaysOf(fn: FunctionFact, pos: number): RetryContext[] {
    return this.pauses.flatMap((one) => (one.fn === fn && one.pos > pos ? [one.context] : []));
  }

  ofRegion(region: Region): readonly RetryContext[] {
    return this.#byRegion.get(region) ?? [];
  }
}
