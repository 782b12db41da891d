import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LedgerEntry, readLedger } from "../../src/cli/commands/demo/ledger.ts";
import type { Happening } from "../../src/cli/commands/demo/web/happening.ts";
import { readPage } from "../../src/cli/commands/demo/web/page-files.ts";
import { recordingPage } from "../../src/cli/commands/demo/web/recording.ts";
import { startProcess } from "./cli.ts";

const CHROMIUM = process.env.ONCEGUARD_TEST_CHROMIUM ?? "/usr/bin/chromium";
const noChromium = existsSync(CHROMIUM)
  ? null
  : `skipped: there is no Chromium at ${CHROMIUM} (name yours in ONCEGUARD_TEST_CHROMIUM)`;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const SIDES = ["unguarded", "guarded"] as const;
type Side = (typeof SIDES)[number];

const scratch = mkdtempSync(join(tmpdir(), "onceguard-demo-web-"));
let browser: Browser;
/** Plays while the other page is tested: most of it is waiting. */
let recorded: ReturnType<typeof startDemo>;
beforeAll(async () => {
  if (noChromium !== null) return;
  recorded = startDemo("recorded", "--record", "demo.html", "--json", "--keep");
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
});
afterAll(async () => {
  await browser?.close();
  rmSync(scratch, { recursive: true, force: true });
});

function startDemo(name: string, ...options: string[]) {
  const temp = join(scratch, name);
  mkdirSync(temp);
  const started = startProcess(process.execPath, [MAIN, "demo", ...options], scratch, {
    env: { TMPDIR: temp, TEMP: temp, NO_COLOR: "1" },
  });
  return { ...started, temp };
}

/** A page whose every fault is kept: errors, refusals of its policy, requests to anything but its own address. */
async function open(
  url: string,
  look: { width?: number; scheme?: "light" | "dark"; motion?: "reduce" | "no-preference" } = {},
) {
  const { width = 1280, scheme = "light", motion = "reduce" } = look;
  const context = await browser.newContext({
    viewport: { width, height: width < 500 ? 844 : 900 },
    colorScheme: scheme,
    reducedMotion: motion,
    offline: url.startsWith("file:"),
  });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().endsWith("/favicon.ico"))
      faults.push(`elsewhere: ${request.url()}`);
  });
  await page.goto(url);
  return { page, faults };
}

async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(AXE); // through the debugger: the page's own policy would refuse it
  const found = await page.evaluate(async () => {
    interface Result {
      violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[];
      passes: unknown[];
    }
    const { axe } = globalThis as unknown as { axe: { run(options: object): Promise<Result> } };
    const { violations, passes } = await axe.run({
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    });
    return {
      violations: violations.map(({ id, nodes }) => [id, nodes[0]?.html, nodes[0]?.failureSummary]),
      passes: passes.length,
    };
  });
  expect(found.violations).toEqual([]);
  expect(found.passes).toBeGreaterThan(5);
}

const amount = (page: Page, side: Side) => page.locator(`[data-side=${side}] .amount`).innerText();
const isWide = (page: Page) =>
  page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth");
const money = (payments: number) => (payments * 500).toLocaleString("en-US", { minimumFractionDigits: 2 });

