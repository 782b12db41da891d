import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDatabase, dropDatabase } from "../../test/support/postgres.ts";
import type { KeyRing } from "../core/key-ring.ts";
import { keyFolder } from "./key-folder.ts";
import { postgresKeys } from "./postgres-keys.ts";

const MASTER = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const OTHER = Buffer.alloc(32, 7).toString("base64");

let folder: string;
let database: string;
let pool: pg.Pool;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "onceguard-keys-"));
  database = await createDatabase();
  pool = new pg.Pool({ connectionString: database });
});

afterAll(async () => {
  await pool.end();
  await dropDatabase(database);
  rmSync(folder, { recursive: true, force: true });
});

const RINGS: Record<string, (name: string, masterKey?: string) => KeyRing> = {
  keyFolder: (name, masterKey = MASTER) => keyFolder({ path: join(folder, name), masterKey }),
  postgresKeys: (name, masterKey = MASTER) => postgresKeys({ pool, schema: `keys_${name}`, masterKey }),
};

describe.each(Object.keys(RINGS))("%s", (kind) => {
  const ring = RINGS[kind] as (typeof RINGS)[string];

  it("has one key per subject and tenant, the same for whoever comes first or later", async () => {
    const rings = Array.from({ length: 8 }, () => ring("same"));
    const keys = await Promise.all(rings.map((one) => one.current("acme", "customer:1")));
    expect(new Set(keys.map(({ id }) => id)).size).toBe(1);
    expect(new Set(keys.map(({ bytes }) => Buffer.from(bytes).toString("hex"))).size).toBe(1);
    expect(keys[0]?.bytes).toHaveLength(32);
    const others = await Promise.all([
      ring("same").current("acme", "customer:2"),
      ring("same").current("globex", "customer:1"),
      ring("same").current("acme", null),
    ]);
    expect(new Set([keys[0]?.id, ...others.map(({ id }) => id)]).size).toBe(4);
    expect(await ring("same").find("acme", keys[0]?.id as string)).toEqual(keys[0]);
    expect(
      await ring("same")
        .find("globex", keys[0]?.id as string)
        .catch((error) => error.code),
    ).not.toEqual(keys[0]);
  });

  it("destroys a key for good, and only that one; the subject's next key is another", async () => {
    const one = ring("destroyed");
    const [first, neighbour] = [await one.current("acme", "customer:1"), await one.current("acme", "customer:2")];
    expect(await one.idOf("acme", "customer:1")).toBe(first.id);
    await one.destroy("acme", "customer:1");
    await one.destroy("acme", "customer:1");
    expect(await one.find("acme", first.id)).toBeNull();
    expect(await one.idOf("acme", "customer:1")).toBeNull();
    expect(await one.find("acme", neighbour.id)).toEqual(neighbour);
    expect((await one.current("acme", "customer:1")).id).not.toBe(first.id);
  });

  it("keeps keys under the master key only: with another one they do not open", async () => {
    const { id } = await ring("wrapped").current("acme", "customer:1");
    await expect(ring("wrapped", OTHER).find("acme", id)).rejects.toMatchObject({ code: "key_unavailable" });
    expect(await ring("wrapped", OTHER).idOf("acme", "customer:1")).toBeNull(); // not even whose they are
  });

  it.each(["", "short", `${MASTER}00`, "zz".repeat(32)])("refuses the master key %j", (masterKey) => {
    expect(() => ring("bad", masterKey)).toThrow(expect.objectContaining({ code: "invalid_option" }));
  });
});

it("a key folder says nothing of its subjects, and is its owner's", async () => {
  const one = keyFolder({ path: join(folder, "quiet"), masterKey: MASTER });
  const { bytes } = await one.current("acme", "customer:ann@example.com");
  const files = readdirSync(join(folder, "quiet"), { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  expect(files).toHaveLength(2);
  for (const { parentPath, name } of files) {
    const text = `${name} ${readFileSync(join(parentPath, name), "utf8")}`;
    expect(text).not.toContain("ann");
    expect(text).not.toContain(Buffer.from(bytes).toString("base64url"));
    expect(statSync(join(parentPath, name)).mode & 0o077).toBe(0);
  }
});
