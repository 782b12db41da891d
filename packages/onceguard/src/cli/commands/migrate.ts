import type { Command } from "commander";
import { openStore } from "../open-store.ts";
import { print, printJson } from "../output.ts";
import { type CommonOptions, command, conclude, locate } from "../session.ts";

export function migrateCommand(): Command {
  return command(
    "migrate",
    "Make the store, or bring its schema up to date. Safe to run anywhere, any number of times.",
    {
      summary: "make the store, or bring its schema up to date",
      examples: ["onceguard migrate", "onceguard migrate --store postgres://app@db.internal/app"],
      exits: [
        ["0", "the schema is up to date"],
        ["1", "the store cannot be used, or its schema is from a newer Onceguard"],
        ["2", "bad usage"],
      ],
    },
  ).action((options: CommonOptions) => conclude(options, () => migrate(options)));
}

async function migrate(options: CommonOptions): Promise<void> {
  const { target } = await locate(options, false);
  const store = await openStore(target, true);
  try {
    const { schemaVersion } = await store.open();
    if (options.json) printJson({ store: store.name, schema_version: schemaVersion });
    else print(`${store.name} is at schema version ${schemaVersion}.`);
  } finally {
    await store.close();
  }
}
