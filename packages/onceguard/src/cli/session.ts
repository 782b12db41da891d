import { dirname, join, resolve } from "node:path";
import { Command, Option } from "commander";
import type { AnyAction } from "../core/action.ts";
import type { Store } from "../core/ports.ts";
import { createGuard } from "../pipeline/create-guard.ts";
import type { Guard, GuardOptions } from "../pipeline/guard.ts";
import { fromEnvironment } from "./config-source.ts";
import { EXIT, exitCodeOf } from "./exit.ts";
import { type LoadedConfig, loadConfig } from "./load-config.ts";
import { openStore, parseStoreUrl, type StoreTarget } from "./open-store.ts";
import { note, paint, printError } from "./output.ts";

/** The options that every command takes. */
export interface CommonOptions {
  readonly store?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export const DEFAULT_STORE = "sqlite:onceguard.db";

/** What the help of a command teaches: examples, and what its exit codes mean. */
export interface CommandHelp {
  /** In the list of commands. */
  readonly summary: string;
  readonly examples: readonly string[];
  readonly exits: readonly (readonly [codes: string, meaning: string])[];
}

export function helpAfter({ examples, exits }: Omit<CommandHelp, "summary">): string {
  const width = Math.max(...exits.map(([codes]) => codes.length));
  const meanings = exits.map(([codes, meaning]) => `  ${codes.padEnd(width)}  ${meaning}`);
  return [
    "",
    paint("bold", "Examples:"),
    ...examples.map((one) => `  $ ${one}`),
    "",
    paint("bold", "Exit codes:"),
    ...meanings,
  ].join("\n");
}

/** The title in the help of what every command takes. */
export const COMMON = "Common options:";

/** A command with the common options. */
export function command(name: string, description: string, help: CommandHelp): Command {
  const store = `sqlite:path or postgres://... (default: the config's, else ${DEFAULT_STORE})`;
  const config = "default: onceguard.config.{ts,js,json} in this folder, when there is one";
  return new Command(name)
    .summary(help.summary)
    .description(description)
    .addOption(new Option("--store <url>", store).env("ONCEGUARD_STORE").helpGroup(COMMON))
    .addOption(new Option("--config <file>", config).helpGroup(COMMON))
    .addOption(jsonOption())
    .addHelpText("after", helpAfter(help));
}

/** A command that has commands. */
export function group(name: string, description: string, help: CommandHelp): Command {
  return new Command(name).summary(help.summary).description(description).addHelpText("after", helpAfter(help));
}

export function jsonOption(): Option {
  return new Option("--json", "print one JSON document").helpGroup(COMMON);
}

/** Runs a command's work; an error becomes its one line and its exit code. */
export async function conclude(options: CommonOptions, work: () => Promise<unknown>): Promise<void> {
  try {
    const answer = await work();
    process.exitCode = typeof answer === "number" ? answer : EXIT.ok;
  } catch (error) {
    printError(error, options.json);
    process.exitCode = exitCodeOf(error);
  }
}

export interface Place {
  readonly target: StoreTarget;
  readonly config: LoadedConfig | null;
}

/**
 * Where the receipts are: `--store`, then ONCEGUARD_STORE, then the config, then the default.
 *
 * @param configNeeded whether the config matters beyond its store. If not, one that cannot be loaded does not stand in
 *   the way of looking at a store that was named.
 */
export async function locate(options: CommonOptions, configNeeded: boolean): Promise<Place> {
  const needed = configNeeded || options.store === undefined || options.config !== undefined;
  const config = needed ? await loadConfig(options.config) : null;
  if (options.store !== undefined) return { target: parseStoreUrl(options.store, process.cwd()), config };
  const configured = config?.config.store;
  if (config === null || configured === undefined)
    return { target: parseStoreUrl(DEFAULT_STORE, process.cwd()), config };
  if (typeof configured !== "string") return { target: { kind: "own", store: configured }, config };
  return { target: parseStoreUrl(fromEnvironment(configured, config.path), config.folder), config };
}

export interface Session {
  readonly guard: Guard;
  readonly store: Store;
  readonly config: LoadedConfig | null;
}

export interface SessionNeeds {
  /** Make the store if it is not there. */
  readonly create?: boolean;
  /**
   * Load the config even when the store is named elsewhere: whole, for what executes; or for `approvals`, where all that
   * matters is how long one lasts, and no secret is needed.
   */
  readonly config?: "whole" | "approvals";
  /** Register the config's actions, and load it whole. */
  readonly actions?: boolean;
  readonly guard?: Omit<GuardOptions<readonly AnyAction[]>, "store" | "actions">;
}

/** A guard over the store that was asked for, closed when the work is done. It works when told to, not by the clock. */
export async function withGuard<Answer>(
  options: CommonOptions,
  needs: SessionNeeds,
  work: (session: Session) => Promise<Answer>,
): Promise<Answer> {
  const { target, config } = await locate(options, needs.config !== undefined || needs.actions === true);
  const actions = needs.actions && config ? await config.actions() : [];
  // What only looks needs neither the limits nor the secrets of the config.
  const isWhole = needs.config === "whole" || needs.actions === true;
  const approvalFor = needs.config === "approvals" ? config?.config.approvalFor : undefined;
  const store = await openStore(target, needs.create ?? false);
  const guard = createGuard({
    store,
    actions,
    sweepEvery: false,
    onBackgroundError: (error) => note(error instanceof Error ? error.message : String(error)),
    ...spillOf(target, config),
    ...(isWhole && config?.guardOptions()),
    ...(approvalFor !== undefined && { approvalFor }),
    ...needs.guard,
  });
  try {
    return await work({ guard: guard as unknown as Guard, store, config });
  } finally {
    await guard.close();
    await config?.close();
  }
}

const SPILL = ".onceguard-spill";

/** In the same place whatever folder a command is started in: cron starts them anywhere. */
export function spillOf(target: StoreTarget, config: LoadedConfig | null): { spill?: string } {
  if (target.kind === "sqlite") return { spill: join(dirname(resolve(target.path)), SPILL) };
  return config === null ? {} : { spill: join(config.folder, SPILL) };
}
