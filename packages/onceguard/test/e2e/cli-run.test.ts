import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { Folder, freshId } from "./cli.ts";

const DOCS = "https://github.com/onceguard/onceguard/blob/main/docs/errors/";

/** `onceguard run` with an id of its own, and the shell script that it guards. */
function guarded(folder: Folder, name: string, ...options: string[]) {
  const id = freshId(name);
  const args = (script: string) => ["run", "--request-id", id, ...options, "--", "sh", "-c", script];
  return { id, args, run: (script: string) => folder.onceguard(...args(script)) };
}

it("runs once, and replays exit code, stdout and stderr byte for byte", async () => {
  const folder = new Folder();
  const { run } = guarded(folder, "bytes");
  const script = "echo ran >> ledger; printf 'tab\\t\\033[1mé\\r\\n'; printf 'no newline' >&2; exit 42";
  const first = await run(script);
  expect(first).toMatchObject({ code: 42, stdout: "tab\t\u001b[1mé\r\n", stderr: "no newline" });
  expect(await run(script)).toMatchObject({ code: 42, stdout: first.stdout, stderr: first.stderr });
  expect(folder.lines("ledger")).toEqual(["ran"]);
});

it("replays output that is no text", async () => {
  const folder = new Folder();
  const { id, args, run } = guarded(folder, "binary");
  const script = "printf '\\000\\377\\376 bin' ; head -c 70000 /dev/zero >&2";
  await run(script);
  const again = folder.start(args(script));
  const chunks: Buffer[] = [];
  again.child.stdout?.setEncoding("latin1").on("data", (text: string) => chunks.push(Buffer.from(text, "latin1")));
  expect((await again.ended).stderr).toHaveLength(70_000);
  expect(Buffer.concat(chunks)).toEqual(Buffer.from([0, 0xff, 0xfe, 0x20, 0x62, 0x69, 0x6e]));
  const { receipt } = (await folder.onceguard("receipts", "show", id, "--json")).json();
  expect(receipt.result.stdout_base64).toBe("AP/+IGJpbg==");
});

it("keeps no more of the output than it is told, shows all of it, and says so", async () => {
  const folder = new Folder();
  const { id, run } = guarded(folder, "long", "--max-output", "10");
  const script = "printf 'ééééééééé'; echo short >&2";
  expect(await run(script)).toMatchObject({ code: 0, stdout: "ééééééééé", stderr: "short\n" });
  const again = await run(script);
  expect(again).toMatchObject({ code: 0, stdout: "ééééé" });
  expect(again.stderr).toBe("short\nonceguard: stdout was cut when it was recorded; the command wrote 18 bytes\n");
  const { receipt } = (await folder.onceguard("receipts", "show", id, "--json")).json();
  expect(receipt.result).toEqual({ exit_code: 0, stdout: "ééééé", stderr: "short\n", truncated: { stdout: 18 } });
});

it("streams while the command runs, and hands stdin and the identity to it", async () => {
  const folder = new Folder();
  const { id, args } = guarded(folder, "live");
  const script =
    'echo "$ONCEGUARD_REQUEST_ID $ONCEGUARD_IDEMPOTENCY_KEY $ONCEGUARD_ATTEMPT"; cat; until [ -e go ]; do sleep 0.05; done';
  const started = folder.start(args(script), { stdin: "from stdin\n" });
  let seen = "";
  started.child.stdout?.on("data", (text: string) => {
    seen += text;
  });
  await folder.until(() => seen.includes("from stdin\n"), "output before the end");
  writeFileSync(folder.file("go"), "");
  const { code, stdout } = await started.ended;
  expect(code).toBe(0);
  expect(stdout).toMatch(new RegExp(`^${id} [0-9a-f-]{36} 1\nfrom stdin\n$`));
});

