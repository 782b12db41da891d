import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { postgresStore } from "../../src/stores/postgres/postgres-store.ts";
import { claimRequest } from "../../src/testing/store-contract/fixtures.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";

let url: string;
beforeAll(async () => {
  url = await createDatabase();
});
afterAll(async () => {
  vi.useRealTimers();
  await dropDatabase(url);
});

test("a process whose clock is ten years ahead takes no lease away, and dates nothing by it", async () => {
  const store = postgresStore({ url });
  await store.open();
  const real = Date.now();
  vi.useFakeTimers({ toFake: ["Date"], now: real + 10 * 365 * 86_400_000 });
  const answer = await store.claim(claimRequest("r"));
  expect(answer.kind).toBe("claimed");
  const receipt = await store.find("acme", "r");
  expect(Math.abs((receipt?.createdAt ?? 0) - real)).toBeLessThan(86_400_000);
  expect(await store.due({ actions: ["refund"], limit: 10 })).toEqual([]);
  vi.useRealTimers();
  await store.close();
});
