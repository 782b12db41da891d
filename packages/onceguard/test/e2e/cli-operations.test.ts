import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { createDatabase } from "../support/postgres.ts";
import { Folder, freshId } from "./cli.ts";
import { requests, withTestGuard } from "./open-requests.ts";
import { Terminal } from "./terminal.ts";

// What operators do besides reviewing: halting, forgetting, restoring; and what a config says to all of it.

const DOCS = "https://github.com/onceguard/onceguard/blob/main/docs/errors/";

it("teaches: every command has a sentence, examples and exit codes", async () => {
  const folder = new Folder();
  const commands = [
    ["halt"],
    ["resume"],
    ["retention"],
    ["restore"],
    ["checklist"],
    ["review", "decide"],
    ["review", "approve"],
    ["review", "deny"],
  ];
  const helps = await Promise.all(commands.map((command) => folder.onceguard(...command, "--help")));
  for (const [n, help] of helps.entries()) {
    expect(help).toMatchObject({ code: 0, stderr: "" });
    for (const part of ["Usage: onceguard", ".\n", "Examples:\n  $ onceguard", "Exit codes:", "--help"]) {
      expect(help.stdout, commands[n]?.join(" ")).toContain(part);
    }
  }
  const main = (await folder.onceguard("--help")).stdout;
  for (const name of ["halt", "resume", "retention", "restore", "checklist"])
    expect(main).toMatch(new RegExp(`^  ${name} `, "m"));
});

it.each([
  ["halt without anything", ["halt"], "say what to halt: onceguard halt run|action|tenant ID --reason TEXT"],
  ["halt without an id", ["halt", "run", "--reason", "r"], "say what to halt"],
  ["halt of no scope", ["halt", "job", "7", "--reason", "r"], '"job" is no scope'],
  ["halt without a reason", ["halt", "run", "7"], "say why, with --reason TEXT"],
  ["halt of two tenants", ["halt", "tenant", "a", "--tenant", "b", "--reason", "r"], "name one tenant"],
  ["halt and list", ["halt", "--list", "run"], "--list takes no scope"],
  ["halt and list for a reason", ["halt", "--list", "--reason", "r"], "--list halts nothing"],
  ["resume without a reason", ["resume", "run", "7"], "required option '--reason <text>' not specified"],
  ["retention of what age", ["retention"], "say how old: --older-than 90d, or `retention` rules"],
  ["retention of an action, without an age", ["retention", "--action", "pay"], "go with --older-than"],
  ["retention in no batches", ["retention", "--older-than", "1d", "--batch", "0"], "a whole number from 1"],
  ["retention without a unit", ["retention", "--older-than", "90"], 'Say which unit: "90d" for days'],
  ["retention of no time", ["retention", "--older-than", "soon"], "Expected a number with ms, s, m, h or d"],
  ["restore of what", ["restore"], "say exactly one of --backup-taken-at TIME, --status, --end"],
  ["restore twice", ["restore", "--status", "--end"], "say exactly one of"],
  ["restore without a zone", ["restore", "--backup-taken-at", "2026-11-21 03:00"], "Expected a time with its zone"],
  ["restore without a reason", ["restore", "--backup-taken-at", "2026-11-21T03:00:00Z"], "say why, with --reason TEXT"],
  [
    "restore --lasts alone",
    ["restore", "--end", "--reason", "r", "--lasts", "1h"],
    "--lasts goes with --backup-taken-at",
  ],
  ["checklist without a config", ["checklist"], "there is no config here"],
  ["deny without a reason", ["review", "deny", "x"], "required option '--reason <text>' not specified"],
])("%s is bad usage: exit 2, one line on stderr, nothing on stdout", async (_, args, message) => {
  const ended = await new Folder().onceguard(...args);
  expect(ended).toMatchObject({ code: 2, stdout: "" });
  expect(ended.stderr).toContain(message);
  expect(ended.stderr).toMatch(/^onceguard: .*\n$/);
});

