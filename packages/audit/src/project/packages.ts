import { readFileSync } from "node:fs";
import { posix } from "node:path";

/** A package.json inside the audited folder. */
export interface LocalPackage {
  name: string;
  folder: string;
  /** Entry files, best guess first: sources are preferred to what they are built into. */
  entries: string[];
  /** `exports`: what a request below the package means, `*` included. */
  exports: { from: string; to: string[] }[];
  dependencies: Set<string>;
}

export function readPackages(configs: readonly { path: string; absolute: string }[]): LocalPackage[] {
  const packages: LocalPackage[] = [];
  for (const { path, absolute } of configs) {
    if (posix.basename(path) !== "package.json") continue;
    const json = readJson(absolute);
    if (json === null) continue;
    const folder = posix.dirname(path) === "." ? "" : posix.dirname(path);
    packages.push({
      name: typeof json.name === "string" ? json.name : "",
      folder,
      entries: [json.source, json.main, json.module, json.types].filter(
        (one): one is string => typeof one === "string",
      ),
      exports: exportsOf(json.exports),
      dependencies: new Set(
        [json.dependencies, json.devDependencies, json.peerDependencies].flatMap((one) =>
          one !== null && typeof one === "object" ? Object.keys(one) : [],
        ),
      ),
    });
  }
  return packages;
}

/** `{ "./client": { "types": "./src/client.ts" } }` -> `./client` may be `./src/client.ts`. */
function exportsOf(value: unknown): LocalPackage["exports"] {
  if (typeof value === "string") return [{ from: ".", to: [value] }];
  if (value === null || typeof value !== "object") return [];
  const entries = Object.entries(value);
  if (!entries.some(([name]) => name.startsWith("."))) return [{ from: ".", to: pathsIn(value) }];
  return entries.filter(([name]) => name.startsWith(".")).map(([name, to]) => ({ from: name, to: pathsIn(to) }));
}

/** The paths of all conditions: one of them is a source. */
function pathsIn(value: unknown, depth = 0): string[] {
  if (typeof value === "string") return [value];
  if (value === null || typeof value !== "object" || depth > 4) return [];
  return Object.values(value).flatMap((one) => pathsIn(one, depth + 1));
}

/** Data of the target. Broken JSON is no reason to stop. */
export function readJson(absolute: string): Record<string, unknown> | null {
  try {
    const json: unknown = JSON.parse(readFileSync(absolute, "utf8"));
    return json !== null && typeof json === "object" && !Array.isArray(json) ? (json as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** `@scope/name/sub/path` -> `@scope/name`. */
export function packageName(request: string): string {
  if (request.startsWith("node:")) return request;
  const parts = request.split("/");
  return request.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? request);
}
