import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type LostAckProxy, postgresReplies, startLostAckProxy } from "../../src/testing/lost-ack-proxy.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";

let database: string;
let proxy: LostAckProxy;

beforeAll(async () => {
  database = await createDatabase();
  const { hostname, port } = new URL(database);
  proxy = await startLostAckProxy({ target: { host: hostname, port: Number(port) }, boundary: postgresReplies });
});

afterAll(async () => {
  await proxy.close();
  await dropDatabase(database);
});

it.each([
  ["idle", "closed"],
  ["busy", "unavailable"],
])(
  "a guard closes, and its process ends, also when PostgreSQL has become a black hole (%s)",
  async (when, told) => {
    const url = new URL(database);
    url.port = String(proxy.port);
    const child = fork(fileURLToPath(new URL("./support/closing-guard.ts", import.meta.url)), [url.href, when]);
    try {
      await once(child, "message");
      proxy.byChance({ seed: 1, probability: 1, faults: [{ mode: "black_hole" }] });
      const answer = once(child, "message");
      const exit = once(child, "exit");
      child.send("close");
      expect((await answer)[0]).toBe(told);
      expect(await exit).toEqual([0, null]); // within the test's time: half a minute is not minutes
      expect(proxy.injected.black_hole).toBeGreaterThan(0);
    } finally {
      proxy.byChance(null);
      child.kill("SIGKILL");
    }
  },
  30_000,
);