it("asks the store before it says no to what only a store can tell, and changes nothing", async () => {
  const folder = new Folder();
  await folder.onceguard("migrate");
  const empty = await folder.onceguard("halt", "run", "7", "--reason", " ");
  expect(empty).toMatchObject({ code: 2, stdout: "" });
  expect(empty.stderr).toContain("needs an actor and a reason");
  expect(empty.stderr).toContain(`${DOCS}missing-reason.md`);
  const future = await folder.onceguard("restore", "--backup-taken-at", "2126-01-01T00:00Z", "--reason", "r", "--json");
  expect(future.code).toBe(2);
  expect(future.json()).toMatchObject({
    error: { code: "invalid_option", message: expect.stringContaining("in the past") },
  });
  expect((await folder.onceguard("halt", "--list")).stdout).toBe("Nothing is halted.\n");
  expect((await folder.onceguard("restore", "--status")).stdout).toContain("No restore is in force");
});

it("none of them makes a store where there is none", async () => {
  const folder = new Folder();
  const commands = [
    ["halt", "run", "7", "--reason", "r"],
    ["halt", "--list"],
    ["resume", "run", "7", "--reason", "r"],
    ["retention", "--older-than", "1d"],
    ["restore", "--status"],
    ["review", "approve", "x", "--reason", "r"],
  ];
  for (const ended of await Promise.all(commands.map((args) => folder.onceguard(...args)))) {
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(ended.stderr).toContain("There is no store at onceguard.db");
  }
  expect(folder.exists("onceguard.db")).toBe(false);
});

