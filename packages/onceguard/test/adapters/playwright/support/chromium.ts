import { existsSync } from "node:fs";
import { type Browser, type BrowserServer, chromium } from "playwright-core";

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

/** Chromium as a process of its own that can be killed; it ends with this process. */
export function startChromium(): Promise<BrowserServer> {
  return chromium.launchServer({ executablePath: PATH, args: ARGS });
}

/** The same without a server: it ends with this process, and however that ends. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: PATH, args: ARGS });
}
