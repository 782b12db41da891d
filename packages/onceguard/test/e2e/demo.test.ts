import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allHold } from "../../src/cli/commands/demo/findings.ts";
import type { LedgerEntry } from "../../src/cli/commands/demo/ledger.ts";
import type { Answer } from "../../src/cli/commands/demo/messages.ts";
import type { ScenarioResult, SideResult } from "../../src/cli/commands/demo/run-scenario.ts";
import { AMOUNT_CENTS, SCENARIOS } from "../../src/cli/commands/demo/scenarios.ts";
import { problemsOf } from "../../src/cli/commands/demo/verdict.ts";
import type { LogEntry } from "../../src/core/ports.ts";
import type { Receipt } from "../../src/core/receipt.ts";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "onceguard-demo-test-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** In a process group and a temporary folder of its own, so that whatever it leaves behind can be seen. */
function startDemo(name: string, ...options: string[]) {
  const temp = join(scratch, name);
  mkdirSync(temp);
  const child = spawn(process.execPath, [main, "demo", ...options], {
    env: { ...process.env, TMPDIR: temp, TEMP: temp, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => {
    output.stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    output.stderr += chunk;
  });
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.once("close", (code) => resolve({ code, ...output }));
  });
  const group = -(child.pid as number);
  return { child, ended, temp, group };
}

function expectNothingLeft({ temp, group }: { temp: string; group: number }): void {
  expect(readdirSync(temp)).toEqual([]);
  expect(() => process.kill(group, 0)).toThrow("ESRCH");
}

interface Side {
  payments: number;
  charged_cents: number;
  answers: Record<string, number>;
  kills: { point: string; payments: number; receipt: string | null }[];
}

interface Document {
  ok: boolean;
  totals: Record<"unguarded" | "guarded", { intents: number; payments: number; charged_cents: number }>;
  scenarios: {
    id: string;
    problems: string[];
    provider: { idempotency_keys: boolean; lookup: boolean };
    unguarded: Side;
    guarded: Side & {
      receipts: { state: string; evidence: string; capability: string; conflict: boolean }[];
      history: { event: string }[];
    };
  }[];
}

describe("onceguard demo --json", () => {
  let demo: ReturnType<typeof startDemo>;
  let code: number | null;
  let stderr: string;
  let document: Document;

  beforeAll(async () => {
    demo = startDemo("json", "--json");
    const result = await demo.ended;
    ({ code, stderr } = result);
    document = JSON.parse(result.stdout);
  }, 300_000);

  it("holds, says nothing else, and leaves nothing behind", () => {
    expect({ code, stderr, ok: document.ok }).toEqual({ code: 0, stderr: "", ok: true });
    expectNothingLeft(demo);
  });

  const once: Partial<Side> = { payments: 1, charged_cents: 50_000 };
  const twice: Partial<Side> = { payments: 2, charged_cents: 100_000 };
  it.each([
    {
      id: "lost_response",
      unguarded: { ...twice, answers: { paid: 1 } },
      guarded: { answers: { executed: 1 } },
      receipt: { evidence: "effect", capability: "downstream_key" },
      events: ["claim", "indefinite", "resend", "success"],
    },
    {
      id: "timeout",
      guarded: { answers: { executed: 1 } },
      receipt: { evidence: "effect", capability: "downstream_key" },
      events: ["claim", "indefinite", "resend", "success"],
    },
    {
      id: "error_500",
      unguarded: { ...twice, answers: { paid: 1 } },
      guarded: { answers: { executed: 1 } },
      receipt: { evidence: "probe", capability: "probe" },
      events: ["claim", "indefinite", "probe_happened"],
    },
    {
      id: "error_503",
      unguarded: { ...once, answers: { paid: 1 } },
      guarded: { answers: { executed: 1 } },
      receipt: { evidence: "effect", capability: "probe" },
      events: ["claim", "indefinite", "probe_did_not_happen", "retry", "success"],
    },
    {
      id: "kill_after_payment",
      unguarded: { ...twice, kills: [{ point: "after_commit", payments: 1, receipt: null }] },
      guarded: { answers: { replayed: 1 }, kills: [{ point: "after_commit", payments: 1, receipt: "running" }] },
      receipt: { evidence: "probe", capability: "probe" },
      events: ["claim", "lapse", "probe_happened"],
    },
    {
      id: "kill_before_payment",
      unguarded: { ...once, kills: [{ point: "before_send", payments: 0, receipt: null }] },
      guarded: { answers: { executed: 1 }, kills: [{ point: "before_send", payments: 0, receipt: "running" }] },
      receipt: { evidence: "effect", capability: "probe" },
      events: ["claim", "lapse", "probe_did_not_happen", "retry", "success"],
    },
    {
      id: "concurrent_duplicates",
      unguarded: { payments: 50, charged_cents: 2_500_000, answers: { paid: 50 } },
      guarded: { answers: { executed: 1, replayed: 49 } },
      receipt: { evidence: "effect", capability: "probe" },
      events: ["claim", "success"],
    },
    {
      id: "replanned_call",
      unguarded: { ...twice, answers: { paid: 2 } },
      guarded: { answers: { executed: 1, replayed: 1 } },
      receipt: { evidence: "effect", capability: "downstream_key" },
      events: ["claim", "success", "drift"],
    },
  ])("$id", ({ id, unguarded = {}, guarded, receipt, events }) => {
    const scenario = document.scenarios.find((one) => one.id === id);
    expect(scenario?.problems).toEqual([]);
    expect(scenario?.unguarded).toMatchObject(unguarded);
    expect(scenario?.guarded).toMatchObject({ ...once, ...guarded });
    expect(scenario?.guarded.receipts).toMatchObject([{ state: "succeeded", conflict: false, ...receipt }]);
    // In this order; a busy machine may have needed another step in between.
    const seen = scenario?.guarded.history.map(({ event }) => event) ?? [];
    let from = 0;
    for (const event of events) {
      expect(seen.slice(from)).toContain(event);
      from = seen.indexOf(event, from) + 1;
    }
  });

  it("adds up", () => {
    const { totals, scenarios } = document;
    expect(scenarios.map(({ id }) => id)).toEqual(SCENARIOS.map(({ id }) => id));
    for (const side of ["unguarded", "guarded"] as const) {
      const payments = scenarios.reduce((sum, scenario) => sum + scenario[side].payments, 0);
      expect(totals[side]).toEqual({ intents: 8, payments, charged_cents: payments * 50_000 });
    }
    expect(totals.guarded.payments).toBe(8);
    expect(totals.unguarded.payments).toBeGreaterThanOrEqual(62);
  });
});

