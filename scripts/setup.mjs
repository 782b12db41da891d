// Makes a clone runnable: installs what the lock file names, builds dist, checks the Node that will run it.
// `npm run demo` and `npm test` begin here. When there is nothing to do it takes about a second.
//
// They call it as `npm run setup`, not as `node scripts/setup.mjs`: a shell remembers where it found `node` and would
// go on using the machine's own after this file has brought another.
//
// Plain JavaScript, and nothing newer than Node 20: on a fresh machine this file runs before the workspace's own Node
// (an npm platform package, node_modules/.bin/node) is there.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const modules = join(root, "node_modules");
const bin = join(modules, ".bin");
const marker = join(modules, ".onceguard-setup");

// The first Node that runs .ts files without a flag, which the tests' child processes rely on.
const NEEDED = [22, 18];

install();
checkNode();
build();

function install() {
  // By content: a checkout or a copy gives every file a new mtime. With the platform: a node_modules that was mounted
  // from another system holds the wrong binaries.
  const lock = readFileSync(join(root, "package-lock.json"));
  const wanted = `${createHash("sha256").update(lock).digest("hex")} ${process.platform}-${process.arch}\n`;
  if (existsSync(marker) && readFileSync(marker, "utf8") === wanted) return;

  step("installing dependencies (once; Node 24 and PostgreSQL for the tests are among them)");
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--include=dev", "--include=optional"];
  // loglevel: the outer Node may be 20, and a page of EBADENGINE warnings about a Node that runs nothing is noise.
  npm(["ci", ...flags, "--loglevel=error"], "installing the dependencies");
  // Last, and npm ci removes it first: an install that was cut off starts again.
  writeFileSync(marker, wanted);
}

function checkNode() {
  // What the rest of the npm script gets when it says `node`, not the Node that runs this file.
  const path = [bin, process.env.PATH].join(delimiter);
  const { stdout } = spawnSync("node", ["--version"], {
    env: { ...process.env, PATH: path },
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  const version = (stdout ?? "").trim();
  const [major = 0, minor = 0] = version.replace("v", "").split(".").map(Number);
  if (major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])) return;
  fail(
    `Node ${NEEDED.join(".")} or newer is needed, and \`node\` is ${version || "missing"}.\n` +
      "npm brings Node 24 on Linux and Windows. On macOS, or where that did not work, install Node 24: https://nodejs.org",
  );
}

function build() {
  step("building");
  npm(["run", "--silent", "build"], "the build");
}

function npm(args, what) {
  const { status, signal, error } = spawnSync("npm", args, {
    cwd: root,
    stdio: ["inherit", process.stderr, "inherit"], // stdout belongs to the command that follows, which may print JSON
    shell: process.platform === "win32", // npm is a .cmd there
  });
  if (error?.code === "ENOENT") fail("npm was not found on the PATH; it comes with Node (https://nodejs.org).");
  if (error) fail(`npm could not be started: ${error.message}`);
  if (status !== 0) fail(`${what} failed (npm ${args[0]}: ${signal ?? `exit code ${status}`}).`, status ?? 1);
}

function step(text) {
  console.error(`setup: ${text}`);
}

function fail(text, code = 1) {
  console.error(`setup: ${text}`);
  process.exit(code);
}