describe.skipIf(noChromium !== null)(`onceguard demo --web${noChromium ? ` (${noChromium})` : ""}`, () => {
  let demo: ReturnType<typeof startDemo>;
  let told: { url: string; ledger: string };
  let page: Page;
  let faults: string[];
  let settled = 0;

  beforeAll(async () => {
    demo = startDemo("live", "--web", "--json");
    told = await new Promise((resolve, reject) => {
      let stdout = "";
      demo.child.stdout?.on("data", (chunk) => {
        stdout += chunk;
        if (stdout.includes("\n")) resolve(JSON.parse(stdout));
      });
      demo.child.once("close", () => reject(new Error("the demo ended")));
    });
    ({ page, faults } = await open(told.url));
  });

  /** Presses it by keyboard, waits until all of it has been shown, and lets the ledger say what it did. */
  async function press(name: string): Promise<Record<Side, number>> {
    const before = readLedger(told.ledger);
    const button = page.getByRole("button", { name });
    await page.locator("body[data-state=idle]").waitFor();
    await button.focus();
    await page.keyboard.press("Enter");
    await page.locator(`body[data-settled="${++settled}"]`).waitFor();
    const after = readLedger(told.ledger);
    for (const side of SIDES) expect(await amount(page, side)).toBe(money(of(after, side).length));
    return {
      unguarded: of(after, "unguarded").length - of(before, "unguarded").length,
      guarded: of(after, "guarded").length - of(before, "guarded").length,
    };
  }
  const of = (entries: readonly LedgerEntry[], side: Side) =>
    entries.filter(({ account }) => account.endsWith(`-${side}`));

  it("has nothing to retry before there is an invoice", async () => {
    await page.locator("body[data-state=idle]").waitFor();
    expect(await page.getByRole("button", { name: "Press retry" }).getAttribute("aria-disabled")).toBe("true");
    expect((await fetch(`${told.url}press/retry`, { method: "POST" })).status).toBe(409);
    expect((await fetch(`${told.url}press/constructor`, { method: "POST" })).status).toBe(409);
  });

  it("pays once on both sides when nothing goes wrong", async () => {
    expect(await press("Pay an invoice")).toEqual({ unguarded: 1, guarded: 1 });
  });

  it("press retry: paid again on the left, replayed on the right", async () => {
    expect(await press("Press retry")).toEqual({ unguarded: 1, guarded: 0 });
    await expect.poll(() => page.locator("[data-side=guarded] .events").innerText()).toContain("replayed");
  });

  it("drop the response", async () => {
    expect(await press("Drop the response")).toEqual({ unguarded: 2, guarded: 1 });
  });

  it("kill the agent: with kill -9, and the process that was named is gone", async () => {
    expect(await press("Kill the agent")).toEqual({ unguarded: 2, guarded: 1 });
    for (const side of SIDES) {
      const log = await page.locator(`[data-side=${side}] .events`).innerText();
      const pid = Number(/kill -9: agent process (\d+)/.exec(log)?.[1]);
      expect(pid).toBeGreaterThan(1);
      expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    }
    // The retry of what was settled by a lookup is a replay as well.
    expect(await press("Press retry")).toEqual({ unguarded: 1, guarded: 0 });
  });

  it("send the duplicate storm: 50 and 1", async () => {
    expect(await press("Send the duplicate storm")).toEqual({ unguarded: 50, guarded: 1 });
    expect(await page.locator("[data-side=unguarded] .ledger li:first-child .coins i").count()).toBe(50);
    expect(await page.locator("[data-side=guarded] .ledger li:first-child .coins i").count()).toBe(1);
  });

  it("is accessible, light and dark, and fits a small screen; who comes later sees all of it", async () => {
    await expectAccessible(page);
    const small = await open(told.url, { width: 390, scheme: "dark" });
    await small.page.locator(`body[data-settled="${settled}"]`).waitFor();
    for (const side of SIDES) expect(await amount(small.page, side)).toBe(await amount(page, side));
    await expectAccessible(small.page);
    expect(await isWide(small.page)).toBe(false);
    expect([...faults, ...small.faults]).toEqual([]);
    await shoot(page, "live-light");
    await shoot(small.page, "live-390-dark");
    await small.page.context().close();
  });

  it("lets no other page press its buttons, and has a strict policy", async () => {
    const before = readLedger(told.ledger).length;
    const elsewhere = { method: "POST", headers: { origin: "https://example.com" } };
    expect((await fetch(`${told.url}press/pay`, elsewhere)).status).toBe(403);
    const { port } = new URL(told.url);
    const rebound = await new Promise<number | undefined>((resolve, reject) => {
      get({ host: "127.0.0.1", port, path: "/happenings", headers: { host: `example.com:${port}` } }, (answer) => {
        answer.destroy();
        resolve(answer.statusCode);
      }).on("error", reject);
    });
    expect(rebound).toBe(403);
    const policy = (await fetch(told.url)).headers.get("content-security-policy");
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe");
    expect(readLedger(told.ledger)).toHaveLength(before);
  });

  it("ends with Ctrl-C, says so on the page, and leaves nothing behind", async () => {
    demo.child.kill("SIGINT");
    expect(await demo.ended).toMatchObject({ code: 0, stderr: "" });
    expect(readdirSync(demo.temp)).toEqual([]);
    await page.getByText("The demo has ended").waitFor();
  });
});

