import { onTestFinished } from "vitest";
import { type AnyAction, defineAction } from "../../src/core/action.ts";
import { externalAction } from "../../src/core/external-action.ts";
import { effectError } from "../../src/core/failure.ts";
import type { Store } from "../../src/core/ports.ts";
import { type ApiKey, apiKeys, makeApiKey } from "../../src/http/keys/api-key.ts";
import { type HttpServing, type ServeHttpOptions, serveHttp } from "../../src/http/node/serve.ts";
import type { Role } from "../../src/http/principal.ts";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import type { Guard, GuardOptions } from "../../src/pipeline/guard.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";

/** What an effect of the tests is told to do; what it really did stands in `effects`. */
export interface Order {
  readonly ref: string;
  readonly mode?: "reject" | "lose" | "hold" | "conflict";
  readonly note?: string;
}

export interface TestService {
  readonly serving: HttpServing;
  readonly guard: Guard;
  readonly store: Store;
  readonly url: string;
  /** The references that were really ordered, in order. */
  readonly effects: string[];
  /** Lets orders of mode `hold` go on. */
  release(): void;
  /** Sends one request over a real socket. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they expect in it
  readonly body: any;
  readonly text: string;
}

const input = {
  "~standard": {
    version: 1 as const,
    vendor: "test",
    validate: (value: unknown) =>
      typeof (value as Order | null)?.ref === "string"
        ? { value: value as Order }
        : { issues: [{ message: "a text is needed here", path: ["ref"] }] },
  },
};

/** A guard behind a real server, gone when the test is over. */
export async function startService(
  options: {
    readonly http?: Partial<ServeHttpOptions>;
    readonly guard?: Partial<GuardOptions>;
    readonly store?: Store;
  } = {},
): Promise<TestService> {
  const effects: string[] = [];
  let held: (() => void)[] = [];
  const order = (name: string): AnyAction =>
    defineAction({
      name,
      riskTier: "side_effecting",
      input,
      record: (given: Order) => `order:${given.ref}`,
      keyFields: ["ref"],
      volatile: ["note"],
      retry: { maxAttempts: 2, base: "10s", cap: "10s" },
      execute: async ({ ref, mode }: Order) => {
        if (mode === "reject") {
          throw effectError({ certainty: "definite", tier: null, code: "declined", message: "card declined" });
        }
        if (mode === "conflict") {
          throw effectError({ certainty: "definite", tier: "transient", code: "busy", message: "come again" });
        }
        effects.push(ref);
        if (mode === "lose") throw new Error("socket hang up");
        if (mode === "hold") await new Promise<void>((resolve) => held.push(resolve));
        return { ordered: ref };
      },
    });
  const strict = defineAction({
    name: "strict",
    input,
    execute: async ({ ref }: Order) => {
      effects.push(ref);
      return { ordered: ref };
    },
  });
  const actions = [
    order("order"),
    order("careful"),
    order("forbidden"),
    {
      ...order("windowed"),
      keyFields: ["ref", "note"],
      volatile: [],
      dedup: { windowMs: 60_000, limit: 1, behaviour: "skip" as const },
    },
    strict,
  ];
  const external = [externalAction({ name: "valve", riskTier: "side_effecting", keyFields: ["valve"] })];
  const store = options.store ?? memoryStore();
  const guard = createGuard({
    store,
    actions,
    sweepEvery: false,
    onBackgroundError: () => undefined,
    rules: [
      { action: "careful", verdict: "review", reason: "needs a person" },
      { action: "forbidden", verdict: "deny", reason: "never" },
    ],
    ...options.guard,
  }) as unknown as Guard;
  const serving = await serveHttp({ guard, actions, external, port: 0, report: () => undefined, ...options.http });
  onTestFinished(async () => {
    release();
    await serving.close({ grace: "1s" });
    release();
    await guard.close();
  });
  function release(): void {
    for (const go of held) go();
    held = [];
  }
  return {
    serving,
    guard,
    store,
    url: serving.url,
    effects,
    release,
    call: (method, path, body, headers) => send(serving.url + path, method, body, headers),
  };
}

export async function send(
  url: string,
  method: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text.startsWith("{") ? JSON.parse(text) : null,
  };
}

/** Keys by name, and the reader that knows them. */
export function someKeys<Name extends string>(
  given: Readonly<Record<Name, { tenant: string; role: Role }>>,
): { keys: ReturnType<typeof apiKeys>; bearer: Record<Name, Record<string, string>>; kept: ApiKey[] } {
  const kept: ApiKey[] = [];
  const bearer = {} as Record<Name, Record<string, string>>;
  for (const [name, { tenant, role }] of Object.entries(given) as [Name, { tenant: string; role: Role }][]) {
    const made = makeApiKey({ tenant, name, role }, new Date());
    kept.push(made.kept);
    bearer[name] = { authorization: `Bearer ${made.key}` };
  }
  return { keys: apiKeys(kept), bearer, kept };
}

/** Waits for what is certain to come. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await condition()); ) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
