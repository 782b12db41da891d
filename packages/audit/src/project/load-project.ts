import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { lowerFile } from "../facts/lower-file.ts";
import type { FileFacts } from "../facts/model.ts";
import { openFactsCache } from "./facts-cache.ts";
import { findFiles } from "./find-files.ts";
import { ModuleResolver } from "./module-resolver.ts";
import { readJson, readPackages } from "./packages.ts";
import { classifyPath } from "./path-class.ts";
import type { Project } from "./project.ts";

export interface LoadOptions {
  /** Where facts are kept between runs; null keeps none. */
  cacheFolder: string | null;
}

/** Reads a folder into facts. Nothing in it is executed, its configuration included. */
export function loadProject(root: string, { cacheFolder }: LoadOptions): Project {
  const found = findFiles(root);
  const cache = openFactsCache(cacheFolder, root);
  const files = new Map<string, FileFacts>();
  const notRead = [...found.notRead];
  let lines = 0;
  let cached = 0;
  for (const { path, absolute } of found.sources) {
    try {
      const bytes = readFileSync(absolute);
      const hash = createHash("sha1").update(bytes).digest("base64");
      const known = cache.get(path, hash);
      if (known) cached++;
      const source = known ? "" : bytes.toString("utf8");
      if (!known && isMinified(source)) {
        notRead.push({ path, why: "minified" });
        continue;
      }
      const facts = known ?? lowerFile(path, source, hash);
      files.set(path, facts);
      lines += facts.lines;
      if (facts.syntaxErrors > 0) notRead.push({ path, why: `${facts.syntaxErrors} syntax error(s): read in part` });
    } catch (error) {
      notRead.push({ path, why: reasonOf(error) });
    }
  }
  cache.save([...files.values()], cached);
  const packages = readPackages(found.configs);
  const configured = existsSync(join(root, "tsconfig.json")) || existsSync(join(root, "jsconfig.json")) || packages.length > 0;
  return {
    root,
    files,
    classes: new Map([...files.values()].map((file) => [file, classifyPath(file)])),
    packages,
    cronPaths: readCronPaths(found.configs),
    resolver: new ModuleResolver(root, new Set(files.keys()), packages, configured),
    notRead,
    lines,
    cached,
  };
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