it("spawns an argument list: no shell ever sees it", async () => {
  const folder = new Folder();
  const hostile = ["$(touch hacked)", "; touch hacked", "--store", "a b", "", "'", "`touch hacked`"];
  const ended = await folder.onceguard("run", "--request-id", freshId("argv"), "--", "printf", "<%s>", ...hostile);
  expect(ended.stdout).toBe(hostile.map((word) => `<${word}>`).join(""));
  expect(existsSync(folder.file("hacked"))).toBe(false);
});

it("five at once are one effect, and all answer alike", async () => {
  const folder = new Folder();
  const { run } = guarded(folder, "five");
  const all = await Promise.all(
    Array.from({ length: 5 }, () => run("echo effect >> ledger; sleep 0.5; echo same; exit 9")),
  );
  for (const one of all) expect(one).toMatchObject({ code: 9, stdout: "same\n", stderr: "" });
  expect(folder.lines("ledger")).toEqual(["effect"]);
});

it("another command under the same id is a mismatch, even while the first runs", async () => {
  const folder = new Folder();
  const { id, args, run } = guarded(folder, "mismatch");
  const first = folder.start(args("echo one >> ledger; until [ -e go ]; do sleep 0.05; done"));
  await folder.until(() => folder.lines("ledger").length === 1, "the first to run");
  const other = await run("echo two >> ledger");
  expect(other).toMatchObject({ code: 65, stdout: "" });
  expect(other.stderr).toBe(
    `onceguard: mismatch: ${id} was used for another command; nothing was executed. Next: a new --request-id for a new intent\n`,
  );
  writeFileSync(folder.file("go"), "");
  await first.ended;
  expect((await run("echo two >> ledger")).code).toBe(65);
  expect(folder.lines("ledger")).toEqual(["one"]);
});

it("does not wait longer than it is told for another run", async () => {
  const folder = new Folder();
  const { id, args, run } = guarded(folder, "wait", "--wait", "200ms");
  const script = "echo one >> ledger; until [ -e go ]; do sleep 0.05; done";
  const first = folder.start(args(script));
  await folder.until(() => folder.lines("ledger").length === 1, "the first to run");
  const second = await run(script);
  expect(second.code).toBe(75);
  expect(second.stderr).toBe(
    `onceguard: in progress: another run of ${id} is at it. Next: the same command again, or a longer --wait\n`,
  );
  writeFileSync(folder.file("go"), "");
  expect((await first.ended).code).toBe(0);
});

it.each([
  ["is not there", "./missing", 127, "there is no such program"],
  ["may not be executed", "./plain", 126, "it may not be executed"],
])(
  "a program that %s certainly did nothing: failed, and a person may have it tried again",
  async (_, program, code, message) => {
    const folder = new Folder();
    writeFileSync(folder.file("plain"), "#!/bin/sh\necho now\n", { mode: 0o644 });
    const id = freshId("start");
    const run = () => folder.onceguard("run", "--request-id", id, "--", program);
    const failed = await run();
    expect(failed).toMatchObject({ code, stdout: "" });
    expect(failed.stderr).toContain(`failed: ${id} did not happen (${program} was not started: ${message}`);
    expect(failed.stderr).toContain(`onceguard review resolve ${id} --retry --reason TEXT`);
    expect(await run()).toMatchObject({ code, stderr: failed.stderr });

    writeFileSync(folder.file(program), "#!/bin/sh\necho now\n");
    chmodSync(folder.file(program), 0o755);
    expect((await run()).code, "what failed stays failed until somebody says otherwise").toBe(code);
    const reopened = await folder.onceguard("review", "resolve", id, "--retry", "--reason", "installed");
    expect(reopened.stdout).toBe(`${id} is now retry_wait. Next: the same \`onceguard run\` again\n`);
    expect(await run()).toMatchObject({ code: 0, stdout: "now\n", stderr: "" });
  },
);

