import { AssertionError } from "node:assert";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { expectOnce, howOften, type OnceReport, startFlakyWorld } from "../../src/testing/index.ts";
import { closeGuards, pay, payGuarded } from "./support/payment-tools.ts";

const module = new URL("./support/payment-tools.ts", import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "onceguard-once-test-"));

afterEach(closeGuards);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const counts = ({ scenarios }: OnceReport) =>
  Object.fromEntries(scenarios.map(({ scenario, happened }) => [scenario, happened]));

describe("expectOnce", () => {
  it("fails an unguarded tool, and says how often its effect happened", async () => {
    const error: AssertionError & { report: OnceReport } = await expectOnce(pay, { storm: 7 }).catch(
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(AssertionError);
    expect(counts(error.report)).toEqual({ repeat: 3, lost_response: 3, timeout: 3, crash: null, storm: 7 });
    expect(error.message).toContain("✘ storm         7 times  called many times at once");
    expect(error.message).toContain("- crash         not run");
  });

  it("passes the same tool under a guard", async () => {
    const report = await expectOnce(payGuarded);
    expect(counts(report)).toEqual({ repeat: 1, lost_response: 1, timeout: 1, crash: null, storm: 1 });
    expect(report.scenarios.find(({ scenario }) => scenario === "repeat")?.told).toEqual([
      "executed",
      "replayed",
      "replayed",
    ]);
  });

  it("kills the processes of a tool that is given by its module", async () => {
    const scenarios = ["crash", "storm"] as const;
    const unguarded = await howOften({ module, export: "pay" }, { scenarios, storm: 6 });
    expect(counts(unguarded)).toEqual({ crash: 3, storm: 6 });
    expect(unguarded.scenarios[0]?.told[0]).toBe("its process ended with SIGKILL");
    const guarded = await expectOnce({ module, export: "payGuarded" }, { scenarios, storm: 6 });
    expect(guarded.scenarios[0]?.told.slice(1)).toEqual(["replayed", "replayed"]);
  });

  it("takes a key of the tool's own for what it is, where the world honours keys", async () => {
    const withKey = async ({ url, reference }: { url: string; reference: string }) => {
      const headers = { "idempotency-key": reference };
      await fetch(`${url}/payments`, { method: "POST", headers, body: JSON.stringify({ reference }) });
    };
    const scenarios = ["repeat", "storm"] as const;
    await expectOnce(withKey, { scenarios });
    const world = await startFlakyWorld({ keys: false });
    expect(counts(await howOften(withKey, { scenarios, world, storm: 4 }))).toEqual({ repeat: 3, storm: 4 });
    await world.stop();
  });

  it("fails a tool that never does it, or that nobody can follow", async () => {
    const scenarios = ["repeat"] as const;
    await expect(expectOnce(() => "done", { scenarios })).rejects.toThrow(
      /repeat +never[\s\S]*were told: 'done'[\s\S]*call\.url/,
    );
    const nameless = ({ url }: { url: string }) => fetch(`${url}/payments`, { method: "POST", body: "{}" });
    await expect(expectOnce(nameless, { scenarios })).rejects.toThrow("3 effects say no reference");
    const missing = { module, export: "notAFunction" };
    await expect(expectOnce(missing, { scenarios })).rejects.toThrow("its process ended with 1");
  });

  it("does not wait for good", async () => {
    const hangs = () => new Promise(() => undefined);
    const report = await howOften(hangs, { scenarios: ["repeat"], patience: 50 });
    expect(report.scenarios[0]).toMatchObject({ happened: 0, told: ["no answer within 50 ms"] });
  });

  it("names what cannot be asked of it", async () => {
    await expect(howOften(pay, { scenarios: ["crash"] })).rejects.toThrow("give the tool as { module, export }");
    await expect(howOften(pay, { scenarios: ["flood" as "storm"] })).rejects.toThrow('no scenario "flood"');
  });

  it("is an assertion to node --test, which runs it from the package", () => {
    const file = join(folder, "once.test.mjs");
    const testing = new URL("../../dist/testing/index.js", import.meta.url).href;
    const text = `
      import assert from "node:assert/strict";
      import { test } from "node:test";
      import { expectOnce } from ${JSON.stringify(testing)};
      const sent = new Map();
      const post = ({ url, reference }) => fetch(url + "/pay/" + reference, { method: "POST" });
      const once = (call) => sent.get(call.reference) ?? sent.set(call.reference, post(call)).get(call.reference);
      test("remembered", () => expectOnce(once, { scenarios: ["repeat", "storm"] }));
      test("not remembered", () => assert.rejects(() => expectOnce(post, { scenarios: ["repeat"] }), { code: "ERR_ASSERTION" }));
      test("fails", () => expectOnce(post, { scenarios: ["repeat"] }));`;
    writeFileSync(file, text);
    const env = { ...process.env };
    delete env.NODE_OPTIONS;
    delete env.NODE_TEST_CONTEXT;
    let printed = "";
    try {
      execFileSync(process.execPath, ["--test", "--test-reporter=tap", file], { encoding: "utf8", env, stdio: "pipe" });
    } catch (error) {
      printed = (error as { stdout: string }).stdout;
    }
    expect(printed).toMatch(/^ok 1 - remembered/m);
    expect(printed).toMatch(/^ok 2 - not remembered/m);
    expect(printed).toMatch(/^not ok 3 - fails/m);
    expect(printed).toMatch(/repeat +3 times/);
  });
});
