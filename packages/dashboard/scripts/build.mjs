// Builds the console into what the onceguard package ships, unless it is built already: every `npm test` begins with a build.
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const built = join(root, "../onceguard/dist/dashboard/index.html");
const stamp = join(root, "../../node_modules/.cache/onceguard-dashboard");

// By content: a checkout gives every file a new time. The lock file stands for Vite and Preact.
const inputs = [
  "index.html",
  "vite.config.ts",
  "../../package-lock.json",
  ...globSync("src/**/*.*", { cwd: root }).sort(),
];
const hash = createHash("sha256");
for (const file of inputs)
  hash
    .update(file)
    .update("\0")
    .update(readFileSync(join(root, file)));
const wanted = hash.digest("hex");

if (!existsSync(built) || !existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
  const { build } = await import("vite");
  await build({ root, configFile: join(root, "vite.config.ts"), logLevel: "warn" });
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
}
