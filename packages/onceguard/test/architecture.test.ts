import { existsSync, globSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { ERROR_CODES } from "../src/core/errors.ts";

// The rules of ARCHITECTURE.md that compiler and linter cannot hold, and once more those that they do: one place to read.

const packageRoot = fileURLToPath(new URL("..", import.meta.url));
const src = join(packageRoot, "src");
const docs = join(packageRoot, "../../docs");

/** What each room may import besides itself: other rooms, Node, and npm packages by name. `cli` composes: anything. */
const ROOMS: Record<string, { rooms: string[]; node?: boolean; packages?: RegExp }> = {
  core: { rooms: [], packages: /^@standard-schema\/spec$/ }, // types only: it adds nothing at run time
  pipeline: { rooms: ["core"], node: true, packages: /^@standard-schema\/spec$/ },
  stores: { rooms: ["core"], node: true, packages: /^pg$/ },
  telemetry: { rooms: ["core"], node: true, packages: /^@opentelemetry\/api$/ },
  notify: { rooms: ["core"], node: true },
  seal: { rooms: ["core"], node: true, packages: /^jose$/ }, // receipts that an outsider can verify
  privacy: { rooms: ["core"], node: true }, // where the keys of private fields are
  testing: { rooms: ["core"], node: true },
  http: { rooms: ["core", "pipeline", "wire"], node: true, packages: /./ },
  webhooks: {
    rooms: ["core", "pipeline", "http"],
    node: true,
    packages: /^(?:standardwebhooks|svix|stripe|@octokit\/webhooks)$/,
  },
  fetch: { rooms: ["core", "pipeline", "kinds", "wire"], node: true }, // outbound requests
  mcp: { rooms: ["core", "pipeline", "wire", "kinds"], node: true, packages: /^@modelcontextprotocol\/server(\/|$)/ },
  kinds: { rooms: ["core"], node: true, packages: /^@modelcontextprotocol\/client(\/|$)/ }, // actions described by JSON
  wire: { rooms: ["core"] }, // snake_case, for every surface that speaks JSON
  adapters: { rooms: ["core", "pipeline", "wire"], node: true, packages: /./ },
  "index.ts": { rooms: ["core", "pipeline", "config.ts"] },
  "config.ts": { rooms: ["core", "pipeline", "kinds"] }, // the shape of onceguard.config.*
  "failures.ts": { rooms: ["core"] }, // what a classifier of one's own is built from
  "providers.ts": { rooms: ["core"] }, // what providers promise about repeated calls
  "store.ts": { rooms: ["core"] }, // what a store of one's own is built from
};

const sources = globSync("**/*.ts", { cwd: src })
  .filter((file) => !file.endsWith(".test.ts"))
  .map((file) => ({ file: file.replaceAll("\\", "/"), text: readFileSync(join(src, file), "utf8") }))
  .sort((a, b) => a.file.localeCompare(b.file));

describe("who may import whom", () => {
  it.each(Object.keys(ROOMS))("%s", (room) => {
    const wrong = sources
      .filter(({ file }) => roomOf(file) === room)
      .flatMap(({ file, text }) => importsOf(text).map((specifier) => ({ file, specifier })))
      .filter(({ file, specifier }) => !mayImport(file, specifier));
    expect(wrong).toEqual([]);
  });

  it("every file lies in a room with a rule", () => {
    const known = new Set([...Object.keys(ROOMS), "cli"]);
    expect(sources.map(({ file }) => file).filter((file) => !known.has(roomOf(file)))).toEqual([]);
  });

  it("is checked by a scan that sees every kind of import", () => {
    const text = `import a, { b } from "./1.ts";\nimport type { C } from "./2.ts"; export * from './3.ts';
      // import "./comment.ts"\nimport "./4.ts"; const s = "// no comment"; await import("./5.ts");
      export type {\n  D,\n} from "./6.ts"; type E = import("./7.ts").E; /* from "./comment.ts" */`;
    expect(importsOf(text)).toEqual([1, 2, 3, 4, 5, 6, 7].map((n) => `./${n}.ts`));
    expect(mayImport("core/a.ts", "node:fs")).toBe(false);
    expect(mayImport("core/a.ts", "zod")).toBe(false);
    expect(mayImport("pipeline/a.ts", "../core/b.ts")).toBe(true);
    expect(mayImport("pipeline/a.ts", "../stores/batch.ts")).toBe(false);
    expect(mayImport("stores/sqlite/a.ts", "../migrate.ts")).toBe(true);
    expect(mayImport("stores/sqlite/a.ts", "../memory/b.ts")).toBe(false);
    expect(mayImport("stores/migrate.ts", "./memory/b.ts")).toBe(false);
    expect(mayImport("stores/sqlite/a.ts", "../sql/b.ts")).toBe(true);
    expect(mayImport("stores/sql/a.ts", "../sqlite/b.ts")).toBe(false);
    expect(mayImport("http/routes/a.ts", "../../stores/batch.ts")).toBe(false);
  });
});

it("core is pure: no clock, no randomness, no process, no waiting", () => {
  const impure =
    /\bMath\s*\.\s*random\b|\bDate\b|\bprocess\b|\bglobalThis\b|\bperformance\b|\bcrypto\b|\b(?:set|clear)(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b/g;
  const found = sources
    .filter(({ file }) => roomOf(file) === "core")
    .flatMap(({ file, text }) => [...withoutStrings(text).matchAll(impure)].map(([what]) => ({ file, what })));
  expect(found).toEqual([]);
});

describe("the public surface", () => {
  const { exports } = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as {
    exports: Record<string, string>;
  };

  it.each(Object.entries(exports))("%s resolves to %s", async (_subpath, target) => {
    const file = join(packageRoot, target);
    expect(existsSync(file), `${target} (run \`npm run build\`)`).toBe(true);
    if (!target.endsWith(".js")) return;
    expect(existsSync(file.replace(/\.js$/, ".d.ts")), "its types").toBe(true);
    await expect(import(/* @vite-ignore */ pathToFileURL(file).href)).resolves.toBeDefined();
  });

  it("the root lists its exports one by one, and gains none unnoticed", async () => {
    expect(withoutStrings(readFileSync(join(src, "index.ts"), "utf8"))).not.toMatch(/export\s*\*/);
    expect(Object.keys(await import("../src/index.ts")).sort()).toEqual(PUBLIC_VALUES);
  });
});

/** The values `onceguard` exports, sorted. Adding one is a promise: say so in CHANGELOG.md. */
const PUBLIC_VALUES: string[] = [
  "HTTP_STATUS",
  "OnceguardError",
  "capabilityOf",
  "classifyFailure",
  "createGuard",
  "defineAction",
  "defineConfig",
  "docsUrl",
  "effectError",
  "promiseOf",
  "unwrap",
];

it.each(ERROR_CODES)("error %s is documented", (code) => {
  expect(existsSync(join(docs, "errors", `${code.replaceAll("_", "-")}.md`))).toBe(true);
});

it("no error page outlives its error", () => {
  const pages = globSync("*.md", { cwd: join(docs, "errors") }).map((file) => file.slice(0, -3).replaceAll("-", "_"));
  const codes: readonly string[] = ERROR_CODES;
  expect(pages.filter((page) => page !== "README" && !codes.includes(page))).toEqual([]);
});

function roomOf(file: string): string {
  return file.split("/")[0] ?? file;
}

function mayImport(file: string, specifier: string): boolean {
  const room = roomOf(file);
  const rule = ROOMS[room];
  if (!rule) return true;
  if (isBuiltin(specifier)) return rule.node === true;
  if (!specifier.startsWith(".")) return rule.packages?.test(specifier) === true;

  const target = relative(src, join(src, dirname(file), specifier)).replaceAll("\\", "/");
  if (roomOf(target) !== room) return rule.rooms.includes(roomOf(target));
  // The stores share the files that lie in stores/ itself and the SQL of stores/sql/, and nothing of each other.
  const store = (path: string) =>
    path.split("/").length > 2 && !/^stores\/sql\//.test(path) ? path.split("/")[1] : undefined;
  return room !== "stores" || store(target) === undefined || store(target) === store(file);
}

function importsOf(text: string): string[] {
  const statement =
    /\b(?:import|export)\b[^"'`;]*?\bfrom\s*["']([^"']+)["']|(?<![\w"'-])import\s*\(?\s*["']([^"']+)["']/g;
  return [...withoutComments(text).matchAll(statement)].map((match) => match[1] ?? match[2] ?? "");
}

function withoutComments(text: string): string {
  return text.replace(/"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (token) =>
    token.startsWith("/") ? "" : token,
  );
}

function withoutStrings(text: string): string {
  return withoutComments(text).replace(/"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g, '""');
}