describe("halt and resume", () => {
  it("stops a run of commands at once, says so, and lets it go on", async () => {
    const folder = new Folder();
    const run = (id: string, run: string) =>
      folder.onceguard("run", "--request-id", id, "--run", run, "--", "sh", "-c", "echo ran >> ledger; echo done");
    const [first, second] = [freshId("h"), freshId("h")];
    expect((await run(first, "job-7")).code).toBe(0);

    const halted = await folder.onceguard("halt", "run", "job-7", "--reason", "it loops", "--actor", "ann");
    expect(halted).toMatchObject({ code: 0, stderr: "" });
    expect(halted.stdout).toBe(
      "Halted: the run job-7. Nothing more of it is claimed or sent, in any process.\nEnds with: onceguard resume run job-7 --reason TEXT\n",
    );
    const stopped = await run(second, "job-7");
    expect(stopped).toMatchObject({ code: 77, stdout: "" });
    expect(stopped.stderr).toBe(
      'onceguard: halted: the run "job-7" is halted: it loops; nothing was executed. Next: onceguard resume run job-7 --reason TEXT\n',
    );
    expect((await run(freshId("h"), "job-8")).code).toBe(0);
    expect(folder.lines("ledger")).toHaveLength(2);

    const again = await folder.onceguard("halt", "run", "job-7", "--reason", "it does", "--actor", "mo");
    expect(again.code).toBe(0);
    expect(again.stdout).toMatch(/^The run job-7 is halted already, since \d+s, by ann: it loops\.\n/);

    const list = await folder.onceguard("halt", "--list");
    const [head, row] = list.stdout.split("\n");
    expect(head).toMatch(/^SCOPE +ID +SINCE +FOR +BY +WHY$/);
    expect(row).toMatch(/^run +job-7 +20\d\d-\S+Z +\d+s +ann +it loops$/);
    expect((await folder.onceguard("halt", "--list", "--json")).json()).toEqual({
      halts: [
        {
          tenant: "default",
          scope: "run",
          id: "job-7",
          reason: "it loops",
          actor: "ann",
          halted_at: expect.stringMatching(/^20\d\d-/),
          resumed_at: null,
          resumed_by: null,
          resume_reason: null,
        },
      ],
      has_more: false,
    });
    const shown = await folder.onceguard("receipts", "show", first);
    expect(shown.stdout).toMatch(/\nhalted {4}the run job-7, since \d+s, by ann: it loops\n/);
    expect((await folder.onceguard("receipts", "show", first, "--json")).json().halt).toMatchObject({ id: "job-7" });
    expect((await folder.onceguard("doctor")).stdout).toMatch(/warning {2}halted +run job-7\n/);

    const resumed = await folder.onceguard("resume", "run", "job-7", "--reason", "corrected");
    expect(resumed).toMatchObject({ code: 0, stderr: "" });
    expect(resumed.stdout).toMatch(/^Resumed: the run job-7, after \d+s\.\n$/);
    expect((await run(second, "job-7")).code).toBe(0);
    const none = await folder.onceguard("resume", "run", "job-7", "--reason", "again");
    expect(none).toMatchObject({ code: 1, stdout: "" });
    expect(none.stderr).toContain('The run "job-7" is not halted.');
    expect((await folder.onceguard("halt", "--list")).stdout).toBe("Nothing is halted.\n");
    expect((await folder.onceguard("halt", "--list", "--all")).stdout).toMatch(
      /job-7 .*it loops +20\S+Z by \S+: corrected\n$/,
    );
  });

  it("says so when the store knows nothing of what is halted: it may be misspelt", async () => {
    const folder = new Folder();
    await folder.onceguard("run", "--request-id", freshId("h"), "--run", "job-7", "--", "true");
    for (const [scope, id] of [
      ["action", "rnu"],
      ["run", "job7"],
      ["tenant", "acme"],
    ] as const) {
      const halted = await folder.onceguard("halt", scope, id, "--reason", "stop");
      expect(halted).toMatchObject({ code: 0, stdout: expect.stringContaining(`Halted: the ${scope} ${id}.`) });
      expect(halted.stderr).toContain(`the store has no request of the ${scope} ${id} so far`);
    }
    for (const [scope, id] of [
      ["action", "run"],
      ["run", "job-7"],
      ["tenant", "default"],
    ] as const) {
      expect((await folder.onceguard("halt", scope, id, "--reason", "stop")).stderr).toBe("");
    }
  });

  it("stops an action, and a tenant whoever names it", async () => {
    const folder = new Folder();
    const run = (...more: string[]) => folder.onceguard("run", "--request-id", freshId("h"), ...more, "--", "true");
    expect((await run("--tenant", "acme")).code).toBe(0);
    const halted = await folder.onceguard("halt", "tenant", "acme", "--reason", "they asked", "--json");
    expect(halted.json()).toMatchObject({ halt: { scope: "tenant", id: "acme", tenant: "acme" }, earlier: false });
    expect((await run("--tenant", "acme")).code).toBe(77);
    expect((await run()).code).toBe(0);
    await folder.onceguard("halt", "action", "run", "--reason", "no more commands");
    expect((await run()).code).toBe(77);
    expect((await folder.onceguard("halt", "--list")).stdout).toMatch(/^SCOPE +ID +TENANT +SINCE/);
    expect((await folder.onceguard("halt", "--list", "--tenant", "acme", "--json")).json().halts).toHaveLength(1);
    const other = await folder.onceguard("resume", "action", "run", "--tenant", "acme", "--reason", "r");
    expect(other.code).toBe(1);
    expect((await folder.onceguard("resume", "tenant", "acme", "--reason", "r")).code).toBe(0);
    expect((await run("--tenant", "acme")).code).toBe(0);
    expect((await run()).code).toBe(77);
  });

  it("names what had begun already", async () => {
    const folder = new Folder();
    const id = freshId("under");
    const { child, ended } = folder.start([
      "run",
      "--request-id",
      id,
      "--run",
      "job-7",
      "--",
      "sh",
      "-c",
      "touch on; until [ -e go ]; do sleep 0.05; done; echo out",
    ]);
    await folder.until(() => folder.exists("on"), "the command to start");
    const halted = await folder.onceguard("halt", "run", "job-7", "--reason", "stop");
    expect(halted.stdout).toContain(`1 request had begun already, and cannot be called back: ${id}\n`);
    writeFileSync(folder.file("go"), "");
    expect(await ended).toMatchObject({ code: 0, stdout: "out\n" });
    expect(child.exitCode).toBe(0);
  });

  it("what it stops is told apart by reconcile", async () => {
    const folder = new Folder();
    await requests(folder, [{ order: "A1", amount: 1 }]);
    await withTestGuard(folder, async (guard) => {
      await guard.enqueue("refund", { order: "A2", amount: 1 }, { runId: "run-7" });
    });
    await folder.onceguard("halt", "run", "run-7", "--reason", "stop");
    const moved = await folder.onceguard("reconcile");
    expect(moved.stdout).toMatch(/refund +retry_wait +- +the run run-7 is halted\n\n0 moved, 1 still open\.\n$/);
    expect((await folder.onceguard("reconcile", "--json")).json().halts).toMatchObject([{ id: "run-7" }]);
    const resumed = await folder.onceguard("resume", "run", "run-7", "--reason", "go on");
    expect(resumed.stdout).toContain("1 request waits: retries go on with the next sweep");
  });
});

