import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, describe, expect, it } from "vitest";
import { OnceguardError } from "../../src/core/errors.ts";
import { externalAction } from "../../src/core/external-action.ts";
import { forwardingStore } from "../../src/core/forwarding-store.ts";
import { createGuard, defineAction, type Guard } from "../../src/index.ts";
import { type KeyRing, keyFolder } from "../../src/privacy/index.ts";
import { sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";

const SECRET = "DE02-CANARY-2051";

const cleanUp: (() => unknown)[] = [];

afterEach(async () => {
  for (const one of cleanUp.splice(0).reverse()) await one();
});

function place() {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-private-"));
  cleanUp.push(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "onceguard.db");
  const keys = () => keyFolder({ path: join(folder, "keys"), masterKey: "0f".repeat(32) });
  const guardOf = (options: Partial<Parameters<typeof createGuard>[0]> = {}): Guard => {
    const guard = createGuard({
      store: sqliteStore({ path }),
      keys: keys(),
      spill: join(folder, "spill"),
      sweepEvery: false,
      grace: "50ms",
      storeTimeout: "50ms",
      onBackgroundError: () => undefined,
      ...options,
    } as Parameters<typeof createGuard>[0]);
    cleanUp.push(() => guard.close());
    return guard as unknown as Guard;
  };
  const leaks = () => globSync(join(folder, "{*.db*,spill/*}")).filter((file) => readFileSync(file).includes("CANARY"));
  return { folder, path, keys, guardOf, leaks };
}

const options = { riskTier: "side_effecting", keyFields: ["ref"], privacy: { encrypt: ["iban"] } } as const;

function pay(execute: (payment: { ref: string; iban: string }) => unknown = ({ iban }) => ({ iban })) {
  return defineAction({ ...options, name: "pay", execute });
}

const PAYMENT = { ref: "1", iban: SECRET };

describe("private fields", () => {
  it("are encrypted in what is spilled beside a store that went away, and recorded from there", async () => {
    const { guardOf, leaks, folder } = place();
    const action = pay();
    const real = sqliteStore({ path: join(folder, "onceguard.db") });
    let isAway = false;
    const away = forwardingStore(real, {
      apply: () => {
        isAway = true;
        return Promise.reject(new OnceguardError("store_unavailable", "gone", { applied: "no" })) as never;
      },
    });
    const guard = guardOf({ store: away, actions: [action] as never, lease: "200ms" });
    expect(await guard.execute("pay" as never, PAYMENT as never)).toMatchObject({ status: "in_doubt" });
    expect(isAway).toBe(true);
    await guard.close();
    expect(globSync(join(folder, "spill/*"))).toHaveLength(1);
    expect(leaks()).toEqual([]);
    const next = guardOf({ actions: [action] as never });
    const answer = async () => {
      await next.reconcile();
      return next.execute("pay" as never, PAYMENT as never);
    };
    await expect.poll(answer, { timeout: 60_000 }).toMatchObject({ status: "replayed", result: { iban: SECRET } });
    expect(globSync(join(folder, "spill/*"))).toEqual([]);
    expect(leaks()).toEqual([]);
  });

  it("are encrypted where claim, effect and receipt are one commit, and where somebody else performs the effect", async () => {
    const { guardOf, leaks } = place();
    const inOne = defineAction({
      ...options,
      name: "book",
      transaction: true,
      execute: ({ iban }: { ref: string; iban: string }) => ({ iban }),
    });
    const guard = guardOf({ actions: [inOne] as never });
    expect(await guard.execute("book" as never, PAYMENT as never)).toMatchObject({ result: { iban: SECRET } });
    expect(await guard.execute("book" as never, PAYMENT as never)).toMatchObject({
      status: "replayed",
      result: { iban: SECRET },
    });

    const outside = externalAction({ ...options, name: "wire" });
    const claims = guard.external([outside]);
    const claimed = await claims.claim("wire", PAYMENT);
    expect(claimed).toMatchObject({ status: "claimed" });
    if (claimed.status !== "claimed") return;
    const { requestId, fencingToken } = claimed;
    const done = await claims.complete(requestId, { fencingToken, result: { iban: SECRET } });
    expect(done).toMatchObject({ status: "executed", result: { iban: SECRET } });
    expect(leaks()).toEqual([]);
  });

  it("are with the effect alone where they are redacted, and a subject keeps its key while a request is open", async () => {
    const { guardOf, leaks } = place();
    const seen: unknown[] = [];
    const card = defineAction({
      ...options,
      name: "card",
      privacy: { redact: ["cvv"], encrypt: ["iban"], subject: () => "customer:1" },
      execute: (payment: { ref: string; iban: string; cvv: string }) => {
        seen.push(payment);
        throw new Error(`no answer for ${payment.cvv} of ${payment.iban}`);
      },
    });
    const guard = guardOf({ actions: [card] as never });
    const payment = { ref: "1", iban: SECRET, cvv: "CANARY-847" };
    expect(await guard.execute("card" as never, payment as never, { wait: 0 })).toMatchObject({
      status: "in_doubt",
      failure: { message: "no answer for [redacted] of [redacted]" },
    });
    expect(seen).toEqual([payment]);
    expect(leaks()).toEqual([]);
    const erasure = { subject: "customer:1", actor: "ann", reason: "asked" };
    await expect(guard.erase(erasure)).rejects.toMatchObject({ code: "subject_in_use" });
    expect((await guard.receipts())[0]?.payload).toContain("$encrypted");
  });

  it("are executed by a sweeper that knows the action, from what is recorded", async () => {
    const { guardOf, leaks } = place();
    const seen: unknown[] = [];
    const guard = guardOf({ actions: [pay((payment) => seen.push(payment))] as never });
    await guard.enqueue("pay" as never, PAYMENT as never);
    expect(leaks()).toEqual([]);
    await guard.reconcile();
    expect(seen).toEqual([PAYMENT]);
  });

  it("do not open where they were moved to, or tampered with: nothing is executed on them", async () => {
    const { guardOf, path } = place();
    const seen: unknown[] = [];
    const guard = guardOf({ actions: [pay((payment) => seen.push(payment))] as never });
    await guard.enqueue("pay" as never, { ref: "1", iban: SECRET } as never);
    await guard.enqueue("pay" as never, { ref: "2", iban: "DE99-THIEF" } as never);
    const db = new DatabaseSync(path);
    const rows = db.prepare("SELECT request_id, payload FROM onceguard_request ORDER BY rowid").all();
    const [first, second] = rows.map(({ payload }) => JSON.parse(payload as string));
    // An administrator of the database puts another's account into the first payment.
    db.prepare("UPDATE onceguard_request SET payload = ? WHERE request_id = ?").run(
      JSON.stringify({ ...first, iban: second.iban }),
      rows[0]?.request_id as string,
    );
    db.close();
    await guard.reconcile();
    expect(seen).toEqual([{ ref: "2", iban: "DE99-THIEF" }]);
    expect(await guard.receipt(rows[0]?.request_id as string)).toMatchObject({
      state: "review",
      reason: "payload_unreadable",
      payload: null,
    });
  });

  it("are refused without keys, and where nobody could carry a redacted payload on", async () => {
    const { guardOf } = place();
    const noKeys = { store: sqliteStore({ path: ":memory:" }), sweepEvery: false } as const;
    expect(() => createGuard({ ...noKeys, actions: [pay()] })).toThrow(
      expect.objectContaining({ code: "invalid_option" }),
    );
    const guard = createGuard(noKeys);
    cleanUp.push(() => guard.close());
    await expect(guard.wrap(pay(), { register: false })(PAYMENT)).rejects.toMatchObject({ code: "invalid_option" });
    const card = defineAction({ ...options, name: "card", privacy: { redact: ["cvv"] }, execute: () => undefined });
    const keyed = guardOf({ actions: [card] as never });
    await expect(keyed.enqueue("card" as never, { ref: "1", cvv: "847" } as never)).rejects.toMatchObject({
      code: "invalid_option",
      message: expect.stringContaining("cannot be enqueued"),
    });
  });

  it("need their key before anything is sent: a key ring that is away stops the call", async () => {
    const { guardOf, keys } = place();
    let sent = 0;
    const away: KeyRing = { ...keys(), current: () => Promise.reject(new Error("no route to the key server")) };
    const guard = guardOf({ keys: away, actions: [pay(() => ++sent)] as never });
    await expect(guard.execute("pay" as never, PAYMENT as never)).rejects.toMatchObject({
      code: "key_unavailable",
      message: expect.stringContaining("no route to the key server"),
    });
    expect(sent).toBe(0);
    expect(await guard.receipts()).toEqual([]);
  });

  it("are recorded also when the key ring goes away right after it has given the key", async () => {
    const { guardOf, keys } = place();
    const ring = keys();
    const gone: KeyRing = { ...ring, find: () => Promise.reject(new Error("no route to the key server")) };
    const guard = guardOf({ keys: gone, actions: [pay()] as never });
    expect(await guard.execute("pay" as never, PAYMENT as never)).toMatchObject({
      status: "executed",
      result: { iban: SECRET },
    });
  });

  it("share one key per tenant without a subject, and are fingerprinted under the subject's with one", async () => {
    const { guardOf } = place();
    const whose = defineAction({
      ...options,
      name: "gift",
      privacy: { encrypt: "all", subject: ({ who }: { ref: string; who: string }) => `customer:${who}` },
      execute: () => "sent",
    });
    const guard = guardOf({ actions: [pay(), whose] as never });
    const ids = await Promise.all([
      guard.execute("pay" as never, { ref: "1", iban: "x" } as never),
      guard.execute("pay" as never, { ref: "2", iban: "x" } as never),
      guard.execute("gift" as never, { ref: "1", who: "ann" } as never),
      guard.execute("gift" as never, { ref: "2", who: "ann" } as never),
      guard.execute("gift" as never, { ref: "3", who: "bob" } as never),
    ]);
    const keyIds = ids.map((outcome) => (outcome as { receipt: { keyId: string } }).receipt.keyId);
    expect([keyIds[0] === keyIds[1], keyIds[2] === keyIds[3], new Set(keyIds).size]).toEqual([true, true, 3]);
    await expect(guard.execute("gift" as never, { ref: "4", who: "ann" } as never)).resolves.toMatchObject({
      status: "executed",
    });
    await expect(guard.execute("gift" as never, { ref: "4", who: "bob" } as never)).resolves.toMatchObject({
      status: "mismatch",
    });
  });
});
