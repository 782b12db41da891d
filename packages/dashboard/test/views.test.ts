import { writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Receipt } from "../../onceguard/src/core/receipt.ts";
import { keyText, newKey } from "../../onceguard/src/seal/keys.ts";
import { sealedReceipts } from "../../onceguard/src/seal/sealed-receipts.ts";
import { openSealer } from "../../onceguard/src/seal/sealer.ts";
import { Folder } from "../../onceguard/test/e2e/cli.ts";
import { expectAccessible, noChromium } from "./support/browser.ts";
import { stage } from "./support/stage.ts";
import { someTraffic } from "./support/traffic.ts";
import type { Payment } from "./support/world.ts";

/** Every view in a real browser, against a guard on PostgreSQL whose effects fail. */
describe.skipIf(noChromium !== null)(`what the console shows ${noChromium ?? ""}`, () => {
  const { world, someone } = stage();

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
  ] as const)("every view, %s: nothing for axe, nothing too wide, no fault", async (_name, options) => {
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

  it("a sealed receipt says so, and its bundle is saved and verifies", async () => {
    const folder = new Folder();
    const key = newKey(0);
    writeFileSync(folder.file("public.json"), keyText([key], false));
    const sealed = sealedReceipts({ folder: folder.file("sealed"), keys: () => [key], anchored: [] });
    const at = await world({ sealed });
    const { requestId } = await at.guard.execute("refund_payment" as never, { order: "S1" } as never);
    const eve = await someone(at, "auditor");
    const { page } = eve;
    await eve.open(`receipts/${requestId}`);
    await page.getByText("Not sealed yet").waitFor();
    const origin = "example.com/console";
    const sealer = await openSealer({
      store: at.store,
      folder: folder.file("sealed"),
      origin,
      keys: [key],
      anchors: [],
    });
    await sealer.seal();
    sealer.close();
    await page.reload();
    await page.getByText(/in the checkpoint over \d+ entries, not anchored outside/).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Save the signed bundle" }).click(),
    ]);
    await download.saveAs(folder.file("bundle.json"));
    expect(await folder.onceguard("verify", "bundle.json", "--keys", "public.json")).toMatchObject({ code: 0 });
    expect(eve.faults).toEqual([]);
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