describe("onceguard demo", () => {
  it("prints a table of at most 80 columns, and keeps what it is told to keep", async () => {
    const demo = startDemo("kept", "--keep");
    const { code, stdout, stderr } = await demo.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const [folder = ""] = readdirSync(demo.temp);
    const files = join(demo.temp, folder);
    expect(readdirSync(files).sort()).toEqual(["ledger.jsonl", "onceguard.db"]);
    expect(stdout).toContain(`onceguard receipts --store sqlite:${join(files, "onceguard.db")}`);
    expect(stdout).toContain("Guarded: 8 intents, 8 payments, 4,000.00 charged.");
    const lines = stdout.split("\n").filter((line) => !line.includes(files));
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines.filter((line) => line.startsWith("✔"))).toHaveLength(8);
    const guarded = readFileSync(join(files, "ledger.jsonl"), "utf8").match(/"account":"\w+-guarded"/g);
    expect(guarded).toHaveLength(8);
  }, 300_000);

  it("cleans up when it is interrupted", async () => {
    const demo = startDemo("interrupted");
    const deadline = Date.now() + 60_000;
    while (!ledgerOf(demo.temp).includes("-guarded") && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    demo.child.kill("SIGINT");
    const { code, stdout, stderr } = await demo.ended;
    expect({ code, stdout, stderr }).toEqual({ code: 130, stdout: "", stderr: "" });
    expectNothingLeft(demo);
  });

  it("refuses a store it cannot use, and leaves nothing behind", async () => {
    const demo = startDemo("unusable", "--store", "sqlite:/nowhere/at/all.db");
    const { code, stdout, stderr } = await demo.ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("/nowhere/at/all.db");
    expectNothingLeft(demo);
  });
});

function ledgerOf(temp: string): string {
  try {
    const [folder = ""] = readdirSync(temp);
    return readFileSync(join(temp, folder, "ledger.jsonl"), "utf8");
  } catch {
    return ""; // not there yet
  }
}

