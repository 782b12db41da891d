import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type BrowserContext, type BrowserServer, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, expectTypeOf, it } from "vitest";
import { guardStep, type Step, stepAnswer } from "../../../src/adapters/playwright/index.ts";
import { createGuard, effectError, type Outcome } from "../../../src/index.ts";
import { memoryStore } from "../../../src/stores/memory/memory-store.ts";
import { noChromium, startChromium } from "./support/chromium.ts";
import { openShop, type Shop } from "./support/shop.ts";

// The judge is the shop's ledger. Each story has a control: the same clicks without the guard.

interface Cart {
  readonly cart: string;
  readonly cents: number;
}

let server: BrowserServer;
let browser: Browser;
let shop: Shop;
let context: BrowserContext;
let page: Page;
let carts = 0;
let bought: Cart;
const folder = mkdtempSync(join(tmpdir(), "onceguard-pictures-"));

const guard = createGuard({ store: memoryStore(), sweepEvery: false, grace: 0, onBackgroundError: () => undefined });

const click = (name: string) => (shown: Page) =>
  shown.getByRole("button", { name, exact: true }).click({ timeout: 2_000 });

/** Whether the list of orders has it. */
async function listed(shown: Page, { cart }: Cart) {
  await shown.goto(`${shop.url}/orders`);
  const [number] = await shown.locator(`[data-cart="${cart}"]`).allTextContents();
  if (number === undefined) return { answer: "did_not_happen" } as const;
  return { answer: "happened", result: { order: Number(number) } } as const;
}

const pay = (more: Partial<Step<Page, Cart, { order: number }, { total: number }>> = {}) =>
  ({
    name: "pay_cart",
    payload: bought,
    keyFields: ["cart"],
    retry: { maxAttempts: 1 },
    act: click("Pay"),
    request: { url: "**/orders" },
    result: ({ status, headers, text }) => ({
      order: Number(/\d+$/.exec(status === 303 ? (headers.location ?? "") : (/Order \d+/.exec(text)?.[0] ?? ""))?.[0]),
    }),
    ...more,
  }) satisfies Step<Page, Cart, { order: number }, { total: number }>;

async function openCart(shown: Page = page, { cart, cents }: Cart = bought): Promise<Page> {
  await shown.goto(`${shop.url}/cart/${cart}?cents=${cents}`);
  return shown;
}

