import type pg from "pg";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { Store } from "../../src/core/ports.ts";
import { PROTECTED } from "../../src/stores/postgres/isolation.ts";
import { postgresStore, tenantRoles } from "../../src/stores/postgres/postgres-store.ts";
import { fakeClock, type StoreUnderTest, storeContract } from "../../src/testing/index.ts";
import { type LoginRoles, loginRoles } from "../support/login-roles.ts";
import { patientPool } from "../support/patient-pool.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";

let url: string;
let admin: pg.Pool;
let roles: LoginRoles<"owner" | "service">;

beforeAll(async () => {
  url = await createDatabase();
  admin = patientPool(url, 2);
  roles = await loginRoles(url, "owner", "service");
  await admin.query(`GRANT CREATE ON DATABASE ${new URL(url).pathname.slice(1)} TO ${roles.name.owner}`);
  const isolation = tenantRoles({ url: roles.url.owner });
  await isolation.allow({ role: roles.name.service, tenant: "*" });
  await isolation.close();
});

afterAll(async () => {
  await roles.drop();
  await admin.end();
  await dropDatabase(url);
});

async function emptied(): Promise<void> {
  const tables = Object.keys(PROTECTED).filter((name) => name !== "migration" && name !== "secret");
  await admin.query(`TRUNCATE ${tables.map((name) => `onceguard.${name}`).join(", ")} RESTART IDENTITY`);
}

describe("a guard's role that owns nothing, for every tenant, does all that a store must do", () => {
  let callers: pg.Pool;
  beforeAll(() => {
    callers = patientPool(roles.url.service, 30);
  });
  afterAll(() => callers.end());

  async function makeStore(): Promise<StoreUnderTest> {
    await emptied();
    const { now, advance } = fakeClock();
    const opened: (() => Promise<void>)[] = [];
    const reopen = (): Store => {
      const pool = patientPool(roles.url.service, 4);
      const store = postgresStore({ pool, statementTimeoutMs: 60_000, clock: now });
      opened.push(() => store.close().then(() => pool.end()));
      return store;
    };
    const begin = async () => {
      const handle = await callers.connect();
      await handle.query("BEGIN");
      const end = (how: string) => async () => {
        await handle.query(how);
        handle.release();
      };
      return { handle, commit: end("COMMIT"), rollback: end("ROLLBACK") };
    };
    const cleanup = async () => {
      for (const close of opened) await close();
    };
    return { store: reopen(), reopen, begin, advance, cleanup };
  }

  storeContract({ test, makeStore });
});
