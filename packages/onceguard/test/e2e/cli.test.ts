import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { createDatabase } from "../support/postgres.ts";
import { Folder, freshId, startProcess } from "./cli.ts";

const DOCS = "https://github.com/onceguard/onceguard/blob/main/docs/errors/";
const ESCAPE = "\u001b";

it("teaches: every command has a sentence, examples and exit codes", async () => {
  const folder = new Folder();
  const commands = [
    [],
    ["demo"],
    ["init"],
    ["run"],
    ["receipts"],
    ["receipts", "list"],
    ["receipts", "show"],
    ["review"],
    ["review", "list"],
    ["review", "resolve"],
    ["reconcile"],
    ["migrate"],
    ["doctor"],
  ];
  const helps = await Promise.all(commands.map((command) => folder.onceguard(...command, "--help")));
  for (const [n, help] of helps.entries()) {
    expect(help).toMatchObject({ code: 0, stderr: "" });
    for (const part of ["Usage: onceguard", ".\n", "Examples:\n  $ onceguard", "Exit codes:", "--help"]) {
      expect(help.stdout, commands[n]?.join(" ")).toContain(part);
    }
  }
  expect((await folder.onceguard()).stdout).toBe((await folder.onceguard("--help")).stdout);
  expect((await folder.onceguard("--version")).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

it.each([
  ["an unknown command", ["frobnicate"], "unknown command 'frobnicate'. See onceguard --help"],
  ["a misspelt command", ["recipts"], "(Did you mean receipts?)"],
  ["an unknown subcommand", ["receipts", "lst"], 'there is no "onceguard receipts lst"'],
  ["an unknown option", ["doctor", "--frobnicate"], "unknown option '--frobnicate'. See onceguard doctor --help"],
  ["a missing argument", ["receipts", "show"], "missing required argument 'id'. See onceguard receipts show --help"],
  ["a number that is none", ["receipts", "--limit", "few"], "Expected a whole number from 1. See"],
  ["a state that is none", ["receipts", "--state", "done"], '"done" is no state; there are held, running'],
  ["two decisions", ["review", "resolve", "x", "--retry", "--happened", "--reason", "r"], "exactly one of"],
  ["no reason", ["review", "resolve", "x", "--retry"], "required option '--reason <text>' not specified"],
  ["run without an id", ["run", "--", "true"], "required option '--request-id <id>' not specified"],
  ["run without --", ["run", "--request-id", "x", "./deploy.sh", "--prod"], "put `--` right before the command"],
  ["words before --", ["run", "--request-id", "x", "echo", "--", "true"], "put `--` right before the command"],
  ["run without a command", ["run", "--request-id", "x", "--"], "missing required argument 'command'"],
  [
    "a tier that is none",
    ["run", "--request-id", "x", "--tier", "safe", "--", "true"],
    "Allowed choices are side_effecting",
  ],
  ["a time without a unit", ["run", "--request-id", "x", "--lease", "5 min", "--", "true"], 'such as "30s"'],
  [
    "a lease too short",
    ["run", "--request-id", "x", "--lease", "1ms", "--", "true"],
    'lease is "1ms"; it must be at least 100 ms',
  ],
  [
    "a record that is none",
    ["run", "--request-id", "x", "--record", `evil${ESCAPE}[2J`, "--", "true"],
    "record is not printable text",
  ],
  ["an id that is none", ["run", "--request-id", "", "--", "true"], "The request id is empty"],
])("%s is bad usage: exit 2, one line on stderr, nothing on stdout", async (_, args, message) => {
  const ended = await new Folder().onceguard(...args);
  expect(ended).toMatchObject({ code: 2, stdout: "" });
  expect(ended.stderr).toContain(message);
  const [line = "", docs, ...rest] = ended.stderr.trimEnd().split("\n");
  expect(line.startsWith("onceguard: ")).toBe(true);
  expect(rest).toEqual([]);
  if (docs !== undefined) expect(docs.trim().startsWith(DOCS)).toBe(true);
});

it.each([
  ["mysql://app:secret@db/app", 'There is no store of kind "mysql:"'],
  ["onceguard.db", "The store has no kind"],
  ["sqlite:", "names no file"],
  ["sqlite::memory:", "Receipts in memory end with the process"],
  ["sqlite:///tmp/x.db", 'not by "//"'],
  ["postgres://app:50%@host:port/db", "cannot be read"],
])("the store %s is refused before anything is done", async (store, message) => {
  const folder = new Folder();
  const ended = await folder.onceguard("run", "--store", store, "--request-id", "x", "--", "touch", "ran");
  expect(ended.code).toBe(2);
  expect(ended.stderr).toContain(message);
  expect(ended.stderr).toContain(`${DOCS}invalid-store-url.md`);
  expect(ended.stderr).not.toMatch(/secret|50%/);
  expect(existsSync(folder.file("ran"))).toBe(false);
});

it("init writes a config that works as it is, and overwrites nothing", async () => {
  const folder = new Folder();
  const made = await folder.onceguard("init");
  expect(made).toMatchObject({ code: 0, stderr: "" });
  expect(made.stdout).toContain("wrote  onceguard.config.ts\nwrote  actions/refund.ts\n");
  const doctor = (await folder.onceguard("doctor", "--json")).json();
  expect(doctor).toMatchObject({ ok: true, problems: 0, warnings: 0 });
  expect(doctor.checks).toContainEqual({
    name: "action",
    level: "ok",
    found: "refund_payment: irreversible; effectively once; at most once if the probe never answers",
  });

  writeFileSync(folder.file("onceguard.config.ts"), "// mine");
  const again = await folder.onceguard("init");
  expect(again).toMatchObject({ code: 1, stdout: "" });
  expect(again.stderr).toContain("onceguard.config.ts and actions/refund.ts are there already; nothing was written");
  expect(readFileSync(folder.file("onceguard.config.ts"), "utf8")).toBe("// mine");
  expect((await folder.onceguard("init", "--force", "--json")).json()).toEqual({
    written: ["onceguard.config.ts", "actions/refund.ts"],
  });
  expect(readFileSync(folder.file("onceguard.config.ts"), "utf8")).toContain("defineConfig");
});

it("looks at receipts without making a store, and says when there is none", async () => {
  const folder = new Folder();
  for (const command of [["receipts"], ["review"], ["reconcile"], ["receipts", "show", "x"]]) {
    const ended = await folder.onceguard(...command);
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(ended.stderr).toContain("There is no store at onceguard.db");
  }
  expect(existsSync(folder.file("onceguard.db"))).toBe(false);
  expect((await folder.onceguard("migrate")).stdout).toBe("sqlite:onceguard.db is at schema version 1.\n");
  expect(statSync(folder.file("onceguard.db")).mode & 0o777).toBe(0o600);
  expect((await folder.onceguard("migrate", "--json")).json()).toEqual({
    store: "sqlite:onceguard.db",
    schema_version: 1,
  });
  expect((await folder.onceguard("receipts")).stdout).toBe("No receipts.\n");
  expect((await folder.onceguard("receipts", "--json")).json()).toEqual({ receipts: [], has_more: false });
  expect((await folder.onceguard("review")).stdout).toBe("Nothing waits for a person.\n");
  expect((await folder.onceguard("reconcile")).stdout).toBe("Nothing is in doubt.\n");
});

it("takes the store from --store, then ONCEGUARD_STORE, then the config, then the default", async () => {
  const folder = new Folder();
  mkdirSync(folder.file("conf"));
  writeFileSync(folder.file("conf/onceguard.config.json"), '{ "store": "sqlite:\u0024{NAME}.db" }');
  const config = ["--config", "conf/onceguard.config.json"];
  const storeOf = async (args: string[], env: Record<string, string> = {}) =>
    (await folder.start(["migrate", "--json", ...args], { env }).ended).json();
  expect(await storeOf([])).toMatchObject({ store: "sqlite:onceguard.db" });
  // Relative to the config file, whatever folder it is used from.
  expect(await storeOf(config, { NAME: "b" })).toMatchObject({ store: "sqlite:conf/b.db" });
  expect(await storeOf(config)).toMatchObject({ error: { code: "invalid_config" } });
  expect(await storeOf(config, { ONCEGUARD_STORE: "sqlite:c.db" })).toMatchObject({ store: "sqlite:c.db" });
  expect(await storeOf(["--store", "sqlite:d.db"], { ONCEGUARD_STORE: "sqlite:c.db" })).toMatchObject({
    store: "sqlite:d.db",
  });
});

it.each([
  ["does not exist", null, "nope.json cannot be used: it does not exist"],
  ["is not JSON", "{", "it is not JSON"],
  ["is not an object", "[]", "an object with `store` and `actions`"],
  ["has an action without a name", '{"actions":[{"kind":"command"}]}', "one of its actions has no `name`"],
  [
    "has an action of an unknown kind",
    '{"actions":[{"kind":"ftp","name":"a"}]}',
    'there are "module", "command", "http", "mcp" and "external"',
  ],
  ["has an http action without a url", '{"actions":[{"kind":"http","name":"a"}]}', "`url` must be a text"],
  [
    "has a command that is a string",
    '{"actions":[{"kind":"command","name":"a","command":"rm -rf"}]}',
    "must be a list of arguments",
  ],
  [
    "splices a field into an argument",
    '{"actions":[{"kind":"command","name":"a","command":["x","--v={v}"]}]}',
    "make it an argument of its own",
  ],
  [
    "misses a secret",
    '{"actions":[{"kind":"command","name":"a","command":["x","\u0024{NOT_SET}"]}]}',
    "uses \u0024{NOT_SET}, which is not set",
  ],
  [
    "names a module that is not there",
    '{"actions":[{"kind":"module","name":"a","module":"./a.js"}]}',
    "./a.js cannot be used: Error: Cannot find module",
  ],
])("a config that %s: exit 2, one line", async (_, text, message) => {
  const folder = new Folder();
  await folder.onceguard("migrate");
  if (text !== null) writeFileSync(folder.file("nope.json"), text);
  const ended = await folder.onceguard("reconcile", "--config", "nope.json");
  expect(ended).toMatchObject({ code: 2, stdout: "" });
  expect(ended.stderr.split("\n")[0]).toContain(message);
  expect(ended.stderr).toContain(`${DOCS}invalid-config.md`);
});

it("reconcile settles what a config's actions can, and --check tells cron what is left", async () => {
  const folder = new Folder();
  const id = freshId("left");
  const doubtful = ["run", "--request-id", id, "--", "sh", "-c", "kill -9 $$"];
  expect((await folder.onceguard(...doubtful)).code).toBe(75);
  expect((await folder.onceguard("review")).stdout).toMatch(
    /Nothing waits for a person\.\n\n1 request in doubt: onceguard reconcile/,
  );

  const moved = await folder.onceguard("reconcile", "--check");
  expect(moved.code).toBe(1);
  expect(moved.stdout).toMatch(
    /moved {2}left:\w+ {2}run {5}review {2}no_capability {2}onceguard review\n\n1 moved, 1 still open\.\n$/,
  );
  expect((await folder.onceguard("reconcile")).code).toBe(0);
  const one = (await folder.onceguard("reconcile", id, "--json", "--check")).json();
  expect(one).toMatchObject({ moved: [], open: [{ request_id: id, state: "review", reason: "no_capability" }] });
  expect((await folder.onceguard("reconcile", "nobody")).stderr).toContain(
    'there is no receipt for request id "nobody"',
  );
  expect((await folder.onceguard("doctor")).stdout).toContain("warning  in review  1 waiting for a person");

  await folder.onceguard("review", "resolve", id, "--did-not-happen", "--reason", "looked");
  expect((await folder.onceguard("reconcile", "--check")).code).toBe(0);
});

it("reconcile asks the probe of a command in the config, from the config's folder", async () => {
  const folder = new Folder();
  writeFileSync(
    folder.file("onceguard.config.json"),
    JSON.stringify({
      actions: [
        {
          name: "ship",
          kind: "command",
          riskTier: "irreversible",
          keyFields: ["order"],
          record: "order:{order}",
          command: ["sh", "-c", 'cat >> ledger; echo " $1" >> ledger; kill -9 $PPID', "ship", "{order}"],
          probe: { command: ["sh", "-c", 'grep -q " $1" ledger && echo found', "probe", "{order}"] },
        },
      ],
    }),
  );
  // A library user's process that is killed by its command, after the effect and before the receipt.
  const crash = `
    import { createGuard } from ${JSON.stringify(new URL("../../src/index.ts", import.meta.url).href)};
    import { sqliteStore } from ${JSON.stringify(new URL("../../src/stores/sqlite/sqlite-store.ts", import.meta.url).href)};
    import { loadConfig } from ${JSON.stringify(new URL("../../src/cli/load-config.ts", import.meta.url).href)};
    const config = await loadConfig("onceguard.config.json");
    const guard = createGuard({ store: sqliteStore({ path: "onceguard.db" }), actions: await config.actions(), sweepEvery: false, lease: "300ms" });
    await guard.execute("ship", { order: "A1" });
    console.log("not reached");`;
  const crashed = await startProcess(process.execPath, ["--input-type=module", "-e", crash], folder.path).ended;
  expect(crashed).toMatchObject({ signal: "SIGKILL", stdout: "" });
  expect(folder.lines("ledger")).toEqual(['{"order":"A1"} A1']);

  await sleep(300);
  const { moved } = (await folder.onceguard("reconcile", "--json")).json();
  expect(moved).toMatchObject([{ action: "ship", record_id: "order:A1", state: "succeeded", evidence: "probe" }]);
  const { receipt } = (await folder.onceguard("receipts", "show", moved[0].request_id, "--json")).json();
  expect(receipt).toMatchObject({
    key_source: "business_key",
    payload: { order: "A1" },
    result: { exit_code: 0, stdout: "found\n" },
  });
  expect(folder.lines("ledger")).toHaveLength(1);
});

it("reconcile --watch goes on until it is told to stop", async () => {
  const folder = new Folder();
  const id = freshId("watched");
  await folder.onceguard("run", "--request-id", id, "--", "sh", "-c", "kill -9 $$");
  const watching = folder.start(["reconcile", "--watch", "--every", "100ms", "--json"]);
  let seen = "";
  watching.child.stdout?.on("data", (text: string) => {
    seen += text;
  });
  await folder.until(() => seen.includes("\n"), "the first line");
  watching.child.kill("SIGTERM");
  const ended = await watching.ended;
  expect(ended.code).toBe(0);
  expect(ended.json()).toMatchObject({ request_id: id, state: "review" });
});

it("lists and shows receipts, for people and as JSON", async () => {
  const folder = new Folder();
  const [first, second] = [freshId("a"), freshId("b")];
  await folder.onceguard(
    "run",
    "--request-id",
    first,
    "--record",
    "order:A1",
    "--",
    "sh",
    "-c",
    "echo out; echo err >&2; exit 4",
  );
  await folder.onceguard("run", "--request-id", second, "--", "./missing");

  const list = await folder.onceguard("receipts");
  expect(list).toMatchObject({ code: 0, stderr: "" });
  const [head, ...rows] = list.stdout.trimEnd().split("\n");
  expect(head).toMatch(/^REQUEST +ACTION +RECORD +STATE +TRIES +SINCE$/);
  expect(rows.map((row) => row.split(/ +/).slice(0, 5))).toEqual([
    [second, "run", "-", "failed", "1"],
    [first, "run", "order:A1", "succeeded", "1"],
  ]);
  expect((await folder.onceguard("receipts", "--limit", "1")).stderr).toContain(
    "these are the newest 1; there are more",
  );

  const filtered = (
    await folder.onceguard("receipts", "list", "--state", "succeeded,review", "--record", "order:A1", "--json")
  ).json();
  expect(filtered).toMatchObject({
    has_more: false,
    receipts: [{ request_id: first, key_source: "explicit", attempt_number: 1 }],
  });
  expect(filtered.receipts).toHaveLength(1);
  expect(Object.keys(filtered.receipts[0]).filter((key) => /[A-Z]/.test(key))).toEqual([]);

  const shown = (await folder.onceguard("receipts", "show", first, "--json")).json();
  expect(shown.receipt).toMatchObject({
    request_id: first,
    state: "succeeded",
    evidence: "effect",
    payload: { command: ["sh", "-c", "echo out; echo err >&2; exit 4"] },
    result: { exit_code: 4, stdout: "out\n", stderr: "err\n" },
    created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    due_at: null,
  });
  expect(shown.log.map((entry: { event: string }) => entry.event)).toEqual(["claim", "success"]);
  const text = await folder.onceguard("receipts", "show", first);
  expect(text.stdout).toMatch(/^request {3}a:\w+\nstate {5}succeeded\nknown by {2}effect\n/);
  expect(text.stdout).toMatch(/promise {3}at most once; a crash becomes a question\n/);
  const missing = await folder.onceguard("receipts", "show", "nobody", "--json");
  expect(missing).toMatchObject({
    code: 1,
    stderr: 'onceguard: there is no receipt for request id "nobody" in sqlite:onceguard.db\n',
  });
  expect(missing.json()).toMatchObject({ error: { message: expect.stringContaining("nobody") } });
});

it("a person settles what no machine can, bound to what was looked at", async () => {
  const folder = new Folder();
  const id = freshId("pay");
  const run = ["run", "--request-id", id, "--", "sh", "-c", "echo paid >> ledger; kill -9 $$"];
  await folder.onceguard(...run);
  await folder.onceguard("reconcile");
  const review = (await folder.onceguard("review", "--json")).json();
  expect(review).toMatchObject({
    in_doubt: 0,
    reviews: [{ request_id: id, version: 3, route: "operator", payload: { command: expect.any(Array) } }],
  });
  expect((await folder.onceguard("review")).stdout).toContain(
    `onceguard review resolve ${id} --happened|--did-not-happen|--retry`,
  );

  const stale = await folder.onceguard("review", "resolve", id, "--happened", "--reason", "r", "--expect-version", "2");
  expect(stale).toMatchObject({ code: 1, stdout: "" });
  expect(stale.stderr).toContain("the decision was made on version 2, it is now 3");
  const result = '{"exit_code":3,"stdout":"paid by hand\\n"}';
  expect((await folder.onceguard("review", "resolve", id, "--retry", "--reason", "r", "--result", result)).code).toBe(
    2,
  );
  expect((await folder.onceguard("review", "resolve", id, "--happened", "--reason", "r", "--result", "{")).code).toBe(
    2,
  );

  const settled = await folder.onceguard(
    "review",
    "resolve",
    id,
    "--happened",
    "--reason",
    "it is in the books",
    "--actor",
    "mo",
    "--expect-version",
    "3",
    "--result",
    result,
  );
  expect(settled).toMatchObject({ code: 0, stdout: `${id} is now succeeded\n`, stderr: "" });
  expect(await folder.onceguard(...run)).toMatchObject({ code: 3, stdout: "paid by hand\n" });
  expect(folder.lines("ledger")).toEqual(["paid"]);
  const again = await folder.onceguard("review", "resolve", id, "--did-not-happen", "--reason", "r");
  expect(again.code).toBe(1);
  const { log } = (await folder.onceguard("receipts", "show", id, "--json")).json();
  expect(log.at(-2)).toMatchObject({
    event: "resolve",
    actor: "mo",
    detail: { decision: "happened", reason: "it is in the books" },
  });
});

it("doctor names what is wrong and how to mend it", async () => {
  const folder = new Folder();
  const fresh = await folder.onceguard("doctor");
  expect(fresh.code).toBe(0);
  expect(fresh.stdout).toContain("sqlite:onceguard.db is not there yet; the first use makes it");
  expect(existsSync(folder.file("onceguard.db"))).toBe(false);

  writeFileSync(
    folder.file("onceguard.db"),
    "this is not a database, and it is long enough to be looked at".repeat(20),
    { mode: 0o644 },
  );
  writeFileSync(
    folder.file("onceguard.config.js"),
    "export default { actions: [{ name: 'a', kind: 'module', module: './a.js' }] }",
  );
  const sick = await folder.onceguard("doctor", "--json");
  expect(sick.code).toBe(1);
  expect(sick.json()).toMatchObject({
    ok: false,
    problems: 2,
    warnings: 1,
    checks: expect.arrayContaining([
      expect.objectContaining({ name: "config", level: "problem", found: expect.stringContaining("./a.js") }),
      expect.objectContaining({ name: "file", level: "warning", mend: "chmod 600 onceguard.db*" }),
      expect.objectContaining({
        name: "store",
        level: "problem",
        found: expect.stringContaining("not an SQLite database"),
      }),
    ]),
  });
  expect((await folder.onceguard("doctor", "--store", "postgres://127.0.0.1:1/none")).stdout).toMatch(
    /problem {2}store/,
  );
});

it("works on PostgreSQL as it does on SQLite", async () => {
  const folder = new Folder();
  const env = { ONCEGUARD_STORE: await createDatabase() };
  const onceguard = (...args: string[]) => folder.start(args, { env }).ended;
  const run = ["run", "--request-id", freshId("pg"), "--", "sh", "-c", "echo once >> ledger; echo done"];
  expect(await onceguard(...run)).toMatchObject({ code: 0, stdout: "done\n", stderr: "" });
  expect(await onceguard(...run)).toMatchObject({ code: 0, stdout: "done\n", stderr: "" });
  expect(folder.lines("ledger")).toEqual(["once"]);
  expect((await onceguard("receipts", "--json")).json().receipts).toHaveLength(1);
  const doctor = await onceguard("doctor");
  expect(doctor.code).toBe(0);
  expect(doctor.stdout).toMatch(/ok {7}store +postgres:\/\/.*answers in \d+ ms\n/);
  expect(doctor.stdout).toContain("the store's and this machine's agree");
});

it("refuses a schema from the future", async () => {
  const folder = new Folder();
  await folder.onceguard("migrate");
  const database = new DatabaseSync(folder.file("onceguard.db"));
  database.exec("INSERT INTO onceguard_migration (number, name, breaking) VALUES (9999, 'future', 1)");
  database.close();
  const run = await folder.onceguard("run", "--request-id", "x", "--", "touch", "ran");
  expect(run.code).toBe(69);
  expect(run.stderr).toMatch(/at version 9999; this Onceguard knows up to \d+\. Upgrade Onceguard/);
  expect(existsSync(folder.file("ran"))).toBe(false);
  for (const command of ["migrate", "receipts", "review", "reconcile", "doctor"]) {
    expect((await folder.onceguard(command)).code, command).toBe(1);
  }
});

it("takes the config that init wrote in a package that npm init made, which says commonjs", async () => {
  const folder = new Folder();
  writeFileSync(folder.file("package.json"), JSON.stringify({ name: "app", type: "commonjs" }));
  expect((await folder.onceguard("init")).code).toBe(0);
  const doctor = await folder.onceguard("doctor");
  expect(doctor.stdout).toContain("refund_payment");
  expect([doctor.code, doctor.stderr]).toEqual([0, ""]);
});

it("paints on a terminal only, and never against NO_COLOR", async () => {
  const folder = new Folder();
  await folder.onceguard("run", "--request-id", freshId("c"), "--", "true");
  expect((await folder.onceguard("receipts")).stdout).not.toContain(ESCAPE);
  expect((await folder.start(["receipts"], { env: { FORCE_COLOR: "1" } }).ended).stdout).toContain(ESCAPE);
  // Whatever the environment of these tests says: Node sees no colours wherever CI is set at all.
  const onTerminal = (assignment = "") => {
    const main = new URL("../../src/cli/main.ts", import.meta.url).pathname;
    const command = `env -u CI -u NO_COLOR -u FORCE_COLOR TERM=xterm-256color ${assignment} ${process.execPath} ${main} receipts`;
    return startProcess("script", ["-qec", command, "/dev/null"], folder.path, {}).ended;
  };
  expect((await onTerminal()).stdout).toContain(`${ESCAPE}[32msucceeded`);
  expect((await onTerminal("NO_COLOR=1")).stdout).not.toContain(ESCAPE);
});

it("shows control characters of others instead of obeying them", async () => {
  const folder = new Folder();
  const id = freshId("c");
  await folder.onceguard("run", "--request-id", id, "--", "sh", "-c", "kill -9 $$");
  await folder.onceguard("review", "resolve", id, "--happened", "--reason", `evil${ESCAPE}[2J\u202e`);
  const { stdout } = await folder.onceguard("receipts", "show", id);
  expect(stdout).toContain("evil\\u001b[2J\\u202e");
  expect(stdout).not.toContain(ESCAPE);
});