describe.skipIf(noChromium !== null)(`onceguard demo --record${noChromium ? ` (${noChromium})` : ""}`, () => {
  it("is one file that shows, without a network, what the ledger had", async () => {
    const { code, stderr, json } = await recorded.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "onceguard: The recording is in demo.html\n" });
    const { ledger, totals } = json();
    const entries = readLedger(ledger);
    const payments = (side: Side) => entries.filter(({ account }) => account.endsWith(`-${side}`)).length;
    expect(totals.guarded.payments).toBe(8);
    expect(payments("unguarded")).toBeGreaterThanOrEqual(62);

    const url = pathToFileURL(join(scratch, "demo.html")).href;
    const { page, faults } = await open(url);
    // Nothing moves by itself for those who want that.
    expect(await page.evaluate("document.body.dataset.state")).toBe("paused");
    expect(await amount(page, "unguarded")).toBe("0.00");
    await page.getByRole("button", { name: "Step", exact: true }).click();
    await page.getByText("Invoice 1: Response lost after payment").first().waitFor();
    await page.getByRole("button", { name: "To the end" }).click();
    for (const side of SIDES) expect(await amount(page, side)).toBe(money(payments(side)));
    expect(await page.evaluate("document.body.dataset.settled")).toBe("8");
    await expectAccessible(page);
    await shoot(page, "recording-light");

    await page.getByRole("button", { name: "Start over" }).click();
    expect(await amount(page, "unguarded")).toBe("0.00");
    await page.getByLabel("Scenario").selectOption({ label: "7. 50 duplicates, 4 processes" });
    await page.getByRole("button", { name: "Pause" }).click();
    expect(await page.evaluate("document.body.dataset.state")).toBe("paused");
    expect(faults).toEqual([]);
    await page.context().close();

    // With motion it plays by itself, and can be paused.
    const moving = await open(url, { width: 390, scheme: "dark", motion: "no-preference" });
    await moving.page.locator("[data-side=unguarded] .coins i").first().waitFor();
    await moving.page.getByRole("button", { name: "Pause" }).click();
    await expectAccessible(moving.page);
    expect(await isWide(moving.page)).toBe(false);
    expect(moving.faults).toEqual([]);
    await shoot(moving.page, "recording-390-dark");
    await moving.page.context().close();
  }, 120_000);

  it("takes what it shows for text, and for nothing else", async () => {
    const nasty = `</script><script>document.body.dataset.owned = "1"</script><img src=x onerror="document.body.dataset.owned='1'">`;
    const happenings: Happening[] = [
      { what: "intent", title: nasty, provider: "keys", calls: 1, intent: 1, at: 0 },
      { what: "call", side: "guarded", pid: 1, note: nasty, intent: 1, at: 1 },
      { what: "guard", side: "guarded", event: nasty, state: nasty, times: 1, intent: 1, at: 2 },
      { what: "error", side: "unguarded", pid: 1, error: nasty, intent: 1, at: 3 },
    ];
    const file = join(scratch, "nasty.html");
    writeFileSync(file, recordingPage(readPage(), { recorded_at: "2026-11-21T00:00:00Z", happenings }));
    const { page, faults } = await open(pathToFileURL(file).href);
    await page.getByRole("button", { name: "To the end" }).click();
    await page.getByText(`Invoice 1: ${nasty}`).first().waitFor();
    expect(await page.evaluate("document.body.dataset.owned")).toBeUndefined();
    expect(faults).toEqual([]);
    await page.context().close();
  });
});

/** For a person to look at. */
async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env.ONCEGUARD_TEST_SCREENSHOTS;
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}