/** A judge that never says no proves nothing: each of these is what a broken guard, or a broken demo, would leave. */
describe("the verdict", () => {
  const payment: LedgerEntry = {
    payment_id: "pay_1",
    invoice: "INV-1",
    amount_cents: AMOUNT_CENTS,
    account: "a",
    idempotency_key: null,
    note: "",
    at: "",
  };
  const again: LedgerEntry = { ...payment, payment_id: "pay_2" };
  const answer: Answer = { status: "executed", tries: 1, payment_id: "pay_1", error: null };
  const receipt = { state: "succeeded", conflict: false } as Receipt;
  const death = { point: "after_commit", payments: 1, receipt: null } as const;

  function scenario(id: string) {
    const found = SCENARIOS.find((one) => one.id === id);
    if (!found) throw new Error(id);
    return found;
  }

  function result(
    id: string,
    changes: { unguarded?: Partial<SideResult>; guarded?: Partial<SideResult> } = {},
  ): ScenarioResult {
    const killed = scenario(id).waves.some(({ kill }) => kill !== undefined);
    const plain = { answers: [answer], deaths: killed ? [death] : [], payments: [payment], receipts: [], history: [] };
    const deaths = killed ? [{ ...death, receipt: "running" as const }] : [];
    return {
      scenario: scenario(id),
      invoice: "INV-1",
      unguarded: { ...plain, payments: [payment, again], ...changes.unguarded },
      guarded: { ...plain, deaths, receipts: [receipt], ...changes.guarded },
    };
  }

  it("is content with one payment, one receipt, and the duplicates beside it", () => {
    expect(problemsOf(result("lost_response"))).toEqual([]);
    expect(problemsOf(result("kill_after_payment"))).toEqual([]);
    const history = [{ event: "drift" }] as LogEntry[];
    expect(problemsOf(result("replanned_call", { guarded: { answers: [answer, answer], history } }))).toEqual([]);
  });

  it.each<[string, Parameters<typeof result>, string]>([
    [
      "a guarded duplicate",
      ["lost_response", { guarded: { payments: [payment, again] } }],
      "guarded: 2 payments for 1 intent",
    ],
    ["a payment that never happened", ["error_503", { guarded: { payments: [] } }], "guarded: 0 payments for 1 intent"],
    [
      "another amount",
      ["timeout", { guarded: { payments: [{ ...payment, amount_cents: 1 }] } }],
      "guarded: something else was paid than what was asked for",
    ],
    [
      "another invoice",
      ["timeout", { guarded: { payments: [{ ...payment, invoice: "INV-2" }] } }],
      "guarded: something else was paid than what was asked for",
    ],
    ["no receipt", ["timeout", { guarded: { receipts: [] } }], "guarded: 0 receipts for 1 intent"],
    ["two receipts", ["timeout", { guarded: { receipts: [receipt, receipt] } }], "guarded: 2 receipts for 1 intent"],
    [
      "an open receipt",
      ["timeout", { guarded: { receipts: [{ ...receipt, state: "in_doubt" }] } }],
      "guarded: the receipt is in_doubt, not succeeded",
    ],
    [
      "a contradicted receipt",
      ["timeout", { guarded: { receipts: [{ ...receipt, conflict: true }] } }],
      "guarded: the receipt is in conflict, not succeeded",
    ],
    [
      "a made-up answer",
      ["timeout", { guarded: { answers: [{ ...answer, payment_id: "pay_9" }] } }],
      "guarded: a caller was not given the payment, but: pay_9",
    ],
    [
      "an error for a caller",
      ["timeout", { guarded: { answers: [{ ...answer, payment_id: null, error: "no" }] } }],
      "guarded: a caller was not given the payment, but: no",
    ],
    [
      "a caller without an answer",
      ["concurrent_duplicates", { guarded: { answers: Array(49).fill(answer) } }],
      "guarded: 49 of 50 calls were answered",
    ],
    [
      "an unguarded side that did nothing",
      ["error_503", { unguarded: { payments: [] } }],
      "unguarded: nothing was paid, so there is nothing to compare with",
    ],
    [
      "an unguarded side without the duplicates",
      ["lost_response", { unguarded: { payments: [payment] } }],
      "unguarded: there is no duplicate, so the scenario has shown nothing",
    ],
    [
      "words that were the same",
      ["replanned_call", { guarded: { answers: [answer, answer] } }],
      "guarded: no call came in other words, so the scenario has shown nothing",
    ],
    [
      "an agent that was not killed",
      ["kill_after_payment", { unguarded: { deaths: [] } }],
      "unguarded: the agent was not killed at the intended point",
    ],
    [
      "an agent killed before the provider committed",
      ["kill_after_payment", { guarded: { deaths: [{ ...death, payments: 0, receipt: "running" }] } }],
      "guarded: the agent was not killed at the intended point",
    ],
    [
      "an agent killed after its receipt was written",
      ["kill_after_payment", { guarded: { deaths: [{ ...death, receipt: "succeeded" }] } }],
      "guarded: the agent was not killed at the intended point",
    ],
  ])("objects to %s", (_what, fabricated, problem) => {
    const judged = { ...result(...fabricated), problems: problemsOf(result(...fabricated)) };
    expect(judged.problems).toContain(problem);
    expect(allHold({ runId: "", seconds: 0, store: null, ledger: null, results: [judged] })).toBe(false);
  });
});
