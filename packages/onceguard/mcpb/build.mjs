/**
 * `npm run mcpb`: the bundle that Claude Desktop installs with a double click, in .cache/mcpb. It holds onceguard-mcp and
 * all that it depends on, as npm would install them; from this workspace, nothing is fetched but the packer.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fetchHosts } from "../test/hosts/fetch.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const packageRoot = join(here, "..");
const out = join(packageRoot, "../../.cache/mcpb");
const bundle = join(out, "bundle");
const modules = join(bundle, "node_modules");

/** For an installed server nobody reads these. */
const LEFT_OUT = /\.(map|d\.[cm]?ts|tsbuildinfo|md)$/;

rmSync(out, { recursive: true, force: true });
mkdirSync(modules, { recursive: true });
cpSync(join(here, "manifest.json"), join(bundle, "manifest.json"));
cpSync(join(packageRoot, "LICENSE"), join(bundle, "LICENSE"));
const { version } = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8"));
const placed = new Map();
place("onceguard-mcp", packageRoot);

const packer = join(fetchHosts(), "node_modules/@anthropic-ai/mcpb/dist/cli/cli.js");
if (!existsSync(packer)) {
  console.error("mcpb: the packer could not be fetched; the bundle's folder is ready, but not packed");
  process.exit(1);
}
const file = join(out, `onceguard-${version}.mcpb`);
execFileSync(process.execPath, [packer, "validate", join(bundle, "manifest.json")], { stdio: ["ignore", 2, 2] });
execFileSync(process.execPath, [packer, "pack", bundle, file], { stdio: ["ignore", "ignore", 2] });
console.log(file);

/** One version of each: two would need a tree, and there is none today. */
function place(name, from) {
  const folder = folderOf(name, from);
  const known = placed.get(name);
  if (known !== undefined) {
    if (known !== folder) throw new Error(`${name} is needed in two versions: ${known} and ${folder}`);
    return;
  }
  placed.set(name, folder);
  const { dependencies = {}, files = ["."] } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const ours = !folder.includes("node_modules");
  for (const part of ours ? ["package.json", ...files.filter((one) => !one.startsWith("!"))] : ["."]) {
    if (existsSync(join(folder, part))) copy(join(folder, part), join(modules, name, part));
  }
  for (const next of Object.keys(dependencies)) place(next, folder);
}

/** Where Node finds it; not every package exports its package.json. */
function folderOf(name, from) {
  for (const base of createRequire(join(realpathSync(from), "package.json")).resolve.paths(name)) {
    const folder = join(base, name);
    if (existsSync(join(folder, "package.json"))) return realpathSync(folder);
  }
  throw new Error(`${name}, which ${from} needs, is not installed`);
}

function copy(from, to) {
  cpSync(from, to, {
    recursive: true,
    dereference: true,
    filter: (path) => !LEFT_OUT.test(path) && !path.slice(from.length).includes("node_modules"),
  });
}
