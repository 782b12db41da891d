import { randomInt } from "node:crypto";
import { rmSync } from "node:fs";
import { expect, it } from "vitest";
import { type KillReport, killLoop } from "./kill-loop.ts";

// The short version of `bench/long/kills.ts`. They end by counts; what is told about the machine is only in the report.

const KILLS = 30;
const onLinux = process.platform === "linux" ? it.concurrent : it.skip;

function told({ violations, told: answers, states, ...report }: KillReport): void {
  console.log(JSON.stringify({ ...report, told: answers, states, violations: violations.length }));
}

function seedOf(name: string): number {
  const seed = Number(process.env.ONCEGUARD_TEST_SEED ?? randomInt(2 ** 31));
  console.log(`${name}: ONCEGUARD_TEST_SEED=${seed}`);
  return seed;
}

it.concurrent(`SQLite, ${KILLS} kills: effects = ledger = receipts, and every history is one of a single request`, async () => {
  const report = await killLoop({ site: "sqlite", kills: KILLS, seed: seedOf("sqlite"), workers: 3 });
  told(report);
  expect(report.violations).toEqual([]);
  expect(report).toMatchObject({ kills: KILLS, evidence: null });
  expect(report.openCalls).toBeGreaterThan(0);
  expect(report.effects).toBeGreaterThan(0);
});

it.concurrent(`PostgreSQL, ${KILLS} kills and an immediate stop, behind a proxy that loses acknowledgements`, async () => {
  const seed = seedOf("postgres");
  const report = await killLoop({ site: "postgres", kills: KILLS, seed, workers: 3, strikeEvery: KILLS });
  told(report);
  expect(report.violations).toEqual([]);
  expect(report).toMatchObject({ kills: KILLS, strikes: 1 });
  expect(report.effects).toBeGreaterThan(0);
});

onLinux("a synchronous standby takes over, and nothing acknowledged is lost", async () => {
  const seed = seedOf("failover");
  const report = await killLoop({ site: "failover", kills: 20, seed, workers: 3, strikeEvery: 20 });
  told(report);
  expect(report.violations).toEqual([]);
  expect(report).toMatchObject({ kills: 20, strikes: 1 });
});

it.concurrent("notices a world that forgets its keys", async () => {
  const report = await killLoop({ site: "sqlite", kills: KILLS, seed: 1, workers: 3, planted: "forgetful_world" });
  expectNoticed(report, /^it happened 2 times/);
});

it.concurrent("notices a database that loses what it has acknowledged", async () => {
  const planted = "forgetful_database";
  const report = await killLoop({ site: "postgres", kills: 30, seed: 1, workers: 3, strikeEvery: 36, planted });
  expectNoticed(report, /there is no receipt|happened 2 times/);
});

function expectNoticed({ violations, evidence }: KillReport, finding: RegExp): void {
  const found = violations.map(({ what }) => what);
  expect(found).toContainEqual(expect.stringMatching(finding));
  expect(found).toContainEqual(expect.stringContaining("looks like no single request"));
  expect(evidence).not.toBeNull();
  rmSync(evidence ?? "", { recursive: true });
}
