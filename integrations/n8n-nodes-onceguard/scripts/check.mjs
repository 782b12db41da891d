// What n8n asks of a community node: it compiles, it passes n8n's lint rules in strict mode, and n8n can load it.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = dirname(dirname(fileURLToPath(import.meta.url)));

function run(program, ...args) {
  console.log(`\n> ${program} ${args.join(" ")}`);
  const { status, error } = spawnSync(program, args, {
    cwd: folder,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (error || status !== 0) {
    console.error(error?.message ?? `${program} ended with ${status}`);
    process.exit(1);
  }
}

// Nothing of it is needed by the rest of the repository, so it is not installed with it.
if (!existsSync(join(folder, "node_modules"))) run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund");
run("npm", "run", "--silent", "build");
run("npm", "run", "--silent", "lint");

const require = createRequire(join(folder, "package.json"));
const { n8n } = require("./package.json");
const { NodeConnectionTypes } = require("n8n-workflow");
const [node] = n8n.nodes.map((path) => new (require(`./${path}`).Onceguard)());
const [credential] = n8n.credentials.map((path) => new (require(`./${path}`).OnceguardApi)());
const isWhole =
  node.description.credentials[0].name === credential.name &&
  node.description.usableAsTool === true &&
  node.description.outputs.length === 4 &&
  node.description.outputs.every(({ type }) => type === NodeConnectionTypes.Main) &&
  ["light", "dark"].every((shade) =>
    existsSync(join(folder, dirname(n8n.nodes[0]), node.description.icon[shade].slice("file:".length))),
  );
if (!isWhole) {
  console.error("The built node is not whole.");
  process.exit(1);
}
console.log("\nn8n-nodes-onceguard: compiles, passes n8n's lint rules, and loads.");
