// What tsc leaves out of dist: the SQL migrations, and the execute bit of the command line.
import { chmodSync, copyFileSync, existsSync, globSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

// A migration that was renamed or taken back must not live on in an old dist, or it would still be applied.
for (const file of globSync("**/*.sql", { cwd: join(root, "dist") })) rmSync(join(root, "dist", file));

for (const file of globSync("**/*.sql", { cwd: join(root, "src") })) {
  const target = join(root, "dist", file);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(join(root, "src", file), target);
}

const cli = join(root, "dist/cli/main.js");
if (existsSync(cli)) chmodSync(cli, 0o755);
