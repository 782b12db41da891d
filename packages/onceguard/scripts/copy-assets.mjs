// What tsc leaves out of dist: the SQL migrations, the page of the demo, the man page, and the execute bit of the command line.
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, existsSync, globSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
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

const page = "cli/commands/demo/web/page";
rmSync(join(root, "dist", page), { recursive: true, force: true });
cpSync(join(root, "src", page), join(root, "dist", page), { recursive: true });

const cli = join(root, "dist/cli/main.js");
if (existsSync(cli)) {
  chmodSync(cli, 0o755);
  writeFileSync(join(root, "dist/onceguard.1"), execFileSync(process.execPath, [cli, "man"]));
}
