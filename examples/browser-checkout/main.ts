import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createGuard } from "onceguard";
import { guardStep } from "onceguard/playwright";
import { sqliteStore } from "onceguard/sqlite";
import type { Page } from "playwright-core";
import { holds, say, story } from "../support/story.ts";
import { openShop, startBrowser } from "./browser.ts";

/** What an agent does in a page to buy a cart, and what it does next. */
const CLICKS = {
  lost: (page: Page) => page.getByRole("button", { name: "Pay", exact: true }).click(),
  twice: (page: Page) => page.getByRole("button", { name: "Pay quickly" }).dblclick(),
  reloaded: (page: Page) => page.getByRole("button", { name: "Pay", exact: true }).click(),
};

type Cart = keyof typeof CLICKS;

const browser = await startBrowser();

await story("An agent that pays in a shop without an API", async () => {
  const without = await inShop("Without the guard", async (shop) => {
    const page = await browser.newPage();

    await page.goto(`${shop.url}/cart/lost`);
    await CLICKS.lost(page);
    await page.getByText("Thank you").waitFor();
    say("one click: the answer was lost, and the browser sent it again by itself");

    await page.goto(`${shop.url}/cart/twice`);
    await CLICKS.twice(page);
    await page.getByText("done done").waitFor();
    say("a double click");

    await page.goto(`${shop.url}/cart/reloaded`);
    await CLICKS.reloaded(page);
    await page.getByText("Thank you").waitFor();
    await page.reload();
    say("a click, and a reload of the page that said thank you");

    await page.close();
    return (["lost", "twice", "reloaded"] as const).map(shop.orders);
  });

  const guarded = await inShop("With the guard", async (shop) => {
    const guard = createGuard({ store: sqliteStore({ path: join(shop.folder, "onceguard.db") }) });
    const context = await browser.newContext();
    const page = await context.newPage();
    const pictures = join(shop.folder, "pictures");
    const pay = async (cart: Cart) => {
      await page.goto(`${shop.url}/cart/${cart}`);
      return guardStep(guard, page, {
        name: "pay_cart",
        payload: { cart },
        keyFields: ["cart"],
        act: CLICKS[cart],
        request: { url: "**/orders" },
        result: ({ status }) => ({ status }),
        probe: async (list) => {
          await list.goto(`${shop.url}/orders`);
          const isListed = (await list.getByText(cart, { exact: true }).count()) > 0;
          return isListed ? { answer: "happened", result: { status: 200 } } : { answer: "did_not_happen" };
        },
        evidence: { folder: pictures },
      });
    };

    const lost = await pay("lost");
    say(`one click: ${lost.status}, known by ${lost.receipt?.evidence}`);
    const twice = await pay("twice");
    say(`a double click: ${twice.status}`);
    const reloaded = await pay("reloaded");
    await page.reload().catch(() => say("the reload was not let out of the browser"));
    const again = await pay("reloaded");
    say(`a click: ${reloaded.status}, and all of it once more: ${again.status}`);
    const [taken] = await guard.log({ requestId: lost.requestId, events: ["before"] });
    const { evidence } = JSON.parse(taken?.before ?? "{}");
    say(
      `a picture of the page before it: ${readdirSync(pictures).includes(evidence.screenshot.file) ? "kept" : "gone"}`,
    );

    await context.close();
    await guard.close();
    return (["lost", "twice", "reloaded"] as const).map(shop.orders);
  });

  console.log();
  holds("orders without the guard", without, [2, 2, 2]);
  holds("orders with the guard", guarded, [1, 1, 1]);
});

await browser.close();

async function inShop<Answer>(
  name: string,
  tell: (shop: Awaited<ReturnType<typeof openShop>>) => Promise<Answer>,
): Promise<Answer> {
  console.log(`\n${name}`);
  const shop = await openShop();
  try {
    return await tell(shop);
  } finally {
    await shop.stop();
  }
}
