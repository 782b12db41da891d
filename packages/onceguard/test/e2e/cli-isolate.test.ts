import { afterAll, beforeAll, expect, test } from "vitest";
import { type LoginRoles, loginRoles } from "../support/login-roles.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";
import { Folder } from "./cli.ts";

let url: string;
let roles: LoginRoles<"acme" | "globex" | "service">;
beforeAll(async () => {
  url = await createDatabase();
  roles = await loginRoles(url, "acme", "globex", "service");
});
afterAll(async () => {
  await roles.drop();
  await dropDatabase(url);
});

test("roles get their tenants, work with nothing else, and lose them again", async () => {
  const folder = new Folder();
  const isolate = (...args: string[]) => folder.onceguard("isolate", "--store", url, ...args);
  const { acme, service } = roles.name;
  expect((await isolate()).stdout).toContain("Nothing is isolated");
  expect(await isolate("--role", acme, "--tenant", "acme")).toMatchObject({
    code: 0,
    stdout: `${acme} has the rows of tenant acme, and of no other unless it was given that, too.\n`,
  });
  expect(await isolate("--role", service, "--tenant", "*")).toMatchObject({
    code: 0,
    stdout: `${service} has the rows of every tenant.\n`,
  });
  expect((await isolate("--json")).json()).toEqual({
    isolated: true,
    roles: [
      { role: "postgres", tenant: "*" },
      { role: service, tenant: "*" },
      { role: acme, tenant: "acme" },
    ],
  });
  expect((await isolate()).stdout).toMatch(new RegExp(`${acme} +acme\n`));

  // The service works for a tenant (the command line's own), which acme's role cannot see.
  const as = (role: keyof typeof roles.url, ...args: string[]) => folder.onceguard(...args, "--store", roles.url[role]);
  const run = ["run", "--request-id", "deploy:1"];
  const guarded = await folder.onceguard(...run, "--store", roles.url.service, "--", "sh", "-c", "echo done >> ledger");
  expect(guarded).toMatchObject({ code: 0 });
  expect((await as("service", "receipts", "--json")).json().receipts).toMatchObject([{ request_id: "deploy:1" }]);
  expect((await as("acme", "receipts", "--json")).json().receipts).toEqual([]);
  expect((await as("acme", "log", "--json")).json().entries).toEqual([]);
  const stranger = await folder.onceguard(...run, "--store", roles.url.acme, "--", "sh", "-c", "echo again >> ledger");
  expect(stranger.code).not.toBe(0);
  expect(stranger.stderr).toContain("the rows of this tenant");
  expect(folder.lines("ledger")).toEqual(["done"]);
  expect((await as("service", "retention", "--older-than", "0s")).stdout).toContain("1 request forgotten");
  expect((await as("globex", "receipts")).code).toBe(1);

  expect((await isolate("--role", acme, "--tenant", "acme", "--revoke")).stdout).toContain("no more");
  expect(await isolate("--role", acme, "--tenant", "acme", "--revoke")).toMatchObject({ code: 1 });
  expect((await as("acme", "receipts")).code).toBe(1);
});

test("bad usage", async () => {
  const folder = new Folder();
  const wrong = async (says: string, ...args: string[]) => {
    const { code, stderr } = await folder.onceguard("isolate", ...args);
    expect(stderr).toContain(says);
    expect(code).toBe(2);
  };
  await wrong("go together", "--store", url, "--role", "x");
  await wrong("say what to take back", "--store", url, "--revoke");
  await wrong("a file of its own", "--role", "x", "--tenant", "t");
  await wrong("superuser", "--store", url, "--role", "postgres", "--tenant", "t");
  await wrong("there is no role", "--store", url, "--role", "nobody at all", "--tenant", "t");
});
