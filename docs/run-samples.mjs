/**
 * Runs the README and the documentation: every ```ts block is type-checked, and one that is followed by a ```text block is executed
 * in an empty folder of its own and has to print exactly that.
 *
 *   node docs/run-samples.mjs [--update] [page...]     (after `npm run build`)
 *
 * A sample that reads DATABASE_URL gets an empty database on a PostgreSQL that is started for it, unless the environment names
 * one; REDIS_URL is the same for Redis, and a sample that reads it is skipped where none is installed; so is one that names
 * /usr/bin/chromium.
 */
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const docs = fileURLToPath(new URL(".", import.meta.url));
const modules = join(docs, "../node_modules");
const args = process.argv.slice(2);
const update = args.includes("--update");
const named = args.filter((arg) => !arg.startsWith("--"));
const pages =
  named.length > 0
    ? named
    : ["../README.md", "../packages/onceguard/README.md", ...globSync("**/*.md", { cwd: docs }).sort()];

const CHROMIUM = "/usr/bin/chromium";
const SAMPLE = /^```ts\n([\s\S]*?)^```\n(?:\n*^```text\n([\s\S]*?)^```)?/gm;
const root = mkdtempSync(join(tmpdir(), "onceguard-docs-"));
const samples = pages.flatMap((page) => {
  const text = readFileSync(join(docs, page), "utf8");
  return [...text.matchAll(SAMPLE)].map(([, code, expected], n) => ({
    page,
    n,
    code,
    expected,
    folder: `${page.replaceAll(/\W/g, "_")}_${n}`,
  }));
});

const { serversOf, stopServers } = sampleServers();
let failed = 0;
try {
  symlinkSync(modules, join(root, "node_modules"));
  writeFileSync(join(root, "package.json"), '{ "type": "module" }');
  for (const { folder, code } of samples) {
    mkdirSync(join(root, folder));
    writeFileSync(join(root, folder, "sample.ts"), `${code}\nexport {};\n`);
  }
  const compilerOptions = {
    target: "ES2023",
    module: "NodeNext",
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    erasableSyntaxOnly: true,
    skipLibCheck: true,
    noEmit: true,
    types: ["node"],
    typeRoots: [join(modules, "@types")],
  };
  writeFileSync(join(root, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*/sample.ts"] }));
  const tsc = spawnSync(join(modules, ".bin/tsc"), ["-p", root], { encoding: "utf8", cwd: root });
  if (tsc.status !== 0) failed += report("type check", tsc.stdout + tsc.stderr);

  for (const sample of samples) {
    const { page, n, code, expected, folder } = sample;
    if (expected === undefined) continue;
    if (code.includes(CHROMIUM) && !existsSync(CHROMIUM)) {
      console.log(`-- ${page}, sample ${n + 1}: skipped, there is no Chromium at ${CHROMIUM}`);
      continue;
    }
    const servers = await serversOf(code);
    if (servers === null) {
      console.log(`-- ${page}, sample ${n + 1}: skipped, redis-server is not installed`);
      continue;
    }
    let printed;
    try {
      const env = { ...process.env, ...servers };
      const options = {
        env,
        cwd: join(root, folder),
        encoding: "utf8",
        timeout: 60_000,
        stdio: ["ignore", "pipe", "pipe"],
      };
      printed = execFileSync(process.execPath, ["sample.ts"], options);
    } catch (error) {
      failed += report(`${page}, sample ${n + 1}`, `${error.stdout}${error.stderr}`);
      continue;
    }
    if (printed === expected) continue;
    if (update) {
      const path = join(docs, page);
      const text = readFileSync(path, "utf8");
      const { 0: found, index } = [...text.matchAll(SAMPLE)][n];
      const end = index + found.length;
      writeFileSync(path, `${text.slice(0, end - 3 - expected.length)}${printed}${text.slice(end - 3)}`);
    } else failed += report(`${page}, sample ${n + 1}`, `expected:\n${expected}printed:\n${printed}`);
  }
} finally {
  await stopServers();
  rmSync(root, { recursive: true, force: true });
}
console.log(`${samples.length} samples, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function report(what, text) {
  console.error(`== ${what}\n${text}`);
  return 1;
}

/** Starts what a sample needs when it is first needed. */
function sampleServers() {
  const support = (name) => import(`../packages/onceguard/test/support/${name}.ts`);
  const stops = [];
  let postgres;
  let redis;

  async function startOne(name, start) {
    const server = await (await support(name))[start]();
    if (server !== null) stops.push(() => server.stop());
    return server;
  }

  /** The environment of a sample; null where it cannot run. */
  async function serversOf(code) {
    const given = {};
    if (code.includes("DATABASE_URL") && !process.env.DATABASE_URL) {
      postgres ??= await startOne("postgres", "startPostgres");
      given.DATABASE_URL = await (await support("postgres")).createDatabase(postgres.url);
    }
    if (code.includes("REDIS_URL") && !process.env.REDIS_URL) {
      if (redis === undefined) redis = await startOne("redis", "startRedis");
      if (redis === null) return null;
      given.REDIS_URL = `redis://127.0.0.1:${redis.port}`;
    }
    return given;
  }

  return {
    serversOf,
    stopServers: async () => {
      for (const stop of stops) await stop();
    },
  };
}
