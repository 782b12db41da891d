import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";
import { expect } from "vitest";

const PATH = process.env.ONCEGUARD_TEST_CHROMIUM ?? "/usr/bin/chromium";

/** Why the tests of a file cannot run here; null when they can. */
export const noChromium: string | null = existsSync(PATH)
  ? null
  : `skipped: there is no Chromium at ${PATH} (name yours in ONCEGUARD_TEST_CHROMIUM)`;

const ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export function startChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: PATH, args: ARGS });
}

/** A person at a browser of their own: own storage, own key. What goes wrong on the page fails the test. */
export interface Person {
  readonly page: Page;
  /** Faults of the page: errors of its script, of its policy, requests elsewhere, alerts that a payload has opened. */
  readonly faults: string[];
  open(view?: string): Promise<void>;
  leave(): Promise<void>;
}

export async function person(
  browser: Browser,
  url: string,
  options: { readonly key?: string; readonly width?: number; readonly colorScheme?: "light" | "dark" } = {},
): Promise<Person> {
  const { key, width = 1280, colorScheme = "light" } = options;
  const context = await browser.newContext({
    viewport: { width, height: width < 500 ? 844 : 900 },
    colorScheme,
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("console", (message) => {
    // Refusals are answers, and the browser reports them as errors of loading.
    const isAnswer = message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && !isAnswer) faults.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("blob:"))
      faults.push(`elsewhere: ${request.url()}`);
    if (key !== undefined && request.url().includes(key)) faults.push("the key is in an address");
  });
  if (key !== undefined) {
    await page.goto(`${url}/console/`);
    await page.getByLabel("Key").fill(key);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("navigation", { name: "Views" }).waitFor();
  }
  return {
    page,
    faults,
    open: async (view = "") => {
      await page.goto(`${url}/console/#/${view}`);
      await page.waitForFunction(() => {
        const { ready, route } = document.querySelector("main")?.dataset ?? {};
        return ready === "true" && route === location.hash;
      });
    },
    leave: () => context.close(),
  };
}

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
  }[];
  readonly passes: readonly unknown[];
}

/** WCAG 2.2 AA and axe's own best practices: nothing is left. */
export async function expectAccessible(page: Page): Promise<void> {
  // Through the debugger: the page's own policy would refuse the script, as it should.
  await page.evaluate(AXE);
  const { violations, passes } = await page.evaluate(
    () =>
      (globalThis as unknown as { axe: { run(options: object): Promise<AxeResult> } }).axe.run({
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        resultTypes: ["violations"],
      }) as Promise<AxeResult>,
  );
  const found = violations.map(({ id, nodes }) => ({
    id,
    where: nodes
      .slice(0, 3)
      .map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary?.slice(0, 200)}`),
  }));
  expect(found).toEqual([]);
  expect(passes.length).toBeGreaterThan(5);
}
