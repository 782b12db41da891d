import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectAccessible, noChromium, startChromium } from "../../packages/dashboard/test/support/browser.ts";
import { ERROR_CODES } from "../../packages/onceguard/src/core/errors.ts";
import { DIST, ROOT } from "../src/addresses.ts";
import { deadLinks } from "../src/check-links.ts";
import { contents } from "../src/contents.ts";
import { onSite } from "../src/copy-pages.ts";
import { inputsDigest } from "../src/inputs.ts";
import { markdownOf } from "../src/llms.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".json": "application/json",
};

beforeAll(() => {
  const isFresh = existsSync(`${DIST}.inputs`) && readFileSync(`${DIST}.inputs`, "utf8") === inputsDigest();
  if (!isFresh) execFileSync(process.execPath, [`${ROOT}site/build.ts`, "--no-demo"], { stdio: "pipe" });
}, 600_000);

describe("the built site", () => {
  it("has no dead link and no dead anchor", () => {
    expect(deadLinks()).toEqual([]);
  });

  it("has the page of every error code at its stable address", () => {
    for (const code of ERROR_CODES) {
      const path = `${DIST}errors/${code.replaceAll("_", "-")}.html`;
      expect(existsSync(path), path).toBe(true);
    }
  });

  it("loads nothing from elsewhere", () => {
    const pages = ["index.html", "concepts.html", "reference/onceguard.html"];
    for (const page of pages) {
      const loads = [
        ...readFileSync(`${DIST}${page}`, "utf8").matchAll(/<(?:script|link|img|iframe)\b[^>]*(?:src|href)="([^"]+)"/g),
      ];
      expect(loads.map(([, target]) => target).filter((target) => /^(https?:)?\/\//.test(target ?? ""))).toEqual([]);
    }
  });

  it("has llms.txt: a title, a summary, and a link to the Markdown of every page", () => {
    const text = readFileSync(`${DIST}llms.txt`, "utf8");
    expect(text).toMatch(/^# Onceguard\n\n> /);
    const targets = [...text.matchAll(/^- \[[^\]]+\]\(([^)]+)\)/gm)].map(([, target]) => target as string);
    for (const { pages } of contents())
      for (const { path } of pages) expect(targets).toContain(markdownOf(onSite(path)));
    for (const target of targets) expect(existsSync(`${DIST}${target}`), target).toBe(true);
    expect(readFileSync(`${DIST}llms-full.txt`, "utf8")).toContain("# Uncertain completion");
    expect(readFileSync(`${DIST}concepts.html.md`, "utf8")).toContain("(./promises.html.md)");
  });
});

describe.skipIf(noChromium !== null)("in Chromium", () => {
  let browser: Awaited<ReturnType<typeof startChromium>>;
  let server: Server;
  let origin: string;

  beforeAll(async () => {
    server = createServer((request, response) => {
      const path = decodeURIComponent(new URL(request.url ?? "/", "http://site").pathname);
      const file = `${DIST}${path.endsWith("/") ? `${path}index.html` : path}`;
      response.setHeader("content-type", TYPES[extname(file)] ?? "text/plain; charset=utf-8");
      response.statusCode = existsSync(file) ? 200 : 404;
      response.end(existsSync(file) ? readFileSync(file) : "");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    browser = await startChromium();
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  /** A reader with one page open; `faults` is what went wrong on it: errors, and requests to other hosts. */
  async function reader(path: string, look: { readonly width: number; readonly colorScheme: "light" | "dark" }) {
    const { width, colorScheme } = look;
    const context = await browser.newContext({
      viewport: { width, height: 900 },
      colorScheme,
      reducedMotion: "reduce",
    });
    const page = await context.newPage();
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") faults.push(message.text());
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(origin) && !/^(data|blob):/.test(request.url())) faults.push(request.url());
    });
    await page.goto(`${origin}/${path}`, { waitUntil: "networkidle" });
    return { page, faults, leave: () => context.close() };
  }

  const PAGES = [
    "",
    "getting-started.html",
    "concepts-states.html",
    "concepts-crashes.html",
    "production-checklist.html",
    "reference/store.html",
    "errors/unknown-action.html",
  ];
  const LOOKS = [
    { width: 1280, colorScheme: "light" },
    { width: 1280, colorScheme: "dark" },
    { width: 390, colorScheme: "dark" },
  ] as const;

  it.each(PAGES)(
    "/%s: no errors, nothing from elsewhere, nothing that axe finds, nothing wider than the screen",
    async (path) => {
      for (const look of LOOKS) {
        const { page, faults, leave } = await reader(path, look);
        await expectAccessible(page);
        const isDark = await page.evaluate(() => document.documentElement.classList.contains("dark"));
        expect(isDark).toBe(look.colorScheme === "dark");
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(look.width);
        expect(faults).toEqual([]);
        await leave();
      }
    },
  );

  it("finds in_doubt", async () => {
    const { page, faults, leave } = await reader("", { width: 1280, colorScheme: "light" });
    await page.getByRole("button", { name: "Search" }).click();
    await page.locator(".VPLocalSearchBox input").fill("in_doubt");
    const results = page.locator(".VPLocalSearchBox .results a");
    await results.first().waitFor();
    const found = await results.evaluateAll((links) => links.map((link) => link.getAttribute("href") ?? ""));
    expect(found.some((href) => /(outcomes|uncertain-completion|concepts)/.test(href))).toBe(true);
    await results.first().click();
    await page.waitForURL((url) => url.pathname !== "/");
    expect(await page.locator("main").innerText()).toMatch(/in_doubt|in doubt/i);
    expect(faults).toEqual([]);
    await leave();
  });

  it("keeps its drawings legible on a telephone: they scroll, and the keyboard reaches them", async () => {
    const { page, leave } = await reader("concepts-crashes.html", { width: 390, colorScheme: "light" });
    const drawing = page.getByRole("region", { name: /thirteen points/ });
    const { inside, outside } = await drawing.evaluate((box) => ({
      inside: box.scrollWidth,
      outside: box.clientWidth,
    }));
    expect(inside).toBeGreaterThan(outside);
    await drawing.focus();
    expect(await drawing.evaluate((box) => box === document.activeElement)).toBe(true);
    const sizes = await drawing
      .locator("svg text")
      .evaluateAll((texts) => texts.map((text) => text.getBoundingClientRect().height));
    expect(Math.min(...sizes)).toBeGreaterThan(9);
    await leave();
  });
});
