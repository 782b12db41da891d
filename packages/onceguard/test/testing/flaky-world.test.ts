import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FlakyWorld, startFlakyWorld } from "../../src/testing/index.ts";

let world: FlakyWorld;

beforeAll(async () => {
  world = await startFlakyWorld();
});

afterAll(() => world.stop());

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${world.url}${path}`, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers,
  });

describe("the outside world", () => {
  it("takes whatever is sent, under any path, and finds it by what it says", async () => {
    const answer = await post("/v1/orders/A1/refunds", { lines: [{ sku: "S-1" }] }, { "idempotency-key": "k1" });
    expect(await answer.json()).toEqual({ number: 1, key: "k1", lines: [{ sku: "S-1" }] });
    const form = { "content-type": "application/x-www-form-urlencoded" };
    await post("/orders?by=A1", "cart=C%201", form);
    expect(world.effects("A1")).toEqual([
      { number: 1, method: "POST", path: "/v1/orders/A1/refunds", body: { lines: [{ sku: "S-1" }] }, key: "k1" },
      { number: 2, method: "POST", path: "/orders?by=A1", body: { cart: "C 1" }, key: null },
    ]);
    expect(world.effects("S-1")).toHaveLength(1);
    expect(world.effects("A")).toEqual([]);
    const found = await fetch(`${world.url}/anything/C%201`);
    expect(await found.json()).toMatchObject({ number: 2, cart: "C 1" });
    expect((await fetch(`${world.url}/anything/C2`)).status).toBe(404);
  });

  it("makes one effect of equal keys", async () => {
    for (const _ of [1, 2]) await post("/pay", { order: "K" }, { "idempotency-key": "k2" });
    expect(world.effects("K")).toHaveLength(1);
    expect(await world.requests("K")).toBe(2);
  });

  it("does as planned, one request after the other", async () => {
    await world.plan("F", "drop_request", "reject", "reject_transient", "gateway_timeout", "lose_reply");
    const told = [];
    for (let n = 0; n < 6; n++)
      told.push(
        await post("/pay", { order: "F" }).then(
          ({ status }) => status,
          () => "cut",
        ),
      );
    expect(told).toEqual(["cut", 402, 429, 504, "cut", 200]);
    expect(world.effects("F")).toHaveLength(3);
  });

  it("holds an answer, or the whole request, until it is told to go on", async () => {
    await world.plan("H", "hold_reply", "hold_request");
    const held = [post("/pay", { order: "H" })];
    await world.holding("H");
    expect(world.effects("H")).toHaveLength(1);
    held.push(post("/pay", { order: "H" }));
    await expect.poll(() => world.requests("H")).toBe(2);
    expect(world.effects("H")).toHaveLength(1);
    await world.release("H");
    for (const answer of held) expect((await answer).status).toBe(200);
    expect(world.effects("H")).toHaveLength(2);
  });

  it("does not find what it hides", async () => {
    await post("/pay", { order: "L" });
    await world.hide("L", 1);
    const looks = [await fetch(`${world.url}/pay/L`), await fetch(`${world.url}/pay/L`)];
    expect(looks.map(({ status }) => status)).toEqual([503, 200]);
  });
});
