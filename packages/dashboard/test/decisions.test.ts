import { describe, expect, it } from "vitest";
import type { Receipt } from "../../onceguard/src/core/receipt.ts";
import { apiKeys, makeApiKey } from "../../onceguard/src/http/keys/api-key.ts";
import { expectAccessible, noChromium } from "./support/browser.ts";
import { stage } from "./support/stage.ts";
import { someTraffic } from "./support/traffic.ts";

/** Every decision that people make in the console, in a real browser, against a guard on PostgreSQL whose effects fail. */
describe.skipIf(noChromium !== null)(`what is decided in the console ${noChromium ?? ""}`, () => {
  const { world, someone } = stage();

  it("50 mixed items by keyboard", async () => {
    const at = await world();
    for (let n = 0; n < 30; n++)
      await at.guard.execute("refund_payment" as never, { order: `q${n}`, fault: "lost" } as never, { wait: 0 });
    for (let n = 0; n < 20; n++)
      await at.guard.execute("refund_payment" as never, { order: `h${n}`, amount: 60_000 } as never, { wait: 0 });
    await at.guard.reconcile();
    const before = at.effects().length;
    const ann = await someone(at, "reviewer");
    const { page } = ann;
    await ann.open("reviews");
    await page.getByText("50 requests wait").waitFor();
    const keys = { review: ["h", "d", "r"], held: ["a", "x"] } as const;
    const pressed: Record<string, number> = {};
    for (let left = 50; left > 0; left--) {
      const state = (await page.locator("li[aria-current=true] .state").innerText()) as keyof typeof keys;
      const key = keys[state][left % keys[state].length] as string;
      pressed[key] = (pressed[key] ?? 0) + 1;
      await page.keyboard.press(key);
      await page.keyboard.type(`looked ${left}`);
      await page.keyboard.press("Enter");
      await page
        .getByText(
          left === 1 ? "Nothing waits for a person." : left === 2 ? "1 request waits" : `${left - 1} requests wait`,
        )
        .waitFor();
    }
    expect(await at.guard.reviews()).toEqual([]);
    const log = await at.guard.log({ limit: 1_000 });
    const decided = log.filter(({ event }) => ["resolve", "approve", "deny"].includes(event));
    expect(decided).toHaveLength(50);
    expect(new Set(decided.map(({ requestId }) => requestId)).size).toBe(50);
    expect(decided.every(({ actor, detail }) => actor === "ann" && detail?.includes("looked"))).toBe(true);
    const counted = Object.values(pressed);
    expect(counted).toHaveLength(5);
    const states = async (state: Receipt["state"]) => (await at.guard.receipts({ states: [state], limit: 100 })).length;
    expect([await states("succeeded"), await states("failed"), await states("retry_wait")]).toEqual([
      pressed.h,
      pressed.d,
      pressed.r,
    ]);
    expect([await states("held"), await states("denied")]).toEqual([pressed.a, pressed.x]);
    // Deciding sends nothing by itself.
    expect(at.effects()).toHaveLength(before);
    expect(ann.faults).toEqual([]);
  });

  it("moves, help, selection and several at once, each on the version that was seen", async () => {
    const at = await world();
    for (let n = 0; n < 4; n++)
      await at.guard.execute("refund_payment" as never, { order: `b${n}`, fault: "lost" } as never, { wait: 0 });
    await at.guard.reconcile();
    const waiting = await at.guard.reviews();
    const ann = await someone(at, "reviewer");
    const { page } = ann;
    await ann.open("reviews");
    const current = page.locator("li[aria-current=true]");
    await page.keyboard.press("j");
    expect(await current.innerText()).toContain(waiting[1]?.recordId);
    await page.keyboard.press("k");
    expect(await current.innerText()).toContain(waiting[0]?.recordId);
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await expectAccessible(page);
    await page.getByLabel("Single letters act").uncheck();
    await page.keyboard.press("Escape");
    await page.keyboard.press("j");
    expect(await current.innerText()).toContain(waiting[0]?.recordId);
    await page.keyboard.press("?");
    await page.getByLabel("Single letters act").check();
    await page.keyboard.press("Escape");
    for (const key of ["v", "j", "v", "j", "v"]) await page.keyboard.press(key);
    await page.getByText("3 selected").waitFor();
    await page.locator(".bulk").getByRole("button", { name: "Did not happen" }).click();
    const dialog = page.getByRole("dialog");
    await expectAccessible(page);
    // Somebody else is faster with one of them.
    await at.guard.resolve(waiting[1]?.requestId as string, { actor: "bob", reason: "mine", decision: "happened" });
    await dialog.getByLabel("Reason").fill("not in the ledger");
    await page.keyboard.press("Enter");
    await dialog.getByText("Type 3 to confirm").last().waitFor();
    await dialog.getByLabel("to confirm").fill("3");
    await page.keyboard.press("Enter");
    await dialog.getByText("2 of 3 decided.").waitFor();
    expect(await dialog.getByText(/not done/).count()).toBe(1);
    await dialog.getByRole("button", { name: "Done" }).click();
    await page.getByText("1 request waits").waitFor();
    expect((await at.guard.receipt(waiting[1]?.requestId as string))?.state).toBe("succeeded");
    expect((await at.guard.receipts({ states: ["failed"] })).length).toBe(2);
    expect(ann.faults).toEqual([]);
  });

  it("two reviewers on one item: one wins, the other is told by whom and why", async () => {
    const at = await world({ eventsEvery: "1h" });
    const { requestId } = await at.guard.execute("refund_payment" as never, { order: "both", fault: "lost" } as never, {
      wait: 0,
    });
    await at.guard.reconcile();
    const ann = await someone(at, "reviewer");
    const bob = await someone(at, "second");
    for (const one of [ann, bob]) {
      await one.open("reviews");
      await one.page
        .locator("article")
        .getByText("no capability")
        .or(one.page.getByText("only a person can find out"))
        .first()
        .waitFor();
    }
    await ann.page.keyboard.press("h");
    await bob.page.keyboard.press("d");
    await ann.page.keyboard.type("it is in the ledger");
    await bob.page.keyboard.type("I do not see it");
    await ann.page.keyboard.press("Enter");
    await ann.page.getByText("Nothing waits for a person.").waitFor();
    await bob.page.keyboard.press("Enter");
    const told = bob.page.getByRole("alert").filter({ hasText: "You were not the first" });
    await told.getByText(/now succeeded, by ann: happened: it is in the ledger/).waitFor();
    await expectAccessible(bob.page);
    await told.getByRole("button", { name: "Next" }).click();
    await bob.page.getByText("Nothing waits for a person.").waitFor();
    expect((await at.guard.receipt(requestId as string))?.state).toBe("succeeded");
    expect((await at.guard.log(requestId as string)).filter(({ event }) => event === "resolve")).toHaveLength(1);
    expect([...ann.faults, ...bob.faults]).toEqual([]);
  });

  it("in review again after another attempt: a decision about the earlier one is refused", async () => {
    const at = await world({ eventsEvery: "1h" });
    const payload = { order: "again", fault: "lost" };
    const { requestId } = await at.guard.execute("refund_payment" as never, payload as never, { wait: 0 });
    const id = requestId as string;
    await at.guard.reconcile();
    const ann = await someone(at, "reviewer");
    await ann.open("reviews");
    await ann.page.keyboard.press("d");
    await ann.page.keyboard.type("not there");
    // Meanwhile bob has had it tried again, and that answer was lost, too.
    await at.guard.resolve(id, { actor: "bob", reason: "once more", decision: "retry" });
    await expect
      .poll(async () => {
        await at.guard.reconcile();
        const receipt = await at.guard.receipt(id);
        return [receipt?.state, receipt?.generation];
      })
      .toEqual(["review", 2]);
    await ann.page.keyboard.press("Enter");
    await ann.page.getByText("You were not the first").waitFor();
    expect((await at.guard.receipt(id))?.state).toBe("review");
    expect(at.effects()).toEqual(["again", "again"]);
    expect(ann.faults).toEqual([]);
  });

  it("a key that is taken back while its owner looks: back to the door", async () => {
    const made = makeApiKey({ tenant: "default", name: "mia", role: "auditor" }, new Date());
    let isGood = true;
    const at = await world({ keys: (key) => (isGood ? apiKeys([made.kept])(key) : null) });
    const mia = await someone(at, null, { key: made.key });
    await mia.open("runs");
    isGood = false;
    await mia.page.getByRole("link", { name: "Receipts" }).click();
    await mia.page.getByText("This key is not good here").waitFor();
    expect(mia.faults).toEqual([]);
  });

  it("whoever only looks is told over the event stream, too", async () => {
    const at = await world();
    const { requestId } = await at.guard.execute("refund_payment" as never, { order: "seen", fault: "lost" } as never, {
      wait: 0,
    });
    await at.guard.reconcile();
    const ann = await someone(at, "reviewer");
    await ann.open("reviews");
    await ann.page.getByText("live", { exact: true }).waitFor();
    await at.guard.resolve(requestId as string, { actor: "bob", reason: "was there", decision: "happened" });
    await ann.page.getByText("You were not the first").waitFor();
    expect(await ann.page.getByRole("button", { name: /^Happened/ }).count()).toBe(0);
  });

  it("without the role: nothing is offered, and the API refuses; an agent's key sees nothing", async () => {
    const at = await world();
    await someTraffic(at);
    const eve = await someone(at, "auditor");
    await eve.open("reviews");
    await eve.page.getByText("Deciding needs a key of role reviewer or operator").waitFor();
    expect(await eve.page.getByRole("button", { name: /^(Happened|Approve|Retry)/ }).count()).toBe(0);
    await eve.page.keyboard.press("h");
    expect(await eve.page.getByLabel("Reason").count()).toBe(0);
    const id = (await at.guard.reviews())[0]?.requestId as string;
    const refused = await eve.page.evaluate(async (target) => {
      const answer = await fetch(`/v1/reviews/${target}/resolve`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${sessionStorage.getItem("onceguard.key")}`,
          "content-type": "application/json",
        },
        body: JSON.stringify({ decision: "happened", reason: "because I can" }),
      });
      return answer.status;
    }, id);
    expect(refused).toBe(403);
    for (const view of ["runs/run-storm", "policies", "cases/match%3A42", "correction?run_id=run-flags"]) {
      await eve.open(view);
      expect(await eve.page.getByRole("button", { name: /^(Halt|Dry run|home|away)/ }).count()).toBe(0);
    }
    const ann = await someone(at, "reviewer");
    await ann.open("runs/run-storm");
    expect(await ann.page.getByText("need a key of role operator").count()).toBe(1);
    const agent = await someone(at, "caller");
    await agent.page.getByText("This key may not look").waitFor();
    await expectAccessible(agent.page);
    expect((await at.guard.receipt(id))?.state).toBe("review");
  });

  it("a run and an action are halted and resumed, with a reason; nothing is sent meanwhile", async () => {
    const at = await world();
    const olga = await someone(at, "operator");
    const { page } = olga;
    await at.guard.execute("refund_payment" as never, { order: "R1" } as never, { runId: "run/one" });
    const halt = async (open: string, name: RegExp, reason: string, told: RegExp): Promise<void> => {
      await olga.open(open);
      await page.getByRole("button", { name }).first().click();
      await page.getByLabel("Reason").fill(reason);
      await page.keyboard.press("Enter");
      await page.getByText(told).first().waitFor();
    };
    await halt("runs/run%2Fone", /^Halt this run/, "it loops", /by olga/);
    const stopped = await at.guard.execute("refund_payment" as never, { order: "R2" } as never, { runId: "run/one" });
    expect(stopped.status).toBe("halted");
    await olga.open("runs");
    await page.locator("tr", { hasText: "run/one" }).getByText("halted").waitFor();
    await halt("runs/run%2Fone", /^Resume this run/, "mended", /Halt this run/);
    await halt("policies", /^Halt this action/, "wrong prices", /wrong prices/);
    expect((await at.guard.execute("refund_payment" as never, { order: "R3" } as never)).status).toBe("halted");
    await olga.open("");
    await page.getByText("1 halt in force").waitFor();
    expect(at.effects()).toEqual(["R1"]);
    expect(olga.faults).toEqual([]);
  });

  it("a case is finalized by a person, and what waited for it runs", async () => {
    const at = await world();
    await someTraffic(at);
    const ann = await someone(at, "reviewer");
    const { page } = ann;
    await ann.open("cases");
    await page.getByRole("link", { name: "match:42" }).click();
    await page.getByRole("button", { name: "home" }).click();
    await page.getByLabel("Reason").fill("the referee's report");
    await page.keyboard.press("Enter");
    await page.getByText("ann: the referee's report").waitFor();
    const olga = await someone(at, "operator");
    await olga.open("cases/match%3A42");
    await olga.page.getByText("Add what a source says").click();
    for (const [name, value] of [
      ["Source", "video"],
      ["Outcome", "away"],
      ["Confidence in %", "99"],
      ["The signal's own id", "s9"],
    ] as const) {
      await olga.page.getByLabel(name).fill(value);
    }
    await expectAccessible(olga.page);
    await olga.page.getByRole("button", { name: "Add", exact: true }).click();
    await olga.page.getByText("It is late.").waitFor();
    await olga.page.getByText("Came too late").waitFor();
    await at.guard.reconcile();
    await page.getByRole("img", { name: /The case is settled/ }).waitFor();
    expect(at.effects().filter((one) => one === "42")).toHaveLength(1);
    expect(ann.faults).toEqual([]);
  });

  it("blast radius, dry run, correction: just those records, and nothing of what others changed", async () => {
    const at = await world();
    await someTraffic(at);
    const olga = await someone(at, "operator");
    const { page } = olga;
    await olga.open("runs/run-flags");
    await page.getByRole("link", { name: "Blast radius of this run" }).click();
    await page.getByRole("button", { name: "Blast radius" }).click();
    await page.getByText("Touched: 3 requests").waitFor();
    // Somebody else has gone on with one of them.
    at.shipments.s2 = { priority: "urgent" };
    await page.getByRole("button", { name: "Dry run" }).click();
    await page.getByText("Dry run: nothing was written").waitFor();
    expect(at.shipments.s1).toEqual({ priority: "high" });
    await expectAccessible(page);
    await page.getByRole("button", { name: "Correct …" }).click();
    await page.getByLabel("Reason").fill("flagged by a bug");
    await page.getByLabel("to confirm").fill("3");
    await page.keyboard.press("Enter");
    await page.getByText(/2 effects undone, 1 left alone or open/).waitFor();
    expect(at.shipments).toEqual({
      s1: { priority: "normal" },
      s2: { priority: "urgent" },
      s3: { priority: "normal" },
    });
    await expectAccessible(page);
    expect(olga.faults).toEqual([]);
  });
});
