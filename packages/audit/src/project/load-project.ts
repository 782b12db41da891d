import { hash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type FactsCache, openFactsCache } from "../cache/facts-cache.ts";
import { lowerIsolated, type RiskyFile } from "../facts/isolated.ts";
import { lowerFile } from "../facts/lower-file.ts";
import type { FileFacts } from "../facts/model.ts";
import { mayExhaustStack } from "../facts/risk.ts";
import { readDeployed } from "./deployed-functions.ts";
import { type FoundFiles, findFiles } from "./find-files.ts";
import { ModuleResolver } from "./module-resolver.ts";
import { readJson, readPackages } from "./packages.ts";
import { classifyPath, classOfName, type PathClass } from "./path-class.ts";
import type { Project } from "./project.ts";

export interface LoadOptions {
  /** Where facts are kept between runs; null keeps none. */
  cacheFolder: string | null;
  /** Classes that are audited besides production and client. */
  include?: ReadonlySet<PathClass>;
  /** If the folder was listed already. */
  found?: FoundFiles;
}

/** Reads a folder into facts. Nothing in it is executed, its configuration included. */
export function loadProject(root: string, { cacheFolder, include, found = findFiles(root) }: LoadOptions): Project {
  const cache = openFactsCache(cacheFolder, root);
  const packages = readPackages(found.configs);
  const configured =
    existsSync(join(root, "tsconfig.json")) || existsSync(join(root, "jsconfig.json")) || packages.length > 0;
  const sources = new Map(found.sources.map((one) => [one.path, one.absolute]));
  const resolver = new ModuleResolver(root, new Set(sources.keys()), packages, configured);
  const deployed = readDeployed(found.configs);
  const reader = new Reader(cache, [...found.notRead, ...deployed.notRead]);
  // Tests, examples and tools are read only where they are audited, or where audited code imports them.
  const classOf = (path: string) => (isBuilt(path, sources) ? "generated" : classOfName(path));
  const wanted = found.sources.map((one) => one.path).filter((path) => isWanted(classOf(path), include));
  const queued = new Set(wanted);
  const follow = (facts: FileFacts | null) => {
    for (const request of facts?.requests ?? []) {
      const target = facts ? resolver.resolve(facts.path, request) : null;
      if (target === null || queued.has(target)) continue;
      queued.add(target);
      wanted.push(target);
    }
  };
  while (wanted.length > 0) {
    for (let path = wanted.pop(); path !== undefined; path = wanted.pop())
      follow(reader.read(path, sources.get(path) as string));
    for (const facts of reader.readRisky()) follow(facts);
  }
  const files = new Map(
    [...reader.files.values()].sort((a, b) => (a.path < b.path ? -1 : 1)).map((file) => [file.path, file]),
  );
  cache.save([...files.values()], reader.cached);
  return {
    root,
    files,
    classes: new Map(
      [...files.values()].map((file) => [file, isBuilt(file.path, sources) ? "generated" : classifyPath(file)]),
    ),
    skipped: found.sources.length - queued.size,
    packages,
    cronPaths: readCronPaths(found.configs),
    deployed: deployed.functions,
    resolver,
    notRead: reader.notRead,
    lines: reader.lines,
    cached: reader.cached,
  };
}

/** `lib/index.js`, where there is a `src/index.ts`: what a compiler has made of it, and somebody has committed. */
function isBuilt(path: string, sources: ReadonlyMap<string, string>): boolean {
  const match = /^(.*\/|)(?:lib|dist|build|out)\/(.*)\.([cm]?)jsx?$/.exec(path);
  if (!match) return false;
  const [, folder, name, kind] = match;
  return ["ts", "tsx"].some((one) => sources.has(`${folder}src/${name}.${kind}${one}`));
}

function isWanted(name: PathClass | null, include: ReadonlySet<PathClass> | undefined): boolean {
  return name === null || (include?.has(name) ?? false);
}

/** Reads files one by one, and remembers which ones it could not. */
class Reader {
  readonly files: Map<string, FileFacts> = new Map();
  readonly notRead: Project["notRead"];
  lines = 0;
  cached = 0;
  readonly #cache: FactsCache;
  readonly #risky: RiskyFile[] = [];

  constructor(cache: FactsCache, notRead: Project["notRead"]) {
    this.#cache = cache;
    this.notRead = [...notRead];
  }

  read(path: string, absolute: string): FileFacts | null {
    try {
      const bytes = readFileSync(absolute);
      const content = hash("sha1", bytes, "base64");
      const known = this.#cache.get(path, content);
      if (known) this.cached++;
      const source = known ? "" : bytes.toString("utf8");
      if (!known && isMinified(source)) {
        this.notRead.push({ path, why: "minified" });
        return null;
      }
      if (!known && mayExhaustStack(bytes)) {
        this.#risky.push({ path, absolute, hash: content });
        return null;
      }
      return this.#keep(known ?? lowerFile(path, source, content));
    } catch (error) {
      this.notRead.push({ path, why: reasonOf(error) });
      return null;
    }
  }

  /** What was put aside, in a process that may die of it. */
  readRisky(): FileFacts[] {
    const files = this.#risky.splice(0);
    return lowerIsolated(files).flatMap((facts, index) => {
      if (facts) return [this.#keep(facts)];
      this.notRead.push({ path: files[index]?.path ?? "", why: "nested too deeply to read" });
      return [];
    });
  }

  #keep(facts: FileFacts): FileFacts {
    this.files.set(facts.path, facts);
    this.lines += facts.lines;
    if (facts.syntaxErrors > 0)
      this.notRead.push({ path: facts.path, why: `${facts.syntaxErrors} syntax error(s): read in part` });
    return facts;
  }
}

/** One line of hundreds of characters after the other was not written by a person. */
function isMinified(source: string): boolean {
  if (source.length < 20_000) return false;
  let lines = 1;
  for (let at = source.indexOf("\n"); at !== -1; at = source.indexOf("\n", at + 1)) lines++;
  return source.length / lines > 400;
}

function readCronPaths(configs: readonly { path: string; absolute: string }[]): string[] {
  return configs
    .filter((one) => one.path.endsWith("vercel.json"))
    .flatMap((one) => {
      const crons = readJson(one.absolute)?.crons;
      return Array.isArray(crons) ? crons : [];
    })
    .flatMap((cron: unknown) => {
      const path = cron !== null && typeof cron === "object" ? (cron as { path?: unknown }).path : null;
      return typeof path === "string" ? [path] : [];
    });
}

function reasonOf(error: unknown): string {
  if (error instanceof RangeError) return "nested too deeply to read";
  return error instanceof Error ? (error.message.split("\n")[0] ?? "unreadable") : String(error);
}
