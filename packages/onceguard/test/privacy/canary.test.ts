import { cpSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createGuard, defineAction, effectError, type Guard, type Store } from "../../src/index.ts";
import { keyFolder } from "../../src/privacy/index.ts";
import { postgresStore } from "../../src/stores/postgres/postgres-store.ts";
import { sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import { Folder } from "../e2e/cli.ts";
import { createDatabase, type PostgresServer, startPostgres } from "../support/postgres.ts";

// Secrets of a payload, a result, a record, an error and its headers, through everything that a request can go through;
// then every byte that the guard has left on the disk is looked at, and everything that it prints.

const MASTER = "ab".repeat(32);

/** Encrypted, redacted, and secret by its shape. Each is told from any other text by its number. */
const SECRETS = {
  iban: "DE02-CANARY-1-2051",
  cvv: "CANARY-2-847",
  token: "CANARY-3-result",
  balance: "CANARY-4-balance",
  header: "sk_live_CANARY5abcdef",
  note: "CANARY-6-note",
} as const;

const EVERY = /CANARY/;

interface Payment {
  readonly ref: string;
  readonly who: string;
  readonly iban: string;
  readonly cvv?: string;
  readonly mode?: "decline" | "break" | "later";
}

interface World {
  readonly open: (options?: { actions?: boolean; keys?: boolean; store?: Store }) => Guard;
  /** The store as it is now, elsewhere; null where that takes another server. */
  readonly backUp: () => Store | null;
  /** Everything of the store that is on the disk. */
  readonly files: () => string[];
  readonly storeUrl: string;
  readonly folder: string;
  /** What the effects saw. */
  readonly seen: Payment[];
  readonly reported: unknown[];
}

const LEAK = defineAction({
  name: "leak",
  riskTier: "side_effecting",
  execute: (payload: { text: string }) => payload,
});

function world(
  makeStore: () => Store,
  files: World["files"],
  storeUrl: string,
  backUp: World["backUp"] = () => null,
): World {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-canary-"));
  folders.push(folder);
  const seen: Payment[] = [];
  const reported: unknown[] = [];
  const failOnce = new Set<string>();
  const execute = (payment: Payment) => {
    seen.push(payment);
    const said = `${payment.iban} with ${payment.cvv ?? ""}; Authorization: Bearer ${SECRETS.header}`;
    if (payment.mode === "decline") {
      throw effectError({ certainty: "definite", tier: null, code: "declined", message: `declined: ${said}` });
    }
    if (payment.mode === "break") throw Object.assign(new Error(`broken: ${said}`), { code: "ECONNRESET" });
    if (payment.mode === "later" && !failOnce.has(payment.ref)) {
      failOnce.add(payment.ref);
      throw effectError({ certainty: "definite", tier: "transient", code: "busy", message: `busy: ${said}` });
    }
    return { id: `paid-${payment.ref}`, iban: payment.iban, token: SECRETS.token };
  };
  const shared = {
    riskTier: "side_effecting",
    keyFields: ["ref"],
    record: ({ ref }: Payment) => `invoice:${ref}`,
    retry: { base: "1h", cap: "1h", maxElapsed: "1d" },
    before: ({ iban }: Payment) => ({ iban, balance: SECRETS.balance, paid: false }),
    after: ({ iban }: Payment) => ({ iban, balance: SECRETS.balance, paid: true }),
    compensate: () => undefined,
    execute,
  } as const;
  const subject = ({ who }: Payment) => `customer:${who}`;
  const actions = [
    defineAction({ ...shared, name: "pay", privacy: { encrypt: ["iban", "balance", "token"], subject } }),
    defineAction({
      ...shared,
      name: "pay_by_card",
      privacy: { encrypt: ["iban", "balance"], redact: ["cvv", "token"], subject },
    }),
    LEAK,
  ];
  const open: World["open"] = ({ actions: withActions = true, keys = true, store = makeStore() } = {}) =>
    createGuard({
      store,
      actions: withActions ? actions : [],
      ...(keys && { keys: keyFolder({ path: join(folder, "keys"), masterKey: MASTER }) }),
      spill: join(folder, "spill"),
      sweepEvery: false,
      onBackgroundError: (error) => reported.push(error),
    }) as unknown as Guard;
  return { open, backUp, files, storeUrl, folder, seen, reported };
}

function found(paths: readonly string[], what: RegExp | string): string[] {
  return paths.filter((path) => {
    const bytes = readFileSync(path);
    const texts = [bytes.toString("latin1"), bytes.toString("utf16le")];
    return texts.some((text) => (typeof what === "string" ? text.includes(what) : what.test(text)));
  });
}

let server: PostgresServer;
const folders: string[] = [];

beforeAll(async () => {
  server = await startPostgres();
});

afterAll(async () => {
  await server.stop();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const WORLDS: Record<string, () => Promise<World>> = {
  sqlite: async () => {
    const folder = mkdtempSync(join(tmpdir(), "onceguard-canary-"));
    folders.push(folder);
    const path = join(folder, "onceguard.db");
    return world(
      () => sqliteStore({ path }),
      () => globSync(`${path}*`),
      `sqlite:${path}`,
      () => {
        for (const file of globSync(`${path}*`)) cpSync(file, file.replace("onceguard.db", "backup.db"));
        return sqliteStore({ path: join(folder, "backup.db") });
      },
    );
  },
  postgres: async () => {
    const url = await createDatabase(server.url);
    const files = () =>
      globSync(["base/**", "pg_wal/**", "../log"], { cwd: server.dataDir, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name));
    return world(() => postgresStore({ url }), files, url);
  },
};

const context = { actor: "agent", runId: "run-1" };

describe.each(Object.keys(WORLDS))("private fields on %s", (kind) => {
  let at: World;

  beforeAll(async () => {
    at = await (WORLDS[kind] as () => Promise<World>)();
  });

  it("go through success, failure, doubt, retry, replay and correction, and are nowhere on the disk", async () => {
    const guard = at.open();
    const payment = { who: "ann", iban: SECRETS.iban };
    const done = await guard.execute("pay" as never, { ...payment, ref: "1" } as never, context);
    expect(done).toMatchObject({ status: "executed", result: { iban: SECRETS.iban, token: SECRETS.token } });
    const card = { ...payment, cvv: SECRETS.cvv };
    const byCard = await guard.execute("pay_by_card" as never, { ...card, ref: "2" } as never, context);
    expect(byCard).toMatchObject({ status: "executed", result: { iban: SECRETS.iban, token: "[redacted]" } });
    const answers = [
      await guard.execute("pay_by_card" as never, { ...card, ref: "3", mode: "decline" } as never, context),
      await guard.execute("pay_by_card" as never, { ...card, ref: "4", mode: "break" } as never, context),
      await guard.execute("pay" as never, { ...payment, ref: "5", mode: "later" } as never, { ...context, wait: 0 }),
      await guard.execute("pay_by_card" as never, { ...card, ref: "6", mode: "later" } as never, {
        ...context,
        wait: 0,
      }),
    ];
    expect(answers.map((answer) => (answer as { status: string }).status)).toEqual([
      "failed",
      "in_doubt",
      "retry_later",
      "retry_later",
    ]);
    // What a caller, a model or a log reads of a failure does not repeat them.
    const texts = answers.map((answer) => JSON.stringify((answer as { failure?: unknown }).failure ?? null));
    expect(texts.filter((text) => EVERY.test(text))).toEqual([]);
    expect(at.seen.map(({ iban, cvv }) => [iban, cvv])).toEqual([
      [SECRETS.iban, undefined],
      [SECRETS.iban, SECRETS.cvv],
      [SECRETS.iban, SECRETS.cvv],
      [SECRETS.iban, SECRETS.cvv],
      [SECRETS.iban, undefined],
      [SECRETS.iban, SECRETS.cvv],
    ]);
    // An effect is undone by what was logged around it.
    const radius = await guard.blastRadius({ runId: "run-1", action: "pay" });
    expect(radius.rows[0]).toMatchObject({ before: { balance: SECRETS.balance }, obstacle: null });
    const { token } = radius.plan;
    const report = await guard.correct(radius.plan, { token, actor: "ann", reason: "wrong payee" });
    expect(report.rows.map(({ result }) => result)).toEqual(["corrected"]);
    const redactedOnes = await guard.blastRadius({ runId: "run-1", action: "pay_by_card" });
    expect(redactedOnes.rows[0]?.obstacle).toBeNull(); // nothing that is redacted is in its record
    await guard.close();

    expect(found(at.files(), EVERY)).toEqual([]);
    expect(globSync(join(at.folder, "spill/*"))).toEqual([]);
    expect(at.reported.filter((error) => EVERY.test(String((error as Error).stack)))).toEqual([]);
  });

  it("are opened for a replay and for a sweeper, with the keys; and a redacted payload is sent by nobody else", async () => {
    const guard = at.open();
    const again = await guard.execute(
      "pay_by_card" as never,
      { who: "ann", iban: SECRETS.iban, cvv: SECRETS.cvv, ref: "2" } as never,
      context,
    );
    expect(again).toMatchObject({ status: "replayed", result: { iban: SECRETS.iban, token: "[redacted]" } });
    // Another card number is another payment, also where it is not stored; the same is no drift.
    const other = { who: "ann", iban: SECRETS.iban, cvv: "999", ref: "2" };
    expect(await guard.execute("pay_by_card" as never, other as never, context)).toMatchObject({ status: "mismatch" });
    await guard.close();
    const history = await (async () => {
      const late = at.open();
      const [retried, redactedOne] = [await receiptOf(late, "5"), await receiptOf(late, "6")];
      await late.resolve(retried.requestId, { decision: "retry", actor: "ann", reason: "now" }).catch(() => undefined);
      for (const { requestId } of [retried, redactedOne]) await late.reconcile(requestId);
      const log = await late.log(again.requestId as string);
      await late.close();
      return log;
    })();
    expect(history.filter(({ event }) => event === "drift")).toEqual([]);
    expect(at.seen.filter(({ ref }) => ref === "6")).toHaveLength(1);
  });

  it("are in nothing that is printed or exported without the keys", async () => {
    const guard = at.open({ actions: false, keys: false });
    const receipts = await guard.receipts({ limit: 100 });
    const log = await guard.log({ limit: 1_000 });
    expect(receipts.length).toBeGreaterThan(5);
    expect(JSON.stringify([receipts, log])).not.toMatch(EVERY);
    await guard.close();
    const [store, folder] = [["--store", at.storeUrl], new Folder()];
    const printed = await Promise.all([
      folder.onceguard("receipts", ...store, "--json"),
      folder.onceguard("receipts", "show", receipts[0]?.requestId as string, ...store, "--json"),
      folder.onceguard("log", ...store, "--format", "ndjson"),
      folder.onceguard("log", ...store, "--format", "csv"),
      folder.onceguard("blast-radius", "--run", "run-1", ...store, "--json"),
      folder.onceguard("review", ...store, "--json"),
    ]);
    for (const { stdout, stderr } of printed) expect(`${stdout}${stderr}`).not.toMatch(EVERY);
    expect(printed[0]?.stdout).toContain("pay_by_card");
  });

  it("would be found, were they there: what nobody calls private is", async () => {
    const guard = at.open();
    await guard.execute("leak" as never, { text: SECRETS.note } as never, { requestId: "leak-1" });
    await guard.close();
    expect(found(at.files(), SECRETS.note).length).toBeGreaterThan(0);
    expect(found(at.files(), /CANARY-[1-5]/)).toEqual([]);
  });

  it("are gone for good when their subject is erased, also from a backup; and nothing executes again", async () => {
    const guard = at.open();
    const bob = { who: "bob", iban: SECRETS.iban, ref: "bob-1" };
    const { requestId } = (await guard.execute("pay" as never, bob as never, context)) as { requestId: string };
    const open = (await guard.execute("pay" as never, { ...bob, ref: "bob-2", mode: "break" } as never, context)) as {
      requestId: string;
    };
    const by = { actor: "ann", reason: "asked to be forgotten" };
    await expect(guard.erase({ subject: "customer:bob", ...by })).rejects.toMatchObject({
      code: "subject_in_use",
      fields: { requestIds: [open.requestId] },
    });
    expect((await guard.receipt(requestId))?.payload).toContain(SECRETS.iban);
    await guard.resolve(open.requestId, { decision: "did_not_happen", ...by });
    const backup = at.backUp();

    const erased = await guard.erase({ subject: "customer:bob", ...by });
    expect(erased).toEqual({ destroyed: true, expired: 2 });
    expect(await guard.erase({ subject: "customer:bob", ...by })).toEqual({ destroyed: false, expired: 0 });
    expect(await guard.receipt(requestId)).toMatchObject({ state: "expired", payload: null });
    const sent = at.seen.length;
    expect(await guard.execute("pay" as never, bob as never, context)).toMatchObject({ status: "expired" });
    expect(at.seen).toHaveLength(sent);
    // Ann's data is untouched, and the log says who erased, and not whom.
    const anns = await receiptOf(guard, "2");
    expect(anns.payload).toContain(SECRETS.iban);
    const [line] = await guard.log({ events: ["erased"] });
    expect(line).toMatchObject({ actor: "ann", detail: expect.not.stringContaining("bob") });
    await guard.close();
    if (backup === null) return;
    const restored = at.open({ store: backup });
    expect(await restored.receipt(requestId)).toMatchObject({
      state: "succeeded",
      payload: null,
      result: { omitted: "erased" },
    });
    expect(await restored.execute("pay" as never, bob as never, context)).toMatchObject({
      status: "replayed",
      omitted: "erased",
    });
    expect(at.seen).toHaveLength(sent);
    await restored.close();
  });
});

async function receiptOf(guard: Guard, ref: string) {
  const [listed] = await guard.receipts({ recordId: `invoice:${ref}` });
  const receipt = await guard.receipt(listed?.requestId as string);
  if (receipt === null) throw new Error(`no receipt of ${ref}`);
  return receipt;
}