it("a command that is killed is in doubt, and is not run again", async () => {
  const folder = new Folder();
  const { id, run } = guarded(folder, "killed");
  const script = "echo half >> ledger; kill -9 $$";
  for (let i = 0; i < 2; i++) {
    const ended = await run(script);
    expect(ended.code).toBe(75);
    expect(ended.stderr).toBe(
      `onceguard: in doubt: ${id} may have happened (The command was killed by SIGKILL; what it had done by then is not known). Next: onceguard review resolve ${id} --happened|--did-not-happen|--retry --reason TEXT\n`,
    );
  }
  expect(folder.lines("ledger")).toEqual(["half"]);
  await folder.onceguard("reconcile");
  const inReview = await run(script);
  expect(inReview.code).toBe(75);
  expect(inReview.stderr).toContain(`in review: ${id} waits for a person`);

  await folder.onceguard("review", "resolve", id, "--retry", "--reason", "nothing arrived");
  expect((await run(script)).code).toBe(75);
  expect(folder.lines("ledger")).toEqual(["half", "half"]);
  await folder.onceguard("review", "resolve", id, "--did-not-happen", "--reason", "given up", "--actor", "mo");
  const settled = await run(script);
  expect(settled.code).toBe(1);
  expect(settled.stderr).toContain(`failed: ${id} did not happen (mo: given up). To have it tried again:`);
  expect(folder.lines("ledger")).toHaveLength(2);
});

it("a time limit ends the command, which is then in doubt", async () => {
  const folder = new Folder();
  const { run } = guarded(folder, "slow", "--timeout", "300ms");
  const ended = await run("echo started >> ledger; exec sleep 60");
  expect(ended.code).toBe(75);
  expect(ended.stderr).toContain("took longer than");
  expect(folder.lines("ledger")).toHaveLength(1);
});

it.each(["SIGTERM", "SIGINT"] as const)("%s is passed on: the command decides how it ends", async (signal) => {
  const folder = new Folder();
  const { args, run } = guarded(folder, "signal");
  const script = "trap 'echo cleaned up; exit 5' TERM INT; echo started >> ledger; while :; do sleep 0.05; done";
  const started = folder.start(args(script));
  await folder.until(() => folder.lines("ledger").length === 1, "the command to start");
  started.child.kill(signal);
  expect(await started.ended).toMatchObject({ code: 5, signal: null, stdout: "cleaned up\n" });
  expect(await run(script)).toMatchObject({ code: 5, stdout: "cleaned up\n" });
  expect(folder.lines("ledger")).toHaveLength(1);
});

it("told to stop, it starts nothing again, whatever the probe says", async () => {
  const folder = new Folder();
  const { args } = guarded(folder, "stop", "--probe", "exit 1");
  const started = folder.start(args("echo started >> ledger; exec sleep 60"));
  await folder.until(() => folder.lines("ledger").length === 1, "the command to start");
  started.child.kill("SIGTERM");
  const ended = await started.ended;
  expect(ended).toMatchObject({ code: 75, signal: null });
  expect(folder.lines("ledger")).toHaveLength(1);
});

it("an output that nobody reads any more does not stop the command", async () => {
  const folder = new Folder();
  const { args, run } = guarded(folder, "pipe");
  const script = "for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.05; done; echo end >> ledger";
  const started = folder.start(args(script));
  started.child.stdout?.once("data", () => started.child.stdout?.destroy());
  expect((await started.ended).code).toBe(0);
  expect(await run(script)).toMatchObject({ code: 0, stdout: "1\n2\n3\n4\n5\n6\n7\n8\n9\n" });
  expect(folder.lines("ledger")).toEqual(["end"]);
});

it("a reader that pauses does not cost the lease", async () => {
  const folder = new Folder();
  const { id, args } = guarded(folder, "paused", "--lease", "500ms");
  const started = folder.start(args("echo started >> ledger; head -c 3000000 /dev/zero | tr '\\0' x"));
  started.child.stdout?.pause();
  await folder.until(() => folder.lines("ledger").length === 1, "the command to start");
  await sleep(1_500);
  const { receipt, log } = (await folder.onceguard("receipts", "show", id, "--json")).json();
  expect(receipt.state).toBe("running");
  expect(Date.parse(receipt.due_at)).toBeGreaterThan(Date.parse(log[0].at) + 1_400);
  started.child.stdout?.resume();
  expect((await started.ended).stdout).toHaveLength(3_000_000);
});