describe("retention", () => {
  it("counts, then forgets, what was settled long ago, and keeps what is open", async () => {
    const folder = new Folder();
    const [paid = "", lost = ""] = await requests(folder, [
      { order: "A1", amount: 1 },
      { order: "A2", amount: 1, fails: "lost" },
    ]);
    await folder.onceguard("run", "--request-id", "r:1", "--", "echo", "out");
    await sleep(50);
    expect((await folder.onceguard("retention", "--older-than", "90d")).stdout).toBe(
      "0 requests forgotten, settled more than 90d ago.\n",
    );
    const dry = await folder.onceguard("retention", "--older-than", "20ms", "--dry-run");
    expect(dry).toMatchObject({ code: 0, stderr: "" });
    expect(dry.stdout).toMatch(/^ACTION +ENDED +REQUESTS +OLDEST\n/);
    expect(dry.stdout).toMatch(/refund +succeeded +1 /);
    expect(dry.stdout).toContain("2 requests would be forgotten, settled more than 20ms ago. Nothing was changed.\n");
    const counted = await folder.onceguard(
      "retention",
      "--older-than",
      "20ms",
      "--dry-run",
      "--action",
      "refund",
      "--json",
    );
    expect(counted.json()).toMatchObject({ would_expire: 1, dry_run: true, kinds: [{ action: "refund", count: 1 }] });

    const done = await folder.onceguard("retention", "--older-than", "20ms", "--action", "refund", "--json");
    expect(done.json()).toEqual({ older_than_ms: 20, expired: 1, dry_run: false });
    const gone = (await folder.onceguard("receipts", "show", paid, "--json")).json().receipt;
    expect(gone).toMatchObject({ state: "expired", payload: null, result: null, reason: "succeeded" });
    expect((await folder.onceguard("receipts", "show", lost, "--json")).json().receipt).toMatchObject({
      state: "review",
      payload: { order: "A2" },
    });
    expect((await folder.onceguard("retention", "--older-than", "20ms", "--tenant", "acme")).stdout).toContain(
      "0 requests forgotten of tenant acme",
    );
    // It never runs again.
    expect((await folder.onceguard("retention", "--older-than", "20ms")).stdout).toContain("1 request forgotten");
    const late = await folder.onceguard("run", "--request-id", "r:1", "--", "echo", "out");
    expect(late).toMatchObject({ code: 1, stdout: "" });
    expect(late.stderr).toContain("expired: r:1 is settled");
  });

  it("goes by the rules of the config, on the command line and in serve", async () => {
    const folder = new Folder();
    const rules = [{ action: "refund", after: "never" }, { after: "20ms" }];
    const config = { store: "sqlite:onceguard.db", retention: rules };
    writeFileSync(folder.file("onceguard.config.json"), JSON.stringify(config));
    const run = (id: string) => folder.onceguard("run", "--request-id", id, "--", "true");
    const [kept = ""] = await requests(folder, [{ order: "A1", amount: 1 }]);
    const states = async () =>
      ((await folder.onceguard("receipts", "--json")).json().receipts as { request_id: string; state: string }[])
        .map(({ request_id, state }) => `${request_id === kept ? "kept" : request_id} ${state}`)
        .sort();
    await run("d:1");
    await sleep(50);
    const dry = await folder.onceguard("retention", "--dry-run");
    expect(dry.stdout).toMatch(/^ACTION.*\nrun +succeeded +1 /);
    expect(dry.stdout).toContain("1 request would be forgotten by the rules of onceguard.config.json.");
    expect((await folder.onceguard("retention", "--json")).json()).toEqual({ rules, expired: 1, dry_run: false });
    expect(await states()).toEqual(["d:1 expired", "kept succeeded"]);

    await run("d:2");
    await sleep(50);
    const { child, ended } = folder.start(["serve", "--listen", "0", "--quiet", "--retention-every", "1h"]);
    let said = "";
    child.stderr?.on("data", (text: string) => {
      said += text;
    });
    await folder.until(() => said.includes("retention: 1 forgotten"), "the first pass of retention");
    child.kill("SIGTERM");
    expect((await ended).code).toBe(0);
    expect(await states()).toEqual(["d:1 expired", "d:2 expired", "kept succeeded"]);
  });

  it.each([
    [[{ after: 90 }], '`retention[0].after` must be a number with ms, s, m, h or d, such as "90d", or "never"'],
    [[{ after: "soon" }], "`retention[0].after` must be"],
    [[{ after: "1d" }, { action: "pay" }], "`retention[1]` has no `after`"],
    [[{ after: "1d", actoin: "pay" }], '`retention[0]` has "actoin"; a rule has action, tenant, after'],
    [{ after: "1d" }, "`retention` must be a list"],
  ])("a config with the rules %j is refused", async (rules, message) => {
    const folder = new Folder();
    writeFileSync(folder.file("onceguard.config.json"), JSON.stringify({ retention: rules }));
    const { code, stderr } = await folder.onceguard("retention");
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  it("serve forgets nothing without rules", async () => {
    const { code, stderr } = await new Folder().onceguard("serve", "--listen", "0", "--retention-every", "1h");
    expect(code).toBe(2);
    expect(stderr).toContain("needs `retention` rules in the config");
  });

  it("shows progress on a terminal only, and keeps what evidence contradicts", async () => {
    const folder = new Folder();
    const [id = ""] = await requests(folder, [
      { order: "A1", amount: 1 },
      { order: "A2", amount: 1 },
    ]);
    await withTestGuard(folder, (guard) => guard.evidence(id, { answer: "did_not_happen", source: "books" }));
    const list = await folder.onceguard("receipts", "--conflict", "--json");
    expect(list.json().receipts).toMatchObject([{ request_id: id, conflict: true }]);
    await sleep(50);
    const dry = await folder.onceguard("retention", "--older-than", "20ms", "--dry-run");
    expect(dry.stdout).toContain("1 request would be forgotten");
    expect(dry.stdout).toContain("1 request would be kept: evidence contradicts the record.");
    const terminal = new Terminal(folder, ["retention", "--older-than", "20ms"]);
    expect(await terminal.ends()).toBe(0);
    expect(terminal.screen).toContain("1 forgotten, going on");
    expect(terminal.screen).toMatch(/1 request forgotten, settled more than 20ms ago\.\n$/);
    expect((await folder.onceguard("receipts", "show", id, "--json")).json().receipt.state).toBe("succeeded");
  });
});

describe("restore", () => {
  it("makes a question of what the backup does not know, until it is over", async () => {
    const folder = new Folder();
    const run = (id: string) => folder.onceguard("run", "--request-id", id, "--", "sh", "-c", "echo ran >> ledger");
    expect((await run("before:1")).code).toBe(0);
    const taken = new Date().toISOString();
    expect((await folder.onceguard("restore", "--status")).stdout).toBe(
      "No restore is in force: a request without a record is a first call.\n",
    );
    const done = await folder.onceguard(
      "restore",
      "--backup-taken-at",
      taken,
      "--lasts",
      "48h",
      "--reason",
      "disk failed",
      "--actor",
      "ann",
    );
    expect(done).toMatchObject({ code: 0, stderr: "" });
    expect(done.stdout).toMatch(
      /^Restored: sqlite:onceguard\.db goes up to \S+Z \(epoch 1\)\.\nNothing was open in the backup\.\n/,
    );
    expect(done.stdout).toMatch(/A request without a record is a question until 20\S+Z\.\n/);

    // What it knows is replayed; what it does not know is not simply done.
    expect((await run("before:1")).code).toBe(0);
    const unknown = await run("lost:1");
    expect(unknown.code).toBe(75);
    expect(unknown.stderr).toContain("in doubt: lost:1 may have happened (The store was restored from a backup");
    expect(folder.lines("ledger")).toEqual(["ran"]);

    const status = await folder.onceguard("restore", "--status");
    expect(status.stdout).toMatch(/^in force {2}epoch 1: .*until 20\S+Z\n/);
    expect(status.stdout).toMatch(
      /\nrestored {2}20\S+Z, \d+s ago, by ann\nbecause {3}disk failed\nopen {6}1 request in doubt or in review/,
    );
    expect((await folder.onceguard("doctor")).stdout).toMatch(
      /warning {2}restored +a request without a record is a question/,
    );
    expect((await folder.onceguard("restore", "--status", "--json")).json()).toMatchObject({
      epoch: { number: 1, actor: "ann", reason: "disk failed", backup_at: taken },
      open: 1,
    });

    const ended = await folder.onceguard("restore", "--end", "--reason", "nothing retries that long");
    expect(ended).toMatchObject({ code: 0, stderr: "" });
    expect(ended.stdout).toContain("1 request in doubt or in review from before; that does not change by itself.");
    expect((await run("new:1")).code).toBe(0);
    expect((await run("lost:1")).code).toBe(75);
    expect(folder.lines("ledger")).toEqual(["ran", "ran"]);
    const twice = await folder.onceguard("restore", "--end", "--reason", "r");
    expect(twice).toMatchObject({ code: 1, stdout: "" });
    expect(twice.stderr).toContain("no restore is in force");
  });

  it("is over by itself when its time is", async () => {
    const folder = new Folder();
    await folder.onceguard("migrate");
    const args = ["--backup-taken-at", "2026-01-01T00:00:00Z", "--lasts", "1ms", "--reason", "r"];
    expect((await folder.onceguard("restore", ...args)).code).toBe(0);
    expect((await folder.onceguard("restore", "--status")).stdout).toContain("No restore is in force");
    const ended = await folder.onceguard("restore", "--end", "--reason", "r");
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(ended.stderr).toContain("no restore is in force");
  });

  it("puts what was open in the backup in doubt", async () => {
    const folder = new Folder();
    await withTestGuard(folder, async (guard) => {
      await guard.enqueue("refund", { order: "A2", amount: 1 });
    });
    const done = await folder.onceguard(
      "restore",
      "--backup-taken-at",
      "2026-01-01T00:00:00Z",
      "--reason",
      "r",
      "--json",
    );
    expect(done.json()).toMatchObject({
      epoch: { number: 1, until: null, backup_at: "2026-01-01T00:00:00.000Z" },
      doubted: 1,
    });
    expect((await folder.onceguard("restore", "--status")).stdout).toContain("until `onceguard restore --end`");
    expect((await folder.onceguard("receipts", "--state", "in_doubt", "--json")).json().receipts).toHaveLength(1);
  });
});

describe("the config", () => {
  it.each([
    ["an unknown key", { budgtes: {} }, '"budgtes" is no key of a config; there are store, actions'],
    [
      "a rule that is no verdict",
      { rules: [{ verdict: "rewiev", reason: "r" }] },
      '`rules[0].verdict` must be "deny" or "review"',
    ],
    ["a rule without a reason", { rules: [{ verdict: "deny" }] }, "`rules[0]` has no `reason`"],
    [
      "a misspelt condition",
      { rules: [{ verdict: "deny", reason: "r", amountover: 5 }] },
      '`rules[0]` has "amountover"; a rule has riskTier, action',
    ],
    [
      "a misspelt finality policy",
      { finality: { minSource: 2 } },
      "finality.minSource is no part of a finality policy",
    ],
    [
      "a threshold that nothing reaches",
      { finality: { threshold: 80 } },
      "finality.threshold is 80; it must be above 0",
    ],
    ["a policy without code", { policy: "deny" }, "`policy` must be a function"],
    ["a policy version that is a number", { policyVersion: 2 }, "`policyVersion` must be a text"],
    [
      "a notifier of no kind",
      { notify: { operator: { mail: "x" } } },
      '`notify.operator` must have a "webhook" and its "secret", or a "command"',
    ],
    [
      "a notifier with more",
      { notify: { operator: { command: ["x"], shell: true } } },
      '"shell" is no option of `notify.operator`',
    ],
    [
      "a webhook without a secret in the environment",
      { notify: { operator: { webhook: "https://a", secret: "\u0024{NOT_SET}" } } },
      "uses \u0024{NOT_SET}, which is not set",
    ],
    [
      "a webhook that is not https",
      { notify: { operator: { webhook: "http://example.com", secret: "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0" } } },
      "in `notify.operator`:",
    ],
  ])("%s is refused: exit 2, one line", async (_, config, message) => {
    const folder = new Folder();
    writeFileSync(folder.file("onceguard.config.json"), JSON.stringify(config));
    const ended = await folder.onceguard("run", "--request-id", "x", "--", "touch", "ran");
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(ended.stderr.split("\n")[0]).toContain(message);
    expect(ended.stderr).toContain(`${DOCS}invalid-config.md`);
    expect(folder.exists("ran")).toBe(false);
  });

  it.each([
    [
      "a route that is none",
      { notify: { boss: { command: ["x"] } } },
      "one of data_owner, domain_expert, operator, security",
    ],
    ["a budget that is none", { budgets: { maxActions: 5 } }, "budgets.maxActions is no budget"],
    ["a time that is none", { holdFor: "soon" }, 'holdFor is "soon"'],
  ])("%s is refused where the guard is made: exit 2", async (_, config, message) => {
    const folder = new Folder();
    writeFileSync(folder.file("onceguard.config.json"), JSON.stringify(config));
    const ended = await folder.onceguard("run", "--request-id", "x", "--", "touch", "ran");
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(ended.stderr).toContain(message);
    expect(folder.exists("ran")).toBe(false);
  });

  it.each([
    ["an unknown provider", { downstreamKey: { provider: "strpe" } }, 'no provider "strpe". Did you mean "stripe"?'],
    [
      "a longer lifetime than the provider's",
      { downstreamKey: { provider: "stripe", lifetime: "7d" } },
      "it can only be shortened",
    ],
    ["a window without a record", { dedupWindow: "24h", record: undefined }, "dedupWindow needs record"],
    ["an amount that is no field", { amount: 5 }, "`amount` must name a field"],
    ["a misspelt option", { serialise: true }, '"serialise" is no option of an action'],
  ])("a command with %s is refused: exit 2", async (_, options, message) => {
    const folder = new Folder();
    const action = {
      kind: "command",
      name: "pay",
      riskTier: "side_effecting",
      keyFields: ["id"],
      record: "order:{id}",
      command: ["true"],
      ...options,
    };
    writeFileSync(folder.file("onceguard.config.json"), JSON.stringify({ actions: [action] }));
    const ended = await folder.onceguard("checklist");
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(ended.stderr).toContain(message);
  });

  it("limits a run, and tells the operator by webhook and by command", async () => {
    const folder = new Folder();
    const secret = `whsec_${Buffer.from("a secret of twenty-four bytes or more").toString("base64")}`;
    const told: string[] = [];
    const server = createServer((request, response) => {
      let body = "";
      request.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      request.on("end", () => {
        told.push(JSON.parse(body).type);
        response.writeHead(204).end();
      });
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    const notify = {
      operator: [
        { webhook: `http://127.0.0.1:${port}/`, secret: "\u0024{HOOK_SECRET}" },
        { command: ["sh", "-c", "cat >> told"] },
      ],
    };
    writeFileSync(folder.file("onceguard.config.json"), JSON.stringify({ budgets: { maxActionsPerRun: 1 }, notify }));
    const env = { HOOK_SECRET: secret };
    const run = (id: string) =>
      folder.start(["run", "--request-id", id, "--run", "job-7", "--", "true"], { env }).ended;
    expect((await run("b:1")).code).toBe(0);
    const halted = await run("b:2");
    expect(halted.code).toBe(77);
    expect(halted.stderr).toContain('the run "job-7" is halted: budget:maxActionsPerRun');
    expect(told).toEqual([]);
    expect((await folder.start(["reconcile"], { env }).ended).code).toBe(0);
    expect(told).toEqual(["onceguard.halted"]);
    expect(folder.lines("told").map((line) => JSON.parse(line))).toMatchObject([{ kind: "halted", run_id: "job-7" }]);
    await folder.start(["reconcile"], { env }).ended;
    expect(told).toHaveLength(1);
    // Looking needs no secrets.
    expect((await folder.onceguard("receipts")).code).toBe(0);
    expect((await folder.onceguard("halt", "--list")).code).toBe(0);
    expect((await folder.onceguard("reconcile")).stderr).toContain("HOOK_SECRET");
  });
});

it("works on PostgreSQL as it does on SQLite", async () => {
  const folder = new Folder();
  const env = { ONCEGUARD_STORE: await createDatabase() };
  const onceguard = (...args: string[]) => folder.start(args, { env }).ended;
  await onceguard("run", "--request-id", "p:1", "--", "true");
  expect((await onceguard("halt", "run", "r", "--reason", "stop", "--json")).json()).toMatchObject({
    halt: { id: "r" },
  });
  expect((await onceguard("halt", "--list")).stdout).toMatch(/\nrun +r /);
  expect((await onceguard("resume", "run", "r", "--reason", "go")).code).toBe(0);
  await sleep(50);
  expect((await onceguard("retention", "--older-than", "20ms", "--dry-run", "--json")).json()).toMatchObject({
    would_expire: 1,
  });
  expect((await onceguard("retention", "--older-than", "20ms", "--json")).json()).toMatchObject({ expired: 1 });
  const restored = await onceguard("restore", "--backup-taken-at", "2026-01-01T00:00:00Z", "--reason", "r", "--json");
  expect(restored.json()).toMatchObject({ epoch: { number: 1 } });
  expect((await onceguard("run", "--request-id", "p:2", "--", "true")).code).toBe(75);
  expect((await onceguard("restore", "--end", "--reason", "r")).code).toBe(0);
});
