import { expect, it } from "vitest";
import { testGuard } from "../../test/support/guard.ts";
import { type Told, told } from "../../test/support/otel.ts";
import { defineAction, type ProbeAnswer } from "../core/action.ts";
import { effectError } from "../core/failure.ts";
import { openTelemetry } from "./otel.ts";

// Nothing of what an effect is given, gives back or complains about may be told: one canary wherever there are words.

const CANARY = "canary-7f3a";

interface Letter {
  readonly to: string;
  readonly body: string;
  readonly fate?: string;
}

const FATES: Readonly<Record<string, () => unknown>> = {
  throws: () => {
    throw Object.assign(new Error(`no such ${CANARY}`), { code: `${CANARY} is unknown to us`, cause: CANARY });
  },
  refuses: () => {
    throw effectError({ certainty: "definite", tier: "validation", code: `bad: ${CANARY}`, message: CANARY });
  },
  returns: () => ({ text: CANARY }),
};

function letters(probe: () => ProbeAnswer<unknown>) {
  const options = {
    keyFields: ["to"],
    record: (letter: Letter) => `letter:${letter.to}`,
    before: async () => ({ state: CANARY }),
    after: async () => ({ state: CANARY }),
    probe: async () => probe(),
    execute: async ({ fate = "returns" }: Letter) => FATES[fate]?.(),
  } as const;
  return [
    defineAction({ ...options, name: "send", riskTier: "side_effecting" }),
    defineAction({ name: "read", riskTier: "safe", execute: options.execute, retry: { maxAttempts: 1 } }),
  ] as const;
}

async function everything({ spans, metrics }: Told): Promise<string> {
  const seen = spans().map(({ name, attributes, events, links, status }) => ({
    name,
    attributes,
    events,
    links,
    status,
  }));
  return JSON.stringify([seen, await metrics()]);
}

it("no payload, result, record, reason or error text is told", async () => {
  const seen = told();
  const probe = (): ProbeAnswer<unknown> => ({ answer: "happened", result: CANARY });
  const { guard, settle } = testGuard(letters(probe), {
    telemetry: openTelemetry({ ...seen, safeAgentNames: true }),
    policy: ({ payload }) => {
      const { to } = payload as unknown as Letter;
      return to.startsWith("denied") ? { verdict: "deny", reason: CANARY } : { verdict: "allow" };
    },
  });
  const send = (to: string, fate?: string) => ({ to: `${to}-${CANARY}`, body: CANARY, ...(fate && { fate }) });
  const statuses: string[] = [];
  for (const [to, fate] of [["a"], ["a"], ["b", "throws"], ["c", "refuses"], ["denied"]] as const) {
    const outcome = await settle(guard.execute("send", send(to, fate), { runId: CANARY, actor: CANARY }));
    statuses.push(outcome.status);
  }
  statuses.push((await settle(guard.execute("read", send("d", "throws")))).status);
  statuses.push((await guard.propose("send", send("e"))).verdict);
  await expect(guard.execute("send", { body: CANARY } as Letter)).rejects.toThrow();
  await guard.halt("action", "send", { actor: CANARY, reason: CANARY });
  statuses.push((await guard.execute("send", send("f"))).status);
  await guard.reconcile();

  expect(statuses).toEqual(["executed", "replayed", "executed", "review", "denied", "failed", "allow", "halted"]);
  expect(seen.spans().length).toBeGreaterThan(20);
  expect(await everything(seen)).not.toContain(CANARY);
});

it("a code is told, prose and numbers in its place are not", async () => {
  const seen = told();
  const codes = [
    "card_declined",
    "ECONNRESET",
    "23505",
    "4242424242424242",
    "x".repeat(60),
    "no funds left",
    "a@b.example",
  ];
  const pay = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["code"],
    execute: async ({ code }: { code: string }) => {
      throw effectError({ certainty: "definite", tier: null, code, message: "no" });
    },
  });
  const { guard } = testGuard([pay], { telemetry: openTelemetry(seen) });
  for (const code of codes) await guard.execute("pay", { code });
  const told2 = seen.spansCalled("onceguard effect pay").map(({ attributes }) => attributes["error.type"]);
  expect(told2).toEqual(["card_declined", "ECONNRESET", "23505", "_OTHER", "_OTHER", "_OTHER", "_OTHER"]);
});
