import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createGuard, type Guard, type Store } from "../../src/index.ts";
import { postgresStore } from "../../src/stores/postgres/postgres-store.ts";
import { sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import { createStore, STORE_KINDS } from "../support/test-stores.ts";
import type { ControlCall, ControlOptions } from "./control-process.ts";

// What people and policies decide, against real processes that all want to act on it at once. How often something
// happened is what the processes wrote to their ledger when they did it.

const PROCESSES = 4;
const ROUNDS = 5;
const BY_ADA = { actor: "ada", reason: "looked at it" };

const program = fileURLToPath(new URL("./control-process.ts", import.meta.url));

describe.each(STORE_KINDS)("on %s", (kind) => {
  const dir = mkdtempSync(join(tmpdir(), "onceguard-control-"));
  const ledger = join(dir, "ledger");
  const gate = join(dir, "gate");
  let place: Awaited<ReturnType<typeof createStore>>;
  let guard: Guard;
  let processes: ChildProcess[];

  beforeAll(async () => {
    place = await createStore(kind);
    const { address } = place;
    const store: Store = address.kind === "sqlite" ? sqliteStore({ path: address.path }) : postgresStore(address);
    guard = createGuard({ store, sweepEvery: false });
    await guard.receipt("nothing");
    const options: ControlOptions = { store: address, ledger, gate };
    processes = await Promise.all(
      Array.from({ length: PROCESSES }, async () => {
        const child = fork(program, [JSON.stringify(options)], { execArgv: [] });
        await once(child, "message");
        return child;
      }),
    );
  });
  afterAll(async () => {
    await Promise.all(
      processes.map((child) => {
        const ended = once(child, "exit");
        child.disconnect();
        return ended;
      }),
    );
    await guard.close();
    await place.remove();
    rmSync(dir, { recursive: true, force: true });
  });

  /** All calls of all processes at once: how each was answered. */
  const race = async (callsOf: (n: number) => readonly ControlCall[]): Promise<string[]> => {
    const answers = await Promise.all(
      processes.map(async (child, n) => {
        const answered = once(child, "message");
        child.send(callsOf(n));
        return (await answered)[0] as string[];
      }),
    );
    return answers.flat();
  };

  const effects = (of: string): string[] =>
    existsSync(ledger)
      ? readFileSync(ledger, "utf8")
          .split("\n")
          .filter((line) => line.startsWith(`${of} `))
      : [];

  it("one approval lets one execution through, whoever asks and sweeps at the same moment", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const call: ControlCall = { action: "pay", input: { id: `approved-${round}`, amount: 500 } };
      expect(new Set(await race(() => [call, call]))).toEqual(new Set(["held"]));
      const [held] = await guard.receipts({ states: ["held"] });
      expect(effects(`pay approved-${round}`)).toEqual([]);
      await guard.approve(held?.requestId ?? "", BY_ADA);
      const answers = await race(() => [call, { action: "reconcile" }, call, call]);
      expect(answers.filter((answer) => answer === "executed").length).toBeLessThanOrEqual(1);
      expect(readFileSync(ledger, "utf8").split(`pay approved-${round}\n`)).toHaveLength(2);
      expect(await guard.receipt(held?.requestId ?? "")).toMatchObject({ state: "succeeded", attemptNumber: 1 });
    }
  });

  it("contradicting signals, and payouts to both sides: one is paid, and the case is settled by it", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const match = `match-${round}`;
      const winner = (n: number): string => (n % 2 ? "ann" : "bob");
      const payouts: readonly ControlCall[] = ["ann", "bob"].flatMap((winner) =>
        ["x", "y"].map((to): ControlCall => ({ action: "payout", input: { match, winner, to } })),
      );
      const answers = await race((n) => [
        ...payouts,
        { action: "signal", input: { match, id: `s${n}`, source: `s${n}`, outcome: winner(n), confidence: 1, at: n } },
        { action: "reconcile" },
        ...payouts,
      ]);
      expect(answers.filter((answer) => answer === "live")).toHaveLength(1);
      expect(answers.filter((answer) => answer === "late")).toHaveLength(PROCESSES - 1);
      await race(() => [...payouts, { action: "reconcile" }]);
      const [paid, ...more] = effects(`payout ${match}`);
      expect(more).toEqual([]);
      const value = await guard.case(match).get();
      expect(value).toMatchObject({ state: "SETTLED", late: { length: PROCESSES - 1 } });
      const settledBy = await guard.receipt(value.settledBy ?? "");
      expect(settledBy).toMatchObject({ state: "succeeded", result: { json: JSON.stringify(paid) } });
      expect(paid).toContain(` ${value.final?.outcome} `);
    }
  });

  it("a halt that one process has ordered stops what another has claimed and not yet sent", async () => {
    const call: ControlCall = { action: "read_first", input: { id: "1" }, runId: "run-halted" };
    const answers = race((n) => (n === 0 ? [call] : []));
    while (effects("read").length === 0) await sleep(2);
    await guard.halt("run", "run-halted", BY_ADA);
    writeFileSync(gate, "");
    expect(await answers).toEqual(["halted"]);
    expect(effects("sent")).toEqual([]);
    await guard.resume("run", "run-halted", BY_ADA);
    const [waiting] = await guard.receipts({ runId: "run-halted" });
    expect(waiting).toMatchObject({ state: "retry_wait", failure: { code: "halted", certainty: "definite" } });
  });

  it("no budget of a run is passed by a race between processes", async () => {
    const answers = await race((n) =>
      Array.from({ length: 20 }, (_, m) => ({ action: "pay", input: { id: `${n}-${m}` }, runId: "run-budget" })),
    );
    // What was claimed and not yet sent when the next one tripped the budget was stopped with it, and waits.
    const sent = effects("pay").filter((line) => /^pay \d-\d+$/.test(line));
    expect(sent.length).toBeLessThanOrEqual(7);
    expect(answers.filter((answer) => answer === "executed")).toHaveLength(sent.length);
    expect(new Set(answers)).toEqual(new Set(sent.length > 0 ? ["executed", "halted"] : ["halted"]));
    expect(await guard.receipts({ runId: "run-budget" })).toHaveLength(7);
    expect(await guard.halts({ inForce: true })).toMatchObject([
      { scope: "run", id: "run-budget", reason: "budget:maxActionsPerRun" },
    ]);
  });
});
