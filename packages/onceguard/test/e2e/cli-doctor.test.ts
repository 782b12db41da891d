import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LoginRoles, loginRoles } from "../support/login-roles.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";
import { type Ended, Folder, type Options, startProcess } from "./cli.ts";

// Each thing is broken for real, and the advice is taken where it is a command: then it has to be well again.

const SRC_FOLDER = fileURLToPath(new URL("../../src/", import.meta.url));
const MAIN = join(SRC_FOLDER, "cli/main.ts");
const SRC = new URL("../../src/", import.meta.url).href;
const isRoot = process.getuid?.() === 0;

interface Finding {
  readonly name: string;
  readonly level: string;
  readonly found: string;
  readonly why?: string;
  readonly mend?: string;
}

async function doctor(folder: Folder, args: readonly string[] = [], options: Options = {}) {
  return diagnosis(await folder.start(["doctor", "--json", ...args], options).ended);
}

/** What is not well. Whatever it is, it says why that matters, and how to mend it. */
function diagnosis(ended: Ended): {
  code: number | null;
  found: (name: string) => Finding | undefined;
  all: Finding[];
} {
  expect(ended.stderr).toBe("");
  const { ok, problems, checks } = ended.json() as { ok: boolean; problems: number; checks: Finding[] };
  const all = checks.filter(({ level }) => level !== "ok");
  for (const one of all) {
    expect(one.why, one.found).toMatch(/\.$/);
    expect(one.mend, one.found).toBeTruthy();
  }
  expect([ended.code, ok]).toEqual([problems > 0 ? 1 : 0, problems === 0]);
  return { code: ended.code, found: (name) => all.find((one) => one.name === name), all };
}

function sh(folder: Folder, command: string | undefined): void {
  execFileSync("sh", ["-c", command ?? "false"], { cwd: folder.path, stdio: "ignore" });
}

async function withStore(): Promise<Folder> {
  const folder = new Folder();
  expect((await folder.onceguard("run", "--request-id", "a", "--", "true")).code).toBe(0);
  expect(await doctor(folder)).toMatchObject({ code: 0, all: [] });
  return folder;
}