describe.skipIf(noChromium)(`a step in a real page ${noChromium ?? ""}`, () => {
  beforeAll(async () => {
    [server, shop] = await Promise.all([startChromium(), openShop()]);
    browser = await chromium.connect(server.wsEndpoint());
  });

  afterAll(async () => {
    await guard.close();
    await server.kill();
    await shop.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    bought = { cart: `C-${++carts}`, cents: 4200 };
    context = await browser.newContext();
    page = await context.newPage();
    await openCart();
  });

  afterEach(() => context.close());

  it("claims, clicks, keeps the result, and replays it without a click", async () => {
    const first = await guardStep(guard, page, pay());
    expect(first).toMatchObject({ status: "executed", result: { order: expect.any(Number) } });
    expect(new URL(page.url()).pathname).toBe(`/orders/${first.status === "executed" && first.result.order}`);
    await openCart();
    const again = await guardStep(guard, page, pay({ act: () => expect.unreachable() }));
    expect(again).toMatchObject({ status: "replayed", result: (first as { result: unknown }).result });
    expect(stepAnswer(again)).toEqual((first as { result: unknown }).result);
    expect(shop.orders(bought.cart)).toHaveLength(1);
    expectTypeOf(again).toEqualTypeOf<Outcome<{ order: number }>>();
  });

  describe("the answer is lost, on a connection that was used before", () => {
    beforeEach(() => shop.plan(bought.cart, "lose_reply"));

    it("control: one click, and Chromium itself orders twice", async () => {
      await page.getByRole("button", { name: "Pay", exact: true }).click();
      await page.getByRole("heading", { name: "Order" }).waitFor();
      expect(shop.orders(bought.cart)).toHaveLength(2);
    });

    it("is in doubt, and the list of orders settles it", async () => {
      const doubt = await guardStep(guard, page, pay());
      expect(doubt).toMatchObject({ status: "in_doubt", failure: { code: "ECONNRESET" } });
      const settled = await guardStep(guard, page, pay({ probe: listed }));
      expect(settled).toMatchObject({ status: "replayed", result: { order: shop.orders(bought.cart)[0]?.number } });
      expect(shop.orders(bought.cart)).toHaveLength(1);
    });

    it("is settled in the same call where there is a probe", async () => {
      const settled = await guardStep(guard, page, pay({ probe: listed }));
      expect(settled).toMatchObject({ status: "executed", receipt: { evidence: "probe" } });
      expect(shop.orders(bought.cart)).toHaveLength(1);
      expect(context.pages()).toHaveLength(1);
    });

    it("leaves nothing of the session in what is recorded", async () => {
      const doubt = await guardStep(guard, page, pay({ evidence: { folder } }));
      expect(doubt).toMatchObject({ failure: { message: expect.stringMatching(/The page then: [0-9a-f]{64}\.png$/) } });
      expect(JSON.stringify([doubt, await guard.log(doubt.requestId)])).not.toMatch(/secret|cookie/i);
    });
  });

  describe("a double click", () => {
    const twice = (shown: Page) => shown.getByRole("button", { name: "Pay by script" }).dblclick();

    it("control: orders twice", async () => {
      await twice(page);
      await page.getByText("303").or(page.getByText("200 200")).waitFor();
      expect(shop.orders(bought.cart)).toHaveLength(2);
    });

    it("orders once: the second request does not leave the browser", async () => {
      expect(await guardStep(guard, page, pay({ act: twice }))).toMatchObject({ status: "executed" });
      await page.getByText("error").waitFor();
      expect(shop.orders(bought.cart)).toHaveLength(1);
    });
  });

  describe("a reload of the page that the order was answered with", () => {
    beforeEach(() => shop.plan(bought.cart, "answer_page"));

    it("control: orders again", async () => {
      await click("Pay")(page);
      await page.getByRole("heading", { name: "Order" }).waitFor();
      await page.reload();
      expect(shop.orders(bought.cart)).toHaveLength(2);
    });

    it("is stopped, and so is a click outside of a step; another step goes through", async () => {
      expect(await guardStep(guard, page, pay())).toMatchObject({ status: "executed" });
      await expect(page.reload()).rejects.toThrow("ERR_ABORTED");
      await page.getByRole("heading", { name: "Order" }).waitFor({ timeout: 2_000 });
      await openCart();
      await click("Pay by script")(page);
      await page.getByText("error").waitFor();
      expect(shop.orders(bought.cart)).toHaveLength(1);
      const other = { cart: `${bought.cart}-next`, cents: 100 };
      await openCart(page, other);
      expect(await guardStep(guard, page, pay({ payload: other }))).toMatchObject({ status: "executed" });
      expect(shop.orders(other.cart)).toHaveLength(1);
    });
  });

  it("orders once for two tabs that mean the same, and each of two that do not", async () => {
    const tabs = await Promise.all([1, 2, 3].map(async () => openCart(await context.newPage())));
    const other = { cart: `${bought.cart}-other`, cents: 7 };
    await openCart(tabs[2], other);
    const [one, same, another] = await Promise.all([
      guardStep(guard, tabs[0] as Page, pay()),
      guardStep(guard, tabs[1] as Page, pay()),
      guardStep(guard, tabs[2] as Page, pay({ payload: other })),
    ]);
    expect([one?.status, same?.status].sort()).toEqual(["executed", "replayed"]);
    expect([shop.orders(bought.cart), shop.orders(other.cart)]).toMatchObject([[{ cents: 4200 }], [{ cents: 7 }]]);
    expect(another).toMatchObject({ result: { order: shop.orders(other.cart)[0]?.number } });
  });

  describe("never sent", () => {
    it("certainly did not happen where nothing could be clicked, and is tried again by itself", async () => {
      let tries = 0;
      const act = async (shown: Page) => {
        if (++tries === 1) return shown.getByRole("button", { name: "Sold out" }).click({ timeout: 100 });
        return click("Pay")(shown);
      };
      const outcome = await guardStep(guard, page, pay({ act, retry: { maxAttempts: 3, base: 10 } }));
      expect(outcome).toMatchObject({ status: "executed", receipt: { attemptNumber: 2 } });
      const [failure] = await guard.log({ requestId: outcome.requestId, events: ["definite_failure"] });
      expect(failure?.detail).toMatch(/not_sent.*did not send the request.*Timeout 100ms/);
      expect(failure?.detail).not.toContain("Call log");
    });

    it("stays true: what the page sends late does not leave the browser", async () => {
      const outcome = await guardStep(guard, page, pay({ act: click("Pay late"), sendWithin: 20 }));
      expect(outcome).toMatchObject({ status: "review", reason: "retries_exhausted", failure: { code: "not_sent" } });
      await page.getByText("error").waitFor();
      expect(shop.orders(bought.cart)).toEqual([]);
    });

    it("stays true when the attempt is over for its guard, and its click comes after that", async () => {
      const clicked = Promise.withResolvers<void>();
      const act = async (shown: Page) => {
        await clicked.promise;
        await click("Pay by script")(shown);
      };
      const outcome = await guardStep(guard, page, pay({ act, timeout: 100 }));
      expect(outcome).toMatchObject({ status: "in_doubt", failure: { code: "timeout" } });
      clicked.resolve();
      await page.getByText("error").waitFor();
      expect(shop.orders(bought.cart)).toEqual([]);
    });

    it("is not said where the page sent something else that may have been it", async () => {
      const outcome = await guardStep(guard, page, pay({ act: click("Nothing"), sendWithin: 200 }));
      expect(outcome).toMatchObject({ status: "in_doubt", failure: { code: "other_requests" } });
      expect((outcome as { failure: { message: string } }).failure.message).toContain(`POST ${shop.url}/track`);
    });

    it("is not said where a route of the page's owner let the request past the gate", async () => {
      const act = async (shown: Page) => {
        await shown.route("**/orders", (route) => route.continue());
        await click("Pay by script")(shown);
      };
      const outcome = await guardStep(guard, page, pay({ act, sendWithin: 200 }));
      expect(outcome).toMatchObject({ status: "in_doubt", failure: { code: "other_requests" } });
      expect(shop.orders(bought.cart)).toHaveLength(1);
    });

    it("is not said of a page that died", async () => {
      const act = (shown: Page) =>
        Promise.all([shown.waitForEvent("crash"), shown.goto("chrome://crash").catch(() => undefined)]);
      const outcome = await guardStep(guard, page, pay({ act, sendWithin: 20 }));
      expect(outcome).toMatchObject({ status: "in_doubt", failure: { code: "page_died" } });
    });

    it("is said of a page that was closed before", async () => {
      await page.close();
      const outcome = await guardStep(guard, page, pay());
      expect(outcome).toMatchObject({ status: "review", failure: { code: "not_sent" } });
    });

    it("goes for what cannot be sent whole: files from the disk, which the browser may send itself", async () => {
      const file = join(folder, "receipt.txt");
      writeFileSync(file, "paid");
      const act = async (shown: Page) => {
        await shown.locator("input[type=file]").setInputFiles(file);
        await click("Pay with file")(shown);
      };
      const outcome = await guardStep(guard, page, pay({ act }));
      expect(outcome).toMatchObject({ status: "review", route: "data_owner", failure: { code: "body_unreadable" } });
    });
  });

  describe("the page dies while the shop holds its answer", () => {
    beforeEach(() => shop.plan(bought.cart, "hold_reply"));

    it("is known all the same: Playwright waits for the answer, and not the page", async () => {
      const step = guardStep(guard, page, pay());
      await shop.holding(bought.cart);
      await page.close();
      shop.release();
      expect(await step).toMatchObject({ status: "executed", result: { order: shop.orders(bought.cart)[0]?.number } });
    });

    it("is in doubt where the browser had sent it; the list settles it", async () => {
      const step = guardStep(guard, page, pay({ sentBy: "browser", act: click("Pay by script") }));
      await shop.holding(bought.cart);
      await page.close();
      expect(await step).toMatchObject({ status: "in_doubt" });
      shop.release();
      page = await openCart(await context.newPage());
      expect(await guardStep(guard, page, pay({ probe: listed }))).toMatchObject({ status: "replayed" });
      expect(shop.orders(bought.cart)).toHaveLength(1);
    });
  });

  describe("the shop says no", () => {
    it("by its status: it did not happen", async () => {
      shop.plan(bought.cart, "decline");
      expect(await guardStep(guard, page, pay())).toMatchObject({ status: "failed", failure: { code: "http_402" } });
    });

    it("in a page that looks like a success: `result` tells it apart", async () => {
      shop.plan(bought.cart, "decline_softly");
      const declined = {
        certainty: "definite",
        tier: null,
        code: "declined",
        message: "The card was declined.",
      } as const;
      const outcome = await guardStep(
        guard,
        page,
        pay({
          result: async (_answer, shown) => {
            if (await shown.getByText("declined").isVisible()) throw effectError(declined);
            return { order: 0 };
          },
        }),
      );
      expect(outcome).toMatchObject({ status: "failed", failure: { code: "declined" } });
    });
  });

  it("looks before it clicks: another total than the caller's is a conflict, and nothing is sent", async () => {
    const read = async (shown: Page) => ({ total: Number(await shown.locator("#total").textContent()) });
    const expected = ({ cents }: Cart, seen: { total: number }) =>
      seen.total === cents || `the page says ${seen.total}`;
    const checked = pay({ read, expect: expected });
    await openCart(page, { ...bought, cents: 9900 });
    const outcome = await guardStep(guard, page, checked);
    expect(outcome).toMatchObject({ status: "review", reason: "conflict", failure: { message: "the page says 9900" } });
    expect(shop.orders(bought.cart)).toEqual([]);
  });

  it("keeps pictures from before and after, and the log says which", async () => {
    const outcome = await guardStep(guard, page, pay({ evidence: { folder } }));
    const log = await guard.log({ requestId: outcome.requestId, order: "oldest" });
    const before = JSON.parse(log.find(({ event }) => event === "before")?.before ?? "{}").evidence;
    const after = JSON.parse(log.find(({ event }) => event === "success")?.after ?? "{}").evidence;
    expect(before.url).toBe(`${shop.url}/cart/${bought.cart}`); // without what is after the ?
    expect(after.url).toMatch(/\/orders\/\d+$/);
    for (const { screenshot } of [before, after]) {
      const picture = readFileSync(join(folder, screenshot.file));
      expect(createHash("sha256").update(picture).digest("hex")).toBe(screenshot.sha256);
      expect(picture.length).toBe(screenshot.bytes);
    }
    expect(before.screenshot.sha256).not.toBe(after.screenshot.sha256);
    expect(readdirSync(folder).filter((name) => name.endsWith(".png")).length).toBeGreaterThan(1);
  });

  it("knows its request in a new window, behind a service worker, and when the shop moves it", async () => {
    expect(await guardStep(guard, page, pay({ act: click("Pay in a window") }))).toMatchObject({ status: "executed" });
    const moved = { cart: `${bought.cart}-moved`, cents: 1 };
    await openCart(page, moved);
    shop.plan(moved.cart, "move");
    expect(await guardStep(guard, page, pay({ payload: moved }))).toMatchObject({ status: "executed" });
    const served = { cart: `${bought.cart}-served`, cents: 1 };
    await openCart(page, served);
    await page.evaluate(async () => {
      const { serviceWorker } = globalThis.navigator as unknown as { serviceWorker: ServiceWorkers };
      await serviceWorker.register("/worker.js");
      await serviceWorker.ready;
    });
    await page.waitForFunction(() =>
      Boolean((globalThis.navigator as unknown as { serviceWorker: ServiceWorkers }).serviceWorker.controller),
    );
    expect(await guardStep(guard, page, pay({ payload: served, act: click("Pay by script") }))).toMatchObject({
      status: "executed",
    });
    for (const { cart } of [bought, moved, served]) expect(shop.orders(cart)).toHaveLength(1);
  });

  it("can be told apart from other requests to its address", async () => {
    const act = async (shown: Page) => {
      await shown.evaluate(() => fetch("/orders", { method: "POST", body: "query=1" }));
      await click("Pay")(shown);
    };
    const when = (request: { postDataBuffer(): Uint8Array | null }) =>
      Buffer.from(request.postDataBuffer() ?? []).includes("cart=");
    const outcome = await guardStep(guard, page, pay({ act, request: { url: /\/orders$/, when } }));
    expect(outcome).toMatchObject({ status: "executed" });
    expect(shop.orders(bought.cart)).toHaveLength(1);
  });
});

interface ServiceWorkers {
  register(url: string): Promise<unknown>;
  readonly ready: Promise<unknown>;
  readonly controller: unknown;
}

/** Types only: what a step's functions are given follows from its payload, its `read`, and Playwright's own page. */
export const types = (shown: Page) =>
  guardStep(guard, shown, {
    name: "types",
    payload: { cart: "C", cents: 1 },
    keyFields: ["cart"],
    act: async (actPage, payload) => {
      expectTypeOf(actPage).toEqualTypeOf<Page>();
      expectTypeOf(payload).toEqualTypeOf<{ cart: string; cents: number }>();
    },
    request: { url: (url) => url.pathname === "/orders", method: "POST" },
    result: ({ status }, resultPage) => {
      expectTypeOf(resultPage).toEqualTypeOf<Page>();
      return { status };
    },
    read: async (readPage) => ({ title: await readPage.title() }),
    expect: (payload, seen) => {
      expectTypeOf(seen).toEqualTypeOf<{ title: string }>();
      return payload.cents > 0;
    },
    evidence: { folder: ".", shoot: (shot) => shot.screenshot({ mask: [shot.locator("input")] }) },
  }).then((outcome) => expectTypeOf(outcome).toEqualTypeOf<Outcome<{ status: number }>>());
