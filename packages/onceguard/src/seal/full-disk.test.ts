import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { sqliteStore } from "../stores/sqlite/sqlite-store.ts";
import { claimed } from "../testing/store-contract/fixtures.ts";
import { keyText, newKey } from "./keys.ts";
import { readSealedLog } from "./sealed-log.ts";
import { verifyLog } from "./verify-log.ts";

// A disk that is full in the middle of a line, as `ulimit -f` makes it: a real short write, and then an error.

const ORIGIN = "onceguard.example/full";
const KEY = newKey(0);
const source = (path: string) => new URL(`../${path}`, import.meta.url).href;

/** Three passes of one sealer, as `onceguard seal --watch` makes them: it goes on after an error. */
const SEAL = `
import { readFileSync } from "node:fs";
import { sqliteStore } from "${source("stores/sqlite/sqlite-store.ts")}";
import { readKeys } from "${source("seal/keys.ts")}";
import { openSealer } from "${source("seal/sealer.ts")}";
const store = sqliteStore({ path: "onceguard.db" });
const keys = readKeys(readFileSync("keys.json", "utf8"));
const sealer = await openSealer({ store, folder: "sealed", origin: "${ORIGIN}", keys });
for (let n = 0; n < 3; n++) {
  try {
    console.log((await sealer.seal()).size);
  } catch (error) {
    console.log(error.code);
  }
}
sealer.close();
await store.close();
`;

test("a sealer on a full disk writes all of its lines or none, again and again, and goes on where there is room", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "onceguard-full-"));
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  const sealed = join(cwd, "sealed");
  const leaves = () => readFileSync(join(sealed, "leaves"), "utf8");
  writeFileSync(join(cwd, "seal.ts"), SEAL);
  writeFileSync(join(cwd, "keys.json"), keyText([KEY], true));
  const work = async (from: number, upTo: number): Promise<void> => {
    const store = sqliteStore({ path: join(cwd, "onceguard.db") });
    await Promise.all(Array.from({ length: upTo - from }, (_, n) => claimed(store, `r${from + n}`)));
    await store.close();
  };
  /** Blocks of half a KiB, or of one: as the shell likes. SQLite needs 32 KiB for itself. */
  const seal = async (limit: number | "unlimited"): Promise<string[]> => {
    const command = `ulimit -f ${limit}; exec "${process.execPath}" seal.ts`;
    const { stdout } = await promisify(execFile)("/bin/sh", ["-c", command], { cwd });
    return stdout.trim().split("\n");
  };
  const problems = async () => (await verifyLog({ log: readSealedLog(sealed), origin: ORIGIN, keys: [KEY] })).problems;

  await work(0, 400);
  expect(await seal(80)).toEqual(["EFBIG", "EFBIG", "EFBIG"]);
  expect(leaves()).toBe("");
  expect(await seal("unlimited")).toEqual(["400", "400", "400"]);
  expect(await problems()).toEqual([]);

  // Full again, behind lines that are there already; then there is room.
  const before = leaves();
  await work(400, 1_350);
  const room = Math.ceil(statSync(join(sealed, "leaves")).size / 512) + 20;
  expect(await seal(room)).toEqual(["EFBIG", "EFBIG", "EFBIG"]);
  expect(leaves()).toBe(before);
  expect(await seal("unlimited")).toEqual(["1350", "1350", "1350"]);
  expect(await problems()).toEqual([]);
});
