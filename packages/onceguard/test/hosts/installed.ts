import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where `npm run hosts` has installed the hosts; outside git, and outside the workspace. */
export const HOSTS_FOLDER: string =
  process.env.ONCEGUARD_HOSTS ?? fileURLToPath(new URL("../../../../.cache/hosts", import.meta.url));

export const WORKSPACE: string = fileURLToPath(new URL("../../../..", import.meta.url));

export function hostModule(...path: string[]): string {
  return join(HOSTS_FOLDER, "node_modules", ...path);
}

/** What a program says of its version, or why it does not run on this machine. */
export function versionOf(program: string): { readonly version: string } | { readonly missing: string } {
  if (!existsSync(program)) return { missing: `${program} is not there (not fetched, or not made for this platform)` };
  const { status, stdout, error } = spawnSync(program, ["--version"], { encoding: "utf8", timeout: 30_000 });
  if (status === 0) return { version: stdout.trim() };
  return { missing: `${program} does not run here: ${error?.message ?? `exit code ${status}`}` };
}
