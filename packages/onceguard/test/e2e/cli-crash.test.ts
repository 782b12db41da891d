import { readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { Folder, freshId } from "./cli.ts";

// `kill -9` of `onceguard run` while its command is under way, then the same again, with the command's ledger as judge.

/** Appends to the ledger at the end, and says with `pid` that it has begun. */
const PAY = "echo $$ > pid; until [ -e go ]; do sleep 0.05; done; echo $ONCEGUARD_IDEMPOTENCY_KEY >> ledger; echo paid";
const PROBE = '[ -e ledger ] || exit 1; grep -q "$ONCEGUARD_IDEMPOTENCY_KEY" ledger && echo found';

async function crashed(
  folder: Folder,
  options: readonly string[],
): Promise<{ again: readonly string[]; id: string; pid: number }> {
  const id = freshId("crash");
  const again = ["run", "--request-id", id, "--lease", "1s", ...options, "--", "sh", "-c", PAY];
  const { child, ended } = folder.start(again);
  await folder.until(() => folder.lines("pid").length === 1, "the command to start");
  child.kill("SIGKILL");
  // Not `ended`: the orphan still holds the pipes.
  await new Promise((resolve) =>
    (child.exitCode ?? child.signalCode) === null ? child.once("exit", resolve) : resolve(null),
  );
  ended.catch(() => {});
  return { again, id, pid: Number(readFileSync(folder.file("pid"), "utf8")) };
}

async function finish(folder: Folder, pid: number): Promise<void> {
  writeFileSync(folder.file("go"), "");
  await folder.until(() => !isAlive(pid), "the orphan to end");
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

it("without a probe a crash becomes a question, and nothing runs again", async () => {
  const folder = new Folder();
  const { again, id, pid } = await crashed(folder, []);
  await finish(folder, pid);
  const second = await folder.onceguard(...again);
  expect(second).toMatchObject({ code: 75, stdout: "" });
  expect(second.stderr).toContain(`in doubt: ${id} may have happened (The lease ran out`);
  expect(second.stderr).toContain(
    `Next: onceguard review resolve ${id} --happened|--did-not-happen|--retry --reason TEXT`,
  );
  expect(folder.lines("ledger")).toHaveLength(1);
});

it("with a probe that finds it, its answer is replayed", async () => {
  const folder = new Folder();
  const { again, pid } = await crashed(folder, ["--probe", PROBE]);
  await finish(folder, pid);
  expect(await folder.onceguard(...again)).toMatchObject({ code: 0, stdout: "found\n", stderr: "" });
  expect(await folder.onceguard(...again)).toMatchObject({ code: 0, stdout: "found\n", stderr: "" });
  expect(folder.lines("ledger")).toHaveLength(1);
});

it("with a probe that does not find it, it happens now, once", async () => {
  const folder = new Folder();
  const { again, pid } = await crashed(folder, ["--probe", PROBE]);
  process.kill(pid, "SIGKILL");
  await folder.until(() => !isAlive(pid), "the orphan to end");
  expect(folder.lines("ledger")).toEqual([]);
  const second = folder.start(again);
  await folder.until(() => folder.lines("pid")[0] !== String(pid), "the second to start");
  await finish(folder, 2 ** 30);
  expect(await second.ended).toMatchObject({ code: 0, stdout: "paid\n", stderr: "" });
  expect(await folder.onceguard(...again)).toMatchObject({ code: 0, stdout: "paid\n" });
  expect(folder.lines("ledger")).toHaveLength(1);
});

it.runIf(process.platform === "linux")(
  "a command that outlived its guard is not taken for one that did not happen",
  async () => {
    const folder = new Folder();
    const { again, pid } = await crashed(folder, ["--probe", PROBE, "--wait", "3s"]);
    const tooEarly = await folder.onceguard(...again);
    expect(tooEarly.code).toBe(75);
    expect(tooEarly.stderr).toContain(`the command is still running, as process ${pid}`);
    await finish(folder, pid);
    expect(await folder.onceguard(...again)).toMatchObject({ code: 0, stdout: "found\n" });
    expect(folder.lines("ledger")).toHaveLength(1);
  },
);

it("a probe that cannot tell leaves it in doubt, and says why", async () => {
  const folder = new Folder();
  const { again, id, pid } = await crashed(folder, ["--probe", "exit 3", "--wait", "2s"]);
  await finish(folder, pid);
  const second = await folder.onceguard(...again);
  expect(second.code).toBe(75);
  expect(second.stderr).toContain(`in doubt: ${id} may have happened (the probe exited with 3)`);
  expect(folder.lines("ledger")).toHaveLength(1);
});

it("inside the lifetime of its key it is sent again under the same key, for the other side to dedupe", async () => {
  const folder = new Folder();
  const { again, pid } = await crashed(folder, ["--key-lifetime", "1h"]);
  await finish(folder, pid);
  expect(await folder.onceguard(...again)).toMatchObject({ code: 0, stdout: "paid\n", stderr: "" });
  const keys = folder.lines("ledger");
  expect(keys).toHaveLength(2);
  expect(new Set(keys).size).toBe(1);
});

it("five that come after a crash agree on one effect", async () => {
  const folder = new Folder();
  const { again, pid } = await crashed(folder, ["--probe", PROBE]);
  process.kill(pid, "SIGKILL");
  await folder.until(() => !isAlive(pid), "the orphan to end");
  const all = Array.from({ length: 5 }, () => folder.start(again).ended);
  await folder.until(() => folder.lines("pid")[0] !== String(pid), "one of them to start");
  await finish(folder, 2 ** 30);
  for (const one of await Promise.all(all)) {
    expect(one.code).toBe(0);
    expect(one.stdout).toMatch(/^(paid|found)\n$/);
  }
  expect(folder.lines("ledger")).toHaveLength(1);
});
