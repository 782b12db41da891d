/**
 * Fetches the real hosts, and the packer of bundles, once: about 420 MB over the net, 940 MB on the disk. Into .cache/hosts,
 * or into the folder that ONCEGUARD_HOSTS names.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));

/** @returns the folder in which they are, whole or not: whoever needs one looks whether it is there. */
export function fetchHosts() {
  const folder = process.env.ONCEGUARD_HOSTS ?? join(here, "../../../../.cache/hosts");
  const lock = readFileSync(join(here, "package-lock.json"));
  const wanted = `${createHash("sha256").update(lock).digest("hex")} ${process.platform}-${process.arch}\n`;
  const marker = join(folder, "node_modules", ".onceguard-hosts");
  if (existsSync(marker) && readFileSync(marker, "utf8") === wanted) return folder;

  console.error(`hosts: fetching them into ${folder} (once)`);
  mkdirSync(folder, { recursive: true });
  for (const file of ["package.json", "package-lock.json"]) copyFileSync(join(here, file), join(folder, file));
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--include=optional", "--loglevel=error"];
  const { status, error } = spawnSync("npm", ["ci", ...flags], {
    cwd: folder,
    stdio: ["ignore", process.stderr, "inherit"],
    shell: process.platform === "win32", // npm is a .cmd there
  });
  if (status === 0) writeFileSync(marker, wanted);
  else console.error(`hosts: not fetched (${error?.message ?? `npm ci: exit code ${status}`})`);
  return folder;
}
