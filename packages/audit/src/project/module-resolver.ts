import { join, posix, relative, sep } from "node:path";
import { ResolverFactory } from "oxc-resolver";
import { isKnownPackage } from "../catalogue/known-packages.ts";
import { type LocalPackage, packageName } from "./packages.ts";

const EXTENSIONS = [".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs"];
const SOURCES_OF: Record<string, string[]> = {
  ".js": [".ts", ".tsx", ".js", ".jsx"],
  ".jsx": [".tsx", ".jsx"],
  ".mjs": [".mts", ".mjs"],
  ".cjs": [".cts", ".cjs"],
};

/** Finds the file of the project that a request means; null for everything outside it. */
export class ModuleResolver {
  readonly #root: string;
  readonly #known: ReadonlySet<string>;
  readonly #packages: Map<string, LocalPackage> = new Map();
  /** By folder, then by request. */
  readonly #seen: Map<string, Map<string, string | null>> = new Map();
  readonly #folders: Map<string, string> = new Map();
  readonly #native: ResolverFactory;
  readonly #configured: boolean;

  constructor(root: string, known: ReadonlySet<string>, packages: readonly LocalPackage[], configured: boolean) {
    this.#root = root;
    this.#known = known;
    this.#configured = configured;
    for (const one of packages) if (one.name !== "") this.#packages.set(one.name, one);
    this.#native = new ResolverFactory({
      extensions: EXTENSIONS,
      extensionAlias: SOURCES_OF,
      conditionNames: ["source", "types", "import", "require", "node", "default"],
      mainFields: ["source", "module", "main"],
      symlinks: false,
      tsconfig: "auto",
    });
  }

  resolve(from: string, request: string): string | null {
    let folder = this.#folders.get(from);
    if (folder === undefined) {
      folder = posix.dirname(from);
      this.#folders.set(from, folder);
    }
    let known = this.#seen.get(folder);
    if (!known) {
      known = new Map();
      this.#seen.set(folder, known);
    }
    const seen = known.get(request);
    if (seen !== undefined) return seen;
    const found = request.startsWith(".")
      ? this.#file(posix.join(folder, request))
      : (this.#workspace(request) ?? this.#alias(from, request) ?? this.#convention(folder, request));
    known.set(request, found);
    return found;
  }

  #file(path: string): string | null {
    if (path.startsWith("..")) return null;
    if (this.#known.has(path)) return path;
    const extension = posix.extname(path);
    for (const one of SOURCES_OF[extension] ?? []) {
      const candidate = path.slice(0, -extension.length) + one;
      if (this.#known.has(candidate)) return candidate;
    }
    for (const one of EXTENSIONS) if (this.#known.has(path + one)) return path + one;
    for (const one of EXTENSIONS) {
      const index = posix.join(path, `index${one}`);
      if (this.#known.has(index)) return index;
    }
    return null;
  }

  /** Another package of the workspace, though nothing is installed or built. */
  #workspace(request: string): string | null {
    const name = packageName(request);
    const local = this.#packages.get(name);
    if (!local || isKnownPackage(name)) return null;
    const sub = request.slice(name.length + 1);
    const at = (path: string) => this.#file(posix.join(local.folder, path));
    const source = (path: string) =>
      at(path) ?? at(path.replace(/^(?:\.\/)?(?:dist|build|lib|out)\//, "src/").replace(/\.d\.([cm]?)ts$/, ".$1ts"));
    for (const path of exported(local, sub === "" ? "." : `./${sub}`)) {
      const found = source(path);
      if (found) return found;
    }
    // What is built into `dist` comes from `src`.
    if (sub !== "")
      return at(sub) ?? at(`src/${sub}`) ?? at(sub.replace(/^(?:dist|build|lib|out)\//, "src/")) ?? at(`lib/${sub}`);
    for (const entry of local.entries) {
      const found = source(entry);
      if (found) return found;
    }
    return at("src/index") ?? at("index") ?? at("src/main") ?? null;
  }

  /** `@/x` and `~/x` mean the root of the app nearly everywhere, also where the tsconfig.json is broken or missing. */
  #convention(folder: string, request: string): string | null {
    const match = /^[@~]\/(.+)$/.exec(request);
    if (!match) return null;
    for (let at = folder; ; at = posix.dirname(at)) {
      const base = at === "." ? "" : at;
      const found = this.#file(posix.join(base, match[1] ?? "")) ?? this.#file(posix.join(base, "src", match[1] ?? ""));
      if (found || base === "") return found;
    }
  }

  /** Path aliases of tsconfig.json, and imports of package.json. */
  #alias(from: string, request: string): string | null {
    if (!this.#configured || request.startsWith("node:")) return null;
    try {
      const { path } = this.#native.resolveFileSync(join(this.#root, from), request);
      if (!path) return null;
      const inside = relative(this.#root, path).split(sep).join("/");
      return this.#known.has(inside) ? inside : null;
    } catch {
      return null;
    }
  }
}

/** What the `exports` of a package say about a request, the exact name before a pattern. */
function exported(local: LocalPackage, request: string): string[] {
  const exact = local.exports.find((one) => one.from === request);
  if (exact) return exact.to;
  for (const { from, to } of local.exports) {
    const [head, tail] = from.split("*");
    if (head === undefined || tail === undefined || !request.startsWith(head) || !request.endsWith(tail)) continue;
    const middle = request.slice(head.length, request.length - tail.length);
    return to.map((one) => one.replaceAll("*", middle));
  }
  return [];
}
