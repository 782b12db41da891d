import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = new URL("../../", import.meta.url);

/**
 * The program of a worker, on one of the stores, as one file: it starts with half the CPU time, and a kill loop does little else than start
 * processes. Undefined without Rolldown, which comes with Vitest; then the source runs as it is.
 */
export function bundledLife(store: "sqlite" | "postgres"): string | undefined {
  const rolldown = fileURLToPath(new URL("node_modules/.bin/rolldown", root));
  if (!existsSync(rolldown)) return undefined;
  const source = fileURLToPath(new URL("packages/onceguard/test/long/life-process.ts", root));
  const folder = mkdtempSync(join(tmpdir(), "onceguard-life-"));
  execFileSync(rolldown, [source, "--platform", "node", "--format", "esm", "-d", folder], {
    cwd: fileURLToPath(root),
    stdio: ["ignore", "ignore", "inherit"],
  });
  // Which lie beside the code of the store.
  const migrations = new URL(`packages/onceguard/src/stores/${store}/migrations`, root);
  cpSync(migrations, join(folder, "migrations"), { recursive: true });
  const bundle = join(folder, "life-process.js");
  return existsSync(bundle) ? bundle : undefined;
}
