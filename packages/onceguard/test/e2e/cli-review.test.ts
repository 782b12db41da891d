import { writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createGuard, defineAction } from "../../src/index.ts";
import { sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import { Folder, freshId } from "./cli.ts";
import { requests, withTestGuard } from "./open-requests.ts";
import { Terminal } from "./terminal.ts";

// The queue of what a person has to decide: as a list, by flags, and as a dialogue on a terminal.

const LOST = { order: "A1", amount: 400, fails: "lost", note: "unhappy" } as const;
const HELD = { order: "A2", amount: 700 };

async function receiptOf(folder: Folder, id: string) {
  return (await folder.onceguard("receipts", "show", id, "--json")).json();
}

describe("the list", () => {
  it("has what is in review and what needs approval, and says which", async () => {
    const folder = new Folder();
    const [lost = "", held = ""] = await requests(folder, [LOST, HELD]);
    await withTestGuard(folder, (guard) => guard.execute("settle", { match: "9" }));
    const list = await folder.onceguard("review");
    expect(list).toMatchObject({ code: 0, stderr: "" });
    const [head = "", first = "", second = ""] = list.stdout.split("\n");
    expect(head).toMatch(/^REQUEST +ACTION +RECORD +FOR +WAITING +VERSION +WHY$/);
    expect(first).toMatch(new RegExp(`^${lost} +refund +order:A1 +operator .*no_capability: socket hang up$`));
    expect(second).toMatch(new RegExp(`^${held} +refund +order:A2 +approval .*over 500 a person looks$`));
    expect(list.stdout).toContain(`onceguard review resolve ${lost} --happened|--did-not-happen|--retry --reason TEXT`);
    expect(list.stdout).toContain(`onceguard review approve ${held} --reason TEXT`);
    expect(list.stdout).toContain("1 request held until the finality case is final.");

    const json = (await folder.onceguard("review", "list", "--json")).json();
    expect(json).toMatchObject({
      reviews: [{ request_id: lost, state: "review", payload: { order: "A1" } }],
      held: [
        { request_id: held, waits_for: "approval", amount: 700, payload: { order: "A2" } },
        { action: "settle", waits_for: "case", hold: { waits_for: "case", case_id: "match:9", outcome: "home" } },
      ],
      in_doubt: 0,
    });
    expect(JSON.stringify(json)).not.toMatch(/"[a-z]+[A-Z]\w*":/);
  });
});

describe("by flags", () => {
  it("approves what is held, just this and once, bound to what was looked at", async () => {
    const folder = new Folder();
    const [id = ""] = await requests(folder, [HELD]);
    const approve = (...more: string[]) => folder.onceguard("review", "approve", id, ...more);
    expect((await approve()).code).toBe(2);
    expect((await approve("--reason", "r", "--lasts", "10")).stderr).toContain('"10h" for hours');
    const stale = await approve("--reason", "r", "--expect-version", "7");
    expect(stale.code).toBe(1);
    expect(stale.stderr).toContain("the decision was made on version 7, it is now 1");
    const proposer = await approve("--reason", "r", "--actor", "agent:support");
    expect(proposer.code).toBe(1);
    expect(proposer.stderr).toContain("what is irreversible takes two");
    expect(proposer.stderr).toContain("docs/errors/approver-is-proposer.md");

    const done = await approve("--reason", "it came back", "--actor", "mo", "--lasts", "10m", "--expect-version", "1");
    expect(done).toMatchObject({ code: 0, stderr: "" });
    expect(done.stdout).toMatch(
      new RegExp(`^${id} is approved by mo, until \\S+Z: it came back\nNext: onceguard reconcile ${id}`),
    );
    expect((await folder.onceguard("receipts")).stdout).toContain("held (approved)");
    const { receipt } = await receiptOf(folder, id);
    expect(receipt.hold.approval).toMatchObject({ actor: "mo", reason: "it came back" });
    expect(Date.parse(receipt.hold.approval.expires_at) - Date.parse(receipt.updated_at)).toBeLessThanOrEqual(600_000);
    expect((await folder.onceguard("review")).stdout).toContain("Nothing waits for a person.\n\n1 request approved");

    const { moved } = await withTestGuard(folder, (guard) => guard.reconcile());
    expect(moved).toMatchObject([{ requestId: id, state: "succeeded" }]);
    const shown = await folder.onceguard("receipts", "show", id);
    expect(shown.stdout).toMatch(/\napproved {2}by mo, until \S+: it came back\n/);
    expect(shown.stdout).toMatch(/\namount {4}700\n/);
    const late = await approve("--reason", "again");
    expect(late).toMatchObject({ code: 1, stdout: "" });
    expect(late.stderr).toContain(`${id} is succeeded, not held`);
  });

  it("takes the config's approvalFor, and needs none of its secrets for that", async () => {
    const folder = new Folder();
    const [id = ""] = await requests(folder, [HELD]);
    const notify = { operator: { webhook: "https://ops.example", secret: "\u0024{NOT_SET}" } };
    writeFileSync(folder.file("onceguard.config.json"), JSON.stringify({ approvalFor: "7d", notify }));
    expect((await folder.onceguard("review", "approve", id, "--reason", "fine")).code).toBe(0);
    const { receipt } = await receiptOf(folder, id);
    const lasts = Date.parse(receipt.hold.approval.expires_at) - Date.parse(receipt.updated_at);
    expect(lasts).toBeGreaterThan(6.9 * 86_400_000);
  });

  it("denies for good", async () => {
    const folder = new Folder();
    const [id = ""] = await requests(folder, [HELD]);
    const denied = await folder.onceguard("review", "deny", id, "--reason", "paid by mail", "--actor", "mo");
    expect(denied).toMatchObject({ code: 0, stdout: `${id} is now denied\n`, stderr: "" });
    const outcome = await withTestGuard(folder, (guard) => guard.execute("refund", HELD));
    expect(outcome).toMatchObject({ status: "denied", reason: "paid by mail" });
  });

  it("says what is not theirs to decide", async () => {
    const folder = new Folder();
    const [lost = "", held = ""] = await requests(folder, [LOST, HELD]);
    const settle = await withTestGuard(folder, (guard) => guard.execute("settle", { match: "9" }));
    const answers = await Promise.all([
      folder.onceguard("review", "approve", lost, "--reason", "r"),
      folder.onceguard("review", "approve", settle.requestId, "--reason", "r"),
      folder.onceguard("review", "resolve", held, "--happened", "--reason", "r"),
      folder.onceguard("review", "deny", "nobody", "--reason", "r"),
    ]);
    expect(answers.map(({ code }) => code)).toEqual([1, 1, 1, 1]);
    expect(answers[0]?.stderr).toContain(`${lost} is review, not held. Next: onceguard review resolve ${lost}`);
    expect(answers[1]?.stderr).toContain(
      "waits for its finality case match:9 to be final as home, and for nobody's approval",
    );
    expect(answers[2]?.stderr).toContain(
      `${held} was not sent yet: it is held. Next: onceguard review approve ${held}`,
    );
    expect(answers[3]?.stderr).toContain('there is no receipt for request id "nobody"');
  });
});

describe("the dialogue", () => {
  it("goes through all, with what is known of each, and decides with a reason", async () => {
    const folder = new Folder();
    const [lost = "", conflict = "", held = ""] = await requests(folder, [
      LOST,
      { order: "A3", amount: 1, fails: "conflict" },
      HELD,
    ]);
    const terminal = new Terminal(folder, ["review", "--actor", "mo"]);
    // In the order in which they began to wait: the lost one came into review with the sweep.
    await terminal.sees("[1/3]  refund on order:A3");
    await terminal.sees("it certainly did not happen");
    await terminal.answers("q quit\n> ", "n");
    await terminal.answers("Why is it not to be tried again? (empty: back)", "the desk says so");
    await terminal.sees(`${conflict} is now failed`);

    await terminal.sees("[2/3]  refund on order:A1");
    for (const text of [
      "review for the operator, version 3",
      "no_capability: socket hang up",
      "asked by  agent:support",
    ]) {
      await terminal.sees(text);
    }
    await terminal.sees('payload   {"amount":400,"fails":"lost","note":"unhappy","order":"A1"}');
    await terminal.sees("it may have happened");
    await terminal.sees("claim → running");
    await terminal.answers("h happened · n did not happen · r retry · s skip · q quit\n> ", "y");
    await terminal.sees('"y" is none of these:');
    await terminal.answers("\n> ", "");
    await terminal.sees("Nothing was decided. Say one of these:");
    await terminal.answers("\n> ", "r");
    await terminal.sees("It will be SENT AGAIN, under a new idempotency key. If it did happen after all");
    await terminal.answers("How do you know that it did not happen? (empty: back)", ""); // thought better of it
    await terminal.answers("\n> ", "H");
    await terminal.sees("Nothing is sent; whoever asks again gets a replay");
    await terminal.answers("How do you know that it happened? (empty: back)", "h");
    await terminal.sees("In words, please");
    await terminal.answers("How do you know that it happened? (empty: back)", "in their console, 09:14");
    await terminal.answers("What do replays answer, as JSON? (empty: nothing)", "pay_81");
    await terminal.sees("That is not JSON");
    await terminal.answers("What do replays answer, as JSON? (empty: nothing)", '"pay_81"');
    await terminal.sees(`${lost} is now succeeded`);

    await terminal.sees("[3/3]  refund on order:A2");
    await terminal.sees("over 500 a person looks");
    await terminal.sees("a person's approval (until ");
    await terminal.answers("a approve · d deny · s skip · q quit\n> ", "approve");
    await terminal.sees("It will be SENT, once and with just this payload");
    await terminal.answers("Why do you agree?", "the parcel came back");
    await terminal.sees(`${held} is now approved`);
    await terminal.sees("3 decided.");
    expect(await terminal.ends()).toBe(0);
    expect(Math.max(...terminal.screen.split("\n").map((line) => line.length))).toBeLessThanOrEqual(120);

    expect((await receiptOf(folder, lost)).log.at(-1)).toMatchObject({
      event: "resolve",
      actor: "mo",
      detail: { decision: "happened", reason: "in their console, 09:14" },
    });
    expect((await receiptOf(folder, lost)).receipt.result).toBe("pay_81");
    expect((await receiptOf(folder, conflict)).receipt.state).toBe("failed");
    expect((await receiptOf(folder, held)).receipt.hold.approval).toMatchObject({ actor: "mo" });
  });

  it("binds a decision to what was shown, and shows what has become of it", async () => {
    const folder = new Folder();
    const [first = "", second = ""] = await requests(folder, [LOST, { ...LOST, order: "A4" }]);
    const terminal = new Terminal(folder, ["review"]);
    await terminal.sees("[1/2]");
    const shown = terminal.screen.includes("order:A1") ? first : second;
    const other = shown === first ? second : first;
    // Somebody else is faster, at both.
    for (const id of [shown, other]) {
      expect((await folder.onceguard("review", "resolve", id, "--did-not-happen", "--reason", "faster")).code).toBe(0);
    }
    await terminal.answers("q quit\n> ", "r");
    await terminal.answers("How do you know", "it is not there");
    await terminal.sees("has moved on: the decision was made on version 3, it is now 4");
    await terminal.sees(`[1/2] ${shown} waits no more: somebody else was faster`);
    await terminal.sees(`[2/2] ${other} waits no more`);
    await terminal.sees("0 decided.");
    expect(await terminal.ends()).toBe(0);
    expect((await receiptOf(folder, shown)).receipt.state).toBe("failed");
  });

  it.each([
    ["q", (terminal: Terminal) => terminal.types("q")],
    ["Ctrl-C", (terminal: Terminal) => terminal.keys("\u0003")],
    ["Ctrl-D", (terminal: Terminal) => terminal.keys("\u0004")],
  ])("ends with %s, and leaves the rest as it was", async (_, leave) => {
    const folder = new Folder();
    await requests(folder, [LOST, HELD]);
    const terminal = new Terminal(folder, ["review"]);
    await terminal.answers("q quit\n> ", "s");
    await terminal.sees("[2/2]");
    await terminal.answers("\n> ", "d");
    await terminal.sees("Why do you refuse? (empty: back)");
    if (_ === "q") terminal.types("");
    if (_ === "q") await terminal.sees("\n> ");
    leave(terminal);
    await terminal.sees("0 decided, 2 left as they were.");
    expect(await terminal.ends()).toBe(0);
    const states = (await folder.onceguard("receipts", "--json"))
      .json()
      .receipts.map((one: { state: string }) => one.state);
    expect(states).toEqual(["held", "review"]);
  });

  it("takes nothing for a reason that was typed before it was asked for", async () => {
    const folder = new Folder();
    const [id = ""] = await requests(folder, [LOST]);
    const terminal = new Terminal(folder, ["review"]);
    await terminal.sees("q quit\n> ");
    terminal.keys("r\rit is not in their books\r");
    await terminal.sees("How do you know that it did not happen? (empty: back)");
    await terminal.answers("", "");
    await terminal.answers("q quit\n> ", "q");
    expect(await terminal.ends()).toBe(0);
    expect((await receiptOf(folder, id)).receipt.state).toBe("review");
  });

  it("does not let who proposed it approve it, and goes on", async () => {
    const folder = new Folder();
    const [id = ""] = await requests(folder, [HELD], "mo");
    const terminal = new Terminal(folder, ["review", "--actor", "mo"]);
    await terminal.answers("q quit\n> ", "a");
    await terminal.answers("Why do you agree?", "it is fine");
    await terminal.sees("cannot approve it: what is irreversible takes two");
    await terminal.answers("q quit\n> ", "d");
    await terminal.answers("Why do you refuse?", "then not");
    await terminal.sees(`${id} is now denied`);
    expect(await terminal.ends()).toBe(0);
  });

  it("reads the record on demand, by what the config's action does before an effect", async () => {
    const folder = new Folder();
    await requests(folder, [LOST]);
    const actions = `[{ name: "refund", riskTier: "irreversible", keyFields: ["order"], record: (p) => p.order,
      input: { "~standard": { version: 1, vendor: "x", validate: (value) => ({ value }) } },
      before: async ({ order }) => ({ order, balance: 400 }), execute: () => null }].map(defineAction)`;
    const text = `import { defineAction } from "onceguard"; export default { actions: ${actions} };`;
    writeFileSync(folder.file("onceguard.config.js"), text);
    const terminal = new Terminal(folder, ["review"]);
    await terminal.answers("r retry · b read the record · s skip · q quit\n> ", "b");
    await terminal.sees('as it is now: {"order":"A1","balance":400}');
    await terminal.answers("\n> ", "q");
    expect(await terminal.ends()).toBe(0);
  });

  it("shows the record as it was before, and the key to search the other side's books for", async () => {
    const folder = new Folder();
    const sent: string[] = [];
    const store = sqliteStore({ path: folder.file("onceguard.db") });
    const pay = defineAction({
      name: "pay",
      riskTier: "side_effecting",
      keyFields: ["order"],
      before: async ({ order }: { order: string }) => ({ order, balance: 400, was: "open" }),
      execute: async (_, { idempotencyKey }) => {
        sent.push(idempotencyKey);
        throw new Error("socket hang up");
      },
    });
    const guard = createGuard({ store, actions: [pay], sweepEvery: false, spill: false });
    const { requestId } = await guard.execute("pay", { order: "A1" });
    await guard.reconcile();
    await guard.resolve(requestId, { decision: "retry", actor: "ann", reason: "not in their books" });
    await guard.reconcile();
    await guard.close();
    const [first, second] = sent;
    const terminal = new Terminal(folder, ["review"], { columns: 120 });
    await terminal.sees(`key sent  ${second} (earlier ${first})`);
    await terminal.sees('before    {"balance":400,"order":"A1","was":"open"}');
    await terminal.answers("q quit\n> ", "no such key ".repeat(20));
    await terminal.sees('"no such key no such key no such key no s" is none of these');
    terminal.types("q");
    expect(await terminal.ends()).toBe(0);
    const shown = await folder.onceguard("receipts", "show", requestId);
    expect(shown.stdout).toContain(`key sent  ${second} (earlier ${first})`);
    expect((await receiptOf(folder, requestId)).idempotency_keys).toEqual([second, first]);
    const [held = ""] = await requests(folder, [HELD]);
    expect((await receiptOf(folder, held)).idempotency_keys).toEqual([]);
  });

  it("says so when nothing waits, and lists where nobody can answer", async () => {
    const folder = new Folder();
    await folder.onceguard("migrate");
    const nothing = new Terminal(folder, ["review"]);
    expect(await nothing.ends()).toBe(0);
    expect(nothing.screen).toBe("Nothing waits for a person.\n");
    await requests(folder, [LOST]);
    const json = new Terminal(folder, ["review", "--json"]);
    expect(await json.ends()).toBe(0);
    expect(JSON.parse(json.screen)).toMatchObject({ reviews: [{ action: "refund" }] });
    const piped = await folder.start(["review"], { stdin: "h\nbecause\n\n" }).ended;
    expect(piped.stdout).toContain("onceguard review resolve");
    expect((await folder.onceguard("receipts", "--json")).json().receipts[0].state).toBe("review");
  });

  it("shows control characters of others instead of obeying them, and keeps to the width", async () => {
    const folder = new Folder();
    const note = `\u001b[2Jcleared ${"long ".repeat(30)}`;
    await requests(folder, [{ ...LOST, fails: "conflict", note }]);
    const plain = new Terminal(folder, ["review"], { columns: 80, env: { NO_COLOR: "1" } });
    await plain.answers("q quit\n> ", "q");
    expect(await plain.ends()).toBe(0);
    expect(plain.screen).toContain("conflict says no: \\u001b[2Jcleared");
    expect(plain.raw).not.toContain("\u001b[2J");
    expect(plain.raw).not.toContain("\u001b[1m");
    const card = plain.screen.split("\n").slice(0, -3);
    expect(Math.max(...card.map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});

it("a run that is held goes on after its approval, with the same command", async () => {
  const folder = new Folder();
  const rules = [{ action: "run", verdict: "review", reason: "commands need a person" }];
  writeFileSync(folder.file("onceguard.config.json"), JSON.stringify({ rules }));
  const id = freshId("held");
  const run = ["run", "--request-id", id, "--actor", "ci", "--", "sh", "-c", "echo ran >> ledger; echo done"];
  const held = await folder.onceguard(...run);
  expect(held).toMatchObject({ code: 75, stdout: "" });
  expect(held.stderr).toBe(
    `onceguard: held: ${id} waits for approval (commands need a person); nothing was executed. Next: onceguard review approve ${id} --reason TEXT\n`,
  );
  expect(folder.lines("ledger")).toEqual([]);
  expect((await folder.onceguard("review", "approve", id, "--reason", "go")).stdout).toContain(
    "Next: the same `onceguard run` again\n",
  );
  expect(await folder.onceguard(...run)).toMatchObject({ code: 0, stdout: "done\n", stderr: "" });
  expect(await folder.onceguard(...run)).toMatchObject({ code: 0, stdout: "done\n", stderr: "" });
  expect(folder.lines("ledger")).toEqual(["ran"]);

  const other = freshId("held");
  const again = ["run", "--request-id", other, "--json", "--", "echo", "hi"];
  expect((await folder.onceguard(...again)).json()).toMatchObject({
    status: "held",
    exit_code: 75,
    waits_for: "approval",
    reasons: ["commands need a person"],
  });
  await folder.onceguard("review", "deny", other, "--reason", "not today");
  const denied = await folder.onceguard(...again);
  expect(denied.code).toBe(77);
  expect(denied.stderr).toContain("denied: not today; nothing was executed");
});
