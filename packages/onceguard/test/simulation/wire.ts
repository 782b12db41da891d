import { OnceguardError } from "../../src/core/errors.ts";
import type { Store } from "../../src/core/ports.ts";
import type { Chronicle } from "./chronicle.ts";
import type { Life } from "./life.ts";
import type { Random } from "./random.ts";
import { NO_TROUBLES, type Troubles } from "./scenario.ts";
import type { Timeline } from "./timeline.ts";

/** One call of a store by a process. */
export interface StoreCall {
  readonly life: Life;
  readonly verb: string;
  readonly args: readonly unknown[];
  readonly askedAt: number;
}

/** Who wants to know what the store has done, in the moment it does it, and when its answer comes in. */
export interface StoreWatch {
  committed(call: StoreCall, answer: unknown): void;
  /** False: it hears that the store could not be reached. */
  heard(call: StoreCall, answered: boolean): void;
}

/** How a call goes: committed or not, answered or not, and not necessarily in this order. */
type Fate =
  | { readonly kind: "ok"; readonly toMs: number; readonly backMs: number }
  | { readonly kind: "refused"; readonly inMs: number; readonly applied: "no" | "unknown" }
  | { readonly kind: "answer_lost"; readonly toMs: number; readonly backMs: number }
  | { readonly kind: "applied_late"; readonly inMs: number; readonly lateMs: number };

/** Longest time after which a call is still applied whose caller has given up. */
export const LATEST_MS = 8_000;

/** The way between the processes and their one store. */
export class Wire {
  troubles: Troubles;
  readonly #store: Store;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #chronicle: Chronicle;
  readonly #watch: StoreWatch;
  #asked = 0;
  #newestCommitted = 0;

  constructor(
    store: Store,
    timeline: Timeline,
    random: Random,
    chronicle: Chronicle,
    watch: StoreWatch,
    troubles: Troubles,
  ) {
    this.#store = store;
    this.#timeline = timeline;
    this.#random = random;
    this.#chronicle = chronicle;
    this.#watch = watch;
    this.troubles = troubles;
  }

  calm(): void {
    this.troubles = NO_TROUBLES;
  }

  /** The store as one process sees it: every verb of the port, also those it comes to have. */
  storeFor(life: Life): Store {
    const verbs = new Map<string | symbol, unknown>();
    return new Proxy(this.#store, {
      get: (target, name) => {
        const known = verbs.get(name);
        if (known !== undefined) return known;
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        const verb = String(name);
        // The one store goes on when a process lets go of it.
        const call = verb === "close" ? async () => undefined : (...args: unknown[]) => this.#call(life, verb, args);
        verbs.set(name, call);
        return call;
      },
    });
  }

  #call(life: Life, verb: string, args: readonly unknown[]): Promise<unknown> {
    const call: StoreCall = { life, verb, args, askedAt: this.#timeline.now };
    const fate = this.#fate();
    this.#chronicle.count(`store ${fate.kind}`);
    return new Promise((resolve, reject) => {
      const fail = (ms: number, applied: "no" | "unknown"): void => {
        this.#timeline.in(ms, life, () => {
          if (this.#chronicle.lines) this.#chronicle.note(life.name, `hears from ${verb}: unavailable (${fate.kind})`);
          this.#watch.heard(call, false);
          reject(new OnceguardError("store_unavailable", `simulated: ${fate.kind}`, { applied }));
        });
      };
      switch (fate.kind) {
        case "ok":
          this.#commitIn(fate.toMs, call, (answer) => {
            const turn = grantsClaim(answer) ? "claimed" : "other";
            this.#timeline.in(
              fate.backMs,
              life,
              () => {
                this.#watch.heard(call, true);
                resolve(answer);
              },
              turn,
            );
          });
          break;
        case "refused":
          fail(fate.inMs, fate.applied);
          break;
        case "answer_lost":
          this.#commitIn(fate.toMs, call, () => fail(fate.backMs, "unknown"));
          break;
        case "applied_late":
          fail(fate.inMs, "unknown");
          this.#commitIn(fate.inMs + fate.lateMs, call, () => undefined);
          break;
      }
    });
  }

  #commitIn(ms: number, call: StoreCall, then: (answer: unknown) => void): void {
    const number = ++this.#asked;
    this.#timeline.in(ms, null, () => {
      const { verb, args } = call;
      if (number < this.#newestCommitted) this.#chronicle.count("store overtaken");
      else this.#newestCommitted = number;
      const store = this.#store as unknown as Record<string, (...args: readonly unknown[]) => Promise<unknown>>;
      const commit = store[verb]?.(...args) ?? Promise.reject(new Error(`a store without ${verb}`));
      commit.then(
        (answer) => {
          this.#watch.committed(call, answer);
          then(answer);
        },
        (error: unknown) => this.#chronicle.violate("the store works", `${verb}: ${String(error)}`),
      );
    });
  }

  #fate(): Fate {
    const random = this.#random;
    const { store, slow, slowestMs, outage } = this.troubles;
    const { now } = this.#timeline;
    if (outage !== null && now >= outage.from && now < outage.until) {
      return { kind: "refused", inMs: random.int(0, 20), applied: random.pick(["no", "unknown"]) };
    }
    const toMs = this.#way(slow, slowestMs);
    const backMs = this.#way(slow, slowestMs);
    if (!random.chance(store)) return { kind: "ok", toMs, backMs };
    switch (random.weighted({ refused: 2, answer_lost: 3, applied_late: 2 })) {
      case "refused":
        return { kind: "refused", inMs: toMs, applied: random.pick(["no", "unknown"]) };
      case "answer_lost":
        return { kind: "answer_lost", toMs, backMs };
      case "applied_late":
        return { kind: "applied_late", inMs: toMs, lateMs: random.int(1, random.pick([20, 500, LATEST_MS])) };
    }
  }

  #way(slow: number, slowestMs: number): number {
    return this.#random.chance(slow) ? this.#random.int(1, slowestMs) : this.#random.int(0, 2);
  }
}

function grantsClaim(answer: unknown): boolean {
  return typeof answer === "object" && answer !== null && "claim" in answer && answer.claim !== null;
}