it("does not wait for a process that the command left behind", async () => {
  const folder = new Folder();
  const { run } = guarded(folder, "daemon");
  const ended = await run("sleep 20 & echo left a child");
  expect(ended).toMatchObject({ code: 0, stdout: "left a child\n" });
});

it("--json answers with one document, whatever the outcome", async () => {
  const folder = new Folder();
  const ok = guarded(folder, "json", "--json", "--record", "order:A1");
  const script = "echo out; echo err >&2; exit 3";
  for (const status of ["executed", "replayed"]) {
    const ended = await ok.run(script);
    expect(ended).toMatchObject({ code: 3, stderr: "err\n" });
    expect(ended.json()).toMatchObject({
      status,
      request_id: ok.id,
      exit_code: 3,
      result: { exit_code: 3, stdout: "out\n", stderr: "err\n" },
      failure: null,
      receipt: { state: "succeeded", record_id: "order:A1", risk_tier: "side_effecting" },
    });
  }
  const doubt = await guarded(folder, "json", "--json").run("kill -9 $$");
  expect(doubt.code).toBe(75);
  expect(doubt.json()).toMatchObject({
    status: "in_doubt",
    exit_code: 75,
    result: null,
    failure: { code: "killed_SIGKILL", certainty: "indefinite" },
  });
  const bad = await folder.onceguard("run", "--json", "--store", "nope", "--request-id", "x", "--", "true");
  expect(bad.json()).toMatchObject({ error: { code: "invalid_store_url", docs: `${DOCS}invalid-store-url.md` } });
});

it.each([
  [
    "a damaged file",
    (folder: Folder) => {
      writeFileSync(folder.file("bad.db"), "not a database ".repeat(100));
      return "sqlite:bad.db";
    },
    "is damaged, or not an SQLite database",
  ],
  ["a folder that is not there", () => "sqlite:missing/onceguard.db", "does not exist"],
  [
    "a path below a file",
    (folder: Folder) => {
      writeFileSync(folder.file("file"), "");
      return "sqlite:file/onceguard.db";
    },
    "onceguard.db",
  ],
  ["a place that cannot be written", () => "sqlite:/proc/onceguard.db", "cannot be opened"],
  ["a server that is not there", () => "postgres://127.0.0.1:1/none", "cannot be reached"],
  [
    "a database that is not there",
    () => new URL("/nobody_made_this", process.env.ONCEGUARD_TEST_POSTGRES_URL).href,
    "has no such database",
  ],
])("with %s for a store nothing runs: exit 69", async (_, storeOf, message) => {
  const folder = new Folder();
  const ended = await folder.onceguard("run", "--store", storeOf(folder), "--request-id", "x", "--", "touch", "ran");
  expect(ended).toMatchObject({ code: 69, stdout: "" });
  expect(ended.stderr).toContain(message);
  expect(ended.stderr.trimEnd().split("\n").length).toBeLessThanOrEqual(2);
  expect(existsSync(folder.file("ran"))).toBe(false);
});

it("the config's policy holds for run, whichever store is named", async () => {
  const folder = new Folder();
  writeFileSync(
    folder.file("onceguard.config.js"),
    `export default { policy: ({ payload }) => payload.command[0] === "rm" ? { verdict: "deny", reason: "no rm here" } : { verdict: "allow" } };`,
  );
  const run = (...command: string[]) =>
    folder.onceguard("run", "--store", "sqlite:x.db", "--request-id", freshId("p"), "--", ...command);
  const denied = await run("rm", "-f", "onceguard.config.js");
  expect(denied).toMatchObject({ code: 77, stderr: "onceguard: denied: no rm here; nothing was executed\n" });
  expect(existsSync(folder.file("onceguard.config.js"))).toBe(true);
  expect((await run("true")).code).toBe(0);
});
