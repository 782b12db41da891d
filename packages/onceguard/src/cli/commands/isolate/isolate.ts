import type { Command } from "commander";
import type { TenantRole, TenantRoles } from "../../../stores/postgres/tenant-roles.ts";
import { NotSo, UsageError } from "../../exit.ts";
import { paint, print, printJson, printTable, visible } from "../../output.ts";
import { type CommonOptions, command, conclude, locate } from "../../session.ts";

interface IsolateOptions extends CommonOptions {
  readonly role?: string;
  readonly tenant?: string;
  readonly revoke?: boolean;
}

export function isolateCommand(): Command {
  return command(
    "isolate",
    "Keep tenants apart in PostgreSQL: a database role sees and changes the rows of its tenants, and no others, whatever it asks (forced row-level security). Run it as the owner of the tables; without --role it lists who has what.",
    {
      summary: "keep tenants apart in PostgreSQL, by database role",
      examples: [
        "onceguard isolate --role guard --tenant '*'           # the guard's own service: every tenant",
        "onceguard isolate --role acme_guard --tenant acme     # a process of one tenant; may be repeated",
        "onceguard isolate --role acme_guard --tenant acme --revoke",
        "onceguard isolate                                     # which role has which tenant",
      ],
      exits: [
        ["0", "done, or listed"],
        ["1", "the store cannot be used, or this is not its owner; with --revoke: it was not allowed"],
        ["2", "bad usage, or a role that it could not bind: nothing was changed"],
      ],
    },
  )
    .option("--role <name>", "the database role that processes log in as; neither owner nor superuser")
    .option("--tenant <tenant>", "whose rows; '*' for every tenant's")
    .option("--revoke", "take it back")
    .action((options: IsolateOptions) => conclude(options, () => isolate(options)));
}

async function isolate(options: IsolateOptions): Promise<void> {
  const { role, tenant, revoke } = options;
  if ((role === undefined) !== (tenant === undefined)) throw new UsageError("--role and --tenant go together");
  const { target } = await locate(options, false);
  if (target.kind !== "postgres")
    throw new UsageError(
      target.kind === "sqlite"
        ? "SQLite has no roles: give each tenant a file of its own, or use PostgreSQL"
        : "the config's store is made by code: use tenantRoles of onceguard/postgres there, or name it with --store",
    );
  const { tenantRoles } = await import("../../../stores/postgres/tenant-roles.ts");
  const roles = tenantRoles({ url: target.url });
  try {
    if (role === undefined || tenant === undefined) {
      if (revoke) throw new UsageError("say what to take back: --role NAME --tenant TENANT");
      await list(roles, options);
    } else await (revoke ? takeBack : give)(roles, { role, tenant }, options);
  } finally {
    await roles.close();
  }
}

async function give(roles: TenantRoles, given: TenantRole, { json }: CommonOptions): Promise<void> {
  await roles.allow(given);
  if (json) printJson({ ...given, allowed: true });
  else
    print(
      `${visible(given.role)} has ${words(given.tenant)}${given.tenant === "*" ? "" : ", and of no other unless it was given that, too"}.`,
    );
}

async function takeBack(roles: TenantRoles, given: TenantRole, { json }: CommonOptions): Promise<void> {
  if (!(await roles.revoke(given))) throw new NotSo(`${visible(given.role)} does not have ${words(given.tenant)}`);
  if (json) printJson({ ...given, allowed: false });
  else print(`${visible(given.role)} has ${words(given.tenant)} no more.`);
}

async function list(roles: TenantRoles, { json }: CommonOptions): Promise<void> {
  const found = await roles.list();
  if (json) return printJson({ isolated: found !== null, roles: found ?? [] });
  if (found === null) return print("Nothing is isolated: who may read the tables reads every tenant.");
  printTable(
    [
      { title: "ROLE", shrink: true },
      { title: "TENANT", shrink: true },
    ],
    found.map(({ role, tenant }) => [visible(role), tenant === "*" ? paint("bold", "every tenant") : visible(tenant)]),
  );
}

function words(tenant: string): string {
  return tenant === "*" ? "the rows of every tenant" : `the rows of tenant ${visible(tenant)}`;
}
