import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { defineAction } from "../../src/core/action.ts";
import type { LogEntry, Store } from "../../src/core/ports.ts";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import { newKey } from "../../src/seal/keys.ts";
import { type Leaf, leafOf } from "../../src/seal/leaf.ts";
import { readSealedLog } from "../../src/seal/sealed-log.ts";
import { openSealer } from "../../src/seal/sealer.ts";
import { verifyLog } from "../../src/seal/verify-log.ts";
import { postgresStore, tenantRoles } from "../../src/stores/postgres/postgres-store.ts";
import { sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import { type LoginRoles, loginRoles } from "../support/login-roles.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";

// What retention takes is gone from the database; the sealed log stands, and says which states it was that are gone.

let url: string;
let roles: LoginRoles<"service">;
beforeAll(async () => {
  url = await createDatabase();
  roles = await loginRoles(url, "service");
  const isolation = tenantRoles({ url });
  await isolation.allow({ role: roles.name.service, tenant: "*" });
  await isolation.close();
});
afterAll(async () => {
  await roles.drop();
  await dropDatabase(url);
});

const ORIGIN = "onceguard.example/retention";
const KEY = newKey(0);

const flag = <const Name extends string>(name: Name) =>
  defineAction({
    name,
    riskTier: "side_effecting",
    keyFields: ["id"],
    record: (p: { id: string }) => `shipment:${p.id}`,
    before: () => ({ owner: "Ada Lovelace" }),
    after: () => ({ owner: "Charles Babbage" }),
    execute: () => "for Ada",
  });

const makers: readonly [string, (folder: string) => Store][] = [
  ["SQLite", (folder) => sqliteStore({ path: join(folder, "onceguard.db") })],
  ["PostgreSQL, as a service that is isolated", () => postgresStore({ url: roles.url.service })],
];

describe.each(makers)("%s", (_name, makeStore) => {
  test("sealed, forgotten in batches by rules, and sealed on: it verifies, and every digest is still there", async () => {
    const folder = mkdtempSync(join(tmpdir(), "onceguard-sealed-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const store = makeStore(folder);
    const guard = createGuard({ store, actions: [flag("old"), flag("kept")], sweepEvery: false, spill: false });
    onTestFinished(() => guard.close());
    const work = async (name: "old" | "kept", from: number) => {
      for (let n = from; n < from + 5; n++) await guard.execute(name, { id: `${n}` });
    };
    const sealer = await openSealer({ store, folder: join(folder, "sealed"), origin: ORIGIN, keys: [KEY] });
    onTestFinished(sealer.close);
    const entries = async (): Promise<LogEntry[]> => [...(await guard.log({ order: "oldest", limit: 10_000 }))];
    const verdict = async () => {
      const all = await entries();
      const log = readSealedLog(join(folder, "sealed"));
      async function* rows() {
        yield* all;
      }
      return verifyLog({
        log,
        origin: ORIGIN,
        keys: [KEY],
        rows: { entries: rows(), secret: (await store.open()).secret },
      });
    };

    await work("old", 0);
    await work("kept", 0);
    await sealer.seal();
    const { secret } = await store.open();
    const digests = (await entries()).map((entry) => leafOf(entry, secret));
    const states =
      digests.filter(({ before }) => before !== null).length + digests.filter(({ after }) => after !== null).length;
    expect(states).toBe(20);
    await work("old", 5); // these are forgotten before the sealer has come to them
    const before = await store.now();
    await expect.poll(async () => (await store.now()) > before).toBe(true);

    const rules = [{ action: "kept", after: "never" }, { after: 0 }] as const;
    expect(await guard.expire({ rules, batch: 2 })).toEqual({ expired: 10 });
    const left = JSON.stringify(await entries());
    expect(left.match(/Ada Lovelace/g)).toHaveLength(5); // those of `kept`
    expect(JSON.stringify(await guard.receipts({ action: "old", limit: 100 }))).not.toContain("Ada");

    // Before the sealer has seen that they were forgotten, and after: the line that says so is in the log either way.
    expect((await verdict()).problems).toEqual([]);
    await sealer.seal();
    expect(await verdict()).toMatchObject({ problems: [], forgotten: 10, unsealed: 0 });

    const leaves = readFileSync(join(folder, "sealed", "leaves"), "utf8")
      .trim()
      .split("\n");
    const sealed = leaves.map((text) => JSON.parse(text) as Leaf);
    for (const one of digests) expect(sealed).toContainEqual(one);
    // Who still has a state from elsewhere can show that it was this one.
    const [first] = digests.filter(({ before }) => before !== null);
    const entry = (await entries()).find(({ seq }) => seq === first?.seq) as LogEntry;
    expect(entry.before).toBeNull();
    expect(leafOf({ ...entry, before: '{"owner":"Ada Lovelace"}' }, secret).before).toBe(first?.before);
    expect(leafOf({ ...entry, before: '{"owner":"Somebody"}' }, secret).before).not.toBe(first?.before);
  });
});
