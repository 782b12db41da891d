import { readFileSync, statSync, writeFileSync } from "node:fs";
import { beforeEach, expect, test } from "vitest";
import { Folder, startProcess } from "./cli.ts";

const source = (path: string) => new URL(`../../src/${path}`, import.meta.url).href;

/** Shipments are files beside the config: outside of the store, and easy to look at. */
const CONFIG = `
import { readFileSync, writeFileSync } from "node:fs";
import { defineAction } from "${source("core/action.ts")}";
const read = (id) => JSON.parse(readFileSync("shipment-" + id + ".json", "utf8"));
const write = (id, value) => writeFileSync("shipment-" + id + ".json", JSON.stringify(value));
export default { actions: [defineAction({
  name: "flag",
  riskTier: "side_effecting",
  keyFields: ["id"],
  record: (p) => "shipment:" + p.id,
  before: (p) => read(p.id),
  execute: (p) => write(p.id, { ...read(p.id), priority: p.priority }),
  compensate: (p, { before }) => write(p.id, before),
})] };
`;

const FLAG = `
import { createGuard } from "${source("pipeline/create-guard.ts")}";
import { sqliteStore } from "${source("stores/sqlite/sqlite-store.ts")}";
import config from "./onceguard.config.ts";
const guard = createGuard({ store: sqliteStore({ path: "onceguard.db" }), actions: config.actions, spill: false });
for (const id of ["1", "2", "3"]) await guard.execute("flag", { id, priority: "<b>urgent</b>" }, { runId: "run-1" });
await guard.close();
`;

let folder: Folder;
const shipment = (id: string) => JSON.parse(readFileSync(folder.file(`shipment-${id}.json`), "utf8"));

beforeEach(async () => {
  folder = new Folder();
  for (const id of ["1", "2", "3"]) {
    writeFileSync(
      folder.file(`shipment-${id}.json`),
      JSON.stringify({ priority: "normal", to: "<script>alert(1)</script>" }),
    );
  }
  writeFileSync(folder.file("onceguard.config.ts"), CONFIG);
  writeFileSync(folder.file("flag.ts"), FLAG);
  const { code, stderr } = await startProcess(process.execPath, ["flag.ts"], folder.path).ended;
  expect(stderr).not.toContain("Error");
  expect(code).toBe(0);
});

test("blast-radius: a table, one JSON document, and a page with everything escaped", async () => {
  const table = await folder.onceguard("blast-radius", "--run", "run-1");
  expect(table.code).toBe(0);
  expect(table.stdout).toContain('priority: "normal" -> "<b>urgent</b>"');
  expect(table.stdout).toMatch(/requests +3\n/);
  const { json } = await folder.onceguard("blast-radius", "--where", "before.priority=normal", "--json");
  expect(json().rows).toHaveLength(3);
  expect(json().rows[0]).toMatchObject({
    undo: "yes",
    certainty: "happened",
    changes: [{ path: "priority", from: "normal", to: "<b>urgent</b>" }],
    receipt: { run_id: "run-1", state: "succeeded" },
  });
  expect((await folder.onceguard("blast-radius", "--run", "run-1", "--html", "page.html")).code).toBe(0);
  const page = readFileSync(folder.file("page.html"), "utf8");
  expect(page).toContain("&lt;b&gt;urgent&lt;/b&gt;");
  expect(page).not.toMatch(/<b>|<script|https?:\/\/(?!www\.w3)/);
  expect(page).toContain("default-src 'none'");
  expect(statSync(folder.file("page.html")).mode & 0o077).toBe(0);
  const again = await folder.onceguard("blast-radius", "--run", "run-1", "--html", "page.html");
  expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining("is there already") });
  expect((await folder.onceguard("blast-radius", "--run", "nobody")).stdout).toBe("Nothing was touched.\n");
});

test("correct: a plan, a dry run, the correction, and the same again", async () => {
  const { json } = await folder.onceguard("blast-radius", "--run", "run-1", "--plan", "plan.json", "--json");
  const { token } = json();
  writeFileSync(folder.file("shipment-2.json"), JSON.stringify({ priority: "lost" }));
  const dry = await folder.onceguard("correct", "plan.json", "--dry-run");
  expect(dry.stdout).toContain("2 correct, 1 review. Nothing was changed.");
  expect(dry.stdout).toContain(token);
  expect(shipment("1").priority).toBe("<b>urgent</b>");
  const args = ["correct", "plan.json", "--token", token, "--reason", "wrong rule", "--actor", "ada"];
  const done = await folder.onceguard(...args);
  expect(done.code).toBe(0);
  expect(done.stdout).toContain("3 rows: 2 corrected, 1 review.");
  expect(shipment("1")).toEqual({ priority: "normal", to: "<script>alert(1)</script>" });
  expect(shipment("2")).toEqual({ priority: "lost" });
  const again = (await folder.onceguard(...args, "--json")).json();
  expect(again).toMatchObject({ complete: true, run_id: `correction:${token.slice(0, 16)}` });
  expect(again.rows.map((row: { result: string }) => row.result).sort()).toEqual(["corrected", "corrected", "review"]);
  const log = (await folder.onceguard("log", "--run", again.run_id, "--event", "compensate", "--json")).json();
  expect(log.entries).toHaveLength(3);
  expect(log.entries[0]).toMatchObject({ actor: "ada", detail: { reason: "wrong rule" } });
  expect((await folder.onceguard("review")).stdout).toContain("flag~undo");
});

test("correct: what was changed in the plan, or belongs to another, is refused", async () => {
  const { json } = await folder.onceguard("blast-radius", "--run", "run-1", "--plan", "plan.json", "--json");
  const plan = JSON.parse(readFileSync(folder.file("plan.json"), "utf8"));
  plan.rows.pop();
  writeFileSync(folder.file("less.json"), JSON.stringify(plan));
  const refused = await folder.onceguard("correct", "less.json", "--token", json().token, "--reason", "x");
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("docs/errors/plan-changed.md");
  expect(shipment("1").priority).toBe("<b>urgent</b>");
});

test.each([
  [["blast-radius"], "say what went wrong"],
  [["blast-radius", "--where", "x"], "--where takes FIELD=VALUE"],
  [["correct", "plan.json"], "the plan plan.json cannot be read"],
  [["correct", "onceguard.config.ts"], "cannot be read"],
  [["correct", "shipment-1.json", "--dry-run"], "is no plan"],
])("%j: bad usage", async (args, message) => {
  const { code, stderr } = await folder.onceguard(...args);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
});

test("correct without a token or a reason: bad usage", async () => {
  await folder.onceguard("blast-radius", "--run", "run-1", "--plan", "plan.json");
  expect((await folder.onceguard("correct", "plan.json", "--reason", "x")).stderr).toContain("--token is missing");
  expect((await folder.onceguard("correct", "plan.json", "--token", "x")).stderr).toContain("--reason is missing");
});
