import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createGuard } from "onceguard";
import { sqliteStore } from "onceguard/sqlite";
import { holds, say, story } from "../support/story.ts";
import { call, flagShipment } from "./flag-shipment.ts";
import type { Line } from "./shipments.ts";

const WRONG = 10_000;
const RIGHT = 200;
/** A clerk has looked at these in the meantime, and changed them. */
const BY_HAND = 40;

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "onceguard-example-"));
const store = join(folder, "onceguard.db");
const plan = join(folder, "plan.json");
const ledger = join(folder, "ledger.jsonl");

await story("A bug flags ten thousand shipments as urgent", async () => {
  const world = fork(here("shipments.ts"), [ledger]);
  try {
    process.env.SHIPMENTS_URL = String((await once(world, "message"))[0]);
    await tell();
  } finally {
    world.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
});

async function tell(): Promise<void> {
  console.log("\nWhat went wrong");
  await flag(RIGHT, (n) => ({ id: `r${n}`, priority: "high" }), "nightly-1");
  await flag(WRONG, (n) => ({ id: `w${n}`, priority: "urgent" }), "nightly-2");
  for (let n = 0; n < BY_HAND; n++) await call("PUT", `w${n * 100}`, { carrier: "air" }, "clerk");
  say(`run nightly-1 flagged ${RIGHT} shipments, as it should`);
  say(`run nightly-2 flagged ${WRONG} with a rule that was wrong; a clerk has changed ${BY_HAND} of them since`);

  console.log("\nThe blast radius");
  const radius = await onceguard("blast-radius", "--run", "nightly-2", "--plan", plan, "--json");
  const { rows, token } = JSON.parse(radius.stdout) as { rows: { undo: string }[]; token: string };
  holds("records touched by nightly-2", rows.length, WRONG);
  holds("of them can be undone", rows.filter(({ undo }) => undo === "yes").length, WRONG);
  const preview = JSON.parse((await onceguard("correct", plan, "--dry-run", "--json")).stdout) as {
    rows: { would: string }[];
  };
  holds("would be corrected", preview.rows.filter(({ would }) => would === "correct").length, WRONG - BY_HAND);
  holds("would go to a person", preview.rows.filter(({ would }) => would === "review").length, BY_HAND);
  holds("changes made by the dry run", lines("correction").length, 0);

  console.log("\nThe correction, killed every few hundred records");
  const args = ["correct", plan, "--token", token, "--reason", "the rule was wrong", "--json"];
  let kills = 0;
  let last = await killedAfter(300, args);
  while (last.signal === "SIGKILL") {
    kills += 1;
    last = await killedAfter(400 + ((kills * 211) % 700), args);
  }
  const report = JSON.parse(last.stdout) as { complete: boolean; rows: { result: string; restored: boolean }[] };
  holds("killed with SIGKILL at least ten times", kills >= 10, true);
  holds("every row is accounted for", report.complete, true);
  holds(
    "rows reported as corrected",
    report.rows.filter(({ result }) => result === "corrected").length,
    WRONG - BY_HAND,
  );
  holds("rows that wait for a person", report.rows.filter(({ result }) => result === "review").length, BY_HAND);
  holds("records that are as they were", report.rows.filter(({ restored }) => restored).length, WRONG - BY_HAND);

  console.log("\nWhat the shipping system's own ledger says");
  const undone = new Map<string, number>();
  for (const { id } of lines("correction")) undone.set(id, (undone.get(id) ?? 0) + 1);
  const newest = new Map(lines().map((line) => [line.id, line]));
  const touched = [...newest.values()].filter(({ id }) => id.startsWith("w"));
  holds("shipments that were corrected", undone.size, WRONG - BY_HAND);
  holds("corrected more than once", [...undone.values()].filter((times) => times > 1).length, 0);
  holds("corrected although right", [...undone.keys()].filter((id) => !id.startsWith("w")).length, 0);
  holds(
    "the clerk's changes that were overwritten",
    touched.filter(({ carrier, by }) => carrier === "air" && by !== "clerk").length,
    0,
  );
  holds("still urgent", touched.filter(({ priority }) => priority === "urgent").length, BY_HAND);
}

async function flag(count: number, shipment: (n: number) => { id: string; priority: string }, runId: string) {
  const guard = createGuard({ store: sqliteStore({ path: store }), actions: [flagShipment], spill: false });
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await guard.execute("flag_shipment", shipment(next++), { runId });
  };
  await Promise.all(Array.from({ length: 64 }, worker));
  await guard.close();
}

/** The judge takes nobody's word: the file itself. */
function lines(by?: string): Line[] {
  const text = readFileSync(ledger, "utf8");
  const all = text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
  return all.filter((line) => by === undefined || line.by === by);
}

interface Ended {
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
}

function start(args: readonly string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const program = here("../../packages/onceguard/bin/onceguard.js");
  const common = ["--store", `sqlite:${store}`, "--config", here("onceguard.config.ts")];
  const child = spawn(process.execPath, [program, ...args, ...common], { stdio: ["ignore", "pipe", "inherit"] });
  let stdout = "";
  child.stdout?.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  const ended = once(child, "close").then(([, signal]) => ({ signal: signal as NodeJS.Signals | null, stdout }));
  return { child, ended };
}

function onceguard(...args: string[]): Promise<Ended> {
  return start(args).ended;
}

/** Kills it once so many more corrections stand in the ledger; null where it was done before. */
async function killedAfter(more: number, args: readonly string[]): Promise<Ended> {
  const enough = size("correction") + more;
  const { child, ended } = start(args);
  const watch = setInterval(() => {
    if (size("correction") >= enough) child.kill("SIGKILL");
  }, 20);
  return ended.finally(() => clearInterval(watch));
}

/** Counted without parsing: it is looked at fifty times a second. */
function size(by: string): number {
  return readFileSync(ledger, "utf8").split(`"by":"${by}"`).length - 1;
}
