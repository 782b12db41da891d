// An agent that buys a cart in a browser of its own, with the guard or without. Prints the outcome's status.
import type { Page } from "playwright-core";
import { guardStep } from "../../../../src/adapters/playwright/index.ts";
import { createGuard } from "../../../../src/index.ts";
import { sqliteStore } from "../../../../src/stores/sqlite/sqlite-store.ts";
import { launchChromium } from "./chromium.ts";

const [shop, cart, store] = process.argv.slice(2) as [string, string, string | undefined];

const browser = await launchChromium();
const page = await browser.newPage();
await page.goto(`${shop}/cart/${cart}`);
const pay = (shown: Page) => shown.getByRole("button", { name: "Pay", exact: true }).click();

if (store === undefined) {
  await pay(page);
  await page.getByRole("heading", { name: "Order" }).waitFor();
  console.log("clicked");
} else {
  // A short lease: whoever comes after one that was killed waits for its end.
  const guard = createGuard({ store: sqliteStore({ path: store }), lease: "700ms", sweepEvery: false });
  const outcome = await guardStep(guard, page, {
    name: "pay_cart",
    payload: { cart },
    keyFields: ["cart"],
    act: pay,
    request: { url: "**/orders" },
    result: () => "ordered",
    probe: async (shown) => {
      await shown.goto(`${shop}/orders`);
      const isListed = (await shown.locator(`[data-cart="${cart}"]`).count()) > 0;
      return isListed ? { answer: "happened", result: "ordered" } : { answer: "did_not_happen" };
    },
  });
  console.log(`${outcome.status} by ${outcome.receipt?.evidence}`);
  await guard.close();
}
await browser.close();
