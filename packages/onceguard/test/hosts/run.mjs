/**
 * `npm run hosts [vitest arguments]`: real MCP hosts against Onceguard. What cannot be fetched or does not run on this machine
 * is skipped, and the tests say so.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fetchHosts } from "./fetch.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "../../../..");
const ONCEGUARD_HOSTS = fetchHosts();
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
const { status } = spawnSync(
  process.execPath,
  [vitest, "run", "--config", join(here, "vitest.config.ts"), ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit", env: { ...process.env, ONCEGUARD_HOSTS } },
);
process.exitCode = status ?? 1;
