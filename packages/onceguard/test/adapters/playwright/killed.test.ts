import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserServer, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { guardStep } from "../../../src/adapters/playwright/index.ts";
import { createGuard } from "../../../src/index.ts";
import { memoryStore } from "../../../src/stores/memory/memory-store.ts";
import { noChromium, startChromium } from "./support/chromium.ts";
import { openShop, type Shop } from "./support/shop.ts";

// Browser or agent are killed when the shop has taken the order and not answered yet; and then the agent buys again.

const agentProgram = fileURLToPath(new URL("./support/agent.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "onceguard-agent-"));
let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});

afterAll(async () => {
  await shop.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(noChromium)(`the browser is killed ${noChromium ?? ""}`, () => {
  const guard = createGuard({ store: memoryStore(), sweepEvery: false });
  afterAll(() => guard.close());

  async function openCart(cart: string): Promise<{ server: BrowserServer; browser: Browser; page: Page }> {
    const server = await startChromium();
    const browser = await chromium.connect(server.wsEndpoint());
    const page = await browser.newPage();
    await page.goto(`${shop.url}/cart/${cart}`);
    return { server, browser, page };
  }

  const click = (page: Page) => page.getByRole("button", { name: "Pay by script" }).click();

  const pay = (cart: string) => (page: Page) => {
    const step = {
      name: "pay_cart",
      payload: { cart },
      keyFields: ["cart"],
      act: click,
      request: { url: "**/orders" },
      result: () => "ordered",
      probe: async (shown: Page) => {
        await shown.goto(`${shop.url}/orders`);
        const isListed = (await shown.locator(`[data-cart="${cart}"]`).count()) > 0;
        return isListed ? { answer: "happened" as const, result: "ordered" } : { answer: "did_not_happen" as const };
      },
    };
    // Without a browser nothing can be probed, and waiting does not bring it back.
    return guardStep(guard, page, step, { wait: "1s" });
  };

  it.each([
    { cart: "control", buy: () => click, orders: 2 },
    { cart: "guarded", buy: pay, orders: 1 },
  ])("$cart: $orders", async ({ cart, buy, orders }) => {
    shop.plan(cart, "hold_reply");
    const first = await openCart(cart);
    const bought = buy(cart)(first.page).catch((error: unknown) => error);
    await shop.holding(cart);
    first.server.process().kill("SIGKILL");
    const outcome = await bought;
    shop.release();
    if (orders === 1) expect(outcome).toMatchObject({ status: "in_doubt" });

    const second = await openCart(cart);
    const again = await buy(cart)(second.page);
    if (orders === 1) expect(again).toMatchObject({ status: "replayed", result: "ordered" });
    await expect.poll(() => shop.orders(cart).length).toBe(orders);
    await second.server.kill();
  });
});

describe.skipIf(noChromium)(`the agent is killed, and its browser with it ${noChromium ?? ""}`, () => {
  const start = (...args: string[]) =>
    spawn(process.execPath, [agentProgram, shop.url, ...args], { stdio: ["ignore", "pipe", "inherit"] });

  it.each([
    { cart: "agent-control", store: [], says: "clicked", orders: 2 },
    { cart: "agent-guarded", store: [join(folder, "receipts.db")], says: "replayed by probe", orders: 1 },
  ])("$cart: $orders", async ({ cart, store, says, orders }) => {
    shop.plan(cart, "hold_reply");
    const first = start(cart, ...store);
    await shop.holding(cart);
    first.kill("SIGKILL");
    await once(first, "exit");
    shop.release();

    const second = start(cart, ...store);
    expect((await text(second.stdout)).trim()).toBe(says);
    expect(shop.orders(cart)).toHaveLength(orders);
  });
});
