import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** `// expect: DUP001` above a line: `file.ts:12 DUP001`. */
export function expectations(root: string, folder = ""): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) found.push(...expectations(root, path));
    else if (/\.[jt]sx?$/.test(entry.name)) found.push(...inFile(path, readFileSync(join(root, path), "utf8")));
  }
  return found.sort();
}

function inFile(path: string, source: string): string[] {
  return source.split("\n").flatMap((line, index) => {
    const rules = /^\s*\/\/ expect: (.*)$/.exec(line)?.[1];
    return rules ? rules.split(", ").map((rule) => `${path}:${index + 2} ${rule}`) : [];
  });
}
