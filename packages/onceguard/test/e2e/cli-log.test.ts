import { expect, test } from "vitest";
import { defineAction } from "../../src/core/action.ts";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import { sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import { Folder } from "./cli.ts";

const flag = defineAction({
  name: "flag",
  riskTier: "side_effecting",
  keyFields: ["id"],
  record: (p: { id: string }) => `=shipment:${p.id}`,
  before: () => ({ priority: 'a "b", c' }),
  after: () => ({ priority: "high" }),
  execute: () => "done",
});

/** A folder with a store in it, and a guard that works on it. */
function place() {
  const folder = new Folder();
  const store = sqliteStore({ path: folder.file("onceguard.db") });
  return { folder, guard: createGuard({ store, actions: [flag], sweepEvery: false, spill: false }) };
}

async function filled() {
  const { folder, guard } = place();
  for (const id of ["1", "2", "3"]) await guard.execute("flag", { id }, { runId: `run-${id}`, actor: "agent-7" });
  await guard.execute("flag", { id: "1" }, { runId: "run-9" });
  await guard.close();
  return folder;
}

test("log: filters, as a table and as JSON", async () => {
  const folder = await filled();
  const all = (await folder.onceguard("log", "--json")).json();
  expect(all.entries).toHaveLength(10);
  expect(all.has_more).toBe(false);
  expect(all.entries[1]).toMatchObject({ event: "before", before: { priority: 'a "b", c' }, record_id: "=shipment:1" });
  const ofRun = (await folder.onceguard("log", "--run", "run-9", "--json")).json();
  expect(ofRun.entries).toMatchObject([{ event: "replayed", cause: "unknown", run_id: "run-9", tenant: "default" }]);
  const newest = (await folder.onceguard("log", "--event", "claim,success", "--limit", "2", "--json")).json();
  expect(newest.entries.map((one: { event: string }) => one.event)).toEqual(["claim", "success"]);
  expect(newest.has_more).toBe(true);
  expect(
    (await folder.onceguard("log", "--since", "1h", "--record", "=shipment:2", "--json")).json().entries,
  ).toHaveLength(3);
  expect((await folder.onceguard("log", "--until", "1h", "--json")).json().entries).toEqual([]);
  const table = await folder.onceguard("log", "--actor", "agent-7", "--request", all.entries[0].request_id);
  expect(table.stdout.split("\n")[0]).toMatch(/^AT +EVENT +REQUEST +ACTION +RECORD +STATE +TRY +BY +CAUSE +DETAIL$/);
  expect(table.stdout).toContain("agent-7 in run-1");
});

test("log --ndjson: everything, oldest first, a document per line", async () => {
  const folder = await filled();
  const { stdout, code } = await folder.onceguard("log", "--ndjson");
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(code).toBe(0);
  expect(lines).toHaveLength(10);
  expect(lines.map(({ seq }) => seq)).toEqual(lines.map(({ seq }) => seq).toSorted((a, b) => a - b));
});

test("log --csv: quoted, and no formula for a spreadsheet", async () => {
  const folder = await filled();
  const { stdout } = await folder.onceguard("log", "--csv", "--event", "before", "--limit", "1");
  const [head, line, ...more] = stdout.trimEnd().split("\n");
  expect(more).toEqual([]);
  expect(head).toMatch(/^seq,at,tenant,request_id,event,/);
  expect(line).toContain(",'=shipment:1,run-1,agent-7,");
  expect(line).toContain('"{""priority"":""a \\""b\\"", c""}"');
});

test("log --follow: what happens while it is looked at, each entry once, until it is stopped", async () => {
  const { folder, guard } = place();
  await guard.execute("flag", { id: "old" });
  const { child, ended } = folder.start(["log", "--follow", "--ndjson", "--event", "success"]);
  let stdout = "";
  child.stdout?.on("data", (text) => {
    stdout += text;
  });
  const count = () => stdout.split("\n").length - 1;
  await folder.until(() => count() === 1, "the old entry");
  for (let n = 0; n < 5; n++) await guard.execute("flag", { id: `new-${n}` });
  await folder.until(() => count() === 6, "the new entries");
  await new Promise((resolve) => setTimeout(resolve, 700));
  child.kill("SIGINT");
  expect((await ended).code).toBe(0);
  expect(new Set(stdout.trimEnd().split("\n")).size).toBe(6);
  expect(count()).toBe(6);
  await guard.close();
});

test.each([
  [["--json", "--csv"], "give one of --json and --csv"],
  [["--follow", "--json"], "use --ndjson"],
  [["--follow", "--until", "1h"], "--follow has no --until"],
  [["--cause", "boredom"], '"boredom" is no cause'],
  [["--since", "yesterday"], "Expected a time with its zone"],
])("log %j: bad usage", async (args, message) => {
  const folder = new Folder();
  const { code, stderr } = await folder.onceguard("log", ...args);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
});