describe("the place of a SQLite store", () => {
  it("no folder; a file in place of the folder; a folder in place of the file", async () => {
    const folder = new Folder();
    const store = ["--store", "sqlite:sub/a.db"];
    const none = await doctor(folder, store);
    expect(none.all).toMatchObject([matching({ name: "file", level: "problem", found: /no folder .*sub$/ })]);
    sh(folder, none.found("file")?.mend);
    expect((await doctor(folder, store)).code).toBe(0);

    mkdirSync(folder.file("sub/a.db"));
    expect((await doctor(folder, store)).found("file")).toMatchObject(
      matching({ level: "problem", found: /a\.db is a folder/ }),
    );
    rmSync(folder.file("sub"), { recursive: true });
    writeFileSync(folder.file("sub"), "");
    expect((await doctor(folder, store)).found("file")).toMatchObject(
      matching({ level: "problem", found: /sub is a file, and must be a folder/ }),
    );
  });

  it("rights that are too wide, until the advice is taken", async () => {
    const folder = await withStore();
    chmodSync(folder.file("onceguard.db"), 0o644);
    expect((await doctor(folder)).found("file")).toMatchObject(
      matching({ level: "warning", found: /others may read/ }),
    );
    chmodSync(folder.file("onceguard.db"), 0o666);
    chmodSync(folder.path, 0o777);
    mkdirSync(folder.file(".onceguard-spill"));
    chmodSync(folder.file(".onceguard-spill"), 0o755);
    const wide = await doctor(folder);
    expect(wide.all.map(({ name, level }) => `${level} ${name}`)).toEqual([
      "warning folder",
      "warning file",
      "warning spill",
    ]);
    for (const { mend } of wide.all) sh(folder, mend);
    expect((await doctor(folder)).all).toEqual([]);
    expect(statSync(folder.file("onceguard.db")).mode & 0o777).toBe(0o600);
  });

  it.skipIf(!isRoot)("another user's", async () => {
    const folder = await withStore();
    chmodSync(folder.path, 0o755);
    const asNobody = await startAs(folder, ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
    if (asNobody === null) return; // that user cannot even read these sources
    const barred = diagnosis(asNobody);
    expect(barred.found("folder")).toMatchObject(matching({ level: "problem", found: /is not writable/ }));
    expect(barred.found("file")).toMatchObject(
      matching({ level: "problem", found: /onceguard\.db \(mode 600, of uid 0\) cannot be read and written/ }),
    );
    expect(barred.found("file")?.mend).toContain("uid 65534");
  });

  it.skipIf(!mayMount())("a place that is mounted read-only, and a disk that is full", async () => {
    const folder = await withStore();
    const readOnly = await mounted(folder, "mount --bind . . && mount -o remount,bind,ro .");
    expect(readOnly.found("folder")).toMatchObject(matching({ level: "problem", found: /is not writable/ }));
    expect(readOnly.code).toBe(1);

    mkdirSync(folder.file("small"));
    const full = await mounted(folder, "mount -t tmpfs -o size=4m,mode=700 none small", "--store", "sqlite:small/a.db");
    expect(full.found("disk")).toMatchObject(matching({ level: "problem", found: /^[0-4] MiB free$/ }));
    const low = await mounted(folder, "mount -t tmpfs -o size=99m,mode=700 none small", "--store", "sqlite:small/a.db");
    expect(low.found("disk")).toMatchObject(matching({ level: "warning", found: /^9\d MiB free$/ }));
  });
});

/** In a mount namespace of its own: nobody else sees what is mounted, and it is gone with the process. */
async function mounted(folder: Folder, mount: string, ...args: string[]) {
  // The folder is entered once more: what was entered before lies under what is mounted over it.
  const script = `${mount} && cd "$PWD" && exec "$@"`;
  const command = ["sh", "-c", script, "sh", process.execPath, MAIN, "doctor", "--json", ...args];
  return diagnosis(await startProcess("unshare", ["--mount", ...command], folder.path).ended);
}

function mayMount(): boolean {
  return isRoot && spawnSync("unshare", ["--mount", "sh", "-c", "mount -t tmpfs none /mnt"]).status === 0;
}

async function startAs(folder: Folder, user: readonly string[]): Promise<Ended | null> {
  const [program = "", ...args] = user;
  const can = spawnSync(program, [...args, process.execPath, MAIN, "--version"], { cwd: folder.path });
  if (can.status !== 0) return null;
  return startProcess(program, [...args, process.execPath, MAIN, "doctor", "--json"], folder.path).ended;
}

/** `toMatchObject` with regular expressions for texts. */
function matching(finding: { name?: string; level: string; found: RegExp }): Record<string, unknown> {
  return { ...finding, found: expect.stringMatching(finding.found) };
}

const PRIVATE = `
import { defineAction } from "${SRC}index.ts";
export default {
  actions: [defineAction({
    name: "pay", riskTier: "side_effecting", keyFields: ["ref"],
    privacy: { encrypt: ["iban"], subject: ({ who }) => who },
    execute: () => "paid",
  })],
  keys: { folder: "keys", masterKey: "\${ONCEGUARD_MASTER_KEY}" },
};`;

const PAY = `
import { createGuard } from "${SRC}index.ts";
import { keyFolder } from "${SRC}privacy/index.ts";
import { sqliteStore } from "${SRC}stores/sqlite/sqlite-store.ts";
import config from "./onceguard.config.js";
const keys = keyFolder({ path: "keys", masterKey: process.env.ONCEGUARD_MASTER_KEY });
const guard = createGuard({ store: sqliteStore({ path: "onceguard.db" }), actions: config.actions, keys, sweepEvery: false });
for (const who of ["ann", "bob"]) await guard.execute("pay", { who, ref: who, iban: "DE02" });
await guard.close();`;

describe("the keys of private fields", () => {
  it("a wrong master key, one that is none, one that is not set; keys that are gone, or open to others", async () => {
    const folder = new Folder();
    const env = { ONCEGUARD_MASTER_KEY: "ab".repeat(32) };
    writeFileSync(folder.file("onceguard.config.js"), PRIVATE);
    writeFileSync(folder.file("pay.js"), PAY);
    expect(await doctor(folder, [], { env })).toMatchObject({ code: 0, all: [] });
    const paid = await startProcess(process.execPath, ["pay.js"], folder.path, { env }).ended;
    expect(paid).toMatchObject({ code: 0 });
    chmodSync(folder.file("onceguard.db"), 0o600);
    expect(await doctor(folder, [], { env })).toMatchObject({ code: 0, all: [] });

    const wrong = await doctor(folder, [], { env: { ONCEGUARD_MASTER_KEY: "cd".repeat(32) } });
    expect(wrong.all).toMatchObject([matching({ name: "keys", level: "problem", found: /does not open/ })]);
    const short = await doctor(folder, [], { env: { ONCEGUARD_MASTER_KEY: "abc" } });
    expect(short.all).toMatchObject([matching({ name: "config", level: "problem", found: /must be 32 bytes/ })]);
    expect(JSON.stringify([wrong.all, short.all])).not.toMatch(/abab|cdcd|"abc"/);
    const unset = await doctor(folder);
    expect(unset.all).toMatchObject([
      matching({ name: "config", level: "problem", found: /\$\{ONCEGUARD_MASTER_KEY\}, which is not set/ }),
    ]);

    chmodSync(folder.file("keys"), 0o755);
    const open = await doctor(folder, [], { env });
    expect(open.all).toMatchObject([matching({ name: "keys", level: "warning", found: /mode 755/ })]);
    sh(folder, open.found("keys")?.mend);
    expect((await doctor(folder, [], { env })).all).toEqual([]);

    renameSync(folder.file("keys"), folder.file("elsewhere"));
    expect((await doctor(folder, [], { env })).all).toMatchObject([
      matching({ name: "keys", level: "problem", found: /^2 of the 2 keys .* not there/ }),
    ]);
    writeFileSync(folder.file("keys"), "");
    expect((await doctor(folder, [], { env })).all.map(({ found }) => found)).toContainEqual(
      expect.stringMatching(/keys is a file, and must be a folder/),
    );
  });
});

// The database is locked from when the effect begins: its outcome finds no store, and goes to the folder.
const LOCKED = `
import { appendFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { createGuard } from "${SRC}index.ts";
import { sqliteStore } from "${SRC}stores/sqlite/sqlite-store.ts";
const other = new DatabaseSync("onceguard.db");
const store = sqliteStore({ path: "onceguard.db", busyTimeoutMs: 50 });
const guard = createGuard({ store, sweepEvery: false, storeTimeout: "200ms", grace: "500ms", lease: "1s" });
const outcome = await guard.execute({
  requestId: "a", action: "send", riskTier: "side_effecting", payload: {},
  execute: () => { other.exec("BEGIN IMMEDIATE"); appendFileSync("ledger", "sent\\n"); return "sent"; },
});
other.exec("ROLLBACK");
console.log(outcome.status);
process.exit(0);`;

it("outcomes that the store did not take, until they are recorded", async () => {
  const folder = new Folder();
  expect((await folder.onceguard("migrate")).code).toBe(0);
  writeFileSync(folder.file("locked.mjs"), LOCKED);
  const ended = await startProcess(process.execPath, ["locked.mjs"], folder.path).ended;
  expect(ended).toMatchObject({ code: 0, stdout: "in_doubt\n" });
  expect(readdirSync(folder.file(".onceguard-spill"))).toHaveLength(1);
  const spilled = await doctor(folder);
  expect(spilled.found("spill")).toMatchObject(matching({ level: "warning", found: /^1 in .*did not take/ }));
  const receipt = async () => (await folder.onceguard("receipts", "show", "a", "--json")).json().receipt;
  await expect
    .poll(async () => (await folder.onceguard("reconcile")).code === 0 && (await receipt()).state, { timeout: 60_000 })
    .toBe("succeeded"); // as soon as the lease is over
  expect(await receipt()).toMatchObject({ result: "sent", conflict: false });
  expect((await doctor(folder)).found("spill")).toBeUndefined();
  expect(folder.lines("ledger")).toEqual(["sent"]);

  rmSync(folder.file(".onceguard-spill"), { recursive: true });
  writeFileSync(folder.file(".onceguard-spill"), "");
  const file = await doctor(folder);
  expect(file.all).toMatchObject([matching({ name: "spill", level: "problem", found: /is a file, and must be/ })]);
  sh(folder, file.found("spill")?.mend);
  expect((await doctor(folder)).all).toEqual([]);
});

describe("the config", () => {
  it.each([
    ["limits that are none", `{ budgets: { maxActionsPerRun: -1 } }`, /maxActionsPerRun/],
    ["an action that is there twice", `{ actions: [act, act] }`, /"act"/],
    ["a notifier without its secret", `{ notify: { operator: { webhook: "https://ops.example/" } } }`, /secret/],
  ])("%s", async (_, config, says) => {
    const folder = new Folder();
    const act = `{ name: "act", riskTier: "side_effecting", keyFields: ["id"], execute: () => 1 }`;
    const text = `import { defineAction } from "${SRC}index.ts";\nconst act = defineAction(${act});\nexport default ${config};`;
    writeFileSync(folder.file("onceguard.config.js"), text);
    expect((await doctor(folder)).all).toMatchObject([matching({ name: "config", level: "problem", found: says })]);
  });

  it("packages that it needs and that are not installed", async () => {
    const folder = new Folder();
    const entries = ["commander", "jose", "@standard-schema/spec"];
    const placeOf = (name: string): string => {
      const places = ["../node_modules", "../../../node_modules"].map((place) => join(SRC_FOLDER, place, name));
      return realpathSync(places.find((place) => existsSync(place)) ?? name);
    };
    mkdirSync(folder.file("node_modules/@standard-schema"), { recursive: true });
    for (const name of entries) symlinkSync(placeOf(name), folder.file(`node_modules/${name}`));
    cpSync(SRC_FOLDER, folder.file("own/src"), { recursive: true, filter: (path) => !path.endsWith(".test.ts") });
    cpSync(join(SRC_FOLDER, "../package.json"), folder.file("own/package.json"));
    writeFileSync(
      folder.file("onceguard.config.json"),
      JSON.stringify({ servers: { crm: { command: ["crm"] } }, actions: [] }),
    );
    writeFileSync(folder.file("onceguard.keys.json"), "[]");
    const start = (...args: string[]) =>
      startProcess(process.execPath, ["own/src/cli/main.ts", "doctor", "--json", ...args], folder.path).ended;
    const lacking = diagnosis(await start()).all;
    expect(lacking.map(({ name, mend }) => `${name}: ${mend}`)).toEqual([
      "package: npm install @modelcontextprotocol/client",
      "package: npm install hono @hono/node-server",
    ]);
    const postgres = diagnosis(await start("--store", "postgres://127.0.0.1:1/none"));
    expect(postgres.found("store")?.found).toContain("npm install pg");
    expect((await doctor(folder)).all).toEqual([]); // where all of them are installed
  });
});

describe("PostgreSQL", () => {
  let url: string;
  let roles: LoginRoles<"acme" | "service" | "nobody">;
  beforeAll(async () => {
    url = await createDatabase();
    roles = await loginRoles(url, "acme", "service", "nobody");
  });
  afterAll(async () => {
    await roles.drop();
    await dropDatabase(url);
  });

  it("a role without a tenant, one with its own, one with all, and one that nothing holds", async () => {
    const folder = new Folder();
    expect((await folder.onceguard("migrate", "--store", url)).code).toBe(0);
    expect((await doctor(folder, ["--store", url])).all).toEqual([]); // nothing is isolated
    const isolate = (...args: string[]) => folder.onceguard("isolate", "--store", url, ...args);
    expect((await isolate("--role", roles.name.acme, "--tenant", "acme")).code).toBe(0);
    expect((await isolate("--role", roles.name.service, "--tenant", "*")).code).toBe(0);
    // Rights that somebody gave by hand: it can connect, and is shown nothing.
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(`GRANT USAGE ON SCHEMA onceguard TO ${roles.name.nobody}`);
    await client.query(`GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA onceguard TO ${roles.name.nobody}`);
    await client.end();

    const as = (role: keyof typeof roles.url) => doctor(folder, ["--store", roles.url[role]]);
    expect((await as("acme")).all).toEqual([]);
    expect((await as("service")).all).toEqual([]);
    const nobody = await as("nobody");
    expect(nobody.found("role")).toMatchObject(matching({ level: "problem", found: /has no tenant$/ }));
    expect((await doctor(folder, ["--store", url])).found("role")).toMatchObject(
      matching({ level: "warning", found: /superuser/ }),
    );
    const advice = nobody.found("role")?.mend?.split("onceguard ")[1]?.replace("TENANT", "acme").split(" ") ?? [];
    expect((await folder.onceguard(...advice, "--store", url)).code).toBe(0);
    expect((await as("nobody")).all).toEqual([]);
    expect((await folder.onceguard("doctor", "--store", roles.url.acme)).stdout).toMatch(
      /ok +role +\S+ has the rows of acme,/,
    );
  });

  it("a clock that is off", async () => {
    const folder = new Folder();
    const skew = "const now = Date.now.bind(Date); Date.now = () => now() + 3_600_000;";
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(skew)}` };
    const off = await doctor(folder, ["--store", roles.url.service], { env });
    expect(off.all).toMatchObject([matching({ name: "clock", level: "warning", found: /are (59m|1h) apart/ })]);
    expect((await doctor(folder, ["--store", roles.url.service])).all).toEqual([]);
  });
});

it("says it to people: what, why and how, under one another", async () => {
  const folder = await withStore();
  chmodSync(folder.file("onceguard.db"), 0o644);
  const { code, stdout } = await folder.onceguard("doctor");
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /warning {2}file +mode 644: others may read payloads and results\n +They may hold personal data and secrets\.\n +→ chmod 600 onceguard\.db\*\n/,
  );
  expect(stdout).toMatch(/\n1 warning\n$/);
  expect(existsSync(folder.file(".onceguard-spill"))).toBe(false); // it only looks
});
