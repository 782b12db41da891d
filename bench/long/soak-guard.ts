import { createGuard, defineAction, type Schema, type Status, type Store } from "onceguard";

interface Payment {
  readonly reference: string;
}

export interface SoakGuard {
  /** One call of the mix: new payments, and the same ones again. */
  call(): Promise<void>;
  /** Retention: payloads and results of what was settled a while ago go. @returns of how many */
  forget(): Promise<number>;
  /** Payments that were made more than once. */
  duplicates(): number;
  told(): Readonly<Partial<Record<Status, number>>>;
  close(): Promise<void>;
}

/** What the world still remembers, and so is as large after a minute as it will ever be; a probe asks about a moment ago. */
const REMEMBERED = 4_000;
const KEPT = "10s";

const input: Schema<Payment, Payment> = {
  "~standard": { version: 1, vendor: "soak", validate: (value) => ({ value: value as Payment }) },
};

/**
 * A guard with all that goes on in one: successes, replays, failures, retries, doubts that a probe settles, the sweeper,
 * retention. What happens to a payment follows from its number; the load itself keeps nothing that grows.
 */
export function soakGuard(store: Store): SoakGuard {
  const made = new Map<string, number>();
  const attempts = new Map<string, number>();
  const told: Partial<Record<Status, number>> = {};
  let twice = 0;
  let payments = 0;
  let calls = 0;

  function remember<Value>(map: Map<string, Value>, reference: string, value: Value): void {
    map.set(reference, value);
    if (map.size > REMEMBERED) map.delete(map.keys().next().value as string);
  }

  function make(reference: string): { number: number } {
    if (made.has(reference)) twice++;
    const number = Number(reference.slice(1));
    remember(made, reference, number);
    return { number };
  }

  const pay = defineAction({
    name: "pay",
    riskTier: "irreversible",
    input,
    retry: { base: "20ms", cap: "100ms" },
    probe: ({ reference }: Payment) => {
      const number = made.get(reference);
      return number === undefined
        ? ({ answer: "did_not_happen" } as const)
        : ({ answer: "happened", result: { number } } as const);
    },
    execute: async ({ reference }: Payment) => {
      const attempt = (attempts.get(reference) ?? 0) + 1;
      remember(attempts, reference, attempt);
      await new Promise((resolve) => setImmediate(resolve));
      switch (attempt === 1 ? Number(reference.slice(1)) % 25 : 0) {
        case 1:
          throw Object.assign(new Error("busy"), { status: 429, retryAfterMs: 20 });
        case 2:
          throw Object.assign(new Error("no"), { status: 402 });
        case 3:
          throw new Error("lost on the way there");
        case 4:
          make(reference);
          throw new Error("lost on the way back");
        default:
          return make(reference);
      }
    },
  });
  const guard = createGuard({ store, actions: [pay], sweepEvery: "1s", wait: "5s" });

  return {
    call: async () => {
      // Every fourth call is for a payment that is already there, or just being made.
      const isRepeat = calls++ % 4 === 3 && payments > 200;
      const number = isRepeat ? payments - 1 - (calls % 200) : payments++;
      const { status } = await guard.execute("pay", { reference: `p${number}` }, { requestId: `p${number}` });
      told[status] = (told[status] ?? 0) + 1;
    },
    forget: async () => (await guard.expire({ olderThan: KEPT })).expired,
    duplicates: () => twice,
    told: () => told,
    close: () => guard.close(),
  };
}
