import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Receipt } from "../../onceguard/src/core/receipt.ts";
import { apiKeys, makeApiKey } from "../../onceguard/src/http/keys/api-key.ts";
import type { ServeHttpOptions } from "../../onceguard/src/http/node/serve.ts";
import { expectAccessible, noChromium, type Person, person, startChromium } from "./support/browser.ts";
import { someTraffic } from "./support/traffic.ts";
import { type Payment, startWorld, type World } from "./support/world.ts";

/** Every view and every action in a real browser, against a guard on PostgreSQL whose effects fail. */
describe.skipIf(noChromium !== null)(`console ${noChromium ?? ""}`, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(() => browser.close());

  async function world(http: Partial<ServeHttpOptions> = {}, isOpen = false): Promise<World> {
    const made = await startWorld(http, isOpen);
    onTestFinished(() => made.close());
    return made;
  }

  async function someone(at: World, role: keyof World["keys"] | null, options = {}): Promise<Person> {
    const one = await person(browser, at.url, { ...(role && { key: at.keys[role] }), ...options });
    onTestFinished(() => one.leave());
    return one;
  }

  it("without keys it just works; with keys it asks for one, keeps it in the tab, and forgets it", async () => {
    const open = await world({}, true);
    const anybody = await someone(open, null);
    await anybody.open();
    expect(await anybody.page.getByText("no keys").isVisible()).toBe(true);
    expect(anybody.faults).toEqual([]);

    const closed = await world();
    const ann = await someone(closed, null);
    const { page } = ann;
    await page.goto(`${closed.url}/`);
    await page.getByLabel("Key").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("This key is not good here").waitFor();
    await expectAccessible(page);
    await page.getByLabel("Key").fill(closed.keys.reviewer);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    const kept = await page.evaluate(() => [JSON.stringify(localStorage), document.cookie, location.href].join());
    expect(kept).not.toContain(closed.keys.reviewer);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Key").waitFor();
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
    expect(ann.faults).toEqual([]);
  });

  it.each([
    ["light, 1280 px", { width: 1280, colorScheme: "light" }],
    ["dark, 390 px", { width: 390, colorScheme: "dark" }],
  ])("every view, %s: nothing for axe, nothing too wide, no fault", async (_name, options) => {
    const at = await world();
    await someTraffic(at);
    const olga = await someone(at, "operator", options);
    const flag = (await at.guard.receipts({ action: "flag_shipment" }))[0] as Receipt;
    const doubt = (await at.guard.receipts({ states: ["in_doubt"] }))[0] as Receipt;
    const views: [view: string, shows: RegExp][] = [
      ["", /Duplicates prevented/],
      ["reviews", /wait for a person/],
      ["receipts", /flag_shipment/],
      [`receipts/${flag.requestId}`, /before and after/],
      [`receipts/${doubt.requestId}`, /It may have happened/],
      ["receipts/nobodys", /no receipt with this request id/],
      ["live", /action log as it is written/],
      ["runs", /run-storm/],
      ["runs/run-storm", /Everything it did/],
      ["cases", /match:42/],
      ["cases/match%3A42", /Weighed together/],
      ["correction", /Say what went wrong/],
      ["policies", /over 500.00 needs a person/],
      ["providers?q=s", /Stripe/],
      ["checklist", /What is the idempotency key/],
      ["nowhere", /There is no such view/],
    ];
    for (const [view, shows] of views) {
      await olga.open(view);
      await olga.page.getByText(shows).first().waitFor();
      await expectAccessible(olga.page);
      const isTooWide = await olga.page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      expect([view, isTooWide]).toEqual([view, false]);
    }
    expect(olga.faults).toEqual([]);
  });

  it("overview: the numbers are those of the log, and follow it", async () => {
    const at = await world();
    await someTraffic(at);
    const eve = await someone(at, "auditor");
    await eve.open();
    const tile = (name: string) => eve.page.locator(".tile", { hasText: name }).locator(".tile-value");
    // Twelve refunds, a mail and three flags; five refunds asked for again; one mail too many.
    await expect.poll(() => tile("Executed").innerText()).toBe("16");
    await expect.poll(() => tile("Replayed").innerText()).toBe("5");
    await expect.poll(() => tile("Duplicates prevented").innerText()).toBe("6");
    expect(await eve.page.getByText(/worth 18,750 .* known for 5/).isVisible()).toBe(true);
    expect(await tile("In doubt").innerText()).toBe("1");
    expect(await tile("Waiting for a person").innerText()).toBe("5");
    const effects = at.effects().length;
    await at.guard.execute("refund_payment" as never, { order: "live-1", amount: 1 } as never);
    await at.guard.execute("refund_payment" as never, { order: "live-1", amount: 1 } as never);
    await expect.poll(() => tile("Executed").innerText(), { timeout: 15_000 }).toBe("17");
    await expect.poll(() => tile("Duplicates prevented").innerText(), { timeout: 15_000 }).toBe("7");
    expect(at.effects()).toHaveLength(effects + 1);
    await eve.page.getByText("As a table").first().click();
    expect(await eve.page.getByRole("region", { name: "Calls, as a table" }).isVisible()).toBe(true);
    await eve.page.getByRole("button", { name: "1 hour" }).click();
    await expect.poll(() => tile("Executed").innerText()).toBe("17");
    expect(eve.faults).toEqual([]);
  });

  it("receipts: filters, pages by key set, and changes as they happen", async () => {
    const at = await world();
    for (let n = 0; n < 60; n++)
      await at.guard.execute("send_mail" as never, { order: `P${n}`, note: "x" } as never, { actor: "a" });
    await at.guard.execute("refund_payment" as never, { order: "odd", fault: "declined" } as never, { runId: "r/1" });
    const eve = await someone(at, "auditor");
    const { page } = eve;
    const rows = page.locator("table.rows tbody tr");
    await eve.open("receipts");
    await expect.poll(() => rows.count()).toBe(50);
    await page.getByRole("button", { name: "Older" }).click();
    await expect.poll(() => rows.count()).toBe(11);
    expect(await page.getByRole("button", { name: "Older" }).isDisabled()).toBe(true);
    await page.getByRole("button", { name: "Newer" }).click();
    await expect.poll(() => rows.count()).toBe(50);
    await page.getByLabel("State").selectOption("failed");
    await expect.poll(() => rows.count()).toBe(1);
    await page.getByLabel("State").selectOption("");
    await page.getByLabel("Run", { exact: true }).fill("r/1");
    await page.getByRole("button", { name: "Filter" }).click();
    await expect.poll(() => rows.allInnerTexts().then((all) => all.join())).toContain("order:odd");
    // One that fits the filter appears, one that does not stays away.
    const held = at.guard.execute("refund_payment" as never, { order: "now", fault: "hold" } as never, {
      runId: "r/1",
    });
    await at.guard.execute("send_mail" as never, { order: "not", note: "x" } as never);
    await page.locator("tr", { hasText: "order:now" }).getByText("running").waitFor();
    at.release();
    await held;
    await page.locator("tr", { hasText: "order:now" }).getByText("succeeded").waitFor();
    expect(await rows.count()).toBe(2);
    await page.getByLabel("Request id").fill("my/own id");
    await page.getByRole("button", { name: "Filter" }).click();
    await page.getByText("no receipt with this request id").waitFor();
    expect(eve.faults).toEqual([]);
  });

  it("one receipt: attempts, evidence, who asked again, the trace; decided, reopened, and told apart by who did it", async () => {
    const at = await world();
    const pay = (payment: Payment, context: object) =>
      at.guard.execute("charge_card" as never, payment as never, context);
    const { requestId } = await pay({ order: "T1", fault: "lost" }, { actor: "agent-7", traceId: "trace-1", wait: 0 });
    await pay({ order: "T1", fault: "lost", note: "again" }, { actor: "agent-8", wait: 0 });
    const failed = await pay({ order: "T2", fault: "declined" }, { wait: 0 });
    const ann = await someone(at, "reviewer");
    const { page } = ann;
    await ann.open(`receipts/${requestId}`);
    await page.getByText("socket hang up after T1").first().waitFor();
    expect(await page.getByRole("link", { name: "trace-1" }).getAttribute("href")).toBe(
      "https://traces.example/trace-1",
    );
    await expect.poll(() => page.locator(".waterfall li").count()).toBeGreaterThanOrEqual(2);
    await expect.poll(() => page.getByText("no sealed log").count()).toBe(1);
    await page.getByRole("button", { name: "Happened", exact: true }).click();
    await page.getByRole("button", { name: "Happened", exact: true }).click();
    await page.getByText("Say why").waitFor();
    await page.getByLabel("Reason").fill("seen at the provider");
    await page.keyboard.press("Enter");
    await page.getByText("It happened. Every repetition").waitFor();
    await page.getByText("seen at the provider").first().waitFor();
    expect((await at.guard.receipt(requestId as string))?.state).toBe("succeeded");
    expect((await at.guard.log(requestId as string)).find(({ event }) => event === "resolve")?.actor).toBe("ann");
    await ann.open(`receipts/${failed.requestId}`);
    await page.getByRole("button", { name: "Reopen" }).click();
    await page.getByLabel("Reason").fill("another card");
    await page.keyboard.press("Enter");
    await page.getByText("the next attempt is scheduled").waitFor();
    expect(at.effects().filter((one) => one === "T1").length).toBeLessThanOrEqual(3);
    // What is settled is contradicted from outside: a conflict, which a person decides.
    const olga = await someone(at, "operator");
    await olga.open(`receipts/${requestId}`);
    await olga.page.getByText("Give evidence from outside").click();
    await olga.page.getByRole("combobox").selectOption("did_not_happen");
    await olga.page.getByLabel("Who says so").fill("the bank's statement");
    await olga.page.getByRole("button", { name: "Give evidence" }).click();
    await olga.page.getByText("Evidence contradicts this record.").waitFor();
    await expectAccessible(olga.page);
    await olga.open("receipts?conflict=true");
    await olga.page.locator("tr", { hasText: "order:T1" }).locator(".flag").waitFor();
    expect(ann.faults).toEqual([]);
  });

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
    const mia = await person(browser, at.url, { key: made.key });
    onTestFinished(() => mia.leave());
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

  it("live: the log as it is written, paused on demand; a service that goes away is said, and comes back", async () => {
    const at = await world();
    const eve = await someone(at, "auditor");
    const { page } = eve;
    await eve.open("live");
    await at.guard.execute("refund_payment" as never, { order: "V1" } as never, { actor: "agent-live" });
    await page.getByText("order:V1").first().waitFor();
    await page.getByLabel("Only lines with").fill("agent-live");
    await page.getByText("succeeded").first().waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await at.guard.execute("refund_payment" as never, { order: "V2" } as never, { actor: "agent-live" });
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByText("order:V2").first().waitFor();
    await page.context().setOffline(true);
    await eve.page.getByText("The service cannot be reached").waitFor();
    await page.context().setOffline(false);
    await at.guard.execute("refund_payment" as never, { order: "V3" } as never, { actor: "agent-live" });
    await page.getByText("order:V3").first().waitFor();
    expect(eve.faults).toEqual([]);
  });

  const XSS = `"><img src=x onerror=alert(1)><script>alert(2)</script>'\u202e javascript:alert(3)`;

  it("XSS payloads in every field that the guard takes, and in all that the API says, are inert", async () => {
    const at = await world();
    const run = { runId: XSS, actor: XSS, traceId: XSS, host: { scope: XSS, callId: XSS } };
    const id = `own:${XSS}`;
    const pay = (payment: Payment, context: object) =>
      at.guard.execute("refund_payment" as never, payment as never, { ...run, ...context });
    await pay({ order: XSS, note: XSS, fault: "lost" }, { requestId: id, wait: 0 });
    await pay({ order: `${XSS}2`, amount: 99_999 }, { wait: 0 });
    await at.guard.execute("pay_winner" as never, { order: XSS } as never, run);
    await at.guard.case(`match:${XSS}`).signal({ id: XSS, source: XSS, outcome: XSS, confidence: 0.5, at: Date.now() });
    at.shipments[XSS] = { priority: XSS };
    await at.guard.execute("flag_shipment" as never, { order: XSS, note: `${XSS}3` } as never, run);
    await at.guard.reconcile();
    await at.guard.halt("run", XSS, { actor: XSS, reason: XSS });
    const olga = await someone(at, "operator");
    const { page } = olga;
    const ids = (await at.guard.receipts({})).map(({ requestId }) => requestId);
    const views = ["", "reviews", "receipts", "live", "runs", "cases", "policies", "providers", "checklist"];
    const own = [
      ...ids.map((one) => `receipts/${encodeURIComponent(one)}`),
      `runs/${encodeURIComponent(XSS)}`,
      `cases/${encodeURIComponent(`match:${XSS}`)}`,
      `correction?run_id=${encodeURIComponent(XSS)}`,
    ];
    const inert = async (): Promise<void> => {
      const found = await page.evaluate(
        () =>
          document.querySelectorAll("img, script:not([src]), iframe, object, [onerror], a[href^='javascript:']").length,
      );
      expect([page.url(), found]).toEqual([page.url(), 0]);
    };
    for (const view of [...views, ...own]) {
      await olga.open(view);
      await inert();
    }
    await page.getByRole("button", { name: "Blast radius" }).click();
    await page.getByText("Touched:").waitFor();
    await inert();
    // Fields that the guard itself restricts, such as an action's name: as if the API said so.
    const plain = new Set([
      "state",
      "status",
      "scope",
      "kind",
      "answer",
      "verdict",
      "roles",
      "certainty",
      "waits_for",
      "risk_tier",
    ]);
    const poisoned = (value: unknown, key = ""): unknown => {
      if (Array.isArray(value)) return plain.has(key) ? value : value.map((one) => poisoned(one));
      if (typeof value === "object" && value !== null) {
        return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, poisoned(inner, name)]));
      }
      const isPlain =
        typeof value !== "string" || plain.has(key) || /(?:^at$|_at$|^from$|^until$|^next$|_since$)/.test(key);
      return isPlain ? value : XSS;
    };
    await page.route(/\/v1\/(?!events|me)/, async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ response: answer, json: poisoned(await answer.json()) });
    });
    for (const view of [...views, `receipts/${encodeURIComponent(id)}`, own.at(-3) as string, own.at(-2) as string]) {
      await olga.open(view);
      await page.getByText("onerror=alert(1)").first().waitFor({ state: "attached" });
      await inert();
    }
    expect(olga.faults).toEqual([]);
  });
});
